/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random rules, events and changes of state for a matcher beside the oracle (oracle_bed.h). Used by
 * test_oracle.c, which draws from a seed, and by fuzz_oracle.c, which draws from the fuzzer's
 * bytes.
 */
#ifndef TIERCEL_ORACLE_RANDOM_H
#define TIERCEL_ORACLE_RANDOM_H

#include "engine/tests/oracle_bed.h"

/* ---- conditions ---- */

enum kind { K_TEXT, K_NUMBER, K_BOOL, K_IP, K_NET, K_LIST, K_TYPE };

static const struct {
	const char *field;
	enum kind kind;
} fields[] = {
	{ "proc.name", K_TEXT }, { "proc.pname", K_TEXT }, { "proc.cmdline", K_TEXT },
	{ "proc.exepath", K_TEXT }, { "proc.aname", K_TEXT }, { "proc.aname[2]", K_TEXT },
	{ "fd.name", K_TEXT }, { "fd.directory", K_TEXT }, { "fd.filename", K_TEXT },
	{ "fd.name", K_TEXT }, { "fd.name", K_TEXT }, { "fd.directory", K_TEXT },
	{ "fd.realpath", K_TEXT }, { "fd.realpath", K_TEXT }, { "fs.path.name", K_TEXT },
	{ "fd.typechar", K_TEXT }, { "evt.arg.name", K_TEXT }, { "evt.arg.flags", K_TEXT },
	{ "user.name", K_TEXT }, { "container.id", K_TEXT }, { "container.name", K_TEXT },
	{ "container.image.repository", K_TEXT }, { "k8s.ns.name", K_TEXT },
	{ "container.privileged", K_BOOL }, { "proc.cwd", K_TEXT }, { "proc.args", K_TEXT },
	{ "proc.pcmdline", K_TEXT }, { "proc.exe", K_TEXT }, { "proc.env", K_TEXT },
	{ "proc.pexepath", K_TEXT }, { "proc.pexe", K_TEXT }, { "proc.cmdline", K_TEXT },
	{ "proc.aexe[2]", K_TEXT }, { "fd.nameraw", K_TEXT }, { "proc.name", K_TEXT },
	{ "toupper(proc.name)", K_TEXT }, { "basename(fd.name)", K_TEXT },
	{ "concat(proc.name, fd.name)", K_TEXT },
	{ "evt.dir", K_TEXT }, { "evt.res", K_TEXT }, { "proc.aexepath", K_TEXT },
	{ "fd.num", K_NUMBER }, { "evt.rawres", K_NUMBER }, { "user.uid", K_NUMBER },
	{ "user.loginuid", K_NUMBER }, { "proc.pid", K_NUMBER }, { "proc.ppid", K_NUMBER },
	{ "proc.apid", K_NUMBER }, { "fd.sport", K_NUMBER }, { "fd.port", K_NUMBER },
	{ "len(fd.name)", K_NUMBER }, { "evt.rawarg.fd", K_NUMBER }, { "evt.num", K_NUMBER },
	{ "evt.is_open_write", K_BOOL }, { "evt.failed", K_BOOL }, { "evt.is_open_read", K_BOOL },
	{ "proc.is_exe_upper_layer", K_BOOL }, { "fd.sip", K_IP }, { "fd.cip", K_IP },
	{ "fd.ip", K_IP }, { "fd.net", K_NET }, { "fd.snet", K_NET }, { "fd.cnet", K_NET },
	{ "fd.rnet", K_NET }, { "fd.types", K_LIST }, { "evt.type", K_TYPE },
};

/* A list of constants, ends with NULL. */
#define LIST(...) (const char *const[]){ __VA_ARGS__, NULL }

static const char *const *const values[] = {
	[K_TEXT] = LIST("cat", "bash", "/etc/shadow", "/etc", "'val(proc.name)'", "web", "host", "''",
			"sshd", "/usr/bin/cat", ".ssh", "id_rsa", "/etc/", "/root/.ssh/id_rsa", "shadow",
			"/tmp/.f", "/", "/etc//web", "f", "a", "/.aws/credentials", "/proc/1/environ",
			"/var/lib/kubelet/pki/k.key", "/opt/a/path/that/is/long/and/deep/x", "environ"),
	[K_NUMBER] = LIST("0", "1", "-1", "4", "443", "1000", "30", "20"),
	[K_BOOL] = LIST("true", "false"),
	[K_IP] = LIST("10.0.0.1", "1.2.3.4", "8.8.8.8", "::1", "10.0.0.2", "1.2.3.5", "0.0.0.0",
		      "127.0.0.1", "fe80::1", "2001:db8::7", "0.0.0.0/0", "1.2.0.0/16"),
	[K_NET] = LIST("10.0.0.0/8", "1.2.3.4/32", "0.0.0.0/1", "::1/64", "8.8.0.0/16", "1.0.0.0/8",
		       "127.0.0.0/8", "10.0.0.0/31", "0.0.0.0/0", "1.2.3.0/24", "1.2.3.4/30",
		       "1.2.3.129/25", "128.0.0.0/1", "2001:db8::/32", "2001:db8::7/128", "fe80::/10",
		       "2001:db8:8000::/33", "2001:db8:0:ff00::/57", "::ffff:1.2.3.4/128", "8000::/1",
		       "192.168.7.7/17", "10.0.0.1/32", "1.2.3.5/32"),
	[K_LIST] = LIST("file", "ipv4", "pipe", "unix", "directory"),
	[K_TYPE] = LIST("openat", "close", "connect", "read", "execve", "unlinkat", "open"),
};

/* Instead of these for globs, and for the patterns of paths. */
static const char *const *const globs = LIST("/etc/*", "*.ssh*", "/proc/[0-9]*/environ", "*sh?dow",
	"/root/*/id_*", "'*'", "?at", "b*h", "*_rsa", "[a-c]at", "*\\*x*", "*/../*", "/*/*/*", "*.key",
	"/*c/*", "''", "*sh*", "/var/lib/kubelet/*");
static const char *const *const path_globs = LIST("/etc", "/etc/s*", "/usr/*/cat", "/", "/root/.ssh",
	"/proc/*/environ", "etc", "/etc/shadow", "/root/*/*", "/?oo?/x", "//etc", "/var/lib/", "/[er]*",
	"/tmp", "''", "/usr/bin");

static const char *const *const operators[] = {
	[K_TEXT] = LIST("=", "!=", "in", "contains", "startswith", "endswith", "icontains", "glob",
			"pmatch", "intersects", "regex", "==", "iglob", "in", "in", "=", "glob",
			"pmatch", "startswith"),
	[K_NUMBER] = LIST("=", "!=", "<", "<=", ">", ">=", "in"),
	[K_BOOL] = LIST("=", "!=", "in"),
	[K_IP] = LIST("=", "!=", "in"),
	[K_NET] = LIST("=", "!=", "in", "in", "in"),
	[K_LIST] = LIST("in", "intersects"),
	[K_TYPE] = LIST("=", "!=", "in"),
};

static const char *pick_of(const char *const *list, struct choices *c)
{
	unsigned n = 0;

	while (list[n])
		n++;
	return list[pick(c, n)];
}

static bool is_list_op(const char *op)
{
	return !strcmp(op, "in") || !strcmp(op, "intersects") || !strcmp(op, "pmatch");
}

static void random_value(struct buf *out, enum kind kind, const char *op, struct choices *c)
{
	const char *v;

	if (!strcmp(op, "regex"))
		v = pick_of(LIST("'.*sh.*'", "cat", "'/etc/.*'", "'[a-c]at|b.*'", "'.*'"), c);
	else if (!strcmp(op, "glob") || !strcmp(op, "iglob"))
		v = pick_of(globs, c);
	else
		v = pick_of(!strcmp(op, "pmatch") ? path_globs : values[kind], c);
	buf_add_c(out, v);
}

static void random_list(struct buf *out, enum kind kind, const char *op, struct choices *c)
{
	unsigned n = pick(c, kind == K_NET ? 14 : 6);

	buf_add_char(out, '(');
	for (unsigned i = 0; i < n; i++) {
		buf_add_c(out, i ? ", " : "");
		random_value(out, kind, op, c);
	}
	buf_add_char(out, ')');
}

/* The operator and the right side of a check. */
static void random_comparison(struct buf *out, enum kind kind, struct choices *c)
{
	const char *op = pick_of(operators[kind], c);

	buf_printf(out, " %s ", op);
	if (is_list_op(op)) {
		random_list(out, kind, op, c);
	} else if (!strchr("<>", *op) && !pick(c, 5)) {
		buf_printf(out, "%s ", pick_of(LIST("oneof", "anyof", "allof"), c));
		random_list(out, kind, op, c);
	} else if (kind == K_TEXT && *op != 'r' && !pick(c, 8)) {
		buf_add_c(out, pick(c, 2) ? "val(proc.name)" : "val(fd.name)");
	} else {
		random_value(out, kind, op, c);
	}
}

static void random_check(struct buf *out, struct choices *c)
{
	unsigned f = pick(c, ARRAY_SIZE(fields));

	buf_add_c(out, fields[f].field);
	if (pick(c, 12))
		random_comparison(out, fields[f].kind, c);
	else
		buf_add_c(out, " exists");
}

enum { COLUMNS_MAX = 3 };

/*
 * What exceptions become: alternatives that compare the same fields, each with its own operator.
 * Many of = and in become one look-up instead of a chain of checks.
 */
static void random_exception(struct buf *out, struct choices *c)
{
	static const char *const columns[] = { "proc.name", "fd.name", "proc.pname", "fd.directory",
					       "fd.realpath", "proc.cmdline", "container.id", "fd.nameraw" };
	unsigned ncolumns = 1 + pick(c, COLUMNS_MAX), rows = 4 + pick(c, 10);
	const char *field[COLUMNS_MAX];
	bool equal[COLUMNS_MAX];

	for (unsigned k = 0; k < ncolumns; k++) {
		field[k] = columns[pick(c, ARRAY_SIZE(columns))];
		equal[k] = pick(c, 3);
	}
	buf_add_c(out, pick(c, 3) ? "not (" : "(");
	for (unsigned i = 0; i < rows; i++) {
		buf_add_c(out, i ? " or (" : "(");
		for (unsigned k = 0; k < ncolumns; k++) {
			buf_printf(out, "%s%s", k ? " and " : "", field[k]);
			if (!equal[k]) {
				random_comparison(out, K_TEXT, c);
				continue;
			}
			if (pick(c, 4)) {
				buf_add_c(out, " = ");
				random_value(out, K_TEXT, "=", c);
			} else {
				buf_add_c(out, " in ");
				random_list(out, K_TEXT, "in", c);
			}
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
		random_exception(out, c);
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

/* ---- events ---- */

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

static const uint8_t *const peers[] = {
	(const uint8_t[]){ 1, 2, 3, 4 },       (const uint8_t[]){ 1, 2, 3, 5 },
	(const uint8_t[]){ 1, 2, 4, 4 },       (const uint8_t[]){ 10, 0, 0, 1 },
	(const uint8_t[]){ 10, 0, 0, 2 },      (const uint8_t[]){ 8, 8, 8, 8 },
	(const uint8_t[]){ 192, 168, 7, 200 }, (const uint8_t[]){ 127, 0, 0, 1 },
};
static const uint8_t *const peers6[] = {
	(const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = 7 },
	(const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, 0x80, [15] = 7 },
	(const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, 0, 0, 0xff, 0x7f, [15] = 1 },
	(const uint8_t[16]){ [15] = 1 }, (const uint8_t[16]){ 0xfe, 0x80, [15] = 1 },
	(const uint8_t[16]){ [10] = 0xff, 0xff, 1, 2, 3, 4 },
};

static void bed_random_open(struct bed *b, int64_t tid, int64_t fd)
{
	static const char *const names[] = {
		"/etc/shadow", "x", "../b/c", "/tmp/.f", "", "/etc//web", "/etc/x/bash", "/etc/shadow",
		"/root/.ssh/id_rsa", "/usr/bin/cat", "/proc/1/environ", "/", "/home/u/.aws/credentials",
		"/var/lib/kubelet/pki/k.key", "/opt/a/path/that/is/long/and/deep/x", "/etc/sshd", "cat",
	};
	struct choices *c = &b->choices;
	const char *name = names[pick(c, ARRAY_SIZE(names))], *real = NULL;

	if (!pick(c, 3))
		real = pick(c, 2) ? name : names[pick(c, ARRAY_SIZE(names))];
	bed_open(b, tid, pick(c, 4) ? fd : -2, name, real,
		 pick(c, 2) ? WO_RDONLY : WO_RDWR | WO_CREAT);
}

static void bed_random_event(struct bed *b)
{
	static const int64_t tids[] = { 1, 10, 20, 30, 40, 999, 50, 51 };
	struct choices *c = &b->choices;
	int64_t tid = tids[pick(c, ARRAY_SIZE(tids))], fd = 3 + pick(c, 4);

	switch (pick(c, 9)) {
	case 0:
		bed_use_fd(b, EV_CLOSE_X, tid, fd);
		break;
	case 1:
		bed_use_fd(b, EV_READ_X, tid, fd);
		break;
	case 2:
		bed_connect(b, tid, fd, peers[pick(c, ARRAY_SIZE(peers))]);
		break;
	case 3:
		bed_connect6(b, tid, fd, peers6[pick(c, ARRAY_SIZE(peers6))]);
		break;
	case 4:
	case 5:
		bed_random_change(b, tid);
		break;
	default:
		bed_random_open(b, tid, fd);
	}
}

#endif
