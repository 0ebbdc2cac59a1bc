/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the readers of YAML put nodes together: in the order of the text, collections are opened and
 * closed. Private to yaml*.c.
 */
#ifndef TIERCEL_RULE_YAML_TREE_H
#define TIERCEL_RULE_YAML_TREE_H

#include "engine/base/map.h"
#include "engine/rule/yaml.h"

struct yaml_tree {
	struct str text;
	struct arena *nodes, *values;
	struct limits *limits;
	struct yaml_error *err;
	struct strmap anchors;
	struct yaml_node *docs, *last_doc;
	struct yaml_node *open;		/* innermost unfinished collection */
	uint64_t count;			/* nodes, aliases expanded */
	uint32_t depth;
};

/* Nodes from before are forgotten. */
void yaml_tree_start(struct yaml_tree *t);
void yaml_tree_done(struct yaml_tree *t);
/* -EINVAL, with the error noted. */
int yaml_tree_fail(struct yaml_tree *t, uint32_t offset, const char *message);

/* One more node, in the open collection, is within the limits. */
bool yaml_tree_room(const struct yaml_tree *t);

/* All of these: 0, -ENOMEM, or -EINVAL as from yaml_tree_fail(). `anchor` may be STR_NONE. */
int yaml_tree_scalar(struct yaml_tree *t, const struct yaml_node *like, struct str anchor);
int yaml_tree_alias(struct yaml_tree *t, const struct yaml_node *like, struct str anchor);
/* `like`: kind, offset and style; a collection of YSTYLE_BLOCK ends with its last child. */
int yaml_tree_open(struct yaml_tree *t, const struct yaml_node *like, struct str anchor);
void yaml_tree_close(struct yaml_tree *t, uint32_t end);

/*
 * Reads what rules files mostly are made of (see yaml_simple.c) much faster than libyaml and to the
 * same tree. 0, -ENOMEM, or -EAGAIN: the text has something else in it, an error or too much; it
 * is for libyaml, and nothing was taken from the arenas.
 */
int yaml_simple(struct yaml_tree *t);
/* The same for any YAML, by libyaml. */
int yaml_full(struct yaml_tree *t);

#endif
