/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field catalogue. A field is one row in the array at the end of field_<ns>.c plus, unless it
 * is a plain member, one small getter in the same file. Rows are constant data; references to
 * fields (struct field_ref) belong to the arena they were looked up with.
 */
#ifndef TIERCEL_FIELD_H
#define TIERCEL_FIELD_H

#include "engine/field/value.h"
#include "engine/state/state.h"

enum field_flags {
	FIELD_LIST = 1 << 0,        /* zero or more values */
	FIELD_FILTER_ONLY = 1 << 1, /* prints <NA> in outputs */
	FIELD_PRINT_ONLY = 1 << 2,  /* not in conditions */
	FIELD_HIDDEN = 1 << 3,
	FIELD_DEPRECATED = 1 << 4,
	FIELD_NO_TRANSFORMER = 1 << 5,
	FIELD_NO_RHS = 1 << 6,
	FIELD_SUGGESTED = 1 << 7,   /* FORMAT_SUGGESTED: appended to outputs by default */
	FIELD_OURS = 1 << 8,        /* not in the incumbent */
	FIELD_JSON_STRING = 1 << 9, /* number that JSON shows as string (fd.dev) */
	FIELD_JSON_NS = 1 << 10,    /* time text that JSON shows as ns since the epoch */
	FIELD_AT_ONCE = 1 << 11,    /* of a class of metadata, but known from the first event on */
};

enum field_arg {
	ARG_NONE,
	ARG_INDEX,		/* [N] optional */
	ARG_INDEX_REQUIRED,
	ARG_KEY,		/* [KEY] optional */
	ARG_KEY_REQUIRED,
	ARG_INDEX_OR_KEY,	/* optional, digits are an index */
	ARG_INDEX_OR_KEY_REQUIRED,
	ARG_PARAM,		/* .NAME or [N] of an event parameter */
	ARG_PARAM_NAME,		/* .NAME only (evt.rawarg) */
	ARG_SUFFIX,		/* own parser: evt.abspath.src, evt.type.is.X, thread.cgroup.X */
};

/*
 * What a comparison does when a field without index stands for several values.
 * ANY: the operator is applied to each value, true at the first (ancestors).
 * ENDS: both ends of a connection; != needs both to differ, every other operator one.
 * WITHIN: evt.around: one value, a distance; `=` holds when it is not above the constant.
 */
enum field_multi { MULTI_NONE, MULTI_ANY, MULTI_ENDS, MULTI_WITHIN };

struct field_ref;

struct field_info {
	const char *name;
	uint8_t type; /* enum param_type; PT_DYN: evt.rawarg, see field_ref.type */
	uint8_t arg;			/* enum field_arg */
	uint8_t multi;			/* enum field_multi, for the form without argument */
	uint8_t fmt;			/* enum param_fmt */
	uint32_t flags;			/* enum field_flags */
	/* One value; false = no value. For LIST/multi fields without index: get_all instead. */
	bool (*get)(const struct field_ref *f, struct event_ctx *ctx, struct value *ret);
	/* What outputs show, when that is not what conditions compare; NULL: the same. */
	bool (*get_printed)(const struct field_ref *f, struct event_ctx *ctx, struct value *ret);
	/*
	 * A text of the state tables that alone decides the value, or NULL: it has to be computed.
	 * Outside of proc.* it is the value. For fields that are asked often.
	 */
	const struct istr *(*stored)(const struct field_ref *f, struct event_ctx *ctx);
	/* All values into ctx->scratch; false = no value (a list may also be empty). */
	bool (*get_all)(const struct field_ref *f, struct event_ctx *ctx, struct value_list *ret);
	/*
	 * ARG_SUFFIX: parse what follows the name; bytes consumed or -EINVAL. Also called with an
	 * empty rest when the name stands alone, whatever `arg` is: prepares the reference.
	 */
	int (*parse_suffix)(struct field_ref *f, struct str rest, struct arena *a);
	uint16_t offset;		/* plain members: see field_member.h */
	const char *help;
};

/* A namespace of fields: "evt", "proc", ... in catalogue order. */
struct field_class {
	const char *name, *desc;
	const struct field_info *fields;
	uint32_t count;
	char also;			/* what names begin with when not like that of the class */
	bool metadata;			/* values come with the metadata of the container */
};

extern const struct field_class *const field_classes[];
extern const uint32_t field_class_count;

/* A field together with its argument, as written in a rule. */
struct field_ref {
	const struct field_info *info;
	uint8_t type;		/* enum param_type of the values (evt.rawarg: of the parameter) */
	bool has_index, has_key;
	int64_t index;
	struct str key;
	uint32_t param;		/* ARG_SUFFIX and parameter fields: their own use */
	struct str text;	/* as written: "proc.aname[2]" */
	struct str plain;	/* name without argument */
	const uint16_t *param_of; /* evt.arg.NAME: parameter index per event type, 0xffff none */
	uint64_t *counter;	/* util.cnt: extractions so far */
};

#define FIELD_NO_PARAM 0xffff

/* Names of fields that the user configured (static_fields), looked up after the catalogue. */
struct static_fields {
	struct strmap values;	/* name without "static." -> const char * */
};

/*
 * Look up the longest known field name that is a prefix of `text`, then its argument. The whole
 * text must be consumed, else (and for unknown names) -ENOENT with a message in *ret_msg;
 * -EINVAL: argument missing or wrong. `statics` and `ret_msg` may be NULL.
 */
int field_lookup(struct str text, struct arena *a, const struct static_fields *statics,
		 struct field_ref *ret, const char **ret_msg);
/* The row of a name without argument, or NULL (lists, documentation, tests). */
const struct field_info *field_find(struct str name);
/* Can metadata of the container that come later change the value? */
bool field_is_metadata(const struct field_info *f);
/* Nearest known name for hints, or NULL. */
const char *field_nearest(struct str text);

static inline bool field_is_multi(const struct field_ref *f)
{
	return f->info->get_all &&
	       ((f->info->flags & FIELD_LIST) || (!f->has_index && !f->has_key));
}

/*
 * Extract. Single-valued: false = no value. field_get on a multi field gives the printed joint form
 * if the field has one (get), else false.
 */
static inline bool field_get(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return f->info->get && f->info->get(f, ctx, ret);
}
static inline bool field_get_all(const struct field_ref *f, struct event_ctx *ctx,
				 struct value_list *ret)
{
	return f->info->get_all && f->info->get_all(f, ctx, ret);
}

/* Text as printed by %field: false = no value (prints <NA>). LIST: (a,b). */
bool field_print(const struct field_ref *f, struct event_ctx *ctx, struct buf *out);
/* JSON value as in output_fields: null without value. */
void field_json(const struct field_ref *f, struct event_ctx *ctx, struct json *j);

/*
 * Memory that getters use to build texts in: one per engine, hung into every event_ctx.field_cache.
 * Without it getters work too, but allocate. NULL: out of memory.
 */
struct field_cache *field_cache_new(void);
void field_cache_free(struct field_cache *c);

#endif
