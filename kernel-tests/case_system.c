/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of calls for the whole system: modules, bpf, keys, io_uring, quota, seccomp; see cases.h.
 */
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sys/quota.h>

#include "kernel-tests/cases.h"

static void run_bpf(struct want *w)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
				.max_entries = 1 };

	call(w, BPF_MAP_CREATE, &attr, sizeof(attr));
	want_num(w, BPF_2_X_cmd, BPF_MAP_CREATE);
}

/*
 * The module calls are refused, with the arguments reported. Those are on the stack: a page that
 * was never touched cannot be read at the exit of a call that did not look at it either.
 */
static void run_init_module(struct want *w)
{
	char image[] = "not a module", args[] = "debug=1";

	call(w, image, sizeof(image), args);
	want_bytes(w, INIT_MODULE_X_img, image, sizeof(image));
	want_num(w, INIT_MODULE_X_length, sizeof(image));
	want_text(w, INIT_MODULE_X_uargs, "debug=1");
}

static void run_finit_module(struct want *w)
{
	char args[] = "debug=2";
	int fd;

	close(case_file("module.ko", "not a module"));
	fd = open("module.ko", O_RDONLY);
	call(w, fd, args, 2);	/* MODULE_INIT_IGNORE_VERMAGIC */
	want_num(w, FINIT_MODULE_X_fd, fd);
	want_text(w, FINIT_MODULE_X_uargs, "debug=2");
	want_num(w, FINIT_MODULE_X_flags, 2);
	case_want_path(w, "module.ko");
}

static void run_delete_module(struct want *w)
{
	char name[] = "ktest_missing";

	call(w, name, O_NONBLOCK);
	want_text(w, DELETE_MODULE_X_name, "ktest_missing");
	want_num(w, DELETE_MODULE_X_flags,
		 case_flag(FLAG_TABLE_delete_module_flags, "O_NONBLOCK"));
}

static void run_keyctl(struct want *w)
{
	call(w, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0);
	want_num(w, KEYCTL_X_operation, KEYCTL_GET_KEYRING_ID);
}

static void run_seccomp(struct want *w)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	call(w, SECCOMP_GET_ACTION_AVAIL, 0, &action);
	want_num(w, SECCOMP_X_op, SECCOMP_GET_ACTION_AVAIL);
	want_num(w, SECCOMP_X_flags, 0);
}

static void run_quotactl(struct want *w)
{
	struct dqblk block = { .dqb_bhardlimit = 7 };	/* not set by a call that fails */

	call(w, QCMD(Q_GETQUOTA, USRQUOTA), "/missing", 12, &block);
	want_text(w, QUOTACTL_X_special, "/missing");
	want_num(w, QUOTACTL_X_id, 12);
	want_num(w, QUOTACTL_X_cmd, case_flag(FLAG_TABLE_quotactl_cmds, "Q_GETQUOTA"));
	want_num(w, QUOTACTL_X_type, case_flag(FLAG_TABLE_quotactl_types, "USRQUOTA"));
	want_num(w, QUOTACTL_X_dqb_bhardlimit, 0);
	want_text(w, QUOTACTL_X_quotafilepath, "");
}

static void run_quotactl_set(struct want *w)
{
	struct dqblk block = {
		.dqb_bhardlimit = 1, .dqb_bsoftlimit = 2, .dqb_curspace = 3, .dqb_ihardlimit = 4,
		.dqb_isoftlimit = 5, .dqb_btime = 6, .dqb_itime = 7,
		.dqb_valid = QIF_ALL & ~QIF_SPACE,
	};

	call(w, QCMD(Q_SETQUOTA, GRPQUOTA), "/missing", 13, &block);
	want_num(w, QUOTACTL_X_cmd, case_flag(FLAG_TABLE_quotactl_cmds, "Q_SETQUOTA"));
	want_num(w, QUOTACTL_X_type, case_flag(FLAG_TABLE_quotactl_types, "GRPQUOTA"));
	want_num(w, QUOTACTL_X_id, 13);
	want_num(w, QUOTACTL_X_dqb_bhardlimit, 1);
	want_num(w, QUOTACTL_X_dqb_bsoftlimit, 2);
	want_num(w, QUOTACTL_X_dqb_curspace, 0);	/* said not to be valid */
	want_num(w, QUOTACTL_X_dqb_ihardlimit, 4);
	want_num(w, QUOTACTL_X_dqb_isoftlimit, 5);
	want_num(w, QUOTACTL_X_dqb_btime, 6);
	want_num(w, QUOTACTL_X_dqb_itime, 7);
	want_num(w, QUOTACTL_X_dqi_bgrace, 0);
}

static void run_quotactl_info(struct want *w)
{
	struct dqinfo info = {
		.dqi_bgrace = 8, .dqi_igrace = 9, .dqi_flags = 1, .dqi_valid = IIF_ALL
	};

	call(w, QCMD(Q_SETINFO, USRQUOTA), "/missing", 14, &info);
	want_num(w, QUOTACTL_X_cmd, case_flag(FLAG_TABLE_quotactl_cmds, "Q_SETINFO"));
	want_num(w, QUOTACTL_X_id, 0);
	want_num(w, QUOTACTL_X_dqi_bgrace, 8);
	want_num(w, QUOTACTL_X_dqi_igrace, 9);
	want_num(w, QUOTACTL_X_dqi_flags,
		 case_flag(FLAG_TABLE_quotactl_dqi_flags, "V1_DQF_RSQUASH"));
	want_num(w, QUOTACTL_X_dqb_bhardlimit, 0);
}

static void run_quotactl_on(struct want *w)
{
	char path[] = "/missing/aquota.user";

	call(w, QCMD(Q_QUOTAON, USRQUOTA), "/missing", 2, path);
	want_num(w, QUOTACTL_X_cmd, case_flag(FLAG_TABLE_quotactl_cmds, "Q_QUOTAON"));
	want_text(w, QUOTACTL_X_quotafilepath, path);
	want_num(w, QUOTACTL_X_quota_fmt, case_flag(FLAG_TABLE_quotactl_quota_fmts, "QFMT_VFS_V0"));
	want_num(w, QUOTACTL_X_id, 0);
}

static void run_io_uring_setup(struct want *w)
{
	struct io_uring_params p = { .flags = IORING_SETUP_CLAMP };

	if (call(w, 4, &p) >= 0)
		w->kind = FD_IO_URING;
	want_num(w, IO_URING_SETUP_X_entries, 4);
	want_num(w, IO_URING_SETUP_X_sq_entries, p.sq_entries);
	want_num(w, IO_URING_SETUP_X_cq_entries, p.cq_entries);
	want_num(w, IO_URING_SETUP_X_flags,
		 case_flag(FLAG_TABLE_io_uring_setup_flags, "IORING_SETUP_CLAMP"));
	want_num(w, IO_URING_SETUP_X_features, p.features);
}

static void run_io_uring_enter(struct want *w)
{
	struct io_uring_params p = { 0 };
	int fd = syscall(__NR_io_uring_setup, 4, &p);

	call(w, fd, 0, 0, IORING_ENTER_GETEVENTS, NULL);
	want_num(w, IO_URING_ENTER_X_fd, fd);
	want_num(w, IO_URING_ENTER_X_to_submit, 0);
	want_num(w, IO_URING_ENTER_X_min_complete, 0);
	want_num(w, IO_URING_ENTER_X_flags, IORING_ENTER_GETEVENTS);
}

static void run_io_uring_register(struct want *w)
{
	struct io_uring_params p = { 0 };
	int fd = syscall(__NR_io_uring_setup, 4, &p), fds[] = { 0 };

	call(w, fd, IORING_REGISTER_FILES, fds, 1);
	want_num(w, IO_URING_REGISTER_X_fd, fd);
	want_num(w, IO_URING_REGISTER_X_opcode, IORING_REGISTER_FILES);
	want_num(w, IO_URING_REGISTER_X_arg, (uintptr_t)fds);
	want_num(w, IO_URING_REGISTER_X_nr_args, 1);
}

/* A call without event of its own. */
static void run_generic(struct want *w)
{
	w->ret = syscall(w->nr);
	w->called = true;
	want_num(w, GENERIC_X_ID, sc_find(STR("sync")));
	want_num(w, GENERIC_X_nativeID, __NR_sync);
}

static const struct kcase rows[] = {
	{ EV_BPF_2_X, __NR_bpf, run_bpf },
	{ EV_INIT_MODULE_X, __NR_init_module, run_init_module },
	{ EV_FINIT_MODULE_X, __NR_finit_module, run_finit_module },
	{ EV_DELETE_MODULE_X, __NR_delete_module, run_delete_module },
	{ EV_KEYCTL_X, __NR_keyctl, run_keyctl },
	{ EV_SECCOMP_X, __NR_seccomp, run_seccomp },
	{ EV_QUOTACTL_X, __NR_quotactl, run_quotactl },
	{ EV_QUOTACTL_X, __NR_quotactl, run_quotactl_set, "quotactl (limits)" },
	{ EV_QUOTACTL_X, __NR_quotactl, run_quotactl_info, "quotactl (times)" },
	{ EV_QUOTACTL_X, __NR_quotactl, run_quotactl_on, "quotactl (on)" },
	{ EV_IO_URING_SETUP_X, __NR_io_uring_setup, run_io_uring_setup },
	{ EV_IO_URING_ENTER_X, __NR_io_uring_enter, run_io_uring_enter },
	{ EV_IO_URING_REGISTER_X, __NR_io_uring_register, run_io_uring_register },
	{ EV_GENERIC_X, __NR_sync, run_generic },
};

const struct kcase_table case_system = { "system", rows, ARRAY_SIZE(rows) };
