/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings old event forms to the newest one by the rows of convert.def. Called by the trace reader
 * for every event; events in current form leave after one table lookup. Converted events live in
 * two work buffers used in turn (a step reads the result of the one before); stored enter events
 * in slots of their own, found by thread id and recycled, the oldest first when a limit is hit.
 */
#include <assert.h>

#include "engine/base/json.h"
#include "engine/base/map.h"
#include "engine/event/convert.h"
#include "engine/event/event_info.h"

enum source_kind { FROM_OLD, FROM_ENTER, FROM_NOTHING, FROM_MAKER };
enum fallback { EMPTY_VALUE, DEFAULT_VALUE };
enum action { ACT_STORE, ACT_STORE_AND_PASS, ACT_PASS, ACT_ADD, ACT_CHANGE };

typedef void make_fn(struct event *ev, struct buf *out);

/* Where one parameter of the new form comes from. */
struct source {
	uint8_t to;
	uint8_t kind;
	uint8_t from;
	uint8_t fallback;
	make_fn *make;
};

struct rule {
	uint16_t type, new_type;
	uint8_t nparams, action, nsources;
	const struct source *sources;
};

static void container_json(struct event *ev, struct buf *out);

#define FALLBACK_EMPTY EMPTY_VALUE
#define FALLBACK_DEFAULT DEFAULT_VALUE
#define STORE(type, n)
#define STORE_AND_PASS(type, n)
#define PASS(type, n)
#define ADD(type, n) static const struct source sources_##type##_##n[] = {
#define CHANGE(type, n, newer) static const struct source sources_##type##_##n[] = {
#define OLD(to, from) { to, FROM_OLD, from, EMPTY_VALUE, NULL },
#define ENTER(to, from, fallback) { to, FROM_ENTER, from, FALLBACK_##fallback, NULL },
#define EMPTY(to) { to, FROM_NOTHING, 0, EMPTY_VALUE, NULL },
#define DEFAULT(to) { to, FROM_NOTHING, 0, DEFAULT_VALUE, NULL },
#define MADE(to, function) { to, FROM_MAKER, 0, EMPTY_VALUE, function },
#define END(type, n) };
#include "engine/event/convert.def"
#undef STORE
#undef STORE_AND_PASS
#undef PASS
#undef ADD
#undef CHANGE
#undef OLD
#undef ENTER
#undef EMPTY
#undef DEFAULT
#undef MADE
#undef END

/* In order of type and number of parameters. */
static const struct rule rules[] = {
#define KEEP(type, n, action) { EV_##type, EV_##type, n, action, 0, NULL },
#define BUILD(type, n, newer, action) \
	{ EV_##type, EV_##newer, n, action, ARRAY_SIZE(sources_##type##_##n), \
	  sources_##type##_##n },
#define STORE(type, n) KEEP(type, n, ACT_STORE)
#define STORE_AND_PASS(type, n) KEEP(type, n, ACT_STORE_AND_PASS)
#define PASS(type, n) KEEP(type, n, ACT_PASS)
#define ADD(type, n) BUILD(type, n, type, ACT_ADD)
#define CHANGE(type, n, newer) BUILD(type, n, newer, ACT_CHANGE)
#define OLD(to, from)
#define ENTER(to, from, fallback)
#define EMPTY(to)
#define DEFAULT(to)
#define MADE(to, function)
#define END(type, n)
#include "engine/event/convert.def"
};

enum need { NEED_NOTHING, NEED_DROP, NEED_ALL_PARAMS, NEED_RULE };

/* A stored enter event: u32 lengths, then the values. */
struct stored {
	int64_t tid;
	uint16_t type, nparams;
	uint32_t len, cap;
	uint8_t *bytes;
	struct stored *older, *newer;	/* while free: newer is the next free one */
};

struct work {
	uint32_t lens[EVENT_PARAMS_MAX];
	struct buf data;
};

struct converter {
	struct limits *limits;
	uint8_t need[EVENT_TYPE_COUNT];
	uint16_t first_rule[EVENT_TYPE_COUNT + 1];
	struct u64map by_tid;
	struct stored *oldest, *newest, *free;
	size_t stored_bytes;
	struct work work[2];
	struct buf made;
	unsigned turn;
	uint64_t missing;
};

/* What the flags of a type ask for. */
static enum need type_need(unsigned type)
{
	unsigned flags = event_infos[type].flags;
	bool is_exit = event_infos[type].is_exit;

	if (flags & EF_UNUSED)
		return NEED_DROP;
	if (!(flags & EF_CONVERTER_MANAGED))
		return flags & EF_OLD_VERSION && !is_exit ? NEED_DROP : NEED_NOTHING;
	return is_exit && !(flags & EF_OLD_VERSION) ? NEED_ALL_PARAMS : NEED_RULE;
}

static void index_rules(struct converter *c)
{
	size_t next = 0;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		c->need[t] = type_need(t);
		c->first_rule[t] = next;
		while (next < ARRAY_SIZE(rules) && rules[next].type == t) {
			const struct rule *r = &rules[next++];

			for (unsigned i = 0; i < r->nsources; i++)
				assert(r->sources[i].to ==
				       i + (r->action == ACT_ADD ? r->nparams : 0));
		}
	}
	c->first_rule[EVENT_TYPE_COUNT] = next;
	assert(next == ARRAY_SIZE(rules));
}

struct converter *converter_new(struct limits *limits)
{
	struct converter *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->limits = limits;
	index_rules(c);
	return c;
}

static void stored_unlink(struct converter *c, struct stored *s)
{
	*(s->older ? &s->older->newer : &c->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &c->newest) = s->older;
	u64map_remove(&c->by_tid, (uint64_t)s->tid);
	c->stored_bytes -= s->cap;
}

static void stored_release(struct converter *c, struct stored *s)
{
	stored_unlink(c, s);
	/* Large ones are rare; their memory must not stay behind in free slots. */
	if (s->cap > 4096) {
		free(s->bytes);
		s->bytes = NULL;
		s->cap = 0;
	}
	s->newer = c->free;
	c->free = s;
}

void converter_reset(struct converter *c)
{
	while (c->oldest)
		stored_release(c, c->oldest);
}

void converter_free(struct converter *c)
{
	if (!c)
		return;
	converter_reset(c);
	while (c->free) {
		struct stored *s = c->free;

		c->free = s->newer;
		free(s->bytes);
		free(s);
	}
	u64map_done(&c->by_tid);
	for (unsigned i = 0; i < ARRAY_SIZE(c->work); i++)
		buf_done(&c->work[i].data);
	buf_done(&c->made);
	free(c);
}

/* A slot that can hold `len` bytes and is not linked, or NULL. */
static struct stored *stored_new(struct converter *c, uint32_t len)
{
	struct stored *s = c->free;

	if (s)
		c->free = s->newer;
	else
		s = calloc(1, sizeof(*s));
	if (s && s->cap < len) {
		uint32_t cap = align_up(MAX(len, 64u), 64);
		uint8_t *bytes = realloc(s->bytes, cap);

		if (!bytes) {
			s->newer = c->free;
			c->free = s;
			return NULL;
		}
		s->bytes = bytes;
		s->cap = cap;
	}
	return s;
}

static int store_enter(struct converter *c, const struct event *ev)
{
	uint32_t lens_len = ev->nparams * 4, data_len = ev->off[ev->nparams];
	struct stored *s = u64map_get(&c->by_tid, (uint64_t)ev->tid);
	int r;

	if (s)
		stored_release(c, s);
	if (limit_over(c->limits, LIMIT_STORED_ENTER_BYTES, (uint64_t)lens_len + data_len))
		return 0;
	while (c->oldest &&
	       (limit_over(c->limits, LIMIT_STORED_ENTERS, c->by_tid.count + 1ull) ||
		limit_over(c->limits, LIMIT_STORED_ENTER_BYTES,
			   c->stored_bytes + lens_len + data_len)))
		stored_release(c, c->oldest);
	s = stored_new(c, lens_len + data_len);
	if (!s)
		return -ENOMEM;
	s->tid = ev->tid;
	s->type = ev->type;
	s->nparams = ev->nparams;
	s->len = lens_len + data_len;
	for (unsigned i = 0; i < ev->nparams; i++)
		store_u32(s->bytes + 4 * i, ev->off[i + 1] - ev->off[i]);
	if (data_len)
		memcpy(s->bytes + lens_len, ev->data, data_len);
	r = u64map_put(&c->by_tid, (uint64_t)s->tid, s);
	if (r < 0) {
		s->newer = c->free;
		c->free = s;
		return r;
	}
	s->newer = NULL;
	s->older = c->newest;
	*(s->older ? &s->older->newer : &c->oldest) = s;
	c->newest = s;
	c->stored_bytes += s->cap;
	return 0;
}

static int stored_view(const struct stored *s, struct event *ret_ev)
{
	uint32_t lens_len = s->nparams * 4;

	ret_ev->tid = s->tid;
	return event_view(ret_ev, s->type, s->nparams, true, s->bytes, s->bytes + lens_len,
			  s->len - lens_len);
}

int converter_stored(const struct converter *c, int64_t tid, struct event *ret_ev)
{
	const struct stored *s = u64map_get(&c->by_tid, (uint64_t)tid);

	return s ? stored_view(s, ret_ev) : -ENOENT;
}

static const struct rule *find_rule(const struct converter *c, unsigned type, unsigned nparams)
{
	for (unsigned i = c->first_rule[type]; i < c->first_rule[type + 1]; i++)
		if (rules[i].nparams == nparams)
			return &rules[i];
	return NULL;
}

/* Zero of the size of the type, all ones for ids of users and groups. */
static struct str default_value(unsigned type)
{
	static const char zeros[16], ones[4] = { -1, -1, -1, -1 };

	if (type == PT_UID || type == PT_GID)
		return (struct str){ ones, sizeof(ones) };
	return (struct str){ zeros, MIN(param_type_size(type), sizeof(zeros)) };
}

static void json_text(struct json *j, const char *key, struct str v)
{
	json_key(j, key);
	json_str(j, v.p ? v : STR(""));
}

/* Old container events carried four values where newer ones carry a document. */
static void container_json(struct event *ev, struct buf *out)
{
	struct json j = json_start(out);
	uint64_t type = 0;

	event_get_u64(ev, CONTAINER_E_type, &type);
	json_obj(&j);
	json_text(&j, "id", event_get_text(ev, CONTAINER_E_id));
	json_key(&j, "type");
	json_u64(&j, type);
	json_text(&j, "name", event_get_text(ev, CONTAINER_E_name));
	json_text(&j, "image", event_get_text(ev, CONTAINER_E_image));
	json_obj_end(&j);
	buf_add(out, "", 1);
}

/* A new form under construction. */
struct build {
	struct work *w;
	unsigned nparams;
};

static struct build build_start(struct converter *c)
{
	struct build b = { &c->work[c->turn ^= 1], 0 };

	buf_clear(&b.w->data);
	return b;
}

static void build_add(struct build *b, struct str v)
{
	b->w->lens[b->nparams++] = v.len;
	if (v.len)
		buf_add(&b->w->data, v.p, v.len);
}

static void build_keep_all(struct build *b, const struct event *ev)
{
	for (unsigned i = 0; i < ev->nparams; i++)
		b->w->lens[b->nparams++] = ev->off[i + 1] - ev->off[i];
	if (ev->off[ev->nparams])
		buf_add(&b->w->data, ev->data, ev->off[ev->nparams]);
}

static int build_finish(struct build *b, unsigned type, struct event *ev)
{
	if (b->w->data.err)
		return b->w->data.err;
	return event_view(ev, type, b->nparams, true, (const uint8_t *)b->w->lens,
			  (const uint8_t *)buf_str(&b->w->data).p, b->w->data.len);
}

static struct str source_value(struct converter *c, const struct source *s, unsigned type,
			       struct event *ev, struct event *enter, bool *used)
{
	struct str v = STR_NONE;

	switch (s->kind) {
	case FROM_OLD:
		v = event_param(ev, s->from);
		break;
	case FROM_ENTER:
		v = event_param(enter, s->from);
		*used |= v.p != NULL;
		break;
	case FROM_MAKER:
		buf_clear(&c->made);
		s->make(ev, &c->made);
		v = buf_str(&c->made);
		break;
	}
	if (!v.p && s->fallback == DEFAULT_VALUE)
		v = default_value(type);
	if (param_type_size(type))
		v.len = MIN(v.len, param_type_size(type));
	return v;
}

static int apply_rule(struct converter *c, const struct rule *r, struct event *ev)
{
	struct stored *s = u64map_get(&c->by_tid, (uint64_t)ev->tid);
	struct build b = build_start(c);
	struct event enter = { .nparams = 0 };
	bool used = false;
	int err;

	/* The enter event of another call: the one of this exit was lost. */
	if (s && s->type == (uint16_t)(ev->type - 1)) {
		err = stored_view(s, &enter);
		if (err < 0)
			return err;
	}
	if (r->action == ACT_ADD)
		build_keep_all(&b, ev);
	for (unsigned i = 0; i < r->nsources; i++) {
		const struct source *src = &r->sources[i];
		unsigned type = event_infos[r->new_type].params[src->to].type;

		build_add(&b, source_value(c, src, type, ev, &enter, &used));
	}
	err = build_finish(&b, r->new_type, ev);
	if (err == 0 && used)
		stored_release(c, s);
	return err;
}

static bool is_current(const struct converter *c, const struct event *ev)
{
	unsigned need = c->need[ev->type];

	return need == NEED_NOTHING ||
	       (need == NEED_ALL_PARAMS && ev->nparams >= ev->info->nparams);
}

static int pad(struct converter *c, struct event *ev, unsigned nparams)
{
	struct build b = build_start(c);

	build_keep_all(&b, ev);
	while (b.nparams < nparams)
		build_add(&b, (struct str){ "", 0 });
	return build_finish(&b, ev->type, ev);
}

/* A form nobody wrote a rule for: fill up to the next known one. */
static int without_rule(struct converter *c, struct event *ev)
{
	int r = 0;

	c->missing++;
	for (unsigned i = c->first_rule[ev->type]; i < c->first_rule[ev->type + 1]; i++) {
		if (rules[i].nparams > ev->nparams) {
			r = pad(c, ev, rules[i].nparams);
			return r < 0 ? r : CONVERT_CONTINUE;
		}
	}
	if (ev->info->flags & EF_OLD_VERSION && !ev->info->is_exit)
		return CONVERT_DROP;
	if (ev->nparams < ev->info->nparams)
		r = pad(c, ev, ev->info->nparams);
	return r < 0 ? r : CONVERT_PASS;
}

int convert_step(struct converter *c, struct event *ev)
{
	const struct rule *rule;
	int r;

	if (is_current(c, ev))
		return CONVERT_PASS;
	if (c->need[ev->type] == NEED_DROP)
		return CONVERT_DROP;
	rule = find_rule(c, ev->type, ev->nparams);
	if (!rule)
		return without_rule(c, ev);
	switch (rule->action) {
	case ACT_PASS:
		return CONVERT_PASS;
	case ACT_STORE:
		r = store_enter(c, ev);
		return r < 0 ? r : CONVERT_DROP;
	case ACT_STORE_AND_PASS:
		r = store_enter(c, ev);
		return r < 0 ? r : CONVERT_PASS;
	}
	r = apply_rule(c, rule, ev);
	if (r < 0)
		return r;
	return is_current(c, ev) ? CONVERT_PASS : CONVERT_CONTINUE;
}

int convert_event(struct converter *c, struct event *ev)
{
	if (likely(is_current(c, ev)))
		return CONVERT_PASS;
	for (uint64_t round = 1; !limit_over(c->limits, LIMIT_CONVERT_ROUNDS, round); round++) {
		int r = convert_step(c, ev);

		if (r != CONVERT_CONTINUE)
			return r;
	}
	return -EBADMSG;
}

uint64_t converter_missing(const struct converter *c)
{
	return c->missing;
}
