/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what each event type does to the state, and what follows from it and from the event
 * table for the work per event. Called once by the constructor.
 */
#include "engine/state/state_priv.h"

#define NP NO_PARAM

static const struct state_row rows[EVENT_TYPE_COUNT] = {
	/* processes */
	[EV_CLONE_20_X] = { state_on_clone, ROW_ALWAYS },
	[EV_FORK_20_X] = { state_on_clone, ROW_ALWAYS },
	[EV_VFORK_20_X] = { state_on_clone, ROW_ALWAYS },
	[EV_CLONE3_X] = { state_on_clone, ROW_ALWAYS },
	[EV_EXECVE_19_X] = { state_on_exec, ROW_SUCCESS },
	[EV_EXECVEAT_X] = { state_on_exec, ROW_SUCCESS },
	[EV_PROCEXIT_1_E] = { state_on_exit, ROW_THREAD },
	[EV_CHDIR_X] = { state_on_chdir, ROW_SUCCESS },
	[EV_FCHDIR_X] = { state_on_fchdir, ROW_FD_SUCCESS },
	[EV_GETCWD_X] = { state_on_getcwd, ROW_SUCCESS },
	[EV_CHROOT_X] = { state_on_chroot, ROW_SUCCESS },
	[EV_SETUID_X] = { state_on_setuid, ROW_SUCCESS, .p = { SETUID_X_uid } },
	[EV_SETRESUID_X] = { state_on_setuid, ROW_SUCCESS, .p = { SETRESUID_X_euid } },
	[EV_SETREUID_X] = { state_on_setuid, ROW_SUCCESS, .p = { SETREUID_X_euid } },
	[EV_SETGID_X] = { state_on_setgid, ROW_SUCCESS, .p = { SETGID_X_gid } },
	[EV_SETRESGID_X] = { state_on_setgid, ROW_SUCCESS, .p = { SETRESGID_X_egid } },
	[EV_SETREGID_X] = { state_on_setgid, ROW_SUCCESS, .p = { SETREGID_X_egid } },
	[EV_SETSID_X] = { state_on_setsid, ROW_SUCCESS },
	[EV_CAPSET_X] = { state_on_capset, ROW_SUCCESS },
	[EV_UNSHARE_X] = { state_on_namespace, ROW_SUCCESS, .p = { UNSHARE_X_flags } },
	[EV_SETNS_X] = { state_on_namespace, ROW_SUCCESS, .p = { SETNS_X_nstype } },
	[EV_PRCTL_X] = { state_on_prctl, ROW_SUCCESS },
	[EV_GETRLIMIT_X] = { state_on_rlimit, ROW_SUCCESS },
	[EV_SETRLIMIT_X] = { state_on_rlimit, ROW_SUCCESS },
	[EV_PRLIMIT_X] = { state_on_prlimit, ROW_SUCCESS },
	[EV_BRK_4_X] = { state_on_memory, ROW_THREAD },
	[EV_MMAP_X] = { state_on_memory, ROW_THREAD },
	[EV_MMAP2_X] = { state_on_memory, ROW_THREAD },
	[EV_MUNMAP_X] = { state_on_memory, ROW_THREAD },
	[EV_SCHEDSWITCH_6_E] = { state_on_switch, ROW_THREAD },

	/* what captures still have of system call entries */
	[EV_OPEN_E] = { state_on_enter, ROW_THREAD, .p = { OPEN_E_name, NP, OPEN_E_flags } },
	[EV_CREAT_E] = { state_on_enter, ROW_THREAD, .p = { CREAT_E_name, NP, NP } },
	[EV_OPENAT_2_E] = { state_on_enter, ROW_THREAD,
			    .p = { OPENAT_2_E_name, OPENAT_2_E_dirfd, OPENAT_2_E_flags } },
	[EV_OPENAT2_E] = { state_on_enter, ROW_THREAD,
			   .p = { OPENAT2_E_name, OPENAT2_E_dirfd, OPENAT2_E_flags } },
	[EV_CONNECT_E] = { state_on_enter, ROW_THREAD, .p = { CONNECT_E_addr, NP, NP } },
	[EV_EXECVE_19_E] = { state_on_enter, ROW_THREAD, .p = { EXECVE_19_E_filename, NP, NP } },
	[EV_EXECVEAT_E] = { state_on_enter, ROW_THREAD,
			    .p = { EXECVEAT_E_pathname, EXECVEAT_E_dirfd, EXECVEAT_E_flags } },

	/* fds */
	[EV_OPEN_X] = { state_on_open, ROW_THREAD,
			.p = { OPEN_X_name, NP, OPEN_X_flags, OPEN_X_dev, OPEN_X_ino } },
	[EV_OPENAT_2_X] = { state_on_open, ROW_THREAD,
			    .p = { OPENAT_2_X_name, OPENAT_2_X_dirfd, OPENAT_2_X_flags,
				   OPENAT_2_X_dev, OPENAT_2_X_ino } },
	[EV_OPENAT2_X] = { state_on_open, ROW_THREAD,
			   .p = { OPENAT2_X_name, OPENAT2_X_dirfd, OPENAT2_X_flags, OPENAT2_X_dev,
				  OPENAT2_X_ino } },
	[EV_CREAT_X] = { state_on_open, ROW_THREAD,
			 .p = { CREAT_X_name, NP, CREAT_X_creat_flags, CREAT_X_dev, CREAT_X_ino } },
	[EV_OPEN_BY_HANDLE_AT_X] = { state_on_open_by_handle, ROW_SUCCESS },
	[EV_EVENTFD_X] = { state_on_new_fd, ROW_SUCCESS, FD_EVENTFD, { NP, CLOEXEC_NEVER } },
	[EV_EVENTFD2_X] = { state_on_new_fd,
			    ROW_SUCCESS,
			    FD_EVENTFD,
			    { EVENTFD2_X_flags, CLOEXEC_BIT } },
	[EV_SIGNALFD_X] = { state_on_new_fd, ROW_SUCCESS, FD_SIGNALFD, { NP, CLOEXEC_NEVER } },
	[EV_SIGNALFD4_X] = { state_on_new_fd,
			     ROW_SUCCESS,
			     FD_SIGNALFD,
			     { SIGNALFD4_X_flags, CLOEXEC_BIT } },
	[EV_TIMERFD_CREATE_X] = { state_on_new_fd, ROW_SUCCESS, FD_TIMERFD, { NP, CLOEXEC_NEVER } },
	[EV_INOTIFY_INIT_X] = { state_on_new_fd, ROW_SUCCESS, FD_INOTIFY, { NP, CLOEXEC_NEVER } },
	[EV_INOTIFY_INIT1_X] = { state_on_new_fd,
				 ROW_SUCCESS,
				 FD_INOTIFY,
				 { INOTIFY_INIT1_X_flags, CLOEXEC_BIT } },
	[EV_EPOLL_CREATE_X] = { state_on_new_fd, ROW_SUCCESS, FD_EVENTPOLL, { NP, CLOEXEC_NEVER } },
	[EV_EPOLL_CREATE1_X] = { state_on_new_fd,
				 ROW_SUCCESS,
				 FD_EVENTPOLL,
				 { EPOLL_CREATE1_X_flags, 0 } },
	[EV_USERFAULTFD_X] = { state_on_new_fd,
			       ROW_SUCCESS,
			       FD_USERFAULTFD,
			       { USERFAULTFD_X_flags, CLOEXEC_BIT } },
	[EV_BPF_2_X] = { state_on_bpf, ROW_SUCCESS, FD_BPF, { NP, CLOEXEC_ALWAYS } },
	[EV_IO_URING_SETUP_X] = { state_on_new_fd,
				  ROW_SUCCESS,
				  FD_IO_URING,
				  { NP, CLOEXEC_ALWAYS } },
	[EV_PIPE_X] = { state_on_pipe, ROW_SUCCESS, .p = { NP } },
	[EV_PIPE2_X] = { state_on_pipe, ROW_SUCCESS, .p = { PIPE2_X_flags } },
	[EV_MEMFD_CREATE_X] = { state_on_memfd, ROW_THREAD },
	[EV_PIDFD_OPEN_X] = { state_on_pidfd_open, ROW_SUCCESS },
	[EV_PIDFD_GETFD_X] = { state_on_pidfd_getfd, ROW_SUCCESS },
	[EV_DUP_1_X] = { state_on_dup, ROW_FD_SUCCESS, .p = { NP } },
	[EV_DUP2_X] = { state_on_dup, ROW_FD_SUCCESS, .p = { NP } },
	[EV_DUP3_X] = { state_on_dup, ROW_FD_SUCCESS, .p = { DUP3_X_flags } },
	[EV_FCNTL_X] = { state_on_fcntl, ROW_FD_SUCCESS },
	[EV_CLOSE_X] = { state_on_close, ROW_FD_SUCCESS },
	[EV_CLOSE_RANGE_X] = { state_on_close_range, ROW_SUCCESS },

	/* sockets; transfers: tuple, sends, makes an entry */
	[EV_SOCKET_X] = { state_on_socket, ROW_SUCCESS },
	[EV_SOCKETPAIR_X] = { state_on_socketpair, ROW_SUCCESS },
	[EV_BIND_X] = { state_on_bind, ROW_FD_SUCCESS },
	[EV_CONNECT_X] = { state_on_connect, ROW_THREAD },
	[EV_ACCEPT_5_X] = { state_on_accept, ROW_SUCCESS, .p = { NP } },
	[EV_ACCEPT4_6_X] = { state_on_accept, ROW_SUCCESS, .p = { ACCEPT4_6_X_flags } },
	[EV_SEND_X] = { state_on_transfer, ROW_SUCCESS, .p = { SEND_X_tuple, 1, 1 } },
	[EV_SENDTO_X] = { state_on_transfer, ROW_SUCCESS, .p = { SENDTO_X_tuple, 1, 1 } },
	[EV_SENDMSG_X] = { state_on_transfer, ROW_SUCCESS, .p = { SENDMSG_X_tuple, 1, 1 } },
	[EV_SENDMMSG_X] = { state_on_transfer, ROW_SUCCESS, .p = { SENDMMSG_X_tuple, 1, 0 } },
	[EV_RECV_X] = { state_on_transfer, ROW_SUCCESS, .p = { RECV_X_tuple, 0, 0 } },
	[EV_RECVFROM_X] = { state_on_transfer, ROW_SUCCESS, .p = { RECVFROM_X_tuple, 0, 0 } },
	[EV_RECVMSG_X] = { state_on_transfer, ROW_SUCCESS, .p = { RECVMSG_X_tuple, 0, 0 } },
	[EV_RECVMMSG_X] = { state_on_transfer, ROW_SUCCESS, .p = { RECVMMSG_X_tuple, 0, 0 } },

	/* names and containers */
	[EV_USER_ADDED_E] = { state_on_user, ROW_ALWAYS },
	[EV_USER_DELETED_E] = { state_on_user, ROW_ALWAYS },
	[EV_GROUP_ADDED_E] = { state_on_user_group, ROW_ALWAYS },
	[EV_GROUP_DELETED_E] = { state_on_user_group, ROW_ALWAYS },
	[EV_CONTAINER_JSON_2_E] = { state_on_container, ROW_ALWAYS },
	[EV_ASYNCEVENT_E] = { state_on_async, ROW_ALWAYS },
};

static bool is_clone(uint16_t type)
{
	return type == EV_CLONE_20_X || type == EV_CLONE3_X || type == EV_FORK_20_X ||
	       type == EV_VFORK_20_X;
}

static bool is_about_names(uint16_t type)
{
	return type == EV_USER_ADDED_E || type == EV_USER_DELETED_E || type == EV_GROUP_ADDED_E ||
	       type == EV_GROUP_DELETED_E || type == EV_CONTAINER_JSON_2_E;
}

static unsigned thread_need(unsigned type)
{
	const struct event_info *info = &event_infos[type];

	if (info->flags & EF_SKIPPARSERESET)
		return STEP_KNOWN_THREAD;
	if (info->source != SRC_SYSCALL) {
		if (type == EV_SCHEDSWITCH_6_E || type == EV_PROCEXIT_1_E ||
		    info->source != SRC_TRACEPOINT)
			return is_about_names(type) ? 0 : STEP_KNOWN_THREAD;
	}
	return is_clone(type) ? STEP_KNOWN_THREAD : STEP_THREAD;
}

static bool is_visible(unsigned type)
{
	switch (event_infos[type].source) {
	case SRC_SYSCALL:
		return event_infos[type].is_exit;
	case SRC_ITER:
		return false;
	case SRC_META:
		return !is_about_names(type);
	default:
		return true;
	}
}

static bool has_result(const struct event_info *info)
{
	return info->is_exit && info->nparams && param_type_is_result(info->params[0].type);
}

/* A copy of an fd keeps its name, that of another process's fd, too. */
static bool names_fd(unsigned type)
{
	return rows[type].apply && type != EV_CLOSE_X && type != EV_FCNTL_X &&
	       type != EV_PIDFD_GETFD_X;
}

static unsigned step_flags(unsigned type)
{
	const struct event_info *info = &event_infos[type];
	unsigned flags = thread_need(type);

	if (info->flags & (EF_CREATES_FD | EF_USES_FD | EF_DESTROYS_FD))
		flags |= STEP_FD;
	if (info->flags & EF_USES_FD)
		flags |= STEP_USES_FD;
	if (info->flags & (EF_READS_FROM_FD | EF_WRITES_TO_FD))
		flags |= STEP_IO;
	if (names_fd(type))
		flags |= STEP_NAMES_FD;
	if (has_result(info))
		flags |= STEP_RESULT;
	if (info->is_exit)
		flags |= STEP_EXIT;
	if (is_visible(type))
		flags |= STEP_VISIBLE;
	if (info->source == SRC_META)
		flags |= STEP_META;
	if (info->source == SRC_PLUGIN || type == EV_ASYNCEVENT_E)
		flags |= STEP_ODD_SOURCE;
	return flags;
}

void state_make_steps(struct state *s)
{
	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++)
		s->steps[type] = (struct step){ .row = rows[type],
						.flags = (uint16_t)step_flags(type),
						.fd_param = event_infos[type].fd_param };
}
