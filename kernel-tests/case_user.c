/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of calls that read or change ids; see cases.h. */
#include "kernel-tests/cases.h"

static void run_setuid(struct want *w)
{
	call(w, 1001);
	want_num(w, SETUID_X_uid, 1001);
}

static void run_setgid(struct want *w)
{
	call(w, 1002);
	want_num(w, SETGID_X_gid, 1002);
}

static void run_setreuid(struct want *w)
{
	call(w, -1, 1001);
	want_num(w, SETREUID_X_ruid, -1);
	want_num(w, SETREUID_X_euid, 1001);
}

static void run_setregid(struct want *w)
{
	call(w, 1002, -1);
	want_num(w, SETREGID_X_rgid, 1002);
	want_num(w, SETREGID_X_egid, -1);
}

static void run_setresuid(struct want *w)
{
	call(w, 11, 12, 13);
	want_num(w, SETRESUID_X_ruid, 11);
	want_num(w, SETRESUID_X_euid, 12);
	want_num(w, SETRESUID_X_suid, 13);
}

static void run_setresgid(struct want *w)
{
	call(w, 21, 22, 23);
	want_num(w, SETRESGID_X_rgid, 21);
	want_num(w, SETRESGID_X_egid, 22);
	want_num(w, SETRESGID_X_sgid, 23);
}

/* Ids that differ from each other and from those of other processes. */
static void change_ids(void)
{
	if (setresgid(21, 22, 23) || setresuid(11, 12, 13))
		perror("setresuid");
}

/* The result is the only parameter, see case_call(). */
static void run_get_id(struct want *w)
{
	change_ids();
	call(w);
}

static void run_getresuid(struct want *w)
{
	uid_t r, e, s;

	change_ids();
	call(w, &r, &e, &s);
	want_num(w, GETRESUID_X_ruid, 11);
	want_num(w, GETRESUID_X_euid, 12);
	want_num(w, GETRESUID_X_suid, 13);
}

static void run_getresgid(struct want *w)
{
	gid_t r, e, s;

	change_ids();
	call(w, &r, &e, &s);
	want_num(w, GETRESGID_X_rgid, 21);
	want_num(w, GETRESGID_X_egid, 22);
	want_num(w, GETRESGID_X_sgid, 23);
}

static const struct kcase rows[] = {
	{ EV_SETUID_X, __NR_setuid, run_setuid },
	{ EV_SETGID_X, __NR_setgid, run_setgid },
	{ EV_SETREUID_X, __NR_setreuid, run_setreuid },
	{ EV_SETREGID_X, __NR_setregid, run_setregid },
	{ EV_SETRESUID_X, __NR_setresuid, run_setresuid },
	{ EV_SETRESGID_X, __NR_setresgid, run_setresgid },
	{ EV_GETUID_X, __NR_getuid, run_get_id },
	{ EV_GETEUID_X, __NR_geteuid, run_get_id },
	{ EV_GETGID_X, __NR_getgid, run_get_id },
	{ EV_GETEGID_X, __NR_getegid, run_get_id },
	{ EV_GETRESUID_X, __NR_getresuid, run_getresuid },
	{ EV_GETRESGID_X, __NR_getresgid, run_getresgid },
};

const struct kcase_table case_user = { "user", rows, ARRAY_SIZE(rows) };
