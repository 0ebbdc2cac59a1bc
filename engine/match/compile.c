/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules -> program. Called once per rule set by matcher_new(). Code is written from the end of a
 * condition to its beginning, so both targets of an instruction are known when it is emitted and
 * equal tails of conditions become one piece of code.
 */
#include "engine/match/compare.h"
#include "engine/match/compile.h"
#include "engine/match/normal.h"

#define SIGNATURES 8

enum { KEYS_BLOCK = 16 << 10, CHECK_BYTES = 64, CHECKS_EXPECTED_MAX = 1 << 16 };

static void *number_ptr(uint32_t n)
{
	return (void *)(uintptr_t)(n + 1ULL);
}

static uint32_t ptr_number(const void *p)
{
	return (uint32_t)((uintptr_t)p - 1);
}

/*
 * Keys under which operands and checks count as equal. The printed form is not enough: it shows the
 * constant "val(proc.name)" like the field, and '' like nothing.
 */
static void key_text(struct buf *key, char kind, struct str s)
{
	char *p = buf_reserve(key, 1 + sizeof(s.len) + s.len);

	if (!p)
		return;
	*p++ = kind;
	memcpy(p, &s.len, sizeof(s.len));
	if (s.len)
		memcpy(p + sizeof(s.len), s.p, s.len);
	key->len += 1 + sizeof(s.len) + s.len;
}

static void key_operand(struct buf *key, const struct operand *op)
{
	switch (op->kind) {
	case OPERAND_FIELD:
		key_text(key, 'f', op->field.text);
		return;
	case OPERAND_CONST:
		key_text(key, 'c', op->constant.s);
		return;
	case OPERAND_TRANSFORM:
		key_text(key, op->has_index ? 'i' : 't', str_from(op->fn->name));
		key_text(key, 'x', op->index);
		break;
	default:
		buf_add_char(key, 'l');
	}
	buf_add(key, &op->nargs, sizeof(op->nargs));
	for (uint32_t i = 0; i < op->nargs; i++)
		key_operand(key, op->args[i]);
}

static void key_check(struct buf *key, const struct ast *check)
{
	buf_add_char(key, (char)check->op);
	buf_add_char(key, (char)check->modifier);
	key_operand(key, check->lhs);
	if (check->rhs)
		key_operand(key, check->rhs);
	for (uint32_t i = 0; i < check->nvalues; i++)
		key_text(key, 'v', check->values[i]->text);
}

/* Room for one more in an array that the matcher frees; NULL: out of memory. */
static void *grow(void *v, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? 2 * *cap : 16;

	if (n < *cap)
		return v;
	v = *cap > UINT32_MAX / 2 ? NULL : realloc(v, more * size);
	if (v)
		*cap = more;
	return v;
}

/* Number stored under the key in c->text, or `next`, which is stored. */
static uint32_t intern_key(struct compiler *c, struct strmap *map, uint32_t next)
{
	void *known = strmap_get(map, buf_str(&c->text));
	struct str key;

	if (known)
		return ptr_number(known);
	key = arena_str(&c->keys, buf_str(&c->text));
	c->oom |= !key.p || c->text.err || strmap_put(map, key, number_ptr(next));
	return next;
}

bool operand_is_single(const struct operand *op)
{
	return op->kind == OPERAND_FIELD && !op->is_list && !field_is_multi(&op->field);
}

uint32_t compile_slot(struct compiler *c, const struct operand *op)
{
	struct matcher *m = c->m;
	struct slot *slots;
	uint32_t n;

	buf_clear(&c->text);
	key_operand(&c->text, op);
	n = intern_key(c, &c->slots, m->nslots);
	if (n < m->nslots || c->oom)
		return n;
	slots = grow(m->slots, m->nslots, &m->slots_cap, sizeof(*slots));
	if (!slots) {
		c->oom = true;
		return 0;
	}
	m->slots = slots;
	slots[m->nslots] = (struct slot){
		.operand = op,
		.entity = (uint8_t)entity_of_operand(op),
		.single = operand_is_single(op),
		.key = m->nslots,
		.next = NO_SLOT,
		.alias = NO_SLOT,
	};
	return m->nslots++;
}

static bool is_text(enum param_type t)
{
	enum value_class vc = value_class_of(t);

	return vc == VC_STRING || vc == VC_BYTES;
}

static bool is_integer(enum param_type t)
{
	enum value_class vc = value_class_of(t);

	return vc == VC_SIGNED || vc == VC_UNSIGNED || vc == VC_BOOL;
}

static enum atom_kind text_kind(const struct ast *check)
{
	bool any = check->op == OP_EQ || check->op == OP_EQ2;

	if (check->op == OP_IN || check->op == OP_INTERSECTS ||
	    (any && check->modifier == MOD_ANYOF))
		return ATOM_TEXT_SET;
	if (check->modifier != MOD_NONE || check->nconsts != 1)
		return ATOM_CHECK;
	if (any || check->op == OP_NE)
		return ATOM_TEXT_EQ;
	return check->op == OP_REGEX || check->op == OP_PMATCH ? ATOM_CHECK : ATOM_TEXT_OP;
}

/* "proc.aname in (...)": true when any of the ancestors is in the set. */
static bool is_any_set(const struct ast *check)
{
	const struct operand *left = check->lhs;

	if (compare_multi(left) != MULTI_ANY || check->rhs || check->modifier != MOD_NONE ||
	    check->op != OP_IN || value_class_of(left->type) != VC_STRING ||
	    left->field.info->type == PT_DYN)
		return false;
	for (uint32_t i = 0; i < check->nconsts; i++)
		if (value_class_of(check->consts[i].type) != VC_STRING)
			return false;
	return true;
}

static enum atom_kind atom_kind(const struct ast *check)
{
	const struct operand *left = check->lhs;

	if (is_any_set(check))
		return ATOM_ANY_SET;
	if (!operand_is_single(left) || check->rhs || left->field.info->type == PT_DYN ||
	    compare_is_distance(left))
		return ATOM_CHECK;
	if (check->op == OP_EXISTS)
		return ATOM_EXISTS;
	for (uint32_t i = 0; i < check->nconsts; i++)
		if (is_text(left->type) != is_text(check->consts[i].type))
			return ATOM_CHECK;
	if (is_text(left->type))
		return text_kind(check);
	if (!is_integer(left->type) || check->modifier != MOD_NONE || check->nconsts != 1 ||
	    value_class_of(left->type) != value_class_of(check->consts[0].type))
		return ATOM_CHECK;
	return check->op == OP_IN || check->op == OP_INTERSECTS ? ATOM_CHECK : ATOM_INT;
}

struct atom *compile_new_atom(struct compiler *c)
{
	struct matcher *m = c->m;
	struct atom *atoms = grow(m->atoms, m->natoms, &m->atoms_cap, sizeof(*atoms));

	if (!atoms) {
		c->oom = true;
		return NULL;
	}
	m->atoms = atoms;
	return &atoms[m->natoms];
}

/* entity_of() of a check with these operands. */
static enum entity entity_of_slots(const struct matcher *m, uint32_t left, uint32_t right)
{
	enum entity l = m->slots[left].entity;

	if (right == NO_SLOT || (l == ENTITY_PROCESS && m->slots[right].entity == l))
		return l;
	return ENTITY_EVENT;
}

static uint32_t new_atom(struct compiler *c, const struct ast *check)
{
	uint32_t left = compile_slot(c, check->lhs);
	uint32_t right = check->rhs ? compile_slot(c, check->rhs) : NO_SLOT;
	struct atom *atom = compile_new_atom(c);
	struct matcher *m = c->m;

	if (!atom || c->oom)
		return 0;
	*atom = (struct atom){
		.check = check,
		.kind = atom_kind(check),
		.entity = entity_of_slots(m, left, right),
		.negate = check->op == OP_NE,
		.left = left,
		.right = right,
		.consts = { check->consts, check->nconsts },
		.fact = NO_BIT,
		.memo_bit = NO_BIT,
		.holds = compare_text(check->op),
	};
	if (atom->kind == ATOM_TEXT_SET || atom->kind == ATOM_ANY_SET) {
		atom->set = value_set_new(&m->arena, check->consts, check->nconsts);
		c->oom |= !atom->set;
	}
	c->oom |= compile_fold_types(m, atom) != 0;
	return m->natoms++;
}

static uint32_t find_atom(struct compiler *c, const struct ast *check)
{
	uint32_t n;

	buf_clear(&c->text);
	key_check(&c->text, check);
	n = intern_key(c, &c->atoms, c->m->natoms);
	return n < c->m->natoms || c->oom ? n : new_atom(c, check);
}

/* The checks of macros come by many times. */
uint32_t compile_atom(struct compiler *c, const struct ast *check)
{
	void *known = u64map_get(&c->checks, (uintptr_t)check);
	uint32_t atom;

	if (known)
		return ptr_number(known);
	atom = find_atom(c, check);
	if (!c->oom && u64map_put(&c->checks, (uintptr_t)check, number_ptr(atom)))
		c->oom = true;
	return atom;
}

static uint32_t add_insn(struct compiler *c, uint32_t atom, uint32_t yes, uint32_t no)
{
	struct matcher *m = c->m;
	struct insn insn = { atom, yes, no }, *code;
	uint64_t hash = hash_bytes(&insn, sizeof(insn), 0);
	void *known = u64map_get(&c->code, hash);

	if (yes == no)
		return yes;
	if (known && !memcmp(&m->code[ptr_number(known)], &insn, sizeof(insn)))
		return ptr_number(known);
	code = grow(m->code, m->ncode, &m->code_cap, sizeof(*code));
	if (code)
		m->code = code;
	if (!code || u64map_put(&c->code, hash, number_ptr(m->ncode))) {
		c->oom = true;
		return PC_FAIL;
	}
	code[m->ncode] = insn;
	return m->ncode++;
}

static uint32_t compile_check(struct compiler *c, const struct ast *check, uint32_t yes,
			      uint32_t no)
{
	uint32_t n = compile_atom(c, check);
	struct atom *atom;

	if (c->oom)
		return PC_FAIL;
	atom = &c->m->atoms[n];
	atom->plain = true;
	if (atom->type_known && evtset_has(atom->type_known, c->type))
		return evtset_has(atom->type_true, c->type) ? yes : no;
	return add_insn(c, n, yes, no);
}

static uint32_t compile_node(struct compiler *c, const struct ast *ast, uint32_t yes, uint32_t no);

/* Operands of an AND or OR from the last to the first; each either decides or leads to the next. */
static uint32_t compile_chain(struct compiler *c, const struct ast *ast, uint32_t yes, uint32_t no)
{
	const uint32_t *places = join_places(c, ast);
	bool is_and = ast->kind == AST_AND;
	uint32_t pc = is_and ? yes : no, decided = is_and ? no : yes;

	for (uint32_t i = ast->nkids; i-- > 0 && !c->oom;) {
		uint32_t place = places ? places[i] : JOIN_NONE;

		if (place == JOIN_SKIP)
			continue;
		if (place != JOIN_NONE)
			pc = add_insn(c, place, decided, pc);
		else if (is_and)
			pc = compile_node(c, ast->kids[i], pc, no);
		else
			pc = compile_node(c, ast->kids[i], yes, pc);
	}
	return pc;
}

/* Code for `ast` that goes on at `yes` or `no`; returns where it starts. */
static uint32_t compile_node(struct compiler *c, const struct ast *ast, uint32_t yes, uint32_t no)
{
	if (c->oom)
		return PC_FAIL;
	switch (ast->kind) {
	case AST_AND:
	case AST_OR:
		return compile_chain(c, ast, yes, no);
	case AST_NOT:
		return compile_node(c, ast->kids[0], no, yes);
	case AST_CHECK:
		return compile_check(c, ast, yes, no);
	default:
		return no;
	}
}

/* Types on which the checks of evt.type and evt.dir in a rule have equal results share code. */
struct signatures {
	const struct ast *checks[64];
	uint32_t atoms[64], nchecks;
	bool too_many;
	struct {
		uint64_t known, truth;
		uint32_t pc;
	} seen[SIGNATURES];
	uint32_t nseen;
};

static void find_type_checks(struct compiler *c, const struct ast *ast, struct signatures *s)
{
	if (ast->kind == AST_CHECK) {
		if (!compile_fold_may(ast))
			return;
		if (s->nchecks == ARRAY_SIZE(s->checks))
			s->too_many = true;
		else
			s->checks[s->nchecks++] = ast;
		return;
	}
	for (uint32_t i = 0; i < ast->nkids && !c->oom; i++)
		find_type_checks(c, ast->kids[i], s);
}

static uint32_t compile_for_type(struct compiler *c, const struct ast *ast, struct signatures *s)
{
	uint64_t known = 0, truth = 0;
	uint32_t pc;

	if (s->too_many)
		return compile_node(c, ast, PC_MATCH, PC_FAIL);
	for (uint32_t i = 0; i < s->nchecks; i++) {
		const struct atom *atom = &c->m->atoms[s->atoms[i]];

		known |= (uint64_t)evtset_has(atom->type_known, c->type) << i;
		truth |= (uint64_t)evtset_has(atom->type_true, c->type) << i;
	}
	for (uint32_t i = 0; i < s->nseen; i++)
		if (s->seen[i].known == known && s->seen[i].truth == truth)
			return s->seen[i].pc;
	pc = compile_node(c, ast, PC_MATCH, PC_FAIL);
	if (s->nseen < SIGNATURES) {
		s->seen[s->nseen].known = known;
		s->seen[s->nseen].truth = truth;
		s->seen[s->nseen++].pc = pc;
	}
	return pc;
}

static struct source_rules *add_source(struct matcher *m, struct str source)
{
	struct source_rules **sources;

	for (uint32_t i = 0; i < m->nsources; i++)
		if (str_eq(m->sources[i]->source, source))
			return m->sources[i];
	sources = arena_grow(&m->arena, m->sources, &m->sources_cap, m->nsources + 1,
			     sizeof(*sources));
	if (!sources)
		return NULL;
	m->sources = sources;
	sources[m->nsources] = arena_new(&m->arena, struct source_rules);
	if (!sources[m->nsources])
		return NULL;
	sources[m->nsources]->source = source;
	return sources[m->nsources++];
}

static int add_entry(struct matcher *m, struct rule_list **list, const struct rule *rule,
		     uint32_t pc)
{
	struct rule_list *l = *list ? *list : arena_new(&m->arena, struct rule_list);
	struct rule_entry *entries;

	if (!l)
		return -ENOMEM;
	/* `words` is the capacity of the array until guard_prepare() gives it its meaning. */
	entries = arena_grow(&m->arena, (struct rule_entry *)l->entries, &l->words, l->n + 1,
			     sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	entries[l->n++] = (struct rule_entry){ rule, pc };
	l->entries = entries;
	*list = l;
	return 0;
}

static int compile_rule(struct compiler *c, const struct rule *rule, const struct ast *ast)
{
	struct source_rules *src = add_source(c->m, rule->source);
	struct signatures s = { .nchecks = 0 };

	if (!src || !ast)
		return -ENOMEM;
	find_type_checks(c, ast, &s);
	for (uint32_t i = 0; i < s.nchecks && !s.too_many; i++)
		s.atoms[i] = compile_atom(c, s.checks[i]);
	for (c->type = evtset_next(&rule->events, 0); c->type < EVENT_TYPE_COUNT && !c->oom;
	     c->type = evtset_next(&rule->events, c->type + 1)) {
		uint32_t pc = compile_for_type(c, ast, &s);

		if (pc == PC_FAIL)
			continue;
		c->m->events.w[c->type / 64] |= 1ULL << (c->type % 64);
		if (add_entry(c->m, &src->types[c->type], rule, pc))
			return -ENOMEM;
	}
	return c->oom ? -ENOMEM : 0;
}

/* How many checks, or instructions: one for so many bytes of conditions. */
static uint32_t expected_checks(const struct ruleset *rs)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < rs->nrules; i++)
		bytes += rs->rules[i]->condition.s.len;
	for (uint32_t i = 0; i < rs->nmacros; i++)
		bytes += rs->macros[i]->condition.s.len;
	return (uint32_t)MIN(bytes / CHECK_BYTES, (uint64_t)CHECKS_EXPECTED_MAX);
}

static int make_code(struct matcher *m)
{
	uint32_t checks = expected_checks(m->rules);
	struct compiler c = { .m = m };
	struct normal normal;
	int r = 0;

	normal_init(&normal, &m->arena);
	arena_init(&c.keys, KEYS_BLOCK, 0);
	if (u64map_reserve(&c.checks, checks) || u64map_reserve(&c.code, checks))
		r = -ENOMEM;
	for (uint32_t i = 0; i < m->rules->nrules && !r; i++) {
		const struct rule *rule = m->rules->rules[i];

		if (rule->active && rule->ast)
			r = compile_rule(&c, rule, normal_form(&normal, rule->ast));
	}
	normal_done(&normal);
	strmap_done(&c.atoms);
	strmap_done(&c.slots);
	u64map_done(&c.checks);
	u64map_done(&c.joins);
	u64map_done(&c.code);
	arena_done(&c.keys);
	buf_done(&c.text);
	return r;
}

int compile_rules(struct matcher *m)
{
	int r = make_code(m);

	/* In the memory that making the code needed. */
	if (!r) {
		m->results = arena_zalloc(&m->arena, MAX(m->natoms, 1U) * sizeof(*m->results));
		r = m->results ? guard_prepare(m) : -ENOMEM;
		foresee_prepare(m);
	}
	return r;
}
