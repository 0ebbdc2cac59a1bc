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

static uint16_t native_by_name(struct str name)
{
	for (uint32_t i = 0; i < source_syscalls_count; i++)
		if (str_is(name, sc_infos[source_syscalls[i].code].name))
			return source_syscalls[i].nr + 1;
	return 0;
}

uint16_t source_syscalls_native(const struct source_syscall *c)
{
	struct str name = str_from(sc_infos[c->code].name);
	uint16_t nr = native_by_name(name);

	/* setuid32, fcntl64 and the like do what the native call without the number does. */
	if (!nr && (str_ends(name, STR("32")) || str_ends(name, STR("64"))))
		nr = native_by_name(str_sub(name, 0, name.len - 2));
	return nr;
}

static uint16_t native_by_event(unsigned event)
{
	for (uint32_t i = 0; i < source_syscalls_count; i++)
		if (source_syscalls[i].event == event)
			return source_syscalls[i].nr + 1;
	return 0;
}

uint16_t source_syscalls_socketcall(unsigned which)
{
	static const uint16_t events[] = {
		[1] = EV_SOCKET_X, [2] = EV_BIND_X, [3] = EV_CONNECT_X, [4] = EV_LISTEN_X,
		[5] = EV_ACCEPT_5_X, [6] = EV_GETSOCKNAME_X, [7] = EV_GETPEERNAME_X,
		[8] = EV_SOCKETPAIR_X, [9] = EV_SENDTO_X, [10] = EV_RECVFROM_X,
		[11] = EV_SENDTO_X, [12] = EV_RECVFROM_X, [13] = EV_SHUTDOWN_X,
		[14] = EV_SETSOCKOPT_X, [15] = EV_GETSOCKOPT_X, [16] = EV_SENDMSG_X,
		[17] = EV_RECVMSG_X, [18] = EV_ACCEPT4_6_X, [19] = EV_RECVMMSG_X,
		[20] = EV_SENDMMSG_X,
	};

	return which < ARRAY_SIZE(events) && events[which] ? native_by_event(events[which]) : 0;
}

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

unsigned source_syscalls_program(unsigned event)
{
	switch (event) {
#define SAME(id, of) case EV_##id: return EV_##of;
	RING_SAME_PROGRAM(SAME)
#undef SAME
	default: return event;
	}
}

/* Identity and life of processes travel in the lane that is never starved. */
struct sensor_row source_syscalls_row(unsigned event)
{
	const struct event_info *info = &event_infos[event];
	unsigned category = info->category & 0xff;
	struct sensor_row row = { .type = event, .nparams = info->nparams };

	if ((category == CAT_PROCESS || category == CAT_USER) && info->flags & EF_MODIFIES_STATE)
		row.flags |= ROW_LIFE;
	/* No arguments are left at the exit of a successful exec: sched_process_exec reports it. */
	if (source_syscalls_program(event) == EV_EXECVE_19_X)
		row.flags |= ROW_FAILED_ONLY;
	return row;
}

static void evtset_put(struct evtset *s, unsigned type)
{
	s->w[type / 64] |= 1ULL << (type % 64);
}

struct evtset source_syscalls_programs(const struct evtset *events)
{
	struct evtset s = { 0 };

	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++)
		if (evtset_has(events, type))
			evtset_put(&s, source_syscalls_program(type));
	return s;
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

struct evtset source_syscalls_state(const struct evtset *wanted)
{
	struct evtset s = { 0 };

	if (wanted && !memcmp(wanted, &s, sizeof(s)))
		return s;
	for (size_t i = 0; i < ARRAY_SIZE(process_needs); i++)
		evtset_put(&s, process_needs[i]);
	return s;
}

struct evtset source_syscalls_needed(const struct evtset *wanted)
{
	struct evtset s = *wanted, state = source_syscalls_state(wanted);

	if (uses_sockets(wanted))
		for (size_t i = 0; i < ARRAY_SIZE(socket_needs); i++)
			evtset_put(&s, socket_needs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(s.w); i++)
		s.w[i] |= state.w[i];
	return s;
}
