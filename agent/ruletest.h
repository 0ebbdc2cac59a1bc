/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule tests: files *.tests.yaml become tests that can be run any number of times. All memory of a
 * file is in its arena. Order of work: ruletest_file.c reads the YAML, ruletest_world.c collects
 * processes, containers and users, ruletest_fd.c files and sockets, ruletest_event.c makes events
 * in wire form (ruletest_param.c: one parameter), ruletest_run.c feeds a test to an engine.
 */
#ifndef TIERCEL_RULETEST_H
#define TIERCEL_RULETEST_H

#include "agent/bundle_load.h"
#include "agent/io.h"
#include "engine/claim.h"
#include "engine/yaml.h"

/* A field with the value that the test gives or expects. */
struct ruletest_claim {
	struct claim *claim;
	struct str field;
	uint32_t offset;		/* in the file, for messages */
};

struct ruletest_claims {
	struct ruletest_claim *v;
	uint32_t n, cap;
};

/* An event to feed, or one that only builds state (state_only: no claims). */
struct ruletest_step {
	struct event ev;
	struct event_kernel kernel;
	struct ruletest_claims claims;
	uint32_t offset;
	uint64_t number;		/* of the event in the file, from 1; 0: builds state only */
};

struct ruletest_expect {
	struct str rule;
	uint32_t min, max;		/* alerts; both 0: none */
	bool any_priority;
	enum rule_priority priority;
	struct str output;		/* part of the text of the alert; p == NULL: any */
	struct ruletest_claims fields;
	uint32_t offset;
};

struct ruletest {
	struct ruletest_file *file;
	struct str name;
	struct pos pos;
	struct bundle_options bundle;	/* path NULL: none; texts in the file's arena */
	struct io_names rules;		/* files to load, in order */
	const char *trace;		/* path, or NULL: events */
	bool match_all, allow_other;
	bool broken;			/* problems were reported: do not run */
	struct snapshot_item *items;	/* of the world before the first event */
	uint32_t nitems, cap_items;
	struct ruletest_step *steps;
	uint32_t nsteps, cap_steps;
	struct ruletest_expect *expects;
	uint32_t nexpects, cap_expects;
};

struct ruletest_file {
	struct arena arena;
	const char *path;
	struct source *source;
	struct diags diags;
	struct limits limits;
	struct ruletest *tests;
	uint32_t ntests, cap_tests;
};

/* ---- rules (ruletest_rules.c) -------------------------------------------------------------- */

/* The rules of a test from its keys `rules` and `node`, either may be NULL. `at`: for messages. */
void ruletest_rules_read(struct ruletest *t, const struct yaml_node *at,
			 const struct yaml_node *rules, const struct yaml_node *node);
bool ruletest_rules_same(const struct ruletest *a, const struct ruletest *b);

/* ---- reading (ruletest_file.c) ------------------------------------------------------------- */

/*
 * Read a file with everything in it. Problems are in (*ret)->diags, tests with problems are marked
 * broken. 0 or -ENOMEM.
 */
int ruletest_file_load(const char *path, struct ruletest_file **ret);
void ruletest_file_free(struct ruletest_file *f);

/* A problem at a byte of the file. */
struct diag *ruletest_report(struct ruletest_file *f, uint32_t offset, uint32_t span,
			     const char *fmt, ...) _printf_(4, 5);
/* The same at a node, and with "did you mean ..." from a list of names. */
struct diag *ruletest_report_node(struct ruletest_file *f, const struct yaml_node *n,
				  const char *fmt, ...) _printf_(3, 4);
void ruletest_hint_near(struct ruletest_file *f, struct diag *g, struct str name,
			const char *const *names, size_t n);
void ruletest_oom(struct ruletest_file *f);
/* A path as the file writes it, relative to the file's directory; "": that directory. */
const char *ruletest_beside(struct ruletest_file *f, struct str path);
/* Text of a scalar; false and a report when it is something else. */
bool ruletest_text(struct ruletest_file *f, const struct yaml_node *n, const char *what,
		   struct str *ret);
bool ruletest_number(struct ruletest_file *f, const struct yaml_node *n, const char *what,
		     int64_t min, int64_t max, int64_t *ret);
bool ruletest_bool(struct ruletest_file *f, const struct yaml_node *n, const char *what, bool *ret);
/* The key is no field, or one with a wrong argument: `msg` of the look-up. */
void ruletest_no_field(struct ruletest_file *f, const struct yaml_node *key, const char *msg);
/* Add `field: value` of the file as a claim; false when it is none (reported). */
bool ruletest_claim_add(struct ruletest_file *f, struct ruletest_claims *claims,
			const struct yaml_node *key, struct str value);

/* What the kernel said beside the event, or NULL. */
static inline const struct event_kernel *ruletest_kernel(const struct ruletest_step *s)
{
	return s->kernel.have || s->kernel.lost_before ? &s->kernel : NULL;
}

/* ---- writing (ruletest_write.c) ------------------------------------------------------------ */

/* A test with events as a trace in the directory; its path is appended to `path`. 0 or -errno. */
int ruletest_write(const struct ruletest *t, const char *dir, struct buf *path);

/* ---- running (ruletest_run.c) -------------------------------------------------------------- */

struct ruletest_result {
	const struct ruletest *test;
	bool passed;
	double seconds;
	uint64_t alerts;
	struct buf problems;		/* lines */
};

struct ruletest_runner;

struct ruletest_cover;

/* One runner per thread; `cover` (may be NULL) gets its counts. NULL: out of memory. */
struct ruletest_runner *ruletest_runner_new(bool match_all, struct ruletest_cover *cover);
void ruletest_runner_free(struct ruletest_runner *r);
/* *ret is filled in any case; the caller frees its buffer. */
void ruletest_run(struct ruletest_runner *r, const struct ruletest *t, struct ruletest_result *ret);

#endif
