/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A matcher beside the oracle, with random rules, events and changes of state. Used by
 * test_oracle.c, which draws from a seed, and by fuzz_oracle.c, which draws from the fuzzer's bytes.
 */
#ifndef TIERCEL_ORACLE_BED_H
#define TIERCEL_ORACLE_BED_H

#include "engine/match/match.h"
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
	struct matcher *fast, *slow;
	struct choices choices;
};

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
	matcher_free(b->slow);
	arena_done(&b->rs.arena);
	free(b);
}

/* New matchers for the rules as they are now: what a swap of rules does. */
static void bed_compile(struct bed *b)
{
	struct match_opts fast = { .all = true }, slow = { .all = true, .oracle = true };

	matcher_free(b->fast);
	matcher_free(b->slow);
	b->fast = matcher_new(&b->rs, &fast, &b->f.limits);
	b->slow = matcher_new(&b->rs, &slow, &b->f.limits);
	ck_assert_ptr_nonnull(b->fast);
	ck_assert_ptr_nonnull(b->slow);
}

/* Do both find the same rules for the event that was processed last? */
static void bed_compare(struct bed *b)
{
	const struct rule *fast[BED_RULES], *slow[BED_RULES];
	uint32_t n, m;

	if (!b->f.ctx.visible)
		return;
	n = matcher_eval(b->fast, &b->f.ctx, fast, BED_RULES);
	m = matcher_eval(b->slow, &b->f.ctx, slow, BED_RULES);
	for (uint32_t i = 0; i < MIN(n, m); i++)
		ck_assert_msg(fast[i] == slow[i], "program finds \"%.999s\", oracle \"%.999s\"",
			      fast[i]->name.s.p, slow[i]->name.s.p);
	ck_assert_msg(n == m, "tid %d type %s: program %u, oracle %u rules, next \"%.999s\"",
		      (int)b->f.ev.tid, b->f.ev.info->name, n, m,
		      n < m ? slow[n]->name.s.p : fast[m]->name.s.p);
}

/* ---- random conditions ---- */

enum kind { K_TEXT, K_NUMBER, K_BOOL, K_IP, K_NET, K_LIST, K_TYPE };

static const struct {
	const char *field;
	enum kind kind;
} fields[] = {
	{ "proc.name", K_TEXT }, { "proc.pname", K_TEXT }, { "proc.cmdline", K_TEXT },
	{ "proc.exepath", K_TEXT }, { "proc.aname", K_TEXT }, { "proc.aname[2]", K_TEXT },
	{ "fd.name", K_TEXT }, { "fd.directory", K_TEXT }, { "fd.filename", K_TEXT },
	{ "fd.typechar", K_TEXT }, { "evt.arg.name", K_TEXT }, { "evt.arg.flags", K_TEXT },
	{ "user.name", K_TEXT }, { "container.id", K_TEXT }, { "container.name", K_TEXT },
	{ "container.image.repository", K_TEXT }, { "k8s.ns.name", K_TEXT },
	{ "container.privileged", K_BOOL }, { "proc.cwd", K_TEXT }, { "proc.args", K_TEXT },
	{ "proc.pcmdline", K_TEXT }, { "proc.exe", K_TEXT }, { "proc.env", K_TEXT },
	{ "proc.aexe[2]", K_TEXT }, { "fd.nameraw", K_TEXT }, { "proc.name", K_TEXT }, { "toupper(proc.name)", K_TEXT },
	{ "basename(fd.name)", K_TEXT }, { "concat(proc.name, fd.name)", K_TEXT },
	{ "evt.dir", K_TEXT }, { "evt.res", K_TEXT }, { "proc.aexepath", K_TEXT },
	{ "fd.num", K_NUMBER }, { "evt.rawres", K_NUMBER }, { "user.uid", K_NUMBER },
	{ "user.loginuid", K_NUMBER }, { "proc.pid", K_NUMBER }, { "proc.ppid", K_NUMBER },
	{ "proc.apid", K_NUMBER }, { "fd.sport", K_NUMBER }, { "fd.port", K_NUMBER },
	{ "len(fd.name)", K_NUMBER }, { "evt.rawarg.fd", K_NUMBER }, { "evt.num", K_NUMBER },
	{ "evt.is_open_write", K_BOOL }, { "evt.failed", K_BOOL }, { "evt.is_open_read", K_BOOL },
	{ "proc.is_exe_upper_layer", K_BOOL }, { "fd.sip", K_IP }, { "fd.cip", K_IP },
	{ "fd.ip", K_IP }, { "fd.net", K_NET }, { "fd.snet", K_NET }, { "fd.types", K_LIST },
	{ "evt.type", K_TYPE },
};

static const char *const values[][8] = {
	[K_TEXT] = { "cat", "bash", "/etc/shadow", "/etc", "'val(proc.name)'", "web", "host", "''" },
	[K_NUMBER] = { "0", "1", "-1", "4", "443", "1000", "30", "20" },
	[K_BOOL] = { "true", "false", "true", "false", "true", "false", "true", "false" },
	[K_IP] = { "10.0.0.1", "1.2.3.4", "8.8.8.8", "::1", "10.0.0.2", "1.2.3.5", "0.0.0.0",
		   "127.0.0.1" },
	[K_NET] = { "10.0.0.0/8", "1.2.3.4/32", "0.0.0.0/1", "::1/64", "8.8.0.0/16", "1.0.0.0/8",
		    "127.0.0.0/8", "10.0.0.0/31" },
	[K_LIST] = { "file", "ipv4", "pipe", "unix", "file", "ipv4", "directory", "file" },
	[K_TYPE] = { "openat", "close", "connect", "read", "execve", "unlinkat", "open", "openat" },
};

static const char *const operators[][16] = {
	[K_TEXT] = { "=", "!=", "in", "contains", "startswith", "endswith", "icontains", "glob",
		     "pmatch", "intersects", "regex", "==", "iglob", "in", "in", "=" },
	[K_NUMBER] = { "=", "!=", "<", "<=", ">", ">=", "in", "=" },
	[K_BOOL] = { "=", "!=", "in", "=" },
	[K_IP] = { "=", "!=", "in", "=" },
	[K_NET] = { "=", "!=", "in", "=" },
	[K_LIST] = { "in", "intersects" },
	[K_TYPE] = { "=", "!=", "in", "=" },
};

static const char *const modifiers[] = { "oneof", "anyof", "allof" };

/* The next choice: of the fuzzer's bytes while there are any, then random. */
static unsigned pick(struct choices *c, unsigned n)
{
	if (c->n) {
		c->n--;
		return *c->p++ % n;
	}
	return (unsigned)rand_r(&c->seed) % n;
}

static bool is_list_op(const char *op)
{
	return !strcmp(op, "in") || !strcmp(op, "intersects") || !strcmp(op, "pmatch");
}

static void random_list(struct buf *out, enum kind kind, struct choices *c)
{
	unsigned n = pick(c, 6);

	buf_add_char(out, '(');
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, "%s%s", i ? ", " : "", values[kind][pick(c, 8)]);
	buf_add_char(out, ')');
}

static void random_check(struct buf *out, struct choices *c)
{
	unsigned f = pick(c, ARRAY_SIZE(fields));
	enum kind kind = fields[f].kind;
	unsigned nops = 0;
	const char *op;

	while (nops < 16 && operators[kind][nops])
		nops++;
	op = operators[kind][pick(c, nops)];
	buf_add_c(out, fields[f].field);
	if (!pick(c, 12)) {
		buf_add_c(out, " exists");
		return;
	}
	buf_printf(out, " %s ", op);
	if (is_list_op(op)) {
		random_list(out, kind, c);
	} else if (!strchr("<>", *op) && !pick(c, 5)) {
		buf_printf(out, "%s ", modifiers[pick(c, 3)]);
		random_list(out, kind, c);
	} else if (kind == K_TEXT && !pick(c, 8)) {
		buf_add_c(out, "val(proc.name)");
	} else {
		buf_add_c(out, values[kind][pick(c, 8)]);
	}
}

/* What exceptions become: one look-up instead of a chain of checks. */
static void random_join(struct buf *out, struct choices *c)
{
	static const char *const columns[] = { "proc.name", "fd.name", "proc.pname", "fd.directory" };
	unsigned a = pick(c, 4), b = pick(c, 4), n = 6 + pick(c, 8);
	bool list = !pick(c, 4), rest = !pick(c, 3);

	buf_add_c(out, pick(c, 2) ? "not (" : "(");
	for (unsigned i = 0; i < n; i++) {
		buf_printf(out, "%s(%s = %s and %s ", i ? " or " : "", columns[a],
			   values[K_TEXT][pick(c, 8)], columns[b]);
		if (list)
			buf_printf(out, "in (%s, %s)", values[K_TEXT][pick(c, 8)],
				   values[K_TEXT][pick(c, 8)]);
		else
			buf_printf(out, "= %s", values[K_TEXT][pick(c, 8)]);
		if (rest) {
			buf_add_c(out, " and ");
			random_check(out, c);
		}
		buf_add_char(out, ')');
	}
	buf_add_char(out, ')');
}

static void random_condition(struct buf *out, unsigned depth, struct choices *c)
{
	unsigned n = 2 + pick(c, 3);
	const char *joiner = pick(c, 2) ? " and " : " or ";

	if (depth && !pick(c, 12)) {
		random_join(out, c);
		return;
	}
	if (!depth || !pick(c, 4)) {
		if (!pick(c, 4))
			buf_add_c(out, "not ");
		random_check(out, c);
		return;
	}
	buf_add_c(out, pick(c, 5) ? "(" : "not (");
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_add_c(out, joiner);
		random_condition(out, depth - 1, c);
	}
	buf_add_char(out, ')');
}

/* Conditions that the checker refuses are only counted. Returns how many were tried. */
static unsigned bed_random_rules(struct bed *b, unsigned n)
{
	unsigned tried = 0;

	b->rs.nrules = 0;
	while (b->rs.nrules < n && tried < 4 * n) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		tried++;
		random_condition(&text, 3, &b->choices);
		build_rule(&b->rs, &b->f.limits, buf_str(&text));
	}
	return tried;
}

/* ---- events -------------------------------------------------------------------------------- */

static void bed_connect(struct bed *b, int64_t tid, int64_t fd, unsigned last)
{
	uint8_t tuple[13] = { WIRE_AF_INET, 10, 0, 0, 1, 0, 0, 1, 2, 3, (uint8_t)last };

	store_u16(tuple + 5, 40000);
	store_u16(tuple + 11, 443);
	ev_new(&b->f, EV_CONNECT_X);
	ev_num(&b->f, CONNECT_X_res, 0);
	ev_bytes(&b->f, CONNECT_X_tuple, tuple, sizeof(tuple));
	ev_num(&b->f, CONNECT_X_fd, fd);
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

/* What changes a process, or what it hangs below. */
static void bed_random_change(struct bed *b, int64_t tid)
{
	static const char *const names[] = { "cat", "bash", "sshd", "evil", "web" };
	static const char *const cgroups[] = { "cpu=/", "cpu=/docker/" BED_ID };
	struct choices *c = &b->choices;
	const char *name = names[pick(c, ARRAY_SIZE(names))];
	int64_t child = 50 + pick(c, 4);

	switch (pick(c, 9)) {
	case 0:
		bed_chdir(b, tid, pick(c, 2) ? "/tmp" : "..");
		break;
	case 1:
		bed_rename(b, tid, name);
		break;
	case 2:
		bed_setuid(b, tid, 1000 * pick(c, 3));
		break;
	case 3:
		bed_metadata(b, name);
		break;
	case 4:
		ev_clone(&b->f, EV_CLONE_20_X, tid, child, tid, 1, 0);
		break;
	case 5:
		ev_clone(&b->f, EV_CLONE3_X, child, 0, pick(c, 2) ? tid : child, 10,
			 pick(c, 2) ? CL_THREAD_FLAGS : 0);
		break;
	case 6:
		ev_exit(&b->f, pick(c, 3) ? child : tid, pick(c, 2) ? 1 : -1);
		break;
	default:
		bed_exec(b, tid, name, !strcmp(name, "evil") ? "/tmp/evil" : "/usr/bin/cat",
			 cgroups[pick(c, 2)]);
	}
}

static void bed_random_event(struct bed *b)
{
	static const char *const names[] = { "/etc/shadow", "x", "../b/c", "/tmp/.f", "", "/etc//web",
					     "/etc/x/bash" };
	static const int64_t tids[] = { 1, 10, 20, 30, 40, 999, 50, 51 };
	struct choices *c = &b->choices;
	int64_t tid = tids[pick(c, ARRAY_SIZE(tids))], fd = 3 + pick(c, 4);

	switch (pick(c, 8)) {
	case 0:
		bed_use_fd(b, EV_CLOSE_X, tid, fd);
		break;
	case 1:
		bed_use_fd(b, EV_READ_X, tid, fd);
		break;
	case 2:
		bed_connect(b, tid, fd, pick(c, 6));
		break;
	case 3:
	case 4:
		bed_random_change(b, tid);
		break;
	default:
		ev_open(&b->f, tid, pick(c, 4) ? fd : -2, names[pick(c, ARRAY_SIZE(names))],
			pick(c, 2) ? WO_RDONLY : WO_RDWR | WO_CREAT);
	}
}

#endif
