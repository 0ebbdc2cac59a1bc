/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules files as they were read, in order: what a rule set is made from, what its digest is over,
 * and what is kept as the last good set. Used by rules_load.c and live_rules.c.
 */
#ifndef TIERCEL_RULES_BUNDLE_H
#define TIERCEL_RULES_BUNDLE_H

#include "agent/bundle_load.h"

struct rules_file {
	char *name;
	struct buf text;
	int err;		/* -errno: it cannot be read */
};

struct rules_bundle {
	struct bundle_content layers;	/* path NULL: no rule bundle */
	struct rules_file *v;		/* plain files, loaded after it */
	uint32_t n;
};

void rules_bundle_done(struct rules_bundle *b);
/*
 * Read the rule bundle, if there is one, and all files; what cannot be read is there with its
 * error. `options` is borrowed. 0 or -ENOMEM.
 */
int rules_bundle_read(const struct io_names *files, const struct bundle_options *options,
		      struct limits *limits, struct rules_bundle *b);
/* Of the texts in their order, not of the names. 0 or -ENOMEM. */
int rules_bundle_digest(const struct rules_bundle *b, char ret_text[DIGEST_TEXT]);
/* Of each: files of the bundle by their path in it, others by their name. 0 or -ENOMEM. */
int rules_bundle_digests(const struct rules_bundle *b, struct arena *a, struct digest_files *ret);

/*
 * Keep the files as the last good rules in a state directory (made when missing): all or nothing,
 * the previous ones are replaced. 0 or -errno.
 */
int rules_bundle_save(const struct rules_bundle *b, const char *state_dir);
/* The names of the files that were kept, in their order, and of the rule bundle (empty: none). 0 or
 * -errno; -ENOENT: nothing was kept. */
int rules_bundle_saved(const char *state_dir, struct io_names *files, struct buf *ret_archive);

#endif
