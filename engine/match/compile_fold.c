/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that the event type alone decides (evt.type, evt.dir), and those that are always or never
 * true: on which types they are known, and what they are there. Called by compile.c for every new
 * atom, and by join.c; the sets are in the program's arena.
 */
#include "engine/match/compare.h"
#include "engine/match/compile.h"

/* The text of evt.dir or evt.type; NULL: the event type alone does not decide it. */
static const char *type_text(bool is_dir, unsigned type)
{
	const struct event_info *info = &event_infos[type];

	if (info->source != SRC_SYSCALL && info->source != SRC_TRACEPOINT)
		return NULL;
	if (is_dir)
		return info->is_exit ? "<" : ">";
	return type == EV_GENERIC_E || type == EV_GENERIC_X ? NULL : info->name;
}

/*
 * Events are numbered from 1: "evt.num = 0" and "evt.num >= 0" are how rule files say never and
 * always. 0 or 1; -1: not such a check.
 */
static int fold_constant(const struct ast *check)
{
	struct value low = value_u64(PT_UINT64, 1), high = value_u64(PT_UINT64, UINT64_MAX);
	bool ordered = check->op == OP_EQ || check->op == OP_EQ2 || check->op == OP_NE ||
		       check->op == OP_LT || check->op == OP_LE || check->op == OP_GT ||
		       check->op == OP_GE;
	bool first;

	if (!ordered || check->rhs || check->modifier != MOD_NONE || check->nconsts != 1 ||
	    check->lhs->kind != OPERAND_FIELD || !str_is(check->lhs->field.text, "evt.num") ||
	    check->consts[0].type != PT_UINT64 || check->consts[0].u > 1)
		return -1;
	/* Against 0 or 1 all numbers from 2 on compare alike. */
	first = compare_value(check->op, &low, check->consts);
	low.u = 2;
	if (compare_value(check->op, &low, check->consts) != first ||
	    compare_value(check->op, &high, check->consts) != first)
		return -1;
	return first;
}

bool compile_fold_may(const struct ast *check)
{
	/* Most checks are of other fields than evt.type, evt.dir and evt.num. */
	if (check->lhs->kind != OPERAND_FIELD ||
	    !str_starts(check->lhs->field.text, STR("evt.")))
		return false;
	return entity_of(check) == ENTITY_TYPE || fold_constant(check) >= 0;
}

/* First bytes of the constants of a check for equality, as a set; of any other check: all. */
static uint64_t first_bytes(const struct atom *atom)
{
	uint64_t set = 0;

	if (atom->kind != ATOM_TEXT_EQ && atom->kind != ATOM_TEXT_SET)
		return UINT64_MAX;
	for (uint32_t i = 0; i < atom->consts.n; i++)
		if (atom->consts.v[i].s.len)
			set |= 1ULL << (atom->consts.v[i].s.p[0] & 63);
	return set;
}

/* Of a check of evt.type or evt.dir: where it is known, and where it is true. */
static void fold_values(const struct atom *atom, struct evtset *known, struct evtset *truth)
{
	bool is_dir = str_is(atom->check->lhs->field.text, "evt.dir"), holds = false;
	uint64_t first = first_bytes(atom);
	const char *last = NULL;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		const char *text = type_text(is_dir, t);

		if (!text)
			continue;
		evtset_add(known, t);
		/* Enter and exit events beside each other have one name. */
		if (text != last) {
			struct value v = value_str(str_from(text));
			struct value_list left = { &v, 1 };

			last = text;
			holds = first >> (*text & 63) & 1 ?
					compare_check(atom->check, &left, &atom->consts) :
					atom->negate;
		}
		if (holds)
			evtset_add(truth, t);
	}
}

int compile_fold_types(struct matcher *m, struct atom *atom)
{
	int constant = fold_constant(atom->check);
	struct evtset *known, *truth;

	if (atom->entity != ENTITY_TYPE && constant < 0)
		return 0;
	known = arena_new(&m->arena, struct evtset);
	truth = arena_new(&m->arena, struct evtset);
	if (!known || !truth)
		return -ENOMEM;
	for (unsigned t = 0; t < EVENT_TYPE_COUNT && constant >= 0; t++) {
		evtset_add(known, t);
		if (constant)
			evtset_add(truth, t);
	}
	if (constant < 0)
		fold_values(atom, known, truth);
	atom->type_known = known;
	atom->type_true = truth;
	return 0;
}

/* One more, not yet counted in m->natoms; NULL: out of memory. */
