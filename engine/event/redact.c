/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masking of event parameters and snapshot records. Called by the recorder, one thread. Owns a copy
 * of the data of the current event or record.
 */
#include "engine/event/redact.h"
#include "engine/base/buf.h"
#include "engine/event/event_info.h"

#include <fnmatch.h>

enum redact_kind { REDACT_ENV, REDACT_ARGS, REDACT_PATHS, REDACT_KIND_COUNT };

static const char *const kind_names[REDACT_KIND_COUNT] = { "env", "args", "paths" };

struct pattern {
	enum redact_kind kind;
	char *glob;
	struct pattern *next;
};

struct redact {
	struct pattern *patterns;
	struct buf copy;	/* of the event's data, or of a record's texts one after another */
	struct buf word;	/* NUL-terminated text for fnmatch */
	struct buf path;	/* what the kernel said about the fd of the event */
	struct event_kernel kernel;
	uint64_t masked;
};

struct redact *redact_new(void)
{
	return calloc(1, sizeof(struct redact));
}

void redact_free(struct redact *r)
{
	if (!r)
		return;
	while (r->patterns) {
		struct pattern *next = r->patterns->next;

		free(r->patterns->glob);
		free(r->patterns);
		r->patterns = next;
	}
	buf_done(&r->copy);
	buf_done(&r->word);
	buf_done(&r->path);
	free(r);
}

int redact_add(struct redact *r, struct str spec)
{
	const char *eq = memchr(spec.p, '=', spec.len);
	struct str kind = str_sub(spec, 0, eq ? (uint32_t)(eq - spec.p) : spec.len);
	struct pattern *p;
	unsigned k = 0;

	while (k < REDACT_KIND_COUNT && !str_is(kind, kind_names[k]))
		k++;
	if (k == REDACT_KIND_COUNT)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->kind = k;
	p->glob = eq ? strndup(eq + 1, spec.len - kind.len - 1) : strdup("*");
	if (!p->glob) {
		free(p);
		return -ENOMEM;
	}
	p->next = r->patterns;
	r->patterns = p;
	return 0;
}

uint64_t redact_count(const struct redact *r)
{
	return r->masked;
}

static bool wanted(struct redact *r, enum redact_kind kind, const char *text, uint32_t len)
{
	for (const struct pattern *p = r->patterns; p; p = p->next) {
		if (p->kind != kind)
			continue;
		buf_clear(&r->word);
		buf_add(&r->word, text, len);
		/* Out of memory: mask rather than leak. */
		if (r->word.err || fnmatch(p->glob, r->word.p, 0) == 0)
			return true;
	}
	return false;
}

static void mask(struct redact *r, char *p, uint32_t len)
{
	memset(p, '*', len);
	r->masked++;
}

/* NUL-separated elements; env keeps the name before "=". */
static void mask_array(struct redact *r, enum redact_kind kind, char *p, uint32_t len)
{
	uint32_t from = 0;

	while (from < len) {
		char *element = p + from;
		const char *end = memchr(element, '\0', len - from), *eq;
		uint32_t n = end ? (uint32_t)(end - element) : len - from, name = 0;

		if (kind == REDACT_ENV) {
			eq = memchr(element, '=', n);
			name = eq ? (uint32_t)(eq - element) : n;
		}
		if (wanted(r, kind, element, kind == REDACT_ENV ? name : n) && n > name)
			mask(r, element + name + (kind == REDACT_ENV),
			     n - name - (kind == REDACT_ENV));
		from += n + 1;
	}
}

/* All but the slashes. */
static void mask_path(struct redact *r, char *p, uint32_t len)
{
	while (len && p[len - 1] == '\0')
		len--;
	if (!len || !wanted(r, REDACT_PATHS, p, len))
		return;
	for (uint32_t i = 0; i < len; i++)
		if (p[i] != '/')
			p[i] = '*';
	r->masked++;
}

static bool is_path(const struct param_info *info, const char *p, uint32_t len)
{
	return info->type == PT_FSPATH || info->type == PT_FSRELPATH ||
	       (info->type == PT_CHARBUF && len && p[0] == '/');
}

/* The kernel's view of a path names the same file as the parameter. */
static int redact_kernel(struct redact *r, struct event *ev)
{
	if (!ev->kernel || !ev->kernel->fd_path.len)
		return 0;
	r->kernel = *ev->kernel;
	buf_clear(&r->path);
	buf_add_str(&r->path, r->kernel.fd_path);
	if (r->path.err)
		return -ENOMEM;
	mask_path(r, r->path.p, r->kernel.fd_path.len);
	r->kernel.fd_path.p = r->path.p;
	ev->kernel = &r->kernel;
	return 0;
}

int redact_event(struct redact *r, struct event *ev)
{
	uint32_t n = MIN(ev->nparams, ev->info->nparams);

	buf_clear(&r->copy);
	buf_add(&r->copy, ev->data, ev->data_len);
	if (r->copy.err)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct param_info *info = &ev->info->params[i];
		struct str view = event_param(ev, i);
		char *p = r->copy.p + ((const uint8_t *)view.p - ev->data);

		if (!view.len)
			continue;
		if (strcmp(info->name, kind_names[REDACT_ENV]) == 0)
			mask_array(r, REDACT_ENV, p, view.len);
		else if (strcmp(info->name, kind_names[REDACT_ARGS]) == 0)
			mask_array(r, REDACT_ARGS, p, view.len);
		else if (is_path(info, p, view.len))
			mask_path(r, p, view.len);
	}
	ev->data = (const uint8_t *)r->copy.p;
	ev->raw = NULL;	/* the original bytes must not be written */
	return redact_kernel(r, ev);
}

/* Copy a text into the buffer and note where: pointers are set when the buffer stands still. */
static size_t keep(struct redact *r, struct str s)
{
	size_t at = r->copy.len;

	buf_add_str(&r->copy, s);
	buf_add_char(&r->copy, '\0');
	return at;
}

static int redact_proc(struct redact *r, struct proc_record *p)
{
	struct str *texts[] = { &p->env, &p->args, &p->exe, &p->exepath, &p->cwd, &p->root };
	size_t at[ARRAY_SIZE(texts)];

	buf_clear(&r->copy);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		at[i] = keep(r, *texts[i]);
	if (r->copy.err)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		texts[i]->p = r->copy.p + at[i];
	mask_array(r, REDACT_ENV, r->copy.p + at[0], p->env.len);
	mask_array(r, REDACT_ARGS, r->copy.p + at[1], p->args.len);
	for (size_t i = 2; i < ARRAY_SIZE(texts); i++)
		mask_path(r, r->copy.p + at[i], texts[i]->len);
	return 0;
}

static int redact_fd(struct redact *r, struct fd_record *f)
{
	buf_clear(&r->copy);
	keep(r, f->name);
	if (r->copy.err)
		return -ENOMEM;
	mask_path(r, r->copy.p, f->name.len);
	f->name.p = r->copy.p;
	return 0;
}

int redact_snapshot(struct redact *r, struct snapshot_item *item)
{
	if (item->kind == SNAP_PROC)
		return redact_proc(r, &item->proc);
	if (item->kind == SNAP_FD)
		return redact_fd(r, &item->fd);
	return 0;
}
