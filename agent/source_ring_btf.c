/* SPDX-License-Identifier: Apache-2.0 */
/* Called by source_ring_load.c before anything is loaded; keeps nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/source_ring_btf.h"

#define VMLINUX "/sys/kernel/btf/vmlinux"
#define READ_BYTES (256 * 1024)
#define FLAVOUR "___"

/* Names that bpf/ has for types of the kernel. */
static const char *const read_names[] = {
#include "bpf/kernel_types.h"
};

struct cut {
	const struct btf_header *h;
	const uint8_t *types;	/* types_len bytes */
	const char *strings;
	uint32_t *at;		/* by type number: where it begins */
	uint32_t n, last;	/* numbers are 1 to n; the last one that stays */
	uint8_t *kept;		/* by type number */
	struct strmap names;	/* that bpf/ has, without flavours */
};

/* Spellings of a structure in other kernels have a flavour behind their name. */
static int add_names(struct cut *c, const char *const *names, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		if (!strstr(names[i], FLAVOUR))
			r = strmap_put(&c->names, str_from(names[i]), (void *)names[i]);
	return r;
}

/* Bytes of a type; 0: a kind that did not exist when this was written. */
static uint32_t type_size(const struct btf_type *t)
{
	uint32_t n = BTF_INFO_VLEN(t->info), more;

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT: more = sizeof(uint32_t); break;
	case BTF_KIND_ARRAY: more = sizeof(struct btf_array); break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: more = n * sizeof(struct btf_member); break;
	case BTF_KIND_ENUM: more = n * sizeof(struct btf_enum); break;
	case BTF_KIND_ENUM64: more = n * sizeof(struct btf_enum64); break;
	case BTF_KIND_FUNC_PROTO: more = n * sizeof(struct btf_param); break;
	case BTF_KIND_VAR: more = sizeof(struct btf_var); break;
	case BTF_KIND_DATASEC: more = n * sizeof(struct btf_var_secinfo); break;
	case BTF_KIND_DECL_TAG: more = sizeof(struct btf_decl_tag); break;
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG: more = 0; break;
	default: return 0;
	}
	return sizeof(*t) + more;
}

static const struct btf_type *type_at(const struct cut *c, uint32_t id)
{
	return (const struct btf_type *)(c->types + c->at[id]);
}

/* Where each type begins. */
static int index_types(struct cut *c)
{
	uint32_t at = 0, size, max = c->h->type_len / sizeof(struct btf_type) + 2;

	c->at = malloc(max * sizeof(*c->at));
	c->kept = calloc(max, 1);
	if (!c->at || !c->kept)
		return -ENOMEM;
	while (at < c->h->type_len) {
		if (c->h->type_len - at < sizeof(struct btf_type))
			return -EBADMSG;
		c->at[++c->n] = at;
		size = type_size(type_at(c, c->n));
		if (!size || size > c->h->type_len - at)
			return -EBADMSG;
		at += size;
	}
	c->at[c->n + 1] = at;
	return 0;
}

/* `id` stays, with what it is made of. What it points to need not. */
static int keep(struct cut *c, uint32_t id, unsigned depth)
{
	const struct btf_type *t;
	const struct btf_member *m;
	int r = 0;

	if (!id || (id <= c->n && c->kept[id]))
		return 0;
	if (id > c->n || depth > 64)
		return -EBADMSG;
	c->kept[id] = 1;
	c->last = MAX(c->last, id);
	t = type_at(c, id);
	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return keep(c, t->type, depth + 1);
	case BTF_KIND_ARRAY:
		return keep(c, ((const struct btf_array *)(t + 1))->type, depth + 1);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		m = (const struct btf_member *)(t + 1);
		for (uint32_t i = 0; !r && i < BTF_INFO_VLEN(t->info); i++)
			r = keep(c, m[i].type, depth + 1);
		return r;
	default:
		return 0;
	}
}

static int keep_named(struct cut *c)
{
	int r = 0;

	for (uint32_t id = 1; !r && id <= c->n; id++) {
		const struct btf_type *t = type_at(c, id);
		const char *text, *flavour;
		struct str name;

		switch (BTF_INFO_KIND(t->info)) {
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_TYPEDEF:
			break;
		default:
			continue;
		}
		if (t->name_off >= c->h->str_len)
			return -EBADMSG;
		text = c->strings + t->name_off;
		flavour = strstr(text, FLAVOUR);
		name = flavour ? (struct str){ text, (uint32_t)(flavour - text) } : str_from(text);
		if (name.len && strmap_get(&c->names, name))
			r = keep(c, id, 0);
	}
	return r;
}

/* Where its parts with a name are, behind the type: bytes of each; 0: there are none. */
static uint32_t part_size(const struct btf_type *t)
{
	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return sizeof(struct btf_member);
	case BTF_KIND_ENUM: return sizeof(struct btf_enum);
	case BTF_KIND_ENUM64: return sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO: return sizeof(struct btf_param);
	default: return 0;
	}
}

/* The name goes to the strings that are kept; where it is there. */
static uint32_t move_name(const struct cut *c, uint32_t at, struct buf *strings)
{
	uint32_t to = strings->len;

	if (!at || at >= c->h->str_len)
		return 0;
	buf_add(strings, c->strings + at, strlen(c->strings + at) + 1);
	return to;
}

/* What it refers to is kept, or behind the end. */
static void cut_references(const struct cut *c, struct btf_type *t)
{
	struct btf_array *a = (struct btf_array *)(t + 1);
	struct btf_member *m = (struct btf_member *)(t + 1);
	struct btf_param *p = (struct btf_param *)(t + 1);

#define CUT(ref) if ((ref) > c->last) { (ref) = 0; }
	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
	case BTF_KIND_FWD:
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++)
			CUT(m[i].type)
		break;
	case BTF_KIND_ARRAY:
		CUT(a->type)
		CUT(a->index_type)
		break;
	case BTF_KIND_FUNC_PROTO:
		for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++)
			CUT(p[i].type)
		CUT(t->type)
		break;
	default:
		CUT(t->type)
	}
#undef CUT
}

/* Others keep their number as `const void`, which nobody looks for. */
static void write_type(const struct cut *c, uint32_t id, struct buf *types, struct buf *strings)
{
	static const struct btf_type filler = { .info = BTF_KIND_CONST << 24 };
	uint32_t at = types->len, part, *name;
	struct btf_type *t;

	if (!c->kept[id]) {
		buf_add(types, &filler, sizeof(filler));
		return;
	}
	buf_add(types, type_at(c, id), c->at[id + 1] - c->at[id]);
	if (types->err)
		return;
	t = (struct btf_type *)(types->p + at);
	t->name_off = move_name(c, t->name_off, strings);
	part = part_size(t);
	name = (uint32_t *)(t + 1);
	for (uint32_t i = 0; part && i < BTF_INFO_VLEN(t->info); i++, name += part / sizeof(*name))
		*name = move_name(c, *name, strings);
	cut_references(c, t);
}

static int write_cut(const struct cut *c, struct buf *ret)
{
	_cleanup_buf_ struct buf types = BUF_INIT, strings = BUF_INIT;
	struct btf_header h = *c->h;

	buf_add_char(&strings, '\0');
	for (uint32_t id = 1; id <= c->last; id++)
		write_type(c, id, &types, &strings);
	if (types.err || strings.err)
		return -ENOMEM;
	h.hdr_len = sizeof(h);
	h.type_off = 0;
	h.type_len = types.len;
	h.str_off = types.len;
	h.str_len = strings.len;
	buf_add(ret, &h, sizeof(h));
	buf_add(ret, types.p, types.len);
	buf_add(ret, strings.p, strings.len);
	return ret->err;
}

int source_ring_btf_cut(const void *btf, size_t len, const char *const *names, size_t n,
			struct buf *ret)
{
	const struct btf_header *h = btf;
	struct cut c = { .h = h };
	uint64_t body;
	int r;

	if (len < sizeof(*h) || h->magic != BTF_MAGIC || h->version != BTF_VERSION ||
	    h->hdr_len < sizeof(*h) || h->hdr_len > len)
		return -EBADMSG;
	body = len - h->hdr_len;
	if ((uint64_t)h->type_off + h->type_len > body || (uint64_t)h->str_off + h->str_len > body ||
	    h->type_off % 4 || !h->str_len)
		return -EBADMSG;
	c.types = (const uint8_t *)btf + h->hdr_len + h->type_off;
	c.strings = (const char *)btf + h->hdr_len + h->str_off;
	if (c.strings[h->str_len - 1])
		return -EBADMSG;
	r = add_names(&c, names, n);
	if (!r)
		r = index_types(&c);
	if (!r)
		r = keep_named(&c);
	if (!r)
		r = write_cut(&c, ret);
	free(c.at);
	free(c.kept);
	strmap_done(&c.names);
	return r;
}

/* Kernels before 6.16 do not let it be mapped. */
static int read_all(int fd, size_t len, struct buf *ret)
{
	ssize_t n = -1;
	char *p;

	if (buf_reserve(ret, len))
		while ((p = buf_reserve(ret, READ_BYTES)) && (n = read(fd, p, READ_BYTES)) > 0)
			ret->len += n;
	return n ? -EIO : 0;
}

static int cut_kernel(int fd, struct buf *ret)
{
	_cleanup_buf_ struct buf all = BUF_INIT;
	const size_t n = ARRAY_SIZE(read_names);
	struct stat st;
	void *map;
	int r;

	if (fstat(fd, &st))
		return -errno;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED) {
		r = source_ring_btf_cut(map, st.st_size, read_names, n, ret);
		munmap(map, st.st_size);
		return r;
	}
	r = read_all(fd, st.st_size, &all);
	return r ? r : source_ring_btf_cut(all.p, all.len, read_names, n, ret);
}

static int write_file(const struct buf *b)
{
	int fd = memfd_create("btf", MFD_CLOEXEC);
	size_t at = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (at < b->len && (n = write(fd, b->p + at, b->len - at)) > 0)
		at += n;
	if (at == b->len)
		return fd;
	close(fd);
	return -EIO;
}

void source_ring_btf_open(struct source_ring_btf *ret)
{
	_cleanup_buf_ struct buf part = BUF_INIT;
	int fd = open(VMLINUX, O_RDONLY | O_CLOEXEC);

	*ret = (struct source_ring_btf){ .fd = -1 };
	if (fd < 0)
		return;
	if (!cut_kernel(fd, &part))
		ret->fd = write_file(&part);
	close(fd);
	if (ret->fd >= 0)
		snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", ret->fd);
}

void source_ring_btf_close(struct source_ring_btf *b)
{
	if (b->path[0])
		close(b->fd);
	b->path[0] = '\0';
}
