/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases: one row per event type, in a table per topic. The function of a row runs in a process
 * of its own, as root, in an empty directory; it prepares, makes the system call once with call()
 * and says what the event must hold. Setting up may make the same call with other arguments.
 */
#ifndef TIERCEL_KTEST_CASES_H
#define TIERCEL_KTEST_CASES_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel-tests/syscall_fallback.h"
#include "engine/event/event_info.h"
#include "kernel-tests/want.h"

struct kcase {
	uint16_t event;
	int16_t nr;		/* NR_ABSENT on other architectures; NR_HOOK: from a process hook */
	void (*run)(struct want *w);
	const char *name;	/* NULL: that of the event */
	const char *hook;	/* skipped where the kernel refused it */
};

#define NR_HOOK (-2)	/* and NR_ABSENT is in syscall_fallback.h */

struct kcase_table {
	const char *name;
	const struct kcase *rows;
	uint32_t count;
};

extern const struct kcase_table case_path, case_fd, case_io, case_net, case_process, case_user,
	case_memory, case_ipc, case_system, case_compat32, case_uring;

/* Make the call under test; its result must be the first parameter. */
long case_call(struct want *w, long a, long b, long c, long d, long e, long f);
/* Number on the wire of a flag or enumerator, which is not always the kernel's. */
uint64_t case_flag(enum flag_table_id table, const char *name);
/* The directory of the case, absolute. */
const char *case_dir(void);
/* A file with some content; its fd, or -1. */
int case_file(const char *name, const char *content);
void case_symlink(const char *target, const char *name);
/* dev and ino of an fd, as the events have them. */
void case_want_inode(struct want *w, int fd, unsigned dev, unsigned ino);
/* The kernel's object of the event is this file of the directory. */
void case_want_path(struct want *w, const char *name);
/* A loopback TCP connection. Fds of the listener, the client and the accepted side; 0 or -1. */
struct case_tcp {
	int listener, client, server;
};
int case_tcp_connect(struct case_tcp *ret, bool accept);

#define CALL_(w, a, b, c, d, e, f, ...) \
	case_call(w, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define call(w, ...) CALL_(w, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

#endif
