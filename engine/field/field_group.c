/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.*: the group of the process. Rows are found by field_lookup(); values are views into the
 * group tables.
 */
#include "engine/field/field_class.h"
#include "engine/field/field_member.h"

static bool get_name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct thread *t = ctx->thread;
	const struct group_entry *g;

	if (!t)
		return false;
	g = state_group(ctx->state, t->container, t->gid);
	if (g)
		*ret = value_str(istr_str(g->name));
	else
		*ret = value_str(t->gid == 0 ? STR("root") : STR("<NA>"));
	return true;
}

static const struct field_info fields[] = {
	FIELD_MEMBER(thread, , "group.gid", UINT32, gid, "group id"),
	FIELD_ROW("group.name", CHARBUF, get_name, "group name, <NA> if unknown"),
};

const struct field_class field_class_group = {
	.name = "group",
	.desc = "the group that the process runs as",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
};
