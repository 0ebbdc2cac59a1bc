/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One call of a helper of bpf/: what test_helpers.c asks for and what helpers.bpf.c answers, in a
 * global variable of the BPF object. Fixed-width types come from the includer.
 */
#ifndef TIERCEL_BPF_TESTS_HELPERS_H
#define TIERCEL_BPF_TESTS_HELPERS_H

#define HELPER_PARAMS 4
#define HELPER_OUT_MAX 16384

struct helper_call {
	/* in */
	uint64_t ptr, end;	/* user memory */
	uint64_t len;
	int32_t fd;
	int32_t dir;		/* enum tuple_dir: 0 out, 1 in */
	uint32_t conv;		/* enum helper_conv */
	/* out */
	uint32_t flags;		/* enum ring_flags */
	uint64_t value;
	uint16_t lengths[HELPER_PARAMS];
	uint32_t out_len;
	uint8_t out[HELPER_OUT_MAX];	/* values back to back, as in a record */
};

/* Translations of flags.bpf.h. CONV(name) */
#define HELPER_CONVS(CONV)                                                                  \
	CONV(open) CONV(fd_flags) CONV(mmap) CONV(prot) CONV(clone) CONV(resolve)           \
	CONV(fchownat) CONV(pidfd_open) CONV(delete_module) CONV(epoll_create1)             \
	CONV(io_uring_setup) CONV(semget) CONV(namespaces) CONV(mount) CONV(fcntl)          \
	CONV(ptrace) CONV(sockopt_level) CONV(sockopt) CONV(semctl) CONV(rlimit)

enum helper_conv {
#define CONV(name) HELPER_CONV_##name,
	HELPER_CONVS(CONV)
#undef CONV
	HELPER_CONV_COUNT
};

#endif
