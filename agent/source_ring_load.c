/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Called by source_ring.c, which owns the programs. An object of libbpf lives as long as it takes
 * to load from it; descriptors of its maps and hooks are kept until source_ring_load_done().
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/source_ring_kernel.h"
#include "agent/source_ring_load.h"
#include "agent/source_ring_object.h"
#include "agent/source_syscalls.h"

/* The programs that those of system calls end in. */
static const struct {
	const char *name;
	uint32_t slot;
} ends[] = { { "on_fd", NEXT_FD }, { "on_record", NEXT_RECORD } };

const struct source_ring_hook_info source_ring_hooks[HOOK_COUNT] = {
	[HOOK_FORK] = { "sched_process_fork", "on_fork" },
	[HOOK_EXEC] = { "sched_process_exec", "on_exec" },
	[HOOK_EXIT] = { "sched_process_exit", "on_exit" },
	[HOOK_SYS_EXIT] = { "sys_exit", "on_sys_exit" },
	[HOOK_URING] = { SOURCE_HOOK_URING, "on_uring" },
	[HOOK_RENAME] = { "cgroup_rename", "on_cgroup_rename", .optional = true,
			  .why = "not there; events cost more" },
};

/* Event type of a program sys_<event>; EVENT_TYPE_COUNT for the others. */
static unsigned program_event(const char *name)
{
	unsigned type = 0;

	if (strncmp(name, "sys_", 4) != 0)
		return EVENT_TYPE_COUNT;
	while (type < EVENT_TYPE_COUNT && strcmp(event_infos[type].id, name + 4) != 0)
		type++;
	return type;
}

bool source_ring_load_has(const struct source_ring_load *l, unsigned event)
{
	return l->programs[source_syscalls_program(event)];
}

bool source_ring_load_refused(const struct source_ring_load *l, unsigned event)
{
	return l->refused[source_syscalls_program(event)];
}

static bool misses_uring(const struct source_ring_load *l, const struct evtset *wanted)
{
	return (evtset_has(wanted, EV_OPENAT_2_X) || evtset_has(wanted, EV_ACCEPT4_6_X) ||
		evtset_has(wanted, EV_CONNECT_X)) &&
	       l->hooks[HOOK_URING] < 0 && !l->uring_refused;
}

static bool misses_event(const struct source_ring_load *l, const struct evtset *wanted,
			 unsigned event)
{
	return evtset_has(wanted, event) && !source_ring_load_has(l, event) &&
	       !source_ring_load_refused(l, event);
}

static int set_program(int array, uint32_t slot, int fd)
{
	return bpf_map_update_elem(array, &slot, &fd, BPF_ANY) ? -errno : 0;
}

/* ---- opening: which programs, with which maps ------------------------------------------------ */

/* Those that every set of rules needs: the hooks, and what programs of system calls end in. */
static void choose_base(struct bpf_object *object)
{
	const char *uring = source_ring_hooks[HOOK_URING].program;
	struct bpf_program *p;

	bpf_object__for_each_program(p, object) {
		const char *name = bpf_program__name(p);

		bpf_program__set_autoload(p, program_event(name) == EVENT_TYPE_COUNT &&
						     strcmp(name, uring) != 0);
	}
}

/* Verifying all of them costs 200 ms of CPU: only what is wanted and not there yet. */
static void choose_wanted(const struct source_ring_load *l, struct bpf_object *object,
			  const struct evtset *wanted)
{
	const char *uring = source_ring_hooks[HOOK_URING].program;
	struct bpf_program *p;

	bpf_object__for_each_program(p, object)
		bpf_program__set_autoload(p, misses_uring(l, wanted) &&
						     !strcmp(bpf_program__name(p), uring));
	for (unsigned event = 0; event < EVENT_TYPE_COUNT; event++) {
		char name[64];

		if (!misses_event(l, wanted, event))
			continue;
		snprintf(name, sizeof(name), "sys_%s",
			 event_infos[source_syscalls_program(event)].id);
		p = bpf_object__find_program_by_name(object, name);
		if (p)
			bpf_program__set_autoload(p, true);
	}
}

/* Maps are in the order of the source. */
static int share_maps(struct source_ring_load *l, struct bpf_object *object)
{
	struct bpf_map *m;
	uint32_t i = 0;
	int r = 0;

	bpf_object__for_each_map(m, object)
		if (!r)
			r = bpf_map__reuse_fd(m, l->maps[i++]);
	return r;
}

static void close_part(struct source_ring_part *part)
{
	source_ring_progs_done(&part->progs);
	bpf_object__close(part->object);
	part->object = NULL;
}

/* `wanted` NULL: the base. */
static int try_open(struct source_ring_load *l, const struct evtset *wanted,
		    struct source_ring_part *part)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "sensor",
		    .btf_custom_path = source_ring_btf_path(&l->btf));
	struct bpf_map *doorbell;
	const void *bytes;
	size_t size;
	int r = 0;

	bytes = source_ring_object_sensor(&l->btf, &size);
	part->object = bpf_object__open_mem(bytes, size, &opts);
	if (!part->object)
		return -errno;
	doorbell = bpf_object__find_map_by_name(part->object, "doorbell");
	if (doorbell)
		bpf_map__set_max_entries(doorbell, sysconf(_SC_PAGESIZE));
	if (wanted)
		choose_wanted(l, part->object, wanted);
	else
		choose_base(part->object);
	if (l->nmaps)
		r = share_maps(l, part->object);
	if (!r)
		r = source_ring_progs_prepare(part->object, &l->btf, &part->progs);
	if (r)
		close_part(part);
	return r;
}

static int open_part(struct source_ring_load *l, const struct evtset *wanted,
		     struct source_ring_part *part)
{
	int r = try_open(l, wanted, part);

	if (!r || !source_ring_btf_path(&l->btf))
		return r;
	source_ring_btf_close(&l->btf); /* all of it may do what the part did not */
	return try_open(l, wanted, part);
}

/* ---- what stays ----------------------------------------------------------------------------- */

static int keep_fd(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

static int keep_maps(struct source_ring_load *l, const struct bpf_object *object)
{
	const struct {
		const char *name;
		int *fd;
	} known[] = {
		{ "life_rings", &l->life_rings },
		{ "data_rings", &l->data_rings },
		{ "doorbell", &l->doorbell },
		{ "syscall_progs", &l->syscall_progs },
		{ "next_progs", &l->next_progs },
		{ "kind_counters", &l->kind_counters },
		{ "site_counters", &l->site_counters },
	};
	uint32_t found = 0;
	struct bpf_map *m;

	bpf_object__for_each_map(m, object) {
		int fd = l->nmaps < SOURCE_RING_MAPS_MAX ? keep_fd(bpf_map__fd(m)) : -E2BIG;

		if (fd < 0)
			return fd;
		l->maps[l->nmaps++] = fd;
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			if (strcmp(known[i].name, bpf_map__name(m)) != 0)
				continue;
			*known[i].fd = fd;
			found++;
		}
	}
	return found == ARRAY_SIZE(known) ? 0 : -ENOENT;
}

/* The only global of the object. */
static int map_config(struct source_ring_load *l, const struct bpf_object *object)
{
	const struct bpf_map *bss = bpf_object__find_map_by_name(object, ".bss");
	void *at;

	if (!bss || bpf_map__value_size(bss) != sizeof(struct sensor_config))
		return -ENOENT;
	l->config_bytes = align_up(sizeof(struct sensor_config), (size_t)sysconf(_SC_PAGESIZE));
	at = mmap(NULL, l->config_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(bss), 0);
	if (at == MAP_FAILED)
		return -errno;
	l->config = at;
	return 0;
}

/* ---- loading -------------------------------------------------------------------------------- */

int source_ring_load_begin(struct source_ring_load *l, struct jobs *jobs)
{
	struct source_ring_prog *p;
	int r;

	source_ring_btf_open(&l->btf);
	r = open_part(l, NULL, &l->base);
	if (!r)
		r = keep_maps(l, l->base.object);
	if (!r)
		r = map_config(l, l->base.object);
	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		p = source_ring_progs_find(&l->base.progs, ends[i].name);
		if (p)
			source_ring_prog_queue(p, jobs, &l->ends);
	}
	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		p = source_ring_progs_find(&l->base.progs, source_ring_hooks[i].program);
		if (p)
			source_ring_prog_queue(p, jobs, &l->base_rest);
	}
	return 0;
}

/*
 * Programs of system calls are loaded behind those that they end in: a jump into a slot that is
 * filled becomes part of the program; filling it later patches running code, which stops all cpus,
 * once per program.
 */
static int fill_ends(struct source_ring_load *l)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ends) && !r; i++) {
		struct source_ring_prog *p = source_ring_progs_find(&l->base.progs, ends[i].name);

		r = !p ? -ENOENT : p->err;
		if (!r)
			r = set_program(l->next_progs, ends[i].slot, p->fd);
	}
	return r;
}

int source_ring_load_wanted(struct source_ring_load *l, struct jobs *jobs,
			    const struct evtset *wanted)
{
	int r = open_part(l, wanted, &l->wanted);

	jobs_wait(jobs, &l->ends);
	if (!r && l->base.object)
		r = fill_ends(l);
	for (uint32_t i = 0; i < l->wanted.progs.n && !r; i++)
		source_ring_prog_queue(&l->wanted.progs.v[i], jobs, &l->wanted_all);
	return r;
}

static void keep_hooks(struct source_ring_load *l, struct source_ring_progs *progs)
{
	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		struct source_ring_prog *p =
			source_ring_progs_find(progs, source_ring_hooks[i].program);

		if (!p || p->fd < 0)
			continue;
		l->hooks[i] = p->fd;
		p->fd = -1;
	}
}

/*
 * The table in which the kernel side finds the program of a system call, and what it needs to know.
 */
static int fill_syscalls(struct source_ring_load *l, const int *fds)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < source_syscalls_count; i++) {
		const struct source_syscall *c = &source_syscalls[i];
		int fd = fds[source_syscalls_program(c->event)];

		if (fd < 0 || c->nr >= SYSCALL_SLOTS)
			continue;
		r = set_program(l->syscall_progs, c->nr, fd);
		l->config->row_of[c->nr] = source_syscalls_row(c->event);
		l->config->sc_of[c->nr] = c->code;
	}
	return r;
}

/* What is missing now is not reported, which the caller is told by source_ring_load_refused(). */
static int keep_wanted(struct source_ring_load *l)
{
	int fds[EVENT_TYPE_COUNT];

	for (unsigned event = 0; event < EVENT_TYPE_COUNT; event++)
		fds[event] = -1;
	for (uint32_t i = 0; i < l->wanted.progs.n; i++) {
		const struct source_ring_prog *p = &l->wanted.progs.v[i];
		unsigned event = program_event(p->name);

		if (event == EVENT_TYPE_COUNT) {
			l->uring_refused = p->err;
			continue;
		}
		fds[event] = p->fd;
		l->programs[event] = p->fd >= 0;
		l->refused[event] = p->err;
	}
	return fill_syscalls(l, fds);
}

/* The object's bytes in our program file are not needed until the next load: their pages go. */
static void forget_object(const struct source_ring_load *l)
{
	uintptr_t page = sysconf(_SC_PAGESIZE), from, to;
	size_t size;

	from = (uintptr_t)source_ring_object_sensor(&l->btf, &size);
	to = (from + size) & ~(page - 1);
	from = (from + page - 1) & ~(page - 1);
	madvise((void *)from, to - from, MADV_DONTNEED);
}

static bool is_needed(const struct source_ring_prog *p)
{
	for (unsigned i = 0; i < HOOK_COUNT; i++)
		if (!strcmp(p->name, source_ring_hooks[i].program))
			return !source_ring_hooks[i].optional;
	return true;
}

int source_ring_load_finish(struct source_ring_load *l, struct jobs *jobs)
{
	int r = 0;

	jobs_wait(jobs, &l->wanted_all);
	jobs_wait(jobs, &l->base_rest);
	for (uint32_t i = 0; i < l->base.progs.n && !r; i++)
		if (is_needed(&l->base.progs.v[i]))
			r = l->base.progs.v[i].err;
	if (r)
		return r;
	keep_hooks(l, &l->base.progs);
	keep_hooks(l, &l->wanted.progs);
	r = keep_wanted(l);
	if (!r) {
		close_part(&l->base);
		close_part(&l->wanted);
		forget_object(l);
	}
	return r;
}

void source_ring_load_error(const struct source_ring_load *l, int err, struct buf *error)
{
	_cleanup_buf_ struct buf why = BUF_INIT;

	for (uint32_t i = 0; i < l->base.progs.n && !why.len; i++)
		if (l->base.progs.v[i].err && is_needed(&l->base.progs.v[i]))
			source_ring_prog_why(&l->base.progs.v[i], &why);
	if (!why.len)
		source_ring_said(&why);
	if (err == -EPERM)
		source_ring_not_allowed(error);
	else
		buf_printf(error, "kernel refuses the sensor: %s", strerror(-err));
	buf_printf(error, " (%.*s)", STR_ARG(buf_str(&why)));
}

int source_ring_load_missing(struct source_ring_load *l, const struct evtset *needed)
{
	bool missing = misses_uring(l, needed);
	struct jobs none;
	int r;

	for (uint32_t i = 0; i < source_syscalls_count; i++)
		missing = missing || misses_event(l, needed, source_syscalls[i].event);
	if (!missing)
		return 0;
	source_ring_btf_open(&l->btf);
	jobs_init(&none, 0);
	r = source_ring_load_wanted(l, &none, needed);
	if (!r)
		r = source_ring_load_finish(l, &none);
	jobs_done(&none);
	close_part(&l->wanted);
	source_ring_btf_close(&l->btf);
	return r;
}

void source_ring_load_done(struct source_ring_load *l)
{
	close_part(&l->base);
	close_part(&l->wanted);
	source_ring_btf_close(&l->btf);
	if (l->config)
		munmap(l->config, l->config_bytes);
	for (unsigned i = 0; l->nmaps && i < HOOK_COUNT; i++)
		if (l->hooks[i] >= 0)
			close(l->hooks[i]);
	while (l->nmaps)
		close(l->maps[--l->nmaps]);
	l->config = NULL;
}
