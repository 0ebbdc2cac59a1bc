/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text -> tree of located nodes. Used by the rule loader only. Nodes live in one arena, the
 * texts of values in another, so that a rule set can keep the texts and drop the tree.
 */
#ifndef TIERCEL_RULE_YAML_H
#define TIERCEL_RULE_YAML_H

#include "engine/base/arena.h"
#include "engine/base/limits.h"

enum yaml_kind { YNODE_SCALAR, YNODE_SEQ, YNODE_MAP, YNODE_ALIAS };
enum yaml_style { YSTYLE_PLAIN, YSTYLE_SINGLE, YSTYLE_DOUBLE, YSTYLE_BLOCK };

struct yaml_node {
	uint8_t kind;			/* enum yaml_kind */
	uint8_t style;			/* enum yaml_style of a scalar */
	bool is_null;			/* plain null, ~ or nothing */
	uint32_t offset, end;		/* bytes of the file */
	uint32_t n;			/* elements of a sequence, pairs of a map */
	uint32_t weight, height;	/* nodes below and with it, levels */
	struct str s;			/* value of a scalar */
	struct yaml_node *first;	/* children; of a map: key, value, key, value ... */
	union {
		struct yaml_node *last;		/* of them */
		struct yaml_node *target;	/* of an alias */
	};
	struct yaml_node *next;		/* while it is read: the collection around it */
};

struct yaml_error {
	const char *message;
	uint32_t offset;
};

/* The marks that editors put before UTF-8 text are not part of it. */
static inline struct str yaml_text(struct str file)
{
	return str_starts(file, STR("\xef\xbb\xbf")) ? str_sub(file, 3, file.len) : file;
}

/*
 * All documents of the text, linked by `next`; NULL when there is none. 0, -EINVAL with *ret_err,
 * or -ENOMEM. Bounded by LIMIT_YAML_DEPTH and LIMIT_YAML_NODES (aliases count with what they
 * stand for), so consumers may walk the tree naively.
 */
int yaml_parse(struct str text, struct arena *nodes, struct arena *values, struct limits *limits,
	       struct yaml_node **ret_docs, struct yaml_error *ret_err);

/* The text as libyaml takes it, of the same length: itself or a copy. 0 or -ENOMEM. */
int yaml_tidy(struct str text, struct arena *a, struct str *ret);

/* What to do about it, or NULL. */
const char *yaml_hint(struct str text, const struct yaml_error *err);

static inline const struct yaml_node *yaml_deref(const struct yaml_node *n)
{
	return n && n->kind == YNODE_ALIAS ? n->target : n;
}

/* Value of a key, aliases followed; NULL without the key. The first of repeated keys counts. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* The key's own node, for positions. */
const struct yaml_node *yaml_get_key(const struct yaml_node *map, const char *key);

#define yaml_each(n, of) \
	for (const struct yaml_node *n = yaml_deref(of)->first; n; n = n->next)
#define yaml_each_pair(k, of) \
	for (const struct yaml_node *k = yaml_deref(of)->first; k; k = k->next->next)

#endif
