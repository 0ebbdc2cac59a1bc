/* SPDX-License-Identifier: Apache-2.0 */
/*
 * util.* fields.
 */
#include "engine/field/field_class.h"

/* Each mention in a rule set counts for itself; the memory belongs to the rule set. */
static int parse_cnt(struct field_ref *f, struct str rest, struct arena *a)
{
	f->counter = arena_new(a, uint64_t);
	return f->counter ? 0 : -ENOMEM;
}

static bool get_cnt(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_u64(PT_UINT64, ++*f->counter);
	return true;
}

static const struct field_info fields[] = {
	{ .name = "util.cnt", .type = PT_UINT64, .get = get_cnt, .parse_suffix = parse_cnt,
	  .help = "counts how often this mention of the field was looked at" },
};

const struct field_class field_class_util = {
	.name = "util",
	.desc = "helpers",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
};
