/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule files named on the command line -> finished rule set, problems printed on stderr.
 */
#ifndef TIERCEL_RULES_LOAD_H
#define TIERCEL_RULES_LOAD_H

#include "agent/rules_bundle.h"

/*
 * Load the bundle (its path may be NULL), then all files into one set. Problems are collected in
 * `diags`. *ret_rs is always a set (its ok member tells whether it can be used) unless memory ran
 * out: then -ENOMEM. Files that cannot be read give LOAD_ERR_FILE_READ.
 */
int rules_load(const struct io_names *files, const struct bundle_options *bundle,
	       const struct ruleset_opts *opts, struct limits *limits, struct diags *diags,
	       struct ruleset **ret_rs);

/* The same for files that were read already. */
int rules_load_bundle(const struct rules_bundle *b, const struct ruleset_opts *opts,
		      struct limits *limits, struct diags *diags, struct ruleset **ret_rs);

/* All diagnostics as text on stderr; warnings only when asked for. */
void rules_print_diags(const struct diags *diags, bool warnings);
void rules_render_diags(const struct diags *diags, bool warnings, struct buf *out);

/*
 * The operands of a command line: directories stand for their files; a name that cannot be looked
 * at stays in the list, loading it reports why. 0 or -ENOMEM.
 */
struct cli;
int rules_add_operands(struct io_names *files, const struct cli *cli);

/* The rules file or directory `path` (must exist) added to `files`; prints what is wrong. */
int rules_add_path(struct io_names *files, const char *path);

#endif
