/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of a test: fields about the process of an event and about its ancestors fill
 * descriptions (struct build_proc); what the fields leave open gets the values of an ordinary
 * process.
 */
#include "agent/ruletest_build.h"

enum { COMM_MAX = 15, LEVELS_MAX = 64 };
enum row_kind { ROW_TEXT, ROW_TEXTS, ROW_NUMBER, ROW_BOOL };
/* Whose member it is. */
enum row_level { OF_SELF, OF_PARENT, OF_ANCESTOR };

static const struct proc_row {
	const char *field;
	uint8_t kind;		/* enum row_kind */
	uint8_t level;		/* enum row_level */
	uint16_t offset;
} rows[] = {
#define AT(member) offsetof(struct build_proc, member)
	{ "proc.name", ROW_TEXT, OF_SELF, AT(comm) },
	{ "proc.exe", ROW_TEXT, OF_SELF, AT(exe) },
	{ "proc.exepath", ROW_TEXT, OF_SELF, AT(exepath) },
	{ "proc.args", ROW_TEXTS, OF_SELF, AT(args) },
	{ "proc.cmdline", ROW_TEXT, OF_SELF, AT(cmdline) },
	{ "proc.exeline", ROW_TEXT, OF_SELF, AT(exeline) },
	{ "proc.cwd", ROW_TEXT, OF_SELF, AT(cwd) },
	{ "proc.tty", ROW_NUMBER, OF_SELF, AT(tty) },
	{ "proc.pid", ROW_NUMBER, OF_SELF, AT(pid) },
	{ "proc.vpid", ROW_NUMBER, OF_SELF, AT(vpid) },
	{ "proc.sid", ROW_NUMBER, OF_SELF, AT(sid) },
	{ "proc.vpgid", ROW_NUMBER, OF_SELF, AT(vpgid) },
	{ "proc.pgid", ROW_NUMBER, OF_SELF, AT(pgid) },
	{ "proc.fdlimit", ROW_NUMBER, OF_SELF, AT(fdlimit) },
	{ "proc.duration", ROW_NUMBER, OF_SELF, AT(age_ns) },
	{ "proc.pid.ts", ROW_NUMBER, OF_SELF, AT(start_ts) },
	{ "proc.is_exe_writable", ROW_BOOL, OF_SELF, AT(exe_writable) },
	{ "proc.is_exe_upper_layer", ROW_BOOL, OF_SELF, AT(exe_upper) },
	{ "proc.is_exe_lower_layer", ROW_BOOL, OF_SELF, AT(exe_lower) },
	{ "proc.is_exe_from_memfd", ROW_BOOL, OF_SELF, AT(exe_memfd) },
	{ "proc.is_sid_leader", ROW_BOOL, OF_SELF, AT(is_sid_leader) },
	{ "proc.is_vpgid_leader", ROW_BOOL, OF_SELF, AT(is_vpgid_leader) },
	{ "proc.is_pgid_leader", ROW_BOOL, OF_SELF, AT(is_pgid_leader) },
	{ "proc.exe_ino", ROW_NUMBER, OF_SELF, AT(exe_ino) },
	{ "proc.exe_ino.ctime", ROW_NUMBER, OF_SELF, AT(exe_ctime) },
	{ "proc.exe_ino.mtime", ROW_NUMBER, OF_SELF, AT(exe_mtime) },
	{ "proc.sname", ROW_TEXT, OF_SELF, AT(sid_name) },
	{ "proc.sid.exe", ROW_TEXT, OF_SELF, AT(sid_exe) },
	{ "proc.sid.exepath", ROW_TEXT, OF_SELF, AT(sid_exepath) },
	{ "proc.vpgid.name", ROW_TEXT, OF_SELF, AT(vpgid_name) },
	{ "proc.vpgid.exe", ROW_TEXT, OF_SELF, AT(vpgid_exe) },
	{ "proc.vpgid.exepath", ROW_TEXT, OF_SELF, AT(vpgid_exepath) },
	{ "proc.pgid.name", ROW_TEXT, OF_SELF, AT(pgid_name) },
	{ "proc.pgid.exe", ROW_TEXT, OF_SELF, AT(pgid_exe) },
	{ "proc.pgid.exepath", ROW_TEXT, OF_SELF, AT(pgid_exepath) },
	{ "proc.stdin.type", ROW_TEXT, OF_SELF, AT(std[0].type) },
	{ "proc.stdout.type", ROW_TEXT, OF_SELF, AT(std[1].type) },
	{ "proc.stderr.type", ROW_TEXT, OF_SELF, AT(std[2].type) },
	{ "proc.stdin.name", ROW_TEXT, OF_SELF, AT(std[0].name) },
	{ "proc.stdout.name", ROW_TEXT, OF_SELF, AT(std[1].name) },
	{ "proc.stderr.name", ROW_TEXT, OF_SELF, AT(std[2].name) },
	{ "thread.cap_permitted", ROW_TEXT, OF_SELF, AT(caps_permitted) },
	{ "thread.cap_inheritable", ROW_TEXT, OF_SELF, AT(caps_inheritable) },
	{ "thread.cap_effective", ROW_TEXT, OF_SELF, AT(caps_effective) },
	{ "user.uid", ROW_NUMBER, OF_SELF, AT(uid) },
	{ "user.name", ROW_TEXT, OF_SELF, AT(user_name) },
	{ "user.homedir", ROW_TEXT, OF_SELF, AT(homedir) },
	{ "user.shell", ROW_TEXT, OF_SELF, AT(shell) },
	{ "user.loginuid", ROW_NUMBER, OF_SELF, AT(loginuid) },
	{ "user.loginname", ROW_TEXT, OF_SELF, AT(login_name) },
	{ "group.gid", ROW_NUMBER, OF_SELF, AT(gid) },
	{ "group.name", ROW_TEXT, OF_SELF, AT(group_name) },
	{ "proc.pname", ROW_TEXT, OF_PARENT, AT(comm) },
	{ "proc.pexe", ROW_TEXT, OF_PARENT, AT(exe) },
	{ "proc.pexepath", ROW_TEXT, OF_PARENT, AT(exepath) },
	{ "proc.pcmdline", ROW_TEXT, OF_PARENT, AT(cmdline) },
	{ "proc.ppid", ROW_NUMBER, OF_PARENT, AT(pid) },
	{ "proc.pvpid", ROW_NUMBER, OF_PARENT, AT(vpid) },
	{ "proc.ppid.duration", ROW_NUMBER, OF_PARENT, AT(age_ns) },
	{ "proc.ppid.ts", ROW_NUMBER, OF_PARENT, AT(start_ts) },
	{ "proc.aname", ROW_TEXT, OF_ANCESTOR, AT(comm) },
	{ "proc.aexe", ROW_TEXT, OF_ANCESTOR, AT(exe) },
	{ "proc.aexepath", ROW_TEXT, OF_ANCESTOR, AT(exepath) },
	{ "proc.acmdline", ROW_TEXT, OF_ANCESTOR, AT(cmdline) },
	{ "proc.aargs", ROW_TEXTS, OF_ANCESTOR, AT(args) },
	{ "proc.apid", ROW_NUMBER, OF_ANCESTOR, AT(pid) },
#undef AT
};

struct build_proc *build_proc_new(struct build *b)
{
	struct build_proc *p = arena_new(b->arena, struct build_proc);
	int64_t *const numbers[] = {
		&p->pid, &p->vpid, &p->sid, &p->vpgid, &p->pgid, &p->tty, &p->uid, &p->gid,
		&p->loginuid, &p->fdlimit, &p->exe_writable, &p->exe_upper, &p->exe_lower,
		&p->exe_memfd, &p->exe_ino, &p->exe_ctime, &p->exe_mtime, &p->start_ts, &p->age_ns,
		&p->is_sid_leader, &p->is_vpgid_leader, &p->is_pgid_leader,
	};

	if (!p) {
		ruletest_oom(b->file);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		*numbers[i] = UNSET;
	p->next_fd = 3;
	p->next = b->procs;
	b->procs = p;
	return p;
}

struct build_proc *build_proc_find(struct build *b, struct str alias)
{
	for (struct build_proc *p = b->procs; p; p = p->next)
		if (p->alias.p && str_eq(p->alias, alias))
			return p;
	return NULL;
}

struct build_proc *build_proc_by_pid(struct build *b, int64_t pid)
{
	for (struct build_proc *p = b->procs; p; p = p->next)
		if (p->pid == pid)
			return p;
	return NULL;
}

/* ---- fields -------------------------------------------------------------------------------- */

/* The ancestor n levels up; those between are made as needed. NULL: none can be made there. */
static struct build_proc *ancestor(struct build *b, struct build_proc *p, int64_t n)
{
	for (; n > 0; n--) {
		if (p->in_world && !p->parent)
			return NULL;
		if (!p->parent)
			p->parent = build_proc_new(b);
		p = p->parent;
		if (!p)
			return NULL;
	}
	return p;
}

static bool is_set(const struct build_proc *p, const struct proc_row *r)
{
	const void *at = (const char *)p + r->offset;

	if (r->kind == ROW_TEXT || r->kind == ROW_TEXTS)
		return ((const struct str *)at)->p != NULL;
	return *(const int64_t *)at != UNSET;
}

/* Without index: any ancestor. The first one of whom nothing is said. */
static struct build_proc *free_ancestor(struct build *b, struct build_proc *p,
					const struct proc_row *r)
{
	do
		p = ancestor(b, p, 1);
	while (p && (p->in_world || is_set(p, r)));
	return p;
}

static struct build_proc *whose(struct build *b, struct build_proc *p, const struct proc_row *r,
				const struct build_field *f)
{
	switch ((enum row_level)r->level) {
	case OF_SELF:
		return p;
	case OF_PARENT:
		return ancestor(b, p, 1);
	case OF_ANCESTOR:
		if (!f->ref.has_index)
			return free_ancestor(b, p, r);
		if (f->ref.index <= LEVELS_MAX)
			return ancestor(b, p, f->ref.index);
		ruletest_report_node(b->file, f->key, "at most %d levels of ancestors", LEVELS_MAX);
	}
	return NULL;
}

static void take_row(struct build *b, struct build_proc *p, const struct proc_row *r,
		     const struct build_field *f)
{
	void *at = (char *)p + r->offset;
	bool on;

	if (r->kind == ROW_TEXTS)
		build_texts(b, f->value, at);
	else if (r->kind == ROW_TEXT)
		ruletest_text(b->file, f->value, r->field, at);
	else if (r->kind == ROW_NUMBER)
		ruletest_number(b->file, f->value, r->field, INT64_MIN + 1, INT64_MAX, at);
	else if (ruletest_bool(b->file, f->value, r->field, &on))
		*(int64_t *)at = on;
}

/* `proc.env: {NAME: value}`, a list or a text of NAME=value, or `proc.env[NAME]: value`. */
static void take_env(struct build *b, struct build_proc *p, const struct build_field *f)
{
	const struct yaml_node *v = yaml_deref(f->value);
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct str s;

	if (p->env.p)
		buf_add_str(&out, p->env);
	if (f->ref.has_key) {
		buf_printf(&out, "%.*s=%.*s", STR_ARG(f->ref.key), STR_ARG(f->text));
		buf_add_char(&out, '\0');
	} else if (v->kind == YNODE_MAP) {
		yaml_each_pair(k, v)
			if (ruletest_text(b->file, k->next, "a variable", &s)) {
				buf_printf(&out, "%.*s=%.*s", STR_ARG(k->s), STR_ARG(s));
				buf_add_char(&out, '\0');
			}
	} else if (build_texts(b, v, &s)) {
		buf_add_str(&out, s);
	}
	p->env = arena_str(b->arena, buf_str(&out));
}

bool build_proc_field(struct build *b, struct build_proc *p, struct build_field *f)
{
	struct str plain = f->ref.plain;
	struct build_proc *of;

	if (str_is(plain, "proc.env")) {
		take_env(b, p, f);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct proc_row *r = &rows[i];

		if (!str_is(plain, r->field))
			continue;
		if (r->kind == ROW_TEXTS && f->ref.has_index && r->level == OF_SELF)
			return true;	/* proc.args[N] follows from proc.args */
		if (yaml_deref(f->value)->is_null)
			return true;	/* no value: nothing to build, the claim says it */
		of = whose(b, p, r, f);
		if (of && !of->in_world)
			take_row(b, of, r, f);
		return true;
	}
	return false;
}

/* ---- texts --------------------------------------------------------------------------------- */

static struct str first_word(struct str s)
{
	const char *blank = s.len ? memchr(s.p, ' ', s.len) : NULL;

	return blank ? str_sub(s, 0, (uint32_t)(blank - s.p)) : s;
}

static struct str base_name(struct str path)
{
	return str_sub(path, (uint32_t)(str_rfind(path, '/') + 1), path.len);
}

static struct str cut(struct str s)
{
	s.len = MIN(s.len, (uint32_t)COMM_MAX);
	return s;
}

/* What stands behind the first word of a command line, as a list. */
static void args_of_line(struct build *b, struct build_proc *p, struct str line, struct str head)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (p->args.p || !line.p)
		return;
	build_split(str_sub(line, head.len, line.len), &out);
	p->args = arena_str(b->arena, buf_str(&out));
}

static struct str line_head(struct str line, struct str known)
{
	return known.len && str_starts(line, known) ? known : first_word(line);
}

void build_proc_texts(struct build *b, struct build_proc *p)
{
	if (!p->comm.p && p->cmdline.p)
		p->comm = first_word(p->cmdline);
	if (!p->exe.p && p->exeline.p)
		p->exe = first_word(p->exeline);
	if (!p->comm.p && (p->exepath.p || p->exe.p))
		p->comm = cut(base_name(p->exepath.p ? p->exepath : p->exe));
	if (!p->comm.p)
		p->comm = STR("app");
	args_of_line(b, p, p->cmdline, line_head(p->cmdline, p->comm));
	args_of_line(b, p, p->exeline, line_head(p->exeline, p->exe));
	if (!p->exe.p)
		p->exe = p->exepath.p ? p->exepath : p->comm;
	if (!p->exepath.p)
		p->exepath = p->exe.len && p->exe.p[0] == '/'
				     ? p->exe
				     : str_from(arena_printf(b->arena, "/usr/bin/%.*s",
							     STR_ARG(p->comm)));
	if (!p->args.p)
		p->args = STR("");
}

/* Names that no process can have are mistakes in tests and in rules alike. */
void build_check_comm(struct build *b, struct build_proc *p)
{
	struct diag *g;

	for (; p; p = p->parent) {
		if (p->in_world || p->comm.len <= COMM_MAX)
			continue;
		g = ruletest_report_node(b->file, b->at,
					 "command name '%.*s' is longer than %d bytes",
					 STR_ARG(p->comm), COMM_MAX);
		diag_hint(&b->file->diags, g,
			  "the kernel cuts it to '%.*s', rules have to name that",
			  STR_ARG(cut(p->comm)));
	}
}

uint64_t build_caps(struct build *b, const struct build_proc *p, struct str text)
{
	static const uint64_t all = 0x1ffffffffff, of_container = 0xa80425fb;
	const struct flag_table *t = &flag_tables[FLAG_TABLE_capabilities];
	uint64_t caps = 0;

	if (!text.p)
		return p->uid != 0                                     ? 0
		       : p->container && p->container->privileged != 1 ? of_container
								       : all;
	for (uint32_t from = 0, to; from < text.len; from = to + 1) {
		uint32_t i = 0;
		struct str name;

		for (to = from; to < text.len && text.p[to] != ' ' && text.p[to] != ',';)
			to++;
		name = str_sub(text, from, to);
		while (i < t->count && !str_is(name, t->rows[i].name))
			i++;
		if (i < t->count)
			caps |= t->rows[i].value;
		else if (name.len)
			ruletest_report_node(b->file, b->at, "no capability '%.*s'", STR_ARG(name));
	}
	return caps;
}
