/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading of the metadata blocks of .scap: block types and one entry of each list in all its
 * versions. Called by the trace reader (and by scap_write.c for block numbers); owns no memory.
 */
#include "engine/event/scap_block.h"

static const struct block_type block_types[] = {
#define BLOCK(number, kind, version) { number, BLOCK_##kind, version },
#include "engine/event/scap_blocks.def"
#undef BLOCK
};

const struct block_type *scap_block_type(uint32_t number)
{
	static const struct block_type unknown = { 0, BLOCK_UNKNOWN, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(block_types); i++)
		if (block_types[i].number == number)
			return &block_types[i];
	return &unknown;
}

uint32_t scap_block_number(enum block_kind kind, unsigned version)
{
	uint32_t number = 0;
	unsigned best = 0;

	for (size_t i = 0; i < ARRAY_SIZE(block_types); i++) {
		const struct block_type *t = &block_types[i];

		if (t->kind == kind && t->version > best && (!version || t->version == version)) {
			best = t->version;
			number = t->number;
		}
	}
	return number;
}

const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (n > cursor_left(c)) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += n;
	return p;
}

uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p ? *p : 0;
}

#define CURSOR(bits)                                                 \
	uint##bits##_t cursor_u##bits(struct cursor *c)              \
	{                                                            \
		const uint8_t *p = cursor_take(c, (bits) / 8);       \
		uint##bits##_t v = p ? load_u##bits(p) : 0;          \
		return c->swap ? __builtin_bswap##bits(v) : v;       \
	}
CURSOR(16)
CURSOR(32)
CURSOR(64)
#undef CURSOR

struct str cursor_str(struct cursor *c)
{
	uint16_t len = cursor_u16(c);
	const uint8_t *p = cursor_take(c, len);

	return (struct str){ p ? (const char *)p : "", p ? len : 0 };
}

static int64_t cursor_i64(struct cursor *c)
{
	return (int64_t)cursor_u64(c);
}

static void cursor_copy(struct cursor *c, void *to, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (p)
		memcpy(to, p, n);
}

/*
 * Entries of newer versions start with their length: narrow the cursor to the entry, so that a
 * value cannot reach into the next one, and find that next one.
 */
static bool enter_entry(struct cursor *c, const uint8_t *start, uint32_t len, struct cursor *ret_in)
{
	if (c->bad || len > (size_t)(c->end - start) || start + len < c->p)
		return false;
	*ret_in = (struct cursor){ c->p, start + len, false, c->swap };
	c->p = start + len;
	return true;
}

int scap_get_machine(struct cursor *c, struct machine_record *ret_m)
{
	struct machine_record m = { .num_cpus = cursor_u32(c) };
	const uint8_t *host;

	m.memory_bytes = cursor_u64(c);
	m.max_pid = cursor_u64(c);
	host = cursor_take(c, SCAP_HOSTNAME);
	m.boot_ts = cursor_u64(c);
	m.flags = cursor_u64(c);
	if (c->bad)
		return -EBADMSG;
	m.hostname = (struct str){ (const char *)host,
				   (uint32_t)strnlen((const char *)host, SCAP_HOSTNAME) };
	*ret_m = m;
	return 0;
}

/* The end of a V9 entry may stop after any of these. */
static void get_proc_tail(struct cursor *c, struct proc_record *p)
{
	/* Older writers left the first two out; what follows them is this long. */
	const size_t tail_without_tty = 4 + 1 + 3 * 8;

#define OPTIONAL(bits, member)                          \
	do {                                            \
		if (cursor_left(c) < (bits) / 8)        \
			return;                         \
		p->member = cursor_u##bits(c);          \
	} while (0)
	if (cursor_left(c) > tail_without_tty) {
		OPTIONAL(64, pidns_init_start_ts);
		OPTIONAL(32, tty);
	}
	OPTIONAL(32, loginuid);
	OPTIONAL(8, exe_writable);
	OPTIONAL(64, cap_inheritable);
	OPTIONAL(64, cap_permitted);
	OPTIONAL(64, cap_effective);
	OPTIONAL(8, exe_upper_layer);
	OPTIONAL(64, exe_ino);
	OPTIONAL(64, exe_ino_ctime);
	OPTIONAL(64, exe_ino_mtime);
	OPTIONAL(8, exe_from_memfd);
	OPTIONAL(8, exe_lower_layer);
	OPTIONAL(64, pgid);
#undef OPTIONAL
}

static void get_proc_head(struct cursor *c, unsigned version, struct proc_record *p)
{
	p->tid = cursor_i64(c);
	p->pid = cursor_i64(c);
	p->ptid = cursor_i64(c);
	p->sid = version >= 6 ? cursor_i64(c) : -1;
	p->vpgid = version >= 8 ? cursor_i64(c) : -1;
	p->comm = cursor_str(c);
	p->exe = cursor_str(c);
	p->exepath = version >= 7 ? cursor_str(c) : STR("");
	p->args = cursor_str(c);
	p->cwd = cursor_str(c);
	p->fdlimit = cursor_i64(c);
	p->flags = cursor_u32(c);
	p->uid = cursor_u32(c);
	p->gid = cursor_u32(c);
	if (version >= 2) {
		p->vmsize_kb = cursor_u32(c);
		p->vmrss_kb = cursor_u32(c);
		p->vmswap_kb = cursor_u32(c);
		p->pfmajor = cursor_u64(c);
		p->pfminor = cursor_u64(c);
	}
	p->env = version >= 3 ? cursor_str(c) : STR("");
	p->vtid = version >= 4 ? cursor_i64(c) : -1;
	p->vpid = version >= 4 ? cursor_i64(c) : -1;
	p->cgroups = version >= 4 ? cursor_str(c) : STR("");
	p->root = version >= 5 ? cursor_str(c) : STR("");
}

int scap_get_proc(struct cursor *c, unsigned version, struct proc_record *ret_p)
{
	struct proc_record p = { .pgid = -1, .loginuid = UINT32_MAX };
	const uint8_t *start = c->p;

	if (version >= 9) {
		struct cursor in;

		if (!enter_entry(c, start, cursor_u32(c), &in))
			return -EBADMSG;
		get_proc_head(&in, version, &p);
		if (in.bad)
			return -EBADMSG;
		get_proc_tail(&in, &p);
	} else {
		get_proc_head(c, version, &p);
		if (c->bad)
			return -EBADMSG;
	}
	*ret_p = p;
	return 0;
}

static void get_addresses(struct cursor *c, size_t size, bool server, struct fd_record *f)
{
	if (!server)
		cursor_copy(c, f->sip, size);
	cursor_copy(c, f->dip, size);
	if (!server)
		f->sport = cursor_u16(c);
	f->dport = cursor_u16(c);
	f->l4 = cursor_u8(c);
}

static bool fd_has_only_name(unsigned kind)
{
	return kind == FD_FILE || kind == FD_DIRECTORY || kind == FD_FIFO ||
	       (kind >= FD_EVENTFD && kind <= FD_NETLINK) || (kind >= FD_BPF && kind <= FD_PIDFD);
}

/* False when the kind is not known. */
static bool get_fd_payload(struct cursor *c, unsigned version, struct fd_record *f)
{
	switch (f->kind) {
	case FD_IPV4:
	case FD_IPV4_SERVER:
		get_addresses(c, 4, f->kind == FD_IPV4_SERVER, f);
		return true;
	case FD_IPV6:
	case FD_IPV6_SERVER:
		get_addresses(c, 16, f->kind == FD_IPV6_SERVER, f);
		return true;
	case FD_UNIX:
		f->unix_source = cursor_u64(c);
		f->unix_peer = cursor_u64(c);
		f->name = cursor_str(c);
		return true;
	case FD_FILE_V2:
		f->open_flags = cursor_u32(c);
		f->name = cursor_str(c);
		if (version >= 2 && cursor_left(c) >= 4)
			f->dev = cursor_u32(c);
		return true;
	}
	if (!fd_has_only_name(f->kind))
		return false;
	f->name = cursor_str(c);
	return true;
}

int scap_get_fd(struct cursor *c, unsigned version, char *name, struct fd_record *ret_f)
{
	struct fd_record f = { .name = STR("") };
	const uint8_t *start = c->p;
	struct cursor entry, *in = c;

	if (version >= 2) {
		if (!enter_entry(c, start, cursor_u32(c), &entry))
			return -EBADMSG;
		in = &entry;
	}
	f.fd = cursor_i64(in);
	f.ino = cursor_u64(in);
	f.kind = cursor_u8(in);
	if (!get_fd_payload(in, version, &f)) {
		/* Without a length the rest of the list cannot be found. */
		if (version < 2)
			return -EBADMSG;
		snprintf(name, 32, "unknown-type:[%u]", f.kind);
		f.name = str_from(name);
		f.kind = FD_UNSUPPORTED;
	}
	if (in->bad)
		return -EBADMSG;
	*ret_f = f;
	return 0;
}

int scap_get_iface(struct cursor *c, unsigned version, struct iface_record *ret_i)
{
	/* 1 and 2: IPv4 and IPv6 with link speed, 3 and 4: without. */
	enum { IFACE_V6 = 2, IFACE_V4_SHORT = 3, IFACE_V6_SHORT = 4 };
	struct iface_record i = { .v6 = false };
	struct cursor entry, *in = c;
	uint16_t type, name_len;
	const uint8_t *name;
	size_t size;

	if (version >= 2) {
		uint32_t len = cursor_u32(c);

		if (!enter_entry(c, c->p, len, &entry))
			return -EBADMSG;
		in = &entry;
	}
	type = cursor_u16(in);
	name_len = cursor_u16(in);
	if (type < 1 || type > IFACE_V6_SHORT)
		return -EBADMSG;
	i.v6 = type == IFACE_V6 || type == IFACE_V6_SHORT;
	size = i.v6 ? 16 : 4;
	cursor_copy(in, i.addr, size);
	cursor_copy(in, i.mask, size);
	cursor_copy(in, i.bcast, size);
	i.link_speed = type < IFACE_V4_SHORT ? cursor_u64(in) : 0;
	name = cursor_take(in, name_len);
	if (in->bad)
		return -EBADMSG;
	i.name = (struct str){ (const char *)name,
			       (uint32_t)strnlen((const char *)name, name_len) };
	*ret_i = i;
	return 0;
}

int scap_get_user(struct cursor *c, unsigned version, struct user_record *ret_u)
{
	struct user_record u = { .home = STR(""), .shell = STR(""), .container_id = STR("") };
	const uint8_t *start = c->p;
	struct cursor entry, *in = c;

	if (version >= 2) {
		if (!enter_entry(c, start, cursor_u32(c), &entry))
			return -EBADMSG;
		in = &entry;
	}
	u.is_group = cursor_u8(in) != 0;
	if (!u.is_group)
		u.uid = cursor_u32(in);
	u.gid = cursor_u32(in);
	u.name = cursor_str(in);
	if (!u.is_group) {
		u.home = cursor_str(in);
		u.shell = cursor_str(in);
	}
	if (in->bad)
		return -EBADMSG;
	*ret_u = u;
	return 0;
}
