/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.*, thread.*, user.*, group.*, container.* and k8s.* on small process tables.
 */
#include "engine/tests/field_fixture.h"

static struct fixture fx;

#define NUL_TEXT(lit) ((struct str){ lit, sizeof(lit) - 1 })

/* init(1) - sshd(10) - bash(20, session leader) - cat(30), and a thread 31 of cat. */
static void setup(void)
{
	struct proc_record r;

	fixture_init(&fx);
	r = fixture_proc(1, 0, "init");
	r.exepath = STR("/sbin/init");
	fixture_add_proc(&fx, &r);
	r = fixture_proc(10, 1, "sshd");
	r.args = NUL_TEXT("-D");
	fixture_add_proc(&fx, &r);
	r = fixture_proc(20, 10, "bash");
	r.exe = STR("-bash");
	r.sid = 20;
	r.env = NUL_TEXT("HOME=/root\0MARK=bash");
	fixture_add_proc(&fx, &r);
	r = fixture_proc(30, 20, "cat");
	r.args = NUL_TEXT("-n\0/etc/shadow\0\0");
	r.env = NUL_TEXT("HOME=/home/u\0EMPTY=\0SP=  x y  \0PATHX=1");
	r.cgroups = NUL_TEXT("cpu=/a\0memory=/user.slice");
	r.sid = 20;
	r.pgid = 30;
	r.uid = 0;
	r.gid = 7;
	r.fdlimit = 1000;
	r.vmsize_kb = 3000;
	r.cap_effective = 1 | 1 << 21;
	r.clone_ts = 1000;
	fixture_add_proc(&fx, &r);
	r.tid = 31;
	r.vtid = 31;
	fixture_add_proc(&fx, &r);
	fixture_snap_done(&fx);
	fixture_i64(&fx, 0);
	fixture_event(&fx, EV_SETSID_X, 30, -1);
	fx.ev.ts = 5000;
}

static void teardown(void)
{
	fixture_done(&fx);
}

START_TEST(texts)
{
	ck_field(&fx, "proc.name", "cat");
	ck_field(&fx, "proc.args", "-n /etc/shadow ");
	ck_field(&fx, "proc.args[1]", "/etc/shadow");
	ck_field(&fx, "proc.args[2]", "");
	ck_field(&fx, "proc.args[9]", "");
	ck_field(&fx, "proc.args[-1]", "");
	ck_field(&fx, "proc.cmdline", "cat -n /etc/shadow ");
	ck_field(&fx, "proc.exeline", "cat -n /etc/shadow ");
	ck_field(&fx, "proc.cmdnargs", "3");
	ck_field(&fx, "proc.cmdlenargs", "13");
	ck_field(&fx, "proc.cwd", "/");
	ck_field(&fx, "proc.exepath", "");
	fx.ctx.thread = state_thread(fx.state, 20);
	ck_field(&fx, "proc.exeline", "-bash ");
	ck_field(&fx, "proc.args", "");
	ck_field(&fx, "proc.cmdlenargs", "0");
}
END_TEST

START_TEST(environment)
{
	ck_field(&fx, "proc.env", "HOME=/home/u EMPTY= SP=  x y   PATHX=1");
	ck_field(&fx, "proc.env[HOME]", "/home/u");
	ck_field(&fx, "proc.env[SP]", "x y");
	ck_field(&fx, "proc.env[EMPTY]", "");
	ck_field(&fx, "proc.env[PATH]", "");
	ck_field(&fx, "proc.aenv[HOME]", "/root");
	ck_field(&fx, "proc.aenv[SP]", "");
	ck_field(&fx, "proc.aenv[1]", "HOME=/root MARK=bash");
	ck_field(&fx, "proc.aenv[9]", "(none)");
	ck_field(&fx, "proc.aenv", "HOME=/home/u EMPTY= SP=  x y   PATHX=1");
	ck_values(&fx, "proc.aenv", "HOME=/root MARK=bash||");
}
END_TEST

START_TEST(ancestors)
{
	ck_field(&fx, "proc.aname", "bash sshd init");
	ck_field(&fx, "proc.aname[0]", "cat");
	ck_field(&fx, "proc.aname[2]", "sshd");
	ck_field(&fx, "proc.aname[4]", "(none)");
	ck_field(&fx, "proc.aname[-1]", "(none)");
	ck_field(&fx, "proc.aname[4000000000]", "(none)");
	ck_values(&fx, "proc.aname", "bash|sshd|init");
	ck_values(&fx, "proc.apid", "20|10|1");
	ck_field(&fx, "proc.apid", "30");
	ck_field(&fx, "proc.apid[1]", "20");
	ck_field(&fx, "proc.aargs", "-D ");
	ck_field(&fx, "proc.aexepath", "/sbin/init");
	ck_field(&fx, "proc.aexepath[1]", "");
	ck_field(&fx, "proc.acmdline", "bash sshd -D init");
	ck_field(&fx, "proc.pname", "bash");
	ck_field(&fx, "proc.pexe", "-bash");
	ck_field(&fx, "proc.ppid", "20");
	ck_field(&fx, "proc.loginshellid", "20");
	fx.ctx.thread = state_thread(fx.state, 1);
	ck_field(&fx, "proc.aname", "(none)");
	ck_field(&fx, "proc.pname", "(none)");
	ck_field(&fx, "proc.loginshellid", "(none)");
}
END_TEST

/* A damaged process list may be a ring: everything must end. */
START_TEST(ancestor_loop)
{
	struct thread *top = state_thread(fx.state, 1), *cat = state_thread(fx.state, 30);

	top->parent = cat;
	ck_assert_str_ne(fixture_print(&fx, "proc.aname"), "(none)");
	ck_assert_str_ne(fixture_print(&fx, "proc.aenv[NOPE]"), "(none)");
	ck_field(&fx, "proc.loginshellid", "20");
	ck_field(&fx, "proc.aname[4000000000]", "(none)");
	top->parent = NULL;
}
END_TEST

START_TEST(leaders)
{
	ck_field(&fx, "proc.sname", "bash");
	ck_field(&fx, "proc.sid.exe", "-bash");
	ck_field(&fx, "proc.vpgid.name", "");
	ck_field(&fx, "proc.pgid.name", "cat");
	ck_field(&fx, "proc.is_sid_leader", "false");
	ck_field(&fx, "proc.is_pgid_leader", "true");
	ck_field(&fx, "proc.is_vpgid_leader", "false");
	/* The leader is gone: the oldest of the line with the same id stands for it. */
	state_thread(fx.state, 30)->sid = 77;
	ck_field(&fx, "proc.sname", "");
	state_thread(fx.state, 20)->sid = 77;
	state_thread(fx.state, 10)->sid = 77;
	ck_field(&fx, "proc.sname", "sshd");
}
END_TEST

START_TEST(numbers)
{
	ck_field(&fx, "proc.duration", "4000");
	ck_field(&fx, "proc.pid.ts", "1000");
	ck_field(&fx, "proc.ppid.duration", "(none)");
	ck_field(&fx, "proc.ppid.ts", "0");
	ck_field(&fx, "proc.exe_ino", "(none)");
	ck_field(&fx, "proc.nthreads", "2");
	ck_field(&fx, "proc.nchilds", "1");
	ck_field(&fx, "proc.fdlimit", "1000");
	ck_field(&fx, "proc.fdopencount", "0");
	ck_field(&fx, "proc.stdin.name", "(none)");
	ck_field(&fx, "thread.tid", "30");
	ck_field(&fx, "thread.ismain", "true");
	ck_field(&fx, "thread.vmsize.b", "3072000");
	fx.ctx.thread = state_thread(fx.state, 31);
	ck_field(&fx, "thread.ismain", "false");
	ck_field(&fx, "thread.vmsize", "0");
	ck_field(&fx, "proc.pid", "30");
	fx.ctx.thread->vpid = -1;
	ck_field(&fx, "proc.vpid", "(none)");
	fx.ctx.thread->pid = -2;
	ck_field(&fx, "proc.pid", "(none)");
	fx.ctx.thread->pid = 30;
}
END_TEST

START_TEST(threads)
{
	ck_field(&fx, "thread.cap_effective", "CAP_CHOWN CAP_SYS_ADMIN");
	ck_field(&fx, "thread.cap_permitted", "");
	ck_field(&fx, "thread.cgroups", "cpu=/a memory=/user.slice");
	ck_field(&fx, "thread.cgroup.memory", "/user.slice");
	ck_field(&fx, "thread.cgroup.mem", "(none)");
	ck_field(&fx, "thread.nametid", "cat30");
}
END_TEST

START_TEST(cgroup_names)
{
	static const char *const bad[] = { "thread.cgroup", "thread.cgroup.", "thread.cgroup.a1",
					   "thread.cgroup[cpu]" };
	struct field_ref ref;
	const char *msg;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_lt(field_lookup(str_from(bad[i]), &fx.refs, NULL, &ref, &msg), 0);
}
END_TEST

START_TEST(accounts)
{
	ck_field(&fx, "user.uid", "0");
	ck_field(&fx, "user.name", "root");
	ck_field(&fx, "user.homedir", "/root");
	ck_field(&fx, "user.shell", "<NA>");
	ck_field(&fx, "user.loginuid", "-1");
	ck_field(&fx, "user.loginname", "<NA>");
	ck_field(&fx, "group.gid", "7");
	ck_field(&fx, "group.name", "<NA>");
}
END_TEST

START_TEST(no_thread)
{
	static const char *const fields[] = { "proc.name", "proc.args", "proc.aname", "proc.sname",
					      "proc.fdusage", "user.name", "group.name",
					      "container.id", "k8s.pod.name", "thread.cgroups",
					      "proc.aenv[X]", "thread.vmsize" };

	fx.ctx.thread = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		ck_field(&fx, fields[i], "(none)");
	ck_field(&fx, "thread.tid", "30");
}
END_TEST

START_TEST(container_host)
{
	ck_field(&fx, "container.id", "host");
	ck_field(&fx, "container.name", "host");
	ck_field(&fx, "container.type", "host");
	ck_field(&fx, "container.image.repository", "");
	ck_field(&fx, "container.privileged", "false");
	ck_field(&fx, "container.label[x]", "(none)");
	ck_field(&fx, "container.start_ts", "(none)");
	ck_field(&fx, "k8s.ns.name", "(none)");
}
END_TEST

static struct istr *text(const char *s)
{
	return intern_get(state_intern(fx.state), str_from(s));
}

START_TEST(container_metadata)
{
	struct container_mount mounts[] = {
		{ text("/proc"), text("/host/proc"), text("ro"), text("private"), false },
		{ text("/var/lib/x"), text("/data"), text(""), text("rslave"), true },
	};
	struct container_label labels[] = {
		{ text("b"), text("") }, { text("a"), text("1") },
		{ text("io.kubernetes.pod.name"), text("pod-1") },
		{ text("annotation.x"), text("y") },
	};
	struct container c = { .id = text("0123456789ab"), .full_id = text("0123456789abcdef"),
			       .type = text("containerd") };

	fx.ctx.thread->container = &c;
	ck_field(&fx, "container.id", "0123456789ab");
	ck_field(&fx, "container.name", "(none)");
	ck_field(&fx, "container.privileged", "(none)");
	ck_field(&fx, "container.mounts", "(none)");
	c.have_metadata = true;
	c.name = text("web");
	c.privileged = true;
	c.mounts = mounts;
	c.nmounts = ARRAY_SIZE(mounts);
	c.labels = labels;
	c.nlabels = ARRAY_SIZE(labels);
	ck_field(&fx, "container.name", "web");
	ck_field(&fx, "container.image", "");
	ck_field(&fx, "container.full_id", "0123456789abcdef");
	ck_field(&fx, "container.privileged", "true");
	ck_field(&fx, "container.host_pid", "false");
	ck_field(&fx, "container.mounts",
		 "/proc:/host/proc:ro:false:private,/var/lib/x:/data::true:rslave");
	ck_field(&fx, "container.mount[1]", "/var/lib/x:/data::true:rslave");
	ck_field(&fx, "container.mount[2]", "(none)");
	ck_field(&fx, "container.mount.dest[/proc*]", "/host/proc");
	ck_field(&fx, "container.mount.dest[/]", "(none)");
	ck_field(&fx, "container.mount.source[/data]", "/var/lib/x");
	ck_field(&fx, "container.mount.rdwr[/var/*]", "true");
	ck_field(&fx, "container.label[a]", "1");
	ck_field(&fx, "container.label[b]", "");
	ck_field(&fx, "container.label[c]", "(none)");
	ck_field(&fx, "container.labels", "a:1, b");
	ck_field(&fx, "k8s.pod.name", "pod-1");
	ck_field(&fx, "k8s.ns.name", "(none)");
	ck_field(&fx, "k8s.pod.ip", "(none)");
	fx.ctx.thread->container = NULL;
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("field_proc");
	TCase *t = tcase_create("fields");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, texts);
	tcase_add_test(t, environment);
	tcase_add_test(t, ancestors);
	tcase_add_test(t, ancestor_loop);
	tcase_add_test(t, leaders);
	tcase_add_test(t, numbers);
	tcase_add_test(t, threads);
	tcase_add_test(t, cgroup_names);
	tcase_add_test(t, accounts);
	tcase_add_test(t, no_thread);
	tcase_add_test(t, container_host);
	tcase_add_test(t, container_metadata);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
