/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start state as the programs of bpf/snapshot.bpf.c tell it. Called by source_ring.c; the
 * object is there for the snapshot and freed behind it. Host, users and interfaces come from the
 * same code as with /proc.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/snapshot_iter.h"
#include "agent/snapshot_proc.h"
#include "agent/source_ring_object.h"
#include "engine/event/ring.h"

#include "bpf/snapshot.h"

#define READ_BYTES (256 * 1024)		/* a read returns at most what the kernel buffers: 32 KiB */
#define LATE_RING_BYTES (1U << 20)

struct snapshot_iter {
	struct bpf_object *object;
	struct source_ring_progs progs;
	struct jobs *jobs;
	struct job_group late_loads, loads; /* of the program that watches, and of the iterators */
	int tasks, fds, late;               /* links; -1: none */
	struct ring_buffer *late_ring;
	struct buf cmdline, env;	/* from /proc, where the kernel side cannot read them */
	struct snap *snap;		/* of the running snapshot */
	bool all;			/* else /proc tells what runs */
	source_snapshot_fn fn;		/* of the caller, when it has /proc's items noted first */
	void *fn_ctx;
	struct u64map seen;		/* threads that were shown */
	bool late_now;			/* records of the late ring are being taken */
	int err;                        /* what the callback returned */
};

static struct bpf_object *open_bytes(const struct source_ring_btf *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "snapshot",
		    .btf_custom_path = source_ring_btf_path(btf));
	const void *bytes;
	size_t size;

	bytes = source_ring_object_snapshot(btf, &size);
	return bpf_object__open_mem(bytes, size, &opts);
}

static int open_object(struct snapshot_iter *it, int site_counters,
		       const struct source_ring_btf *btf)
{
	static const char *const used[] = { "late_ring", "scratch_map", "walk_map", "cgroup_memos",
					    "site_counters" };
	struct bpf_map *m;
	int r = 0;

	it->object = open_bytes(btf);
	if (!it->object)
		return -errno;
	bpf_object__for_each_map(m, it->object) {
		bool wanted = bpf_map__is_internal(m);

		for (size_t i = 0; i < ARRAY_SIZE(used); i++)
			wanted = wanted || !strcmp(bpf_map__name(m), used[i]);
		bpf_map__set_autocreate(m, wanted);
		if (!r && !strcmp(bpf_map__name(m), "site_counters"))
			r = bpf_map__reuse_fd(m, site_counters);
	}
	return r ? r : source_ring_progs_prepare(it->object, btf, &it->progs);
}

/* Iterators show the processes of our own pid namespace: only the first one has all. */
static bool sees_all(void)
{
	static const char first[] = "pid:[4026531836]";
	char link[64] = "";

	return readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0 && !strcmp(link, first);
}

static int queue(struct snapshot_iter *it, const char *name, struct job_group *group)
{
	struct source_ring_prog *p = source_ring_progs_find(&it->progs, name);

	if (!p)
		return -ENOENT;
	source_ring_prog_queue(p, it->jobs, group);
	return 0;
}

static int loaded(const struct snapshot_iter *it, const char *name)
{
	const struct source_ring_prog *p = source_ring_progs_find(&it->progs, name);

	return !p ? -ENOENT : p->err ? p->err : p->fd;
}

static int link_iterator(struct snapshot_iter *it, const char *name)
{
	int fd = loaded(it, name);

	return fd < 0 ? fd : bpf_link_create(fd, 0, BPF_TRACE_ITER, NULL);
}

/* The one that reads memory needs a newer kernel than the other, which is loaded in its place. */
static int link_iterators(struct snapshot_iter *it)
{
	jobs_wait(it->jobs, &it->loads);
	if (loaded(it, "snap_tasks_memory") < 0) {
		if (queue(it, "snap_tasks", &it->loads))
			return -ENOENT;
		jobs_wait(it->jobs, &it->loads);
		it->tasks = link_iterator(it, "snap_tasks");
	} else {
		it->tasks = link_iterator(it, "snap_tasks_memory");
	}
	it->fds = link_iterator(it, "snap_fds");
	return it->tasks < 0 ? it->tasks : MIN(it->fds, 0);
}

static void close_link(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void snapshot_iter_free(struct snapshot_iter *it)
{
	if (!it)
		return;
	jobs_wait(it->jobs, &it->late_loads);
	jobs_wait(it->jobs, &it->loads);
	close_link(&it->late);
	close_link(&it->tasks);
	close_link(&it->fds);
	ring_buffer__free(it->late_ring);
	source_ring_progs_done(&it->progs);
	bpf_object__close(it->object);
	u64map_done(&it->seen);
	buf_done(&it->cmdline);
	buf_done(&it->env);
	free(it);
}

static uint32_t name_offset(const uint8_t *tuple, uint32_t len, struct fd_record *f)
{
	if (len < 17)
		return len;
	memcpy(&f->unix_source, tuple + 1, 8);
	memcpy(&f->unix_peer, tuple + 9, 8);
	return 17;
}

static void take_inet(const uint8_t *p, unsigned size, struct fd_record *f)
{
	memcpy(f->sip, p, size);
	memcpy(&f->sport, p + size, 2);
	memcpy(f->dip, p + size + 2, size);
	memcpy(&f->dport, p + 2 * size + 2, 2);
}

/* A listening socket has its own end in dip and dport, and no other. */
static void make_server(struct fd_record *f)
{
	f->kind = f->kind == FD_IPV4 ? FD_IPV4_SERVER : FD_IPV6_SERVER;
	memset(f->sip, 0, sizeof(f->sip));
	f->sport = 0;
}

static void take_socket(const struct ring_kernel *k, const uint8_t *tuple, struct fd_record *f)
{
	uint32_t at;

	if (f->kind == FD_IPV4 || f->kind == FD_IPV6)
		f->l4 = k->fd_l4;
	if (f->kind == FD_IPV4 && k->tuple_len == 13) {
		take_inet(tuple + 1, 4, f);
	} else if (f->kind == FD_IPV6 && k->tuple_len == 37) {
		take_inet(tuple + 1, 16, f);
	} else if (f->kind == FD_UNIX) {
		at = name_offset(tuple, k->tuple_len, f);
		f->name = (struct str){ (const char *)tuple + at,
					strnlen((const char *)tuple + at, k->tuple_len - at) };
	}
	if (k->fd_role == ROLE_SERVER && (f->kind == FD_IPV4 || f->kind == FD_IPV6))
		make_server(f);
}

static int take_fd(struct snapshot_iter *it, const struct ring_head *h, const uint8_t *rec)
{
	static const struct str memfd = STR("memfd:");
	uint32_t at = sizeof(*h) + sizeof(struct snap_fd);
	struct snapshot_item item = { .kind = SNAP_FD };
	struct fd_record *f = &item.fd;
	struct ring_kernel k;
	struct snap_fd part;

	if (h->nparams || !(h->flags & RING_HAS_KERNEL) || h->len < at + sizeof(k))
		return -EBADMSG;
	memcpy(&part, rec + sizeof(*h), sizeof(part));
	memcpy(&k, rec + at, sizeof(k));
	at += sizeof(k);
	if (h->len < at + k.path_len + (uint32_t)k.tuple_len)
		return -EBADMSG;
	*f = (struct fd_record){ .tid = h->tid, .fd = part.fd, .ino = k.fd_ino, .kind = k.fd_kind,
				 .open_flags = part.open_flags };
	f->name = (struct str){ (const char *)rec + at, k.path_len };
	if (k.tuple_len || k.fd_l4)
		take_socket(&k, rec + at + k.path_len, f);
	else
		f->dev = k.fd_dev;
	if (f->kind == FD_MEMFD && str_starts(f->name, memfd))
		f->name = str_sub(f->name, memfd.len, f->name.len);
	return it->snap->fn(it->snap->ctx, &item);
}

/* A text without its final NUL; "" when it was not read. */
static struct str text_of(struct str v)
{
	return (struct str){ v.p, v.len ? strnlen(v.p, v.len) : 0 };
}

static void take_numbers(const struct snapshot_iter *it, const struct snap_task *t,
			 struct proc_record *r)
{
	*r = (struct proc_record){
		.tid = t->tid, .pid = t->tgid, .ptid = t->ptid, .sid = t->sid, .vpgid = t->vpgid,
		.pgid = t->pgid, .vtid = t->vtid, .vpid = t->vpid, .uid = t->uid, .gid = t->gid,
		.loginuid = t->loginuid, .tty = t->tty, .fdlimit = t->fdlimit,
		.vmsize_kb = t->vmsize_kb, .vmrss_kb = t->vmrss_kb, .vmswap_kb = t->vmswap_kb,
		.pfmajor = t->pfmajor, .pfminor = t->pfminor,
		.cap_inheritable = t->cap_inheritable, .cap_permitted = t->cap_permitted,
		.cap_effective = t->cap_effective,
		.exe_ino = t->exe_ino, .exe_ino_ctime = t->exe_ctime, .exe_ino_mtime = t->exe_mtime,
		.clone_ts = it->snap->boot_ns + t->start,
		.pidns_init_start_ts = it->snap->boot_ns,
		.exe_writable = t->exe_flags & WX_WRITABLE,
		.exe_upper_layer = t->exe_flags & WX_UPPER_LAYER,
		.exe_lower_layer = t->exe_flags & WX_LOWER_LAYER,
		.exe_from_memfd = t->exe_flags & WX_FROM_MEMFD,
	};
	if (t->tid != t->tgid)
		r->flags |= SNAP_MARK_THREAD;
	if (t->marks & SNAP_IN_PIDNS) {
		r->flags |= SNAP_MARK_IN_PIDNS;
		r->pidns_init_start_ts += t->pidns_start;
	}
}

/* What the kernel side could not read; the process may be gone by now. */
static void read_memory(struct snapshot_iter *it, uint32_t tgid, struct proc_record *r)
{
	char path[64];

	snprintf(path, sizeof(path), "%u/cmdline", tgid);
	if (snap_read(it->snap, path, &it->cmdline))
		snap_args(buf_str(&it->cmdline), r);
	snprintf(path, sizeof(path), "%u/environ", tgid);
	if (snap_read(it->snap, path, &it->env))
		r->env = (struct str){ it->env.p, MIN(it->env.len, SNAP_TEXT_MAX) };
}

static int take_task(struct snapshot_iter *it, const struct ring_head *h, const uint8_t *rec)
{
	uint32_t at = sizeof(*h) + 2 * SNAP_TEXT_COUNT;
	struct snapshot_item item = { .kind = SNAP_PROC };
	struct proc_record *r = &item.proc;
	struct str texts[SNAP_TEXT_COUNT];
	uint16_t lens[SNAP_TEXT_COUNT];
	struct snap_task t;

	if (h->nparams != SNAP_TEXT_COUNT || h->len < at + sizeof(t))
		return -EBADMSG;
	memcpy(lens, rec + sizeof(*h), sizeof(lens));
	memcpy(&t, rec + at, sizeof(t));
	at += sizeof(t);
	for (unsigned i = 0; i < SNAP_TEXT_COUNT; i++) {
		if (lens[i] > h->len - at)
			return -EBADMSG;
		texts[i] = (struct str){ (const char *)rec + at, lens[i] };
		at += lens[i];
	}
	/*
	 * What ends has lost its memory, and its number may be in use again: the iterator is right.
	 */
	if (it->late_now && u64map_get(&it->seen, t.tid))
		return 0;
	if (!it->late_now && u64map_put(&it->seen, t.tid, it))
		return -ENOMEM;
	take_numbers(it, &t, r);
	r->comm = text_of(texts[SNAP_TEXT_COMM]);
	r->exepath = text_of(texts[SNAP_TEXT_EXEPATH]);
	r->cwd = text_of(texts[SNAP_TEXT_CWD]);
	r->root = text_of(texts[SNAP_TEXT_ROOT]);
	r->cgroups = texts[SNAP_TEXT_CGROUPS];
	snap_args(texts[SNAP_TEXT_CMDLINE], r);
	r->env = texts[SNAP_TEXT_ENV];
	if (!(t.marks & SNAP_HAS_MEMORY))
		read_memory(it, t.tgid, r);
	return it->snap->fn(it->snap->ctx, &item);
}

/* One record from the front of `len` bytes; its length, or -errno. */
static int take_record(struct snapshot_iter *it, const uint8_t *rec, size_t len)
{
	struct ring_head h;
	int r;

	if (len < sizeof(h))
		return -EBADMSG;
	memcpy(&h, rec, sizeof(h));
	if (h.len < sizeof(h) || h.len > len)
		return -EBADMSG;
	r = h.type == SNAP_RECORD_TASK ? take_task(it, &h, rec) : take_fd(it, &h, rec);
	return r < 0 ? r : (int)h.len;
}

/* All that an iterator has to say. Records may be cut at the end of a read. */
static int read_iterator(struct snapshot_iter *it, int link)
{
	_cleanup_free_ uint8_t *data = malloc(READ_BYTES);
	int fd = data ? bpf_iter_create(link) : -1;
	size_t have = 0;
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -ENOMEM;
	while (r >= 0 && have < READ_BYTES) {
		size_t at = 0;

		n = read(fd, data + have, READ_BYTES - have);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : have ? -EBADMSG : 0;
			break;
		}
		have += n;
		while (have - at >= sizeof(struct ring_head)) {
			struct ring_head h;

			memcpy(&h, data + at, sizeof(h));
			if (h.len > have - at && h.len <= RING_RECORD_MAX)
				break;
			r = take_record(it, data + at, have - at);
			if (r < 0)
				break;
			at += r;
		}
		memmove(data, data + at, have - at);
		have -= at;
	}
	close(fd);
	return r < 0 ? r : 0;
}

static int on_late(void *ctx, void *data, size_t len)
{
	struct snapshot_iter *it = ctx;
	int r = take_record(it, data, len);

	it->err = r < 0 ? r : it->err;
	return r < 0 ? r : 0;
}

int snapshot_iter_attach(struct snapshot_iter *it)
{
	int fd;

	jobs_wait(it->jobs, &it->late_loads);
	fd = loaded(it, "snap_late");
	if (fd < 0)
		return fd;
	it->late_ring = ring_buffer__new(bpf_object__find_map_fd_by_name(it->object, "late_ring"),
					 on_late, it, NULL);
	if (!it->late_ring)
		return -ENOMEM;
	it->late = bpf_raw_tracepoint_open(NULL, fd);
	return it->late < 0 ? -errno : 0;
}

/* The threads that ended since the load. */
static int read_late(struct snapshot_iter *it)
{
	it->err = 0;
	it->late_now = true;
	while (ring_buffer__consume(it->late_ring) > 0 && !it->err)
		;
	return it->err;
}

static int note_seen(void *ctx, const struct snapshot_item *item)
{
	struct snapshot_iter *it = ctx;

	if (item->kind == SNAP_PROC && u64map_put(&it->seen, (uint64_t)item->proc.tid, it))
		return -ENOMEM;
	return it->fn(it->fn_ctx, item);
}

/* Who ended while it was read has children that want a parent. */
static int run_proc(struct snap *s, struct snapshot_iter *it)
{
	int r;

	it->fn = s->fn;
	it->fn_ctx = s->ctx;
	s->fn = note_seen;
	s->ctx = it;
	r = snap_processes(s, NULL);
	s->fn = it->fn;
	s->ctx = it->fn_ctx;
	return r ? r : read_late(it);
}

static int run(struct snap *s, void *arg)
{
	struct snapshot_iter *it = arg;
	int r;

	it->snap = s;
	if (!it->all)
		return run_proc(s, it);
	r = link_iterators(it);
	if (!r)
		r = read_iterator(it, it->tasks);
	if (!r)
		r = read_late(it);
	if (!r)
		r = read_iterator(it, it->fds);
	/* A kernel may keep processes from iterators; their children want a parent nevertheless. */
	return r ? r : snap_processes(s, &it->seen);
}

bool snapshot_iter_sees_all(const struct snapshot_iter *it)
{
	return it->all;
}

int snapshot_iter_run(struct snapshot_iter *it, const char *host_root, source_snapshot_fn fn,
		      void *ctx)
{
	return snapshot_with(host_root, run, it, fn, ctx);
}

int snapshot_iter_new(int site_counters, const struct source_ring_btf *btf, struct jobs *jobs,
		      struct snapshot_iter **ret)
{
	struct snapshot_iter *it;
	int r;

	it = calloc(1, sizeof(*it));
	if (!it)
		return -ENOMEM;
	it->jobs = jobs;
	it->all = sees_all();
	it->loads.can_wait = true; /* until everything is attached */
	it->tasks = it->fds = it->late = -1;
	r = open_object(it, site_counters, btf);
	if (!r)
		r = queue(it, "snap_late", &it->late_loads);
	if (!r && it->all)
		r = queue(it, "snap_tasks_memory", &it->loads);
	if (!r && it->all)
		r = queue(it, "snap_fds", &it->loads);
	if (r) {
		snapshot_iter_free(it);
		return r;
	}
	*ret = it;
	return 0;
}
