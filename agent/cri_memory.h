/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of containers, kept for those that come back and for those that are gone while their
 * events are still on the way. Bounded; the one not used last is forgotten first. Used by the
 * thread of cri.c alone.
 */
#ifndef TIERCEL_CRI_MEMORY_H
#define TIERCEL_CRI_MEMORY_H

#include "engine/base.h"

struct cri_known;

struct cri_memory {
	struct strmap by_id;
	struct cri_known *first, *last;	/* by last use, the newest first */
	uint32_t count;
	uint64_t bytes;
};

void cri_memory_done(struct cri_memory *m);
bool cri_memory_have(const struct cri_memory *m, struct str id);
/* The document, valid until the next put; NONE if unknown. */
struct str cri_memory_get(struct cri_memory *m, struct str id);
/* A copy is kept; *ret_forgotten is how many others had to go. Without memory nothing is kept. */
void cri_memory_put(struct cri_memory *m, struct str id, struct str json, uint64_t max,
		    uint64_t max_bytes, uint64_t *ret_forgotten);

#endif
