/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the ring source: the part of the kernel's type information that the objects of bpf/ need.
 * libbpf compares the names of all types, some 130,000, with that of each structure that they read.
 */
#ifndef TIERCEL_SOURCE_RING_BTF_H
#define TIERCEL_SOURCE_RING_BTF_H

#include <stddef.h>
#include <stdint.h>

#include "engine/tiercel.h"

/*
 * `len` bytes of raw BTF with nothing but the types that have one of these names or are part of such a
 * type. Their numbers stay what they are. 0, or -errno: not understood.
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
