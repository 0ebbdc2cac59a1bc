/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations: the writers run in the process of the case, the comparison in its parent. */
#include "kernel-tests/want.h"

static struct want_param *add(struct want *w, unsigned param, enum want_kind kind)
{
	static struct want_param none;
	struct want_param *p = &none;

	if (w->nparams < WANT_PARAMS_MAX)
		p = &w->params[w->nparams++];
	else
		want_skip(w, "more expectations than WANT_PARAMS_MAX");
	*p = (struct want_param){ .param = param, .kind = kind };
	return p;
}

void want_num(struct want *w, unsigned param, uint64_t v)
{
	add(w, param, WANT_NUM)->num = v;
}

void want_bits(struct want *w, unsigned param, uint64_t mask, uint64_t v)
{
	struct want_param *p = add(w, param, WANT_BITS);

	p->mask = mask;
	p->num = v;
}

void want_min(struct want *w, unsigned param, uint64_t v)
{
	add(w, param, WANT_MIN)->num = v;
}

static void add_bytes(struct want *w, unsigned param, enum want_kind kind, const void *b,
		      size_t len)
{
	struct want_param *p = add(w, param, kind);

	if (w->nbytes + len > WANT_BYTES_MAX) {
		want_skip(w, "more bytes than WANT_BYTES_MAX");
		return;
	}
	p->at = w->nbytes;
	p->len = len;
	memcpy(w->bytes + p->at, b, len);
	w->nbytes += len;
}

void want_bytes(struct want *w, unsigned param, const void *p, size_t len)
{
	add_bytes(w, param, WANT_BYTES, p, len);
}

void want_prefix(struct want *w, unsigned param, const void *p, size_t len)
{
	add_bytes(w, param, WANT_PREFIX, p, len);
}

void want_has(struct want *w, unsigned param, const char *text)
{
	add_bytes(w, param, WANT_HAS, text, strlen(text));
}

void want_text(struct want *w, unsigned param, const char *text)
{
	add_bytes(w, param, WANT_BYTES, text, strlen(text) + 1);
}

void want_empty(struct want *w, unsigned param)
{
	add(w, param, WANT_EMPTY);
}

void want_filled(struct want *w, unsigned param)
{
	add(w, param, WANT_FILLED);
}

void want_skip(struct want *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->skip, sizeof(w->skip), fmt, ap);
	va_end(ap);
}

static uint64_t number_of(struct str v)
{
	uint64_t n = 0;

	memcpy(&n, v.p, MIN(v.len, (uint32_t)sizeof(n)));
	return n;
}

/* Numbers are compared in the width that they have on the wire. */
static bool number_matches(const struct want_param *p, struct str v)
{
	uint64_t got = number_of(v), width = v.len >= 8 ? ~0ULL : (1ULL << 8 * v.len) - 1;

	if (!v.len || v.len > 8)
		return false;
	switch (p->kind) {
	case WANT_NUM: return got == (p->num & width);
	case WANT_BITS: return (got & p->mask) == p->num;
	default: return got >= p->num;
	}
}

static bool bytes_match(const struct want *w, const struct want_param *p, struct str v)
{
	struct str wanted = { w->bytes + p->at, p->len };

	switch (p->kind) {
	case WANT_BYTES: return str_eq(v, wanted);
	case WANT_PREFIX: return str_starts(v, wanted);
	default: return str_contains(v, wanted);
	}
}

static bool param_matches(const struct want *w, const struct want_param *p, struct event *ev)
{
	struct str v = event_param(ev, p->param);

	if (!v.p)
		return false;
	switch (p->kind) {
	case WANT_EMPTY: return v.len == 0;
	case WANT_FILLED: return v.len != 0;
	case WANT_NUM:
	case WANT_BITS:
	case WANT_MIN: return number_matches(p, v);
	default: return bytes_match(w, p, v);
	}
}

static void show_bytes(struct buf *b, struct str v)
{
	buf_printf(b, "%u bytes \"", v.len);
	for (uint32_t i = 0; i < v.len && i < 100; i++) {
		unsigned char c = v.p[i];

		if (c >= ' ' && c < 0x7f)
			buf_add_char(b, c);
		else
			buf_printf(b, "\\x%02x", c);
	}
	buf_add_char(b, '"');
}

static void explain(const struct want *w, const struct want_param *p, struct event *ev,
		    struct buf *why)
{
	static const char *const kinds[] = {
		[WANT_NUM] = "", [WANT_BITS] = "bits ", [WANT_MIN] = "at least ",
		[WANT_BYTES] = "", [WANT_PREFIX] = "beginning ", [WANT_HAS] = "with ",
		[WANT_EMPTY] = "nothing", [WANT_FILLED] = "something",
	};
	struct str v = event_param(ev, p->param);

	buf_printf(why, "%s: want %s", ev->info->params[p->param].name, kinds[p->kind]);
	if (p->kind <= WANT_MIN)
		buf_printf(why, "%#llx", (unsigned long long)p->num);
	else if (p->len)
		show_bytes(why, (struct str){ w->bytes + p->at, p->len });
	buf_add_c(why, ", got ");
	if (v.len && v.len <= 8 && p->kind <= WANT_MIN)
		buf_printf(why, "%#llx", (unsigned long long)number_of(v));
	else
		show_bytes(why, v);
}

static bool kernel_matches(const struct want *w, const struct event *ev, struct buf *why)
{
	const struct event_kernel *k = ev->kernel;

	if (w->kind != FD_UNKNOWN && (!k || k->fd_kind != w->kind)) {
		buf_printf(why, "kernel object: want kind %u, got %d", w->kind,
			   k ? k->fd_kind : -1);
		return false;
	}
	if (w->path[0] && (!k || !str_is(k->fd_path, w->path))) {
		buf_printf(why, "kernel path: want \"%s\", got \"%.*s\"", w->path,
			   k ? (int)k->fd_path.len : 0, k && k->fd_path.p ? k->fd_path.p : "");
		return false;
	}
	return true;
}

bool want_matches(const struct want *w, struct event *ev, struct buf *ret_why)
{
	for (uint32_t i = 0; i < w->nparams; i++) {
		if (!param_matches(w, &w->params[i], ev)) {
			explain(w, &w->params[i], ev, ret_why);
			return false;
		}
	}
	if ((ev->flags & w->flags) != w->flags) {
		buf_printf(ret_why, "event flags: want %#x, got %#x", w->flags, ev->flags);
		return false;
	}
	return kernel_matches(w, ev, ret_why);
}
