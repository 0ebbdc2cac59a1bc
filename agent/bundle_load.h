/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule bundle for this node: --bundle and --node of the commands that load rules, and the way
 * from the bundle's files into a rule set.
 */
#ifndef TIERCEL_BUNDLE_LOAD_H
#define TIERCEL_BUNDLE_LOAD_H

#include "agent/bundle_remote.h"
#include "agent/cmd.h"

/* Options of every command that takes a bundle, rows of its table from `base` on. */
enum bundle_option_id {
	BUNDLE_OPTION_PATH, BUNDLE_OPTION_NODE, BUNDLE_OPTION_INDEX, BUNDLE_OPTION_KEY,
	BUNDLE_OPTION_CA_FILE, BUNDLE_OPTION_PLAIN_HTTP,
	BUNDLE_OPTION_COUNT
};

#define BUNDLE_NODE_OPTION                                                                        \
	{ 0, "node", "KEY=VALUE", "identity of the node, which selects layers: project, cluster, " \
				  "location, environment, node, label.NAME; repeatable" }
#define BUNDLE_INDEX_HELP "index.yaml, file or address, in which oci://NAME is looked up"
#define BUNDLE_KEY_HELP "public key (PEM) that the artifact must be signed with, as cosign does it"
#define BUNDLE_CA_HELP "certificates (PEM) that the registry is trusted by"
#define BUNDLE_PLAIN_HELP "registry without TLS; needless for one on this machine"

#define BUNDLE_OPTIONS(base)                                                                      \
	[(base) + BUNDLE_OPTION_PATH] = { 0, "bundle", "DIR|FILE|URL",                            \
					  "rules of a bundle: a folder with bundle.yaml, a "      \
					  ".tar.gz of one, or oci://HOST/REPOSITORY:TAG" },       \
	[(base) + BUNDLE_OPTION_NODE] = BUNDLE_NODE_OPTION,                                       \
	[(base) + BUNDLE_OPTION_INDEX] = { 0, "bundle-index", "FILE|URL", BUNDLE_INDEX_HELP },    \
	[(base) + BUNDLE_OPTION_KEY] = { 0, "bundle-key", "FILE", BUNDLE_KEY_HELP },              \
	[(base) + BUNDLE_OPTION_CA_FILE] = { 0, "bundle-ca-file", "FILE", BUNDLE_CA_HELP },       \
	[(base) + BUNDLE_OPTION_PLAIN_HTTP] = { 0, "bundle-plain-http", NULL, BUNDLE_PLAIN_HELP }

/* Texts are borrowed from the command line or the configuration. */
struct bundle_options {
	const char *path;		/* folder, archive or oci://...; NULL: no bundle */
	struct bundle_remote_opts remote;
	const char *store;		/* state directory that keeps what was pulled; NULL: none */
	bool stored_first;		/* somebody else follows the registry: do not ask it */
	struct node_fact *facts;
	uint32_t nfacts;
};

void bundle_options_done(struct bundle_options *o);
/* The value of a key; a later one wins. 0 or -ENOMEM. */
int bundle_options_fact(struct bundle_options *o, struct str key, struct str value);
/* Take one option. EXIT_OK or an exit code. */
int bundle_options_take(struct bundle_options *o, const struct command *cmd,
			enum bundle_option_id opt, const char *arg);

/* A bundle on its way into rules. */
struct bundle_content {
	const struct bundle_options *options;
	const char *path;		/* of the options */
	struct bundle_files files;
	struct buf error;		/* why it cannot be read, or why it is the stored one */
	char digest[DIGEST_TEXT];	/* of the files */
	char artifact[DIGEST_TEXT];	/* of the manifest in the registry; "": not from one */
	bool stored;			/* the registry could not be asked */
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
