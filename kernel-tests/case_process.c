/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of the life of processes; see cases.h. Events of the process hooks belong to a child of the
 * case: the case names its tid.
 */
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "kernel-tests/cases.h"

#define EXIT_CODE 43

/* Parameters that all forms of clone have in common, for the event of the parent. */
static void want_self(struct want *w, unsigned tid, unsigned pid, unsigned ptid, unsigned comm)
{
	want_num(w, tid, getpid());
	want_num(w, pid, getpid());
	want_num(w, ptid, getppid());
	want_text(w, comm, "ktest");
}

static void run_fork(struct want *w)
{
	call(w);
	want_self(w, FORK_20_X_tid, FORK_20_X_pid, FORK_20_X_ptid, FORK_20_X_comm);
	want_num(w, FORK_20_X_flags, 0);
	want_num(w, FORK_20_X_vpid, getpid());
}

static void run_clone(struct want *w)
{
	call(w, CLONE_FILES | SIGCHLD, NULL);
	want_self(w, CLONE_20_X_tid, CLONE_20_X_pid, CLONE_20_X_ptid, CLONE_20_X_comm);
	want_num(w, CLONE_20_X_flags, case_flag(FLAG_TABLE_clone_flags, "CLONE_FILES"));
	want_min(w, CLONE_20_X_vm_size, 64);
	want_min(w, CLONE_20_X_vm_rss, 64);
	want_filled(w, CLONE_20_X_cgroups);
}

static void run_clone3(struct want *w)
{
	struct clone_args args = { .flags = CLONE_FS, .exit_signal = SIGCHLD };

	call(w, &args, sizeof(args));
	want_self(w, CLONE3_X_tid, CLONE3_X_pid, CLONE3_X_ptid, CLONE3_X_comm);
	want_num(w, CLONE3_X_flags, case_flag(FLAG_TABLE_clone_flags, "CLONE_FS"));
}

/* The stack is shared with the child, so libc's vfork() makes this call. */
static void run_vfork(struct want *w)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(0);
	w->called = true;
	w->ret = pid;
	want_num(w, VFORK_20_X_res, pid);
	want_self(w, VFORK_20_X_tid, VFORK_20_X_pid, VFORK_20_X_ptid, VFORK_20_X_comm);
}

/* The event of the new process, which a hook reports before it runs. */
static void run_child(struct want *w)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	w->called = true;
	w->tid = pid;
	want_num(w, CLONE_20_X_res, 0);
	want_num(w, CLONE_20_X_tid, pid);
	want_num(w, CLONE_20_X_pid, pid);
	want_num(w, CLONE_20_X_ptid, getpid());
	want_text(w, CLONE_20_X_comm, "ktest");
	want_has(w, CLONE_20_X_exe, "ktest");
	want_num(w, CLONE_20_X_uid, 0);
	want_filled(w, CLONE_20_X_cgroups);
	waitpid(pid, NULL, 0);
}

static void run_exit(struct want *w)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(EXIT_CODE);
	w->called = true;
	w->tid = pid;
	want_num(w, PROCEXIT_1_E_status, EXIT_CODE << 8);
	want_num(w, PROCEXIT_1_E_ret, EXIT_CODE);
	want_num(w, PROCEXIT_1_E_sig, 0);
	want_num(w, PROCEXIT_1_E_core, 0);
	waitpid(pid, NULL, 0);
}

static void run_killed(struct want *w)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	w->called = true;
	w->tid = pid;
	kill(pid, SIGKILL);
	want_num(w, PROCEXIT_1_E_status, SIGKILL);
	want_num(w, PROCEXIT_1_E_ret, 0);
	want_num(w, PROCEXIT_1_E_sig, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* main() ends at once when it is called like this. */
static const char *const exec_argv[] = { "ktest", "--nothing", "second argument", NULL };
static const char *const exec_env[] = { "KTEST=environment", NULL };
#define EXEC_ARGS "--nothing\0second argument"
#define EXEC_ENV "KTEST=environment"

static void want_exec(struct want *w, pid_t pid)
{
	struct stat st;
	char exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	w->called = true;
	w->tid = pid;
	want_num(w, EXECVE_19_X_res, 0);
	want_text(w, EXECVE_19_X_exe, "ktest");
	want_bytes(w, EXECVE_19_X_args, EXEC_ARGS, sizeof(EXEC_ARGS));
	want_bytes(w, EXECVE_19_X_env, EXEC_ENV, sizeof(EXEC_ENV));
	want_num(w, EXECVE_19_X_tid, pid);
	want_num(w, EXECVE_19_X_pid, pid);
	want_num(w, EXECVE_19_X_ptid, getpid());
	want_text(w, EXECVE_19_X_cwd, case_dir());
	want_num(w, EXECVE_19_X_uid, 0);
	want_num(w, EXECVE_19_X_gid, 0);
	want_num(w, EXECVE_19_X_pgid, getpgid(0));
	want_text(w, EXECVE_19_X_trusted_exepath, exe);
	want_filled(w, EXECVE_19_X_cgroups);
	want_min(w, EXECVE_19_X_cap_effective, 1);
	if (!stat("/proc/self/exe", &st)) {
		want_num(w, EXECVE_19_X_exe_ino, st.st_ino);
		want_num(w, EXECVE_19_X_exe_ino_mtime,
			 st.st_mtim.tv_sec * 1000000000ULL + st.st_mtim.tv_nsec);
		want_num(w, EXECVE_19_X_exe_ino_ctime,
			 st.st_ctim.tv_sec * 1000000000ULL + st.st_ctim.tv_nsec);
	}
}

static void run_execve(struct want *w)
{
	pid_t pid = fork();

	if (pid == 0) {
		syscall(__NR_execve, "/proc/self/exe", exec_argv, exec_env);
		_exit(1);
	}
	want_exec(w, pid);
	want_text(w, EXECVE_19_X_comm, "exe");
	want_text(w, EXECVE_19_X_filename, "/proc/self/exe");
	waitpid(pid, NULL, 0);
}

/* A successful execveat is reported by the hook in the form of execve. */
static void run_execveat(struct want *w)
{
	int fd = open("/proc/self/exe", O_PATH);
	pid_t pid = fork();

	if (pid == 0) {
		syscall(__NR_execveat, fd, "", exec_argv, exec_env, AT_EMPTY_PATH);
		_exit(1);
	}
	want_exec(w, pid);
	waitpid(pid, NULL, 0);
}

/*
 * An exec of a missing file fails before the kernel reads the strings: they can only be read
 * afterwards when the caller has touched them, as one that builds its arguments has.
 */
static void touch(const char *const *strings)
{
	for (; *strings; strings++) {
		const volatile char *first = *strings;

		(void)*first;
	}
}

static void run_execve_failed(struct want *w)
{
	touch(exec_argv);
	touch(exec_env);
	call(w, "/missing/program", exec_argv, exec_env);
	want_text(w, EXECVE_19_X_exe, "ktest");
	want_bytes(w, EXECVE_19_X_args, EXEC_ARGS, sizeof(EXEC_ARGS));
	want_bytes(w, EXECVE_19_X_env, EXEC_ENV, sizeof(EXEC_ENV));
	want_text(w, EXECVE_19_X_filename, "/missing/program");
	want_num(w, EXECVE_19_X_tid, getpid());
}

static void run_execveat_failed(struct want *w)
{
	touch(exec_argv);
	touch(exec_env);
	call(w, AT_FDCWD, "/missing/program", exec_argv, exec_env, 0);
	want_text(w, EXECVEAT_X_exe, "ktest");
	want_bytes(w, EXECVEAT_X_args, EXEC_ARGS, sizeof(EXEC_ARGS));
	want_num(w, EXECVEAT_X_tid, getpid());
}

static void run_setsid(struct want *w)
{
	call(w);
}

static void run_setpgid(struct want *w)
{
	call(w, 0, 0);
	want_num(w, SETPGID_X_pid, 0);
	want_num(w, SETPGID_X_pgid, 0);
}

static void run_unshare(struct want *w)
{
	call(w, CLONE_NEWUTS | CLONE_FILES);
	want_num(w, UNSHARE_X_flags, case_flag(FLAG_TABLE_clone_flags, "CLONE_NEWUTS") |
					     case_flag(FLAG_TABLE_clone_flags, "CLONE_FILES"));
}

static void run_setns(struct want *w)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY);

	call(w, fd, CLONE_NEWUTS);
	want_num(w, SETNS_X_fd, fd);
	want_num(w, SETNS_X_nstype, case_flag(FLAG_TABLE_clone_flags, "CLONE_NEWUTS"));
}

static void run_prctl(struct want *w)
{
	call(w, PR_SET_NAME, "renamed");
	want_num(w, PRCTL_X_option, PR_SET_NAME);
	want_text(w, PRCTL_X_arg2_str, "renamed");
}

static void run_capset(struct want *w)
{
	struct {
		uint32_t version;
		int pid;
	} head = { 0x20080522, 0 };
	struct {
		uint32_t effective, permitted, inheritable;
	} sets[2] = { { 0x3, 0x7, 0x1 }, { 0 } };

	call(w, &head, sets);
	want_num(w, CAPSET_X_cap_inheritable, 0x1);
	want_num(w, CAPSET_X_cap_permitted, 0x7);
	want_num(w, CAPSET_X_cap_effective, 0x3);
}

static void run_getrlimit(struct want *w)
{
	struct rlimit r;

	call(w, RLIMIT_CORE, &r);
	want_num(w, GETRLIMIT_X_cur, r.rlim_cur);
	want_num(w, GETRLIMIT_X_max, r.rlim_max);
	want_num(w, GETRLIMIT_X_resource, RLIMIT_CORE);
}

static void run_setrlimit(struct want *w)
{
	struct rlimit r = { 100, 200 };

	call(w, RLIMIT_NOFILE, &r);
	want_num(w, SETRLIMIT_X_cur, 100);
	want_num(w, SETRLIMIT_X_max, 200);
	want_num(w, SETRLIMIT_X_resource, RLIMIT_NOFILE);
}

static void run_prlimit(struct want *w)
{
	struct rlimit now = { 100, 200 }, was;

	call(w, 0, RLIMIT_NOFILE, &now, &was);
	want_num(w, PRLIMIT_X_newcur, 100);
	want_num(w, PRLIMIT_X_newmax, 200);
	want_num(w, PRLIMIT_X_oldcur, was.rlim_cur);
	want_num(w, PRLIMIT_X_oldmax, was.rlim_max);
	want_num(w, PRLIMIT_X_pid, 0);
	want_num(w, PRLIMIT_X_resource, RLIMIT_NOFILE);
}

static void run_ptrace(struct want *w)
{
	call(w, PTRACE_PEEKDATA, 1, 0x1000, 0);
	want_num(w, PTRACE_X_request, case_flag(FLAG_TABLE_ptrace_requests, "PTRACE_PEEKDATA"));
	want_num(w, PTRACE_X_pid, 1);
}

static const struct kcase rows[] = {
	{ EV_FORK_20_X, __NR_fork, run_fork },
	{ EV_VFORK_20_X, __NR_vfork, run_vfork },
	{ EV_CLONE_20_X, __NR_clone, run_clone },
	{ EV_CLONE3_X, __NR_clone3, run_clone3 },
	{ EV_CLONE_20_X, NR_HOOK, run_child, "clone (hook)" },
	{ EV_PROCEXIT_1_E, NR_HOOK, run_exit },
	{ EV_PROCEXIT_1_E, NR_HOOK, run_killed, "procexit (killed)" },
	{ EV_EXECVE_19_X, NR_HOOK, run_execve, "execve (hook)" },
	{ EV_EXECVE_19_X, NR_HOOK, run_execveat, "execveat (hook)" },
	{ EV_EXECVE_19_X, __NR_execve, run_execve_failed },
	{ EV_EXECVEAT_X, __NR_execveat, run_execveat_failed },
	{ EV_SETSID_X, __NR_setsid, run_setsid },
	{ EV_SETPGID_X, __NR_setpgid, run_setpgid },
	{ EV_UNSHARE_X, __NR_unshare, run_unshare },
	{ EV_SETNS_X, __NR_setns, run_setns },
	{ EV_PRCTL_X, __NR_prctl, run_prctl },
	{ EV_CAPSET_X, __NR_capset, run_capset },
	{ EV_GETRLIMIT_X, __NR_getrlimit, run_getrlimit },
	{ EV_SETRLIMIT_X, __NR_setrlimit, run_setrlimit },
	{ EV_PRLIMIT_X, __NR_prlimit64, run_prlimit },
	{ EV_PTRACE_X, __NR_ptrace, run_ptrace },
};

const struct kcase_table case_process = { "process", rows, ARRAY_SIZE(rows) };
