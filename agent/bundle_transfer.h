/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tiercel bundle push` and `pull`: rule bundles to and from registries. Print what they do; return
 * exit codes.
 */
#ifndef TIERCEL_BUNDLE_TRANSFER_H
#define TIERCEL_BUNDLE_TRANSFER_H

#include "agent/bundle_load.h"

struct bundle_push {
	const struct bundle_remote_opts *remote;
	const char *target;		/* oci://HOST/REPOSITORY:TAG */
	const struct bundle_files *files;
	struct str name, version, required_engine;	/* the last one "": none */
	bool floating_tags;
};
int bundle_transfer_push(const struct bundle_push *p);

struct bundle_pull {
	const struct bundle_remote_opts *remote;
	const char *source;
	const char *output;		/* a new folder, or an archive: FILE.tar.gz */
	bool digest_only;
};
int bundle_transfer_pull(const struct bundle_pull *p, struct limits *limits);

#endif
