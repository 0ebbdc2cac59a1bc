/* SPDX-License-Identifier: Apache-2.0 */
/* Captures in memory, for tests, fuzz targets and the trace generator's tests. */
#ifndef TIERCEL_TEST_SCAP_MEM_H
#define TIERCEL_TEST_SCAP_MEM_H

#include "engine/base/buf.h"
#include "engine/event/scap.h"

struct mem_source {
	const uint8_t *p;
	size_t len, pos;
	size_t chunk;	/* most bytes per read, 0 = all */
};

static inline long mem_read(void *ctx, void *to, size_t n)
{
	struct mem_source *m = ctx;

	n = MIN(n, m->len - m->pos);
	if (m->chunk)
		n = MIN(n, m->chunk);
	if (n)
		memcpy(to, m->p + m->pos, n);
	m->pos += n;
	return (long)n;
}

static inline int mem_write(void *ctx, const void *p, size_t n)
{
	buf_add(ctx, p, n);
	return ((struct buf *)ctx)->err;
}

static inline int mem_load(struct buf *b, const char *path)
{
	FILE *f = fopen(path, "rb");
	char chunk[65536];
	size_t n;

	if (!f)
		return -errno;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(b, chunk, n);
	fclose(f);
	return b->err;
}

#endif
