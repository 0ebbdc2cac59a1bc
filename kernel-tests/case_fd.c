/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of calls that make fds or work on files behind fds; see cases.h. */
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "kernel-tests/cases.h"

static void run_close(struct want *w)
{
	int fd = case_file("close", "x");

	call(w, fd);
	want_num(w, CLOSE_X_fd, fd);
}

static void run_close_range(struct want *w)
{
	int fd = case_file("close_range", "x");

	call(w, fd, fd, 0);
	want_num(w, CLOSE_RANGE_X_first, fd);
	want_num(w, CLOSE_RANGE_X_last, fd);
	want_num(w, CLOSE_RANGE_X_flags, 0);
}

static void run_dup(struct want *w)
{
	int fd = case_file("dup", "x");

	call(w, fd);
	want_num(w, DUP_1_X_oldfd, fd);
	case_want_path(w, "dup");
}

static void run_dup2(struct want *w)
{
	int fd = case_file("dup2", "x");

	call(w, fd, 77);
	want_num(w, DUP2_X_oldfd, fd);
	want_num(w, DUP2_X_newfd, 77);
	case_want_path(w, "dup2");
}

static void run_dup3(struct want *w)
{
	int fd = case_file("dup3", "x");

	call(w, fd, 78, O_CLOEXEC);
	want_num(w, DUP3_X_oldfd, fd);
	want_num(w, DUP3_X_newfd, 78);
	want_num(w, DUP3_X_flags, WO_CLOEXEC);
	case_want_path(w, "dup3");
}

static void run_fcntl(struct want *w)
{
	int fd = case_file("fcntl", "x");

	call(w, fd, F_DUPFD_CLOEXEC, 80);
	want_num(w, FCNTL_X_fd, fd);
	want_num(w, FCNTL_X_cmd, case_flag(FLAG_TABLE_fcntl_commands, "F_DUPFD_CLOEXEC"));
	want_num(w, FCNTL_X_arg, 80);
	case_want_path(w, "fcntl");
}

static void run_ioctl(struct want *w)
{
	int fd = case_file("ioctl", "hello"), n;

	call(w, fd, FIONREAD, &n);
	want_num(w, IOCTL_3_X_fd, fd);
	want_num(w, IOCTL_3_X_request, FIONREAD);
	want_num(w, IOCTL_3_X_argument, (uintptr_t)&n);
	case_want_path(w, "ioctl");
}

static void run_fstat(struct want *w)
{
	int fd = case_file("fstat", "x");
	struct stat st;

	call(w, fd, &st);
	want_num(w, FSTAT_X_fd, fd);
	case_want_path(w, "fstat");
}

static void run_fchdir(struct want *w)
{
	int dir = open("/", O_RDONLY);

	call(w, dir);
	want_num(w, FCHDIR_X_fd, dir);
	memcpy(w->path, "/", 2);
	w->kind = FD_DIRECTORY;
}

static void run_lseek(struct want *w)
{
	int fd = case_file("lseek", "hello");

	call(w, fd, -2, SEEK_END);
	want_num(w, LSEEK_X_fd, fd);
	want_num(w, LSEEK_X_offset, -2);
	want_num(w, LSEEK_X_whence, SEEK_END);
	case_want_path(w, "lseek");
}

static void run_getdents(struct want *w)
{
	int dir = open("/proc/self", O_RDONLY);
	char out[1024];

	call(w, dir, out, sizeof(out));
	want_num(w, GETDENTS_X_fd, dir);
	w->kind = FD_DIRECTORY;
}

static void run_getdents64(struct want *w)
{
	int dir = open("/proc/self", O_RDONLY);
	char out[1024];

	call(w, dir, out, sizeof(out));
	want_num(w, GETDENTS64_X_fd, dir);
	w->kind = FD_DIRECTORY;
}

static void run_flock(struct want *w)
{
	int fd = case_file("flock", "x");

	call(w, fd, LOCK_EX | LOCK_NB);
	want_num(w, FLOCK_X_fd, fd);
	want_num(w, FLOCK_X_operation, case_flag(FLAG_TABLE_flock_flags, "LOCK_EX") |
					       case_flag(FLAG_TABLE_flock_flags, "LOCK_NB"));
	case_want_path(w, "flock");
}

static void run_fchmod(struct want *w)
{
	int fd = case_file("fchmod", "x");

	call(w, fd, 02750);
	want_num(w, FCHMOD_X_fd, fd);
	want_num(w, FCHMOD_X_mode, 02750);
	case_want_path(w, "fchmod");
}

static void run_fchown(struct want *w)
{
	int fd = case_file("fchown", "x");

	call(w, fd, 7, 8);
	want_num(w, FCHOWN_X_fd, fd);
	want_num(w, FCHOWN_X_uid, 7);
	want_num(w, FCHOWN_X_gid, 8);
	case_want_path(w, "fchown");
}

static void run_pipe(struct want *w)
{
	int fds[2] = { -1, -1 };

	call(w, fds);
	want_num(w, PIPE_X_fd1, fds[0]);
	want_num(w, PIPE_X_fd2, fds[1]);
	w->kind = FD_FIFO;
}

static void run_pipe2(struct want *w)
{
	int fds[2] = { -1, -1 };

	call(w, fds, O_CLOEXEC | O_NONBLOCK);
	want_num(w, PIPE2_X_fd1, fds[0]);
	want_num(w, PIPE2_X_fd2, fds[1]);
	want_num(w, PIPE2_X_flags, WO_CLOEXEC | WO_NONBLOCK);
	w->kind = FD_FIFO;
}

static void run_eventfd(struct want *w)
{
	call(w, 5);
	want_num(w, EVENTFD_X_initval, 5);
	want_num(w, EVENTFD_X_flags, 0);
	w->kind = FD_EVENTFD;
}

static void run_eventfd2(struct want *w)
{
	call(w, 6, O_NONBLOCK);
	want_num(w, EVENTFD2_X_initval, 6);
	want_num(w, EVENTFD2_X_flags, WO_NONBLOCK);
	w->kind = FD_EVENTFD;
}

#define MASK_HUP 1ULL	/* bit of signal 1 */

static void run_signalfd(struct want *w)
{
	uint64_t mask = MASK_HUP;

	call(w, -1, &mask, sizeof(mask));
	want_num(w, SIGNALFD_X_fd, -1);
	want_num(w, SIGNALFD_X_mask, mask);
	w->kind = FD_SIGNALFD;
}

static void run_signalfd4(struct want *w)
{
	uint64_t mask = MASK_HUP;

	call(w, -1, &mask, sizeof(mask), SFD_CLOEXEC);
	want_num(w, SIGNALFD4_X_fd, -1);
	want_num(w, SIGNALFD4_X_mask, mask);
	want_num(w, SIGNALFD4_X_flags, WO_CLOEXEC);
	w->kind = FD_SIGNALFD;
}

static void run_timerfd_create(struct want *w)
{
	call(w, CLOCK_MONOTONIC, 0);
	want_num(w, TIMERFD_CREATE_X_clockid, CLOCK_MONOTONIC);
	want_num(w, TIMERFD_CREATE_X_flags, 0);
	w->kind = FD_TIMERFD;
}

static void run_inotify_init(struct want *w)
{
	call(w);
	want_num(w, INOTIFY_INIT_X_flags, 0);
	w->kind = FD_INOTIFY;
}

static void run_inotify_init1(struct want *w)
{
	call(w, O_NONBLOCK | O_CLOEXEC);
	want_num(w, INOTIFY_INIT1_X_flags, WO_NONBLOCK | WO_CLOEXEC);
	w->kind = FD_INOTIFY;
}

static void run_epoll_create(struct want *w)
{
	call(w, 9);
	want_num(w, EPOLL_CREATE_X_size, 9);
	w->kind = FD_EVENTPOLL;
}

static void run_epoll_create1(struct want *w)
{
	call(w, EPOLL_CLOEXEC);
	want_num(w, EPOLL_CREATE1_X_flags,
		 case_flag(FLAG_TABLE_epoll_create1_flags, "EPOLL_CLOEXEC"));
	w->kind = FD_EVENTPOLL;
}

static void run_memfd_create(struct want *w)
{
	call(w, "ktest-memfd", 1);	/* MFD_CLOEXEC */
	want_text(w, MEMFD_CREATE_X_name, "ktest-memfd");
	want_num(w, MEMFD_CREATE_X_flags, 1);
	w->kind = FD_MEMFD;
}

static void run_pidfd_open(struct want *w)
{
	call(w, getpid(), 0);
	want_num(w, PIDFD_OPEN_X_pid, getpid());
	want_num(w, PIDFD_OPEN_X_flags, 0);
	w->kind = FD_PIDFD;
}

static void run_pidfd_getfd(struct want *w)
{
	int fd = case_file("pidfd_getfd", "x"), pidfd = syscall(__NR_pidfd_open, getpid(), 0);

	call(w, pidfd, fd, 0);
	want_num(w, PIDFD_GETFD_X_pid_fd, pidfd);
	want_num(w, PIDFD_GETFD_X_target_fd, fd);
	want_num(w, PIDFD_GETFD_X_flags, 0);
	case_want_path(w, "pidfd_getfd");
}

static void run_userfaultfd(struct want *w)
{
	if (call(w, O_CLOEXEC | O_NONBLOCK) >= 0)
		w->kind = FD_USERFAULTFD;
	want_num(w, USERFAULTFD_X_flags, WO_CLOEXEC | WO_NONBLOCK);
}

static void run_fsconfig(struct want *w)
{
	int fd = syscall(__NR_fsopen, "tmpfs", 0);

	call(w, fd, FSCONFIG_SET_STRING, "size", "64k", 0);
	want_num(w, FSCONFIG_X_fd, fd);
	want_num(w, FSCONFIG_X_cmd, FSCONFIG_SET_STRING);
	want_text(w, FSCONFIG_X_key, "size");
	want_text(w, FSCONFIG_X_value_charbuf, "64k");
	want_num(w, FSCONFIG_X_aux, 0);
}

static const struct kcase rows[] = {
	{ EV_CLOSE_X, __NR_close, run_close },
	{ EV_CLOSE_RANGE_X, __NR_close_range, run_close_range },
	{ EV_DUP_1_X, __NR_dup, run_dup },
	{ EV_DUP2_X, __NR_dup2, run_dup2 },
	{ EV_DUP3_X, __NR_dup3, run_dup3 },
	{ EV_FCNTL_X, __NR_fcntl, run_fcntl },
	{ EV_IOCTL_3_X, __NR_ioctl, run_ioctl },
	{ EV_FSTAT_X, __NR_fstat, run_fstat },
	{ EV_FCHDIR_X, __NR_fchdir, run_fchdir },
	{ EV_LSEEK_X, __NR_lseek, run_lseek },
	{ EV_GETDENTS_X, __NR_getdents, run_getdents },
	{ EV_GETDENTS64_X, __NR_getdents64, run_getdents64 },
	{ EV_FLOCK_X, __NR_flock, run_flock },
	{ EV_FCHMOD_X, __NR_fchmod, run_fchmod },
	{ EV_FCHOWN_X, __NR_fchown, run_fchown },
	{ EV_PIPE_X, __NR_pipe, run_pipe },
	{ EV_PIPE2_X, __NR_pipe2, run_pipe2 },
	{ EV_EVENTFD_X, __NR_eventfd, run_eventfd },
	{ EV_EVENTFD2_X, __NR_eventfd2, run_eventfd2 },
	{ EV_SIGNALFD_X, __NR_signalfd, run_signalfd },
	{ EV_SIGNALFD4_X, __NR_signalfd4, run_signalfd4 },
	{ EV_TIMERFD_CREATE_X, __NR_timerfd_create, run_timerfd_create },
	{ EV_INOTIFY_INIT_X, __NR_inotify_init, run_inotify_init },
	{ EV_INOTIFY_INIT1_X, __NR_inotify_init1, run_inotify_init1 },
	{ EV_EPOLL_CREATE_X, __NR_epoll_create, run_epoll_create },
	{ EV_EPOLL_CREATE1_X, __NR_epoll_create1, run_epoll_create1 },
	{ EV_MEMFD_CREATE_X, __NR_memfd_create, run_memfd_create },
	{ EV_PIDFD_OPEN_X, __NR_pidfd_open, run_pidfd_open },
	{ EV_PIDFD_GETFD_X, __NR_pidfd_getfd, run_pidfd_getfd },
	{ EV_USERFAULTFD_X, __NR_userfaultfd, run_userfaultfd },
	{ EV_FSCONFIG_X, __NR_fsconfig, run_fsconfig },
};

const struct kcase_table case_fd = { "fd", rows, ARRAY_SIZE(rows) };
