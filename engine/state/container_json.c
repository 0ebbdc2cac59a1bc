/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of the JSON document that container events carry: {"container":{...}}. Only this document
 * is understood; unknown keys are skipped. The text is untrusted: depth and sizes are bounded, and
 * anything ill-formed gives -EBADMSG. Called by container.c, which owns the result.
 */
#include "engine/state/state_priv.h"

#define DEPTH_MAX 32
#define ITEMS_MAX 4096

struct reader {
	const char *p, *end;
	struct intern *in;
	struct buf key, text;
	unsigned depth;
	bool bad, oom;
};

enum value_kind { VALUE_TEXT, VALUE_BOOL, VALUE_TYPE, VALUE_LABELS, VALUE_MOUNTS, VALUE_CONTAINER };

/* One row per key; spellings of several writers. */
static const struct json_key {
	const char *key;
	uint8_t kind;
	uint16_t offset, count_offset;
} container_keys[] = {
#define AT(member) offsetof(struct container, member)
	{ "id", VALUE_TEXT, AT(id) },
	{ "full_id", VALUE_TEXT, AT(full_id) },
	{ "type", VALUE_TYPE, AT(type) },
	{ "name", VALUE_TEXT, AT(name) },
	{ "image", VALUE_TEXT, AT(image) },
	{ "imageid", VALUE_TEXT, AT(image_id) },
	{ "imagerepo", VALUE_TEXT, AT(image_repo) },
	{ "imagetag", VALUE_TEXT, AT(image_tag) },
	{ "imagedigest", VALUE_TEXT, AT(image_digest) },
	{ "ip", VALUE_TEXT, AT(ip) },
	{ "cni_json", VALUE_TEXT, AT(cni_json) },
	{ "pod_sandbox_id", VALUE_TEXT, AT(pod_sandbox_id) },
	{ "pod_full_sandbox_id", VALUE_TEXT, AT(pod_full_sandbox_id) },
	{ "pod_ip", VALUE_TEXT, AT(pod_ip) },
	{ "pod_cni_json", VALUE_TEXT, AT(pod_cni_json) },
	{ "User", VALUE_TEXT, AT(user) },
	{ "user", VALUE_TEXT, AT(user) },
	{ "container_user", VALUE_TEXT, AT(user) },
	{ "privileged", VALUE_BOOL, AT(privileged) },
	{ "host_pid", VALUE_BOOL, AT(host_pid) },
	{ "host_network", VALUE_BOOL, AT(host_network) },
	{ "host_ipc", VALUE_BOOL, AT(host_ipc) },
	{ "labels", VALUE_LABELS, AT(labels), AT(nlabels) },
	{ "pod_sandbox_labels", VALUE_LABELS, AT(pod_labels), AT(npod_labels) },
	{ "pod_labels", VALUE_LABELS, AT(pod_labels), AT(npod_labels) },
	{ "Mounts", VALUE_MOUNTS, AT(mounts), AT(nmounts) },
	{ "mounts", VALUE_MOUNTS, AT(mounts), AT(nmounts) },
	{ "container", VALUE_CONTAINER, 0 },
#undef AT
}, mount_keys[] = {
#define AT(member) offsetof(struct container_mount, member)
	{ "Source", VALUE_TEXT, AT(source) },
	{ "Destination", VALUE_TEXT, AT(dest) },
	{ "Mode", VALUE_TEXT, AT(mode) },
	{ "Propagation", VALUE_TEXT, AT(propagation) },
	{ "RW", VALUE_BOOL, AT(rdwr) },
#undef AT
};

/* Numbers of container engines in documents of the incumbent. */
static const char *const type_names[] = {
	"docker", "lxc", "libvirt-lxc", "mesos", "rkt", "custom", "cri", "containerd", "cri-o",
	"bpm", "static", "podman",
};

static char peek(struct reader *r)
{
	while (r->p < r->end && memchr(" \t\r\n", *r->p, 4))
		r->p++;
	return r->p < r->end ? *r->p : '\0';
}

static bool take(struct reader *r, char c)
{
	if (peek(r) != c)
		return false;
	r->p++;
	return true;
}

static bool fail(struct reader *r)
{
	r->bad = true;
	return false;
}

static bool hex4(struct reader *r, uint32_t *ret)
{
	uint32_t v = 0;

	if (r->end - r->p < 4)
		return fail(r);
	for (int i = 0; i < 4; i++) {
		char c = *r->p++;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			return fail(r);
	}
	*ret = v;
	return true;
}

static void add_utf8(struct buf *out, uint32_t cp)
{
	if (cp < 0x80) {
		buf_add_char(out, (char)cp);
	} else if (cp < 0x800) {
		buf_add_char(out, (char)(0xc0 | cp >> 6));
		buf_add_char(out, (char)(0x80 | (cp & 63)));
	} else if (cp < 0x10000) {
		buf_add_char(out, (char)(0xe0 | cp >> 12));
		buf_add_char(out, (char)(0x80 | (cp >> 6 & 63)));
		buf_add_char(out, (char)(0x80 | (cp & 63)));
	} else {
		buf_add_char(out, (char)(0xf0 | cp >> 18));
		buf_add_char(out, (char)(0x80 | (cp >> 12 & 63)));
		buf_add_char(out, (char)(0x80 | (cp >> 6 & 63)));
		buf_add_char(out, (char)(0x80 | (cp & 63)));
	}
}

static bool unicode_escape(struct reader *r, struct buf *out)
{
	uint32_t cp, low;

	if (!hex4(r, &cp))
		return false;
	if (cp >= 0xd800 && cp < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' &&
	    r->p[1] == 'u') {
		r->p += 2;
		if (!hex4(r, &low))
			return false;
		cp = low >= 0xdc00 && low < 0xe000 ?
			0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
	} else if (cp >= 0xd800 && cp < 0xe000) {
		cp = 0xfffd;
	}
	add_utf8(out, cp);
	return true;
}

static bool escape(struct reader *r, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	char c;

	if (r->p >= r->end)
		return fail(r);
	c = *r->p++;
	if (c == 'u')
		return unicode_escape(r, out);
	at = c ? strchr(from, c) : NULL;
	if (!at)
		return fail(r);
	buf_add_char(out, to[at - from]);
	return true;
}

static bool read_string(struct reader *r, struct buf *out)
{
	if (!take(r, '"'))
		return fail(r);
	buf_clear(out);
	while (r->p < r->end && *r->p != '"') {
		char c = *r->p++;

		if (c != '\\')
			buf_add_char(out, c);
		else if (!escape(r, out))
			return false;
	}
	if (r->p >= r->end)
		return fail(r);
	r->p++;
	return true;
}

static struct str read_word(struct reader *r)
{
	const char *start;

	peek(r);
	start = r->p;
	while (r->p < r->end && !memchr(",]} \t\r\n", *r->p, 7))
		r->p++;
	return (struct str){ start, (uint32_t)(r->p - start) };
}

/* Members of an object or elements of an array: false at the end. */
static bool next_item(struct reader *r, char close, uint32_t *count)
{
	if (r->bad || r->oom)
		return false;
	if (take(r, close)) {
		r->depth--;
		return false;
	}
	if ((*count)++ && !take(r, ','))
		return fail(r);
	return true;
}

static bool open_item(struct reader *r, char open)
{
	if (!take(r, open) || ++r->depth > DEPTH_MAX)
		return fail(r);
	return true;
}

static bool next_member(struct reader *r, uint32_t *count)
{
	return next_item(r, '}', count) && read_string(r, &r->key) && (take(r, ':') || fail(r));
}

static void skip_value(struct reader *r)
{
	uint32_t n = 0;
	char c = peek(r);

	if (c == '"') {
		read_string(r, &r->text);
	} else if (c == '{') {
		if (!open_item(r, c))
			return;
		while (next_member(r, &n))
			skip_value(r);
	} else if (c == '[') {
		if (!open_item(r, c))
			return;
		while (next_item(r, ']', &n))
			skip_value(r);
	} else if (read_word(r).len == 0) {
		fail(r);
	}
}

static void set_text(struct reader *r, struct istr **slot, struct str text)
{
	struct istr *n = intern_get(r->in, text);

	if (!n) {
		r->oom = true;
		return;
	}
	istr_unref(*slot);
	*slot = n;
}

static void read_text(struct reader *r, struct istr **slot)
{
	if (peek(r) != '"') {
		skip_value(r);
		return;
	}
	if (read_string(r, &r->text))
		set_text(r, slot, buf_str(&r->text));
}

static void read_type(struct reader *r, struct istr **slot)
{
	int64_t n;

	if (peek(r) == '"')
		read_text(r, slot);
	else if (str_to_i64(read_word(r), &n) == 0 && n >= 0 && n < (int64_t)ARRAY_SIZE(type_names))
		set_text(r, slot, str_from(type_names[n]));
}

/* Room for one more element; the arrays are small and built once. */
static void *grow(struct reader *r, void *array, uint32_t count, size_t size)
{
	void *n;

	if (count >= ITEMS_MAX) {
		fail(r);
		return NULL;
	}
	n = realloc(array, (count + 1) * size);
	if (!n)
		r->oom = true;
	else
		memset((char *)n + count * size, 0, size);
	return n;
}

static void read_labels(struct reader *r, struct container_label **labels, uint32_t *count)
{
	uint32_t n = 0;

	if (peek(r) != '{') {
		skip_value(r);
		return;
	}
	if (!open_item(r, '{'))
		return;
	while (next_member(r, &n)) {
		struct container_label *l;

		if (peek(r) != '"') {
			skip_value(r);
			continue;
		}
		l = grow(r, *labels, *count, sizeof(*l));
		if (!l)
			return;
		*labels = l;
		l += (*count)++;
		set_text(r, &l->key, buf_str(&r->key));
		read_text(r, &l->value);
	}
}

static void read_object(struct reader *r, const struct json_key *keys, size_t nkeys, void *obj);

static void read_mounts(struct reader *r, struct container_mount **mounts, uint32_t *count)
{
	uint32_t n = 0;

	if (peek(r) != '[') {
		skip_value(r);
		return;
	}
	if (!open_item(r, '['))
		return;
	while (next_item(r, ']', &n)) {
		struct container_mount *m = grow(r, *mounts, *count, sizeof(*m));

		if (!m)
			return;
		*mounts = m;
		m += (*count)++;
		read_object(r, mount_keys, ARRAY_SIZE(mount_keys), m);
	}
}

static void read_value(struct reader *r, const struct json_key *k, char *obj)
{
	void *slot = obj + k->offset;
	uint32_t *count = (uint32_t *)(obj + k->count_offset);

	switch ((enum value_kind)k->kind) {
	case VALUE_TEXT:
		read_text(r, slot);
		break;
	case VALUE_BOOL:
		if (peek(r) == 't' || peek(r) == 'f')
			*(bool *)slot = str_is(read_word(r), "true");
		else
			skip_value(r);
		break;
	case VALUE_TYPE:
		read_type(r, slot);
		break;
	case VALUE_LABELS:
		read_labels(r, slot, count);
		break;
	case VALUE_MOUNTS:
		read_mounts(r, slot, count);
		break;
	case VALUE_CONTAINER:
		read_object(r, container_keys, ARRAY_SIZE(container_keys), obj);
		break;
	}
}

static void read_object(struct reader *r, const struct json_key *keys, size_t nkeys, void *obj)
{
	uint32_t n = 0;

	if (!open_item(r, '{'))
		return;
	while (next_member(r, &n)) {
		size_t i = 0;

		while (i < nkeys && !str_is(buf_str(&r->key), keys[i].key))
			i++;
		if (i < nkeys)
			read_value(r, &keys[i], obj);
		else
			skip_value(r);
	}
}

int container_from_json(struct intern *in, struct str doc, struct container *c)
{
	struct reader r = { .p = doc.p, .end = doc.p + doc.len, .in = in };

	read_object(&r, container_keys, ARRAY_SIZE(container_keys), c);
	if (r.key.err || r.text.err)
		r.oom = true;
	buf_done(&r.key);
	buf_done(&r.text);
	if (r.oom)
		return -ENOMEM;
	return r.bad ? -EBADMSG : 0;
}
