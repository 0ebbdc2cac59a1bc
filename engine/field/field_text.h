/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small texts that getters build in the scratch arena of the event. A view with p == NULL means
 * that the arena is exhausted: the field then has no value.
 */
#ifndef TIERCEL_FIELD_TEXT_H
#define TIERCEL_FIELD_TEXT_H

#include "engine/field/field.h"

/* NUL-separated elements joined by blanks. */
struct str text_from_nuls(struct arena *a, struct str s);
/* The values (all texts) joined by a blank; none in front as long as the text is empty. */
struct str text_join(struct arena *a, const struct value_list *l);
struct str text_concat(struct arena *a, struct str x, struct str y, struct str z);
struct str text_i64(struct arena *a, int64_t v);

/* *ret = text, or false when there is none. */
static inline bool text_value(struct str s, struct value *ret)
{
	if (!s.p)
		return false;
	*ret = value_str(s);
	return true;
}

#endif
