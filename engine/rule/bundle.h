/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles: rule files in layers (bundle.yaml). A node compiles the layers whose selector fits its
 * identity, in the order system < cluster < application. The agent gives all texts; nothing here
 * opens a file. What is returned belongs to the rule set that read it and lives as long.
 *
 * Order of calls: ruleset_new, bundle_read, bundle_select, bundle_plan, then ruleset_add_layer for
 * each planned file, then plain ruleset_add for local files, ruleset_finish.
 */
#ifndef TIERCEL_BUNDLE_H
#define TIERCEL_BUNDLE_H

#include "engine/rule/ruleset.h"

/* The file that makes a folder a bundle. */
#define BUNDLE_FILE_NAME "bundle.yaml"

enum bundle_level { BUNDLE_SYSTEM, BUNDLE_CLUSTER, BUNDLE_APPLICATION, BUNDLE_LEVELS };
extern const char *const bundle_level_names[BUNDLE_LEVELS];

/* One fact about a node: "cluster" = "prod-1", "label.pool" = "gpu". */
struct node_fact {
	struct str key, value;	/* the values end with NUL */
};

/* Names that a fact may have; "label." stands for any label. */
extern const char *const node_fact_keys[];
extern const size_t node_fact_nkeys;
bool node_fact_key_is_known(struct str key);

/* One condition of a selector: the value of the key fits one of the globs. */
struct bundle_test {
	struct str key;
	struct str *globs;
	uint32_t nglobs;
};

/* All tests of one alternative must hold; no alternative at all: always. */
struct bundle_choice {
	struct bundle_test *tests;
	uint32_t ntests;
};

struct bundle_layer {
	struct located name;
	uint8_t level;			/* enum bundle_level */
	struct str path; /* folder or file, relative to the bundle, no slash at the end */
	struct bundle_choice *nodes;
	uint32_t nnodes;
	struct str condition;		/* of the events it speaks about, "": all events */
	bool selected;			/* by bundle_select */
};

struct bundle {
	struct str name, version;
	const char *file;		/* of bundle.yaml, for messages */
	struct bundle_layer **layers;	/* in order of precedence */
	uint32_t nlayers;
};

/* One file of the bundle in the order of loading. */
struct bundle_step {
	const struct bundle_layer *layer;
	uint32_t file;			/* index into the paths given to bundle_plan */
};

/* What one text defines, without judging it. */
struct bundle_counts {
	uint32_t rules, macros, lists, overrides, exceptions;
};

/* Read bundle.yaml. 0, -EINVAL (reported), -ENOMEM. */
int bundle_read(struct ruleset *rs, const char *file_name, struct str text, struct bundle **ret);
/* Mark the layers that a node with these facts uses. */
void bundle_select(struct bundle *b, const struct node_fact *facts, uint32_t n);
/*
 * Which files belong to which layer: `paths` are those of all files of the bundle relative to it. A
 * file belongs to the layer with the longest path in front of it; tests are left out. Steps of
 * layers that are not selected are given, too. 0, -EINVAL (reported), -ENOMEM.
 */
int bundle_plan(struct ruleset *rs, const struct bundle *b, const char *const *paths, uint32_t n,
		struct bundle_step **ret_steps, uint32_t *ret_n);
/* As ruleset_add, for a file of a layer: definitions are never replaced silently. */
int ruleset_add_layer(struct ruleset *rs, const struct bundle_layer *layer, const char *file_name,
		      struct str text);
/* Count items; a text that is no YAML counts as nothing. */
void bundle_count(struct str file_name, struct str text, struct limits *limits,
		  struct bundle_counts *counts);

#endif
