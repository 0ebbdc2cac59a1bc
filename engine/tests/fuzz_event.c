/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a sequence of u16 length + event in .scap form, as the ring would hand them over.
 * Each is decoded, every accessor is used, then it goes through one converter.
 */
#include <assert.h>

#include "engine/tests/fuzz.h"
#include "engine/event/convert.h"
#include "engine/event/event_info.h"

static void touch(struct event *ev)
{
	int64_t v64;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;

	event_result(ev, &v64);
	for (unsigned i = 0; i < EVENT_PARAMS_MAX + 2; i++) {
		struct str p = event_param(ev, i);
		struct str text = event_get_text(ev, i);

		assert((i < ev->nparams) == (p.p != NULL));
		if (p.p)
			assert((const uint8_t *)p.p >= ev->data &&
			       (const uint8_t *)p.p + p.len <= ev->data + ev->data_len);
		assert(text.len <= p.len);
		event_get_i64(ev, i, &v64);
		event_get_u64(ev, i, &u64);
		event_get_u32(ev, i, &u32);
		event_get_u16(ev, i, &u16);
		event_get_u8(ev, i, &u8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct limits limits;
	struct converter *c;
	struct event ev;

	limits_init(&limits);
	limits.max[LIMIT_STORED_ENTERS] = 4;
	limits.max[LIMIT_STORED_ENTER_BYTES] = 1024;
	c = converter_new(&limits);
	assert(c);
	while (size >= 2) {
		uint32_t len = MIN((size_t)load_u16(data), size - 2);
		/* Exactly as long as it claims, so that a sanitizer sees one byte too many. */
		uint8_t *raw = malloc(len ? len : 1);

		assert(raw);
		memcpy(raw, data + 2, len);
		if (event_decode(raw, len, &ev) == 0) {
			assert(ev.nparams <= ev.info->nparams);
			touch(&ev);
			if (convert_event(c, &ev) == CONVERT_PASS)
				touch(&ev);
		}
		free(raw);
		data += 2 + len;
		size -= 2 + len;
	}
	converter_free(c);
	return 0;
}
