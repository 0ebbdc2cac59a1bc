/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the source column of syscalls.def can say. Each SRC_<word> runs with the call `c`, the
 * parameter index `idx` and its wire type `ptype` in scope; sensor.bpf.c makes the bodies.
 */
#ifndef TIERCEL_BPF_SOURCE_H
#define TIERCEL_BPF_SOURCE_H

#include "bpf/flags.bpf.h"

#define ARG_OF(n) call_arg(c, n)
/* Structures that look different in 32-bit programs are not read there: the parameter is empty. */
#define NATIVE(put) if (!call_is_compat(c)) { put }

#define SRC_NONE
#define SRC_RET put_num(c, idx, ptype, c->ret);
/* As RET, in the rows of calls whose success is reported by a process hook instead. */
#define SRC_RET_FAILED put_num(c, idx, ptype, c->ret);
/* As RET; the number is the fd that the call made. */
#define SRC_FDRET put_num(c, idx, ptype, c->ret); call_use_fd(c, c->ret < 0 ? -1 : (int)c->ret);
#define SRC_ARG(n) put_num(c, idx, ptype, widen(ptype, ARG_OF(n)));
/* As ARG; the event is about this fd. */
#define SRC_FDARG(n) SRC_ARG(n) call_use_fd(c, ARG_OF(n));
#define SRC_ARG_INT(n) put_num(c, idx, ptype, (__s64)(int)ARG_OF(n));
#define SRC_CONST(v) put_num(c, idx, ptype, v);
#define SRC_CONV(fn, n) put_num(c, idx, ptype, conv_##fn(widen(ptype, ARG_OF(n))));
#define SRC_STR(n) put_user_str(c, idx, (void *)ARG_OF(n));
/* Memory of the caller: as many bytes as the call returned, or as an argument says. */
#define SRC_BUF_RET(n) put_buf(c, idx, ARG_OF(n), c->ret);
#define SRC_BUF_ARG(n, len) put_buf(c, idx, ARG_OF(n), ARG_OF(len));
#define SRC_IOV_RET(n, cnt) NATIVE(put_iov(c, idx, ARG_OF(n), ARG_OF(cnt), c->ret);)
#define SRC_IOV_ARG(n, cnt) NATIVE(put_iov(c, idx, ARG_OF(n), ARG_OF(cnt), ~0ULL);)
#define SRC_IOV_SIZE(n, cnt) NATIVE(put_num(c, idx, ptype, iov_size(ARG_OF(n), ARG_OF(cnt)));)
#define SRC_MSG_DATA(n) NATIVE(put_msg_data(c, idx, ARG_OF(n), c->ret);)
#define SRC_MSG_SIZE(n) NATIVE(put_num(c, idx, ptype, msg_size(ARG_OF(n)));)
#define SRC_MSG_CONTROL(n) NATIVE(put_msg_control(c, idx, ARG_OF(n));)
#define SRC_MSG_TUPLE(n, dir) \
	call_use_fd(c, ARG_OF(0)); \
	put_msg_tuple(c, idx, call_is_compat(c) ? 0 : ARG_OF(n), DIR_##dir);
#define SRC_SOCKADDR(n, len) put_sockaddr(c, idx, (void *)ARG_OF(n), ARG_OF(len));
/* Ends of the socket behind the fd named before; the address argument fills what it leaves open. */
#define SRC_TUPLE(dir) put_tuple(c, idx, NULL, 0, DIR_##dir);
/* The same for calls with the fd as first argument, which may be a later parameter. */
#define SRC_TUPLE_ADDR(dir, n, len) \
	call_use_fd(c, ARG_OF(0)); \
	put_tuple(c, idx, (void *)ARG_OF(n), ARG_OF(len), DIR_##dir);
#define SRC_TUPLE_FROM(n) \
	call_use_fd(c, ARG_OF(0)); \
	put_tuple_from(c, idx, ARG_OF(n), ARG_OF((n) + 1));
#define SRC_QUEUE(what, n) put_num(c, idx, ptype, queue_##what(c, ARG_OF(n)));
#define SRC_FD_DEV if (c->file) { put_num(c, idx, ptype, c->s->info.dev); }
#define SRC_FD_INO if (c->file) { put_num(c, idx, ptype, c->s->info.ino); }
#define SRC_FD_PATH put_file_path(c, idx);
#define SRC_OPEN_FLAGS(n) put_num(c, idx, ptype, open_flags(c, ARG_OF(n)));
#define SRC_OPEN_MODE(flags, n) put_num(c, idx, ptype, open_mode(ARG_OF(flags), ARG_OF(n)));
#define SRC_CREAT_LAYER put_num(c, idx, ptype, layer_flags(c) >> 15);
/* 64-bit member number k of the structure an argument points to (rlimit, open_how). */
#define SRC_MEMBER64(n, k) NATIVE(put_member64(c, idx, ptype, ARG_OF(n), k);)
#define SRC_MEMBER32(n, k) put_member32(c, idx, ptype, ARG_OF(n), k);
#define SRC_HOW(conv, k) put_num(c, idx, ptype, conv_##conv(user_u64(ARG_OF(2), k)));
#define SRC_HOW_FLAGS put_num(c, idx, ptype, open_flags(c, user_u64(ARG_OF(2), 0)));
#define SRC_HOW_MODE \
	put_num(c, idx, ptype, open_mode(user_u64(ARG_OF(2), 0), user_u64(ARG_OF(2), 1)));
#define SRC_TIMESPEC(n) \
	NATIVE(put_num(c, idx, ptype, \
		       user_u64(ARG_OF(n), 0) * NSEC_PER_SEC + user_u64(ARG_OF(n), 1));)
#define SRC_PAIR(n, k) put_pair(c, idx, ptype, ARG_OF(n), k);
#define SRC_PAIR_SOURCE put_num(c, idx, ptype, (__u64)call_sock(c));
#define SRC_PAIR_PEER put_num(c, idx, ptype, (__u64)sock_peer(call_sock(c)));
/* A variant byte and the value, see the table of dynamic parameters. */
#define SRC_PTRACE_ADDR(n) put_variant64(c, idx, 0, ARG_OF(n));
#define SRC_KEYCTL(n) put_variant64(c, idx, KEYCTL_NUMBER, ARG_OF(n));
#define SRC_SOCKOPT put_sockopt(c, idx);
#define SRC_FSCONFIG_STR put_fsconfig(c, idx, true);
#define SRC_FSCONFIG_BYTES put_fsconfig(c, idx, false);
#define SRC_URING_FLAGS \
	put_num(c, idx, ptype, conv_io_uring_setup(user_u64(ARG_OF(1), 1) & 0xffffffff));
#define SRC_PRCTL_STR put_prctl_str(c, idx);
#define SRC_PRCTL_INT put_prctl_int(c, idx);
/* Lists and structures chosen by a command, source_user.bpf.h. */
#define SRC_POLL_FDS(n, count) put_poll_fds(c, idx, ARG_OF(n), ARG_OF(count));
#define SRC_SEMBUF(k, member) put_num(c, idx, ptype, sembuf_member(c, k, SEMBUF_##member));
#define SRC_SEMBUF_FLG(k) put_num(c, idx, ptype, conv_semop(sembuf_member(c, k, SEMBUF_FLG)));
#define SRC_QUOTA(what) put_num(c, idx, ptype, quota_##what(c));
#define SRC_QUOTA_PATH put_quota_path(c, idx);
#define SRC_QUOTA_BLOCK(member, bit) put_num(c, idx, ptype, QUOTA_BLOCK(c, member, bit));
#define SRC_QUOTA_INFO(member, bit) put_num(c, idx, ptype, QUOTA_INFO(c, member, bit));
#define SRC_QUOTA_INFO_FLAGS put_num(c, idx, ptype, QUOTA_INFO_FLAGS(c));
/* The process of the event. */
#define SRC_EXEC_EXE put_exec_exe(c, idx);
#define SRC_EXEC_ARGS put_exec_args(c, idx);
#define SRC_EXEC_ENV put_exec_env(c, idx);
#define SRC_MM_EXE put_mm_exe(c, idx);
#define SRC_MM_ARGS put_mm_args(c, idx);
#define SRC_TID put_num(c, idx, ptype, KREAD(call_task(c), pid));
#define SRC_PID put_num(c, idx, ptype, KREAD(call_task(c), tgid));
#define SRC_PTID put_num(c, idx, ptype, KREAD(call_task(c), real_parent, pid));
#define SRC_CWD put_cwd(c, idx);
#define SRC_NO_CWD put_empty_str(c, idx);
#define SRC_FDLIMIT \
	put_num(c, idx, ptype, KREAD(call_task(c), signal, rlim[RLIMIT_NOFILE].rlim_cur));
#define SRC_FAULTS(which) put_num(c, idx, ptype, KREAD(call_task(c), which##_flt));
#define SRC_VM_SIZE put_num(c, idx, ptype, vm_size(c));
#define SRC_VM_RSS put_num(c, idx, ptype, vm_rss(c));
#define SRC_VM_SWAP put_num(c, idx, ptype, vm_swap(c));
#define SRC_COMM put_comm(c, idx);
#define SRC_CGROUPS put_cgroups(c, idx);
#define SRC_CLONE_FLAGS put_num(c, idx, ptype, clone_flags(c));
#define SRC_EUID put_num(c, idx, ptype, KREAD(call_task(c), cred, euid.val));
#define SRC_EGID put_num(c, idx, ptype, KREAD(call_task(c), cred, egid.val));
#define SRC_VTID put_num(c, idx, ptype, task_vid(c, PIDTYPE_PID));
#define SRC_VPID put_num(c, idx, ptype, task_vid(c, PIDTYPE_TGID));
#define SRC_VPGID put_num(c, idx, ptype, task_vid(c, PIDTYPE_PGID));
#define SRC_PGID put_num(c, idx, ptype, pid_at(task_pid_of(c->task, PIDTYPE_PGID), 0));
#define SRC_PIDNS_START put_num(c, idx, ptype, task_pidns_start(c->task));
#define SRC_TTY put_num(c, idx, ptype, task_tty(c->task));
#define SRC_LOGINUID put_num(c, idx, ptype, task_loginuid(c));
#define SRC_EXE_FLAGS put_num(c, idx, ptype, task_exe_flags(c));
#define SRC_CAP(set) put_num(c, idx, ptype, task_caps(c, CAPS_##set));
#define SRC_EXE_INO put_exe_inode(c, idx, EXE_INO);
#define SRC_EXE_CTIME put_exe_inode(c, idx, EXE_CTIME);
#define SRC_EXE_MTIME put_exe_inode(c, idx, EXE_MTIME);
#define SRC_EXE_PATH put_exe_path(c, idx);
#define SRC_EXEC_NAME put_exec_name(c, idx);
/* Of the system call that has no event of its own. */
#define SRC_NR put_num(c, idx, ptype, call_nr(c));
#define SRC_SC_CODE put_num(c, idx, ptype, sc_code(c));

enum cap_set { CAPS_INHERITABLE, CAPS_PERMITTED, CAPS_EFFECTIVE };
enum exe_inode_value { EXE_INO, EXE_CTIME, EXE_MTIME };

#include "bpf/source_task.bpf.h"
#include "bpf/source_io.bpf.h"
#include "bpf/source_user.bpf.h"

#endif
