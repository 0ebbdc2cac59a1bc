/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a live run, made from the configuration and the command line: at the start, and
 * again at every reload, then in another thread than the engine's. One object owns everything that
 * the compiled rules refer to, and lives until they are replaced.
 */
#ifndef TIERCEL_LIVE_RULES_H
#define TIERCEL_LIVE_RULES_H

#include "agent/engines.h"
#include "agent/rule_options.h"

/* An option of the command line about rules, in order. */
struct rule_choice {
	int opt;		/* enum rule_option_id */
	const char *arg;
};

/* Where rules come from. Borrowed for the whole run. */
struct live_rules_spec {
	const struct command *cmd;
	struct config_opts config;
	const struct identity *identity;	/* found at the start */
	const struct rule_choice *choices;
	uint32_t nchoices;
	bool keep_last_good;	/* remember good rules, fall back to them at the start */
};

struct live_rules {
	struct config *config;		/* NULL: the caller's */
	struct rule_options options;
	struct io_names paths;		/* files and directories as they were named */
	struct rules_bundle bundle;	/* empty once it was saved */
	char digest[DIGEST_TEXT];	/* of the rules files */
	struct digest_files files;	/* of each of them */
	struct arena arena;		/* of this list */
	char config_digest[DIGEST_TEXT];	/* of the options in force */
	char artifact[DIGEST_TEXT];	/* of the bundle in its registry; "": not from one */
	uint32_t nwaiting;		/* options that were changed but wait for a restart */
	char *waiting;			/* their names; NULL: none */
	char *unasked;			/* why the registry was not asked: it is the stored one */
	struct engines_plan *plan;	/* NULL once it is active */
	uint64_t read_ns;		/* wall clock, before the first file was read */
	uint32_t nrules, nactive;
	bool last_good;			/* not what was asked for: that did not load */
};

/*
 * Read and compile. config: the one in force, NULL: read it again. 0, -ENOMEM, -EINVAL with the
 * problems as text in `ret_problems` (warnings are there in all cases).
 */
int live_rules_load(const struct live_rules_spec *spec, const struct config *config,
		    const struct engines *engines, struct buf *ret_problems,
		    struct live_rules **ret);
/* Remember them in the state directory, best effort: what goes wrong is printed. */
void live_rules_save(struct live_rules *r, const struct live_rules_spec *spec,
		     const char *state_dir);
/* Any thread. */
void live_rules_free(struct live_rules *r);

#endif
