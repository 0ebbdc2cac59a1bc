/* SPDX-License-Identifier: Apache-2.0 */
/* The start state by BPF iterators. Used by source_ring.c, for the time of one snapshot. */
#ifndef TIERCEL_SNAPSHOT_ITER_H
#define TIERCEL_SNAPSHOT_ITER_H

#include "agent/source.h"

struct snapshot_iter;

/*
 * Load and attach; from here on no thread that ends is missed by the snapshot, so this comes before
 * the sensor's own hooks. site_counters: map of failed reads to count into; btf: type information of the
 * kernel, NULL: where it always is. 0 or -errno: this machine needs /proc.
 */
int snapshot_iter_new(int site_counters, const char *btf, struct snapshot_iter **ret);
void snapshot_iter_free(struct snapshot_iter *it);

/* As snapshot_proc(). After a failure in the middle the caller starts over: RESET comes first. */
int snapshot_iter_run(struct snapshot_iter *it, const char *host_root, source_snapshot_fn fn,
		      void *ctx);

#endif
