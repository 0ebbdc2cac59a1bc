/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of the mapped rings: takes records in order of time out of many rings without copying
 * them. Owned by the ring source; knows nothing about how the rings came to be.
 */
#ifndef TIERCEL_SOURCE_READER_H
#define TIERCEL_SOURCE_READER_H

#include "agent/source.h"
#include "engine/event/ring.h"

struct source_reader;

/*
 * NULL: out of memory. cpus: highest cpu number + 1; readers: threads that walk along the events.
 */
struct source_reader *source_reader_new(uint32_t max_rings, uint32_t cpus, uint32_t readers);
void source_reader_free(struct source_reader *r);
/* Map the ring behind a map fd; the fd stays with the caller. 0 or -errno. */
int source_reader_add(struct source_reader *r, int fd, uint32_t bytes, enum ring_lane lane);
/*
 * Sleep until the map behind fd wakes us or the time is over; *asleep is 1 meanwhile. 0 or -errno.
 */
int source_reader_bell(struct source_reader *r, int fd, uint32_t *asleep);
/* As source_ops.poll. */
int source_reader_poll(struct source_reader *r, int timeout_ms, source_event_fn fn, void *ctx);
/* As source_ops.begin, walk and finish. */
int source_reader_begin(struct source_reader *r, int timeout_ms, uint32_t max);
int source_reader_walk(struct source_reader *r, uint32_t reader, source_event_fn fn, void *ctx);
void source_reader_finish(struct source_reader *r);
void source_reader_stats(const struct source_reader *r, struct source_stats *stats);

#endif
