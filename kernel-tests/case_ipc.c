/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of waiting, signals and System V IPC; see cases.h. */
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include "kernel-tests/cases.h"

static void run_epoll_wait(struct want *w)
{
	struct epoll_event out[3];

	call(w, epoll_create1(0), out, 3, 0);
	want_num(w, EPOLLWAIT_X_maxevents, 3);
}

#define LIST_MAX 17

/* The end of a pipe that can be written to, in each of the n entries wanted. */
static void want_pollout(struct want *w, unsigned param, int fd, uint16_t n)
{
	uint16_t flags = case_flag(FLAG_TABLE_poll_flags, "POLLOUT");
	uint8_t list[2 + LIST_MAX * 10];
	int64_t wide = fd;

	memcpy(list, &n, 2);
	for (int i = 0; i < n; i++) {
		memcpy(list + 2 + 10 * i, &wide, 8);
		memcpy(list + 10 + 10 * i, &flags, 2);
	}
	want_bytes(w, param, list, 2 + 10 * (size_t)n);
}

/* Fds without an event are not in the list. */
static void run_poll(struct want *w)
{
	int ends[2] = { -1, -1 };
	struct pollfd p[2];

	if (pipe(ends))
		return want_skip(w, "no pipe: %s", strerror(errno));
	p[0] = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = ends[1], .events = POLLOUT };
	call(w, p, 2, 0);
	want_num(w, POLL_X_timeout, 0);
	want_pollout(w, POLL_X_fds, ends[1], 1);
}

static void run_poll_nothing(struct want *w)
{
	call(w, NULL, 0, 0);
	want_pollout(w, POLL_X_fds, -1, 0);
}

static void run_ppoll_many(struct want *w)
{
	struct timespec t = { .tv_nsec = 1000 };
	struct pollfd p[LIST_MAX];
	int ends[2] = { -1, -1 };

	if (pipe(ends))
		return want_skip(w, "no pipe: %s", strerror(errno));
	for (int i = 0; i < LIST_MAX; i++)
		p[i] = (struct pollfd){ .fd = ends[1], .events = POLLOUT };
	call(w, p, LIST_MAX, &t, NULL, 0);
	want_pollout(w, PPOLL_X_fds, ends[1], LIST_MAX - 1);
	w->flags |= EVENT_TRUNCATED;
}

static void run_ppoll(struct want *w)
{
	struct timespec t = { .tv_nsec = 1000 };
	uint64_t mask = 1;

	call(w, NULL, 0, &t, &mask, sizeof(mask));
	want_num(w, PPOLL_X_sigmask, 1);
}

static void run_select(struct want *w)
{
	struct timeval t = { 0 };

	call(w, 0, NULL, NULL, NULL, &t);
}

static void run_futex(struct want *w)
{
	uint32_t word = 7;

	call(w, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 8, NULL);
	want_num(w, FUTEX_X_addr, (uintptr_t)&word);
	want_num(w, FUTEX_X_op, FUTEX_WAIT | FUTEX_PRIVATE_FLAG);
	want_num(w, FUTEX_X_val, 8);
}

static void run_nanosleep(struct want *w)
{
	struct timespec t = { .tv_nsec = 1234567 };

	call(w, &t, NULL);
	want_num(w, NANOSLEEP_X_interval, 1234567);
}

static void run_kill(struct want *w)
{
	call(w, getpid(), SIGCONT);
	want_num(w, KILL_X_pid, getpid());
	want_num(w, KILL_X_sig, SIGCONT);
}

static void run_tkill(struct want *w)
{
	call(w, getpid(), SIGURG);
	want_num(w, TKILL_X_tid, getpid());
	want_num(w, TKILL_X_sig, SIGURG);
}

static void run_tgkill(struct want *w)
{
	call(w, getpid(), getpid(), SIGWINCH);
	want_num(w, TGKILL_X_pid, getpid());
	want_num(w, TGKILL_X_tid, getpid());
	want_num(w, TGKILL_X_sig, SIGWINCH);
}

static void run_semget(struct want *w)
{
	int id = call(w, IPC_PRIVATE, 2, IPC_CREAT | 0600);

	want_num(w, SEMGET_X_key, IPC_PRIVATE);
	want_num(w, SEMGET_X_nsems, 2);
	want_num(w, SEMGET_X_semflg, case_flag(FLAG_TABLE_semget_flags, "IPC_CREAT"));
	semctl(id, 0, IPC_RMID);
}

static void run_semop(struct want *w)
{
	int id = semget(IPC_PRIVATE, 2, 0600);
	struct sembuf ops[] = { { 0, 1, 0 }, { 1, 2, SEM_UNDO } };

	call(w, id, ops, 2);
	want_num(w, SEMOP_X_nsops, 2);
	want_num(w, SEMOP_X_sem_num_0, 0);
	want_num(w, SEMOP_X_sem_op_0, 1);
	want_num(w, SEMOP_X_sem_flg_0, 0);
	want_num(w, SEMOP_X_sem_num_1, 1);
	want_num(w, SEMOP_X_sem_op_1, 2);
	want_num(w, SEMOP_X_sem_flg_1, case_flag(FLAG_TABLE_semop_flags, "SEM_UNDO"));
	want_num(w, SEMOP_X_semid, id);
	semctl(id, 0, IPC_RMID);
}

static void run_semctl(struct want *w)
{
	int id = semget(IPC_PRIVATE, 2, 0600);

	call(w, id, 1, SETVAL, 5);
	want_num(w, SEMCTL_X_semid, id);
	want_num(w, SEMCTL_X_semnum, 1);
	want_num(w, SEMCTL_X_cmd, case_flag(FLAG_TABLE_semctl_commands, "SETVAL"));
	want_num(w, SEMCTL_X_val, 5);
	semctl(id, 0, IPC_RMID);
}

static const struct kcase rows[] = {
	{ EV_EPOLLWAIT_X, __NR_epoll_wait, run_epoll_wait },
	{ EV_POLL_X, __NR_poll, run_poll },
	{ EV_POLL_X, __NR_poll, run_poll_nothing, "poll (nothing)" },
	{ EV_PPOLL_X, __NR_ppoll, run_ppoll },
	{ EV_PPOLL_X, __NR_ppoll, run_ppoll_many, "ppoll (many)" },
	{ EV_SELECT_X, __NR_select, run_select },
	{ EV_FUTEX_X, __NR_futex, run_futex },
	{ EV_NANOSLEEP_X, __NR_nanosleep, run_nanosleep },
	{ EV_KILL_X, __NR_kill, run_kill },
	{ EV_TKILL_X, __NR_tkill, run_tkill },
	{ EV_TGKILL_X, __NR_tgkill, run_tgkill },
	{ EV_SEMGET_X, __NR_semget, run_semget },
	{ EV_SEMOP_X, __NR_semop, run_semop },
	{ EV_SEMCTL_X, __NR_semctl, run_semctl },
};

const struct kcase_table case_ipc = { "ipc", rows, ARRAY_SIZE(rows) };
