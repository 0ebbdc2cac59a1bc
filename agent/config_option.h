/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of options.def, for the reader, the schema and the printer of the configuration. */
#ifndef TIERCEL_CONFIG_OPTION_H
#define TIERCEL_CONFIG_OPTION_H

#include "agent/config.h"
#include "agent/config_tree.h"

enum config_type {
	CONFIG_BOOL, CONFIG_UINT, CONFIG_TIME, CONFIG_TEXT, CONFIG_ENUM, CONFIG_TEXTS, CONFIG_ITEMS,
	CONFIG_OTHER,
};

struct config_option {
	const char *path;
	enum config_type type;
	uint32_t offset;		/* of the member in struct config */
	const char *def;		/* default, or the value without a warning (CONFIG_OTHER) */
	uint64_t min, max;
	const char *choices;
	const char *help;		/* CONFIG_OTHER: why it has no effect */
	bool reloaded;			/* in force when rules are loaded again */
};

extern const struct config_option config_options[];
extern const uint32_t config_options_count;

/* What an ITEMS option may look like: how it is read, its schema, how it is printed. */
struct config_item_kind {
	const char *name;
	/* 0, -ENOMEM or -EINVAL after a report. */
	int (*read)(struct config *c, struct config_tree *t, const struct config_node *n);
	const char *schema;		/* JSON */
	void (*print)(const struct config *c, struct buf *out);	/* behind "KEY:" */
};

const struct config_item_kind *config_item_kind(const char *name);

/* A key or a value as every YAML reader takes it. */
void config_print_key(struct buf *out, struct str s);
void config_print_text(struct buf *out, struct str s);

/* Index of the text in "a|b:alias|c", ignoring case, or -1. */
int config_choice(const char *choices, struct str s);
/* The name with this index. */
struct str config_choice_name(const char *choices, unsigned index);

/* "KEY: wrong kind of value" with what would be right. Returns -EINVAL. */
int config_expected(struct config_tree *t, const struct config_node *n, const char *key,
		    const char *what);

/* Read config_files of the tree: merge what they name. 0, -ENOMEM or -EINVAL. */
int config_include(struct config *c, struct config_tree *t);

#endif
