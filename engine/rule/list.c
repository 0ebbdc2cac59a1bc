/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: definition, one level of lists in lists, and textual expansion. The contract is "for every
 * list in order of definition, replace its name everywhere". A name that was replaced in its turn
 * leaves text in which only later lists can still be replaced, so each list has one final text, and
 * a condition is expanded in a single pass over its words.
 */
#include "engine/rule/collect.h"

static bool is_delimiter(char c)
{
	static const bool delimiters[256] = {
		[' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, ['\b'] = true,
		['('] = true, [')'] = true, [','] = true, ['='] = true,
	};

	return delimiters[(unsigned char)c];
}

static bool has_blank(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r')
			return true;
	return false;
}

static bool has_delimiter(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (is_delimiter(s.p[i]))
			return true;
	return false;
}

/* Lengths of the names that begin like this one. */
static uint64_t *lens_of(struct loader *l, struct str name)
{
	return &l->list_lens[name.len ? (unsigned char)name.p[0] : 0];
}

static uint64_t len_bit(struct str name)
{
	return 1ULL << MIN(name.len, 63U);
}

/* Every word of every condition is looked up, and hardly any is a list. */
static struct load_list *find_list(struct loader *l, struct str name)
{
	return *lens_of(l, name) & len_bit(name) ? strmap_get(&l->lists_by_name, name) : NULL;
}

static bool name_is_valid(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (strchr("()\"'=,", s.p[i]) || (s.p[i] >= '\t' && s.p[i] <= '\r') ||
		    s.p[i] == ' ')
			return false;
	return true;
}

/* ---- definition ---------------------------------------------------------------------------- */

/* Such names cannot be found by looking at words, each is searched for. */
static bool add_odd(struct loader *l, struct load_list *list)
{
	struct load_list **v;

	if (limit_over(l->limits, LIMIT_ODD_LISTS, l->nodd + 1)) {
		report(l, DIAG_ERR_VALIDATE, &list->place,
		       "Too many lists with blanks or parentheses in their names");
		return true;
	}
	v = arena_grow(&l->arena, l->odd, &l->cap_odd, l->nodd + 1, sizeof(*v));
	if (!v)
		return oom(l);
	l->odd = v;
	v[l->nodd++] = list;
	return true;
}

static struct load_list *list_new(struct loader *l, const struct item *it)
{
	struct load_list *list = arena_new(&l->arena, struct load_list);
	struct load_list **v = arena_grow(&l->arena, l->lists, &l->cap_lists, l->nlists + 1,
					  sizeof(*v));

	if (v)
		l->lists = v;
	if (!v || !list)
		goto fail;
	list->pub = arena_new(&l->rs->arena, struct ruleset_list);
	if (!list->pub)
		goto fail;
	list->pub->name.s = it->name;
	list->place = it->place;
	list->index = l->nlists;
	list->layer = l->layer;
	list->odd_name = has_delimiter(it->name);
	if (strmap_put(&l->lists_by_name, list->pub->name.s, list))
		goto fail;
	*lens_of(l, it->name) |= len_bit(it->name);
	v[l->nlists++] = list;
	if (list->odd_name && !add_odd(l, list))
		goto fail;
	return list;
fail:
	l->oom = true;
	return NULL;
}

static bool is_append(const struct override *o, uint32_t n)
{
	return n && o[0].append;
}

void list_define(struct loader *l, struct item *it)
{
	struct load_list *list = find_list(l, it->name);
	const struct yaml_node *items = yaml_get(it->map, "items");
	struct override *overrides = NULL;
	struct place at;
	bool append;
	uint32_t n;

	if (!name_is_valid(it->name))
		report(l, DIAG_INVALID_LIST_NAME, &it->place,
		       "List has an invalid name. List names should match a regular expression: "
		       "([^()\"'[:space:]=,]+)");
	if (!append_collect(l, it, &append) || override_conflict(l, it, append) ||
	    !override_collect(l, it, list_keys, list_nkeys, &overrides, &n))
		return;
	append |= overrides && is_append(overrides, n);
	if (!items) {
		report(l, DIAG_ERR_YAML_VALIDATE, &it->place,
		       "Item has no mapping for key 'items'");
	} else if (append && !list && !l->incomplete) {
		report_nearest(l, report(l, DIAG_ERR_VALIDATE, &it->place,
					 "List uses 'append' or 'override.items: append' but no "
					 "list by that name already exists"),
			       &l->lists_by_name, it->name);
		return;
	}
	if (list &&
	    (overrides && n ? !layer_may_change(l, it, list->layer, &list->place)
			    : !append && !layer_may_define(l, it, list->layer, &list->place)))
		return;
	if (!list)
		list = list_new(l, it);
	if (!list)
		return;
	if (!append) {
		list->pub->items = NULL;
		list->pub->nitems = 0;
		list->place = it->place;
	}
	list->visibility = ++l->clock;
	if (!list->first)
		list->first = list->visibility;
	at = place_of(&it->place, "value for", STR("items"), items);
	if (!items || !decode_texts(l, &at, items, &list->pub->items, &list->pub->nitems))
		list->broken = true;
}

/* ---- what a name stands for ---------------------------------------------------------------- */

static bool add_ref(struct loader *l, struct load_list *list, struct load_list *ref)
{
	struct load_list **v = arena_grow(&l->arena, list->refs, &list->cap_refs, list->nrefs + 1,
					  sizeof(*v));

	if (!v)
		return oom(l);
	list->refs = v;
	v[list->nrefs++] = ref;
	return true;
}

/* First time in this round? Keeps sets of lists without searching them. */
static bool first_time(struct load_list *list, uint32_t round)
{
	bool first = list->round != round;

	list->round = round;
	return first;
}

static bool names_lists(struct loader *l, const struct ruleset_list *p)
{
	for (uint32_t i = 0; i < p->nitems; i++)
		if (find_list(l, p->items[i]))
			return true;
	return false;
}

/* Items that name a list defined before are replaced by that list's items as written. */
static bool compile_items(struct loader *l, struct load_list *list)
{
	struct ruleset_list *p = list->pub;
	uint32_t round = ++l->round;

	if (!names_lists(l, p) &&
	    l->compiled_items + p->nitems <= l->limits->max[LIMIT_YAML_NODES]) {
		l->compiled_items += p->nitems;
		p->compiled = p->items;
		p->ncompiled = p->nitems;
		return true;
	}
	for (uint32_t i = 0; i < p->nitems; i++) {
		struct load_list *ref = find_list(l, p->items[i]);
		const struct str *items = &p->items[i];
		uint32_t n = 1;

		if (ref && ref != list && ref->first < list->visibility) {
			items = ref->pub->items;
			n = ref->pub->nitems;
			ref->pub->used = true;
		}
		if (ref && ref != list && first_time(ref, round) &&
		    !strs_add(l, &p->lists, &p->nlists, p->items[i]))
			return false;
		l->compiled_items += n;
		if (limit_over(l->limits, LIMIT_YAML_NODES, l->compiled_items)) {
			report(l, DIAG_ERR_VALIDATE, &list->place,
			       "Too many items when the lists in the list are expanded");
			list->broken = true;
			return true;
		}
		for (uint32_t k = 0; k < n; k++)
			if (!strs_add(l, &p->compiled, &p->ncompiled, items[k]))
				return false;
	}
	return true;
}

static void join_items(const struct ruleset_list *p, struct buf *out)
{
	for (uint32_t i = 0; i < p->ncompiled; i++) {
		struct str s = p->compiled[i];
		bool quote = has_blank(s) && s.p[0] != '"' && s.p[0] != '\'';

		if (!s.len)
			continue;
		if (out->len)
			buf_add_c(out, ", ");
		if (quote)
			buf_add_char(out, '"');
		buf_add_str(out, s);
		if (quote)
			buf_add_char(out, '"');
	}
}

/* State of one expansion. */
struct expansion {
	struct loader *l;
	struct str text;
	const struct origin *in;
	struct gen *out;
	struct load_list *list;		/* whose text this is: only later lists are replaced */
	uint32_t round;
	bool drop_comma;		/* an empty list takes the comma behind it along */
};

static bool only_blanks(struct str s)
{
	return str_trim(s).len == 0;
}

/* An empty list takes one comma along: the one before it, else the one after it. */
static void expand_to_nothing(struct expansion *x)
{
	struct str done = buf_str(x->out->out);
	uint32_t n = done.len;

	while (n && (is_delimiter(done.p[n - 1]) && !strchr("(),=", done.p[n - 1])))
		n--;
	if (n && done.p[n - 1] == ',')
		gen_cut(x->out, n - 1);
	else
		x->drop_comma = true;
}

static bool note_hit(struct expansion *x, struct load_list *hit)
{
	if (!first_time(hit, x->round))
		return true;
	if (x->list)
		return add_ref(x->l, x->list, hit);
	hit->in_condition = true;
	return true;
}

static int expand_hit(struct expansion *x, struct load_list *hit, uint32_t at)
{
	const struct source *src = hit->place.src;
	uint32_t from = hit->place.offset;

	if (!note_hit(x, hit))
		return -ENOMEM;
	x->l->expanded += hit->full.len;
	if (x->out->out->len + hit->full.len > x->l->limits->max[LIMIT_CONDITION_BYTES] ||
	    x->l->expanded > x->l->limits->max[LIMIT_RULE_FILE_BYTES]) {
		x->l->limits->hits[LIMIT_CONDITION_BYTES]++;
		return -E2BIG;
	}
	if (only_blanks(hit->full)) {
		expand_to_nothing(x);
		return 0;
	}
	if (x->out->map)
		origin_find(x->in, at, &src, &from);
	gen_fixed(x->out, hit->full, src, from);
	return 0;
}

static struct load_list *usable(const struct expansion *x, struct load_list *list)
{
	return list && (!x->list || list->index > x->list->index) ? list : NULL;
}

/* A list with blanks in its name that starts here, or NULL. */
static struct load_list *odd_list_at(const struct expansion *x, uint32_t at)
{
	struct str rest = str_sub(x->text, at, x->text.len);

	for (uint32_t i = 0; i < x->l->nodd; i++) {
		struct load_list *list = x->l->odd[i];
		uint32_t n = list->pub->name.s.len;

		if (usable(x, list) && str_starts(rest, list->pub->name.s) &&
		    (n == rest.len || is_delimiter(rest.p[n])))
			return list;
	}
	return NULL;
}

/* The delimiters between two words, without a comma that goes with an empty list. */
static void copy_delimiters(struct expansion *x, uint32_t from, uint32_t to)
{
	uint32_t comma = from;

	if (x->drop_comma && from < to) {
		while (comma < to && !strchr("(),=", x->text.p[comma]))
			comma++;
		if (comma < to && x->text.p[comma] == ',') {
			gen_copy(x->out, x->text, from, comma, x->in);
			from = comma + 1;
		}
		x->drop_comma = false;
	}
	gen_copy(x->out, x->text, from, to, x->in);
}

static uint32_t word_start(struct str s, uint32_t from)
{
	const char *p = s.p + from, *end = s.p + s.len;

	while (p < end && is_delimiter(*p))
		p++;
	return (uint32_t)(p - s.p);
}

static uint32_t word_end(struct str s, uint32_t from)
{
	const char *p = s.p + from, *end = s.p + s.len;

	while (p < end && !is_delimiter(*p))
		p++;
	return (uint32_t)(p - s.p);
}

static int expand(struct expansion *x)
{
	const struct str t = x->text;
	uint32_t at = 0, kept = 0;	/* text up to `kept` is in the output */

	while (at < t.len) {
		uint32_t start = word_start(t, at), end = word_end(t, start);
		struct load_list *hit;
		int err;

		hit = x->l->nodd ? odd_list_at(x, start) : NULL;
		if (hit)
			end = start + hit->pub->name.s.len;
		else
			hit = usable(x, find_list(x->l, str_sub(t, start, end)));
		if (x->drop_comma) {
			copy_delimiters(x, kept, start);
			kept = start;
		}
		at = end;
		if (!hit || start == end)
			continue;
		gen_copy(x->out, t, kept, start, x->in);
		kept = end;
		err = expand_hit(x, hit, start);
		if (err)
			return err;
	}
	gen_copy(x->out, t, kept, t.len, x->in);
	return x->out->out->err;
}

int list_expand(struct loader *l, struct str text, const struct origin *in, struct gen *out)
{
	struct expansion x = { l, text, in, out, NULL, ++l->round, false };

	return expand(&x);
}

static bool compile_full(struct loader *l, struct load_list *list)
{
	struct gen out = { &l->full, NULL };
	struct expansion x = { .l = l, .out = &out, .list = list, .round = ++l->round };
	int err;

	buf_clear(&l->text);
	buf_clear(&l->full);
	join_items(list->pub, &l->text);
	x.text = buf_str(&l->text);
	err = l->text.err ? l->text.err : expand(&x);
	if (err == -E2BIG) {
		report(l, DIAG_ERR_VALIDATE, &list->place,
		       "List is longer than %llu bytes when the lists in it are expanded",
		       (unsigned long long)l->limits->max[LIMIT_CONDITION_BYTES]);
		list->broken = true;
		buf_clear(&l->full);
	} else if (err) {
		return oom(l);
	}
	list->full = arena_str(&l->arena, buf_str(&l->full));
	return list->full.p ? true : oom(l);
}

void list_compile_all(struct loader *l)
{
	for (uint32_t i = 0; i < l->nlists; i++)
		if (!compile_items(l, l->lists[i]))
			return;
	/* From the last to the first: a text only refers to lists behind its own. */
	for (uint32_t i = l->nlists; i-- > 0;)
		if (!compile_full(l, l->lists[i]))
			return;
}

/* What a condition names is used, and what was found on the way to its text. */
void list_settle_used(struct loader *l)
{
	for (uint32_t i = 0; i < l->nlists; i++) {
		struct load_list *list = l->lists[i];

		if (!list->in_condition)
			continue;
		list->pub->used = true;
		for (uint32_t k = 0; k < list->nrefs; k++)	/* all of them come later */
			list->refs[k]->in_condition = true;
	}
}
