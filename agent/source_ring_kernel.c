/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel says about the sensor: whether it can run it at all, and which programs it refused.
 * Called by source_ring.c.
 */
#include "agent/source_ring_kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What libbpf said; it reports through one callback without context. */
static struct {
	char last[512];
	char failed[SOURCE_RING_REFUSED_MAX][64];	/* programs to leave out at the next try */
	uint32_t nfailed;
} load_log;

static int on_libbpf_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	/* The second: a tracepoint that the kernel was built without. */
	static const char *const marks[] = { "': failed to load",
					     "': failed to find kernel BTF type" };
	char line[512], *name, *end = NULL;

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(marks) && !end; i++)
		end = strstr(line, marks[i]);
	name = strstr(line, "prog '");
	if (end && name && load_log.nfailed < SOURCE_RING_REFUSED_MAX) {
		*end = '\0';
		snprintf(load_log.failed[load_log.nfailed++], sizeof(load_log.failed[0]), "%s",
			 name + strlen("prog '"));
		*end = '\'';
	}
	snprintf(load_log.last, sizeof(load_log.last), "%s", line);
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
		if (!all && !(data[CAP_TO_INDEX(needed[i].bit)].effective & CAP_TO_MASK(needed[i].bit)))
			buf_printf(out, "%s%s", out->len > start ? ", " : "; missing: ",
				   needed[i].name);
	if (out->len == start)
		buf_add_c(out, "; none is missing: seccomp, lockdown or a security module forbids bpf(2)");
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

bool source_ring_refused(const char *program)
{
	for (uint32_t i = 0; i < load_log.nfailed; i++)
		if (!strcmp(load_log.failed[i], program))
			return true;
	return false;
}

void source_ring_listen(void)
{
	memset(&load_log, 0, sizeof(load_log));
	libbpf_set_print(on_libbpf_message);
}

uint32_t source_ring_refusals(void)
{
	return load_log.nfailed;
}

const char *source_ring_refusal(uint32_t i)
{
	return load_log.failed[i];
}

const char *source_ring_said(void)
{
	return load_log.last;
}
