/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the rule loader: what is known about a rule set between the first file and
 * ruleset_finish(). Files of engine/rule/ only. Two lifetimes: the rule set's arena (rs->arena)
 * for what stays, the loader's arena for files, trees and everything here.
 */
#ifndef TIERCEL_RULE_LOADER_H
#define TIERCEL_RULE_LOADER_H

#include "engine/rule/ruleset.h"
#include "engine/rule/source.h"

struct bundle_layer;
struct item_key;

/* A problem of a condition, position within its expanded text. */
struct finding {
	enum diag_code code;
	const char *message, *hint;
	struct str unknown_macro;	/* for a hint, or p == NULL */
	struct pos pos;
	uint32_t span;
	bool unknown_filter;		/* an unknown field or event type */
	const char *deprecated;		/* the field that is, or NULL */
	struct finding *next;
};

/* A condition on its way from text to tree: of a macro or of a rule. */
struct cond {
	struct text text;
	struct load_rule *rule;		/* whose exceptions are added, or NULL */
	struct place place;		/* of its item */
	const char *type;		/* "macro condition", "rule condition" */
	struct str full;		/* exceptions and lists expanded */
	struct origin *origin;		/* of `full`, built for the first report */
	struct ast *raw;		/* identifiers not yet replaced */
	struct load_macro **macros;	/* distinct, in order of appearance */
	const struct ast **uses;	/* where macros[i] appears first */
	struct ast **checks;		/* of its own tree */
	uint32_t nmacros, cap_macros, cap_uses, nchecks, cap_checks;
	bool checked, coarse;		/* coarse: origin is that of the text before lists */
	struct finding *findings, **findings_end;	/* of checking */
	uint32_t errors;		/* among them */
};

/* finding NULL: none. */
struct first_error {
	const struct finding *finding;
	struct cond *cond;		/* that it is in */
};

struct load_list {
	struct ruleset_list *pub;
	const struct bundle_layer *layer;	/* that defined it, or NULL */
	struct place place;
	uint32_t index;			/* among the lists */
	uint32_t first, visibility;	/* order of the first and of the current definition */
	bool broken, odd_name, in_condition;
	uint32_t round;			/* of the last pass that met it */
	struct str full;		/* what its name stands for, p == NULL: not yet known */
	struct load_list **refs;	/* lists found on the way to `full` */
	uint32_t nrefs, cap_refs;
};

struct load_macro {
	struct ruleset_macro *pub;
	const struct bundle_layer *layer;	/* that defined it, or NULL */
	struct cond cond;
	uint32_t first, visibility;	/* order of the first and of the current definition */
	uint32_t round;			/* of the last walk that met it */
	uint32_t depth;			/* levels of macros below it */
	enum { MACRO_NEW, MACRO_OPEN, MACRO_DONE } state;
	struct first_error first_error;	/* of checking, macros in it included */
	bool broken;			/* an error was reported: its users stay silent */
	bool reported;			/* errors of checking, at the first rule that met them */
};

struct row_place {
	const struct source *src;
	uint32_t offset;
};

struct load_exception {
	struct rule_exception pub;
	const struct bundle_layer *layer;	/* that brings it, or NULL */
	struct place place;
	uint32_t item;			/* last one that named it */
	struct row_place *places;	/* per row */
	uint32_t cap_rows, cap_places;
};

struct load_rule {
	struct rule *pub;
	const struct bundle_layer *layer;	/* that defined it, or NULL */
	struct cond cond;
	struct text output, desc;
	struct load_exception **exceptions;
	uint32_t nexceptions, cap_exceptions;
	uint32_t definition;		/* number of these exceptions' definition */
	bool unknown_source;
	bool broken;
	bool output_raw;		/* replaced by an override: not trimmed */
};

/* An exception file: it is applied when all rules are known. */
struct exception_file {
	const struct source *src;
	const struct yaml_node *docs;
	const struct bundle_layer *layer;
	struct exception_file *next;
};

/* A plugin requirement and where it was asked for. */
struct load_requirement {
	struct plugin_requirement pub;
	struct place place;
};

struct loader {
	struct ruleset *rs;
	struct arena arena;
	struct limits *limits;
	struct diags *diags;
	const struct bundle_layer *layer;	/* of the file that is collected, or NULL */
	struct exception_file *exception_files, **exception_files_end;
	struct strmap lists_by_name, macros_by_name, rules_by_name;
	uint64_t list_lens[256];	/* lengths of the names of lists, by their first byte */
	struct strmap exceptions;	/* by definition and name */
	uint32_t definitions;
	uint32_t items;			/* with exceptions */
	struct strmap fields;		/* operands of fields by text, of conditions and outputs */
	struct evtset_names event_names;
	struct load_list **lists;
	struct load_macro **macros;
	struct load_rule **rules;
	struct load_requirement *requirements;
	uint32_t nlists, nmacros, nrules, nrequirements;
	uint32_t cap_lists, cap_macros, cap_rules, cap_requirements;
	struct load_list **odd;		/* lists with delimiters in their names */
	uint32_t nodd, cap_odd;
	uint32_t clock;			/* of visibility */
	uint32_t round;			/* of passes over lists and trees */
	uint32_t errors;
	uint64_t compiled_items;	/* of all lists, lists in them expanded */
	uint64_t expanded;		/* bytes of texts after expansion, all together */
	struct buf text, full;		/* scratch of condition texts */
	struct str good_appended;	/* to an output, last found good */
	struct str suggested;		/* text of the suggested fields; p == NULL: not yet made */
	uint32_t hints;			/* given so far */
	bool incomplete;		/* a file is missing: unknown names prove nothing */
	bool oom;
};

/* One item of a file. */
struct item {
	const struct yaml_node *map;
	struct place place;
	struct str name;
};

/* ---- report.c ------------------------------------------------------------------------------ */
/* Never NULL. The record's place is the innermost one. */
struct diag *report(struct loader *l, enum diag_code code, const struct place *at,
		    const char *fmt, ...) _printf_(4, 5);
/* The record's place is `n` of the same file, its locations stay. */
void report_move(struct loader *l, struct diag *g, const struct place *at,
		 const struct yaml_node *n);
/* "defined here": a second place. */
void report_other(struct loader *l, struct diag *g, const struct place *other);
bool report_nearest(struct loader *l, struct diag *g, const struct strmap *known, struct str name);
#define oom(l) ((l)->oom = true, false)

/* ---- decode.c: typed values; false = reported (or out of memory) --------------------------- */
struct place place_of(const struct place *outer, const char *type, struct str name,
		      const struct yaml_node *n);
/* The scalar under `key`, not null, not empty. */
bool decode_text(struct loader *l, const struct place *in, const struct yaml_node *map,
		 const char *key, struct str *ret);
/* The scalar itself. `at` is its place. */
bool decode_scalar(struct loader *l, const struct place *at, const char *key,
		   const struct yaml_node *n, struct str *ret);
bool decode_bool(struct loader *l, const struct place *at, const char *key,
		 const struct yaml_node *n, bool *ret);
/* A whole number as YAML writes it: decimal, hex or octal. */
bool text_to_u32(struct str s, uint32_t *ret);
bool decode_u32(struct loader *l, const struct place *at, const char *key,
		const struct yaml_node *n, uint32_t *ret);
/* Sequence of scalars, added to *arr. */
bool decode_texts(struct loader *l, const struct place *at, const struct yaml_node *n,
		  struct str **arr, uint32_t *count);
bool text_add(struct loader *l, struct text *t, struct str s, const struct place *at,
	      const struct yaml_node *n);
bool strs_add(struct loader *l, struct str **arr, uint32_t *n, struct str s);
bool strs_have(const struct str *arr, uint32_t n, struct str s);

/* ---- ruleset.c ----------------------------------------------------------------------------- */
/* One text -> documents. 0, -EINVAL (reported), -ENOMEM. */
int loader_parse(struct loader *l, const char *file_name, struct str text, struct source **ret_src,
		 struct yaml_node **ret_docs);

/* A text as written, its pieces joined; lives as long as the rule set. */
struct str loader_text(struct loader *l, const struct text *t);

/* ---- layer.c ------------------------------------------------------------------------------- */
bool layer_is_limited(const struct bundle_layer *layer);
/* May the current layer define again what `owner` defined at `old`? false = reported. */
bool layer_may_define(struct loader *l, const struct item *it, const struct bundle_layer *owner,
		      const struct place *old);
/* May it change that for all events? false = reported. */
bool layer_may_change(struct loader *l, const struct item *it, const struct bundle_layer *owner,
		      const struct place *old);
/* "(CONDITION) and " of a limited layer. */
void layer_text(struct gen *g, const struct bundle_layer *layer, const struct source *src,
		uint32_t offset);

/* ---- exception_file.c ---------------------------------------------------------------------- */
bool exception_file_name(struct str file_name);
void exception_file_keep(struct loader *l, const struct source *src, const struct yaml_node *docs);
void exception_files_apply(struct loader *l);

/* ---- bundle.c ------------------------------------------------------------------------------ */
/* Required keys are there and no other than these; unlike in rule files unknown ones are errors. */
bool bundle_keys_good(struct loader *l, const struct place *at, const struct yaml_node *map,
		      const struct item_key *keys, size_t n);

/* ---- collecting ---------------------------------------------------------------------------- */
void collect_document(struct loader *l, const struct source *src, const struct yaml_node *doc);
void collect_rule(struct loader *l, struct item *it);
struct override {
	const struct yaml_node *key;	/* its pair in the override map */
	const struct item_key *what;
	bool append;
};
bool override_conflict(struct loader *l, const struct item *it, bool append);
/* The override map of the item. false = reported. *ret_n 0 without one. */
bool override_collect(struct loader *l, const struct item *it, const struct item_key *keys,
		      size_t nkeys, struct override **ret, uint32_t *ret_n);
/* `append: true`? Warns. false = reported. */
bool append_collect(struct loader *l, const struct item *it, bool *ret);
bool version_is_valid(struct str version);
/* false = reported: not a version, or this engine is too old. */
bool version_require(struct loader *l, const struct place *at, struct str text);
void version_collect_engine(struct loader *l, struct item *it);
void version_collect_plugins(struct loader *l, struct item *it);
void version_check_plugins(struct loader *l);

enum set_op { SET_DEFINE, SET_APPEND, SET_REPLACE };
struct setting {
	const struct item *item;
	const struct item_key *key;
	const struct yaml_node *node;	/* the value */
	struct place place;		/* of the value */
	enum set_op op;
};

struct item_key {
	const char *name;
	bool required, can_append, can_replace;
	bool with_append;		/* used by the old `append: true` */
	bool (*set)(struct loader *l, struct load_rule *r, const struct setting *s);
};

bool exception_set(struct loader *l, struct load_rule *r, const struct setting *s);
/*
 * An entry of an exception file: a new exception of the rule, or more values for the one of that
 * name (then in an exception of their own). NULL = reported.
 */
struct load_exception *exception_take(struct loader *l, struct load_rule *r, const struct place *at,
				      const struct yaml_node *entry);

/* ---- schema.c ------------------------------------------------------------------------------ */
void schema_judge(struct loader *l, const struct yaml_node *docs, struct file_verdict *file);

/* ---- compiling ----------------------------------------------------------------------------- */
void list_define(struct loader *l, struct item *it);
void list_compile_all(struct loader *l);
void list_settle_used(struct loader *l);
/* Expand list names of `text`. 0, -E2BIG, -ENOMEM. */
int list_expand(struct loader *l, struct str text, const struct origin *in, struct gen *out);

void macro_define(struct loader *l, struct item *it);
void macro_compile_all(struct loader *l);
/* Check fields and values of the condition once; findings are kept. */
bool cond_check(struct loader *l, struct cond *c);
bool cond_parse(struct loader *l, struct cond *c);
bool cond_resolve(struct loader *l, struct cond *c, struct ast **ret);
void cond_report(struct loader *l, struct cond *c, const struct finding *f, enum diag_code code,
		 const struct place *rule);
struct finding *cond_find(struct loader *l, struct cond *c, enum diag_code code,
			  const char *message);
/* Values of this operator are written in parentheses. */
bool exception_takes_list(struct str comp);
/* A field, or an expression that may stand for one. */
bool exception_field_is_valid(struct loader *l, struct str text);
bool exception_any_values(const struct load_rule *r);
void exception_text(struct gen *g, const struct load_rule *r);
/* Hang the trees of the exceptions to them once the rule's condition is resolved. */
void exception_link(struct load_rule *r);

void rule_compile_all(struct loader *l);
void rule_output(struct loader *l, struct load_rule *r, bool good);
bool message_is_unknown_filter(const char *message);
void select_rules(struct ruleset *rs);
void lint_rules(struct loader *l);
void lint_exceptions(struct loader *l, struct load_rule *r);
/* Items of lists that are read as several. */
void lint_lists(struct loader *l);

#endif
