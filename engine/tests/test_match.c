/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled program: order of rules, sharing, and agreement with the plain tree evaluator on
 * random conditions and events.
 */
#include "engine/match/match.h"
#include "engine/tests/event_build.h"
#include "engine/tests/test.h"

#define MAX_RULES 150	/* more than two words of a mask */

struct bed {
	struct ruleset rs;
	struct rule *rules[MAX_RULES];
	struct limits limits;
	struct state *state;
	struct arena scratch;
	struct event_ctx ctx;
	struct event_build b;
};

static void snapshot(struct bed *t)
{
	struct snapshot_item items[] = {
		{ .kind = SNAP_RESET },
		{ .kind = SNAP_MACHINE, .machine = { .num_cpus = 1, .hostname = STR("h") } },
		build_proc(1, 0, "systemd", "/usr/lib/systemd/systemd", STR("--system")),
		build_proc(10, 1, "sshd", "/usr/sbin/sshd", STR("-D")),
		build_proc(20, 10, "bash", "/usr/bin/bash", STR("-l")),
		build_proc(30, 20, "cat", "/usr/bin/cat", STR("/etc/shadow\0-n")),
		build_proc(40, 1, "nginx", "/usr/sbin/nginx", STR("")),
		{ .kind = SNAP_FD, .fd = { .tid = 30, .fd = 3, .kind = FD_FILE, .ino = 7,
					   .open_flags = WO_RDONLY, .name = STR("/etc/passwd") } },
		{ .kind = SNAP_FD, .fd = { .tid = 40, .fd = 4, .kind = FD_IPV4, .l4 = L4_TCP,
					   .sip = { 10, 0, 0, 1 }, .dip = { 1, 2, 3, 4 },
					   .sport = 40000, .dport = 443 } },
		{ .kind = SNAP_DONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		ck_assert_int_eq(state_snapshot(t->state, &items[i]), 0);
}

static struct bed *bed_new(void)
{
	struct bed *t = calloc(1, sizeof(*t));
	struct state_opts opts = { .track_comm = true };

	limits_init(&t->limits);
	t->state = state_new(&opts, &t->limits);
	arena_init(&t->scratch, 1 << 16, 0);
	arena_init(&t->rs.arena, 1 << 16, 0);
	t->rs.rules = t->rules;
	t->rs.ok = true;
	snapshot(t);
	return t;
}

static void bed_free(struct bed *t)
{
	state_free(t->state);
	arena_done(&t->scratch);
	arena_done(&t->rs.arena);
	free(t);
}

static void on_error(void *ctx, const struct filter_error *err)
{
	*(const char **)ctx = err->message;
}

/* NULL: accepted, else why not. */
static const char *add_rule(struct bed *t, struct str condition)
{
	struct filter_error err = { .message = "?" };
	const char *message = NULL;
	struct filter_checker checker = { .arena = &t->rs.arena, .error = on_error,
					  .ctx = &message };
	struct rule *rule = arena_new(&t->rs.arena, struct rule);

	rule->name.s = rule->condition_full = arena_str(&t->rs.arena, condition);
	rule->source = STR("syscall");
	rule->active = true;
	rule->index = t->rs.nrules;
	if (filter_parse(rule->condition_full, &t->rs.arena, &t->limits, &rule->ast, &err) ||
	    filter_check(rule->ast, &checker) || filter_evtset(rule->ast, &rule->events, &err))
		return message ? message : err.message;
	t->rules[t->rs.nrules++] = rule;
	return NULL;
}

static void must_add(struct bed *t, const char *condition)
{
	const char *why = add_rule(t, str_from(condition));

	ck_assert_msg(!why, "%s: %s", condition, why);
}

static struct matcher *matcher(struct bed *t, bool all, bool oracle)
{
	struct match_opts opts = { .all = all, .oracle = oracle };
	struct matcher *m = matcher_new(&t->rs, &opts, &t->limits);

	ck_assert_ptr_nonnull(m);
	return m;
}

static void process(struct bed *t, struct event *ev)
{
	arena_reset(&t->scratch);
	t->ctx.scratch = &t->scratch;
	t->ctx.field_cache = NULL;
	state_event(t->state, ev, &t->ctx);
}

static struct event *openat_event(struct bed *t, int64_t tid, int64_t fd, const char *name,
				  uint32_t flags)
{
	build_i64(&t->b, fd);
	build_i64(&t->b, WIRE_AT_FDCWD);
	build_text(&t->b, name);
	build_u32(&t->b, flags);
	build_u32(&t->b, 0644);
	build_u32(&t->b, 0x801);
	build_i64(&t->b, 99);
	return build_done(&t->b, EV_OPENAT_2_X, tid);
}

static uint32_t eval(struct bed *t, struct matcher *m, struct event *ev, const struct rule **rules)
{
	process(t, ev);
	return matcher_eval(m, &t->ctx, rules, MAX_RULES);
}

START_TEST(order_and_modes)
{
	struct bed *t = bed_new();
	const struct rule *rules[MAX_RULES];
	struct matcher *first, *all;

	must_add(t, "evt.type = close");
	must_add(t, "evt.type in (openat, open) and fd.name = /etc/shadow");
	must_add(t, "evt.type = openat and proc.name = cat");
	must_add(t, "proc.name = cat");
	t->rules[3]->active = false;
	first = matcher(t, false, false);
	all = matcher(t, true, false);
	ck_assert_uint_eq(eval(t, first, openat_event(t, 30, 5, "/etc/shadow", WO_RDONLY), rules),
			  1);
	ck_assert_ptr_eq(rules[0], t->rules[1]);
	ck_assert_uint_eq(matcher_eval(all, &t->ctx, rules, MAX_RULES), 2);
	ck_assert_ptr_eq(rules[0], t->rules[1]);
	ck_assert_ptr_eq(rules[1], t->rules[2]);
	ck_assert_uint_eq(matcher_eval(all, &t->ctx, rules, 1), 1);
	ck_assert(evtset_has(matcher_events(all), EV_OPENAT_2_X));
	ck_assert(!evtset_has(matcher_events(all), EV_READ_X));
	matcher_free(first);
	matcher_free(all);
	bed_free(t);
}
END_TEST

START_TEST(sources_are_apart)
{
	struct bed *t = bed_new();
	const struct rule *rules[MAX_RULES];
	struct matcher *m;

	must_add(t, "evt.type = openat");
	t->rules[0]->source = STR("other");
	m = matcher(t, true, false);
	ck_assert_uint_eq(eval(t, m, openat_event(t, 30, 5, "/x", WO_RDONLY), rules), 0);
	matcher_free(m);
	bed_free(t);
}
END_TEST

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

START_TEST(checks_and_code_are_shared)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct bed *t = bed_new();
	struct matcher *m;

	must_add(t, "evt.type = openat and proc.name = cat and fd.name = /a");
	must_add(t, "evt.type = openat and fd.typechar = f and (proc.name=cat) and fd.name=\"/a\"");
	must_add(t, "evt.type = close and evt.type = openat and proc.name = dead");
	m = matcher(t, true, false);
	matcher_dump(m, &out);
	ck_assert_msg(count(out.p, ": proc.name = cat\n") == 1, "%s", out.p);
	ck_assert_uint_eq(count(out.p, ": fd.name = /a\n"), 1);
	/* Both rules end in "proc.name = cat and fd.name = /a": one piece of code. */
	ck_assert_msg(count(out.p, "yes match no fail") == 2, "%s", out.p);
	/* evt.type costs nothing where the type is known. */
	ck_assert_msg(count(out.p, "OPENAT_2_X:  1 ") == 1, "%s", out.p);
	/* A rule that can never be true on a type is not tried there. */
	ck_assert_msg(!count(out.p, "CLOSE_X:"), "%s", out.p);
	matcher_free(m);
	bed_free(t);
}
END_TEST

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
	{ "user.name", K_TEXT }, { "container.id", K_TEXT }, { "toupper(proc.name)", K_TEXT },
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
	[K_TEXT] = { "cat", "bash", "/etc/shadow", "f", "'val(proc.name)'", "/usr/bin/cat", "host", "''" },
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

static unsigned pick(unsigned *seed, unsigned n)
{
	return (unsigned)rand_r(seed) % n;
}

static bool is_list_op(const char *op)
{
	return !strcmp(op, "in") || !strcmp(op, "intersects") || !strcmp(op, "pmatch");
}

static void random_list(struct buf *out, enum kind kind, unsigned *seed)
{
	unsigned n = pick(seed, 6);

	buf_add_char(out, '(');
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, "%s%s", i ? ", " : "", values[kind][pick(seed, 8)]);
	buf_add_char(out, ')');
}

static void random_check(struct buf *out, unsigned *seed)
{
	unsigned f = pick(seed, ARRAY_SIZE(fields));
	enum kind kind = fields[f].kind;
	unsigned nops = 0;
	const char *op;

	while (nops < 16 && operators[kind][nops])
		nops++;
	op = operators[kind][pick(seed, nops)];
	buf_add_c(out, fields[f].field);
	if (!pick(seed, 12)) {
		buf_add_c(out, " exists");
		return;
	}
	buf_printf(out, " %s ", op);
	if (is_list_op(op)) {
		random_list(out, kind, seed);
	} else if (!strchr("<>", *op) && !pick(seed, 5)) {
		buf_printf(out, "%s ", modifiers[pick(seed, 3)]);
		random_list(out, kind, seed);
	} else if (kind == K_TEXT && !pick(seed, 8)) {
		buf_add_c(out, "val(proc.name)");
	} else {
		buf_add_c(out, values[kind][pick(seed, 8)]);
	}
}

static void random_condition(struct buf *out, unsigned depth, unsigned *seed)
{
	unsigned n = 2 + pick(seed, 3);
	const char *joiner = pick(seed, 2) ? " and " : " or ";

	if (!depth || !pick(seed, 4)) {
		if (!pick(seed, 4))
			buf_add_c(out, "not ");
		random_check(out, seed);
		return;
	}
	buf_add_c(out, pick(seed, 5) ? "(" : "not (");
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_add_c(out, joiner);
		random_condition(out, depth - 1, seed);
	}
	buf_add_char(out, ')');
}

static struct event *connect_event(struct bed *t, int64_t tid, int64_t fd, unsigned last)
{
	const uint8_t sip[4] = { 10, 0, 0, 1 }, dip[4] = { 1, 2, 3, (uint8_t)last };

	build_i64(&t->b, 0);
	build_tuple4(&t->b, sip, 40000, dip, 443);
	build_i64(&t->b, fd);
	build_empty(&t->b);
	return build_done(&t->b, EV_CONNECT_X, tid);
}

static struct event *fd_event(struct bed *t, uint16_t type, int64_t tid, int64_t fd)
{
	build_i64(&t->b, 0);
	if (type == EV_READ_X)
		build_text(&t->b, "data");
	build_i64(&t->b, fd);
	if (type == EV_READ_X)
		build_u32(&t->b, 5);
	return build_done(&t->b, type, tid);
}

/* A successful exec of /usr/bin/NAME; parameters that do not matter are zero or "". */
static struct event *exec_event(struct bed *t, int64_t tid, const char *name)
{
	const struct event_info *info = &event_infos[EV_EXECVE_19_X];
	const char *path = !strcmp(name, "evil") ? "/tmp/evil" : "/usr/bin/cat";
	const uint8_t zero[8] = { 0 };

	for (unsigned i = 0; i < info->nparams; i++) {
		unsigned size = param_type_size(info->params[i].type);

		if (i == EXECVE_19_X_comm || i == EXECVE_19_X_exe)
			build_text(&t->b, name);
		else if (i == EXECVE_19_X_trusted_exepath || i == EXECVE_19_X_filename)
			build_text(&t->b, path);
		else if (i == EXECVE_19_X_tid || i == EXECVE_19_X_pid)
			build_i64(&t->b, tid);
		else if (i == EXECVE_19_X_ptid)
			build_i64(&t->b, 20);
		else if (size)
			build_bytes(&t->b, zero, size);
		else
			build_text(&t->b, "");
	}
	return build_done(&t->b, EV_EXECVE_19_X, tid);
}

/* What changes a process: its directory, its name, its program. */
static struct event *process_event(struct bed *t, int64_t tid, unsigned *seed)
{
	static const char *const names[] = { "cat", "bash", "sshd", "evil" };
	const char *name = names[pick(seed, ARRAY_SIZE(names))];

	switch (pick(seed, 3)) {
	case 0:
		build_i64(&t->b, 0);
		build_text(&t->b, pick(seed, 2) ? "/tmp" : "..");
		return build_done(&t->b, EV_CHDIR_X, tid);
	case 1:
		build_i64(&t->b, 0);
		build_u32(&t->b, 15);	/* PR_SET_NAME */
		build_text(&t->b, name);
		build_i64(&t->b, 0);
		return build_done(&t->b, EV_PRCTL_X, tid);
	default:
		return exec_event(t, tid, name);
	}
}

static struct event *random_event(struct bed *t, unsigned *seed)
{
	static const char *const names[] = { "/etc/shadow", "x", "../b/c", "/tmp/.f", "" };
	static const int64_t tids[] = { 1, 10, 20, 30, 40, 999 };
	int64_t tid = tids[pick(seed, ARRAY_SIZE(tids))], fd = 3 + pick(seed, 4);

	switch (pick(seed, 8)) {
	case 0:
		return fd_event(t, EV_CLOSE_X, tid, fd);
	case 1:
		return fd_event(t, EV_READ_X, tid, fd);
	case 2:
		return connect_event(t, tid, fd, pick(seed, 6));
	case 3:
		build_i64(&t->b, 0);
		build_u32(&t->b, pick(seed, 3) * 1000);
		return build_done(&t->b, EV_SETUID_X, tid);
	case 4:
		return process_event(t, tid, seed);
	default:
		return openat_event(t, tid, pick(seed, 4) ? fd : -2,
				    names[pick(seed, ARRAY_SIZE(names))],
				    pick(seed, 2) ? WO_RDONLY : WO_RDWR | WO_CREAT);
	}
}

/* A set of random rules. Conditions that the checker refuses are only counted. */
static unsigned random_rules(struct bed *t, unsigned *seed)
{
	unsigned tried = 0;

	while (t->rs.nrules < MAX_RULES && tried < 4 * MAX_RULES) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		tried++;
		random_condition(&text, 3, seed);
		add_rule(t, buf_str(&text));
	}
	return tried;
}

static void compare(struct bed *t, struct matcher *fast, struct matcher *slow)
{
	const struct rule *a[MAX_RULES], *b[MAX_RULES];
	uint32_t n = matcher_eval(fast, &t->ctx, a, MAX_RULES);
	uint32_t m = matcher_eval(slow, &t->ctx, b, MAX_RULES);

	for (uint32_t i = 0; i < MIN(n, m); i++)
		ck_assert_msg(a[i] == b[i], "event %u: program finds \"%s\", oracle \"%s\"",
			      (unsigned)t->ctx.ev->num, a[i]->name.s.p, b[i]->name.s.p);
	ck_assert_msg(n == m, "event %u tid %d type %s: program %u, oracle %u rules, next \"%s\"",
		      (unsigned)t->ctx.ev->num, (int)t->ctx.ev->tid, t->ctx.ev->info->name, n, m,
		      n < m ? b[n]->name.s.p : a[m]->name.s.p);
}

START_TEST(program_agrees_with_oracle)
{
	unsigned seed = 1000 + (unsigned)_i, tried;
	struct bed *t = bed_new();
	struct matcher *fast, *slow;

	/* Every other time with hardly any room for what is known about texts. */
	if (_i % 2) {
		t->limits.max[LIMIT_MEMO_BYTES] = 1;
		t->limits.max[LIMIT_MEMO_CLASSES] = 1 + (uint64_t)_i % 4;
	}
	tried = random_rules(t, &seed);
	ck_assert_msg(t->rs.nrules == MAX_RULES, "%u of %u conditions accepted", t->rs.nrules,
		      tried);
	fast = matcher(t, true, false);
	slow = matcher(t, true, true);
	for (int i = 0; i < 300; i++) {
		process(t, random_event(t, &seed));
		compare(t, fast, slow);
	}
	if (_i % 2)
		ck_assert_uint_gt(t->limits.hits[LIMIT_MEMO_CLASSES], 0);
	matcher_free(fast);
	matcher_free(slow);
	bed_free(t);
}
END_TEST

/* More rules for one event type than masks have bits: all are evaluated as they come. */
START_TEST(very_many_rules)
{
	enum { N = 64 * 16 + 10 };
	struct rule **rules = calloc(N, sizeof(*rules));
	const struct rule *found[2] = { NULL, NULL };
	struct bed *t = bed_new();
	struct matcher *m;
	char text[128];

	ck_assert_ptr_nonnull(rules);
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "evt.type = openat and fd.name = /f%u", i % (N - 1));
		t->rs.rules = t->rules;
		t->rs.nrules = 0;
		must_add(t, text);
		rules[i] = t->rules[0];
	}
	t->rs.rules = rules;
	t->rs.nrules = N;
	m = matcher(t, true, false);
	process(t, openat_event(t, 20, 5, "/f0", WO_RDONLY));
	ck_assert_uint_eq(matcher_eval(m, &t->ctx, found, 2), 2);
	ck_assert_ptr_eq(found[0], rules[0]);
	ck_assert_ptr_eq(found[1], rules[N - 1]);
	process(t, openat_event(t, 20, 5, "/f1032", WO_RDONLY));
	ck_assert_uint_eq(matcher_eval(m, &t->ctx, found, 2), 1);
	ck_assert_ptr_eq(found[0], rules[1032]);
	process(t, openat_event(t, 20, 5, "/f1033", WO_RDONLY));
	ck_assert_uint_eq(matcher_eval(m, &t->ctx, found, 2), 0);
	matcher_free(m);
	t->rs.rules = t->rules;
	bed_free(t);
	free(rules);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("match");
	TCase *tc = tcase_create("match");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, order_and_modes);
	tcase_add_test(tc, sources_are_apart);
	tcase_add_test(tc, checks_and_code_are_shared);
	tcase_add_test(tc, very_many_rules);
	tcase_add_loop_test(tc, program_agrees_with_oracle, 0, 20);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
