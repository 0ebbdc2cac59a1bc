/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A matcher beside the oracle, and events to try both with. Used by test_oracle.c, and with random
 * rules and events (oracle_random.h) by fuzz_oracle.c.
 */
#ifndef TIERCEL_ORACLE_BED_H
#define TIERCEL_ORACLE_BED_H

#include "engine/match/match.h"
#include "engine/match/oracle.h"
#include "engine/tests/rule_build.h"
#include "engine/tests/state_fixture.h"

#define BED_RULES 150	/* more than two words of a mask */
#define BED_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BED_SHORT_ID "0123456789ab"

struct choices {
	const uint8_t *p;
	size_t n;
	unsigned seed;
};

struct bed {
	struct fixture f;
	struct ruleset rs;
	struct rule *rules[BED_RULES];
	struct matcher *fast;
	struct choices choices;
};

/* The next choice: of the fuzzer's bytes while there are any, then random. */
static unsigned pick(struct choices *c, unsigned n)
{
	if (c->n) {
		c->n--;
		return *c->p++ % n;
	}
	return (unsigned)rand_r(&c->seed) % n;
}

static void bed_thread_free(void *ctx, struct thread *t)
{
	struct bed *b = ctx;

	if (b->fast)
		matcher_thread_free(b->fast, t);
}

static void bed_process(struct bed *b, int64_t tid, int64_t ptid, const char *comm,
			const char *exepath, struct str args)
{
	struct proc_record r = fixture_proc(tid, ptid, comm);

	r.exepath = str_from(exepath);
	r.args = args;
	fixture_add(&b->f, &r);
}

static void bed_snapshot(struct bed *b)
{
	const struct snapshot_item items[] = {
		{ .kind = SNAP_FD, .fd = { .tid = 30, .fd = 3, .kind = FD_FILE, .ino = 7,
					   .open_flags = WO_RDONLY, .name = STR("/etc/passwd") } },
		{ .kind = SNAP_FD, .fd = { .tid = 40, .fd = 4, .kind = FD_IPV4, .l4 = L4_TCP,
					   .sip = { 10, 0, 0, 1 }, .dip = { 1, 2, 3, 4 },
					   .sport = 40000, .dport = 443 } },
		{ .kind = SNAP_DONE },
	};

	bed_process(b, 1, 0, "systemd", "/usr/lib/systemd/systemd", STR("--system"));
	bed_process(b, 10, 1, "sshd", "/usr/sbin/sshd", STR("-D"));
	bed_process(b, 20, 10, "bash", "/usr/bin/bash", STR("-l"));
	bed_process(b, 30, 20, "cat", "/usr/bin/cat", STR("/etc/shadow\0-n"));
	bed_process(b, 40, 1, "nginx", "/usr/sbin/nginx", STR(""));
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		fixture_snap(&b->f, &items[i]);
}

static struct bed *bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct state_opts opts = {
		.hooks = { .thread_free = bed_thread_free, .ctx = b },
		.track_comm = true,
	};

	fixture_init(&b->f, &opts);
	arena_init(&b->rs.arena, 1 << 16, 0);
	b->rs.rules = b->rules;
	b->rs.ok = true;
	bed_snapshot(b);
	return b;
}

static void bed_free(struct bed *b)
{
	fixture_done(&b->f);
	matcher_free(b->fast);
	arena_done(&b->rs.arena);
	free(b);
}

/* A new matcher for the rules as they are now: what a swap of rules does. */
static void bed_compile(struct bed *b)
{
	struct match_opts opts = { .all = true };

	matcher_free(b->fast);
	b->fast = matcher_new(&b->rs, &opts, &b->f.limits);
	ck_assert_ptr_nonnull(b->fast);
}

/* The rules that the plain trees find. */
static uint32_t bed_oracle(struct bed *b, const struct rule **found)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->rs.nrules; i++)
		if (str_eq(b->rules[i]->source, b->f.ctx.source) &&
		    match_ast(b->rules[i]->ast, &b->f.ctx))
			found[n++] = b->rules[i];
	return n;
}

/* Do both find the same rules for the event that was processed last? */
static void bed_compare(struct bed *b)
{
	const struct rule *fast[BED_RULES], *slow[BED_RULES];
	uint32_t n, m;

	if (!b->f.ctx.visible)
		return;
	n = matcher_eval(b->fast, &b->f.ctx, fast, BED_RULES);
	m = bed_oracle(b, slow);
	for (uint32_t i = 0; i < MIN(n, m); i++)
		ck_assert_msg(fast[i] == slow[i], "program finds \"%.999s\", oracle \"%.999s\"",
			      fast[i]->name.s.p, slow[i]->name.s.p);
	ck_assert_msg(n == m, "tid %d type %s: program %u, oracle %u rules, next \"%.999s\"",
		      (int)b->f.ev.tid, b->f.ev.info->name, n, m,
		      n < m ? slow[n]->name.s.p : fast[m]->name.s.p);
	/* What matches now must be foreseen when metadata are taken for unknown. */
	ck_assert(!n || matcher_can_match(b->fast, &b->f.ctx));
}

/* ---- events ---- */

static void bed_connect_to(struct bed *b, int64_t tid, int64_t fd, const uint8_t *tuple, size_t n)
{
	ev_new(&b->f, EV_CONNECT_X);
	ev_num(&b->f, CONNECT_X_res, 0);
	ev_bytes(&b->f, CONNECT_X_tuple, tuple, n);
	ev_num(&b->f, CONNECT_X_fd, fd);
	ev_run(&b->f, tid);
}

static void bed_connect(struct bed *b, int64_t tid, int64_t fd, const uint8_t *peer)
{
	uint8_t tuple[13] = { WIRE_AF_INET, 10, 0, 0, 1, 0, 0, peer[0], peer[1], peer[2], peer[3] };

	store_u16(tuple + 5, 40000);
	store_u16(tuple + 11, 443);
	bed_connect_to(b, tid, fd, tuple, sizeof(tuple));
}

static void bed_connect6(struct bed *b, int64_t tid, int64_t fd, const uint8_t *peer)
{
	uint8_t tuple[37] = { WIRE_AF_INET6, 0xfe, 0x80, [16] = 1 };

	store_u16(tuple + 17, 40000);
	memcpy(tuple + 19, peer, 16);
	store_u16(tuple + 35, 443);
	bed_connect_to(b, tid, fd, tuple, sizeof(tuple));
}

/* An open with what the kernel says of its path; NULL: nothing. */
static void bed_open(struct bed *b, int64_t tid, int64_t fd, const char *name, const char *real,
		     uint32_t flags)
{
	ev_new(&b->f, EV_OPENAT_2_X);
	ev_num(&b->f, OPENAT_2_X_fd, fd);
	ev_num(&b->f, OPENAT_2_X_dirfd, WIRE_AT_FDCWD);
	ev_text(&b->f, OPENAT_2_X_name, name);
	ev_num(&b->f, OPENAT_2_X_flags, flags);
	if (real) {
		b->f.with_kernel = true;
		b->f.kernel = (struct event_kernel){ .have = KERNEL_FD_PATH,
						     .fd_path = str_from(real) };
	}
	ev_run(&b->f, tid);
}

static void bed_use_fd(struct bed *b, enum event_type type, int64_t tid, int64_t fd)
{
	ev_new(&b->f, type);
	ev_num(&b->f, 0, 0);
	if (type == EV_READ_X)
		ev_num(&b->f, READ_X_fd, fd);
	else
		ev_num(&b->f, CLOSE_X_fd, fd);
	ev_run(&b->f, tid);
}

static void bed_exec(struct bed *b, int64_t tid, const char *comm, const char *exepath,
		     const char *cgroups)
{
	ev_new(&b->f, EV_EXECVE_19_X);
	ev_num(&b->f, EXECVE_19_X_res, 0);
	ev_text(&b->f, EXECVE_19_X_exe, comm);
	ev_text(&b->f, EXECVE_19_X_comm, comm);
	ev_text(&b->f, EXECVE_19_X_args, exepath);
	ev_text(&b->f, EXECVE_19_X_env, pick(&b->choices, 2) ? "A=1" : "B=cat");
	ev_num(&b->f, EXECVE_19_X_tid, tid);
	ev_num(&b->f, EXECVE_19_X_pid, tid);
	ev_num(&b->f, EXECVE_19_X_ptid, 20);
	ev_text(&b->f, EXECVE_19_X_cgroups, cgroups);
	ev_text(&b->f, EXECVE_19_X_trusted_exepath, exepath);
	ev_text(&b->f, EXECVE_19_X_filename, exepath);
	ev_num(&b->f, EXECVE_19_X_uid, 0);
	ev_num(&b->f, EXECVE_19_X_gid, 0);
	ev_run(&b->f, tid);
}

static void bed_chdir(struct bed *b, int64_t tid, const char *path)
{
	ev_new(&b->f, EV_CHDIR_X);
	ev_num(&b->f, CHDIR_X_res, 0);
	ev_text(&b->f, CHDIR_X_path, path);
	ev_run(&b->f, tid);
}

static void bed_rename(struct bed *b, int64_t tid, const char *name)
{
	ev_new(&b->f, EV_PRCTL_X);
	ev_num(&b->f, PRCTL_X_res, 0);
	ev_num(&b->f, PRCTL_X_option, 15);	/* PR_SET_NAME */
	ev_text(&b->f, PRCTL_X_arg2_str, name);
	ev_run(&b->f, tid);
}

static void bed_setuid(struct bed *b, int64_t tid, uint32_t uid)
{
	ev_new(&b->f, EV_SETUID_X);
	ev_num(&b->f, SETUID_X_res, 0);
	ev_num(&b->f, SETUID_X_uid, uid);
	ev_run(&b->f, tid);
}

static void bed_metadata(struct bed *b, const char *name)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"container\":{\"id\":\"" BED_SHORT_ID "\",\"name\":\"%s\","
		 "\"imagerepo\":\"%s\",\"privileged\":%s,"
		 "\"labels\":{\"io.kubernetes.pod.namespace\":\"%s\"}}}",
		 name, name, pick(&b->choices, 2) ? "true" : "false", name);
	ev_new(&b->f, EV_ASYNCEVENT_E);
	ev_num(&b->f, ASYNCEVENT_E_plugin_id, 0);
	ev_text(&b->f, ASYNCEVENT_E_name, "container");
	ev_text(&b->f, ASYNCEVENT_E_data, text);
	ev_run(&b->f, -1);
}

#endif
