/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fd of a test's event: fields fd.* become what the event needs. Files are in the table of the
 * process before the first event; sockets get theirs from the calls that make them, fed as events
 * that rules do not see, so that roles and names are those of the real state tables.
 */
#include "agent/ruletest_build.h"

enum row_kind { ROW_TEXT, ROW_NUMBER, ROW_BOOL, ROW_IP };

static const struct fd_row {
	const char *field;
	uint8_t kind;			/* enum row_kind */
	uint16_t offset, have;		/* have: flag beside an address */
} rows[] = {
#define AT(member) offsetof(struct build_fd_desc, member)
	{ "fd.num", ROW_NUMBER, AT(num) },
	{ "fd.name", ROW_TEXT, AT(name) },
	{ "fd.type", ROW_TEXT, AT(type) },
	{ "fd.typechar", ROW_TEXT, AT(typechar) },
	{ "fd.directory", ROW_TEXT, AT(directory) },
	{ "fd.filename", ROW_TEXT, AT(filename) },
	{ "fd.realpath", ROW_TEXT, AT(realpath) },
	{ "fd.nameraw", ROW_TEXT, AT(nameraw) },
	{ "fd.l4proto", ROW_TEXT, AT(l4proto) },
	{ "fd.sockfamily", ROW_TEXT, AT(family) },
	{ "fd.sip", ROW_IP, AT(sip), AT(have_sip) },
	{ "fd.cip", ROW_IP, AT(cip), AT(have_cip) },
	{ "fd.lip", ROW_IP, AT(lip), AT(have_lip) },
	{ "fd.rip", ROW_IP, AT(rip), AT(have_rip) },
	{ "fd.ip", ROW_IP, AT(rip), AT(have_rip) },
	{ "fd.sport", ROW_NUMBER, AT(sport) },
	{ "fd.cport", ROW_NUMBER, AT(cport) },
	{ "fd.lport", ROW_NUMBER, AT(lport) },
	{ "fd.rport", ROW_NUMBER, AT(rport) },
	{ "fd.port", ROW_NUMBER, AT(sport) },
	{ "fd.is_server", ROW_BOOL, AT(is_server) },
	{ "fd.connected", ROW_BOOL, AT(connected) },
	{ "fd.dev", ROW_NUMBER, AT(dev) },
	{ "fd.ino", ROW_NUMBER, AT(ino) },
	{ "fd.is_upper_layer", ROW_BOOL, AT(upper) },
	{ "fd.is_lower_layer", ROW_BOOL, AT(lower) },
	{ "evt.is_open_read", ROW_BOOL, AT(open_read) },
	{ "evt.is_open_write", ROW_BOOL, AT(open_write) },
	{ "evt.is_open_exec", ROW_BOOL, AT(open_exec) },
	{ "evt.is_open_create", ROW_BOOL, AT(open_create) },
#undef AT
};

static const struct kind_name {
	const char *name;
	char letter;
	uint8_t kind;
} kinds[] = {
	{ "file", 'f', FD_FILE_V2 }, { "directory", 'd', FD_DIRECTORY }, { "ipv4", '4', FD_IPV4 },
	{ "ipv6", '6', FD_IPV6 }, { "unix", 'u', FD_UNIX }, { "pipe", 'p', FD_FIFO },
	{ "event", 'e', FD_EVENTFD }, { "signalfd", 's', FD_SIGNALFD },
	{ "eventpoll", 'l', FD_EVENTPOLL }, { "inotify", 'i', FD_INOTIFY },
	{ "timerfd", 't', FD_TIMERFD }, { "netlink", 'n', FD_NETLINK }, { "bpf", 'b', FD_BPF },
	{ "userfaultfd", 'u', FD_USERFAULTFD }, { "io_uring", 'r', FD_IO_URING },
	{ "memfd", 'm', FD_MEMFD }, { "pidfd", 'P', FD_PIDFD },
};

uint8_t build_fd_kind(struct str type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (str_is(type, kinds[i].name) || (type.len == 1 && type.p[0] == kinds[i].letter))
			return kinds[i].kind;
	return FD_UNKNOWN;
}

void build_fd_desc_init(struct build_fd_desc *d)
{
	*d = (struct build_fd_desc){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == ROW_NUMBER || rows[i].kind == ROW_BOOL)
			*(int64_t *)((char *)d + rows[i].offset) = UNSET;
}

bool build_fd_field(struct build_event *e, struct build_field *f)
{
	struct ruletest_file *file = e->b->file;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		void *at = (char *)&e->fd + rows[i].offset;
		bool on;

		if (!str_is(f->ref.plain, rows[i].field))
			continue;
		if (yaml_deref(f->value)->is_null)
			return true;
		e->fd.any |= str_starts(f->ref.plain, STR("fd."));
		if (rows[i].kind == ROW_TEXT)
			ruletest_text(file, f->value, rows[i].field, at);
		else if (rows[i].kind == ROW_NUMBER)
			ruletest_number(file, f->value, rows[i].field, -1, INT64_MAX, at);
		else if (rows[i].kind == ROW_IP)
			*((bool *)&e->fd + rows[i].have) = value_parse_ip(f->text, at);
		else if (ruletest_bool(file, f->value, rows[i].field, &on))
			*(int64_t *)at = on;
		return true;
	}
	return false;
}

/* ---- what the event is about --------------------------------------------------------------- */

bool build_has_param(const struct build_event *e, const char *name, enum param_type type)
{
	int i = build_param_index(e->p.type, name);

	return i >= 0 && event_infos[e->p.type].params[i].type == type;
}

static bool build_is_socket_call(const struct build_event *e)
{
	return build_has_param(e, "tuple", PT_SOCKTUPLE) || build_has_param(e, "addr", PT_SOCKADDR);
}

static bool has_address(const struct build_fd_desc *d)
{
	return d->have_sip || d->have_cip || d->have_lip || d->have_rip || d->sport != UNSET ||
	       d->cport != UNSET || d->lport != UNSET || d->rport != UNSET || d->l4proto.p;
}

static uint8_t kind_of(const struct build_event *e)
{
	const struct build_fd_desc *d = &e->fd;
	struct build_end from, to;

	if (d->type.p || d->typechar.p)
		return build_fd_kind(d->type.p ? d->type : d->typechar);
	if (str_is(d->family, "unix"))
		return FD_UNIX;
	if (d->name.len && d->name.p[0] != '/' && build_parse_tuple(d->name, &from, &to))
		return from.ip.v6 ? FD_IPV6 : FD_IPV4;
	if (has_address(d) || str_is(d->family, "ip"))
		return (d->have_sip && d->sip.v6) || (d->have_cip && d->cip.v6) ||
		       (d->have_lip && d->lip.v6) || (d->have_rip && d->rip.v6) ? FD_IPV6 : FD_IPV4;
	if (build_is_socket_call(e))
		return d->name.len && d->name.p[0] == '/' ? FD_UNIX : FD_IPV4;
	return e->p.type == EV_MEMFD_CREATE_X ? FD_MEMFD : FD_FILE_V2;
}

/* Full name of a file. */
static struct str path_of(struct build_event *e)
{
	const struct build_fd_desc *d = &e->fd;
	bool slash = str_ends(d->directory, STR("/"));

	if (d->name.p)
		return d->name;
	if (d->directory.p || d->filename.p)
		return str_from(arena_printf(e->b->arena, "%.*s%s%.*s",
					     STR_ARG(d->directory.p ? d->directory : STR("/tmp")),
					     slash ? "" : "/",
					     STR_ARG(d->filename.p ? d->filename : STR("file"))));
	return d->realpath.p ? d->realpath : STR("");
}

int64_t build_fd_number(struct build_proc *p, int64_t wanted)
{
	return wanted != UNSET && wanted >= 0 ? wanted : p->next_fd++;
}

static struct build_fd *known_fd(const struct build_event *e)
{
	for (struct build_fd *f = e->proc->fds; f; f = f->next)
		if (e->fd.num != UNSET ? f->num == e->fd.num
				       : e->fd.name.len && str_eq(f->name, e->fd.name))
			return f;
	return NULL;
}

void build_fd_remember(struct build_event *e, int64_t num)
{
	struct build_fd *f = arena_new(e->b->arena, struct build_fd);

	if (!f) {
		ruletest_oom(e->b->file);
		return;
	}
	*f = (struct build_fd){ .num = num, .name = path_of(e), .next = e->proc->fds };
	e->proc->fds = f;
	e->proc->next_fd = MAX(e->proc->next_fd, num + 1);
}

static void add_file(struct build_event *e, int64_t num, uint8_t kind)
{
	const struct build_fd_desc *d = &e->fd;
	struct snapshot_item *item = build_item(e->b, SNAP_FD);

	if (!item)
		return;
	item->fd = (struct fd_record){
		.tid = e->proc->pid, .fd = num, .kind = kind, .name = path_of(e),
		.ino = d->ino == UNSET ? 0 : (uint64_t)d->ino,
		.dev = d->dev == UNSET ? 0 : (uint32_t)d->dev,
		.open_flags = WO_RDWR | (d->upper == 1 ? WO_UPPER_LAYER : 0) |
			      (d->lower == 1 ? WO_LOWER_LAYER : 0),
	};
}

/* ---- events that make fds ------------------------------------------------------------------ */

static void default_num(struct build_event *e, const char *param, int64_t v)
{
	int i = build_param_index(e->p.type, param);

	if (i >= 0 && !e->p.set[i])
		build_param_num(e->b, &e->p, (unsigned)i, v);
}

static int64_t open_flags(const struct build_event *e, uint8_t kind)
{
	const struct build_fd_desc *d = &e->fd;
	int64_t flags = d->open_write == 1 ? WO_WRONLY : WO_RDONLY;

	if (d->open_write == 1 && d->open_read == 1)
		flags = WO_RDWR;
	if (d->open_create == 1)
		flags |= WO_CREAT | WO_F_CREATED;
	if (d->open_exec == 1)
		flags |= WO_CREAT;
	if (kind == FD_DIRECTORY)
		flags |= WO_DIRECTORY;
	if (d->upper == 1)
		flags |= WO_UPPER_LAYER;
	if (d->lower == 1)
		flags |= WO_LOWER_LAYER;
	return flags;
}

static void apply_open(struct build_event *e, uint8_t kind)
{
	struct str name = e->fd.nameraw.p ? e->fd.nameraw : path_of(e);
	int i = build_param_index(e->p.type, "name");

	if (i < 0)
		i = build_param_index(e->p.type, "path");
	if (i >= 0 && !e->p.set[i] && name.len)
		build_param_text(e->b, &e->p, (unsigned)i, name);
	default_num(e, "dirfd", WIRE_AT_FDCWD);
	default_num(e, "flags", open_flags(e, kind));
	default_num(e, "mode", e->fd.open_exec == 1 ? 0755 : e->fd.open_create == 1 ? 0644 : 0);
	default_num(e, "dev", e->fd.dev == UNSET ? 0 : e->fd.dev);
	default_num(e, "ino", e->fd.ino == UNSET ? 0 : e->fd.ino);
}

static bool is_open(enum event_type type)
{
	return type == EV_OPEN_X || type == EV_OPENAT_2_X || type == EV_OPENAT2_X ||
	       type == EV_CREAT_X || type == EV_OPEN_BY_HANDLE_AT_X;
}

static bool is_dup(enum event_type type)
{
	return type == EV_DUP_1_X || type == EV_DUP2_X || type == EV_DUP3_X;
}

/* The fd that is copied has to be there; fields describe both. */
static void apply_dup(struct build_event *e, uint8_t kind)
{
	int64_t copy = e->fd.num, from = e->proc->next_fd++;
	struct build_socket s = { .kind = kind };

	e->fd.num = UNSET;
	if (kind == FD_IPV4 || kind == FD_IPV6 || kind == FD_UNIX) {
		build_socket_describe(e, &s);
		build_socket_before(e, &s, from);
	} else if (e->fd.any) {
		add_file(e, from, kind);
	}
	copy = build_fd_number(e->proc, copy);
	default_num(e, "oldfd", from);
	default_num(e, "newfd", copy);
	default_num(e, "res", copy);
	e->fd.num = copy;
}

static void apply_creation(struct build_event *e, uint8_t kind)
{
	enum event_type type = e->p.type;
	struct build_socket s = { .kind = kind };
	int64_t fd;

	if (is_dup(type)) {
		apply_dup(e, kind);
		return;
	}
	fd = build_fd_number(e->proc, e->fd.num);
	if (is_open(type)) {
		apply_open(e, kind);
	} else if (type == EV_SOCKET_X) {
		build_socket_describe(e, &s);
		build_socket_params(e, &s, &e->p, fd);
	} else if (type == EV_ACCEPT_5_X || type == EV_ACCEPT4_6_X) {
		build_socket_describe(e, &s);
		build_param_default_bytes(e, "tuple", PT_SOCKTUPLE,
					  build_socket_tuple(e, &s, true));
	} else if (build_has_param(e, "fd2", PT_FD)) {
		default_num(e, "fd1", fd++);
		default_num(e, "fd2", fd);
		e->proc->next_fd = MAX(e->proc->next_fd, fd + 1);
		return;
	} else if (e->fd.name.p) {
		apply_open(e, kind);	/* memfd_create */
	}
	if (e->res == UNSET)
		e->res = fd;
	if (e->res >= 0)
		build_fd_remember(e, e->res);
}

/* ---- all ----------------------------------------------------------------------------------- */

void build_fd_param(struct build_event *e, int64_t fd)
{
	int i = event_infos[e->p.type].fd_param;

	if (i >= 0 && !e->p.set[i])
		build_param_num(e->b, &e->p, (unsigned)i, fd);
}

static void apply_kernel(struct build_event *e, uint8_t kind)
{
	if (!e->fd.realpath.p)
		return;
	e->kernel.have = KERNEL_FD_PATH | KERNEL_FD_KIND;
	e->kernel.fd_path = e->fd.realpath;
	e->kernel.fd_kind = kind == FD_FILE_V2 ? FD_FILE : kind;
}

void build_fd_apply(struct build_event *e)
{
	const struct event_info *info = &event_infos[e->p.type];
	struct build_fd *known;
	uint8_t kind = kind_of(e);

	if (kind == FD_UNKNOWN) {
		ruletest_report_node(e->b->file, e->node, "no such type of fd: '%.*s'",
				     STR_ARG(e->fd.type.p ? e->fd.type : e->fd.typechar));
		return;
	}
	apply_kernel(e, kind);
	if (info->flags & EF_CREATES_FD) {
		apply_creation(e, kind);
		return;
	}
	if (info->fd_param < 0 || (!e->fd.any && !build_is_socket_call(e)))
		return;
	known = known_fd(e);
	if (kind == FD_IPV4 || kind == FD_IPV6 || kind == FD_UNIX || kind == FD_NETLINK) {
		build_socket_apply(e, kind, known);
		return;
	}
	if (!known) {
		int64_t fd = build_fd_number(e->proc, e->fd.num);

		add_file(e, fd, kind);
		build_fd_remember(e, fd);
		known = e->proc->fds;
	}
	build_fd_param(e, known->num);
}
