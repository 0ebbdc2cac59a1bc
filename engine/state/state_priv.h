/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of engine/state share. Not for other modules.
 */
#ifndef TIERCEL_STATE_PRIV_H
#define TIERCEL_STATE_PRIV_H

#include "engine/state/cgroup.h"
#include "engine/state/path.h"
#include "engine/state/state.h"

#define NS_PER_S 1000000000ull

/* Bits of thread.clone_flags that the state looks at (flags/clone_flags_all.def). */
enum clone_bits {
	CL_NEWPID = 0x40, CL_PARENT = 0x100, CL_THREAD = 0x2000, CL_INVERTED = 0x10000,
	CL_PIPE_SRC = 0x200000, CL_PIPE_DST = 0x400000, CL_NEWUSER = 0x100000,
	CL_VFORK = 0x8000000, CL_CHILD_IN_PIDNS = 0x20000000, CL_MAIN_THREAD = 0x40000000,
};

/* Event types that one handler reads must agree on the place of a parameter. */
#define SAME_PARAM(a, b) _Static_assert((int)(a) == (int)(b), "parameter layouts differ")

#define ID_UNKNOWN 0xffffffffu	/* uid, gid, loginuid */

/*
 * Same-sized objects with a free list, each at the start of a cache line; memory returns to malloc
 * with the pool only.
 */
struct pool {
	size_t size;
	void *free;
	struct pool_chunk *chunks;
	char *fresh, *end;	/* objects of the last chunk that were never in use */
	size_t used;		/* bytes of objects in use */
};

void pool_init(struct pool *p, size_t size);
bool pool_grow(struct pool *p);
void pool_done(struct pool *p);

/* Not cleared; NULL: no memory. */
static inline void *pool_get(struct pool *p)
{
	void *obj;

	if (unlikely(!p->free) && !pool_grow(p))
		return NULL;
	obj = p->free;
	memcpy(&p->free, obj, sizeof(p->free));
	p->used += p->size;
	return obj;
}

static inline void pool_put(struct pool *p, void *obj)
{
	memcpy(obj, &p->free, sizeof(p->free));
	p->free = obj;
	p->used -= p->size;
}

struct fdtable {
	uint32_t ref;		/* shared between processes until one of them changes it */
	uint32_t count;
	uint32_t nslots;
	uint32_t last_order;	/* fdinfo.order of the newest entry */
	struct u64map high;	/* negative and large numbers */
	struct fdtable *next_spare;
	struct fdinfo *slots[];	/* by number */
};

#define EXIT_RING 8192
#define RECENT_TEXTS 512
#define RECENT_TEXT_MAX 512

#define CLOSED_FDS 4

/* A recent exit: a late parent-side clone event must not bring the thread back. */
struct exit_record {
	int64_t ptid, tid;
	uint64_t ts;
};

struct iface {
	bool v6;
	uint8_t addr[16], mask[16];
	bool loopback;
};

/* Container of recently seen cgroup texts. */
#define CGROUP_CACHE 64
struct cgroup_cached {
	uint64_t serial;	/* of the interned text, 0 = empty */
	struct container *container;
};

/* Cgroup texts as they came lately, and what they became. */
#define CGROUPS_SEEN 16
struct cgroups_seen {
	struct istr *raw, *text;	/* NULL: free */
};

/* One row per event type: what it does to the tables. */
struct state_row {
	void (*apply)(struct state *s, struct event_ctx *c, const struct state_row *row);
	uint8_t when;		/* enum row_when */
	uint8_t kind;		/* enum fd_kind of a created fd */
	uint8_t p[5];		/* parameters or options, meaning depends on apply */
};

/* What the work for an event type is, put together from its row and the event table. */
enum step_flags {
	STEP_FD = 1,		/* creates, uses or destroys an fd */
	STEP_KNOWN_THREAD = 2,	/* has a thread if it is in the table */
	STEP_THREAD = 4,	/* has a thread, one that is not known yet gets an entry */
	STEP_USES_FD = 8,
	STEP_IO = 16,		/* reads from or writes to it */
	STEP_NAMES_FD = 32,	/* its handler may give the fd another name */
	STEP_RESULT = 64,	/* first parameter is a result of 64 bits */
	STEP_EXIT = 128,
	STEP_VISIBLE = 256,
	STEP_META = 512,
	STEP_ODD_SOURCE = 1024,	/* the source is not "syscall", or not always */
};

struct step {
	struct state_row row;	/* row.apply == NULL: nothing */
	uint16_t flags;		/* enum step_flags */
	int8_t fd_param;	/* -1: none */
};

struct state {
	struct state_opts opts;
	struct limits *limits;
	struct intern intern;
	struct state_stats stats;
	uint64_t version;
	uint64_t shared_version;	/* see state_shared_version() */

	struct u64map threads;		/* tid -> struct thread */
	struct u64map groups;		/* pid -> struct group */
	struct thread *last;		/* most recent look-up, or what comes next */
	struct thread *next;		/* of the next event, during this one */
	struct pool thread_pool, group_pool, fd_pool;
	struct step steps[EVENT_TYPE_COUNT];
	struct fdinfo *closed[CLOSED_FDS];	/* taken out of their tables, to be freed in turn */
	uint32_t closed_pos;
	struct fdtable *spare_tables;
	uint32_t nspare_tables;
	size_t table_bytes;		/* fd tables, containers, users */
	struct exit_record *exits;
	bool any_exit;			/* since they were cleared */
	struct istr **recent;		/* references that keep young texts alive */
	uint64_t recent_pos;

	/* Removals that wait for the next event. */
	struct thread *gone;
	struct fdtable **closed_in;
	int64_t closed_fd;

	/* The event in progress. */
	int64_t res;
	bool has_res;
	const struct fdinfo *named;	/* whose name was made from the ends that the kernel saw */
	struct buf text;		/* scratch of handlers */
	uint64_t first_ts, prev_ts;
	uint64_t next_sweep;
	uint32_t sweep_pos;
	bool sweeping;
	bool crowded;			/* a table is full: make room before the next event */
	uint32_t evict_pos;

	struct machine_record machine;
	struct istr *hostname;
	struct iface *ifaces;
	uint32_t nifaces;
	struct strmap containers;	/* id -> struct container */
	struct container *idle_first, *idle_last;	/* no thread is in them; the newest first */
	uint32_t nidle;
	struct cgroup_cached cgroup_cache[CGROUP_CACHE];
	struct cgroups_seen cgroups_seen[CGROUPS_SEEN];
	struct u64map users, user_groups;	/* see state_user.c */
	uint8_t *listen_ports;		/* bitmap of ports that servers were seen on */
	bool snapshot_done;
};

#define NO_PARAM 255
#define CLOEXEC_ALWAYS 255
#define CLOEXEC_BIT 12		/* of WO_CLOEXEC */
#define CLOEXEC_NEVER 31

enum row_when {
	ROW_ALWAYS,		/* thread may be NULL */
	ROW_THREAD,		/* thread is known */
	ROW_SUCCESS,		/* thread known, res >= 0 */
	ROW_FD_SUCCESS,		/* also the fd is known */
};

/*
 * Fixed-size parameters whose wire size the caller knows (the table says so): the hot handlers read
 * them without asking for the type. Absent, empty or short: false.
 */
static inline bool param_i64(struct event *ev, unsigned i, int64_t *ret_v)
{
	struct str p = event_param(ev, i);

	if (unlikely(p.len < sizeof(*ret_v)))
		return false;
	*ret_v = (int64_t)load_u64(p.p);
	return true;
}

static inline bool param_u32(struct event *ev, unsigned i, uint32_t *ret_v)
{
	struct str p = event_param(ev, i);

	if (unlikely(p.len < sizeof(*ret_v)))
		return false;
	*ret_v = load_u32(p.p);
	return true;
}

/* ---- state.c ---- */
/* The interned text, kept for a while. A new reference, or NULL. NONE counts as "". */
struct istr *state_text(struct state *s, struct str text);
/* Replace *slot by the text; true when it changed. NONE counts as "". */
bool state_set_text(struct state *s, struct istr **slot, struct str text);
/* The same for texts of fds: they come and go, looking for equal ones would cost more. */
bool state_set_name(struct state *s, struct istr **slot, struct str text);
bool state_full(struct state *s);	/* byte budget exhausted, counted; room will be made */
/*
 * Objects that pools keep for the next ones do not count: who is evicted has to make a difference.
 */
static inline size_t state_bytes(const struct state *s)
{
	return s->intern.bytes + s->table_bytes + s->thread_pool.used + s->group_pool.used +
	       s->fd_pool.used + ((size_t)s->threads.mask + s->groups.mask) *
	       sizeof(struct u64map_slot);
}

static inline bool state_over_budget(const struct state *s)
{
	return state_bytes(s) > s->limits->max[LIMIT_STATE_BYTES];
}

static inline void thread_touch(struct state *s, struct thread *t)
{
	t->version = ++s->version;
	if (t->children || (t->group && (t->group_next || t->group->threads != t)))
		s->shared_version = t->version;
}
void group_touch(struct state *s, struct group *g);

/* ---- state_rows.c ---- */
void state_make_steps(struct state *s);

/* ---- state_user.c ---- */
int state_user_dump(const struct state *s, int (*fn)(void *ctx, const struct snapshot_item *item),
		    void *ctx);

/* ---- thread.c ---- */
static inline struct thread *thread_lookup(const struct state *s, int64_t tid)
{
	if (s->last && s->last->tid == tid)
		return s->last;
	return u64map_get(&s->threads, (uint64_t)tid);
}
/* New entry with defaults, in the table but without group and parent. NULL: refused. */
struct thread *thread_add(struct state *s, int64_t tid);
/* Look up; live: fetch; else a fake entry. NULL when the table is full. */
struct thread *thread_find_or_fetch(struct state *s, int64_t tid);
void thread_remove(struct state *s, struct thread *t);
/* Enter the group of t->pid and link to the parent t->ptid. */
void thread_link(struct state *s, struct thread *t);
void thread_set_parent(struct state *s, struct thread *t, int64_t ptid);
void thread_set_args(struct state *s, struct thread *t, struct str args);
void thread_set_comm(struct state *s, struct thread *t, struct str comm);
void thread_drop_texts(struct thread *t);
void thread_from_record(struct state *s, struct thread *t, const struct proc_record *r);
void thread_sweep(struct state *s, uint64_t now);
/* Between two events: remove who is longest without events, but not `tid`. */
void thread_make_room(struct state *s, int64_t tid);
void thread_forget_enter(struct thread *t);
static inline bool thread_is_leader(const struct thread *t)
{
	return t->tid == t->pid;
}
static inline bool thread_is_fake(const struct thread *t)
{
	return t->state_flags & THREAD_FAKE;
}

/* ---- thread_cgroup.c ---- */
void thread_set_cgroups(struct state *s, struct thread *t, struct str cgroups);
void thread_forget_cgroups(struct state *s);

/* ---- state_clone.c ---- */
void clone_note_exit(struct state *s, const struct thread *t, uint64_t ts);

/* ---- group.c ---- */
struct group *group_get(struct state *s, int64_t pid);	/* existing or new, NULL: no memory */
int group_join(struct state *s, struct thread *t);
void group_leave(struct state *s, struct thread *t);
/* Mark dead, hand children over, decide who goes. `reaper_tid` <= 0: search. */
void group_thread_exit(struct state *s, struct thread *t, int64_t reaper_tid);
void group_reap(struct state *s);	/* remove who left at the previous event */
void group_remove_others(struct state *s, struct thread *t);
void group_set_cwd(struct state *s, struct group *g, struct str cwd);

/* ---- fdtable.c ---- */
struct fdtable *fdtable_new(struct state *s);
void fdtable_free_spare(struct state *s);
void fdtable_free_closed(struct state *s);
void fdtable_unref(struct state *s, struct fdtable *t);
struct fdtable *fdtable_share(struct fdtable *t);
static inline struct fdinfo *fdtable_get(const struct fdtable *t, int64_t fd)
{
	if (likely((uint64_t)fd < t->nslots))
		return t->slots[fd];
	return unlikely(t->high.count) ? u64map_get(&t->high, (uint64_t)fd) : NULL;
}
struct fdinfo *fdtable_next(const struct fdtable *t, uint32_t *pos);
/* A fresh entry (replacing one), NULL when refused. */
struct fdinfo *fdtable_put(struct state *s, struct fdtable **slot, int64_t fd, bool snapshot);
/* Entry that may be changed: the table is no longer shared afterwards. */
struct fdinfo *fdtable_edit(struct state *s, struct fdtable **slot, int64_t fd);
struct fdinfo *fdtable_copy(struct state *s, struct fdtable **slot, const struct fdinfo *from,
			    int64_t fd);
void fdtable_remove(struct state *s, struct fdtable **slot, int64_t fd);
/* close_range(): remove the numbers, or mark them close-on-exec. */
void fdtable_range(struct state *s, struct fdtable **slot, uint32_t first, uint32_t last,
		   bool cloexec);
void fdtable_drop_cloexec(struct state *s, struct fdtable **slot);
static inline struct fdtable *fdtable_of(const struct thread *t)	/* NULL: none */
{
	return likely(t->group != NULL) ? t->group->fds : t->own_fds;
}
static inline struct fdtable **thread_fdtable(struct thread *t)	/* NULL: none */
{
	if (likely(t->group != NULL))
		return &t->group->fds;
	return t->own_fds ? &t->own_fds : NULL;
}
static inline bool fd_is_ip(const struct fdinfo *f)
{
	return f->kind >= FD_IPV4 && f->kind <= FD_IPV6_SERVER;
}
static inline bool fd_is_v6(const struct fdinfo *f)
{
	return f->kind == FD_IPV6 || f->kind == FD_IPV6_SERVER;
}

/* ---- state_fd.c ---- */
/* Create the fd of the event: ctx->fd, ctx->fd_num. NULL when refused. */
struct fdinfo *state_create_fd(struct state *s, struct event_ctx *c, int64_t fd, uint8_t kind);
struct fdinfo *state_edit_fd(struct state *s, struct event_ctx *c);
/* A path argument; "<NA>" when it was not collected. */
struct str state_path_param(struct event *ev, unsigned i);

/* ---- snapshot.c: ports on which someone listened ---- */
bool state_is_listen_port(const struct state *s, uint16_t port);
void state_set_listen_port(struct state *s, uint16_t port);

/* ---- names of sockets: state_sock.c ---- */
void sock_fill_incomplete(const struct state *s, struct fdinfo *f);
/* Name with ports whatever the protocol (accept, bind, snapshot, `ports`), else by protocol. */
void sock_set_name(struct state *s, struct fdinfo *f, bool ports);

/* ---- rows ---- */
#define ROW_FN(name) \
	void state_##name(struct state *s, struct event_ctx *c, const struct state_row *row)
ROW_FN(on_clone);
ROW_FN(on_exec);
ROW_FN(on_exit);
ROW_FN(on_enter);
ROW_FN(on_chdir);
ROW_FN(on_fchdir);
ROW_FN(on_getcwd);
ROW_FN(on_chroot);
ROW_FN(on_setuid);
ROW_FN(on_setgid);
ROW_FN(on_setsid);
ROW_FN(on_capset);
ROW_FN(on_namespace);
ROW_FN(on_prctl);
ROW_FN(on_rlimit);
ROW_FN(on_prlimit);
ROW_FN(on_memory);
ROW_FN(on_switch);
ROW_FN(on_open);
ROW_FN(on_open_by_handle);
ROW_FN(on_new_fd);
ROW_FN(on_bpf);
ROW_FN(on_pipe);
ROW_FN(on_dup);
ROW_FN(on_fcntl);
ROW_FN(on_close);
ROW_FN(on_close_range);
ROW_FN(on_memfd);
ROW_FN(on_pidfd_open);
ROW_FN(on_pidfd_getfd);
ROW_FN(on_socket);
ROW_FN(on_socketpair);
ROW_FN(on_bind);
ROW_FN(on_connect);
ROW_FN(on_accept);
ROW_FN(on_transfer);
ROW_FN(on_user);
ROW_FN(on_user_group);
ROW_FN(on_container);
ROW_FN(on_async);

/* ---- state_kernel.c ---- */
void kernel_adopt(struct state *s, struct event_ctx *c);
void kernel_complete(struct state *s, struct event_ctx *c);

/* ---- state_user.c, container.c, snapshot.c ---- */
void state_users_clear(struct state *s);
int state_user_add(struct state *s, const struct user_record *r);
void container_attach(struct state *s, struct thread *t);
void container_detach(struct state *s, struct thread *t);
void containers_clear(struct state *s);
struct container *container_find(const struct state *s, struct str id);
struct container *container_get(struct state *s, struct str id);	/* existing or new */
/* A container to be filled and given to state_container_metadata(). */
void container_done(struct container *c);
/*
 * Read the JSON document of a container event into `c` (zeroed by the caller, who calls
 * container_done). 0, -EBADMSG, -ENOMEM.
 */
int container_from_json(struct intern *in, struct str doc, struct container *c);
void state_clear_tables(struct state *s);

#endif
