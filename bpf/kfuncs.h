/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Functions of the kernel that are no helpers: their numbers differ from kernel to kernel. Programs
 * call them by the ones of here, which agent/source_ring_prog.c replaces before a program is
 * loaded. As externs libbpf would look them up in all types of the kernel, 15 ms of a start for
 * each object.
 */
#ifndef TIERCEL_BPF_KFUNCS_H
#define TIERCEL_BPF_KFUNCS_H

#define KFUNCS(X)                                                                                  \
	X(bpf_rdonly_cast)                                                                         \
	X(bpf_iter_num_new)                                                                        \
	X(bpf_iter_num_next)                                                                       \
	X(bpf_iter_num_destroy)

/* Far above all helpers. */
#define KFUNC_BASE         0x7f000000
#define KFUNC_NUMBER(name) KFUNC_##name,
enum kfunc { KFUNC_FIRST = KFUNC_BASE - 1, KFUNCS(KFUNC_NUMBER) KFUNC_END };
#undef KFUNC_NUMBER

#endif
