/* SPDX-License-Identifier: Apache-2.0 */
/* Called by the commands that run live; knows sources by their interface only, keeps nothing. */
#include "agent/source_coverage.h"

struct gaps {
	source_gap_fn fn;
	void *ctx;
	bool uring;	/* the hook of io_uring reports, or would if asked */
};

static void on_part(void *ctx, const struct source_part *part)
{
	struct gaps *g = ctx;
	char text[128];

	if (part->refused) {
		snprintf(text, sizeof(text), "%s: %s", part->name, part->why);
		g->fn(g->ctx, text);
	}
	if (part->is_hook && !strcmp(part->name, SOURCE_HOOK_URING))
		g->uring = !part->refused;
}

/* Operations of io_uring are possible unless the administrator forbids them. */
static bool has_io_uring(void)
{
	FILE *f = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	bool has = !f || fgetc(f) != '2';

	if (f)
		fclose(f);
	return has;
}

void source_coverage(struct source *s, source_gap_fn fn, void *ctx)
{
	struct gaps g = { .fn = fn, .ctx = ctx };

	s->ops->parts(s, on_part, &g);
	if (has_io_uring())
		fn(ctx, g.uring ? "operations of io_uring other than opening files, connecting and "
				  "accepting connections"
				: "operations submitted through io_uring: only setup, enter and "
				  "register are seen");
	fn(ctx, "reads and writes of mapped memory (mmap): only the mapping is seen");
	fn(ctx, "what a process does inside a call that has not returned");
}

static void add_hook(void *ctx, const struct source_part *part)
{
	struct buf *out = ctx;

	if (part->is_hook && part->active)
		buf_printf(out, "%s%s", out->len ? ", " : "", part->name);
}

static void add_gap(void *ctx, const char *what)
{
	buf_printf(ctx, "; not seen: %s", what);
}

void source_coverage_line(struct source *s, struct buf *out)
{
	_cleanup_buf_ struct buf hooks = BUF_INIT;

	s->ops->parts(s, add_hook, &hooks);
	buf_printf(out, "hooks: %.*s", (int)hooks.len, hooks.p ? hooks.p : "");
	source_coverage(s, add_gap, out);
}
