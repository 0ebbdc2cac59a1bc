/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event types of conditions: on which types can a condition be true at all. Called by the rule
 * loader for each rule; pure functions over the event tables.
 */
#include "engine/rule/filter_run.h"

/* Codes of a rule that wants more than this are as good as none. */
enum { RESTRICTED_MAX = 100 };

static struct evtset set_all(void)
{
	struct evtset s;

	memset(&s, 0xff, sizeof(s));
	if (EVENT_TYPE_COUNT % 64)
		s.w[EVTSET_WORDS - 1] = (UINT64_C(1) << EVENT_TYPE_COUNT % 64) - 1;
	return s;
}

static struct evtset set_not(struct evtset s)
{
	struct evtset all = set_all();

	for (unsigned i = 0; i < EVTSET_WORDS; i++)
		s.w[i] = all.w[i] & ~s.w[i];
	return s;
}

static bool is_generic(unsigned type)
{
	return type == EV_GENERIC_E || type == EV_GENERIC_X;
}

/* Types of the name of an event, or of the syscall whose events are of another name. */
static void add_name(struct evtset *s, struct str name)
{
	int sc = sc_find(name);
	const char *last = NULL;
	bool same = false;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		/* Enter and exit events beside each other have one name. */
		if (event_infos[t].name != last) {
			last = event_infos[t].name;
			same = str_is(name, last);
		}
		if (same || (name.len == 0 && is_generic(t)))
			evtset_add(s, t);
	}
	if (sc >= 0) {
		evtset_add(s, sc_infos[sc].exit_event);
		evtset_add(s, sc_infos[sc].exit_event & ~1u);
	}
}

/* The same; what is found is kept for the next check with this name. */
static void add_known(struct evtset_names *known, struct evtset *s, struct str name)
{
	struct evtset *found = known ? strmap_get(&known->sets, name) : NULL;

	if (known && !found) {
		found = arena_new(known->arena, struct evtset);
		if (found) {
			add_name(found, name);
			strmap_put(&known->sets, name, found);	/* or found again */
		}
	}
	if (!found)
		add_name(s, name);
	for (unsigned i = 0; found && i < EVTSET_WORDS; i++)
		s->w[i] |= found->w[i];
}

bool evtset_known_name(struct evtset_names *known, struct str name)
{
	struct evtset s = { { 0 } };

	add_known(known, &s, name);
	return evtset_count(&s) > 0;
}

const char *evtset_nearest_name(struct str name)
{
	const char *names[EVENT_TYPE_COUNT + SC_COUNT];
	size_t n = 0;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++)
		if (!is_generic(t) && !(event_infos[t].flags & EF_UNUSED))
			names[n++] = event_infos[t].name;
	for (unsigned i = 0; i < SC_COUNT; i++)
		if (sc_infos[i].name)
			names[n++] = sc_infos[i].name;
	return str_nearest(name, names, n);
}

static bool is_type_field(const struct expr *e)
{
	return e->kind == EXPR_FIELD &&
	       (str_is(e->text, "evt.type") || str_is(e->text, "syscall.type"));
}

static bool has_type_field(const struct expr *e)
{
	if (is_type_field(e))
		return true;
	for (uint32_t i = 0; i < e->nargs; i++)
		if (has_type_field(e->args[i]))
			return true;
	return false;
}

/* A check of another field, which may be true on all types, whatever they are. */
static bool says_no_type(const struct ast *check)
{
	return check->left->kind == EXPR_FIELD && !is_type_field(check->left);
}

static int refuse(const struct ast *a, const struct expr *e, const char *message,
		  struct filter_error *ret_err)
{
	*ret_err = (struct filter_error){
		.message = message, .pos = e->pos, .span = e->span, .text = a->text,
	};
	return -EINVAL;
}

static bool names_types(const struct ast *a)
{
	return a->op == OP_EQ || a->op == OP_EQ2 || a->op == OP_NE || a->op == OP_IN;
}

static int check_set(const struct ast *a, bool negated, struct evtset_names *known,
		     struct evtset *ret, struct filter_error *ret_err)
{
	struct evtset s = { { 0 } };

	if (a->left->kind == EXPR_TRANSFORM && has_type_field(a->left))
		return refuse(a, a->left,
			      "event code search does not support `evt.type` checks with "
			      "transformers",
			      ret_err);
	if (!is_type_field(a->left)) {
		*ret = set_all();
		return 0;
	}
	if (a->right)
		return refuse(a, a->right,
			      "right-hand field comparisons on `evt.type`/`syscall.type` "
			      "checks are not supported by event code search",
			      ret_err);
	if (a->op == OP_EXISTS) {
		s = set_all();
	} else if (!names_types(a) || a->modifier != MOD_NONE) {
		*ret = set_all();
		return 0;
	}
	for (uint32_t i = 0; i < a->nvalues; i++)
		add_known(known, &s, a->values[i]->text);
	*ret = negated != (a->op == OP_NE) ? set_not(s) : s;
	return 0;
}

/* `negated`: of the negation of the tree, pushed down to the leaves. */
static int tree_set(const struct ast *a, bool negated, struct evtset_names *known,
		    struct evtset *ret, struct filter_error *ret_err)
{
	struct evtset s;
	bool intersect = (a->kind == AST_AND) != negated;

	if (a->kind == AST_NOT)
		return tree_set(a->kids[0], !negated, known, ret, ret_err);
	if (a->kind == AST_CHECK)
		return check_set(a, negated, known, ret, ret_err);
	s = set_all();
	if (a->kind != AST_IDENT && !intersect)
		s = set_not(s);
	for (uint32_t i = 0; i < a->nkids; i++) {
		struct evtset kid;
		int err;

		if (a->kids[i]->kind == AST_CHECK && says_no_type(a->kids[i])) {
			if (!intersect)
				s = set_all();
			continue;
		}
		err = tree_set(a->kids[i], negated, known, &kid, ret_err);
		if (err < 0)
			return err;
		for (unsigned w = 0; w < EVTSET_WORDS; w++)
			s.w[w] = intersect ? s.w[w] & kid.w[w] : s.w[w] | kid.w[w];
	}
	*ret = s;
	return 0;
}

int filter_event_types(const struct ast *ast, struct evtset_names *known, struct evtset *ret,
		       struct filter_error *ret_err)
{
	return tree_set(ast, false, known, ret, ret_err);
}

int filter_evtset(const struct ast *ast, struct evtset *ret, struct filter_error *ret_err)
{
	struct evtset s;
	int err = filter_event_types(ast, NULL, &s, ret_err);

	if (err < 0)
		return err;
	evtset_add(&s, EV_ASYNCEVENT_E);
	*ret = s;
	return 0;
}

bool evtset_is_restricted(const struct evtset *s)
{
	uint32_t n = evtset_count(s);

	return n >= 1 && n <= RESTRICTED_MAX;
}

bool filter_is_restricted(const struct ast *ast)
{
	struct filter_error err;
	struct evtset s;

	return tree_set(ast, false, NULL, &s, &err) == 0 && evtset_is_restricted(&s);
}

uint32_t evtset_count(const struct evtset *s)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < EVTSET_WORDS; i++)
		n += (uint32_t)__builtin_popcountll(s->w[i]);
	return n;
}

bool evtset_is_all(const struct evtset *s)
{
	return evtset_count(s) == EVENT_TYPE_COUNT;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static uint32_t add_unique(const char **names, uint32_t n, uint32_t max, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return n;
	if (n < max)
		names[n++] = name;
	return n;
}

uint32_t evtset_names(const struct evtset *s, const char **names, uint32_t max)
{
	bool generic = false;
	uint32_t n = 0;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		if (!evtset_has(s, t))
			continue;
		if (is_generic(t))
			generic = true;
		else
			n = add_unique(names, n, max, event_infos[t].name);
	}
	/* Code 0 is that of calls without a name. */
	for (unsigned i = 1; generic && i < SC_COUNT; i++)
		if (sc_infos[i].name && is_generic(sc_infos[i].exit_event))
			n = add_unique(names, n, max, sc_infos[i].name);
	qsort(names, n, sizeof(*names), compare_names);
	return n;
}
