/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hardened process can no longer do, and what it still can. Every test has a process of its
 * own.
 */
#include "agent/harden.h"
#include "agent/thread.h"
#include "engine/tests/test.h"

#include <linux/capability.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct config config_of(void)
{
	return (struct config){ .hardening = { .seccomp = true, .drop_capabilities = true },
				.metrics = { .output_file = "" } };
}

/* Check itself needs calls that are refused. */
static void run(void (*body)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		body();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* false: this build or kernel has no filter, which is said. */
static bool harden(const struct config *c)
{
	struct harden_state s;

	harden_start(c, false);
	harden_seal(c, NULL);
	harden_get(&s);
	if (!s.seccomp)
		printf("# no filter here: %s\n", s.no_seccomp_why);
	return s.seccomp;
}

static void expect_refused(void)
{
	struct harden_state before, after;

	harden_get(&before);
	errno = 0;
	ck_assert_int_eq(syscall(SYS_execve, "/bin/true", NULL, NULL), -1);
	ck_assert_int_eq(errno, ENOSYS);
	ck_assert_int_eq(ptrace(PTRACE_TRACEME, 0, NULL, NULL), -1);
	ck_assert_int_eq(errno, ENOSYS);
	ck_assert_int_eq(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), -1); /* a process, not a thread */
	ck_assert_int_eq(errno, ENOSYS);
	harden_get(&after);
	ck_assert_uint_eq(after.refused_calls - before.refused_calls, 3);
}

static void *in_thread(void *arg)
{
	expect_refused();
	*(bool *)arg = true;
	return NULL;
}

/* Started with all signals blocked. */
static void calls(void)
{
	struct config c = config_of();
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	if (harden(&c))
		expect_refused();
}

START_TEST(test_calls)
{
	run(calls);
}
END_TEST

/* Threads made after and before, with their signals blocked. */
static void threads(void)
{
	struct config c = config_of();
	bool done = false;
	pthread_t thread;

	if (!harden(&c))
		return;
	ck_assert_int_eq(thread_start(&thread, in_thread, &done), 0);
	pthread_join(thread, NULL);
	ck_assert(done);
}

START_TEST(test_threads)
{
	run(threads);
}
END_TEST

static pthread_barrier_t sealed;

static void *after_seal(void *arg)
{
	pthread_barrier_wait(&sealed);
	return in_thread(arg);
}

static void older_thread(void)
{
	struct config c = config_of();
	bool done = false, filter;
	pthread_t thread;

	pthread_barrier_init(&sealed, NULL, 2);
	harden_start(&c, false);
	ck_assert_int_eq(thread_start(&thread, after_seal, &done), 0);
	filter = harden(&c);
	if (!filter)
		return;
	pthread_barrier_wait(&sealed);
	pthread_join(thread, NULL);
	ck_assert(done);
}

START_TEST(test_older_thread)
{
	run(older_thread);
}
END_TEST

START_TEST(test_off)
{
	struct config c = config_of();
	struct harden_state s;

	c.hardening.seccomp = false;
	harden_start(&c, false);
	harden_seal(&c, NULL);
	harden_get(&s);
	ck_assert(!s.seccomp && s.no_seccomp_why[0]);
}
END_TEST

static uint64_t caps_of(bool recording, bool file, bool web)
{
	struct config c = config_of();
	struct harden_state s;

	c.file_output.enabled = file;
	c.webserver.enabled = web;
	harden_start(&c, recording);
	harden_get(&s);
	return s.capabilities;
}

static const uint64_t always = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON | 1ULL << CAP_SYS_PTRACE |
			       1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_SYS_RESOURCE |
			       1ULL << CAP_SYSLOG;

START_TEST(test_capabilities)
{
	struct harden_state s;
	uint64_t had, left;

	harden_get(&s);
	had = s.capabilities;
	left = caps_of(false, false, false);
	if (had >> CAP_BPF & had >> CAP_PERFMON & 1)
		ck_assert_uint_eq(left, had & always);
	harden_get(&s);
	ck_assert(s.no_core);
	ck_assert(s.no_new_privs);
	for (unsigned bit = 0; bit < 64; bit++)
		ck_assert(!(left >> bit & 1) || harden_capability(bit));
}
END_TEST

START_TEST(test_capabilities_for_files)
{
	struct harden_state s;
	uint64_t had;

	harden_get(&s);
	had = s.capabilities;
	ck_assert_uint_eq(caps_of(false, true, true) >> CAP_DAC_OVERRIDE & 1,
			  had >> CAP_DAC_OVERRIDE & 1);
	harden_get(&s);
	ck_assert_uint_eq(s.capabilities >> CAP_NET_BIND_SERVICE & 1,
			  had >> CAP_NET_BIND_SERVICE & 1);
	ck_assert(!(s.capabilities >> CAP_SYS_ADMIN & 1) || !(had >> CAP_BPF & 1));
}
END_TEST

/* Programs of program_output find what they are used to. */
START_TEST(test_program)
{
	struct config c = config_of();
	struct harden_state s;
	mode_t mask = umask(022);

	c.program_output.enabled = true;
	harden_start(&c, false);
	harden_seal(&c, "programs");
	harden_get(&s);
	ck_assert(!s.seccomp && s.no_seccomp_why[0]);
	ck_assert(!s.no_new_privs);
	ck_assert(s.no_core);
	ck_assert_int_eq(umask(mask), 022);
	ck_assert_int_eq(system("exit 7") >> 8, 7);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("harden");
	TCase *t = tcase_create("harden");

	tcase_add_test(t, test_calls);
	tcase_add_test(t, test_threads);
	tcase_add_test(t, test_older_thread);
	tcase_add_test(t, test_off);
	tcase_add_test(t, test_capabilities);
	tcase_add_test(t, test_capabilities_for_files);
	tcase_add_test(t, test_program);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
