/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start state by BPF iterators, or by /proc with a watch for who ends meanwhile. Used by
 * source_ring.c, for the time of one snapshot.
 */
#ifndef TIERCEL_SNAPSHOT_ITER_H
#define TIERCEL_SNAPSHOT_ITER_H

#include "agent/source.h"
#include "agent/source_ring_prog.h"

struct snapshot_iter;

/*
 * Its programs are being loaded by `jobs`, which stay until it is freed. site_counters: map of
 * failed reads to count into. 0 or -errno: this machine needs /proc.
 */
int snapshot_iter_new(int site_counters, const struct source_ring_btf *btf, struct jobs *jobs,
		      struct snapshot_iter **ret);
/*
 * From here on no thread that ends is missed by the snapshot, so this comes before the sensor's own
 * hooks. 0 or -errno as above.
 */
int snapshot_iter_attach(struct snapshot_iter *it);
void snapshot_iter_free(struct snapshot_iter *it);

/* Do iterators show what runs? Outside of the first pid namespace /proc does. */
bool snapshot_iter_sees_all(const struct snapshot_iter *it);
/* As snapshot_proc(). After a failure in the middle the caller starts over: RESET comes first. */
int snapshot_iter_run(struct snapshot_iter *it, const char *host_root, source_snapshot_fn fn,
		      void *ctx);

#endif
