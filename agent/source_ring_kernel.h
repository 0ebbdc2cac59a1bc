/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to source_ring.c: libbpf's messages, and the check of the kernel before anything is
 * loaded. One live source loads at a time.
 */
#ifndef TIERCEL_SOURCE_RING_KERNEL_H
#define TIERCEL_SOURCE_RING_KERNEL_H

#include "agent/source.h"

/* 0, or -errno with the usual reasons why nothing can work, and what to do about them. */
int source_ring_check_machine(struct buf *error);
/* The words for EPERM of bpf(2), with the capabilities that are missing. */
void source_ring_not_allowed(struct buf *error);
/* From now on messages are kept, those of before are forgotten. */
void source_ring_listen(void);
/* The last message. */
void source_ring_said(struct buf *out);

#endif
