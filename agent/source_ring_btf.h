/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the ring source: the part of the kernel's type information that the objects of bpf/ need.
 * libbpf looks through all of it, 130,000 types, for each structure that they read; the types needed
 * are among the first 20,000 or 30,000.
 */
#ifndef TIERCEL_SOURCE_RING_BTF_H
#define TIERCEL_SOURCE_RING_BTF_H

#include <stddef.h>
#include <stdint.h>

#include "engine/tiercel.h"

/*
 * `len` bytes of raw BTF without the types behind the last one that has one of these names or is part
 * of such a type. Numbers of types stay what they are. 0, or -errno: not understood.
 */
int source_ring_btf_cut(const void *btf, size_t len, const char *const *names, size_t n,
			struct buf *ret);

/* That of the running kernel for what bpf/ reads, as a file; without it libbpf reads all by itself. */
struct source_ring_btf {
	int fd;
	char path[32];		/* "": could not be made */
};

void source_ring_btf_open(struct source_ring_btf *ret);
static inline const char *source_ring_btf_path(const struct source_ring_btf *b)
{
	return b->path[0] ? b->path : NULL;
}
void source_ring_btf_close(struct source_ring_btf *b);

#endif
