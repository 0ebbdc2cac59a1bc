/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the value of each field depends on. A field that is not listed depends on the event: that is
 * always sound. Called by the compiler.
 */
#include "engine/match/program.h"

static const struct {
	const char *field;	/* name without argument */
	uint8_t entity;
} entities[] = {
	{ "evt.type", ENTITY_TYPE },
	{ "evt.dir", ENTITY_TYPE },
};

static enum entity field_entity(const struct field_ref *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
		if (str_is(f->plain, entities[i].field))
			return entities[i].entity;
	return ENTITY_EVENT;
}

enum entity entity_of(const struct ast *check)
{
	if (check->rhs || check->lhs->kind != OPERAND_FIELD)
		return ENTITY_EVENT;
	return field_entity(&check->lhs->field);
}
