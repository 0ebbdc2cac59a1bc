/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule bundles in registries: a name (oci://HOST/REPOSITORY:TAG, or oci://NAME with an index) to
 * the artifact, and the artifact to files. Each call has a connection of its own; any thread.
 */
#ifndef TIERCEL_BUNDLE_REMOTE_H
#define TIERCEL_BUNDLE_REMOTE_H

#include "agent/bundle_files.h"
#include "agent/oci.h"

/* Texts are borrowed; NULL: none. */
struct bundle_remote_opts {
	const char *index;		/* index.yaml, a file or an address */
	const char *public_key;		/* PEM: the artifact must be signed */
	const char *ca_file;
	bool plain_http;
	uint32_t timeout_ms;		/* of one request; 0: the default */
	bool (*cancelled)(void *ctx);
	void *ctx;
};

/* Are there programs (credential helpers) that a request to a registry may start? */
bool bundle_remote_has_helpers(void);
/* All: 0, or -errno with what is wrong in `error`. */
int bundle_remote_resolve(const struct bundle_remote_opts *opts, const char *name,
			  char ret_digest[DIGEST_TEXT], struct buf *error);
/* digest: this one, whatever the tag says now; NULL: what the name says. */
int bundle_remote_pull(const struct bundle_remote_opts *opts, const char *name, const char *digest,
		       struct oci_artifact *ret, struct buf *error);
/* Under the tag of the name and the tags in `more`. */
int bundle_remote_push(const struct bundle_remote_opts *opts, const char *name,
		       const char *const *more, uint32_t nmore, struct oci_artifact *a,
		       struct buf *error);

/* The files of the layer as they are. */
int bundle_remote_files(const char *name, const struct oci_artifact *a, struct limits *limits,
			struct bundle_files *ret, struct buf *error);
/*
 * The same as a bundle: an artifact without bundle.yaml, as the incumbent's tool makes them, gets
 * one with a layer per file.
 */
int bundle_remote_bundle(const char *name, const struct oci_artifact *a, struct limits *limits,
			 struct bundle_files *ret, struct buf *error);

#endif
