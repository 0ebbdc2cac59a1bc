/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled program against the plain tree evaluator: random rules, events and changes of state;
 * and for each change that makes cached results invalid a test of its own.
 */
#include "engine/tests/oracle_random.h"

START_TEST(agrees_on_random_rules)
{
	struct bed *b = bed_new();

	b->choices.seed = 1000 + (unsigned)_i;
	/* Every other time with hardly any room for what is known about texts and processes. */
	if (_i % 2) {
		b->f.limits.max[LIMIT_MEMO_BYTES] = 1;
		b->f.limits.max[LIMIT_MEMO_CLASSES] = 1 + (uint64_t)_i % 4;
	}
	for (int swap = 0; swap < 3; swap++) {
		unsigned tried = bed_random_rules(b, BED_RULES);

		ck_assert_msg(b->rs.nrules == BED_RULES, "%u of %u conditions accepted",
			      b->rs.nrules, tried);
		bed_compile(b);
		for (int i = 0; i < 150; i++) {
			bed_random_event(b);
			bed_compare(b);
		}
	}
	if (_i % 2)
		ck_assert_uint_gt(b->f.limits.hits[LIMIT_MEMO_CLASSES], 0);
	bed_free(b);
}
END_TEST

/* ---- one rule, before and after a change ---- */

/* Does the rule match an open by this thread? The oracle says the same. */
static bool matches(struct bed *b, int64_t tid)
{
	const struct rule *found;

	ev_open(&b->f, tid, 9, "/etc/shadow", WO_RDONLY);
	bed_compare(b);
	return matcher_eval(b->fast, &b->f.ctx, &found, 1) == 1;
}

static struct bed *bed_with(const char *condition)
{
	struct bed *b = bed_new();
	const char *why = build_rule(&b->rs, &b->f.limits, str_from(condition));

	ck_assert_msg(!why, "%s: %.200s", why, condition);
	bed_compile(b);
	return b;
}

/* Checks that a first look at the path decides, or leaves open (text_filter.h). */
static const char *const path_checks[] = {
	"fd.name = /etc/shadow", "fd.name != /etc/shadow", "fd.name in (/a, /etc, /etc/ssh/x)",
	"fd.name startswith /etc/ss", "fd.name startswith /", "fd.name contains id_rsa",
	"fd.name contains /.ssh/", "fd.name contains x", "fd.name endswith _history",
	"fd.name glob /home/*/.ssh/*", "fd.name glob *.ssh*id_rsa*", "fd.name glob *x/long_name",
	"fd.name glob /proc/*/environ", "fd.name glob *[a-c]?_rsa", "fd.name glob *\\*x*",
	"fd.name icontains ID_RSA", "fd.name pmatch (/etc, /usr/bin)", "fd.name pmatch (/etc/s*)",
	"fd.name regex '.*ss.*'", "fd.directory = /", "fd.directory in (/, /etc/ssh)",
	"fd.directory startswith /home", "fd.directory pmatch (/etc)", "fd.directory endswith .ssh",
	"fd.directory contains /.ssh", "fd.directory != /etc", "fd.filename = id_rsa",
	"fd.filename in (cron, environ)", "fd.filename startswith long_", "fd.filename != cron",
	"fd.filename endswith _history", "fd.filename glob *d_rsa", "fd.filename pmatch (/id_rsa)",
	"fd.name startswith /a/path/that/is/longer/than/the/tree/is/deep",
	"fd.name = /a/path/that/is/longer/than/the/tree/is/deep/x",
	"fd.realpath = /etc/shadow", "fd.realpath != /etc/shadow", "fd.realpath in (/etc/ssh, /a)",
	"fd.realpath startswith /etc/ss", "fd.realpath contains id_rsa", "fd.realpath endswith _history",
	"fd.realpath glob /proc/*/environ", "fd.realpath pmatch (/etc, /usr/bin)", "fd.realpath exists",
	"fd.realpath regex '.*ss.*'", "not fd.realpath startswith /etc",
	"(fd.name = /etc/ssh and not fd.realpath startswith /etc)",
	"fd.nameraw = /etc/shadow", "fd.nameraw in (/etc//shadow, /cron)", "fd.nameraw = /etc//shadow",
	"fd.nameraw startswith //", "not fd.nameraw = /etc//shadow",
	"fd.nameraw contains /.ssh/", "fd.nameraw glob *x/long_name",
};

START_TEST(paths_are_matched_by_the_first_look)
{
	static const char *const paths[] = {
		"/", "/a", "/etc", "/etc/", "/etc/shadow", "/etc/shadow-", "/etc//shadow", "//etc/ssh",
		"/etc/ssh", "/etc/ssh/x", "/etc/sx", "/usr/bin/cron", "/usr/binx", "/cron",
		"/home/u/.ssh/id_rsa", "/home/u/.ssh/id_rsa.pub", "/home/id_rsa", "/root/.ssh/x",
		"/proc/1/environ", "/proc/environ", "/proc/1/environ/", "/x/long_name", "/a/*x",
		"/root/.bash_history", "/b/cd_rsa", "/a/path/that/is/longer/than/the/tree/is/deep",
		"/a/path/that/is/longer/than/the/tree/is/deep/x",
		"/a/path/that/is/longer/than/the/tree/is/not", "relative", "../x", "", "x/id_rsa",
	};
	static const char *const others[] = { "/etc/ssh", "/proc/1/environ", "/root/.bash_history" };
	const char *check = path_checks[_i];
	struct bed *b = bed_new();
	const struct rule *found[BED_RULES];
	bool never = !strcmp(check, "fd.nameraw = /etc//shadow") ||
		     !strcmp(check, "fd.nameraw startswith //");
	const char *field = strstr(check, "fd.nameraw") ? "fd.nameraw" : "fd.name";
	unsigned matched = 0;
	char text[256];

	/* Alone every check would be made as it comes; three others make a memo worth while. */
	snprintf(text, sizeof(text), "evt.type = openat and (%s or %s in (/q/1) or %s = /q/2 or "
		 "%s endswith /q/3/4)", check, field, field, field);
	ck_assert_ptr_null(build_rule(&b->rs, &b->f.limits, str_from(text)));
	bed_compile(b);
	/* Without the kernel's path, with the same, and with another. */
	for (unsigned i = 0; i < 2 * 3 * ARRAY_SIZE(paths); i++) {
		const char *path = paths[i / 6];
		const char *real = i % 3 == 0 ? NULL : i % 3 == 1 ? path : others[i / 6 % 3];

		bed_open(b, 30, i % 2 ? -2 : 9, path, real, WO_RDONLY);
		bed_compare(b);
		matched += matcher_eval(b->fast, &b->f.ctx, found, BED_RULES);
	}
	/* Repeated slashes are one in fd.nameraw. */
	ck_assert_msg(!matched == never, "%s matches %u paths", check, matched);
	bed_free(b);
}
END_TEST

/* Networks of many rules, and many of one, nested and not, against both ends of connections. */
START_TEST(networks_are_found_at_once)
{
	static const char *const names[] = { "fd.net", "fd.snet", "fd.cnet", "fd.ip", "fd.sip" };
	static const char *const ops[] = { "in", "!=", "=", "in" };
	struct bed *b = bed_new();
	unsigned found = 0;

	b->choices.seed = 7;
	if (_i)
		b->f.limits.max[LIMIT_MEMO_CLASSES] = 3;
	for (unsigned r = 0; r < BED_RULES; r++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		const char *op = ops[r % 4];
		unsigned n = *op != 'i' ? 1 : r % 16 ? 20 : 2000;
		bool net = r % 5 < 3;

		buf_printf(&text, "evt.type = connect and %s %s %s", names[r % 5], op,
			   *op == 'i' ? "(" : "");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&text, net ? "%s%u.%u.%u.%u/%u" : "%s%u.%u.%u.%u", i ? ", " : "",
				   1 + pick(&b->choices, 3), pick(&b->choices, 8),
				   pick(&b->choices, net ? 256 : 2),
				   pick(&b->choices, net ? 256 : 2), 8 + pick(&b->choices, 25));
		if (*op == 'i')
			buf_add_c(&text, net ? ", 2001:db8::/33, fe80::/11)" : ", 2001:db8::7)");
		ck_assert_ptr_null(build_rule(&b->rs, &b->f.limits, buf_str(&text)));
	}
	bed_compile(b);
	for (unsigned i = 0; i < 400; i++) {
		const uint8_t peer[4] = { (uint8_t)(1 + pick(&b->choices, 3)),
					  (uint8_t)pick(&b->choices, 8),
					  (uint8_t)pick(&b->choices, i % 2 ? 256 : 2),
					  (uint8_t)pick(&b->choices, i % 2 ? 256 : 2) };
		const struct rule *rules[BED_RULES];

		if (i % 8)
			bed_connect(b, 30, 3 + i % 2, peer);
		else
			bed_connect6(b, 30, 3 + i % 2, peers6[i / 8 % ARRAY_SIZE(peers6)]);
		bed_compare(b);
		found += matcher_eval(b->fast, &b->f.ctx, rules, BED_RULES);
	}
	ck_assert_uint_gt(found, 400 * BED_RULES / 8);
	bed_free(b);
}
END_TEST

START_TEST(setuid_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and user.uid = 1000");

	ck_assert(!matches(b, 30));
	bed_setuid(b, 30, 1000);
	ck_assert(matches(b, 30));
	ck_assert(!matches(b, 20));
	bed_free(b);
}
END_TEST

START_TEST(chdir_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and proc.cwd = /tmp/");

	ck_assert(!matches(b, 30));
	bed_chdir(b, 30, "/tmp");
	ck_assert(matches(b, 30));
	bed_free(b);
}
END_TEST

/*
 * Which a damaged record may say: a thread of a process that is known, as if it were a new process.
 */
START_TEST(clone_into_a_known_process_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and proc.cwd = /tmp/");

	ck_assert(!matches(b, 30));
	bed_chdir(b, 20, "/tmp");
	ck_assert(!matches(b, 30));
	ev_clone(&b->f, EV_CLONE3_X, 50, 0, 30, 20, 0);
	ck_assert(matches(b, 30));
	bed_free(b);
}
END_TEST

START_TEST(prctl_name_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and proc.name = evil");

	ck_assert(!matches(b, 30));
	bed_rename(b, 30, "evil");
	ck_assert(matches(b, 30));
	bed_free(b);
}
END_TEST

START_TEST(exec_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and proc.exepath = /tmp/evil");

	ck_assert(!matches(b, 30));
	bed_exec(b, 30, "evil", "/tmp/evil", "cpu=/");
	ck_assert(matches(b, 30));
	bed_free(b);
}
END_TEST

START_TEST(change_of_an_ancestor_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and proc.aname = evil");

	ck_assert(!matches(b, 30));
	ck_assert(!matches(b, 40));
	bed_rename(b, 10, "evil");
	ck_assert(matches(b, 30));
	ck_assert(!matches(b, 40));
	bed_rename(b, 10, "sshd");
	ck_assert(!matches(b, 30));
	bed_free(b);
}
END_TEST

START_TEST(change_of_the_leader_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and proc.aname[1] = evil");

	/* 31 is a second thread of 30; its children have 30 as ancestor. */
	ev_clone(&b->f, EV_CLONE3_X, 31, 0, 30, 20, CL_THREAD_FLAGS);
	ev_clone(&b->f, EV_CLONE_20_X, 31, 60, 30, 20, 0);
	ev_clone(&b->f, EV_CLONE_20_X, 60, 0, 60, 31, 0);
	ck_assert(!matches(b, 60));
	bed_rename(b, 30, "evil");
	ck_assert(matches(b, 60));
	bed_free(b);
}
END_TEST

START_TEST(reparenting_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and proc.pname = sshd");

	ck_assert(!matches(b, 30));
	/* 20 dies and its child goes to 10. */
	ev_exit(&b->f, 20, 10);
	ck_assert(matches(b, 30));
	ev_exit(&b->f, 10, 1);
	ck_assert(!matches(b, 30));
	bed_free(b);
}
END_TEST

START_TEST(late_metadata_are_seen)
{
	struct bed *b = bed_with("evt.type = openat and container.name = web");

	bed_exec(b, 30, "cat", "/usr/bin/cat", "cpu=/docker/" BED_ID);
	ck_assert(!matches(b, 30));
	bed_metadata(b, "web");
	ck_assert(matches(b, 30));
	bed_metadata(b, "other");
	ck_assert(!matches(b, 30));
	bed_free(b);
}
END_TEST

START_TEST(container_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and container.id != host");

	ck_assert(!matches(b, 30));
	bed_exec(b, 30, "cat", "/usr/bin/cat", "cpu=/docker/" BED_ID);
	ck_assert(matches(b, 30));
	bed_free(b);
}
END_TEST

/* The new program must not take over what the old one knew about a thread or a text. */
START_TEST(swap_of_rules_is_seen)
{
	struct bed *b = bed_with("evt.type = openat and proc.name = cat and fd.name = /etc/shadow");

	ck_assert(matches(b, 30));
	b->rs.nrules = 0;
	ck_assert_ptr_null(build_rule(&b->rs, &b->f.limits,
					STR("evt.type = openat and proc.name = bash and "
					    "fd.name startswith /etc")));
	bed_compile(b);
	ck_assert(!matches(b, 30));
	ck_assert(matches(b, 20));
	bed_free(b);
}
END_TEST

/* A thread that ends gives its number back; the next one with it is another process. */
START_TEST(reused_thread_is_new)
{
	struct bed *b = bed_with("evt.type = openat and proc.name = cat");

	ck_assert(matches(b, 30));
	ev_exit(&b->f, 30, 1);
	ev_nothing(&b->f, 1);
	ev_clone(&b->f, EV_CLONE_20_X, 30, 0, 30, 20, 0);
	ck_assert(!matches(b, 30));
	bed_free(b);
}
END_TEST

/* ---- joins ---- */

static void tuples(struct buf *out, unsigned n, const char *rest)
{
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, "%s(proc.name = p%u and fd.name = /f%u%s)", i ? " or " : "", i, i,
			   rest);
}

START_TEST(many_tuples_are_one_check)
{
	_cleanup_buf_ struct buf text = BUF_INIT, dump = BUF_INIT;
	struct bed *b;

	buf_add_c(&text, "evt.type = openat and not (");
	tuples(&text, 1000, _i ? " and user.uid = 0" : "");
	buf_add_c(&text, " or (proc.name = cat and fd.name = /etc/shadow))");
	buf_add_char(&text, '\0');
	ck_assert(!text.err);
	b = bed_with(text.p);
	b->rules[0]->name.s = STR("r");
	matcher_dump_rule(b->fast, b->rules[0], &dump);
	ck_assert_msg(dump.len < 1000, "%.*s", (int)MIN(dump.len, 2000U), dump.p);
	ck_assert(!matches(b, 30));
	ck_assert(matches(b, 20));
	bed_rename(b, 20, "p7");
	ck_assert(matches(b, 20));
	ev_open(&b->f, 20, 9, "/f7", WO_RDONLY);
	bed_compare(b);
	bed_free(b);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("oracle");
	TCase *tc = tcase_create("oracle");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, agrees_on_random_rules, 0, 20);
	tcase_add_loop_test(tc, paths_are_matched_by_the_first_look, 0,
			     ARRAY_SIZE(path_checks));
	tcase_add_loop_test(tc, networks_are_found_at_once, 0, 2);
	tcase_add_test(tc, setuid_is_seen);
	tcase_add_test(tc, chdir_is_seen);
	tcase_add_test(tc, clone_into_a_known_process_is_seen);
	tcase_add_test(tc, prctl_name_is_seen);
	tcase_add_test(tc, exec_is_seen);
	tcase_add_test(tc, change_of_an_ancestor_is_seen);
	tcase_add_test(tc, change_of_the_leader_is_seen);
	tcase_add_test(tc, reparenting_is_seen);
	tcase_add_test(tc, late_metadata_are_seen);
	tcase_add_test(tc, container_is_seen);
	tcase_add_test(tc, swap_of_rules_is_seen);
	tcase_add_test(tc, reused_thread_is_new);
	tcase_add_loop_test(tc, many_tuples_are_one_check, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
