/* SPDX-License-Identifier: Apache-2.0 */
/* Called by source_ring_load.c before anything is loaded; keeps nothing. */
#include <bpf/btf.h>
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
#include "bpf/kfuncs.h"

#define VMLINUX "/sys/kernel/btf/vmlinux"
#define READ_BYTES (256 * 1024)
#define FLAVOUR "___"

/* Names that bpf/ has for types of the kernel. */
static const char *const read_names[] = {
#include "bpf/kernel_types.h"
};

/* What guards the programs of a tracepoint since they can be preempted, from 7.0 on. */
#define PREEMPTIBLE_SINCE "class_srcu_fast_notrace_t"

/* What programs are attached to, functions that they call, and what is only asked for. */
#define KFUNC_NAME(name) #name,
static const char *const id_names[] = {
#include "bpf/kernel_hooks.h"
	KFUNCS(KFUNC_NAME)
	PREEMPTIBLE_SINCE,
};
#undef KFUNC_NAME

_Static_assert(ARRAY_SIZE(id_names) <= SOURCE_RING_IDS_MAX, "room for all numbers");

struct cut {
	const struct btf_header *h;
	const uint8_t *types;	/* types_len bytes */
	const char *strings;
	uint32_t *at;		/* by type number: where it begins */
	uint32_t n;             /* numbers are 1 to n */
	uint32_t *kept;         /* by type number: its new one; 0: not kept */
	struct strmap names;	/* that bpf/ has, without flavours */
	struct strmap ids;      /* where the numbers of others go; they need not stay */
};

/* Spellings of a structure in other kernels have a flavour behind their name. */
static int add_names(struct cut *c, const struct source_ring_cut *want)
{
	int r = 0;

	for (size_t i = 0; i < want->nnames && !r; i++)
		if (!strstr(want->names[i], FLAVOUR))
			r = strmap_put(&c->names, str_from(want->names[i]), (void *)want->names[i]);
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
	c->kept = calloc(max, sizeof(*c->kept));
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

static int add_ids(struct cut *c, const struct source_ring_cut *want)
{
	int r = 0;

	for (size_t i = 0; i < want->nids && !r; i++) {
		want->ids[i] = 0;
		r = strmap_put(&c->ids, str_from(want->id_names[i]), &want->ids[i]);
	}
	return r;
}

/* Most of the kernel's types are functions: only names that can be wanted are looked up. */
static void note_id(const struct cut *c, const char *name, uint32_t id)
{
	uint32_t *to = NULL;

	if (!strncmp(name, "bpf_", 4) || !strncmp(name, "btf_trace_", 10) ||
	    !strncmp(name, "class_", 6))
		to = strmap_get(&c->ids, str_from(name));
	if (to)
		*to = id;
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
		case BTF_KIND_FUNC:
			break;
		default:
			continue;
		}
		if (t->name_off >= c->h->str_len)
			return -EBADMSG;
		text = c->strings + t->name_off;
		note_id(c, text, id);
		if (BTF_INFO_KIND(t->info) == BTF_KIND_FUNC)
			continue;
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

/* What it refers to has its new number, or is `void` where it is not kept. */
static void number_references(const struct cut *c, struct btf_type *t)
{
	struct btf_array *a = (struct btf_array *)(t + 1);
	struct btf_member *m = (struct btf_member *)(t + 1);
	struct btf_param *p = (struct btf_param *)(t + 1);

#define NUMBER(ref) (ref) = (ref) <= c->n ? c->kept[ref] : 0;
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
			NUMBER(m[i].type)
		break;
	case BTF_KIND_ARRAY:
		NUMBER(a->type)
		NUMBER(a->index_type)
		break;
	case BTF_KIND_FUNC_PROTO:
		for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++)
			NUMBER(p[i].type)
		NUMBER(t->type)
		break;
	default:
		NUMBER(t->type)
	}
#undef NUMBER
}

static void write_type(const struct cut *c, uint32_t id, struct buf *types, struct buf *strings)
{
	uint32_t at = types->len, part, *name;
	struct btf_type *t;

	buf_add(types, type_at(c, id), c->at[id + 1] - c->at[id]);
	if (types->err)
		return;
	t = (struct btf_type *)(types->p + at);
	t->name_off = move_name(c, t->name_off, strings);
	part = part_size(t);
	name = (uint32_t *)(t + 1);
	for (uint32_t i = 0; part && i < BTF_INFO_VLEN(t->info); i++, name += part / sizeof(*name))
		*name = move_name(c, *name, strings);
	number_references(c, t);
}

/* New numbers, in the order of the old ones. */
static void number_kept(struct cut *c, struct buf *numbers)
{
	uint32_t next = SOURCE_RING_BTF_FIRST;

	for (uint32_t id = 1; id <= c->n; id++) {
		if (!c->kept[id])
			continue;
		c->kept[id] = next++;
		buf_add(numbers, &id, sizeof(id));
	}
}

static int write_cut(struct cut *c, struct source_ring_cut *ret)
{
	/* What is in front of the first one: `const void`, which nobody looks for. */
	static const struct btf_type filler = { .info = BTF_KIND_CONST << 24 };
	_cleanup_buf_ struct buf types = BUF_INIT, strings = BUF_INIT;
	struct btf_header h = *c->h;

	number_kept(c, &ret->numbers);
	buf_add_char(&strings, '\0');
	for (uint32_t id = 1; id < SOURCE_RING_BTF_FIRST; id++)
		buf_add(&types, &filler, sizeof(filler));
	for (uint32_t id = 1; id <= c->n; id++)
		if (c->kept[id])
			write_type(c, id, &types, &strings);
	if (types.err || strings.err || ret->numbers.err)
		return -ENOMEM;
	h.hdr_len = sizeof(h);
	h.type_off = 0;
	h.type_len = types.len;
	h.str_off = types.len;
	h.str_len = strings.len;
	buf_add(&ret->btf, &h, sizeof(h));
	buf_add(&ret->btf, types.p, types.len);
	buf_add(&ret->btf, strings.p, strings.len);
	return ret->btf.err;
}

void source_ring_cut_done(struct source_ring_cut *cut)
{
	buf_done(&cut->btf);
	buf_done(&cut->numbers);
}

int source_ring_btf_cut(const void *btf, size_t len, struct source_ring_cut *cut)
{
	const struct btf_header *h = btf;
	struct cut c = { .h = h };
	uint64_t body;
	int r;

	if (len < sizeof(*h) || h->magic != BTF_MAGIC || h->version != BTF_VERSION ||
	    h->hdr_len < sizeof(*h) || h->hdr_len > len)
		return -EBADMSG;
	body = len - h->hdr_len;
	if ((uint64_t)h->type_off + h->type_len > body ||
	    (uint64_t)h->str_off + h->str_len > body || h->type_off % 4 || !h->str_len)
		return -EBADMSG;
	c.types = (const uint8_t *)btf + h->hdr_len + h->type_off;
	c.strings = (const char *)btf + h->hdr_len + h->str_off;
	if (c.strings[h->str_len - 1])
		return -EBADMSG;
	r = add_names(&c, cut);
	if (!r)
		r = add_ids(&c, cut);
	if (!r)
		r = index_types(&c);
	if (!r)
		r = keep_named(&c);
	if (!r)
		r = write_cut(&c, cut);
	free(c.at);
	free(c.kept);
	strmap_done(&c.names);
	strmap_done(&c.ids);
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

static int cut_kernel(int fd, struct source_ring_cut *cut)
{
	_cleanup_buf_ struct buf all = BUF_INIT;
	struct stat st;
	void *map;
	int r;

	if (fstat(fd, &st))
		return -errno;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED) {
		r = source_ring_btf_cut(map, st.st_size, cut);
		munmap(map, st.st_size);
		return r;
	}
	r = read_all(fd, st.st_size, &all);
	return r ? r : source_ring_btf_cut(all.p, all.len, cut);
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

/* By libbpf, which keeps up with kinds of types that are unknown here. */
static void find_ids(uint32_t *ids)
{
	struct btf *b = btf__load_vmlinux_btf();

	for (size_t i = 0; b && i < ARRAY_SIZE(id_names); i++) {
		int id = btf__find_by_name_kind(b, id_names[i], BTF_KIND_FUNC);

		if (id < 0)
			id = btf__find_by_name_kind(b, id_names[i], BTF_KIND_TYPEDEF);
		ids[i] = MAX(id, 0);
	}
	btf__free(b);
}

void source_ring_btf_open(struct source_ring_btf *ret)
{
	struct source_ring_cut cut = { .names = read_names,
				       .nnames = ARRAY_SIZE(read_names),
				       .id_names = id_names,
				       .ids = ret->ids,
				       .nids = ARRAY_SIZE(id_names) };
	int fd = open(VMLINUX, O_RDONLY | O_CLOEXEC);

	*ret = (struct source_ring_btf){ .fd = -1 };
	if (fd < 0)
		return;
	if (!cut_kernel(fd, &cut)) {
		ret->nnumbers = cut.numbers.len / sizeof(*ret->numbers);
		ret->numbers = (uint32_t *)cut.numbers.p;
		cut.numbers = (struct buf)BUF_INIT;
		ret->fd = write_file(&cut.btf);
	} else {
		find_ids(ret->ids);
	}
	source_ring_cut_done(&cut);
	close(fd);
	if (ret->fd >= 0)
		snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", ret->fd);
	else
		source_ring_btf_close(ret);
}

uint32_t source_ring_btf_id(const struct source_ring_btf *b, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(id_names); i++)
		if (!strcmp(id_names[i], name))
			return b->ids[i];
	return 0;
}

bool source_ring_btf_has_functions(const struct source_ring_btf *b)
{
#define KFUNC_HAS(name) &&source_ring_btf_id(b, #name)
	return true KFUNCS(KFUNC_HAS);
#undef KFUNC_HAS
}

bool source_ring_btf_is_preemptible(const struct source_ring_btf *b)
{
	return source_ring_btf_id(b, PREEMPTIBLE_SINCE);
}

void source_ring_btf_close(struct source_ring_btf *b)
{
	if (b->path[0])
		close(b->fd);
	b->path[0] = '\0';
	free(b->numbers);
	b->numbers = NULL;
	b->nnumbers = 0;
}
