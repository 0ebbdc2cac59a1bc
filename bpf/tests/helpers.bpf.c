/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The helpers of bpf/ behind small programs that test_helpers.c runs with BPF_PROG_TEST_RUN on its
 * own process. Raw tracepoints: the only kind of tracing program that 5.10 can run this way.
 */
#include "bpf/compat32.bpf.h"
#include "bpf/source.bpf.h"
#include "bpf/tests/helpers.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct helper_call test = {};

static __always_inline int helper_begin(struct call *c)
{
	*c = (struct call){ .task = (void *)bpf_get_current_task() };
	test.out_len = 0;
	test.flags = 0;
	return call_begin(c, EV_GENERIC_X, HELPER_PARAMS, LANE_DATA);
}

static __always_inline int helper_end(struct call *c)
{
	const __u32 head = 2 * HELPER_PARAMS;
	struct scratch *s = c->s;
	__u64 len = s->off - head;

	test.flags = s->head.flags;
	for (int i = 0; i < HELPER_PARAMS; i++)
		test.lengths[i] = *(__u16 *)(s->data + 2 * i);
	HIDE(len);
	if (len <= HELPER_OUT_MAX && !bpf_probe_read_kernel(test.out, len, s->data + head))
		test.out_len = len;
	call_cancel(c);
	return 0;
}

#define HELPER(name, body)                                                                  \
	SEC("raw_tracepoint/sys_exit") int helper_##name(void *ctx)                         \
	{                                                                                   \
		struct call call, *c = &call;                                               \
		if (helper_begin(c))                                                        \
			return -1;                                                          \
		body                                                                        \
		return helper_end(c);                                                       \
	}

HELPER(path, call_use_fd(c, test.fd); put_file_path(c, 0);)
HELPER(cwd, put_cwd(c, 0);)
HELPER(kernel, call_use_fd(c, test.fd); if (c->file) { put_kernel(c); })
HELPER(user_str, put_user_str(c, 0, (void *)test.ptr);)
HELPER(user_mem, put_user_mem(c, 0, (void *)test.ptr, test.len, SNAPLEN_MAX);)
HELPER(exe_args, put_mm_exe(c, 0); put_mm_args(c, 1);)
HELPER(env, put_mm_env(c, 0);)
HELPER(vector, put_vector(c, 0, test.ptr, 0, true);)
HELPER(sockaddr, put_sockaddr(c, 0, (void *)test.ptr, test.len);)
HELPER(tuple_out, call_use_fd(c, test.fd); put_tuple(c, 0, (void *)test.ptr, test.len, DIR_OUT);)
HELPER(tuple_in, call_use_fd(c, test.fd); put_tuple(c, 0, (void *)test.ptr, test.len, DIR_IN);)
HELPER(cgroups, put_cgroups(c, 0);)

SEC("raw_tracepoint/sys_exit") int helper_conv(void *ctx)
{
	switch (test.conv) {
#define CONV(name) case HELPER_CONV_##name: test.value = conv_##name(test.value); break;
	HELPER_CONVS(CONV)
#undef CONV
	default: return -1;
	}
	return 0;
}
