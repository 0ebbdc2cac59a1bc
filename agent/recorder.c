/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording to .scap files with bounds, rotation, filter and masking.
 */
#include "agent/recorder.h"
#include "agent/io.h"

#include <fcntl.h>
#include <unistd.h>

struct recorder {
	struct recorder_opts opts;
	struct tiercel *engine;
	struct scap_writer *writer;
	int fd;
	uint32_t files;		/* opened so far */
	uint64_t events, skipped, bytes_before, first_ts;
	bool accepted, done;	/* snapshot of the current file is complete */
	int err;
};

static int sink(void *ctx, const void *p, size_t n)
{
	return io_write_all(*(int *)ctx, p, n);
}

/* FILE.scap.gz -> FILE.0002.scap.gz for the second file of a rotation. */
static void file_name(const struct recorder *r, uint32_t number, struct buf *out)
{
	const char *path = r->opts.path, *base = strrchr(path, '/'), *ext;

	base = base ? base + 1 : path;
	ext = strstr(base, ".scap");
	if (!ext)
		ext = path + strlen(path);
	if (r->opts.file_bytes)
		buf_printf(out, "%.*s.%04u%s", (int)(ext - path), path, number, ext);
	else
		buf_add_c(out, path);
}

static int remove_oldest(const struct recorder *r)
{
	_cleanup_buf_ struct buf name = BUF_INIT;

	if (!r->opts.max_files || r->files <= r->opts.max_files)
		return 0;
	file_name(r, r->files - r->opts.max_files, &name);
	return name.err ? name.err : (unlink(name.p) < 0 && errno != ENOENT ? -errno : 0);
}

static int open_file(struct recorder *r)
{
	struct scap_writer_opts opts = { .gzip = str_ends(str_from(r->opts.path), STR(".gz")) };
	_cleanup_buf_ struct buf name = BUF_INIT;

	file_name(r, ++r->files, &name);
	if (name.err)
		return name.err;
	r->fd = open(name.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (r->fd < 0)
		return -errno;
	r->writer = scap_writer_new((struct byte_sink){ sink, &r->fd }, &opts);
	r->done = false;
	return r->writer ? remove_oldest(r) : -ENOMEM;
}

static int close_file(struct recorder *r)
{
	int e = 0;

	if (r->writer) {
		r->bytes_before += scap_writer_bytes(r->writer);
		e = scap_writer_free(r->writer);
	}
	if (r->fd >= 0 && close(r->fd) < 0 && e == 0)
		e = -errno;
	r->writer = NULL;
	r->fd = -1;
	return e;
}

int recorder_new(const struct recorder_opts *opts, struct tiercel *engine, struct recorder **ret)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->opts = *opts;
	r->engine = engine;
	r->fd = -1;
	e = open_file(r);
	if (e < 0) {
		recorder_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

int recorder_free(struct recorder *r)
{
	int e, closing;

	if (!r)
		return 0;
	closing = close_file(r);
	e = r->err ? r->err : closing;
	free(r);
	return e;
}

static int write_snapshot(struct recorder *r, const struct snapshot_item *item)
{
	struct snapshot_item copy = *item;
	int e = 0;

	if (r->opts.redact)
		e = redact_snapshot(r->opts.redact, &copy);
	return e < 0 ? e : scap_writer_snapshot(r->writer, &copy);
}

int recorder_snapshot(struct recorder *r, const struct snapshot_item *item)
{
	int e;

	if (r->err < 0 || item->kind == SNAP_RESET)
		return r->err;
	e = write_snapshot(r, item);
	r->done = r->done || item->kind == SNAP_DONE;
	r->err = MIN(e, 0);
	return r->err;
}

static int dump_item(void *ctx, const struct snapshot_item *item)
{
	return write_snapshot(ctx, item);
}

/* A later file starts with the state as it is now, so that it can be read alone. */
static int rotate(struct recorder *r)
{
	int e = close_file(r);

	if (e == 0)
		e = open_file(r);
	if (e == 0)
		e = state_dump(tiercel_state(r->engine), dump_item, r);
	return e;
}

void recorder_visible(struct recorder *r, struct event_ctx *ctx)
{
	r->accepted = !r->opts.filter || match_ast(r->opts.filter, ctx);
}

static int write_event(struct recorder *r, const struct event *ev, bool state_only)
{
	struct event copy = *ev;
	int e = 0;

	if (state_only)
		copy.flags |= EVENT_STATE_ONLY;
	if (r->opts.redact)
		e = redact_event(r->opts.redact, &copy);
	if (e == 0)
		e = scap_writer_event(r->writer, &copy);
	if (e == -EMSGSIZE) {	/* does not fit into the format; the rest does */
		r->skipped++;
		return 0;
	}
	if (e == 0 && !state_only)
		r->events++;
	return e;
}

static bool bound_reached(const struct recorder *r, const struct event *ev)
{
	if (r->opts.max_events && r->events >= r->opts.max_events)
		return true;
	return r->opts.max_ns && ev->ts > r->first_ts && ev->ts - r->first_ts > r->opts.max_ns;
}

int recorder_event(struct recorder *r, struct event *ev)
{
	bool accepted = r->accepted || !r->opts.filter;
	int e = r->err;

	r->accepted = false;
	if (e < 0)
		return e;
	if (!r->first_ts)
		r->first_ts = ev->ts;
	if (bound_reached(r, ev))
		return 1;
	if (r->opts.file_bytes && scap_writer_bytes(r->writer) >= r->opts.file_bytes)
		e = rotate(r);
	if (e == 0 && (accepted || (ev->info->flags & EF_MODIFIES_STATE)))
		e = write_event(r, ev, !accepted);
	r->err = MIN(e, 0);
	return r->err;
}

int recorder_flush(struct recorder *r)
{
	if (r->err == 0)
		r->err = MIN(scap_writer_flush(r->writer), 0);
	return r->err;
}

uint64_t recorder_events(const struct recorder *r)
{
	return r->events;
}

uint64_t recorder_skipped(const struct recorder *r)
{
	return r->skipped;
}

uint64_t recorder_bytes(const struct recorder *r)
{
	return r->bytes_before + (r->writer ? scap_writer_bytes(r->writer) : 0);
}

uint32_t recorder_files(const struct recorder *r)
{
	return r->files;
}
