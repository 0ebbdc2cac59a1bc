/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of gRPC and protobuf, see grpc_wire.h. */
#include "agent/grpc_wire.h"
#include "agent/clock.h"

#include <arpa/inet.h>

enum { VARINT_MAX = 10 };
enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

/* Fields of falco.outputs.response, of its map entries, and of google.protobuf.Timestamp. */
enum { RESPONSE_TIME = 1, RESPONSE_PRIORITY, RESPONSE_SOURCE_DEPRECATED, RESPONSE_RULE,
       RESPONSE_OUTPUT, RESPONSE_OUTPUT_FIELDS, RESPONSE_HOSTNAME, RESPONSE_TAGS, RESPONSE_SOURCE };
enum { ENTRY_KEY = 1, ENTRY_VALUE };
enum { TIMESTAMP_SECONDS = 1, TIMESTAMP_NANOS };
enum { SOURCE_SYSCALL = 0, SOURCE_INTERNAL = 2, SOURCE_PLUGIN = 3 };

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

static void put_varint(struct buf *out, uint64_t v)
{
	uint8_t bytes[VARINT_MAX];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)v | 0x80;
	bytes[n++] = (uint8_t)v;
	buf_add(out, bytes, n);
}

static void put_tag(struct buf *out, unsigned field, enum wire_type type)
{
	put_varint(out, field << 3 | type);
}

/* proto3: a number of zero and an empty string are not written. */
static void put_number(struct buf *out, unsigned field, uint64_t v)
{
	if (v == 0)
		return;
	put_tag(out, field, WIRE_VARINT);
	put_varint(out, v);
}

static size_t bytes_size(unsigned field, size_t len)
{
	return varint_size(field << 3) + varint_size(len) + len;
}

static void put_bytes(struct buf *out, unsigned field, struct str s)
{
	put_tag(out, field, WIRE_BYTES);
	put_varint(out, s.len);
	buf_add_str(out, s);
}

/* protobuf refuses strings that are not UTF-8: one bad byte would cost the client the alert. */
static struct str clean(struct buf *scratch, struct str s)
{
	if (utf8_valid(s))
		return s;
	buf_clear(scratch);
	utf8_repair(scratch, s);
	return buf_str(scratch);
}

static void put_text(struct buf *out, unsigned field, struct str s, struct buf *scratch)
{
	if (s.len)
		put_bytes(out, field, clean(scratch, s));
}

static void put_time(struct buf *out, uint64_t ts)
{
	uint64_t s = ts / NS_PER_S, ns = ts % NS_PER_S;
	size_t n = (s ? 1 + varint_size(s) : 0) + (ns ? 1 + varint_size(ns) : 0);

	put_tag(out, RESPONSE_TIME, WIRE_BYTES);
	put_varint(out, n);
	put_number(out, TIMESTAMP_SECONDS, s);
	put_number(out, TIMESTAMP_NANOS, ns);
}

static void put_field(struct buf *out, const struct message_field *f, struct buf *scratch)
{
	_cleanup_buf_ struct buf key_scratch = BUF_INIT;
	struct str key = clean(&key_scratch, f->key), value = clean(scratch, f->value);

	put_tag(out, RESPONSE_OUTPUT_FIELDS, WIRE_BYTES);
	put_varint(out, bytes_size(ENTRY_KEY, key.len) + bytes_size(ENTRY_VALUE, value.len));
	put_bytes(out, ENTRY_KEY, key);
	put_bytes(out, ENTRY_VALUE, value);
}

static unsigned source_number(const struct message *m)
{
	if (m->internal || str_is(m->source, "internal"))
		return SOURCE_INTERNAL;
	return str_is(m->source, "syscall") ? SOURCE_SYSCALL : SOURCE_PLUGIN;
}

static void put_alert(struct buf *out, const struct message *m)
{
	_cleanup_buf_ struct buf scratch = BUF_INIT;

	put_time(out, m->ts);
	put_number(out, RESPONSE_PRIORITY, m->priority);
	put_number(out, RESPONSE_SOURCE_DEPRECATED, source_number(m));
	put_text(out, RESPONSE_RULE, m->rule, &scratch);
	put_text(out, RESPONSE_OUTPUT, m->text, &scratch);
	for (uint32_t i = 0; i < m->nfields; i++)
		put_field(out, &m->fields[i], &scratch);
	put_text(out, RESPONSE_HOSTNAME, m->hostname, &scratch);
	for (uint32_t i = 0; i < m->ntags; i++)
		put_bytes(out, RESPONSE_TAGS, clean(&scratch, m->tags[i]));
	put_text(out, RESPONSE_SOURCE, m->source, &scratch);
	if (scratch.err)
		out->err = scratch.err;
}

static size_t begin_message(struct buf *out)
{
	static const uint8_t prefix[GRPC_PREFIX];

	buf_add(out, prefix, sizeof(prefix));
	return out->len;
}

static void end_message(struct buf *out, size_t start)
{
	if (!out->err)
		store_u32(out->p + start - sizeof(uint32_t), htonl((uint32_t)(out->len - start)));
}

void grpc_wire_alert(struct buf *out, const struct message *m)
{
	size_t start = begin_message(out);

	put_alert(out, m);
	end_message(out, start);
}

void grpc_wire_message(struct buf *out, const ProtobufCMessage *m)
{
	size_t start = begin_message(out), size = protobuf_c_message_get_packed_size(m);
	char *room = buf_reserve(out, size);

	if (!room)
		return;
	out->len += protobuf_c_message_pack(m, (uint8_t *)room);
	end_message(out, start);
}

int grpc_wire_timeout(struct str text, uint64_t *ret_ns)
{
	static const struct {
		char unit;
		uint64_t ns;
	} units[] = { { 'H', 3600 * NS_PER_S }, { 'M', 60 * NS_PER_S }, { 'S', NS_PER_S },
		      { 'm', NS_PER_MS }, { 'u', 1000 }, { 'n', 1 } };
	enum { MAX_DIGITS = 8 };
	uint64_t v;

	if (text.len < 2 || text.len > MAX_DIGITS + 1 || text.p[0] < '0' || text.p[0] > '9' ||
	    str_to_u64(str_sub(text, 0, text.len - 1), &v) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (units[i].unit != text.p[text.len - 1])
			continue;
		*ret_ns = v * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

static uint32_t message_length(const struct grpc_reader *r)
{
	return ntohl(load_u32(r->prefix + 1));
}

int grpc_reader_take(struct grpc_reader *r, struct str *data, uint64_t max)
{
	uint32_t n;

	if (r->have == GRPC_PREFIX && r->body.len == message_length(r)) {
		r->have = 0;		/* the message of the last call is done with */
		buf_clear(&r->body);
	}
	for (; r->have < GRPC_PREFIX && data->len; data->p++, data->len--)
		r->prefix[r->have++] = (uint8_t)*data->p;
	if (r->have < GRPC_PREFIX)
		return 0;
	if (r->prefix[0])
		return -EPROTONOSUPPORT;
	if (message_length(r) > max)
		return -EMSGSIZE;
	n = MIN(message_length(r) - (uint32_t)r->body.len, data->len);
	buf_add(&r->body, data->p, n);
	if (r->body.err)
		return r->body.err;
	*data = str_sub(*data, n, data->len);
	return r->body.len == message_length(r);
}

bool grpc_reader_idle(const struct grpc_reader *r)
{
	return r->have == 0 || (r->have == GRPC_PREFIX && r->body.len == message_length(r));
}
