/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each wire type prints. Called through the table at the end, by arg.c only.
 */
#include "engine/field/arg_type.h"
#include "engine/field/fdlist.h"
#include "engine/field/field_fd.h"
#include "engine/field/time_text.h"
#include "engine/state/sock.h"

int64_t arg_signed(const struct arg *a)
{
	switch (param_type_size((enum param_type)a->type)) {
	case 1:
		return (int8_t)a->p.p[0];
	case 2:
		return (int16_t)load_u16(a->p.p);
	case 4:
		return (int32_t)load_u32(a->p.p);
	case 8:
		return (int64_t)load_u64(a->p.p);
	default:
		return 0;
	}
}

uint64_t arg_unsigned(const struct arg *a)
{
	switch (param_type_size((enum param_type)a->type)) {
	case 1:
		return (uint8_t)a->p.p[0];
	case 2:
		return load_u16(a->p.p);
	case 4:
		return load_u32(a->p.p);
	case 8:
		return load_u64(a->p.p);
	default:
		return 0;
	}
}

struct str arg_cstr(const struct arg *a)
{
	const char *nul;

	if (a->p.len == 0)
		return STR_NONE;
	nul = memchr(a->p.p, '\0', a->p.len);
	struct str s = { a->p.p, nul ? (uint32_t)(nul - a->p.p) : a->p.len };

	return str_is(s, "(NULL)") ? STR_NONE : s;
}

static void raw_decimal(const struct arg *a, struct buf *out)
{
	buf_add_i64(out, arg_signed(a));
}

static void raw_signed(const struct arg *a, struct buf *out)
{
	struct value v = { .type = a->type, .fmt = a->fmt, .i = arg_signed(a) };

	value_print(out, &v);
}

static void raw_unsigned(const struct arg *a, struct buf *out)
{
	value_print_u64(out, arg_unsigned(a), a->fmt);
}

static void raw_unsigned_decimal(const struct arg *a, struct buf *out)
{
	buf_add_u64(out, arg_unsigned(a));
}

static void raw_mode(const struct arg *a, struct buf *out)
{
	value_print_u64(out, arg_unsigned(a), PF_OCT);
}

static void raw_text(const struct arg *a, struct buf *out)
{
	struct str s = arg_cstr(a);

	buf_add_str(out, s.p ? s : STR("<NA>"));
}

static bool view_text(const struct arg *a, struct str *ret)
{
	struct str s = arg_cstr(a);

	*ret = s.p ? s : STR("<NA>");
	return true;
}

static void raw_bytes(const struct arg *a, struct buf *out)
{
	value_print_bytes(out, a->p);
}

static void raw_bool(const struct arg *a, struct buf *out)
{
	buf_add_c(out, arg_unsigned(a) ? "true" : "false");
}

static void raw_double(const struct arg *a, struct buf *out)
{
	struct value v = { .type = PT_DOUBLE };

	memcpy(&v.d, a->p.p, sizeof(v.d));
	value_print(out, &v);
}

/* ---- errors, processes, users -------------------------------------------------------------- */

bool arg_print_errno(struct buf *out, int64_t res)
{
	const char *name = res < 0 && res > -4096 ? errno_name((unsigned)-res) : NULL;

	if (name)
		buf_add_c(out, name);
	return name != NULL;
}

static bool resolve_errno(const struct arg *a, struct buf *out)
{
	return arg_print_errno(out, arg_signed(a));
}

static bool view_pid(const struct arg *a, struct str *ret)
{
	int64_t pid = arg_signed(a);
	struct thread *t = pid >= 0 ? state_thread(a->ctx->state, pid) : NULL;

	if (!t || t->comm->len == 0)
		return false;
	*ret = istr_str(t->comm);
	return true;
}

static bool resolve_pid(const struct arg *a, struct buf *out)
{
	struct str s;

	if (!view_pid(a, &s))
		return false;
	buf_add_str(out, s);
	return true;
}

static bool account_name(uint32_t id, const struct istr *name, struct str *ret)
{
	if (id == UINT32_MAX)
		*ret = STR("<NONE>");
	else if (name)
		*ret = istr_str(name);
	else
		*ret = id == 0 ? STR("root") : STR("<NA>");
	return true;
}

static const struct container *container_of_event(const struct arg *a)
{
	return a->ctx->thread ? a->ctx->thread->container : NULL;
}

static bool view_uid(const struct arg *a, struct str *ret)
{
	uint32_t uid = (uint32_t)arg_unsigned(a);
	const struct user_entry *u = state_user(a->ctx->state, container_of_event(a), uid);

	return account_name(uid, u ? u->name : NULL, ret);
}

static bool view_gid(const struct arg *a, struct str *ret)
{
	uint32_t gid = (uint32_t)arg_unsigned(a);
	const struct group_entry *g = state_group(a->ctx->state, container_of_event(a), gid);

	return account_name(gid, g ? g->name : NULL, ret);
}

static bool resolve_uid(const struct arg *a, struct buf *out)
{
	struct str s;

	view_uid(a, &s);
	buf_add_str(out, s);
	return true;
}

static bool resolve_gid(const struct arg *a, struct buf *out)
{
	struct str s;

	view_gid(a, &s);
	buf_add_str(out, s);
	return true;
}

/* Ids are shown as the signed numbers that people write: -1 is "unset". */
static void raw_id(const struct arg *a, struct buf *out)
{
	buf_add_i64(out, (int32_t)arg_unsigned(a));
}

/* ---- flags ---------------------------------------------------------------------------------- */

/* Names of the bits; false when nothing is set. */
static bool arg_print_flags(struct buf *out, const struct flag_table *t, uint64_t bits)
{
	uint64_t left = bits;
	bool any = false;

	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t v = t->rows[i].value;

		if (v ? (left & v) != v : bits != 0)
			continue;
		if (any)
			buf_add_char(out, '|');
		buf_add_c(out, t->rows[i].name);
		any = true;
		if (v == bits)
			break;
		left &= ~v;
	}
	return any;
}

static bool arg_print_enum(struct buf *out, const struct flag_table *t, uint64_t value)
{
	bool any = false;

	for (uint32_t i = 0; i < t->count; i++) {
		if (t->rows[i].value != value)
			continue;
		if (any)
			buf_add_char(out, '|');
		buf_add_c(out, t->rows[i].name);
		any = true;
	}
	return any;
}

static const struct flag_table *table_of(const struct arg *a)
{
	bool has = a->info->ref_kind == REF_FLAGS && a->info->ref < FLAG_TABLE_COUNT;

	return &flag_tables[has ? a->info->ref : FLAG_TABLE_NONE];
}

static bool resolve_flags(const struct arg *a, struct buf *out)
{
	return arg_print_flags(out, table_of(a), arg_unsigned(a));
}

static bool resolve_enum(const struct arg *a, struct buf *out)
{
	return arg_print_enum(out, table_of(a), arg_unsigned(a));
}

static bool resolve_signal(const struct arg *a, struct buf *out)
{
	const char *name = signal_name((unsigned)arg_unsigned(a));

	if (name)
		buf_add_c(out, name);
	return name != NULL;
}

static void raw_sigset(const struct arg *a, struct buf *out)
{
	uint64_t set = arg_unsigned(a);
	bool any = false;

	for (unsigned sig = 1; sig <= 32; sig++) {
		const char *name = set >> (sig - 1) & 1 ? signal_name(sig) : NULL;

		if (!name)
			continue;
		if (any)
			buf_add_char(out, ' ');
		buf_add_c(out, name);
		any = true;
	}
}

static bool view_syscall(const struct arg *a, struct str *ret)
{
	uint64_t code = arg_unsigned(a);

	if (code >= SC_COUNT || !sc_infos[code].name)
		return false;
	*ret = str_from(sc_infos[code].name);
	return true;
}

static bool resolve_syscall(const struct arg *a, struct buf *out)
{
	struct str s;

	if (!view_syscall(a, &s))
		return false;
	buf_add_str(out, s);
	return true;
}

/* ---- sockets, poll sets, times, addresses, arrays ------------------------------------------- */

static void raw_sockaddr(const struct arg *a, struct buf *out)
{
	sock_print_addr(out, a->p);
}

static void raw_socktuple(const struct arg *a, struct buf *out)
{
	sock_print_tuple(out, a->p);
}

static void raw_fdlist(const struct arg *a, struct buf *out)
{
	const struct fdinfo *fd;
	struct fdlist_iter it = fdlist_start(a->p);
	int64_t num;
	uint16_t events;
	bool any = false;

	while (fdlist_next(&it, &num, &events)) {
		if (any)
			buf_add_char(out, ' ');
		any = true;
		buf_add_i64(out, num);
		buf_add_char(out, ':');
		fd = arg_find_fd(a->ctx, num);
		buf_add_str(out, fd ? fd_type_char(fd) : STR("?"));
		buf_printf(out, "%x", events);
	}
}

static void raw_reltime(const struct arg *a, struct buf *out)
{
	if (arg_unsigned(a) == UINT64_MAX)
		buf_add_c(out, "none");
	else
		buf_add_u64(out, arg_unsigned(a));
}

static bool resolve_reltime(const struct arg *a, struct buf *out)
{
	if (arg_unsigned(a) == UINT64_MAX)
		return false;
	buf_printf(out, "%lgs", (double)arg_unsigned(a) / 1e9);
	return true;
}

static void raw_abstime(const struct arg *a, struct buf *out)
{
	char text[TIME_TEXT_MAX];

	buf_add(out, text, time_text(text, arg_unsigned(a), a->ctx->tz_offset_s,
				     TIME_TEXT_DATE | TIME_TEXT_CLOCK | TIME_TEXT_NS));
}

static void raw_ip(const struct arg *a, struct buf *out)
{
	if (a->p.len == 4 || a->p.len == 16)
		sock_print_ip(out, (const uint8_t *)a->p.p, a->p.len == 16);
	else
		buf_add_c(out, "<NA>");
}

/* NUL-terminated texts one after another; `sep` between them, in turn with `inner`. */
static void print_texts(const struct arg *a, struct buf *out, char inner, char sep)
{
	uint32_t at = 0, n = 0;

	while (at < a->p.len) {
		const char *from = a->p.p + at;
		const char *nul = memchr(from, '\0', a->p.len - at);
		uint32_t len = nul ? (uint32_t)(nul - from) : a->p.len - at;

		if (n)
			buf_add_char(out, n % 2 ? inner : sep);
		buf_add(out, from, len);
		at += len + 1;
		n++;
	}
}

static void raw_texts(const struct arg *a, struct buf *out)
{
	print_texts(a, out, '.', '.');
}

static void raw_text_pairs(const struct arg *a, struct buf *out)
{
	print_texts(a, out, '=', ',');
}

static void raw_unknown_variant(const struct arg *a, struct buf *out)
{
	buf_add_c(out, "INVALID DYNAMIC PARAMETER");
}

#define NUMBER_SIGNED { .raw = raw_signed }
#define NUMBER_UNSIGNED { .raw = raw_unsigned }
#define FLAGS_ROW { .raw = raw_unsigned_decimal, .resolved = resolve_flags, .by_number = true }
#define ENUM_ROW { .raw = raw_unsigned_decimal, .resolved = resolve_enum, .by_number = true }
#define FD_ROW { .raw = raw_decimal, .resolved = arg_resolve_fd }
#define PID_ROW { .raw = raw_decimal, .resolved = resolve_pid, .view = view_pid }
#define IP_ROW { .raw = raw_ip }

const struct arg_type arg_types[PT_COUNT] = {
	[PT_INT8] = NUMBER_SIGNED,
	[PT_INT16] = NUMBER_SIGNED,
	[PT_INT32] = NUMBER_SIGNED,
	[PT_INT64] = NUMBER_SIGNED,
	[PT_UINT8] = NUMBER_UNSIGNED,
	[PT_UINT16] = NUMBER_UNSIGNED,
	[PT_UINT32] = NUMBER_UNSIGNED,
	[PT_UINT64] = NUMBER_UNSIGNED,
	[PT_CHARBUF] = { .raw = raw_text, .view = view_text },
	[PT_BYTEBUF] = { .raw = raw_bytes, .null_text = "NULL" },
	[PT_ERRNO] = { .raw = raw_decimal, .resolved = resolve_errno },
	[PT_SOCKADDR] = { .raw = raw_sockaddr },
	[PT_SOCKTUPLE] = { .raw = raw_socktuple, .null_text = "NULL" },
	[PT_FD] = FD_ROW,
	[PT_PID] = PID_ROW,
	[PT_FDLIST] = { .raw = raw_fdlist, .null_text = "NULL" },
	[PT_FSPATH] = { .raw = raw_text, .resolved = arg_resolve_path, .view = arg_view_path },
	[PT_SYSCALLID] = { raw_unsigned_decimal, resolve_syscall, view_syscall, NULL },
	[PT_SIGTYPE] = { .raw = raw_unsigned_decimal, .resolved = resolve_signal },
	[PT_RELTIME] = { .raw = raw_reltime, .resolved = resolve_reltime },
	[PT_ABSTIME] = { .raw = raw_abstime },
	[PT_PORT] = NUMBER_UNSIGNED,
	[PT_L4PROTO] = NUMBER_UNSIGNED,
	[PT_SOCKFAMILY] = NUMBER_UNSIGNED,
	[PT_BOOL] = { .raw = raw_bool },
	[PT_IPV4ADDR] = IP_ROW,
	[PT_DYN] = { .raw = raw_unknown_variant, .null_text = "NULL" },
	[PT_FLAGS8] = FLAGS_ROW,
	[PT_FLAGS16] = FLAGS_ROW,
	[PT_FLAGS32] = FLAGS_ROW,
	[PT_UID] = { .raw = raw_id, .resolved = resolve_uid, .view = view_uid },
	[PT_GID] = { .raw = raw_id, .resolved = resolve_gid, .view = view_gid },
	[PT_DOUBLE] = { .raw = raw_double },
	[PT_SIGSET] = { .raw = raw_sigset },
	[PT_CHARBUFARRAY] = { .raw = raw_texts, .null_text = "NULL" },
	[PT_CHARBUF_PAIR_ARRAY] = { .raw = raw_text_pairs, .null_text = "NULL" },
	[PT_IPV6ADDR] = IP_ROW,
	[PT_IPADDR] = IP_ROW,
	[PT_MODE] = { .raw = raw_mode, .resolved = resolve_flags },
	[PT_FSRELPATH] = { .raw = raw_text,
			   .resolved = arg_resolve_rel_path,
			   .view = arg_view_path },
	[PT_ENUMFLAGS8] = ENUM_ROW,
	[PT_ENUMFLAGS16] = ENUM_ROW,
	[PT_ENUMFLAGS32] = ENUM_ROW,
	[PT_FD32] = FD_ROW,
	[PT_PID32] = PID_ROW,
};
