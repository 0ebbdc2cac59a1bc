/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the ring source: the part of the kernel's type information that the objects of bpf/
 * need. libbpf compares the names of all types, some 130,000, with that of each structure that they
 * read.
 */
#ifndef TIERCEL_SOURCE_RING_BTF_H
#define TIERCEL_SOURCE_RING_BTF_H

#include <stddef.h>
#include <stdint.h>

#include "engine/tiercel.h"

#define SOURCE_RING_IDS_MAX 16
/*
 * Numbers of the types in the part begin here, so that a constant of a program that is one cannot
 * be anything else: the others that depend on the kernel are sizes of structures and small
 * enumerations.
 */
#define SOURCE_RING_BTF_FIRST 4096

/* What is cut out of the kernel's types, and the result; zero but for what is asked for. */
struct source_ring_cut {
	const char *const *names; /* of types: these and what they are made of */
	size_t nnames;
	const char *const *id_names; /* of others, of which only the number is wanted */
	uint32_t *ids;               /* 0: there is none */
	size_t nids;
	struct buf btf;
	struct buf numbers; /* uint32_t each: of the types from FIRST on in the kernel */
};

/* From `len` bytes of raw BTF. 0, or -errno: not understood. */
int source_ring_btf_cut(const void *btf, size_t len, struct source_ring_cut *cut);
void source_ring_cut_done(struct source_ring_cut *cut);

/*
 * That of the running kernel for what bpf/ reads, as a file; without it libbpf reads all by itself.
 */
struct source_ring_btf {
	int fd;
	char path[32];		/* "": could not be made */
	uint32_t ids[SOURCE_RING_IDS_MAX]; /* stay valid when it is closed */
	uint32_t *numbers, nnumbers;       /* of its types in the kernel, see source_ring_cut */
};

void source_ring_btf_open(struct source_ring_btf *ret);
static inline const char *source_ring_btf_path(const struct source_ring_btf *b)
{
	return b->path[0] ? b->path : NULL;
}
/* Of what programs are attached to and of functions of bpf/kfuncs.h; 0: this kernel has none. */
uint32_t source_ring_btf_id(const struct source_ring_btf *b, const char *name);
/* All functions of bpf/kfuncs.h: the kernel runs the objects that call them. */
bool source_ring_btf_has_functions(const struct source_ring_btf *b);
/* Threads can be preempted within programs: those with PREEMPTIBLE are to be taken. */
bool source_ring_btf_is_preemptible(const struct source_ring_btf *b);
void source_ring_btf_close(struct source_ring_btf *b);

#endif
