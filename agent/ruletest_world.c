/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of a test before its first event, as snapshot items: machine, processes with ancestors
 * and leaders, users, standard files. Called while a test is read.
 */
#include "agent/ruletest_build.h"

enum { FIRST_PID = 2000, FIRST_VPID = 30, FIRST_UID = 1000, NO_UID = -1 };
#define WORLD_TS 1767225600000000000ULL	/* 2026-01-01 00:00:00 UTC */
#define HOUR_NS 3600000000000ULL

struct snapshot_item *build_item(struct build *b, enum snapshot_kind kind)
{
	struct ruletest *t = b->test;
	struct snapshot_item *v = arena_grow(b->arena, t->items, &t->cap_items, t->nitems + 1,
					     sizeof(*v));

	if (!v) {
		ruletest_oom(b->file);
		return NULL;
	}
	t->items = v;
	v += t->nitems++;
	*v = (struct snapshot_item){ .kind = kind };
	return v;
}

/* ---- users --------------------------------------------------------------------------------- */

static struct build_user *find_user(struct build *b, struct str container, struct str name,
				    int64_t id, bool is_group)
{
	for (struct build_user *u = b->users; u; u = u->next)
		if (u->is_group == is_group && str_eq(u->container_id, container) &&
		    (name.p ? str_eq(u->name, name) : u->id == id))
			return u;
	return NULL;
}

static void add_user(struct build *b, const struct build_user *user)
{
	struct build_user *u = arena_new(b->arena, struct build_user);
	struct snapshot_item *item = build_item(b, SNAP_USER);

	if (!u || !item)
		return;
	*u = *user;
	u->next = b->users;
	b->users = u;
	item->user = (struct user_record){
		.is_group = u->is_group, .uid = (uint32_t)u->id, .gid = (uint32_t)u->id,
		.name = u->name, .home = u->home.p ? u->home : STR(""),
		.shell = u->shell.p ? u->shell : STR(""), .container_id = u->container_id,
	};
}

/* Number of an account or group by name; accounts that the test names come into being. */
static int64_t settle_user(struct build *b, const struct build_proc *p, struct build_user want)
{
	const struct build_user *known;

	want.container_id = p->container ? p->container->id : STR("");
	if (!want.name.p && want.id == UNSET)
		return want.id;
	known = find_user(b, want.container_id, want.name, want.id, want.is_group);
	if (known && (want.id == UNSET || known->id == want.id))
		return known->id;
	if (want.id == UNSET)
		want.id = str_is(want.name, "root") ? 0 : b->next_uid++;
	if (want.name.p && !str_is(want.name, "<NA>"))
		add_user(b, &want);
	return want.id;
}

static void settle_users(struct build *b, struct build_proc *p)
{
	p->uid = settle_user(b, p, (struct build_user){ .name = p->user_name, .id = p->uid,
							.home = p->homedir, .shell = p->shell });
	p->gid = settle_user(b, p, (struct build_user){ .name = p->group_name, .id = p->gid,
							.is_group = true });
	p->loginuid = settle_user(b, p, (struct build_user){ .name = p->login_name,
							     .id = p->loginuid });
}

/* ---- leaders of sessions and groups -------------------------------------------------------- */

enum leader_of { LEADER_SESSION, LEADER_VGROUP, LEADER_GROUP };

static int64_t *leader_slot(struct build_proc *p, enum leader_of of)
{
	return of == LEADER_SESSION ? &p->sid : of == LEADER_VGROUP ? &p->vpgid : &p->pgid;
}

static int64_t own_number(const struct build_proc *p, enum leader_of of)
{
	return of == LEADER_GROUP ? p->pid : p->vpid;
}

/* An ancestor that fits leads, else a process of its own does, above all others in a container. */
static void add_leader(struct build *b, struct build_proc *p, enum leader_of of, struct str name,
		       struct str exe, struct str exepath)
{
	struct build_proc *l, *top = p;

	for (l = p; l && !l->in_world; l = l->parent)
		if (name.p && str_eq(l->comm, name))
			break;
	if (!l || l->in_world) {
		l = build_proc_new(b);
		if (!l)
			return;
		l->comm = name;
		l->exe = exe;
		l->exepath = exepath;
		l->container = p->container;
		l->container_known = true;
		build_proc_texts(b, l);
		build_proc_numbers(b, l);
		while (p->container && top->parent && !top->parent->in_world)
			top = top->parent;
		if (p->container && of != LEADER_GROUP) {
			l->parent = top->parent;
			top->parent = l;
		} else {
			build_proc_enter(b, l, false);
		}
	}
	*leader_slot(l, of) = own_number(l, of);
	for (; p && p != l && !p->in_world; p = p->parent)
		if (*leader_slot(p, of) == UNSET)
			*leader_slot(p, of) = own_number(l, of);
}

static void settle_leaders(struct build *b, struct build_proc *p)
{
	if (p->sid_name.p || p->sid_exe.p || p->sid_exepath.p)
		add_leader(b, p, LEADER_SESSION, p->sid_name, p->sid_exe, p->sid_exepath);
	if (p->vpgid_name.p || p->vpgid_exe.p || p->vpgid_exepath.p)
		add_leader(b, p, LEADER_VGROUP, p->vpgid_name, p->vpgid_exe, p->vpgid_exepath);
	if (p->pgid_name.p || p->pgid_exe.p || p->pgid_exepath.p)
		add_leader(b, p, LEADER_GROUP, p->pgid_name, p->pgid_exe, p->pgid_exepath);
}

static void settle_ids(struct build_proc *p)
{
	bool top = !p->parent || p->parent->pid == 1 || p->parent->container != p->container;
	int64_t sid = p->is_sid_leader == 0 || (p->is_sid_leader == UNSET && !top)
			      ? (p->parent ? p->parent->sid : p->vpid)
			      : p->vpid;

	if (p->sid == UNSET)
		p->sid = sid;
	if (p->vpgid == UNSET)
		p->vpgid = p->is_vpgid_leader == 0 && p->parent ? p->parent->vpid : p->vpid;
	if (p->pgid == UNSET)
		p->pgid = p->is_pgid_leader == 0 && p->parent ? p->parent->pid : p->pid;
}

/* ---- processes ----------------------------------------------------------------------------- */

void build_proc_numbers(struct build *b, struct build_proc *p)
{
	if (p->pid == UNSET)
		p->pid = b->next_pid++;
	if (p->vpid == UNSET)
		p->vpid = p->container ? b->next_vpid++ : p->pid;
}

/* The runtime's helper between the init of the node and a container. */
static struct build_proc *shim(struct build *b)
{
	struct build_proc *p = build_proc_find(b, STR("containerd-shim"));

	if (p || !(p = build_proc_new(b)))
		return p;
	p->alias = STR("containerd-shim");
	p->exepath = STR("/usr/bin/containerd-shim-runc-v2");
	p->container_known = true;
	p->parent = b->init;
	build_proc_enter(b, p, false);
	return p;
}

static bool is_runtime(struct str comm)
{
	return str_starts(comm, STR("containerd")) || str_starts(comm, STR("docker")) ||
	       str_is(comm, "runc") || str_is(comm, "crun") || str_is(comm, "conmon") ||
	       str_is(comm, "kubelet") || str_is(comm, "systemd");
}

static void number_or(int64_t *v, int64_t other)
{
	if (*v == UNSET)
		*v = other;
}

/* Ancestors of a process in a container are there, too, but for the runtime. */
static void settle_parent(struct build *b, struct build_proc *p)
{
	if (!p->parent)
		p->parent = p == b->init ? NULL : p->container ? shim(b) : b->init;
	if (!p->parent || p->parent->in_world)
		return;
	build_proc_texts(b, p->parent);
	if (!p->parent->container_known) {
		p->parent->container = is_runtime(p->parent->comm) ? NULL : p->container;
		p->parent->container_known = true;
	}
}

static uint8_t std_kind(const struct build_std *s)
{
	struct build_end from, to;

	if (s->type.p)
		return build_fd_kind(s->type);
	if (s->name.len && s->name.p[0] != '/' && build_parse_tuple(s->name, &from, &to))
		return from.ip.v6 ? FD_IPV6 : FD_IPV4;
	return FD_FILE_V2;
}

static void enter_std(struct build *b, const struct build_proc *p)
{
	for (int64_t fd = 0; fd < 3; fd++) {
		const struct build_std *s = &p->std[fd];
		struct snapshot_item *item;
		struct build_end from, to;

		if ((!s->type.p && !s->name.p) || !(item = build_item(b, SNAP_FD)))
			continue;
		item->fd = (struct fd_record){ .tid = p->pid, .fd = fd, .kind = std_kind(s),
					       .name = s->name.p ? s->name : STR("") };
		if (s->name.p && build_parse_tuple(s->name, &from, &to)) {
			item->fd.l4 = L4_TCP;
			item->fd.sport = from.port;
			item->fd.dport = to.port;
			memcpy(item->fd.sip, from.ip.addr, sizeof(item->fd.sip));
			memcpy(item->fd.dip, to.ip.addr, sizeof(item->fd.dip));
		}
	}
}

static struct str cwd_of(struct build *b, const struct build_proc *p)
{
	if (!p->cwd.p || str_ends(p->cwd, STR("/")))
		return p->cwd.p ? p->cwd : STR("/");
	return str_from(arena_printf(b->arena, "%.*s/", STR_ARG(p->cwd)));
}

static void enter_item(struct build *b, struct build_proc *p, bool forked)
{
	struct snapshot_item *item = build_item(b, SNAP_PROC);

	if (!item)
		return;
	item->proc = (struct proc_record){
		.tid = p->pid, .pid = p->pid, .ptid = p->parent ? p->parent->pid : 0,
		.sid = p->sid, .vpgid = p->vpgid, .pgid = p->pgid,
		.vtid = p->vpid, .vpid = p->vpid,
		.comm = p->comm, .exe = p->exe, .exepath = p->exepath, .cwd = cwd_of(b, p),
		.root = STR("/"), .args = p->args, .env = p->env.p ? p->env : STR(""),
		.cgroups = build_cgroups(b, p->container), .fdlimit = p->fdlimit,
		.uid = (uint32_t)p->uid, .gid = (uint32_t)p->gid,
		.loginuid = (uint32_t)p->loginuid, .tty = (uint32_t)p->tty,
		.cap_inheritable = p->caps[0], .cap_permitted = p->caps[1],
		.cap_effective = p->caps[2],
		.exe_ino = (uint64_t)p->exe_ino, .exe_ino_ctime = (uint64_t)p->exe_ctime,
		.exe_ino_mtime = (uint64_t)p->exe_mtime, .clone_ts = (uint64_t)p->start_ts,
		.exe_writable = p->exe_writable, .exe_upper_layer = p->exe_upper,
		.exe_lower_layer = p->exe_lower, .exe_from_memfd = p->exe_memfd,
	};
	if (forked && p->parent) {	/* not yet executed anything */
		item->proc.comm = p->parent->comm;
		item->proc.exe = p->parent->exe;
		item->proc.exepath = p->parent->exepath;
		item->proc.args = p->parent->args;
		item->proc.exe_writable = item->proc.exe_upper_layer = false;
		item->proc.exe_lower_layer = item->proc.exe_from_memfd = false;
	}
}

void build_proc_defaults(struct build *b, struct build_proc *p)
{
	settle_users(b, p);
	number_or(&p->uid, 0);
	number_or(&p->gid, p->uid);
	number_or(&p->loginuid, NO_UID);
	number_or(&p->tty, 0);
	number_or(&p->fdlimit, 1024);
	number_or(&p->exe_writable, 0);
	number_or(&p->exe_upper, 0);
	number_or(&p->exe_lower, 0);
	number_or(&p->exe_memfd, 0);
	number_or(&p->exe_ino, 0);
	number_or(&p->exe_ctime, 0);
	number_or(&p->exe_mtime, 0);
	if (p->start_ts == UNSET)
		p->start_ts = p->age_ns == UNSET ? (int64_t)(WORLD_TS - HOUR_NS)
						 : (int64_t)b->ts + BUILD_EVENT_NS - p->age_ns;
	p->caps[0] = p->caps_inheritable.p ? build_caps(b, p, p->caps_inheritable) : 0;
	p->caps[1] = build_caps(b, p, p->caps_permitted);
	p->caps[2] = build_caps(b, p, p->caps_effective);
}

void build_proc_enter(struct build *b, struct build_proc *p, bool forked)
{
	if (!p || p->in_world)
		return;
	build_proc_texts(b, p);
	build_proc_numbers(b, p);
	settle_parent(b, p);
	settle_leaders(b, p);
	build_proc_enter(b, p->parent, false);
	settle_ids(p);
	build_proc_defaults(b, p);
	p->in_world = true;
	enter_item(b, p, forked);
	enter_std(b, p);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void add_iface(struct build *b, const char *name, const char *addr, const char *mask)
{
	struct snapshot_item *item = build_item(b, SNAP_IFACE);
	struct ip_value a = { 0 }, m = { 0 };

	if (!item || !value_parse_ip(str_from(addr), &a) || !value_parse_ip(str_from(mask), &m))
		return;
	item->iface = (struct iface_record){ .name = str_from(name), .v6 = a.v6 };
	memcpy(item->iface.addr, a.addr, sizeof(item->iface.addr));
	memcpy(item->iface.mask, m.addr, sizeof(item->iface.mask));
}

static void begin_world(struct build *b)
{
	struct snapshot_item *item = build_item(b, SNAP_MACHINE);

	if (item)
		item->machine = (struct machine_record){ .num_cpus = 1, .hostname = STR("node"),
							 .boot_ts = WORLD_TS - 24 * HOUR_NS };
	add_iface(b, "lo", "127.0.0.1", "255.0.0.0");
	add_iface(b, "eth0", BUILD_OWN_IP4, "255.255.255.0");
	add_iface(b, "eth0", BUILD_OWN_IP6, "ffff:ffff:ffff:ffff::");
	b->init = build_proc_new(b);
	if (!b->init)
		return;
	b->init->pid = 1;
	b->init->exepath = STR("/usr/lib/systemd/systemd");
	b->init->container_known = true;
	build_proc_enter(b, b->init, false);
}

static void given_process(struct build *b, const struct yaml_node *k)
{
	struct build_event e = { .b = b, .node = k, .p.type = EV_GENERIC_X };

	if (build_proc_find(b, k->s)) {
		ruletest_report_node(b->file, k, "process '%.*s' is given twice", STR_ARG(k->s));
		return;
	}
	build_event_process(&e, k->s, k->next);
}

static void read_given(struct build *b, const struct yaml_node *given)
{
	static const char *const keys[] = { "containers", "processes" };

	if (yaml_deref(given)->kind != YNODE_MAP) {
		ruletest_report_node(b->file, given,
				     "given is a map with containers and processes");
		return;
	}
	yaml_each_pair(k, given)
		if (str_is(k->s, "containers"))
			build_given_containers(b, k->next);
	yaml_each_pair(k, given) {
		if (str_is(k->s, "processes") && yaml_deref(k->next)->kind == YNODE_MAP)
			yaml_each_pair(one, k->next)
				given_process(b, one);
		else if (str_is(k->s, "processes"))
			ruletest_report_node(b->file, k,
					     "processes are a map: name: {proc.name: ...}");
		else if (!str_is(k->s, "containers"))
			ruletest_hint_near(b->file,
					   ruletest_report_node(b->file, k, "unknown key '%.*s' of "
								"given", STR_ARG(k->s)),
					   k->s, keys, ARRAY_SIZE(keys));
	}
}

/* Metadata of containers are complete when all events have been read, but come first. */
static void containers_first(struct build *b, uint32_t nevents)
{
	struct ruletest *t = b->test;
	uint32_t n;
	struct ruletest_step *v;

	build_container_events(b);
	n = t->nsteps - nevents;
	v = arena_array(b->arena, t->nsteps + 1, sizeof(*v));
	if (!v) {
		ruletest_oom(b->file);
		return;
	}
	if (n)
		memcpy(v, t->steps + nevents, n * sizeof(*v));
	if (nevents)
		memcpy(v + n, t->steps, nevents * sizeof(*v));
	t->steps = v;
}

void build_world(struct ruletest *t, const struct yaml_node *given, const struct yaml_node *events)
{
	struct build b = { .file = t->file, .test = t, .arena = &t->file->arena, .ts = WORLD_TS,
			   .next_pid = FIRST_PID, .next_vpid = FIRST_VPID, .next_uid = FIRST_UID };

	if (yaml_deref(events)->kind != YNODE_SEQ) {
		ruletest_report_node(t->file, events,
				     "events are a list: - execve: {proc.name: sh}");
		return;
	}
	begin_world(&b);
	if (given)
		read_given(&b, given);
	yaml_each(one, events)
		build_event(&b, one);
	containers_first(&b, t->nsteps);
	build_item(&b, SNAP_DONE);
}
