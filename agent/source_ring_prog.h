/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the ring source: programs between libbpf and the kernel. libbpf reads the object,
 * makes its maps and fits the programs to the kernel's types; loading them, which is most of a
 * start, is done from here, in any thread and for each by itself, so that one which is refused
 * costs no other.
 */
#ifndef TIERCEL_SOURCE_RING_PROG_H
#define TIERCEL_SOURCE_RING_PROG_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/jobs.h"
#include "agent/source_ring_btf.h"

struct source_ring_prog {
	char name[64];
	struct bpf_insn *insns;
	size_t ninsns;
	struct bpf_prog_load_opts opts; /* points into the object */
	int fd;                         /* -1: not loaded */
	int err;                        /* -errno: the kernel refused it */
	struct job job;
};

/* Those of an object, in its order; zero is none. */
struct source_ring_progs {
	struct source_ring_prog *v;
	uint32_t n, max;
};

/* Once before any object is opened. 0 or -errno. */
int source_ring_prog_start(void);
/*
 * In place of bpf_object__load(): of the programs that are to be loaded all but the loading is
 * done. The object has to stay until they are.
 */
int source_ring_progs_prepare(struct bpf_object *object, const struct source_ring_btf *btf,
			      struct source_ring_progs *ret);
struct source_ring_prog *source_ring_progs_find(const struct source_ring_progs *progs,
						const char *name);
void source_ring_progs_done(struct source_ring_progs *progs);

void source_ring_prog_load(struct source_ring_prog *p);
/* The same as a job. */
void source_ring_prog_queue(struct source_ring_prog *p, struct jobs *jobs, struct job_group *group);
/* The verifier's last words about a program that was refused. */
void source_ring_prog_why(const struct source_ring_prog *p, struct buf *out);
/* Numbers of functions and types become those of the kernel. */
void source_ring_prog_fit(struct bpf_insn *insns, size_t n, const struct source_ring_btf *btf);

#endif
