/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Called by source_ring.c, which owns the programs. An object of libbpf lives as long as it takes to
 * load from it; descriptors of its maps and hooks are kept until source_ring_load_done().
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/source_ring_kernel.h"
#include "agent/source_ring_load.h"
#include "agent/source_syscalls.h"

#include "bpf/sensor.skel.h"

#define URING_PROGRAM "on_uring"
#define SYS_EXIT "sys_exit"

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

bool source_ring_load_has(const struct source_ring_load *l, unsigned event)
{
	return l->programs[source_syscalls_program(event)];
}

bool source_ring_load_refused(unsigned event)
{
	char name[64];

	snprintf(name, sizeof(name), "sys_%s", event_infos[source_syscalls_program(event)].id);
	return source_ring_refused(name);
}

bool source_ring_load_uring_refused(void)
{
	return source_ring_refused(URING_PROGRAM);
}

static bool misses_uring(const struct source_ring_load *l, const struct evtset *wanted)
{
	return (evtset_has(wanted, EV_OPENAT_2_X) || evtset_has(wanted, EV_ACCEPT4_6_X) ||
		evtset_has(wanted, EV_CONNECT_X)) &&
	       l->hooks[HOOK_URING] < 0 && !source_ring_load_uring_refused();
}

static bool misses_event(const struct source_ring_load *l, const struct evtset *wanted, unsigned event)
{
	return evtset_has(wanted, event) && !source_ring_load_has(l, event) &&
	       !source_ring_load_refused(event);
}

/* These can be missing; the sensor works without them. */
static bool is_optional(const char *program)
{
	return !strncmp(program, "sys_", 4) || !strcmp(program, URING_PROGRAM);
}

static int set_program(int array, uint32_t slot, const struct bpf_program *p)
{
	int fd = bpf_program__fd(p);

	return bpf_map_update_elem(array, &slot, &fd, BPF_ANY) ? -errno : 0;
}

/* libbpf calls back without context; one source loads at a time. */
static struct {
	struct sensor *skel;	/* has the programs that those of system calls end in */
	bool filled;
} ends;

/*
 * Before a program of system calls is loaded: those that it ends in are the first of the object, so
 * they are there now. A jump into a slot that is filled becomes part of the program; filling it
 * later patches running code, which stops all cpus, once per program.
 */
static int fill_ends(struct bpf_program *p, struct bpf_prog_load_opts *opts, long cookie)
{
	struct sensor *skel = ends.skel;
	int r;

	if (ends.filled || !skel || bpf_program__fd(skel->progs.on_fd) < 0 ||
	    bpf_program__fd(skel->progs.on_record) < 0)
		return 0;
	ends.filled = true;
	r = set_program(bpf_map__fd(skel->maps.next_progs), NEXT_FD, skel->progs.on_fd);
	return r ? r : set_program(bpf_map__fd(skel->maps.next_progs), NEXT_RECORD,
				   skel->progs.on_record);
}

static int attach_program(const struct bpf_program *p, long cookie, struct bpf_link **ret)
{
	*ret = bpf_program__attach_trace(p);
	return *ret ? 0 : -errno;
}

/* As libbpf's own handler of this section but for fill_ends(); once. */
static int handle_section(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = fill_ends,
		    .prog_attach_fn = attach_program);
	static int id;

	if (id > 0)
		return 0;
	id = libbpf_register_prog_handler("tp_btf/" SYS_EXIT, BPF_PROG_TYPE_TRACING,
					  BPF_TRACE_RAW_TP, &opts);
	return MIN(id, 0);
}

/* Verifying all of them costs 200 ms of CPU: only what is wanted and not there yet. */
static int choose_programs(struct source_ring_load *l, struct sensor *skel, const struct evtset *wanted)
{
	struct bpf_program *p;
	int r = 0;

	bpf_object__for_each_program(p, skel->obj)
		bpf_program__set_autoload(p, !l->nmaps && program_event(p) == EVENT_TYPE_COUNT);
	bpf_program__set_autoload(skel->progs.on_uring, misses_uring(l, wanted));
	for (unsigned event = 0; event < EVENT_TYPE_COUNT; event++) {
		char name[64];

		if (!misses_event(l, wanted, event))
			continue;
		snprintf(name, sizeof(name), "sys_%s",
			 event_infos[source_syscalls_program(event)].id);
		p = bpf_object__find_program_by_name(skel->obj, name);
		if (p)
			bpf_program__set_autoload(p, true);
	}
	bpf_object__for_each_program(p, skel->obj)
		if (!r && bpf_program__autoload(p) &&
		    !strcmp(bpf_program__section_name(p), "tp_btf/" SYS_EXIT))
			r = bpf_program__set_attach_target(p, 0, SYS_EXIT);
	return r;
}

/* Both objects come from the same skeleton, so their maps are in the same order. */
static int share_maps(struct source_ring_load *l, struct sensor *skel)
{
	struct bpf_map *m;
	uint32_t i = 0;
	int r = 0;

	bpf_object__for_each_map(m, skel->obj)
		if (!r)
			r = bpf_map__reuse_fd(m, l->maps[i++]);
	return r;
}

static struct sensor *try_load(struct source_ring_load *l, const struct evtset *wanted,
			       int *ret_error)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = source_ring_btf_path(&l->btf));
	struct sensor *skel = sensor__open_opts(&opts);

	if (!skel) {
		*ret_error = -errno;
		return NULL;
	}
	bpf_map__set_max_entries(skel->maps.doorbell, sysconf(_SC_PAGESIZE));
	*ret_error = choose_programs(l, skel, wanted);
	if (!*ret_error && l->nmaps)
		*ret_error = share_maps(l, skel);
	ends.skel = l->nmaps ? NULL : skel;
	ends.filled = false;
	if (!*ret_error)
		*ret_error = sensor__load(skel);
	ends.skel = NULL;
	if (!*ret_error)
		return skel;
	sensor__destroy(skel);
	return NULL;
}

/* A program that this kernel refuses is left out; its system calls are then not reported. */
static int load_programs(struct source_ring_load *l, const struct evtset *wanted, struct sensor **ret)
{
	struct sensor *skel = NULL;
	int r = handle_section();

	for (int i = 0; i < SOURCE_RING_REFUSED_MAX && !skel && !r; i++) {
		uint32_t before = source_ring_refusals();

		skel = try_load(l, wanted, &r);
		if (!skel && source_ring_refusals() != before &&
		    is_optional(source_ring_refusal(before))) {
			r = 0;
		} else if (!skel && source_ring_btf_path(&l->btf)) {
			source_ring_btf_close(&l->btf);	/* all of it may do what the part did not */
			r = 0;
		}
	}
	if (!skel)
		return r ? r : -E2BIG;
	*ret = skel;
	return 0;
}

/* ---- what stays ----------------------------------------------------------------------------- */

static int keep_fd(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

static int keep_maps(struct source_ring_load *l, struct sensor *skel)
{
	const struct {
		const struct bpf_map *map;
		int *fd;
	} known[] = {
		{ skel->maps.life_rings, &l->life_rings },
		{ skel->maps.data_rings, &l->data_rings },
		{ skel->maps.doorbell, &l->doorbell },
		{ skel->maps.syscall_progs, &l->syscall_progs },
		{ skel->maps.kind_counters, &l->kind_counters },
		{ skel->maps.site_counters, &l->site_counters },
	};
	struct bpf_map *m;

	bpf_object__for_each_map(m, skel->obj) {
		int fd = l->nmaps < SOURCE_RING_MAPS_MAX ? keep_fd(bpf_map__fd(m)) : -E2BIG;

		if (fd < 0)
			return fd;
		l->maps[l->nmaps++] = fd;
		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			if (known[i].map == m)
				*known[i].fd = fd;
	}
	return 0;
}

static int map_config(struct source_ring_load *l, struct sensor *skel)
{
	void *at;

	_Static_assert(sizeof(*skel->bss) == sizeof(struct sensor_config), "it is all of it");
	l->config_bytes = align_up(sizeof(*skel->bss), (size_t)sysconf(_SC_PAGESIZE));
	at = mmap(NULL, l->config_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		  bpf_map__fd(skel->maps.bss), 0);
	if (at == MAP_FAILED)
		return -errno;
	l->config = at;
	return 0;
}

static int keep_hooks(struct source_ring_load *l, struct sensor *skel)
{
	const struct bpf_program *programs[HOOK_COUNT] = {
		[HOOK_FORK] = skel->progs.on_fork, [HOOK_EXEC] = skel->progs.on_exec,
		[HOOK_EXIT] = skel->progs.on_exit, [HOOK_SYS_EXIT] = skel->progs.on_sys_exit,
		[HOOK_URING] = skel->progs.on_uring,
	};

	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		int fd = bpf_program__fd(programs[i]);

		if (fd < 0 || l->hooks[i] >= 0)
			continue;
		fd = keep_fd(fd);
		if (fd < 0)
			return fd;
		l->hooks[i] = fd;
	}
	return 0;
}

/* The table in which the kernel side finds the program of a system call, and what it needs to know. */
static int fill_syscalls(struct source_ring_load *l, struct bpf_program *const *programs)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < source_syscalls_count; i++) {
		const struct source_syscall *c = &source_syscalls[i];
		const struct bpf_program *p = programs[source_syscalls_program(c->event)];

		if (!p || c->nr >= SYSCALL_SLOTS)
			continue;
		r = set_program(l->syscall_progs, c->nr, p);
		l->config->row_of[c->nr] = source_syscalls_row(c->event);
		l->config->sc_of[c->nr] = c->code;
	}
	return r;
}

static int keep_programs(struct source_ring_load *l, struct sensor *skel)
{
	struct bpf_program *programs[EVENT_TYPE_COUNT] = { NULL }, *p;

	bpf_object__for_each_program(p, skel->obj) {
		unsigned event = program_event(p);

		if (event < EVENT_TYPE_COUNT && bpf_program__fd(p) >= 0) {
			programs[event] = p;
			l->programs[event] = true;
		}
	}
	return fill_syscalls(l, programs);
}

/* Frees the object. */
static int keep(struct source_ring_load *l, struct sensor *skel)
{
	int r = 0;

	if (!l->nmaps) {
		r = keep_maps(l, skel);
		if (!r)
			r = map_config(l, skel);
	}
	if (!r)
		r = keep_hooks(l, skel);
	if (!r)
		r = keep_programs(l, skel);
	sensor__destroy(skel);
	return r;
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

int source_ring_load(struct source_ring_load *l, const struct evtset *wanted, struct buf *error)
{
	struct sensor *skel;
	int r;

	for (unsigned i = 0; i < HOOK_COUNT; i++)
		l->hooks[i] = -1;
	source_ring_listen();
	source_ring_btf_open(&l->btf);
	r = load_programs(l, wanted, &skel);
	forget_object();
	if (r == -EPERM) {
		source_ring_not_allowed(error);
		buf_printf(error, " (%s)", source_ring_said());
	} else if (r) {
		buf_printf(error, "kernel refuses the sensor: %s (%s)", strerror(-r),
			   source_ring_said());
	}
	if (r)
		return r;
	r = keep(l, skel);
	if (r)
		buf_printf(error, "cannot fill the program table: %s", strerror(-r));
	return r;
}

int source_ring_load_missing(struct source_ring_load *l, const struct evtset *needed)
{
	bool missing = misses_uring(l, needed);
	struct sensor *skel;
	int r;

	for (uint32_t i = 0; i < source_syscalls_count; i++)
		missing = missing || misses_event(l, needed, source_syscalls[i].event);
	if (!missing)
		return 0;
	source_ring_btf_open(&l->btf);
	r = load_programs(l, needed, &skel);
	source_ring_btf_close(&l->btf);
	forget_object();
	return r ? r : keep(l, skel);
}

void source_ring_load_done(struct source_ring_load *l)
{
	if (l->config)
		munmap(l->config, l->config_bytes);
	for (unsigned i = 0; l->nmaps && i < HOOK_COUNT; i++)
		if (l->hooks[i] >= 0)
			close(l->hooks[i]);
	while (l->nmaps)
		close(l->maps[--l->nmaps]);
	l->config = NULL;
}
