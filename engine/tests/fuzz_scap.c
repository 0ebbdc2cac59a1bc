/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as a capture, read to the end, everything touched, written again and read
 * once more. What was written must be readable and give the same number of events.
 */
#include <assert.h>

#include "engine/tests/fuzz.h"
#include "engine/tests/scap_mem.h"
#include "engine/event/event_info.h"

static unsigned touch(struct str s)
{
	unsigned sum = 0;

	for (uint32_t i = 0; i < s.len; i++)
		sum += (uint8_t)s.p[i];
	return sum;
}

static unsigned touch_event(struct event *ev)
{
	unsigned sum = 0;
	int64_t res;

	for (unsigned i = 0; i < ev->nparams; i++)
		sum += touch(event_param(ev, i)) + touch(event_get_text(ev, i));
	if (event_result(ev, &res))
		sum += (unsigned)res;
	if (ev->kernel)
		sum += touch(ev->kernel->fd_path) + touch(ev->kernel->fd_tuple);
	return sum;
}

static unsigned touch_item(const struct snapshot_item *s)
{
	switch (s->kind) {
	case SNAP_PROC:
		return touch(s->proc.comm) + touch(s->proc.exe) + touch(s->proc.exepath) +
		       touch(s->proc.args) + touch(s->proc.env) + touch(s->proc.cgroups) +
		       touch(s->proc.cwd) + touch(s->proc.root);
	case SNAP_FD:
		return touch(s->fd.name);
	case SNAP_IFACE:
		return touch(s->iface.name);
	case SNAP_USER:
		return touch(s->user.name) + touch(s->user.home) + touch(s->user.shell);
	case SNAP_MACHINE:
		return touch(s->machine.hostname);
	default:
		return 0;
	}
}

/* Read a capture; `w` gets everything. Events that were handed out and written. */
static uint64_t read_all(struct str bytes, struct scap_writer *w, int *ret_result)
{
	struct mem_source src = { (const uint8_t *)bytes.p, bytes.len, 0, 0 };
	struct snapshot_item snap;
	struct scap_reader *r;
	struct limits limits;
	struct diags diags;
	struct event ev;
	uint64_t events = 0;
	unsigned sum = 0;
	int res;

	limits_init(&limits);
	limits.max[LIMIT_EVENT_LARGE_BYTES] = 1 << 20;
	diags_init(&diags);
	r = scap_reader_new((struct byte_source){ mem_read, &src }, &limits, &diags);
	assert(r);
	while ((res = scap_reader_next(r, &snap, &ev)) > 0) {
		if (res == SCAP_SNAPSHOT) {
			sum += touch_item(&snap);
			if (w)
				assert(scap_writer_snapshot(w, &snap) == 0);
		} else {
			sum += touch_event(&ev);
			events += !w || scap_writer_event(w, &ev) == 0;
		}
	}
	assert(res == SCAP_END || diags.errors);
	scap_reader_free(r);
	diags_done(&diags);
	*ret_result = res + 0 * sum;
	return events;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf copy = BUF_INIT;
	struct scap_writer *w = scap_writer_new((struct byte_sink){ mem_write, &copy }, NULL);
	uint64_t events;
	int res;

	assert(w);
	events = read_all((struct str){ (const char *)data, (uint32_t)size }, w, &res);
	assert(scap_writer_free(w) == 0);
	assert(read_all(buf_str(&copy), NULL, &res) == events);
	assert(res == SCAP_END);
	buf_done(&copy);
	return 0;
}
