/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about the sensor: whether it can run it at all. Called by source_ring.c. */
#include "agent/source_ring_kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What libbpf said; it reports through one callback without context, from any thread. */
static struct {
	pthread_mutex_t lock;
	char last[512];
} load_log = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int on_libbpf_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_DEBUG)
		return 0;
	pthread_mutex_lock(&load_log.lock);
	vsnprintf(load_log.last, sizeof(load_log.last), fmt, ap);
	load_log.last[strcspn(load_log.last, "\n")] = '\0';
	pthread_mutex_unlock(&load_log.lock);
	return 0;
}

static const char *kernel_release(struct utsname *u)
{
	return uname(u) ? "unknown" : u->release;
}

/* Names of capabilities that loading needs and that are not there. */
static void add_missing(struct buf *out)
{
	static const struct {
		unsigned bit;
		const char *name;
	} needed[] = { { CAP_BPF, "BPF" }, { CAP_PERFMON, "PERFMON" } };
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	size_t start = out->len;
	bool all;

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	all = data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!all &&
		    !(data[CAP_TO_INDEX(needed[i].bit)].effective & CAP_TO_MASK(needed[i].bit)))
			buf_printf(out, "%s%s", out->len > start ? ", " : "; missing: ",
				   needed[i].name);
	if (out->len == start)
		buf_add_c(
			out,
			"; none is missing: seccomp, lockdown or a security module forbids bpf(2)");
}

void source_ring_not_allowed(struct buf *error)
{
	buf_add_c(error, "not allowed to load eBPF programs: run as root, or with the "
			 "capabilities BPF, PERFMON and SYS_RESOURCE");
	add_missing(error);
}

/* The usual reasons why nothing can work, with what to do about them. */
int source_ring_check_machine(struct buf *error)
{
	struct utsname u;
	int fd;

	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		buf_printf(error,
			   "kernel %s has no type information (/sys/kernel/btf/vmlinux): use a "
			   "kernel built with CONFIG_DEBUG_INFO_BTF, 5.10 or newer",
			   kernel_release(&u));
		return -ENOTSUP;
	}
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, sysconf(_SC_PAGESIZE), NULL);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (fd == -EPERM || errno == EPERM) {
		source_ring_not_allowed(error);
		return -EPERM;
	}
	buf_printf(error, "kernel %s has no BPF ring buffer: 5.10 or newer is needed",
		   kernel_release(&u));
	return -ENOTSUP;
}

void source_ring_listen(void)
{
	pthread_mutex_lock(&load_log.lock);
	load_log.last[0] = '\0';
	pthread_mutex_unlock(&load_log.lock);
	libbpf_set_print(on_libbpf_message);
}

void source_ring_said(struct buf *out)
{
	pthread_mutex_lock(&load_log.lock);
	buf_add_c(out, load_log.last);
	pthread_mutex_unlock(&load_log.lock);
}
