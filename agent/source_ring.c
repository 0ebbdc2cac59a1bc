/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live source: attaches the programs of bpf/, owns their rings, counters and switches. With
 * source_ring_load.c, source_counters.c and snapshot_iter.c the only file of the agent that knows
 * libbpf. Called by the commands that run live; everything is freed by close.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <unistd.h>

#include "agent/jobs.h"
#include "agent/snapshot_iter.h"
#include "agent/source_counters.h"
#include "agent/source_reader.h"
#include "agent/source_ring_kernel.h"
#include "agent/source_ring_load.h"
#include "agent/source_syscalls.h"

#define DATA_RING_DEFAULT (4U << 20)
#define LIFE_RING_DEFAULT (1U << 20)
#define SNAPLEN_DEFAULT 80

/* Rings on their way into the table of a lane, in a thread of their own. */
struct lane_rings {
	pthread_t thread;
	bool running;
	int table, r;
	const int *fds;
	uint32_t n;
};

struct source_ring {
	struct source base;
	struct jobs jobs; /* until the start is over */
	bool has_jobs;
	struct job begin;
	struct job_group begun;
	int begin_err;
	struct source_ring_load load;
	struct source_reader *reader;
	struct lane_rings lanes[LANE_COUNT];
	struct snapshot_iter *iter; /* likewise */
	int iter_err;
	enum source_snapshot_way snapshot;
	bool snapshot_taken;
	int snapshot_err;	/* of the iterators, in whose place /proc was read */
	/* Attached while somebody wants what the hooks report, those of the process life cycle
	 * always; -1: not attached. */
	int links[HOOK_COUNT];
	bool stopped;
	int ring_fds[2 * RINGS_MAX];
	uint32_t nring_fds;
	uint32_t cpus;
	char *host_root;
};

static uint32_t ring_size(uint32_t wanted, uint32_t def)
{
	uint32_t size = sysconf(_SC_PAGESIZE), target = wanted ? wanted : def;

	while (size < target && size < 1U << 30)
		size *= 2;
	return size;
}

/*
 * All rings of a lane into its table at once: after every update of a table of maps the kernel
 * waits until no program can see the old entry, some 15 ms, which for the rings of 64 CPUs one by
 * one are two seconds without a sensor. Kernels before 5.19 know no batches of these tables.
 */
static void *publish_rings(void *arg)
{
	uint32_t slots[RINGS_MAX] = { 0 };
	struct lane_rings *l = arg;
	uint32_t done = l->n;

	for (uint32_t i = 0; i < l->n; i++)
		slots[i] = i;
	l->r = 0;
	if (bpf_map_update_batch(l->table, slots, l->fds, &done, NULL) == 0)
		return NULL;
	for (uint32_t i = 0; i < l->n && !l->r; i++)
		if (bpf_map_update_elem(l->table, &slots[i], &l->fds[i], BPF_ANY))
			l->r = -errno;
	return NULL;
}

static int make_lane(struct source_ring *s, enum ring_lane lane, uint32_t n, uint32_t bytes)
{
	struct lane_rings *l = &s->lanes[lane];
	bool life = lane == LANE_LIFE;
	int *fds = s->ring_fds + s->nring_fds, r = 0;

	for (uint32_t i = 0; i < n && !r; i++) {
		fds[i] = bpf_map_create(BPF_MAP_TYPE_RINGBUF, life ? "life" : "data", 0, 0, bytes,
					NULL);
		if (fds[i] < 0)
			return -errno;
		s->nring_fds++;
		r = source_reader_add(s->reader, fds[i], bytes, lane);
	}
	if (r)
		return r;
	l->table = life ? s->load.life_rings : s->load.data_rings;
	l->fds = fds;
	l->n = n;
	l->running = !thread_start(&l->thread, publish_rings, l);
	if (!l->running)
		publish_rings(l);
	return 0;
}

/* Both lanes are in their tables; programs are loaded meanwhile. */
static int wait_rings(struct source_ring *s)
{
	int r = 0;

	for (unsigned i = 0; i < LANE_COUNT; i++) {
		if (s->lanes[i].running)
			pthread_join(s->lanes[i].thread, NULL);
		s->lanes[i].running = false;
		r = r ? r : s->lanes[i].r;
	}
	return r;
}

static int make_rings(struct source_ring *s, const struct source_ring_opts *opts,
		      struct buf *error)
{
	uint32_t data = ring_size(opts->data_ring_bytes, DATA_RING_DEFAULT);
	uint32_t life = ring_size(opts->life_ring_bytes, LIFE_RING_DEFAULT);
	uint32_t rings = MIN(s->cpus, (uint32_t)RINGS_MAX);
	int r;

	s->reader = source_reader_new(2 * rings, s->cpus, opts->readers);
	if (!s->reader) {
		buf_printf(error, "out of memory");
		return -ENOMEM;
	}
	r = make_lane(s, LANE_LIFE, rings, life);
	if (!r)
		r = make_lane(s, LANE_DATA, rings, data);
	if (r)
		buf_printf(error, "cannot make ring buffers of %u and %u bytes: %s", life, data,
			   strerror(-r));
	s->load.config->rings = rings;
	s->load.config->bell_bytes[LANE_LIFE] = life / 4;
	s->load.config->bell_bytes[LANE_DATA] = data / 4;
	if (r)
		return r;
	r = source_reader_bell(s->reader, s->load.doorbell,
			       &s->load.config->reader_asleep);
	if (r)
		buf_printf(error, "cannot map the doorbell: %s", strerror(-r));
	return r;
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
	const struct sensor_config *config = s->load.config;
	bool wanted = false;

	switch (hook) {
	case HOOK_SYS_EXIT:
		for (uint32_t i = 0; i < SYSCALL_SLOTS && !wanted; i++)
			wanted = config->interest[i];
		return wanted;
	case HOOK_URING:
		for (uint32_t i = 0; i < URING_OPS && !wanted; i++)
			wanted = config->uring_of[i];
		return wanted;
	default:
		return true;
	}
}

static void detach(struct source_ring *s, unsigned hook)
{
	if (s->links[hook] >= 0)
		close(s->links[hook]);
	s->links[hook] = -1;
}

/* Attach and detach as the switches say. 0, or -errno with the hook that does not attach. */
static int follow_hooks(struct source_ring *s, unsigned *ret_hook)
{
	for (unsigned i = 0; i < HOOK_COUNT && !s->stopped; i++) {
		bool wanted = s->load.hooks[i] >= 0 && hook_wanted(s, i);

		if (wanted && s->links[i] < 0) {
			int fd = bpf_raw_tracepoint_open(NULL, s->load.hooks[i]);

			*ret_hook = i;
			if (fd < 0 && !source_ring_hooks[i].optional)
				return -errno;
			s->links[i] = fd;
			if (i == HOOK_RENAME && fd >= 0)
				s->load.config->cgroup_renames = 1;
		} else if (!wanted) {
			detach(s, i);
		}
	}
	return 0;
}

static int attach(struct source_ring *s, struct buf *error)
{
	unsigned hook = 0;
	int r = follow_hooks(s, &hook);

	if (r)
		buf_printf(error, "cannot attach to %s: %s", source_ring_hooks[hook].name, strerror(-r));
	return r;
}

static void ring_stop(struct source *base)
{
	struct source_ring *s = container_of(base, struct source_ring, base);

	s->stopped = true;
	for (unsigned i = HOOK_COUNT; i-- > 0;)
		detach(s, i);
}

/* Detaching waits for a grace period: once everything else has been done. */
static void end_start(struct source_ring *s)
{
	if (s->has_jobs)
		jobs_wait(&s->jobs, &s->begun);
	snapshot_iter_free(s->iter);
	s->iter = NULL;
	if (s->has_jobs)
		jobs_done(&s->jobs);
	s->has_jobs = false;
}

static void ring_close(struct source *base)
{
	struct source_ring *s = container_of(base, struct source_ring, base);

	ring_stop(base);
	wait_rings(s);
	end_start(s);
	source_reader_free(s->reader);
	for (uint32_t i = 0; i < s->nring_fds; i++)
		close(s->ring_fds[i]);
	source_ring_load_done(&s->load);
	free(s->host_root);
	free(s);
}

static int ring_snapshot(struct source *base, source_snapshot_fn fn, void *ctx)
{
	struct source_ring *s = container_of(base, struct source_ring, base);
	int r = s->iter_err ? s->iter_err : -ENOTSUP;

	if (s->iter)
		r = snapshot_iter_run(s->iter, s->host_root, fn, ctx);
	if (r && s->snapshot != SOURCE_SNAPSHOT_ITER) {
		s->snapshot_err = s->snapshot == SOURCE_SNAPSHOT_PROC ? 0 : r;
		r = snapshot_proc(s->host_root, fn, ctx);
	}
	s->snapshot_taken = true;
	return r;
}

/* Before the hooks, so that who ends between them and the snapshot is part of it. */
static int attach_snapshot(struct source_ring *s, struct buf *error)
{
	int r = s->iter ? snapshot_iter_attach(s->iter) : s->iter_err;

	if (!r && s->snapshot == SOURCE_SNAPSHOT_ITER && !snapshot_iter_sees_all(s->iter))
		r = -ENOTSUP;
	if (r) {
		snapshot_iter_free(s->iter);
		s->iter = NULL;
		s->iter_err = r;
	}
	if (!r || s->snapshot != SOURCE_SNAPSHOT_ITER)
		return 0;
	buf_printf(error, "no iterators on this kernel: %s", strerror(-r));
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

/* Does the 32-bit number lead to a native one that is wanted? */
static bool wants_call32(const struct sensor_config *config, const uint8_t *interest, unsigned nr)
{
	uint16_t native = config->native_of[nr];
	bool wanted = native && interest[native - 1] & INTEREST_NATIVE;

	for (unsigned i = 0; i < SOCKETCALL_SLOTS && nr == SOCKETCALL_NR32; i++) {
		native = config->socketcall[i];
		wanted = wanted || (native && interest[native - 1] & INTEREST_NATIVE);
	}
	return wanted;
}

static void set_interest(struct source_ring *s, const struct evtset *needed)
{
	static const struct {
		uint16_t op, event;
	} uring[] = {
		{ IORING_OP_OPENAT, EV_OPENAT_2_X },
		{ IORING_OP_OPENAT2, EV_OPENAT_2_X },
		{ IORING_OP_ACCEPT, EV_ACCEPT4_6_X },
		{ IORING_OP_CONNECT, EV_CONNECT_X },
	};
	struct sensor_config *config = s->load.config;
	uint8_t interest[SYSCALL_SLOTS] = { 0 };

	for (uint32_t i = 0; i < source_syscalls_count; i++) {
		const struct source_syscall *c = &source_syscalls[i];

		if (c->nr < SYSCALL_SLOTS && evtset_has(needed, c->event) &&
		    source_ring_load_has(&s->load, c->event))
			interest[c->nr] |= INTEREST_NATIVE;
	}
	for (unsigned nr = 0; nr < SYSCALL_SLOTS; nr++)
		if (wants_call32(config, interest, nr))
			interest[nr] |= INTEREST_COMPAT32;
	/* Byte by byte: what stays wanted is at no time unwanted. */
	for (unsigned nr = 0; nr < SYSCALL_SLOTS; nr++)
		__atomic_store_n(&config->interest[nr], interest[nr], __ATOMIC_RELAXED);
	for (size_t i = 0; i < ARRAY_SIZE(uring); i++)
		config->uring_of[uring[i].op] = evtset_has(needed, uring[i].event) ? uring[i].event
										   : 0;
}

static int ring_set_events(struct source *base, const struct evtset *events)
{
	struct source_ring *s = container_of(base, struct source_ring, base);
	struct evtset needed = source_syscalls_needed(events);
	int r = source_ring_load_missing(&s->load, &needed), err;
	unsigned hook;

	set_interest(s, &needed);
	err = follow_hooks(s, &hook);
	if (s->snapshot_taken)
		end_start(s);
	return r ? r : err;
}

static struct source_counters counters_of(const struct source_ring *s)
{
	return (struct source_counters){ .kinds = s->load.kind_counters,
					 .sites = s->load.site_counters,
					 .cpus = s->cpus };
}

static void ring_stats(struct source *base, struct source_stats *ret)
{
	struct source_ring *s = container_of(base, struct source_ring, base);
	struct source_counters counters = counters_of(s);

	*ret = (struct source_stats){ 0 };
	source_counters_sum(&counters, ret);
	for (uint32_t i = 0; i < SYSCALL_SLOTS; i++)
		ret->syscalls += s->load.config->interest[i] & INTEREST_NATIVE;
	source_reader_stats(s->reader, ret);
}

static void ring_counters(struct source *base, source_counter_fn fn, void *ctx)
{
	struct source_counters counters =
		counters_of(container_of(base, struct source_ring, base));

	source_counters_each(&counters, fn, ctx);
}

static void snapshot_part(const struct source_ring *s, source_part_fn fn, void *ctx)
{
	struct source_part part = { .name = "start snapshot", .is_hook = true,
				    .active = !s->snapshot_err, .refused = s->snapshot_err };

	if (part.refused)
		part.why = "processes that ended while /proc was read";
	if (s->snapshot_taken)
		fn(ctx, &part);
}

static void ring_parts(struct source *base, source_part_fn fn, void *ctx)
{
	struct source_ring *s = container_of(base, struct source_ring, base);
	bool seen[EVENT_TYPE_COUNT] = { false };

	snapshot_part(s, fn, ctx);
	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		const struct source_ring_hook_info *hook = &source_ring_hooks[i];
		struct source_part part = { .name = hook->name, .is_hook = true,
					    .active = s->links[i] >= 0 };

		part.refused = i == HOOK_URING && s->load.uring_refused;
		if (part.refused)
			part.why = "this kernel's tracepoint does not tell the request";
		else if (!part.active)
			part.why = hook->why ? hook->why : "not asked for";
		fn(ctx, &part);
	}
	for (uint32_t i = 0; i < source_syscalls_count; i++) {
		unsigned event = source_syscalls[i].event;
		struct source_part part = { .name = event_infos[event].name };

		part.active = source_ring_load_has(&s->load, event);
		part.refused = !part.active && source_ring_load_refused(&s->load, event);
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

/*
 * As the kernel side sees it, which knows no pid namespace but the first; /proc there is the
 * host's.
 */
static uint32_t own_tgid(const struct source_ring *s)
{
	char path[PATH_MAX], link[16];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/proc/self", s->host_root);
	n = readlink(path, link, sizeof(link) - 1);
	link[MAX(n, 0)] = '\0';
	return n > 0 ? (uint32_t)strtoul(link, NULL, 10) : (uint32_t)getpid();
}

/* Of the cpus that this process may use one is for the caller. */
static uint32_t other_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (uint32_t)MAX(CPU_COUNT(&set) - 1, 0);
}

/* In a thread: the maps, and what all rules need. */
static void begin(struct job *job)
{
	struct source_ring *s = container_of(job, struct source_ring, begin);

	s->begin_err = source_ring_load_begin(&s->load, &s->jobs);
	if (!s->begin_err && s->snapshot != SOURCE_SNAPSHOT_PROC)
		s->iter_err = snapshot_iter_new(s->load.site_counters, &s->load.btf, &s->jobs,
						&s->iter);
}

int source_ring_begin(const struct source_ring_opts *opts, struct source **ret)
{
	struct source_ring *s;
	int r = source_ring_prog_start();

	if (r)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->base.ops = &ring_ops;
	for (unsigned i = 0; i < HOOK_COUNT; i++)
		s->links[i] = s->load.hooks[i] = -1;
	s->cpus = MAX(libbpf_num_possible_cpus(), 1);
	s->snapshot = opts->snapshot;
	s->host_root = strdup(opts->host_root ? opts->host_root : "");
	if (!s->host_root) {
		free(s);
		return -ENOMEM;
	}
	source_ring_listen();
	jobs_init(&s->jobs, other_cpus());
	s->has_jobs = true;
	s->begin.run = begin;
	jobs_add(&s->jobs, &s->begin, &s->begun);
	*ret = &s->base;
	return 0;
}

/* Everything is loaded and knows what is wanted first. */
static int load(struct source_ring *s, const struct source_ring_opts *opts, struct buf *error)
{
	struct evtset first, start;
	int r;

	memset(&first, 0xff, sizeof(first));
	if (opts->events)
		first = source_syscalls_needed(opts->events);
	jobs_wait(&s->jobs, &s->begun);
	r = s->begin_err;
	if (!r) {
		r = make_rings(s, opts, error);
		if (r)
			return r;
		r = source_ring_load_wanted(&s->load, &s->jobs, &first);
	}
	if (!r)
		r = source_ring_load_finish(&s->load, &s->jobs);
	if (r) {
		source_ring_load_error(&s->load, r, error);
		return r;
	}
	fill_numbers32(s->load.config);
	s->load.config->snaplen = opts->snaplen ? opts->snaplen : SNAPLEN_DEFAULT;
	s->load.config->own_tgid = opts->report_self ? 0 : own_tgid(s);
	/*
	 * Of a process that ends before the snapshot comes to it nothing is reported but its life.
	 */
	start = source_syscalls_state(opts->events);
	set_interest(s, &start);
	r = wait_rings(s);
	if (r)
		buf_printf(error, "cannot fill the tables of rings: %s", strerror(-r));
	return r;
}

int source_ring_open(const struct source_ring_opts *opts, struct buf *ret_error,
		     struct source **ret)
{
	struct source *base = opts->begun;
	struct source_ring *s;
	int r = source_ring_check_machine(ret_error);

	if (!r && !base) {
		r = source_ring_begin(opts, &base);
		if (r)
			buf_printf(ret_error, "cannot begin to load: %s", strerror(-r));
	}
	if (!base)
		return r;
	s = container_of(base, struct source_ring, base);
	if (!r)
		r = load(s, opts, ret_error);
	if (!r)
		r = attach_snapshot(s, ret_error);
	source_ring_btf_close(&s->load.btf);
	if (!r)
		r = attach(s, ret_error);
	if (r)
		ring_close(base);
	else
		*ret = base;
	return r;
}
