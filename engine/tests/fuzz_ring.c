/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: any bytes as one ring record; every parameter and view is touched. */
#include "engine/tests/fuzz.h"
#include "engine/event/event.h"
#include "engine/event/event_info.h"
#include "engine/event/ring.h"

static unsigned touch(struct str s)
{
	unsigned sum = 0;

	for (uint32_t i = 0; i < s.len; i++)
		sum += (uint8_t)s.p[i];
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t whole[RING_RECORD_MAX];
	struct event_kernel k;
	uint32_t len;
	volatile unsigned sum = 0;
	struct event ev;
	int64_t res;

	if (size > RING_RECORD_MAX)
		return 0;
	if (size && data[0] & 1 && !ring_expand(data, size, whole, &len)) {
		data = whole;
		size = len;
	}
	if (ring_decode(data, size, 1, &ev, &k))
		return 0;
	for (unsigned i = 0; i < ev.nparams; i++)
		sum += touch(event_param(&ev, i)) + touch(event_get_text(&ev, i));
	sum += event_result(&ev, &res);
	if (ev.kernel)
		sum += touch(ev.kernel->fd_path) + touch(ev.kernel->fd_tuple);
	return 0;
}
