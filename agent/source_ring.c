/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live source: loads and attaches the programs of bpf/, owns their rings, counters and switches.
 * With source_counters.c and snapshot_iter.c the only file of the agent that knows libbpf. Called by
 * the commands that run live; everything is freed by close.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/snapshot_iter.h"
#include "agent/source_counters.h"
#include "agent/source_reader.h"
#include "agent/source_ring_kernel.h"
#include "agent/source_syscalls.h"
#include "bpf/sensor.skel.h"

#define DATA_RING_DEFAULT (4U << 20)
#define LIFE_RING_DEFAULT (1U << 20)
#define SNAPLEN_DEFAULT 80
#define LATER_MAX 8		/* the last one loads all that is left */

/* Attached while somebody wants what they report; those of the process life cycle always. */
enum { HOOK_FORK, HOOK_EXEC, HOOK_EXIT, HOOK_SYS_EXIT, HOOK_URING, HOOK_COUNT };

#define URING_PROGRAM "on_uring"

static const char *const hook_names[HOOK_COUNT] = { "sched_process_fork", "sched_process_exec",
						    "sched_process_exit", "sys_exit",
						    SOURCE_HOOK_URING };

struct source_ring {
	struct source base;
	struct sensor *skel;		/* maps, hooks, and the programs that were wanted first */
	struct sensor *later[LATER_MAX];	/* programs wanted later, on the same maps */
	uint32_t nlater;
	struct bpf_program *programs[EVENT_TYPE_COUNT];
	struct source_reader *reader;
	struct snapshot_iter *iter;	/* until the snapshot has been taken */
	enum source_snapshot_way snapshot;
	struct bpf_program *uring;	/* NULL: not loaded */
	struct bpf_link *links[HOOK_COUNT];
	bool stopped;
	int ring_fds[2 * RINGS_MAX];
	uint32_t nring_fds;
	uint32_t cpus;
	char *host_root;
};

/* Event type of a program sys_<event>; EVENT_TYPE_COUNT for the others. */
static unsigned program_event(const struct bpf_program *p)
{
	const char *name = bpf_program__name(p);
	unsigned type = 0;

	if (strncmp(name, "sys_", 4) != 0)
		return EVENT_TYPE_COUNT;
	while (type < EVENT_TYPE_COUNT && strcmp(event_infos[type].id, name + 4) != 0)
		type++;
	return type;
}

static bool wants_uring(const struct evtset *wanted)
{
	return evtset_has(wanted, EV_OPENAT_2_X) || evtset_has(wanted, EV_ACCEPT4_6_X);
}

/* These can be missing; the sensor works without them. */
static bool is_optional(const char *program)
{
	return !strncmp(program, "sys_", 4) || !strcmp(program, URING_PROGRAM);
}

/* Verifying all of them costs 200 ms of CPU: only what is wanted and not there yet. */
static void choose_programs(struct source_ring *s, struct sensor *skel, const struct evtset *wanted)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, skel->obj) {
		unsigned event = program_event(p);
		bool want = !s->skel;

		if (event < EVENT_TYPE_COUNT)
			want = evtset_has(wanted, event) && !s->programs[event] &&
			       !source_ring_refused(bpf_program__name(p));
		else if (!strcmp(bpf_program__name(p), URING_PROGRAM))
			want = wants_uring(wanted) && !s->uring && !source_ring_refused(URING_PROGRAM);
		bpf_program__set_autoload(p, want);
	}
}

/* Both objects come from the same skeleton, so their maps are in the same order. */
static int share_maps(struct source_ring *s, struct sensor *skel)
{
	struct bpf_map *from = NULL, *to = NULL;
	int r = 0;

	while (!r && (to = bpf_object__next_map(skel->obj, to))) {
		from = bpf_object__next_map(s->skel->obj, from);
		r = bpf_map__reuse_fd(to, bpf_map__fd(from));
	}
	return r;
}

static struct sensor *try_load(struct source_ring *s, const struct evtset *wanted, int *ret_error)
{
	struct sensor *skel = sensor__open();

	if (!skel) {
		*ret_error = -errno;
		return NULL;
	}
	bpf_map__set_max_entries(skel->maps.doorbell, sysconf(_SC_PAGESIZE));
	choose_programs(s, skel, wanted);
	*ret_error = s->skel ? share_maps(s, skel) : 0;
	if (!*ret_error)
		*ret_error = sensor__load(skel);
	if (!*ret_error)
		return skel;
	sensor__destroy(skel);
	return NULL;
}

/* A program that this kernel refuses is left out; its system calls are then not reported. */
static int load_programs(struct source_ring *s, const struct evtset *wanted, struct sensor **ret)
{
	struct bpf_program *p;
	struct sensor *skel = NULL;
	int r = 0;

	for (int i = 0; i < SOURCE_RING_REFUSED_MAX && !skel; i++) {
		uint32_t before = source_ring_refusals();

		skel = try_load(s, wanted, &r);
		if (!skel && (source_ring_refusals() == before ||
			      !is_optional(source_ring_refusal(before))))
			break;
	}
	if (!skel)
		return r;
	bpf_object__for_each_program(p, skel->obj) {
		unsigned event = program_event(p);

		if (event < EVENT_TYPE_COUNT && bpf_program__fd(p) >= 0)
			s->programs[event] = p;
		else if (!strcmp(bpf_program__name(p), URING_PROGRAM) && bpf_program__fd(p) >= 0)
			s->uring = p;
	}
	*ret = skel;
	return 0;
}

/* The object's bytes in our program file are not needed until the next load: their pages go. */
static void forget_object(void)
{
	uintptr_t page = sysconf(_SC_PAGESIZE), from, to;
	size_t size;

	from = (uintptr_t)sensor__elf_bytes(&size);
	to = (from + size) & ~(page - 1);
	from = (from + page - 1) & ~(page - 1);
	madvise((void *)from, to - from, MADV_DONTNEED);
}

static int load(struct source_ring *s, const struct evtset *wanted, struct buf *error)
{
	int r;

	source_ring_listen();
	r = load_programs(s, wanted, &s->skel);
	forget_object();
	if (r == -EPERM)
		buf_printf(error, "not allowed to load eBPF programs: run as root (%s)",
			   source_ring_said());
	else if (r)
		buf_printf(error, "kernel refuses the sensor: %s (%s)", strerror(-r),
			   source_ring_said());
	return r;
}

static uint32_t ring_size(uint32_t wanted, uint32_t def)
{
	uint32_t size = sysconf(_SC_PAGESIZE), target = wanted ? wanted : def;

	while (size < target && size < 1U << 30)
		size *= 2;
	return size;
}

static int add_ring(struct source_ring *s, struct bpf_map *outer, uint32_t slot, uint32_t bytes,
		    enum ring_lane lane)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, lane == LANE_LIFE ? "life" : "data", 0, 0,
				bytes, NULL);
	int r;

	if (fd < 0)
		return -errno;
	s->ring_fds[s->nring_fds++] = fd;
	if (bpf_map_update_elem(bpf_map__fd(outer), &slot, &fd, BPF_ANY))
		return -errno;
	r = source_reader_add(s->reader, fd, bytes, lane);
	return r;
}

static int make_rings(struct source_ring *s, const struct source_ring_opts *opts,
		      struct buf *error)
{
	uint32_t data = ring_size(opts->data_ring_bytes, DATA_RING_DEFAULT);
	uint32_t life = ring_size(opts->life_ring_bytes, LIFE_RING_DEFAULT);
	uint32_t rings = MIN(s->cpus, (uint32_t)RINGS_MAX);
	int r = 0;

	s->reader = source_reader_new(2 * rings, s->cpus, opts->readers);
	if (!s->reader) {
		buf_printf(error, "out of memory");
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < rings && !r; i++) {
		r = add_ring(s, s->skel->maps.life_rings, i, life, LANE_LIFE);
		if (!r)
			r = add_ring(s, s->skel->maps.data_rings, i, data, LANE_DATA);
	}
	if (r)
		buf_printf(error, "cannot make ring buffers of %u and %u bytes: %s", life, data,
			   strerror(-r));
	s->skel->bss->config.rings = rings;
	s->skel->bss->config.bell_bytes[LANE_LIFE] = life / 4;
	s->skel->bss->config.bell_bytes[LANE_DATA] = data / 4;
	if (r)
		return r;
	r = source_reader_bell(s->reader, bpf_map__fd(s->skel->maps.doorbell),
			       &s->skel->bss->config.reader_asleep);
	if (r)
		buf_printf(error, "cannot map the doorbell: %s", strerror(-r));
	return r;
}

static int set_program(struct bpf_map *array, uint32_t slot, struct bpf_program *p)
{
	int fd = bpf_program__fd(p);

	return bpf_map_update_elem(bpf_map__fd(array), &slot, &fd, BPF_ANY) ? -errno : 0;
}

static int fill_programs(struct source_ring *s)
{
	int r = set_program(s->skel->maps.next_progs, 0, s->skel->progs.on_fd);

	for (uint32_t i = 0; !r && i < source_syscalls_count; i++) {
		const struct source_syscall *c = &source_syscalls[i];

		if (!s->programs[c->event] || c->nr >= SYSCALL_SLOTS)
			continue;
		r = set_program(s->skel->maps.syscall_progs, c->nr, s->programs[c->event]);
		s->skel->bss->config.kind_of[c->nr] = c->event;
		s->skel->bss->config.sc_of[c->nr] = c->code;
	}
	return r;
}

/* Programs that new rules need and the old ones did not. */
static int load_missing(struct source_ring *s, const struct evtset *needed)
{
	struct evtset all;
	bool missing = wants_uring(needed) && !s->uring && !source_ring_refused(URING_PROGRAM);
	int r;

	for (uint32_t i = 0; i < source_syscalls_count; i++) {
		unsigned event = source_syscalls[i].event;
		char name[64];

		snprintf(name, sizeof(name), "sys_%s", event_infos[event].id);
		missing = missing || (evtset_has(needed, event) && !s->programs[event] &&
				      !source_ring_refused(name));
	}
	if (!missing || s->nlater == LATER_MAX)
		return 0;
	memset(&all, 0xff, sizeof(all));
	r = load_programs(s, s->nlater == LATER_MAX - 1 ? &all : needed, &s->later[s->nlater]);
	if (r)
		return r;
	s->nlater++;
	return fill_programs(s);
}

/* 32-bit numbers lead to the native ones; the programs are the same. */
static void fill_numbers32(struct sensor_config *config)
{
	for (uint32_t i = 0; i < source_syscalls32_count; i++) {
		const struct source_syscall *c = &source_syscalls32[i];

		if (c->nr < SYSCALL_SLOTS)
			config->native_of[c->nr] = source_syscalls_native(c);
	}
	for (unsigned i = 0; i < SOCKETCALL_SLOTS; i++)
		config->socketcall[i] = source_syscalls_socketcall(i);
}

static bool hook_wanted(const struct source_ring *s, unsigned hook)
{
	const struct sensor_config *config = &s->skel->bss->config;
	bool wanted = false;

	switch (hook) {
	case HOOK_SYS_EXIT:
		for (uint32_t i = 0; i < SYSCALL_SLOTS && !wanted; i++)
			wanted = config->interest[i];
		return wanted;
	case HOOK_URING:
		for (uint32_t i = 0; i < URING_OPS && !wanted; i++)
			wanted = config->uring_of[i];
		return wanted && s->uring;
	default:
		return true;
	}
}

/* Attach and detach as the switches say. 0, or -errno with the hook that does not attach. */
static int follow_hooks(struct source_ring *s, unsigned *ret_hook)
{
	struct bpf_program *programs[HOOK_COUNT] = {
		s->skel->progs.on_fork, s->skel->progs.on_exec, s->skel->progs.on_exit,
		s->skel->progs.on_sys_exit, s->uring,
	};

	for (unsigned i = 0; i < HOOK_COUNT && !s->stopped; i++) {
		bool wanted = hook_wanted(s, i);

		if (wanted && !s->links[i]) {
			s->links[i] = bpf_program__attach(programs[i]);
			*ret_hook = i;
			if (!s->links[i])
				return -errno;
		} else if (!wanted && s->links[i]) {
			bpf_link__destroy(s->links[i]);
			s->links[i] = NULL;
		}
	}
	return 0;
}

static int attach(struct source_ring *s, struct buf *error)
{
	unsigned hook = 0;
	int r = follow_hooks(s, &hook);

	if (r)
		buf_printf(error, "cannot attach to %s: %s", hook_names[hook], strerror(-r));
	return r;
}

static void ring_stop(struct source *base)
{
	struct source_ring *s = container_of(base, struct source_ring, base);

	s->stopped = true;
	for (size_t i = ARRAY_SIZE(s->links); i-- > 0;) {
		bpf_link__destroy(s->links[i]);
		s->links[i] = NULL;
	}
}

static void ring_close(struct source *base)
{
	struct source_ring *s = container_of(base, struct source_ring, base);

	ring_stop(base);
	snapshot_iter_free(s->iter);
	source_reader_free(s->reader);
	for (uint32_t i = 0; i < s->nring_fds; i++)
		close(s->ring_fds[i]);
	while (s->nlater)
		sensor__destroy(s->later[--s->nlater]);
	sensor__destroy(s->skel);
	free(s->host_root);
	free(s);
}

static int ring_snapshot(struct source *base, source_snapshot_fn fn, void *ctx)
{
	struct source_ring *s = container_of(base, struct source_ring, base);

	int r = -ENOTSUP;

	if (s->iter)
		r = snapshot_iter_run(s->iter, s->host_root, fn, ctx);
	snapshot_iter_free(s->iter);
	s->iter = NULL;
	if (r && s->snapshot != SOURCE_SNAPSHOT_ITER)
		r = snapshot_proc(s->host_root, fn, ctx);
	return r;
}

/* Before the hooks, so that who ends between them and the snapshot is part of it. */
static int prepare_snapshot(struct source_ring *s, struct buf *error)
{
	int r = 0;

	if (s->snapshot != SOURCE_SNAPSHOT_PROC)
		r = snapshot_iter_new(bpf_map__fd(s->skel->maps.site_counters), &s->iter);
	if (!r || s->snapshot == SOURCE_SNAPSHOT_AUTO)
		return 0;
	buf_printf(error, "no iterators on this kernel: %s (%s)", strerror(-r), source_ring_said());
	return r;
}

static int ring_poll(struct source *base, int timeout_ms, source_event_fn fn, void *ctx)
{
	struct source_ring *s = container_of(base, struct source_ring, base);

	return source_reader_poll(s->reader, timeout_ms, fn, ctx);
}

static int ring_begin(struct source *base, int timeout_ms, uint32_t max)
{
	return source_reader_begin(container_of(base, struct source_ring, base)->reader, timeout_ms,
				   max);
}

static int ring_walk(struct source *base, uint32_t reader, source_event_fn fn, void *ctx)
{
	return source_reader_walk(container_of(base, struct source_ring, base)->reader, reader, fn,
				  ctx);
}

static void ring_finish(struct source *base)
{
	source_reader_finish(container_of(base, struct source_ring, base)->reader);
}

static void set_interest(struct source_ring *s, const struct evtset *needed)
{
	static const struct {
		uint16_t op, event;
	} uring[] = {
		{ IORING_OP_OPENAT, EV_OPENAT_2_X },
		{ IORING_OP_OPENAT2, EV_OPENAT_2_X },
		{ IORING_OP_ACCEPT, EV_ACCEPT4_6_X },
	};
	struct sensor_config *config = &s->skel->bss->config;

	for (uint32_t i = 0; i < source_syscalls_count; i++) {
		const struct source_syscall *c = &source_syscalls[i];

		if (c->nr < SYSCALL_SLOTS)
			config->interest[c->nr] = evtset_has(needed, c->event) &&
						  s->programs[c->event];
	}
	for (size_t i = 0; i < ARRAY_SIZE(uring); i++)
		config->uring_of[uring[i].op] = evtset_has(needed, uring[i].event) ? uring[i].event
										   : 0;
}

static int ring_set_events(struct source *base, const struct evtset *events)
{
	struct source_ring *s = container_of(base, struct source_ring, base);
	struct evtset needed = source_syscalls_needed(events);
	int r = load_missing(s, &needed), err;
	unsigned hook;

	set_interest(s, &needed);
	err = follow_hooks(s, &hook);
	return r ? r : err;
}

static struct source_counters counters_of(const struct source_ring *s)
{
	return (struct source_counters){ .kinds = bpf_map__fd(s->skel->maps.kind_counters),
					 .sites = bpf_map__fd(s->skel->maps.site_counters),
					 .cpus = s->cpus };
}

static void ring_stats(struct source *base, struct source_stats *ret)
{
	struct source_ring *s = container_of(base, struct source_ring, base);
	struct source_counters counters = counters_of(s);

	*ret = (struct source_stats){ 0 };
	source_counters_sum(&counters, ret);
	for (uint32_t i = 0; i < SYSCALL_SLOTS; i++)
		ret->syscalls += s->skel->bss->config.interest[i];
	source_reader_stats(s->reader, ret);
}

static void ring_counters(struct source *base, source_counter_fn fn, void *ctx)
{
	struct source_counters counters =
		counters_of(container_of(base, struct source_ring, base));

	source_counters_each(&counters, fn, ctx);
}

static void ring_parts(struct source *base, source_part_fn fn, void *ctx)
{
	struct source_ring *s = container_of(base, struct source_ring, base);
	bool seen[EVENT_TYPE_COUNT] = { false };

	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		struct source_part part = { .name = hook_names[i], .is_hook = true,
					    .active = s->links[i] != NULL };

		part.refused = i == HOOK_URING && source_ring_refused(URING_PROGRAM);
		if (!part.active)
			part.why = part.refused ? "this kernel's tracepoint does not tell the request"
						: "not asked for";
		fn(ctx, &part);
	}
	for (uint32_t i = 0; i < source_syscalls_count; i++) {
		unsigned event = source_syscalls[i].event;
		struct source_part part = { .name = event_infos[event].name };
		char name[64];

		snprintf(name, sizeof(name), "sys_%s", event_infos[event].id);
		part.active = s->programs[event] != NULL;
		part.refused = !part.active && source_ring_refused(name);
		if (!part.active)
			part.why = part.refused ? "refused by the verifier" : "not asked for";
		if (!seen[event])
			fn(ctx, &part);
		seen[event] = true;
	}
}

static const struct source_ops ring_ops = {
	.name = "ring",
	.snapshot = ring_snapshot,
	.poll = ring_poll,
	.begin = ring_begin,
	.walk = ring_walk,
	.finish = ring_finish,
	.set_events = ring_set_events,
	.stats = ring_stats,
	.counters = ring_counters,
	.parts = ring_parts,
	.stop = ring_stop,
	.close = ring_close,
};

/* As the kernel side sees it, which knows no pid namespace but the first; /proc there is the host's. */
static uint32_t own_tgid(const struct source_ring *s)
{
	char path[PATH_MAX], link[16];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/proc/self", s->host_root);
	n = readlink(path, link, sizeof(link) - 1);
	link[MAX(n, 0)] = '\0';
	return n > 0 ? (uint32_t)strtoul(link, NULL, 10) : (uint32_t)getpid();
}

int source_ring_open(const struct source_ring_opts *opts, struct buf *ret_error,
		     struct source **ret)
{
	struct evtset first, start;
	struct source_ring *s;
	int r = source_ring_check_machine(ret_error);

	if (r)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->base.ops = &ring_ops;
	s->cpus = MAX(libbpf_num_possible_cpus(), 1);
	s->host_root = strdup(opts->host_root ? opts->host_root : "");
	memset(&first, 0xff, sizeof(first));
	if (opts->events)
		first = source_syscalls_needed(opts->events);
	r = s->host_root ? load(s, &first, ret_error) : -ENOMEM;
	if (!r)
		r = make_rings(s, opts, ret_error);
	if (r)
		goto fail;
	r = fill_programs(s);
	if (r) {
		buf_printf(ret_error, "cannot fill the program table: %s", strerror(-r));
		goto fail;
	}
	fill_numbers32(&s->skel->bss->config);
	s->skel->bss->config.snaplen = opts->snaplen ? opts->snaplen : SNAPLEN_DEFAULT;
	s->skel->bss->config.own_tgid = opts->report_self ? 0 : own_tgid(s);
	/* Of a process that ends before the snapshot comes to it nothing is reported but its life. */
	start = source_syscalls_state(opts->events);
	set_interest(s, &start);
	s->snapshot = opts->snapshot;
	r = prepare_snapshot(s, ret_error);
	if (!r)
		r = attach(s, ret_error);
	if (r)
		goto fail;
	*ret = &s->base;
	return 0;
fail:
	ring_close(&s->base);
	return r;
}
