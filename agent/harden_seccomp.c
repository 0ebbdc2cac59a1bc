/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of system calls. A call that is not on the list fails with ENOSYS, as on a kernel that
 * does not have it: libraries know how to do without, and a call that we have forgotten does not
 * end the detection. Each is counted and said once, which is what the signal SIGSYS is for; threads
 * must not block it (thread.h).
 */
#include "agent/cmd.h"
#include "agent/harden_priv.h"

#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <ucontext.h>

enum { CALL_NUMBERS = 1024 };

static atomic_bool in_force;
static atomic_uint_fast64_t refused;
static atomic_uint refused_calls[CALL_NUMBERS];	/* since the last report */
static const char *why_not = "not sealed yet";

static const char *const calls[] = {
#define CALLS(what, names) names,
#include "agent/harden_calls.def"
#undef CALLS
};

static void on_refused(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	unsigned number = (unsigned)info->si_syscall;

#if defined(__x86_64__)
	u->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
	u->uc_mcontext.regs[0] = (unsigned long long)-ENOSYS;
#else
#error "where does this architecture return the result of a system call?"
#endif
	atomic_fetch_add(&refused, 1);
	atomic_fetch_add(&refused_calls[number < CALL_NUMBERS ? number : 0], 1);
}

void harden_report(void)
{
	if (!atomic_load_explicit(&in_force, memory_order_relaxed))
		return;
	for (int i = 0; i < CALL_NUMBERS; i++) {
		unsigned n = atomic_exchange(&refused_calls[i], 0);
		char *name = n ? seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i) : NULL;

		if (n)
			cli_warn(
				"the seccomp filter refused the system call %s (%d) %u times; please "
				"report it",
				name ? name : "?", i, n);
		free(name);
	}
}

static int allow(scmp_filter_ctx filter, const char *name, size_t len)
{
	char text[64];
	int call, r;

	snprintf(text, sizeof(text), "%.*s", (int)len, name);
	call = seccomp_syscall_resolve_name(text);
	if (call < 0)		/* not on this architecture */
		return 0;
	r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
	return r == -EEXIST ? 0 : r;
}

static int allow_listed(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(calls); i++)
		for (const char *at = calls[i]; r == 0 && *at;) {
			size_t len = strcspn(at, " ");

			r = allow(filter, at, len);
			at += len + (at[len] == ' ');
		}
	return r;
}

/* Threads, but no processes: the flags of clone are seen, those of clone3 are in memory. */
static int allow_threads(scmp_filter_ctx filter)
{
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     SCMP_A0(SCMP_CMP_EQ, PR_GET_NO_NEW_PRIVS));
	return r;
}

static int load(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int r;

	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = allow_listed(filter);
	if (r == 0)
		r = allow_threads(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

void harden_seal(const struct config *c, const char *programs)
{
	const struct sigaction trap = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };
	int r;

#ifdef TIERCEL_ASAN
	why_not = "a build with sanitizers";
#else
	why_not = !c->hardening.seccomp ? "hardening.seccomp is false" : programs ? programs : "";
#endif
	if (why_not[0])
		return;
	sigaction(SIGSYS, &trap, NULL);
	r = load();
	if (r < 0) {
		why_not = strerror(-r);
		cli_warn("system calls are not filtered: %s", why_not);
		return;
	}
	atomic_store(&in_force, true);
}

void harden_seccomp_get(struct harden_state *ret)
{
	ret->seccomp = atomic_load(&in_force);
	ret->no_seccomp_why = why_not;
	ret->refused_calls = atomic_load(&refused);
}
