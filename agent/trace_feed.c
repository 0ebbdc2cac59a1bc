/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces for test, explain and diff: see trace_feed.h.
 */
#include "agent/trace_feed.h"
#include "agent/trace_file.h"

static int feed(struct scap_reader *reader, struct tiercel *engine, const bool *stop)
{
	struct snapshot_item item = { .kind = SNAP_RESET };
	struct event ev;

	tiercel_snapshot(engine, &item);
	while (!stop || !*stop) {
		int what = scap_reader_next(reader, &item, &ev);

		if (what == SCAP_EVENT)
			tiercel_event(engine, &ev);
		else if (what != SCAP_SNAPSHOT)
			return what < 0 ? what : 0;
		else if (tiercel_snapshot(engine, &item) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

static int fail(struct diags *diags, const char *path, int err)
{
	diag_add(diags, DIAG_TRACE_ERR_READ, "Cannot open the trace: %s", strerror(-err))->file =
		arena_strdup(&diags->arena, str_from(path));
	return err;
}

int trace_feed(const char *path, struct tiercel *engine, struct limits *limits,
	       struct diags *diags, const bool *stop)
{
	uint32_t first = diags->count;
	struct scap_reader *reader;
	struct trace_file *file;
	int r = trace_file_open(path, &file);

	if (r < 0)
		return fail(diags, path, r);
	reader = scap_reader_new(trace_file_source(file), limits, diags);
	r = reader ? feed(reader, engine, stop) : -ENOMEM;
	for (uint32_t i = first; i < diags->count; i++) {
		diags->items[i].file = arena_strdup(&diags->arena, str_from(path));
		if (r == 0 && diag_infos[diags->items[i].code].severity == DIAG_ERROR)
			r = -EBADMSG;
	}
	scap_reader_free(reader);
	trace_file_close(file);
	return r;
}
