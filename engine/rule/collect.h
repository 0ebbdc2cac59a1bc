/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of the collecting half of the loader: what an item is and which keys it may have. One key
 * is one row: rule_keys in rule_item.c, the others in collect.c.
 */
#ifndef TIERCEL_RULE_COLLECT_H
#define TIERCEL_RULE_COLLECT_H

#include "engine/rule/loader.h"

struct item_kind {
	const char *key;
	const struct item_key *keys;
	size_t nkeys;
	void (*collect)(struct loader *l, struct item *it);
	bool named;		/* the value of its first key is a name */
};

enum { RULE_KEYS = 15 };
extern const struct item_key rule_keys[RULE_KEYS];
extern const struct item_key list_keys[], macro_keys[];
extern const size_t list_nkeys, macro_nkeys;

const struct item_key *item_key_find(const struct item_key *keys, size_t n, struct str name);
/* "did you mean ...", when one is near. */
void item_key_hint(struct loader *l, struct diag *g, struct str name, const struct item_key *keys,
		   size_t n);

#endif
