/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of a made trace do: every action writes one event or a few through the writer
 * of struct gen. Called by gen_trace.c.
 */
#include "bench/gen.h"

static const struct image programs[] = {
	{ "/usr/bin/dash", "sh", "-c true", true },
	{ "/usr/bin/bash", "bash", "-c ./run.sh", true },
	{ "/usr/bin/ls", "ls", "-l" },
	{ "/usr/bin/cat", "cat", "notes.txt" },
	{ "/usr/bin/grep", "grep", "-r pattern ." },
	{ "/usr/bin/git", "git", "status" },
	{ "/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "cc1", "-quiet main.c" },
	{ "/usr/bin/sed", "sed", "-n 1p" },
	{ "/usr/bin/mkdir", "mkdir", "-p out" },
	{ "/usr/bin/date", "date", "+%s" },
};

static const char *const dirs[] = {
	"/usr/lib/x86_64-linux-gnu", "/usr/share/locale/en", "/proc/self/task", "/srv/app/static",
	"/usr/include/sys", "/sys/fs/cgroup/system.slice", "/var/lib/postgresql/base",
	"/home/dev/project/src", "/tmp/build", "/var/cache/app",
};
enum { WRITABLE_DIR = 6 };	/* from here on programs write and delete */

static const char *const common_files[] = {
	"/etc/ld.so.cache", "/lib/x86_64-linux-gnu/libc.so.6", "/dev/null", "/etc/nsswitch.conf",
	"/etc/passwd", "/etc/localtime", "/proc/self/status", "/usr/lib/locale/locale-archive",
};

/* xorshift64*: small, the same everywhere. */
uint64_t gen_rnd(struct gen *g, uint64_t below)
{
	g->rng ^= g->rng >> 12;
	g->rng ^= g->rng << 25;
	g->rng ^= g->rng >> 27;
	return ((g->rng * 0x2545f4914f6cdd1dull) >> 16) % below;
}

static void set_int(struct gen *g, unsigned type, unsigned i, int64_t v)
{
	g->num[i] = (uint64_t)v;
	g->v[i] = (struct str){ (const char *)&g->num[i],
				param_type_size(event_infos[type].params[i].type) };
}

/* With the final NUL. */
static void set_text(struct gen *g, unsigned i, const char *text)
{
	g->v[i] = (struct str){ text, (uint32_t)strlen(text) + 1 };
}

static void set_bytes(struct gen *g, unsigned i, const void *p, size_t n)
{
	g->v[i] = (struct str){ p, (uint32_t)n };
}

#define INT(type, param, v) set_int(g, EV_##type, type##_##param, v)
#define TEXT(type, param, v) set_text(g, type##_##param, v)
#define BYTES(type, param, p, n) set_bytes(g, type##_##param, p, n)

static void emit(struct gen *g, unsigned type, const struct process *p)
{
	static uint8_t data[8192], lens[2 * EVENT_PARAMS_MAX];
	unsigned n = event_infos[type].nparams;
	uint32_t len = 0;
	struct event ev;

	for (unsigned i = 0; i < n; i++) {
		store_u16(lens + 2 * i, (uint16_t)g->v[i].len);
		if (g->v[i].len)
			memcpy(data + len, g->v[i].p, g->v[i].len);
		len += g->v[i].len;
		g->v[i] = STR_NONE;
	}
	if (g->err || event_view(&ev, type, n, false, lens, data, len) < 0)
		return;
	g->ts += 2000 + gen_rnd(g, 30000);
	ev.ts = g->ts;
	ev.tid = p->tid;
	ev.cpu = (uint16_t)gen_rnd(g, CPUS);
	ev.flags = 0;
	ev.kernel = NULL;
	g->err = scap_writer_event(g->w, &ev);
	g->events++;
}

/* Few paths are opened often, most seldom. */
static const char *pick_path(struct gen *g, bool *ret_writable, uint64_t *ret_ino)
{
	uint64_t r = gen_rnd(g, 1 << 20), cube = ((r * r >> 20) * r) >> 20;
	uint64_t rank = g->opt.paths * cube >> 20;

	*ret_ino = 10000 + rank;
	*ret_writable = rank >= ARRAY_SIZE(common_files) && rank % ARRAY_SIZE(dirs) >= WRITABLE_DIR;
	if (rank < ARRAY_SIZE(common_files))
		return common_files[rank];
	snprintf(g->path, sizeof(g->path), "%s/part%llu/file%llu.dat",
		 dirs[rank % ARRAY_SIZE(dirs)], (unsigned long long)(rank / 100),
		 (unsigned long long)rank);
	return g->path;
}

static int64_t new_fd(struct process *p, bool socket)
{
	int64_t fd = 3;
	unsigned i = 0;

	/* The smallest free one; the list is in order. */
	while (i < p->nfds && p->fds[i].fd == fd) {
		i++;
		fd++;
	}
	memmove(&p->fds[i + 1], &p->fds[i], (p->nfds - i) * sizeof(p->fds[0]));
	p->fds[i].fd = fd;
	p->fds[i].socket = socket;
	p->nfds++;
	return fd;
}

static void do_close(struct gen *g, struct process *p);

static void open_path(struct gen *g, struct process *p, const char *path, uint32_t flags,
		      uint64_t ino)
{
	bool missing = gen_rnd(g, 10) == 0;
	int64_t fd;

	if (p->nfds == FDS_MAX)
		do_close(g, p);
	fd = missing ? -ENOENT : new_fd(p, false);
	INT(OPENAT_2_X, fd, fd);
	INT(OPENAT_2_X, dirfd, WIRE_AT_FDCWD);
	TEXT(OPENAT_2_X, name, path);
	INT(OPENAT_2_X, flags, flags | WO_CLOEXEC);
	INT(OPENAT_2_X, mode, 0);
	INT(OPENAT_2_X, dev, missing ? 0 : 0x801);
	INT(OPENAT_2_X, ino, missing ? 0 : (int64_t)ino);
	emit(g, EV_OPENAT_2_X, p);
}

static void do_open(struct gen *g, struct process *p)
{
	uint64_t ino;
	bool writable;
	const char *path = pick_path(g, &writable, &ino);

	open_path(g, p, path, writable && gen_rnd(g, 4) == 0 ? WO_RDWR | WO_CREAT : WO_RDONLY, ino);
}

static void do_close(struct gen *g, struct process *p)
{
	unsigned i;

	if (p->nfds == 0) {
		do_open(g, p);
		return;
	}
	i = (unsigned)gen_rnd(g, p->nfds);
	INT(CLOSE_X, res, 0);
	INT(CLOSE_X, fd, p->fds[i].fd);
	emit(g, EV_CLOSE_X, p);
	p->nfds--;
	memmove(&p->fds[i], &p->fds[i + 1], (p->nfds - i) * sizeof(p->fds[0]));
}

static int64_t any_fd(struct gen *g, const struct process *p)
{
	return p->nfds ? p->fds[gen_rnd(g, p->nfds)].fd : 1;
}

static const char payload[] =
	"GET /index.html HTTP/1.1 Host: node-1.internal Accept: */* User-Agent: bench 0123456789";

static void do_fcntl(struct gen *g, struct process *p)
{
	INT(FCNTL_X, res, 0);
	INT(FCNTL_X, fd, any_fd(g, p));
	INT(FCNTL_X, cmd, 3);
	INT(FCNTL_X, arg, 1);
	emit(g, EV_FCNTL_X, p);
}

static void do_read(struct gen *g, struct process *p)
{
	INT(READ_X, res, sizeof(payload) - 1);
	BYTES(READ_X, data, payload, sizeof(payload) - 1);
	INT(READ_X, fd, any_fd(g, p));
	INT(READ_X, size, 4096);
	emit(g, EV_READ_X, p);
}

static void do_write(struct gen *g, struct process *p)
{
	INT(WRITE_X, res, sizeof(payload) - 1);
	BYTES(WRITE_X, data, payload, sizeof(payload) - 1);
	INT(WRITE_X, fd, any_fd(g, p));
	INT(WRITE_X, size, sizeof(payload) - 1);
	emit(g, EV_WRITE_X, p);
}

static void do_fstat(struct gen *g, struct process *p)
{
	INT(FSTAT_X, res, 0);
	INT(FSTAT_X, fd, any_fd(g, p));
	emit(g, EV_FSTAT_X, p);
}

static void do_dup(struct gen *g, struct process *p)
{
	INT(DUP2_X, res, 1);
	INT(DUP2_X, oldfd, 2);	/* a socket as stdout would be an alert */
	INT(DUP2_X, newfd, 1);
	emit(g, EV_DUP2_X, p);
}

static void do_unlink(struct gen *g, struct process *p)
{
	uint64_t ino;
	bool writable;
	const char *path = pick_path(g, &writable, &ino);

	INT(UNLINK_2_X, res, writable ? 0 : -EACCES);
	TEXT(UNLINK_2_X, path, path);
	emit(g, EV_UNLINK_2_X, p);
}

/* 10.0.0.7:random -> one of 64 services. */
static void make_addresses(struct gen *g, unsigned service)
{
	const uint8_t dip[4] = { 10, 0, 1, (uint8_t)service };
	uint16_t dport = service % 3 ? 443 : 5432;

	g->tuple[0] = g->addr[0] = WIRE_AF_INET;
	memcpy(g->tuple + 1, (const uint8_t[]){ 10, 0, 0, 7 }, 4);
	store_u16(g->tuple + 5, (uint16_t)(32768 + gen_rnd(g, 20000)));
	memcpy(g->tuple + 7, dip, 4);
	store_u16(g->tuple + 11, dport);
	memcpy(g->addr + 1, dip, 4);
	store_u16(g->addr + 5, dport);
}

static void do_connect(struct gen *g, struct process *p)
{
	int64_t fd;

	if (p->nfds == FDS_MAX)
		do_close(g, p);
	fd = new_fd(p, true);
	make_addresses(g, (unsigned)gen_rnd(g, 64));
	INT(SOCKET_X, fd, fd);
	INT(SOCKET_X, domain, WIRE_AF_INET);
	INT(SOCKET_X, type, 1);
	INT(SOCKET_X, proto, 6);
	INT(SOCKET_X, flags, 0);
	emit(g, EV_SOCKET_X, p);
	INT(CONNECT_X, res, gen_rnd(g, 4) ? 0 : -EINPROGRESS);
	BYTES(CONNECT_X, tuple, g->tuple, sizeof(g->tuple));
	INT(CONNECT_X, fd, fd);
	BYTES(CONNECT_X, addr, g->addr, sizeof(g->addr));
	emit(g, EV_CONNECT_X, p);
}

static int64_t socket_fd(const struct process *p)
{
	for (unsigned i = 0; i < p->nfds; i++)
		if (p->fds[i].socket)
			return p->fds[i].fd;
	return -1;
}

static void do_send(struct gen *g, struct process *p)
{
	int64_t fd = socket_fd(p);

	if (fd < 0) {
		do_connect(g, p);
		return;
	}
	INT(SENDTO_X, res, sizeof(payload) - 1);
	BYTES(SENDTO_X, data, payload, sizeof(payload) - 1);
	INT(SENDTO_X, fd, fd);
	INT(SENDTO_X, size, sizeof(payload) - 1);
	emit(g, EV_SENDTO_X, p);
}

static void do_recv(struct gen *g, struct process *p)
{
	int64_t fd = socket_fd(p);

	if (fd < 0) {
		do_connect(g, p);
		return;
	}
	INT(RECVFROM_X, res, sizeof(payload) - 1);
	BYTES(RECVFROM_X, data, payload, sizeof(payload) - 1);
	INT(RECVFROM_X, fd, fd);
	INT(RECVFROM_X, size, 4096);
	emit(g, EV_RECVFROM_X, p);
}

const char *gen_cgroup(struct gen *g, unsigned container)
{
	if (container == 0)
		return "cpu=/system.slice/app.service";
	snprintf(g->cgroup, sizeof(g->cgroup),
		 "cpu=/kubepods.slice/kubepods-burstable.slice/cri-containerd-%016llx%048x.scope",
		 container * 0x9e3779b97f4a7c15ull, container);
	return g->cgroup;
}

/* Blanks become the NULs of the wire form; without arguments nothing. */
struct str gen_args(struct gen *g, const struct image *image)
{
	uint32_t n = 0;

	if (!image->args[0])
		return (struct str){ "", 0 };
	for (const char *s = image->args; *s && n < sizeof(g->args) - 1; s++)
		g->args[n++] = *s == ' ' ? '\0' : *s;
	g->args[n++] = '\0';
	return (struct str){ g->args, n };
}

static void clone_event(struct gen *g, const struct process *p, int64_t res)
{
	struct str args = gen_args(g, p->image);
	const char *cgroup = gen_cgroup(g, p->container);

	INT(CLONE_20_X, res, res);
	TEXT(CLONE_20_X, exe, p->image->path);
	BYTES(CLONE_20_X, args, args.p, args.len);
	INT(CLONE_20_X, tid, p->tid);
	INT(CLONE_20_X, pid, p->tid);
	INT(CLONE_20_X, ptid, p->ptid);
	TEXT(CLONE_20_X, cwd, "");
	INT(CLONE_20_X, fdlimit, 1024);
	for (unsigned i = CLONE_20_X_pgft_maj; i <= CLONE_20_X_vm_swap; i++)
		set_int(g, EV_CLONE_20_X, i, 0);
	TEXT(CLONE_20_X, comm, p->image->comm);
	TEXT(CLONE_20_X, cgroups, cgroup);
	INT(CLONE_20_X, flags, 0);
	INT(CLONE_20_X, uid, p->uid);
	INT(CLONE_20_X, gid, p->uid);
	INT(CLONE_20_X, vtid, p->container ? 2 + p->tid % 1000 : p->tid);
	INT(CLONE_20_X, vpid, p->container ? 2 + p->tid % 1000 : p->tid);
	INT(CLONE_20_X, pidns_init_start_ts, 0);
	emit(g, EV_CLONE_20_X, p);
}

static void execve_event(struct gen *g, const struct process *p)
{
	const char *cgroup = gen_cgroup(g, p->container);
	struct str args = gen_args(g, p->image);

	for (unsigned i = 0; i < EXECVE_19_X_NPARAMS; i++)
		if (param_type_size(event_infos[EV_EXECVE_19_X].params[i].type))
			set_int(g, EV_EXECVE_19_X, i, 0);
	TEXT(EXECVE_19_X, exe, p->image->path);
	BYTES(EXECVE_19_X, args, args.p, args.len);
	INT(EXECVE_19_X, tid, p->tid);
	INT(EXECVE_19_X, pid, p->tid);
	INT(EXECVE_19_X, ptid, p->ptid);
	TEXT(EXECVE_19_X, cwd, "");
	INT(EXECVE_19_X, fdlimit, 1024);
	TEXT(EXECVE_19_X, comm, p->image->comm);
	TEXT(EXECVE_19_X, cgroups, cgroup);
	BYTES(EXECVE_19_X, env, GEN_ENVIRONMENT, sizeof(GEN_ENVIRONMENT));
	INT(EXECVE_19_X, vpgid, p->ptid);
	INT(EXECVE_19_X, loginuid, -1);
	INT(EXECVE_19_X, uid, p->uid);
	INT(EXECVE_19_X, gid, p->uid);
	INT(EXECVE_19_X, exe_ino, 500 + (p->image - programs));
	TEXT(EXECVE_19_X, trusted_exepath, p->image->path);
	INT(EXECVE_19_X, pgid, p->ptid);
	TEXT(EXECVE_19_X, filename, p->image->path);
	emit(g, EV_EXECVE_19_X, p);
}

static void do_exit(struct gen *g, struct process *p)
{
	for (unsigned i = 0; i < PROCEXIT_1_E_NPARAMS; i++)
		set_int(g, EV_PROCEXIT_1_E, i, 0);
	emit(g, EV_PROCEXIT_1_E, p);
	*p = g->shorts[--g->nshorts];
}

static void do_spawn(struct gen *g, struct process *parent)
{
	struct process *p;

	if (g->nshorts == SHORT_MAX)
		return do_exit(g, &g->shorts[gen_rnd(g, SHORT_MAX)]);
	while (!parent->image->starts_programs)
		parent = &g->daemons[gen_rnd(g, g->opt.processes)];
	p = &g->shorts[g->nshorts++];
	*p = *parent;
	p->tid = g->next_pid++;
	if (g->next_pid == MAP_PID)
		g->next_pid = FIRST_PID + g->opt.processes;
	p->ptid = parent->tid;
	clone_event(g, parent, p->tid);
	clone_event(g, p, 0);
	p->image = &programs[gen_rnd(g, ARRAY_SIZE(programs))];
	p->left = 20 + (uint32_t)gen_rnd(g, 200);
	p->nfds = 0;
	execve_event(g, p);
}

static void do_page_fault(struct gen *g, struct process *p)
{
	INT(PAGE_FAULT_E, addr, 0x7f0000000000ll + (int64_t)gen_rnd(g, 1 << 30));
	INT(PAGE_FAULT_E, ip, 0x401000);
	INT(PAGE_FAULT_E, error, 0);
	emit(g, EV_PAGE_FAULT_E, p);
}

static void do_switch(struct gen *g, struct process *p)
{
	for (unsigned i = 0; i < SCHEDSWITCH_6_E_NPARAMS; i++)
		set_int(g, EV_SCHEDSWITCH_6_E, i, 0);
	INT(SCHEDSWITCH_6_E, next, g->daemons[gen_rnd(g, g->opt.processes)].tid);
	emit(g, EV_SCHEDSWITCH_6_E, p);
}

/* System calls without parameters of their own. */
static void do_generic(struct gen *g, struct process *p)
{
	static const struct { const char *name; unsigned native; } calls[] = {
		{ "rt_sigaction", 13 }, { "rt_sigprocmask", 14 }, { "wait4", 61 }, { "getpid", 39 },
		{ "clock_gettime", 228 }, { "set_robust_list", 273 }, { "sched_yield", 24 },
	};
	unsigned i = (unsigned)gen_rnd(g, ARRAY_SIZE(calls));

	INT(GENERIC_X, ID, sc_find(str_from(calls[i].name)));
	INT(GENERIC_X, nativeID, calls[i].native);
	emit(g, EV_GENERIC_X, p);
}

static void do_futex(struct gen *g, struct process *p)
{
	INT(FUTEX_X, res, 0);
	INT(FUTEX_X, addr, 0x7f0000001000ll);
	INT(FUTEX_X, op, gen_rnd(g, 2));
	INT(FUTEX_X, val, 1);
	emit(g, EV_FUTEX_X, p);
}

static void do_epoll_wait(struct gen *g, struct process *p)
{
	INT(EPOLLWAIT_X, res, gen_rnd(g, 4));
	INT(EPOLLWAIT_X, maxevents, 64);
	emit(g, EV_EPOLLWAIT_X, p);
}

static void do_mmap(struct gen *g, struct process *p)
{
	int64_t at = 0x7f0000000000ll + (int64_t)(gen_rnd(g, 1 << 18) << 12);

	INT(MMAP_X, res, at);
	INT(MMAP_X, vm_size, 20000);
	INT(MMAP_X, vm_rss, 4000);
	INT(MMAP_X, vm_swap, 0);
	INT(MMAP_X, addr, 0);
	INT(MMAP_X, length, 8192);
	INT(MMAP_X, prot, 3);
	INT(MMAP_X, flags, 2);
	INT(MMAP_X, fd, gen_rnd(g, 2) ? any_fd(g, p) : -1);
	INT(MMAP_X, offset, 0);
	emit(g, EV_MMAP_X, p);
}

static void do_newfstatat(struct gen *g, struct process *p)
{
	uint64_t ino;
	bool writable;
	const char *path = pick_path(g, &writable, &ino);

	INT(NEWFSTATAT_X, res, gen_rnd(g, 4) ? 0 : -ENOENT);
	INT(NEWFSTATAT_X, dirfd, WIRE_AT_FDCWD);
	TEXT(NEWFSTATAT_X, path, path);
	INT(NEWFSTATAT_X, flags, 0);
	emit(g, EV_NEWFSTATAT_X, p);
}

static void do_lseek(struct gen *g, struct process *p)
{
	INT(LSEEK_X, res, 4096);
	INT(LSEEK_X, fd, any_fd(g, p));
	INT(LSEEK_X, offset, 4096);
	INT(LSEEK_X, whence, 0);
	emit(g, EV_LSEEK_X, p);
}

/* Shares in thousand by mix; sockets make their own connections first. */
static const struct {
	void (*act)(struct gen *g, struct process *p);
	unsigned share[MIXES];
	bool network;
} actions[] = {
	{ do_open, { 290, 60 } },
	{ do_close, { 290, 60 } },
	{ do_fcntl, { 120, 15 } },
	{ do_read, { 40, 100 } },
	{ do_write, { 35, 80 } },
	{ do_fstat, { 35, 20 } },
	{ do_recv, { 80, 40 }, true },
	{ do_send, { 70, 40 }, true },
	{ do_spawn, { 12, 2 } },
	{ do_dup, { 9, 2 } },
	{ do_connect, { 12, 3 }, true },
	{ do_unlink, { 7, 2 } },
	{ do_page_fault, { 0, 196 } },
	{ do_switch, { 0, 80 } },
	{ do_generic, { 0, 110 } },
	{ do_futex, { 0, 60 } },
	{ do_epoll_wait, { 0, 50 } },
	{ do_mmap, { 0, 30 } },
	{ do_newfstatat, { 0, 30 } },
	{ do_lseek, { 0, 20 } },
};

void gen_step(struct gen *g)
{
	bool is_short = g->nshorts && gen_rnd(g, 10) < 6;
	struct process *p = is_short ? &g->shorts[gen_rnd(g, g->nshorts)]
				     : &g->daemons[gen_rnd(g, g->opt.processes)];
	unsigned pick = (unsigned)gen_rnd(g, 1000), i = 0;

	if (g->next_alert && g->events >= g->next_alert && is_short) {
		open_path(g, p, "/etc/shadow", WO_RDONLY, 77);
		g->next_alert += g->opt.alert_every;
		return;
	}
	if (is_short && --p->left == 0) {
		do_exit(g, p);
		return;
	}
	while (pick >= actions[i].share[g->opt.mix])
		pick -= actions[i++].share[g->opt.mix];
	/* Short programs stay local, that of ls would be an alert. */
	if (is_short && actions[i].network)
		do_read(g, p);
	else
		actions[i].act(g, p);
}
