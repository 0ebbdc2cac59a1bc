/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities, core dumps, inherited files. Numbers of capabilities are the kernel's.
 */
#include "agent/harden_priv.h"
#include "agent/cmd.h"

#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST_INHERITED_FD = 3, PRIVATE_UMASK = 077 };

struct need {
	const struct config *config;
	bool recording;
	uint64_t have;
};

static bool always(const struct need *n)
{
	return true;
}

static bool writes_files(const struct need *n)
{
	return n->recording || n->config->file_output.enabled || n->config->spool.enabled ||
	       n->config->metrics.output_file[0];
}

static bool listens(const struct need *n)
{
	return n->config->webserver.enabled || n->config->grpc.enabled;
}

static bool has(const struct need *n, unsigned bit)
{
	return n->have >> bit & 1;
}

static bool has_no_bpf(const struct need *n)
{
	return !has(n, CAP_BPF) || !has(n, CAP_PERFMON);
}

/* What the sensor keeps and why; all others are given up. */
static const struct {
	const char *name;
	unsigned bit;
	bool (*needed)(const struct need *n);
	const char *why;
} kept[] = {
	{ "CAP_BPF", CAP_BPF, always, "load programs and maps, also when rules change" },
	{ "CAP_PERFMON", CAP_PERFMON, always, "attach them, read kernel memory in them" },
	{ "CAP_SYS_PTRACE", CAP_SYS_PTRACE, always, "/proc/PID/exe, fd and environ of others" },
	{ "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, always, "/proc and files of other users" },
	{ "CAP_SYS_RESOURCE", CAP_SYS_RESOURCE, always,
	  "limits of others' processes, memory of maps before Linux 5.11" },
	{ "CAP_SYSLOG", CAP_SYSLOG, always, "addresses in /proc/kallsyms" },
	{ "CAP_DAC_OVERRIDE", CAP_DAC_OVERRIDE, writes_files, "output files in folders of others" },
	{ "CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE, listens, "ports below 1024" },
	{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN, has_no_bpf,
	  "all of it, where whoever started the sensor gave no CAP_BPF and CAP_PERFMON" },
};

const char *harden_capability(unsigned bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i].bit == bit)
			return kept[i].name;
	return NULL;
}

/* ---- capabilities ------------------------------------------------------------------------- */

typedef struct __user_cap_data_struct cap_data[_LINUX_CAPABILITY_U32S_3];

static int get_caps(cap_data ret)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capget, &header, ret) < 0 ? -errno : 0;
}

static uint64_t effective(void)
{
	cap_data data = { 0 };

	return get_caps(data) < 0 ? 0 : data[0].effective | (uint64_t)data[1].effective << 32;
}

static int set_caps(uint64_t keep)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	cap_data data = { 0 };
	int r = get_caps(data);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
		uint32_t part = (uint32_t)(keep >> (32 * i));

		data[i].permitted &= part;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static void drop_capabilities(const struct config *c, bool recording)
{
	const struct need need = { c, recording, effective() };
	uint64_t keep = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i].needed(&need))
			keep |= 1ULL << kept[i].bit;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Needs CAP_SETPCAP; without it nothing can be won by an exec either, see no-new-privs. */
	for (unsigned bit = 0; bit < 64 && !c->program_output.enabled; bit++)
		if (!(keep >> bit & 1) && prctl(PR_CAPBSET_DROP, bit, 0, 0, 0) < 0)
			break;
	r = set_caps(keep);
	if (r < 0)
		cli_warn("capabilities are not dropped: %s", strerror(-r));
}

/* ---- start -------------------------------------------------------------------------------- */

/* Descriptors that whoever started us forgot; rules may come from one of them (-r <(...)), so they
 * stay open, but no program gets them. */
static void keep_from_children(void)
{
	syscall(SYS_close_range, FIRST_INHERITED_FD, ~0U, CLOSE_RANGE_CLOEXEC);
}

void harden_start(const struct config *c, bool recording)
{
	const struct rlimit none = { 0, 0 };
	sigset_t sigsys;

	/* Whoever started us may have blocked it, and then a refused call would end us. */
	sigemptyset(&sigsys);
	sigaddset(&sigsys, SIGSYS);
	pthread_sigmask(SIG_UNBLOCK, &sigsys, NULL);
	keep_from_children();
	if (c->hardening.drop_capabilities)
		drop_capabilities(c, recording);
	setrlimit(RLIMIT_CORE, &none);
#ifndef TIERCEL_ASAN	/* its leak check has to attach to the process */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	if (c->program_output.enabled)
		return;
	umask(PRIVATE_UMASK);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		cli_warn("no-new-privs cannot be set: %s", strerror(errno));
}

void harden_get(struct harden_state *ret)
{
	struct rlimit core = { 1, 1 };

	getrlimit(RLIMIT_CORE, &core);
	*ret = (struct harden_state){ .no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
				      .no_core = core.rlim_max == 0, .capabilities = effective() };
	harden_seccomp_get(ret);
}
