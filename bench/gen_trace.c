/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a made trace for benchmarks: a population of daemons, some in containers, that start short
 * programs, open and close files, talk over sockets. The same options give the same bytes. Shares of
 * events follow what a sensor sees that is asked for what rules and their state need (openat and
 * close are most of it). Run by bench/run.py; memory is that of the population.
 */
#include <getopt.h>

#include "engine/event/event_info.h"
#include "engine/event/scap.h"

enum {
	FDS_MAX = 24,		/* open at a time in one process, beside 0..2 */
	SHORT_MAX = 48,		/* short-lived programs at a time */
	NAME_BYTES = 160,
	CPUS = 4,
	START_SECONDS = 1700000000,
	INIT_PID = 1,
	FIRST_PID = 1000,
	MAP_PID = 4194304,
};

struct image {
	const char *path, *comm, *args;	/* args: separated by blanks */
	bool starts_programs;		/* a shell below a network server would be an alert */
};

static const struct image daemons[] = {
	{ "/usr/lib/systemd/systemd-journald", "systemd-journal", "" },
	{ "/usr/sbin/nginx", "nginx", "-g daemon_off;" },
	{ "/usr/bin/redis-server", "redis-server", "*:6379" },
	{ "/usr/lib/postgresql/15/bin/postgres", "postgres", "-D /var/lib/postgresql" },
	{ "/usr/bin/containerd", "containerd", "", true },
	{ "/usr/bin/kubelet", "kubelet", "--config=/var/lib/kubelet/config.yaml", true },
	{ "/usr/bin/python3.11", "python3", "-m app.server", true },
	{ "/usr/lib/jvm/bin/java", "java", "-Xmx1g -jar /srv/app/app.jar" },
	{ "/usr/local/bin/node", "node", "server.js" },
	{ "/usr/sbin/sshd", "sshd", "-D" },
};

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

struct process {
	int64_t tid, ptid;
	const struct image *image;
	uint32_t uid;
	unsigned container;	/* 0: host */
	uint32_t left;		/* actions until it ends; 0: never */
	unsigned nfds;
	struct { int64_t fd; bool socket; } fds[FDS_MAX];
};

struct options {
	uint64_t events, seed, alert_every;
	unsigned processes, paths;
	bool gzip;
	const char *out;
};

struct gen {
	struct options opt;
	struct scap_writer *w;
	uint64_t rng, ts, events, next_alert;
	int64_t next_pid;
	struct process *daemons;
	struct process shorts[SHORT_MAX];
	unsigned nshorts;
	/* The event under construction, by parameter. */
	struct str v[EVENT_PARAMS_MAX];
	uint64_t num[EVENT_PARAMS_MAX];
	char path[NAME_BYTES], cgroup[NAME_BYTES], args[NAME_BYTES];
	uint8_t tuple[13], addr[7];
	int err;
};

/* xorshift64*: small, the same everywhere. */
static uint64_t rnd(struct gen *g, uint64_t below)
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
	g->ts += 2000 + rnd(g, 30000);
	ev.ts = g->ts;
	ev.tid = p->tid;
	ev.cpu = (uint16_t)rnd(g, CPUS);
	ev.flags = 0;
	ev.kernel = NULL;
	g->err = scap_writer_event(g->w, &ev);
	g->events++;
}

/* Few paths are opened often, most seldom. */
static const char *pick_path(struct gen *g, bool *ret_writable, uint64_t *ret_ino)
{
	uint64_t r = rnd(g, 1 << 20), cube = ((r * r >> 20) * r) >> 20;
	uint64_t rank = g->opt.paths * cube >> 20;

	*ret_ino = 10000 + rank;
	*ret_writable = rank >= ARRAY_SIZE(common_files) && rank % ARRAY_SIZE(dirs) >= WRITABLE_DIR;
	if (rank < ARRAY_SIZE(common_files))
		return common_files[rank];
	snprintf(g->path, sizeof(g->path), "%s/part%llu/file%llu.dat", dirs[rank % ARRAY_SIZE(dirs)],
		 (unsigned long long)(rank / 100), (unsigned long long)rank);
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
	bool missing = rnd(g, 10) == 0;
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

	open_path(g, p, path, writable && rnd(g, 4) == 0 ? WO_RDWR | WO_CREAT : WO_RDONLY, ino);
}

static void do_close(struct gen *g, struct process *p)
{
	unsigned i;

	if (p->nfds == 0) {
		do_open(g, p);
		return;
	}
	i = (unsigned)rnd(g, p->nfds);
	INT(CLOSE_X, res, 0);
	INT(CLOSE_X, fd, p->fds[i].fd);
	emit(g, EV_CLOSE_X, p);
	p->nfds--;
	memmove(&p->fds[i], &p->fds[i + 1], (p->nfds - i) * sizeof(p->fds[0]));
}

static int64_t any_fd(struct gen *g, const struct process *p)
{
	return p->nfds ? p->fds[rnd(g, p->nfds)].fd : 1;
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
	store_u16(g->tuple + 5, (uint16_t)(32768 + rnd(g, 20000)));
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
	make_addresses(g, (unsigned)rnd(g, 64));
	INT(SOCKET_X, fd, fd);
	INT(SOCKET_X, domain, WIRE_AF_INET);
	INT(SOCKET_X, type, 1);
	INT(SOCKET_X, proto, 6);
	INT(SOCKET_X, flags, 0);
	emit(g, EV_SOCKET_X, p);
	INT(CONNECT_X, res, rnd(g, 4) ? 0 : -EINPROGRESS);
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

static const char *cgroup_of(struct gen *g, unsigned container)
{
	if (container == 0)
		return "cpu=/system.slice/app.service";
	snprintf(g->cgroup, sizeof(g->cgroup),
		 "cpu=/kubepods.slice/kubepods-burstable.slice/cri-containerd-%016llx%048x.scope",
		 container * 0x9e3779b97f4a7c15ull, container);
	return g->cgroup;
}

/* Blanks become the NULs of the wire form; without arguments nothing. */
static struct str args_of(struct gen *g, const struct image *image)
{
	uint32_t n = 0;

	if (!image->args[0])
		return (struct str){ "", 0 };
	for (const char *s = image->args; *s && n < sizeof(g->args) - 1; s++)
		g->args[n++] = *s == ' ' ? '\0' : *s;
	g->args[n++] = '\0';
	return (struct str){ g->args, n };
}

static const char environment[] = "PATH=/usr/local/bin:/usr/bin:/bin\0HOME=/root\0LANG=C.UTF-8";

static void clone_event(struct gen *g, const struct process *p, int64_t res)
{
	struct str args = args_of(g, p->image);
	const char *cgroup = cgroup_of(g, p->container);

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
	const char *cgroup = cgroup_of(g, p->container);
	struct str args = args_of(g, p->image);

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
	BYTES(EXECVE_19_X, env, environment, sizeof(environment));
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
		return do_exit(g, &g->shorts[rnd(g, SHORT_MAX)]);
	while (!parent->image->starts_programs)
		parent = &g->daemons[rnd(g, g->opt.processes)];
	p = &g->shorts[g->nshorts++];
	*p = *parent;
	p->tid = g->next_pid++;
	if (g->next_pid == MAP_PID)
		g->next_pid = FIRST_PID + g->opt.processes;
	p->ptid = parent->tid;
	clone_event(g, parent, p->tid);
	clone_event(g, p, 0);
	p->image = &programs[rnd(g, ARRAY_SIZE(programs))];
	p->left = 20 + (uint32_t)rnd(g, 200);
	p->nfds = 0;
	execve_event(g, p);
}

/* Shares in thousand; sockets make their own connections first. */
static const struct {
	void (*act)(struct gen *g, struct process *p);
	unsigned share;
	bool network;
} actions[] = {
	{ do_open, 290, false }, { do_close, 290, false }, { do_fcntl, 120, false },
	{ do_read, 40, false },	 { do_write, 35, false },  { do_fstat, 35, false },
	{ do_recv, 80, true },	 { do_send, 70, true },	   { do_spawn, 12, false },
	{ do_dup, 9, false },	 { do_connect, 12, true }, { do_unlink, 7, false },
};

static void step(struct gen *g)
{
	bool is_short = g->nshorts && rnd(g, 10) < 6;
	struct process *p = is_short ? &g->shorts[rnd(g, g->nshorts)]
				     : &g->daemons[rnd(g, g->opt.processes)];
	unsigned pick = (unsigned)rnd(g, 1000), i = 0;

	if (g->next_alert && g->events >= g->next_alert && is_short) {
		open_path(g, p, "/etc/shadow", WO_RDONLY, 77);
		g->next_alert += g->opt.alert_every;
		return;
	}
	if (is_short && --p->left == 0) {
		do_exit(g, p);
		return;
	}
	while (pick >= actions[i].share)
		pick -= actions[i++].share;
	/* Short programs stay local, that of ls would be an alert. */
	if (is_short && actions[i].network)
		do_read(g, p);
	else
		actions[i].act(g, p);
}

static void put(struct gen *g, struct snapshot_item item)
{
	if (!g->err)
		g->err = scap_writer_snapshot(g->w, &item);
}

static void put_process(struct gen *g, const struct process *p)
{
	struct proc_record r = {
		.tid = p->tid, .pid = p->tid, .ptid = p->ptid, .sid = p->tid, .vpgid = p->tid,
		.pgid = p->tid, .vtid = p->container ? 1 : p->tid, .vpid = p->container ? 1 : p->tid,
		.comm = str_from(p->image->comm), .exe = str_from(p->image->path),
		.exepath = str_from(p->image->path), .cwd = STR("/"), .root = STR("/"),
		.args = args_of(g, p->image), .env = STR(environment),
		.cgroups = str_from(cgroup_of(g, p->container)), .fdlimit = 1024, .uid = p->uid,
		.gid = p->uid, .loginuid = UINT32_MAX,
		.clone_ts = (uint64_t)START_SECONDS * 1000000000ull - 1000000ull * p->tid,
	};

	put(g, (struct snapshot_item){ SNAP_PROC, .proc = r });
}

static void put_lists(struct gen *g)
{
	const struct process init = { .tid = INIT_PID, .image = &daemons[0] };

	put(g, (struct snapshot_item){ SNAP_MACHINE, .machine = {
		.num_cpus = CPUS, .memory_bytes = 8ull << 30, .max_pid = MAP_PID,
		.hostname = STR("node-1"),
		.boot_ts = (uint64_t)(START_SECONDS - 100000) * 1000000000ull } });
	put(g, (struct snapshot_item){ SNAP_IFACE, .iface = {
		.name = STR("eth0"), .addr = { 10, 0, 0, 7 }, .mask = { 255, 255, 0, 0 } } });
	put(g, (struct snapshot_item){ SNAP_USER, .user = {
		.name = STR("root"), .home = STR("/root"), .shell = STR("/bin/bash") } });
	put(g, (struct snapshot_item){ SNAP_USER, .user = {
		.uid = 1000, .gid = 1000, .name = STR("app"), .home = STR("/srv/app"),
		.shell = STR("/usr/sbin/nologin") } });
	put_process(g, &init);
	for (unsigned i = 0; i < g->opt.processes; i++)
		put_process(g, &g->daemons[i]);
	for (unsigned i = 0; i < g->opt.processes; i++)
		for (int64_t fd = 0; fd < 3; fd++)
			put(g, (struct snapshot_item){ SNAP_FD, .fd = {
				.tid = g->daemons[i].tid, .fd = fd, .ino = 5, .kind = FD_FILE_V2,
				.open_flags = WO_RDWR, .name = STR("/dev/null") } });
	put(g, (struct snapshot_item){ SNAP_DONE });
}

static int file_write(void *ctx, const void *p, size_t n)
{
	return fwrite(p, 1, n, ctx) == n ? 0 : -EIO;
}

static int generate(const struct options *opt, FILE *out)
{
	struct scap_writer_opts wopts = { opt->gzip };
	struct gen *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	g->opt = *opt;
	g->rng = opt->seed * 0x9e3779b97f4a7c15ull + 1;
	g->ts = (uint64_t)START_SECONDS * 1000000000ull;
	g->next_alert = opt->alert_every;
	g->next_pid = FIRST_PID + opt->processes;
	g->daemons = calloc(opt->processes, sizeof(*g->daemons));
	g->w = scap_writer_new((struct byte_sink){ file_write, out }, &wopts);
	if (!g->daemons || !g->w) {
		free(g->daemons);
		free(g);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < opt->processes; i++)
		g->daemons[i] = (struct process){
			.tid = FIRST_PID + i, .ptid = INIT_PID, .uid = i % 3 ? 1000 : 0,
			.image = &daemons[i % ARRAY_SIZE(daemons)], .container = i % 3 ? i : 0 };
	put_lists(g);
	while (g->events < opt->events && !g->err)
		step(g);
	err = g->err;
	if (scap_writer_free(g->w) < 0 && !err)
		err = -EIO;
	free(g->daemons);
	free(g);
	return err;
}

static void usage(void)
{
	fputs("usage: gen_trace [-n EVENTS] [-s SEED] [-p PROCESSES] [-P PATHS] [-a N] [-z] -o FILE\n"
	      "  -n  number of events, a few more may come (1000000)\n"
	      "  -s  seed (1)\n"
	      "  -p  daemons that run from the start, 10 or more (200)\n"
	      "  -P  distinct paths (20000)\n"
	      "  -a  one event in N opens /etc/shadow from a short program; 0: none (10000)\n"
	      "  -z  gzip\n", stderr);
	exit(2);
}

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (str_to_u64(str_from(text), &v) < 0 || v < min || v > max)
		usage();
	return v;
}

int main(int argc, char **argv)
{
	struct options opt = { 1000000, 1, 10000, 200, 20000, false, NULL };
	FILE *out;
	int c, err;

	while ((c = getopt(argc, argv, "n:s:p:P:a:zo:")) != -1) {
		switch (c) {
		case 'n': opt.events = number(optarg, 0, UINT64_MAX); break;
		case 's': opt.seed = number(optarg, 0, UINT64_MAX); break;
		case 'p': opt.processes = (unsigned)number(optarg, ARRAY_SIZE(daemons), 1000000); break;
		case 'P': opt.paths = (unsigned)number(optarg, 1, 100000000); break;
		case 'a': opt.alert_every = number(optarg, 0, UINT64_MAX); break;
		case 'z': opt.gzip = true; break;
		case 'o': opt.out = optarg; break;
		default: usage();
		}
	}
	if (!opt.out || optind != argc)
		usage();
	out = fopen(opt.out, "wb");
	if (!out) {
		perror(opt.out);
		return 1;
	}
	err = generate(&opt, out);
	if (fclose(out) && !err)
		err = -EIO;
	if (err)
		fprintf(stderr, "gen_trace: %s: %s\n", opt.out, strerror(-err));
	return err ? 1 : 0;
}
