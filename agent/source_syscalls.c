/* SPDX-License-Identifier: Apache-2.0 */
/* Constant tables and one pure function; called by source_ring.c. */
#include <sys/syscall.h>

#include "agent/source_syscalls.h"

const struct source_syscall source_syscalls[] = {
#define NR(number, code, event) { number, code, event },
#include "bpf/syscall_nr.h"
#undef NR
};
const uint32_t source_syscalls_count = ARRAY_SIZE(source_syscalls);

/* Identity, session, directory and limits of a process, whatever the rules ask for. */
static const uint16_t process_needs[] = {
	EV_CHDIR_X, EV_FCHDIR_X, EV_CHROOT_X, EV_SETUID_X, EV_SETGID_X, EV_SETREUID_X,
	EV_SETREGID_X, EV_SETRESUID_X, EV_SETRESGID_X, EV_SETSID_X, EV_CAPSET_X, EV_PRCTL_X,
	EV_UNSHARE_X, EV_SETNS_X,
};

/* Roles of sockets: which end opened a connection is not in the socket itself. */
static const uint16_t socket_needs[] = {
	EV_SOCKET_X, EV_CONNECT_X, EV_BIND_X, EV_ACCEPT_5_X, EV_ACCEPT4_6_X,
};

static void evtset_put(struct evtset *s, unsigned type)
{
	s->w[type / 64] |= 1ULL << (type % 64);
}

static bool uses_sockets(const struct evtset *s)
{
	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++) {
		unsigned category = event_infos[type].category & 0xff;

		if (evtset_has(s, type) && (category == CAT_NET || category == CAT_IO_READ ||
					    category == CAT_IO_WRITE))
			return true;
	}
	return false;
}

struct evtset source_syscalls_needed(const struct evtset *wanted)
{
	struct evtset s = *wanted;

	if (uses_sockets(wanted))
		for (size_t i = 0; i < ARRAY_SIZE(socket_needs); i++)
			evtset_put(&s, socket_needs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(process_needs); i++)
		evtset_put(&s, process_needs[i]);
	return s;
}
