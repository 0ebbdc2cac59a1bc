/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of events, see hold.h. */
#include "engine/hold.h"

/* Everything an event points to, with its size. */
struct part {
	const void *from;
	size_t len;
	char *to;		/* in the copy */
};

enum { PART_LENS, PART_DATA, PART_RAW, PART_FD_PATH, PART_FD_TUPLE, PARTS };

static void list_parts(const struct event *ev, struct part *p)
{
	size_t width = ev->wide ? sizeof(uint32_t) : sizeof(uint16_t);

	p[PART_LENS] = (struct part){ ev->lens, ev->lens ? ev->nparams * width : 0 };
	p[PART_DATA] = (struct part){ ev->data, ev->data ? ev->data_len : 0 };
	p[PART_RAW] = (struct part){ ev->raw, ev->raw ? ev->raw_len : 0 };
	if (!ev->kernel)
		return;
	p[PART_FD_PATH] = (struct part){ ev->kernel->fd_path.p, ev->kernel->fd_path.len };
	p[PART_FD_TUPLE] = (struct part){ ev->kernel->fd_tuple.p, ev->kernel->fd_tuple.len };
}

struct held *hold_copy(const struct event *ev)
{
	struct part p[PARTS] = { 0 };
	size_t bytes = sizeof(struct held);
	struct held *h;
	char *at;

	list_parts(ev, p);
	for (int i = 0; i < PARTS; i++)
		bytes += p[i].len;
	h = malloc(bytes);
	if (!h)
		return NULL;
	*h = (struct held){ .bytes = bytes, .ev = *ev };
	at = (char *)(h + 1);
	for (int i = 0; i < PARTS; i++) {
		if (!p[i].from)
			continue;
		p[i].to = at;
		memcpy(at, p[i].from, p[i].len);
		at += p[i].len;
	}
	h->ev.lens = (uint8_t *)p[PART_LENS].to;
	h->ev.data = (uint8_t *)p[PART_DATA].to;
	h->ev.raw = (uint8_t *)p[PART_RAW].to;
	if (ev->kernel) {
		h->kernel = *ev->kernel;
		h->kernel.fd_path.p = p[PART_FD_PATH].to;
		h->kernel.fd_tuple.p = p[PART_FD_TUPLE].to;
		h->ev.kernel = &h->kernel;
	}
	return h;
}

void hold_free(struct held *h)
{
	free(h);
}

void hold_push(struct hold *q, struct held *h)
{
	h->next = NULL;
	if (q->last)
		q->last->next = h;
	else
		q->first = h;
	q->last = h;
	q->bytes += h->bytes;
}

struct held *hold_pop(struct hold *q)
{
	struct held *h = q->first;

	if (!h)
		return NULL;
	q->first = h->next;
	if (!q->first)
		q->last = NULL;
	q->bytes -= h->bytes;
	return h;
}

void hold_done(struct hold *q)
{
	struct held *h;

	while ((h = hold_pop(q)) != NULL)
		hold_free(h);
}
