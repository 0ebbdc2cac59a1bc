/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state tables as snapshot items, in the order that a trace writer wants: what a later file of
 * a rotated recording starts with. Called between events; items are views into the tables.
 */
#include "engine/state/state_priv.h"

struct dump {
	int (*fn)(void *ctx, const struct snapshot_item *item);
	void *ctx;
	const struct state *state;
};

static int dump_machine(const struct dump *d)
{
	struct snapshot_item item = { .kind = SNAP_MACHINE };

	item.machine = d->state->machine;
	return d->fn(d->ctx, &item);
}

static int dump_ifaces(const struct dump *d)
{
	int e = 0;

	for (uint32_t i = 0; e == 0 && i < d->state->nifaces; i++) {
		const struct iface *from = &d->state->ifaces[i];
		struct snapshot_item item = { .kind = SNAP_IFACE };

		/* Names are not kept: the reader only asks which addresses are ours. */
		item.iface.name = from->loopback ? STR("lo") : STR("if");
		item.iface.v6 = from->v6;
		memcpy(item.iface.addr, from->addr, sizeof(from->addr));
		memcpy(item.iface.mask, from->mask, sizeof(from->mask));
		e = d->fn(d->ctx, &item);
	}
	return e;
}

static void proc_texts(const struct thread *t, struct proc_record *p)
{
	bool leader = t->group && t->group->leader == t;

	p->comm = istr_str(t->comm);
	p->exe = istr_str(t->exe);
	p->exepath = istr_str(t->exepath);
	p->args = istr_str(t->args);
	p->cgroups = istr_str(t->cgroups);
	p->root = istr_str(t->root);
	if (leader) {
		p->cwd = istr_str(t->group->cwd);
		p->env = istr_str(t->group->env);
	}
}

static int dump_thread(const struct dump *d, const struct thread *t)
{
	struct snapshot_item item = { .kind = SNAP_PROC };

	item.proc = (struct proc_record){
		.tid = t->tid, .pid = t->pid, .ptid = t->ptid,
		.sid = t->sid, .vpgid = t->vpgid, .pgid = t->pgid, .vtid = t->vtid, .vpid = t->vpid,
		.fdlimit = t->fdlimit, .flags = t->clone_flags,
		.uid = t->uid, .gid = t->gid, .loginuid = t->loginuid, .tty = t->tty,
		.vmsize_kb = t->vmsize_kb, .vmrss_kb = t->vmrss_kb, .vmswap_kb = t->vmswap_kb,
		.pfmajor = t->pfmajor, .pfminor = t->pfminor,
		.pidns_init_start_ts = t->pidns_init_start_ts,
		.cap_inheritable = t->cap_inheritable, .cap_permitted = t->cap_permitted,
		.cap_effective = t->cap_effective,
		.exe_ino = t->exe_ino, .exe_ino_ctime = t->exe_ino_ctime,
		.exe_ino_mtime = t->exe_ino_mtime, .clone_ts = t->clone_ts,
		.exe_writable = t->exe_writable, .exe_upper_layer = t->exe_upper_layer,
		.exe_lower_layer = t->exe_lower_layer, .exe_from_memfd = t->exe_from_memfd,
	};
	proc_texts(t, &item.proc);
	return d->fn(d->ctx, &item);
}

/* The list stores the local end first, whoever connected; loading finds the server by its port. */
static void socket_ends(const struct fdinfo *f, struct fd_record *r)
{
	bool swap = f->role == ROLE_SERVER && (f->kind == FD_IPV4 || f->kind == FD_IPV6);

	memcpy(r->sip, swap ? f->tuple.dip : f->tuple.sip, sizeof(r->sip));
	memcpy(r->dip, swap ? f->tuple.sip : f->tuple.dip, sizeof(r->dip));
	r->sport = swap ? f->tuple.dport : f->tuple.sport;
	r->dport = swap ? f->tuple.sport : f->tuple.dport;
}

static int dump_fd(const struct dump *d, const struct thread *t, const struct fdinfo *f)
{
	struct snapshot_item item = { .kind = SNAP_FD };

	if (f->kind == FD_UNKNOWN)
		return 0;
	item.fd = (struct fd_record){
		.tid = t->tid, .fd = f->fd, .ino = f->ino, .dev = f->dev, .l4 = f->l4,
		.kind = f->kind == FD_FILE ? FD_FILE_V2 : f->kind,
		.open_flags = f->open_flags,
		.unix_source = f->unix_source, .unix_peer = f->unix_peer,
		.name = istr_str(f->name),
	};
	socket_ends(f, &item.fd);
	return d->fn(d->ctx, &item);
}

static int dump_threads(const struct dump *d)
{
	const struct thread *t;
	uint32_t pos = 0;
	int e = 0;

	while (e == 0 && (t = state_next_thread(d->state, &pos)) != NULL)
		if (!(t->state_flags & (THREAD_FAKE | THREAD_DEAD)))
			e = dump_thread(d, t);
	return e;
}

/* Each table once: through the first thread of its group. */
static int dump_fds(const struct dump *d)
{
	const struct thread *t;
	uint32_t pos = 0, fpos;
	struct fdinfo *f;
	int e = 0;

	while (e == 0 && (t = state_next_thread(d->state, &pos)) != NULL) {
		if (!t->group || t->group->threads != t)
			continue;
		for (fpos = 0; e == 0 && (f = thread_next_fd(t, &fpos)) != NULL;)
			e = dump_fd(d, t, f);
	}
	return e;
}

int state_dump(const struct state *s, int (*fn)(void *ctx, const struct snapshot_item *item),
	       void *ctx)
{
	struct dump d = { fn, ctx, s };
	struct snapshot_item done = { .kind = SNAP_DONE };
	int e = dump_machine(&d);

	if (e == 0)
		e = dump_ifaces(&d);
	if (e == 0)
		e = state_user_dump(s, fn, ctx);
	if (e == 0)
		e = dump_threads(&d);
	if (e == 0)
		e = dump_fds(&d);
	return e ? e : fn(ctx, &done);
}
