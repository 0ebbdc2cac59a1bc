/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule sets: files -> lists, macros, rules, exceptions -> checked conditions. One arena owns all of
 * it; a rule set never changes after ruleset_finish(). Called by the agent at start and at hot
 * swap; read by the matcher, outputs and the describing commands.
 */
#ifndef TIERCEL_RULESET_H
#define TIERCEL_RULESET_H

#include "engine/base/map.h"
#include "engine/rule/filter.h"

enum rule_priority {
	PRIO_EMERGENCY, PRIO_ALERT, PRIO_CRITICAL, PRIO_ERROR, PRIO_WARNING, PRIO_NOTICE,
	PRIO_INFORMATIONAL, PRIO_DEBUG
};
extern const char *const priority_names[8];	/* "Emergency" ... "Informational", "Debug" */
/* Names and aliases, any case. 0 or -EINVAL. */
int priority_parse(struct str s, enum rule_priority *ret);

/* A text and where it starts in its file. */
struct located {
	struct str s;
	const char *file;
	struct pos pos;
};

/*
 * One exception of a rule. Values that an exception file adds are an exception of their own (with
 * the name of the extended one, perhaps), so that owner, expiry and hits are known per entry.
 */
struct rule_exception {
	struct located name;
	uint32_t index;			/* in ruleset.exceptions, dense: for counters of hits */
	bool expired;			/* is in no condition */
	int64_t expires;		/* first second (Unix time) at which it is over; 0: never */
	struct str owner, reason, ticket;	/* of an exception file, else p == NULL */
	const struct ast *ast;		/* what it excepts; NULL: no values, expired, rule broken */
	bool tuple;			/* fields were given as a sequence */
	bool has_values;		/* the key was there, perhaps empty */
	struct str *fields, *comps;
	uint32_t nfields;
	struct exception_row *rows;	/* tuple: nfields elements; single: one element each */
	uint32_t nrows;
};

struct exception_value {
	struct str *items;	/* one, or the elements of a sequence */
	uint32_t n;
	bool is_list;
};

struct exception_row {
	struct exception_value *values;
	struct pos pos;
	const char *file;
};

struct ruleset_list {
	struct located name;
	struct str *items;
	uint32_t nitems;
	struct str *compiled;	/* after one level of list expansion */
	uint32_t ncompiled;
	struct str *lists;	/* named by its items */
	uint32_t nlists;
	bool used;
};

struct ruleset_macro {
	struct located name;
	struct located condition;
	struct ast *ast;	/* resolved; NULL when it has an error */
	uint32_t order;		/* place of its current definition */
	bool used;
};

struct rule {
	uint32_t index;			/* position in definition order */
	struct located name, condition, output;
	struct str desc, source;
	uint8_t priority;		/* enum rule_priority */
	bool enabled;			/* as written in the files */
	bool active;			/* after priority threshold and selection: is evaluated */
	bool skipped; /* unknown source or unknown filter: known, never compiled */
	bool warn_evttypes, skip_if_unknown_filter;
	bool capture;
	uint32_t capture_duration_ms;
	struct str *tags;		/* sorted, distinct */
	uint32_t ntags;
	struct rule_exception *exceptions;
	uint32_t nexceptions;
	struct str condition_full;	/* with exceptions and lists expanded, as text */
	struct ast *ast;		/* resolved and checked */
	struct evtset events;
	struct str output_full;		/* with suggested and appended output */
	struct located_extra_field *extra_fields;
	uint32_t nextra_fields;
};

/* append_output.extra_fields of the configuration: plain field (format empty) or formatted text. */
struct located_extra_field {
	struct str name;
	struct str format;
};

struct output_append {
	struct str source, tag_list, rule;	/* empty = any; tags separated by commas */
	struct str extra_output;
	bool suggested;
	const struct located_extra_field *extra_fields;
	uint32_t nextra_fields;
};

struct rule_selection {
	bool enable;
	struct str rule_pattern;	/* p == NULL: not given */
	struct str tag;
};

/* A plugin that counts as loaded ("container" always does). */
struct plugin_version {
	struct str name, version;
};

/*
 * Judge an output template: 0, -EINVAL with message and place, -ENOMEM. Outputs are compiled
 * outside of this module (format_compile), so the caller brings the judge.
 */
typedef int (*ruleset_output_fn)(void *ctx, struct str text, const struct field_scope *scope,
				 const char **ret_msg, struct pos *ret_pos);

struct ruleset_opts {
	enum rule_priority min_priority;	/* PRIO_DEBUG = all */
	const struct rule_selection *selections;
	uint32_t nselections;
	const struct output_append *appends;
	uint32_t nappends;
	const struct static_fields *statics;	/* copied by ruleset_new */
	bool match_all;			/* rule_matching: all (only lints depend on it) */
	bool lint;			/* LINT_* findings too */
	bool schema;			/* judge files by the JSON schema too */
	ruleset_output_fn check_output;	/* NULL: outputs are not checked */
	void *output_ctx;
	const struct plugin_version *plugins;
	uint32_t nplugins;
	bool require_plugins;		/* a missing plugin is an error, else a finding */
	int64_t now; /* Unix time in seconds, for `expires`; 0: nothing expires */
};

/* One entry of required_plugin_versions: the plugin or one of its alternatives. */
struct plugin_requirement {
	struct plugin_version *any;
	uint32_t nany;
};

/* What the JSON schema of rules files says about one file. Never an error. */
struct file_verdict {
	const char *file;
	enum { SCHEMA_NONE, SCHEMA_OK, SCHEMA_FAILED } schema;	/* NONE: nothing to judge */
	struct str *warnings;
	uint32_t nwarnings;
	struct file_verdict *next;
};

struct ruleset {
	struct arena arena;
	struct file_verdict *files, *last_file;	/* in the order of loading */
	struct rule **rules;		/* in definition order */
	uint32_t nrules;
	struct ruleset_list **lists;
	uint32_t nlists;
	struct ruleset_macro **macros;
	uint32_t nmacros;
	struct rule_exception **exceptions;	/* of all rules */
	uint32_t nexceptions;
	struct str required_engine_version;	/* "" if none */
	struct plugin_requirement *requirements;
	uint32_t nrequirements;
	uint32_t nactive;
	struct strmap by_name;			/* of rules */
	struct static_fields statics;		/* those of the options and those defined since */
	bool ok;			/* no error so far */
	struct loader *loader;		/* the collected files, gone after finish */
	struct ruleset_opts opts;
};

struct ruleset *ruleset_new(const struct ruleset_opts *opts, struct limits *limits,
			    struct diags *diags);
void ruleset_free(struct ruleset *rs);
/* Define static.NAME for this set, in place of an earlier definition. Before the first file. */
int ruleset_define_static(struct ruleset *rs, struct str name, struct str value);
/*
 * Collect one file's text. Problems go to diags. 0, or -EINVAL when the file had errors. Files
 * named *.exceptions.yaml (or .yml) hold exceptions for rules of other files; they are applied by
 * ruleset_finish, so their place in the order does not matter. The text must stay until then.
 */
int ruleset_add(struct ruleset *rs, const char *file_name, struct str text);
/* The same for a file whose text cannot be had; names that it may define are not missed then. */
void ruleset_add_unreadable(struct ruleset *rs, const char *file_name, const char *reason);
/* Expand, resolve and check everything; select active rules. 0 or -EINVAL. */
int ruleset_finish(struct ruleset *rs);

/* A file as it was read. */
struct ruleset_text {
	const char *name;
	struct str text;
};

/*
 * The first 1, 2 ... n files, each time as a set of their own, the way the incumbent loads them:
 * what is wrong then and not in `diags` yet (which has the problems of all files together) is
 * added. Number of errors added, or -ENOMEM.
 */
int ruleset_judge_stages(const struct ruleset_opts *opts, const struct ruleset_text *files,
			 uint32_t n, bool warnings, struct limits *limits, struct diags *diags);
struct rule *ruleset_find(const struct ruleset *rs, struct str name);

/* JSON of `tiercel rules --json` (shape of falco -L with JSON output). */
void ruleset_describe(const struct ruleset *rs, struct buf *out);
/* Two text columns, as falco -L. */
void ruleset_describe_text(const struct ruleset *rs, struct buf *out);
/* JSON of `tiercel check --json`, one result for each file that was added. */
void ruleset_check_json(const struct ruleset *rs, const struct diags *d, struct buf *out);

#endif
