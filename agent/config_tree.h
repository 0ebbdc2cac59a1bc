/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration before it has a meaning: YAML files, merged, with the changes of the command
 * line, every node knowing where it came from. Everything lives in one arena. Used by config.c and,
 * for options that are not plain values, by config_items.c.
 */
#ifndef TIERCEL_CONFIG_TREE_H
#define TIERCEL_CONFIG_TREE_H

#include "agent/digest.h"

enum config_kind { CONFIG_SCALAR, CONFIG_SEQ, CONFIG_MAP };

/* A file, or an option of the command line ("-o key=value"). */
struct config_file {
	const char *name;
	struct str text;
};

struct config_place {
	const struct config_file *file;
	uint32_t offset, len;
};

struct config_node {
	uint8_t kind;			/* enum config_kind */
	bool is_null;			/* nothing, ~ or null */
	struct str key;			/* as a child of a map */
	struct config_place key_at, at;
	struct str s;			/* value of a scalar, environment expanded; NUL behind it */
	struct config_node *first, *next;
	uint32_t n;			/* elements of a sequence, keys of a map */
};

enum config_strategy { CONFIG_APPEND, CONFIG_OVERRIDE, CONFIG_ADD_ONLY };

struct config_tree {
	struct digest_files files;	/* read so far, in the arena */
	struct arena *arena;
	struct limits *limits;
	struct diags *diags;
	struct config_node *root;	/* a map, never NULL */
};

/* 0 or -ENOMEM. */
int config_tree_init(struct config_tree *t, struct arena *a, struct limits *limits,
		     struct diags *diags);
/*
 * Read a file into the tree: its keys are merged into what is there. 0, -ENOMEM or -EINVAL after
 * the problem went to the diagnostics. `from`: where the file was named, NULL: by the command line.
 */
int config_tree_file(struct config_tree *t, const char *path, enum config_strategy strategy,
		     const struct config_place *from);
/* "a.b[0].c[]=VALUE" of the command line. As above. */
int config_tree_set(struct config_tree *t, const char *assignment);

/* Child of a map, or NULL. */
struct config_node *config_get(const struct config_node *map, const char *key);
const char *config_kind_name(const struct config_node *n);

/* A problem at a place; the returned record may get a hint. */
struct diag *config_report(struct config_tree *t, enum diag_code code,
			   const struct config_place *at, const char *fmt, ...) _printf_(4, 5);

#define config_each(child, of) \
	for (struct config_node *child = (of)->first; child; child = child->next)

#endif
