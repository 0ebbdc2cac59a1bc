/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators, see compare.h. Called by oracle.c and eval.c for every check that has no faster form.
 */
#include "engine/match/compare.h"
#include "engine/match/glob.h"

enum order { ORDER_LESS = -1, ORDER_EQUAL = 0, ORDER_GREATER = 1, ORDER_NONE = 2 };

static bool is_text(enum value_class vc)
{
	return vc == VC_STRING || vc == VC_BYTES;
}

static bool is_number(enum value_class vc)
{
	return vc == VC_SIGNED || vc == VC_UNSIGNED || vc == VC_BOOL;
}

static enum order order_of(bool less, bool greater)
{
	return less ? ORDER_LESS : greater ? ORDER_GREATER : ORDER_EQUAL;
}

/* Integers of mixed signedness compare as the numbers they are. */
static enum order order_int(const struct value *a, enum value_class ac, const struct value *b,
			    enum value_class bc)
{
	bool a_neg = ac == VC_SIGNED && a->i < 0, b_neg = bc == VC_SIGNED && b->i < 0;

	if (a_neg && b_neg)
		return order_of(a->i < b->i, a->i > b->i);
	if (a_neg || b_neg)
		return a_neg ? ORDER_LESS : ORDER_GREATER;
	return order_of(a->u < b->u, a->u > b->u);
}

static double as_double(const struct value *v, enum value_class vc)
{
	return vc == VC_DOUBLE ? v->d : vc == VC_SIGNED ? (double)v->i : (double)v->u;
}

static enum order order_value(const struct value *a, const struct value *b)
{
	enum value_class ac = value_class_of(a->type), bc = value_class_of(b->type);

	if (is_text(ac) && is_text(bc)) {
		int c = str_cmp(a->s, b->s);

		return order_of(c < 0, c > 0);
	}
	if (is_number(ac) && is_number(bc))
		return order_int(a, ac, b, bc);
	if ((is_number(ac) || ac == VC_DOUBLE) && (is_number(bc) || bc == VC_DOUBLE)) {
		double x = as_double(a, ac), y = as_double(b, bc);

		return order_of(x < y, x > y);
	}
	return ORDER_NONE;
}

/* The address of `v` lies in network (or is address) `c`. */
static bool ip_in(const struct ip_value *v, const struct ip_value *c, bool net)
{
	unsigned bits = net ? c->prefix : v->v6 ? 128 : 32;
	unsigned bytes = bits / 8, rest = bits % 8;

	if (v->v6 != c->v6 || bytes + (rest != 0) > sizeof(v->addr))
		return false;
	if (memcmp(v->addr, c->addr, bytes))
		return false;
	return !rest || !((v->addr[bytes] ^ c->addr[bytes]) >> (8 - rest));
}

static bool value_eq(const struct value *v, const struct value *c)
{
	enum value_class vc = value_class_of(v->type), cc = value_class_of(c->type);

	if (is_text(vc) && is_text(cc))
		return str_eq(v->s, c->s);
	if ((vc == VC_IPADDR || vc == VC_IPNET) && (cc == VC_IPADDR || cc == VC_IPNET))
		return ip_in(&v->ip, &c->ip, cc == VC_IPNET);
	return order_value(v, c) == ORDER_EQUAL;
}

/* Values of different kinds (evt.rawarg of another event) are neither equal nor different. */
static bool comparable(const struct value *v, const struct value *c)
{
	enum value_class vc = value_class_of(v->type), cc = value_class_of(c->type);

	if (is_text(vc))
		return is_text(cc);
	if (vc == VC_IPADDR || vc == VC_IPNET)
		return cc == VC_IPADDR || cc == VC_IPNET;
	return order_value(v, c) != ORDER_NONE;
}

static bool cmp_ne(const struct value *v, const struct value *c)
{
	return comparable(v, c) && !value_eq(v, c);
}

static bool cmp_lt(const struct value *v, const struct value *c)
{
	return order_value(v, c) == ORDER_LESS;
}

static bool cmp_le(const struct value *v, const struct value *c)
{
	enum order o = order_value(v, c);

	return o == ORDER_LESS || o == ORDER_EQUAL;
}

static bool cmp_gt(const struct value *v, const struct value *c)
{
	return order_value(v, c) == ORDER_GREATER;
}

static bool cmp_ge(const struct value *v, const struct value *c)
{
	enum order o = order_value(v, c);

	return o == ORDER_GREATER || o == ORDER_EQUAL;
}

static bool cmp_contains(const struct value *v, const struct value *c)
{
	return str_contains(v->s, c->s);
}

static bool cmp_icontains(const struct value *v, const struct value *c)
{
	return str_icontains(v->s, c->s);
}

static bool cmp_startswith(const struct value *v, const struct value *c)
{
	return str_starts(v->s, c->s);
}

static bool cmp_endswith(const struct value *v, const struct value *c)
{
	return str_ends(v->s, c->s);
}

static bool cmp_glob(const struct value *v, const struct value *c)
{
	return glob_match(c->s, v->s, false);
}

static bool cmp_iglob(const struct value *v, const struct value *c)
{
	return glob_match(c->s, v->s, true);
}

static bool cmp_pmatch(const struct value *v, const struct value *c)
{
	return compare_pmatch(v->s, c->s);
}

static bool cmp_exists(const struct value *v, const struct value *c)
{
	return true;
}

static const struct comparison {
	bool (*holds)(const struct value *v, const struct value *c);
	bool text;	/* both sides must be texts */
} comparisons[OP_COUNT] = {
	[OP_EXISTS] = { cmp_exists },
	[OP_EQ] = { value_eq },
	[OP_EQ2] = { value_eq },
	[OP_NE] = { cmp_ne },
	[OP_LT] = { cmp_lt },
	[OP_LE] = { cmp_le },
	[OP_GT] = { cmp_gt },
	[OP_GE] = { cmp_ge },
	[OP_IN] = { value_eq },
	[OP_INTERSECTS] = { value_eq },
	[OP_CONTAINS] = { cmp_contains, true },
	[OP_BCONTAINS] = { cmp_contains, true },
	[OP_ICONTAINS] = { cmp_icontains, true },
	[OP_STARTSWITH] = { cmp_startswith, true },
	[OP_BSTARTSWITH] = { cmp_startswith, true },
	[OP_ENDSWITH] = { cmp_endswith, true },
	[OP_GLOB] = { cmp_glob, true },
	[OP_IGLOB] = { cmp_iglob, true },
	[OP_PMATCH] = { cmp_pmatch, true },
};

bool compare_value(enum op_id op, const struct value *v, const struct value *c)
{
	const struct comparison *cmp = &comparisons[op];

	if (cmp->text &&
	    !(is_text(value_class_of(v->type)) && is_text(value_class_of(c->type))))
		return false;
	return cmp->holds(v, c);
}

compare_fn compare_text(enum op_id op)
{
	return comparisons[op].holds;
}

/* Next component of a path: false at its end. *at starts at 0. */
static bool compare_component(struct str path, uint32_t *at, struct str *ret)
{
	uint32_t start;

	while (*at < path.len && path.p[*at] == '/')
		(*at)++;
	start = *at;
	while (*at < path.len && path.p[*at] != '/')
		(*at)++;
	*ret = (struct str){ path.p + start, *at - start };
	return *at > start;
}

/* Do the first components of two absolute paths begin with different plain characters? */
static bool differ_at_start(struct str path, struct str prefix)
{
	return path.len > 1 && prefix.len > 1 && path.p[0] == '/' && prefix.p[0] == '/' &&
	       path.p[1] != '/' && prefix.p[1] != '/' && path.p[1] != prefix.p[1] &&
	       prefix.p[1] != '\\' && !glob_special(str_sub(prefix, 1, 2));
}

bool compare_pmatch(struct str path, struct str prefix)
{
	uint32_t path_at = 0, prefix_at = 0;
	struct str want, have;

	if (differ_at_start(path, prefix))
		return false;
	while (compare_component(prefix, &prefix_at, &want)) {
		if (!compare_component(path, &path_at, &have))
			return false;
		if (glob_special(want) ? !glob_match(want, have, false) : !str_eq(want, have))
			return false;
	}
	return true;
}

enum field_multi compare_multi(const struct operand *op)
{
	if (op->kind != OPERAND_FIELD || op->is_list || !field_is_multi(&op->field))
		return MULTI_NONE;
	return op->field.info->multi;
}

bool compare_is_distance(const struct operand *op)
{
	return op->kind == OPERAND_FIELD && op->field.info->multi == MULTI_WITHIN;
}

static bool is_set_op(unsigned op)
{
	return op == OP_IN || op == OP_INTERSECTS || op == OP_PMATCH;
}

/* Patterns have no field on the right, so `c` is one of the check's own constants. */
static bool regex_holds(const struct ast *check, const struct value *v, const struct value *c)
{
	return is_text(value_class_of(v->type)) &&
	       regex_match(check->regexes[c - check->consts], v->s);
}

/* "evt.around[T] = N" means at most N away. */
static enum op_id single_op(const struct ast *check)
{
	bool equal = check->op == OP_EQ || check->op == OP_EQ2;

	return equal && compare_is_distance(check->lhs) ? OP_LE : (enum op_id)check->op;
}

/* One value of the field against n constants of the check, modifiers apart. */
static bool value_holds(const struct ast *check, const struct value *v, const struct value *consts,
			uint32_t n)
{
	if (check->op == OP_REGEX)
		return n > 0 && regex_holds(check, v, consts);
	if (!is_set_op(check->op))
		return n > 0 && compare_value(single_op(check), v, consts);
	for (uint32_t i = 0; i < n; i++)
		if (compare_value(check->op, v, &consts[i]))
			return true;
	return false;
}

static bool any_holds(const struct ast *check, const struct value_list *left,
		      const struct value *consts, uint32_t n)
{
	for (uint32_t i = 0; i < left->n; i++)
		if (value_holds(check, &left->v[i], consts, n))
			return true;
	return false;
}

static bool all_hold(const struct ast *check, const struct value_list *left,
		     const struct value *consts, uint32_t n)
{
	for (uint32_t i = 0; i < left->n; i++)
		if (!value_holds(check, &left->v[i], consts, n))
			return false;
	return left->n > 0;
}

static bool field_holds(const struct ast *check, const struct value_list *left,
			const struct value *consts, uint32_t n)
{
	bool every;

	if (check->lhs->is_list)
		every = check->op == OP_IN;
	else
		every = check->op == OP_NE && compare_multi(check->lhs) == MULTI_ENDS;
	return every ? all_hold(check, left, consts, n) : any_holds(check, left, consts, n);
}

static bool modified(const struct ast *check, const struct value_list *left,
		     const struct value_list *right)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < right->n; i++)
		hits += field_holds(check, left, &right->v[i], 1);
	switch (check->modifier) {
	case MOD_ONEOF:
		return hits == 1;
	case MOD_ANYOF:
		return hits > 0;
	default:
		return right->n > 0 && hits == right->n;
	}
}

bool compare_check(const struct ast *check, const struct value_list *left,
		   const struct value_list *right)
{
	if (check->op == OP_EXISTS)
		return left->n > 0 || compare_multi(check->lhs) == MULTI_ENDS;
	if (check->modifier != MOD_NONE)
		return modified(check, left, right);
	return field_holds(check, left, right->v, right->n);
}
