/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule bundle for this node: --bundle and --node of the commands that load rules, and the way from
 * the bundle's files into a rule set.
 */
#ifndef TIERCEL_BUNDLE_LOAD_H
#define TIERCEL_BUNDLE_LOAD_H

#include "agent/bundle_files.h"
#include "agent/cmd.h"

#define BUNDLE_OPTION { 0, "bundle", "DIR|FILE", "rules of a bundle: a folder with bundle.yaml, or " \
						 "a .tar.gz of one" }
#define BUNDLE_NODE_OPTION { 0, "node", "KEY=VALUE", "identity of the node, which selects layers: " \
						     "project, cluster, location, environment, "    \
						     "node, label.NAME; repeatable" }

/* Texts are borrowed from the command line or the configuration. */
struct bundle_options {
	const char *path;		/* NULL: no bundle */
	struct node_fact *facts;
	uint32_t nfacts;
};

void bundle_options_done(struct bundle_options *o);
/* The value of a key; a later one wins. 0 or -ENOMEM. */
int bundle_options_fact(struct bundle_options *o, struct str key, struct str value);
/* The argument of --node. EXIT_OK or an exit code. */
int bundle_options_node(struct bundle_options *o, const struct command *cmd, const char *arg);

/* A bundle on its way into rules. */
struct bundle_content {
	const struct bundle_options *options;
	const char *path;		/* of the options */
	struct bundle_files files;
	struct buf error;		/* why it cannot be read */
	char digest[DIGEST_TEXT];
};

/* What bundle.yaml says, in the arena of the rule set that read it. */
struct bundle_view {
	struct bundle *bundle;
	struct bundle_step *steps;
	uint32_t nsteps;
};

/* Read the files; what goes wrong is kept in `error`. `options` is borrowed. 0 or -ENOMEM. */
int bundle_content_read(const struct bundle_options *options, struct limits *limits,
			struct bundle_content *ret);
void bundle_content_done(struct bundle_content *c);
/* The archive, or all folders with files of the bundle: what has to be watched. 0 or -ENOMEM. */
int bundle_content_folders(const struct bundle_content *c, struct io_names *names);

/* Read bundle.yaml, select layers, plan the order. 0, -EINVAL (reported), -ENOMEM. */
int bundle_open(const struct bundle_content *c, struct ruleset *rs, struct bundle_view *ret);
/*
 * Add the files of the selected layers to `rs`, and name, version and digest of the bundle as the
 * fields static.bundle_name, static.bundle_version, static.bundle_digest. The same results.
 */
int bundle_add(const struct bundle_content *c, const struct bundle_view *view, struct ruleset *rs);
/* Both. */
int bundle_load(const struct bundle_content *c, struct ruleset *rs);

#endif
