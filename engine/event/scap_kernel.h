/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extension event that carries what .scap events cannot hold; the format is in scap.h.
 */
#ifndef TIERCEL_SCAP_KERNEL_H
#define TIERCEL_SCAP_KERNEL_H

#include "engine/base/buf.h"
#include "engine/event/event.h"

#define SCAP_KERNEL_TYPE 0xf001
/* View flags that only the extension event stores. */
#define SCAP_KERNEL_FLAGS (EVENT_TRUNCATED | EVENT_COMPAT32)

struct scap_kernel {
	int64_t tid;
	uint8_t flags;
	bool has_kernel;
	struct event_kernel kernel;	/* views into the bytes of the record */
};

static inline bool scap_kernel_needed(const struct event *ev)
{
	return ev->kernel || ev->flags & SCAP_KERNEL_FLAGS;
}

/* Append the event (header included) that belongs before `ev`. */
void scap_kernel_put(struct buf *b, const struct event *ev);
/* 0 or -EBADMSG. */
int scap_kernel_get(const uint8_t *raw, uint32_t len, struct scap_kernel *ret_k);

#endif
