/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of one test while it is built: see ruletest.h for who does what. Lives in the arena of
 * the file; dropped when the test is complete.
 */
#ifndef TIERCEL_RULETEST_BUILD_H
#define TIERCEL_RULETEST_BUILD_H

#include "agent/ruletest.h"

#define BUILD_EVENT_NS 1000000	/* from one event to the next */
#define UNSET INT64_MIN		/* a number that the test does not give */

struct build_fd {
	int64_t num;
	struct str name;
	bool ip_socket;
	struct build_fd *next;
};

struct build_label {
	struct str key, value;
	bool pod;
	struct build_label *next;
};

struct build_container {
	struct str alias;		/* name in `given: containers:`, or none */
	struct str id, full_id;
	struct str name, image, image_id, repository, tag, digest, type, ip, user;
	struct str pod_name, namespace, pod_uid, pod_ip, sandbox_id, mounts_json;
	int64_t privileged, host_pid, host_network, host_ipc;
	struct build_label *labels;
	bool described;			/* there are metadata beside the id */
	struct build_container *next;
};

/* What a test says about the standard files of a process. */
struct build_std {
	struct str type, name;
};

struct build_proc {
	struct str alias;
	struct build_proc *parent;
	struct str comm, exe, exepath, args, env, cwd, cmdline, exeline;
	struct str user_name, homedir, shell, login_name, group_name;
	struct str caps_permitted, caps_inheritable, caps_effective;
	struct str sid_name, sid_exe, sid_exepath, vpgid_name, vpgid_exe, vpgid_exepath;
	struct str pgid_name, pgid_exe, pgid_exepath;
	int64_t pid, vpid, sid, vpgid, pgid, tty, uid, gid, loginuid, fdlimit;
	int64_t exe_writable, exe_upper, exe_lower, exe_memfd, exe_ino, exe_ctime, exe_mtime;
	int64_t start_ts, age_ns;
	int64_t is_sid_leader, is_vpgid_leader, is_pgid_leader;
	uint64_t caps[3];		/* inheritable, permitted, effective */
	struct build_std std[3];
	struct build_container *container;
	bool container_known;		/* said, not guessed: host is NULL then */
	bool in_world;			/* its snapshot item exists */
	int64_t next_fd;
	struct build_fd *fds;
	struct build_proc *next;
};

struct build_user {
	struct str container_id, name, home, shell;
	int64_t id;
	bool is_group;
	struct build_user *next;
};

struct build {
	struct ruletest_file *file;
	struct ruletest *test;
	struct arena *arena;
	struct build_proc *procs, *init;
	struct build_container *containers;
	struct build_user *users;
	int64_t next_pid, next_vpid, next_uid;
	uint64_t ts;
	uint64_t num;			/* events of the test so far */
	const struct yaml_node *at;	/* what is being read, for messages */
};

/* One field of an event, as written. */
struct build_field {
	const struct yaml_node *key, *value;
	struct field_ref ref;
	struct str text;		/* of the value; p == NULL for null and collections */
	bool used;			/* something was built from it */
};

/* ---- world (ruletest_world.c, ruletest_container.c) ---------------------------------------- */

struct build_proc *build_proc_new(struct build *b);
struct build_proc *build_proc_find(struct build *b, struct str alias);
struct build_proc *build_proc_by_pid(struct build *b, int64_t pid);
/* Take a field about the process or an ancestor. False: the field is not about processes. */
bool build_proc_field(struct build *b, struct build_proc *p, struct build_field *f);
/*
 * Complete what the fields left open and add the process, its ancestors and leaders to the world;
 * `forked`: as it is before it executes what is said about it.
 */
void build_proc_enter(struct build *b, struct build_proc *p, bool forked);
void build_proc_numbers(struct build *b, struct build_proc *p);
void build_proc_defaults(struct build *b, struct build_proc *p);
void build_check_comm(struct build *b, struct build_proc *p);
/* Texts that follow from others: command name from the path, arguments from the command line ... */
void build_proc_texts(struct build *b, struct build_proc *p);
uint64_t build_caps(struct build *b, const struct build_proc *p, struct str text);
struct str build_cgroups(struct build *b, const struct build_container *c);
struct snapshot_item *build_item(struct build *b, enum snapshot_kind kind);

/* Take a field about the container. False: it is about something else. */
bool build_container_field(struct build *b, struct build_container *c, struct build_field *f);
struct build_container *build_container_new(struct build *b);
struct build_container *build_container_find(struct build *b, struct str alias_or_id);
/*
 * The container of the world that `c` describes, `prefer` (may be NULL) if it fits; NULL: the host,
 * or an error (reported).
 */
struct build_container *build_container_settle(struct build *b, struct build_container *c,
					       struct build_container *prefer,
					       const struct yaml_node *at);
/* `given: containers:` */
void build_given_containers(struct build *b, const struct yaml_node *n);
/* Metadata events of all containers, before the first event of the test. */
void build_container_events(struct build *b);

/* `given:` and `events:` of a test. */
void build_world(struct ruletest *t, const struct yaml_node *given, const struct yaml_node *events);

/* ---- addresses (ruletest_addr.c) ----------------------------------------------------------- */

#define BUILD_OWN_IP4 "10.0.0.10"
#define BUILD_OWN_IP6 "2001:db8::10"
/* Kernel addresses that unix sockets of tests have. */
#define BUILD_UNIX_SOURCE 0xffff888100000000UL
#define BUILD_UNIX_PEER 0xffff888200000000UL

struct build_end {
	struct ip_value ip;
	uint16_t port;
};

/* "1.2.3.4:80"; "1.2.3.4:40000->5.6.7.8:80". */
bool build_parse_end(struct str s, struct build_end *ret);
bool build_parse_tuple(struct str s, struct build_end *ret_from, struct build_end *ret_to);
/* Wire form, in the arena. */
struct str build_addr(struct build *b, const struct build_end *end);
struct str build_tuple(struct build *b, const struct build_end *from, const struct build_end *to);
struct str build_unix_addr(struct build *b, struct str path);
struct str build_unix_tuple(struct build *b, struct str path);

/* ---- events (ruletest_event.c, ruletest_fd.c, ruletest_param.c) ---------------------------- */

/* Parameters of an event under construction. */
struct build_params {
	enum event_type type;
	struct str v[EVENT_PARAMS_MAX];
	bool set[EVENT_PARAMS_MAX];
};

/* What the fields say about the fd of the event. */
struct build_fd_desc {
	bool any;
	int64_t num;
	struct str name, type, typechar, directory, filename, realpath, nameraw, l4proto, family;
	struct ip_value sip, cip, lip, rip;
	int64_t sport, cport, lport, rport;
	bool have_sip, have_cip, have_lip, have_rip;
	int64_t is_server, connected, dev, ino, upper, lower;
	int64_t open_read, open_write, open_exec, open_create;
};

struct build_event {
	struct build *b;
	const struct yaml_node *node;	/* for messages */
	struct build_proc *proc;
	struct build_params p;
	struct build_fd_desc fd;
	struct build_field *fields;
	uint32_t nfields;
	int64_t res;			/* UNSET: success */
	struct event_kernel kernel;
	bool truncated;
	uint16_t cpu;
};

/* Keys of an event beside its fields. */
struct build_event_keys {
	const struct yaml_node *proc, *parent, *container, *after;
};

/* Fields and keys of the map into `e` and `keys`. */
void build_event_keys(struct build_event *e, const struct yaml_node *map,
		      struct build_event_keys *keys);
/* The process of the event (e->proc); returns the image that an execve starts, if it is one. */
struct build_proc *build_event_actor(struct build_event *e, const struct build_event_keys *keys);
bool build_is_exec(enum event_type type);
bool build_is_clone(enum event_type type);
/* A new process from a map of fields: `given: processes:`. */
void build_event_process(struct build_event *e, struct str alias, const struct yaml_node *fields);
/* Execve and clone events: parameters that repeat the process. */
void build_exec_params(struct build_event *e, struct build_proc *image);
void build_clone_params(struct build_event *e);
/* `- execve: {...}` of `events:`. */
void build_event(struct build *b, const struct yaml_node *node);

struct build_socket {
	uint8_t kind;
	bool server;
	uint8_t l4;
	struct build_end client, service;	/* both ends of a connection */
	struct str path;
};

/* Both ends, from what the fields say. */
void build_socket_describe(struct build_event *e, struct build_socket *s);
/* Parameters of the socket call that are not given. */
void build_socket_params(struct build_event *e, const struct build_socket *s,
			 struct build_params *p, int64_t fd);
/* The socket as it is before the event. */
void build_socket_before(struct build_event *e, const struct build_socket *s, int64_t fd);
struct str build_socket_tuple(struct build_event *e, const struct build_socket *s, bool from_peer);
/* An event that uses a socket; `known`: one that the process has. */
void build_socket_apply(struct build_event *e, uint8_t kind, const struct build_fd *known);
void build_param_default_bytes(struct build_event *e, const char *param, enum param_type type,
			       struct str value);

bool build_has_param(const struct build_event *e, const char *name, enum param_type type);
/* The number that is wanted, or the next free one. */
int64_t build_fd_number(struct build_proc *p, int64_t wanted);
void build_fd_remember(struct build_event *e, int64_t num);
/* Kind by the name or the character that rules use; FD_UNKNOWN: none. */
uint8_t build_fd_kind(struct str type);
void build_fd_desc_init(struct build_fd_desc *d);
bool build_fd_field(struct build_event *e, struct build_field *f);
/* Files, sockets and parameters that stand for the fd of the event. */
void build_fd_apply(struct build_event *e);

/* The fd as the parameter that the event has for it. */
void build_fd_param(struct build_event *e, int64_t fd);

/* Append an event to the test; state_only: rules do not see it. */
struct ruletest_step *build_step(struct build *b, const struct build_params *p, int64_t tid,
				 bool state_only);

/* Parameter `i` from a value as rules write it. False: wrong (reported). */
bool build_param(struct build_event *e, unsigned i, const struct yaml_node *value);
void build_param_num(struct build *b, struct build_params *p, unsigned i, int64_t v);
void build_param_text(struct build *b, struct build_params *p, unsigned i, struct str s);
void build_param_bytes(struct build *b, struct build_params *p, unsigned i, struct str s);
/* Names of errors, signals, accounts for the type of a parameter. */
bool build_named_number(const struct param_info *info, struct str s, int64_t *ret);
/* A list of texts, NUL-separated; a plain text is split at its blanks. False: reported. */
bool build_texts(struct build *b, const struct yaml_node *value, struct str *ret);
void build_split(struct str s, struct buf *out);
/* Parameter by name, -1 if this type of event has none. */
int build_param_index(enum event_type type, const char *name);
/* Event type by the name that rules use, GENERIC_X with *ret_sc for calls without a row; -1. */
int build_event_type(struct str name, int *ret_sc);
void build_event_name_hint(struct ruletest_file *f, struct diag *g, struct str name);

#endif
