/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getopt(args, optstring): options of a command line. A row of the table in transform.c.
 *
 * optstring: option letters, ":" after a letter = takes a value. "--" ends the options, and so does
 * a word that is empty, "-" or has no dash; long options are skipped.
 */
#include "engine/field/transform.h"

static bool all_strings(const struct operand *list)
{
	if (list->kind != OPERAND_LIST)
		return value_class_of((enum param_type)list->type) == VC_STRING;
	for (uint32_t i = 0; i < list->nargs; i++)
		if (value_class_of((enum param_type)list->args[i]->type) != VC_STRING)
			return false;
	return true;
}

const char *getopt_check(struct operand *op, struct arena *a)
{
	if (!op->args[0]->is_list)
		return "getopt() first argument must be a list";
	if (op->args[1]->is_list)
		return "getopt() second argument (optstring) must be a single value";
	if (!all_strings(op->args[0]) || !all_strings(op->args[1]))
		return "getopt() arguments must be strings";
	if (op->has_index && op->index.len != 1)
		return "getopt() field argument must be a single option character";
	op->type = PT_CHARBUF;
	op->is_list = !op->has_index;
	return NULL;
}

/* What is found goes to `found`, or with `only` the last value of that option to `last`. */
struct getopt_state {
	struct event_ctx *ctx;
	struct str letters;
	bool indexed;
	char only;
	struct value *found;
	uint32_t nfound, cap;
	struct str last;	/* p == NULL: the option did not occur */
	bool failed;
};

static void add(struct getopt_state *g, struct str s)
{
	struct value *grown;

	if (g->nfound == g->cap) {
		grown = arena_grow(g->ctx->scratch, g->found, &g->cap, g->nfound + 1,
				   sizeof(*grown));
		if (!grown) {
			g->failed = true;
			return;
		}
		g->found = grown;
	}
	g->found[g->nfound++] = value_str(s);
}

static void report(struct getopt_state *g, struct str letter, struct str value, bool add_letter)
{
	if (g->indexed) {
		if (letter.p[0] == g->only)
			g->last = value.p ? value : letter;
		return;
	}
	if (add_letter)
		add(g, letter);
	if (value.p)
		add(g, value);
}

/* Is `c` an option letter: *ret_value = takes a value. */
static bool find_letter(struct str letters, char c, bool *ret_value)
{
	for (uint32_t i = letters.len && letters.p[0] == ':'; i < letters.len; i++) {
		if (letters.p[i] != c || c == ':')
			continue;
		*ret_value = i + 1 < letters.len && letters.p[i + 1] == ':';
		return true;
	}
	return false;
}

/* One word of letters. True: the next word was used up as a value. */
static bool scan_word(struct getopt_state *g, struct str word, const struct str *next)
{
	for (uint32_t i = 1; i < word.len; i++) {
		struct str letter = str_sub(word, i, i + 1);
		bool takes_value;

		if (!find_letter(g->letters, word.p[i], &takes_value)) {
			if (!g->indexed)
				add(g, STR("?"));
		} else if (!takes_value) {
			report(g, letter, STR_NONE, true);
		} else if (i + 1 < word.len) {
			report(g, letter, str_sub(word, i + 1, word.len), true);
			return false;
		} else if (next) {
			report(g, letter, *next, true);
			return true;
		} else {
			report(g, letter, STR(""), false);
		}
	}
	return false;
}

static void scan_words(struct getopt_state *g, struct value_list words)
{
	for (uint32_t i = 0; i < words.n; i++) {
		struct str w = words.v[i].s;

		if (w.len < 2 || w.p[0] != '-' || str_is(w, "--"))
			return;
		if (w.p[1] == '-')
			continue;
		i += scan_word(g, w, i + 1 < words.n ? &words.v[i + 1].s : NULL);
	}
}

bool getopt_eval(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	struct getopt_state g = { .ctx = ctx, .indexed = op->has_index };
	struct value_list words, letters;

	if (!operand_eval(op->args[0], ctx, &words) || !operand_eval(op->args[1], ctx, &letters))
		return false;
	g.letters = letters.v[0].s;
	g.only = op->has_index ? op->index.p[0] : 0;
	scan_words(&g, words);
	if (g.failed)
		return false;
	if (g.indexed)
		return g.last.p && transform_one(ctx, ret, value_str(g.last));
	*ret = (struct value_list){ g.found, g.nfound };
	return true;
}
