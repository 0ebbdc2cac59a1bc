/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule tests as traces: the world and the events of a test in a .scap file, for explain, diff and
 * everything else that reads traces. Called by `tiercel test --write`.
 */
#include "agent/ruletest.h"

#include <fcntl.h>
#include <unistd.h>

static int sink(void *ctx, const void *p, size_t n)
{
	return io_write_all(*(int *)ctx, p, n);
}

static int write_kind(struct scap_writer *w, const struct ruletest *t, enum snapshot_kind kind)
{
	int r = 0;

	for (uint32_t i = 0; i < t->nitems && r == 0; i++)
		if (t->items[i].kind == kind)
			r = scap_writer_snapshot(w, &t->items[i]);
	return r;
}

/* The fds of each process beside each other, in the order of the processes. */
static int write_fds(struct scap_writer *w, const struct ruletest *t)
{
	int r = 0;

	for (uint32_t p = 0; p < t->nitems; p++)
		for (uint32_t i = 0; t->items[p].kind == SNAP_PROC && i < t->nitems && r == 0; i++)
			if (t->items[i].kind == SNAP_FD &&
			    t->items[i].fd.tid == t->items[p].proc.tid)
				r = scap_writer_snapshot(w, &t->items[i]);
	return r;
}

static int write_world(struct scap_writer *w, const struct ruletest *t)
{
	static const enum snapshot_kind before[] = {
		SNAP_MACHINE, SNAP_IFACE, SNAP_USER, SNAP_PROC,
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(before) && r == 0; i++)
		r = write_kind(w, t, before[i]);
	if (r == 0)
		r = write_fds(w, t);
	return r == 0 ? write_kind(w, t, SNAP_DONE) : r;
}

static int write_events(struct scap_writer *w, const struct ruletest *t)
{
	int r = 0;

	for (uint32_t i = 0; i < t->nsteps && r == 0; i++) {
		struct event ev = t->steps[i].ev;

		ev.num = i + 1;
		ev.kernel = ruletest_kernel(&t->steps[i]);
		r = scap_writer_event(w, &ev);
	}
	return r;
}

/* "dir/12-cat_reads.scap": the line of the test and its name, as far as names of files go. */
static void file_name(const struct ruletest *t, const char *dir, struct buf *out)
{
	const char *base = strrchr(t->file->path, '/');
	struct str stem = str_from(base ? base + 1 : t->file->path);

	stem.len -= MIN(stem.len, (uint32_t)strlen(".tests.yaml"));
	buf_printf(out, "%s/%.*s-%u-", dir, STR_ARG(stem), t->pos.line);
	for (uint32_t i = 0; i < t->name.len && i < 60; i++) {
		char c = t->name.p[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z');

		buf_add_char(out, plain ? c : '_');
	}
	buf_add_c(out, ".scap");
}

int ruletest_write(const struct ruletest *t, const char *dir, struct buf *path)
{
	const struct scap_writer_opts opts = { .gzip = false };
	_cleanup_(io_close) int fd = -1;
	struct scap_writer *w;
	int r, end;

	file_name(t, dir, path);
	if (path->err)
		return path->err;
	fd = open(path->p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	w = scap_writer_new((struct byte_sink){ sink, &fd }, &opts);
	if (!w)
		return -ENOMEM;
	r = write_world(w, t);
	if (r == 0)
		r = write_events(w, t);
	end = scap_writer_free(w);
	return r ? r : end;
}
