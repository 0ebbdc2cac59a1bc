/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as text and as JSON. Called by field printing, outputs and the evaluator; owns nothing.
 * One row per wire type says how it compares and how it prints.
 */
#include "engine/field/value.h"

#include "engine/base/utf8.h"
#include "engine/state/sock.h"

#include <inttypes.h>
#include <math.h>

const uint8_t value_classes[PT_COUNT] = {
	[PT_NONE] = VC_NONE,
	[PT_INT8] = VC_SIGNED,
	[PT_INT16] = VC_SIGNED,
	[PT_INT32] = VC_SIGNED,
	[PT_INT64] = VC_SIGNED,
	[PT_UINT8] = VC_UNSIGNED,
	[PT_UINT16] = VC_UNSIGNED,
	[PT_UINT32] = VC_UNSIGNED,
	[PT_UINT64] = VC_UNSIGNED,
	[PT_CHARBUF] = VC_STRING,
	[PT_BYTEBUF] = VC_BYTES,
	[PT_ERRNO] = VC_SIGNED,
	[PT_SOCKADDR] = VC_NONE,
	[PT_SOCKTUPLE] = VC_NONE,
	[PT_FD] = VC_SIGNED,
	[PT_PID] = VC_SIGNED,
	[PT_FDLIST] = VC_NONE,
	[PT_FSPATH] = VC_STRING,
	[PT_SYSCALLID] = VC_UNSIGNED,
	[PT_SIGTYPE] = VC_UNSIGNED,
	[PT_RELTIME] = VC_UNSIGNED,
	[PT_ABSTIME] = VC_UNSIGNED,
	[PT_PORT] = VC_UNSIGNED,
	[PT_L4PROTO] = VC_UNSIGNED,
	[PT_SOCKFAMILY] = VC_UNSIGNED,
	[PT_BOOL] = VC_BOOL,
	[PT_IPV4ADDR] = VC_IPADDR,
	[PT_DYN] = VC_NONE,
	[PT_FLAGS8] = VC_UNSIGNED,
	[PT_FLAGS16] = VC_UNSIGNED,
	[PT_FLAGS32] = VC_UNSIGNED,
	[PT_UID] = VC_UNSIGNED,
	[PT_GID] = VC_UNSIGNED,
	[PT_DOUBLE] = VC_DOUBLE,
	[PT_SIGSET] = VC_UNSIGNED,
	[PT_CHARBUFARRAY] = VC_NONE,
	[PT_CHARBUF_PAIR_ARRAY] = VC_NONE,
	[PT_IPV4NET] = VC_IPNET,
	[PT_IPV6ADDR] = VC_IPADDR,
	[PT_IPV6NET] = VC_IPNET,
	[PT_IPADDR] = VC_IPADDR,
	[PT_IPNET] = VC_IPNET,
	[PT_MODE] = VC_UNSIGNED,
	[PT_FSRELPATH] = VC_STRING,
	[PT_ENUMFLAGS8] = VC_UNSIGNED,
	[PT_ENUMFLAGS16] = VC_UNSIGNED,
	[PT_ENUMFLAGS32] = VC_UNSIGNED,
	[PT_FD32] = VC_SIGNED,
	[PT_PID32] = VC_SIGNED,
};

static void print_octal(struct buf *out, uint64_t u)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + (u & 7));
		u >>= 3;
	} while (u);
	if (digits[at] != '0')
		digits[--at] = '0';
	buf_add(out, digits + at, sizeof(digits) - at);
}

static void print_hex(struct buf *out, uint64_t u)
{
	char digits[16];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789ABCDEF"[u & 15];
		u >>= 4;
	} while (u);
	buf_add(out, digits + at, sizeof(digits) - at);
}

static void print_padded(struct buf *out, uint64_t u)
{
	char digits[9];

	if (u > 999999999) {
		buf_add_u64(out, u);
		return;
	}
	for (size_t at = sizeof(digits); at-- > 0; u /= 10)
		digits[at] = (char)('0' + u % 10);
	buf_add(out, digits, sizeof(digits));
}

void value_print_u64(struct buf *out, uint64_t u, unsigned fmt)
{
	switch (fmt) {
	case PF_HEX:
		print_hex(out, u);
		break;
	case PF_OCT:
		print_octal(out, u);
		break;
	case VALUE_FMT_NS:
		print_padded(out, u);
		break;
	default:
		buf_add_u64(out, u);
	}
}

/* Hex and octal show the bits of the wire type, not those of the widened number. */
static uint64_t signed_bits(const struct value *v)
{
	unsigned bytes = param_type_size((enum param_type)v->type);
	uint64_t u = (uint64_t)v->i;

	return bytes && bytes < 8 ? u & ((1ULL << 8 * bytes) - 1) : u;
}

void value_print_bytes(struct buf *out, struct str s)
{
	char *p = buf_reserve(out, s.len + 1);

	if (!p)
		return;
	for (uint32_t i = 0; i < s.len; i++)
		p[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '.';
	p[s.len] = '\0';
	out->len += s.len;
}

static void print_double(struct buf *out, double d)
{
	buf_printf(out, "%.1f", d);
}

void value_print(struct buf *out, const struct value *v)
{
	switch (value_class_of((enum param_type)v->type)) {
	case VC_STRING:
		buf_add_str(out, v->s);
		break;
	case VC_BYTES:
		value_print_bytes(out, v->s);
		break;
	case VC_SIGNED:
		if (v->fmt == PF_HEX || v->fmt == PF_OCT)
			value_print_u64(out, signed_bits(v), v->fmt);
		else
			buf_add_i64(out, v->i);
		break;
	case VC_UNSIGNED:
		value_print_u64(out, v->u, v->fmt);
		break;
	case VC_BOOL:
		buf_add_c(out, v->u ? "true" : "false");
		break;
	case VC_DOUBLE:
		print_double(out, v->d);
		break;
	case VC_IPADDR:
		sock_print_ip(out, v->ip.addr, v->ip.v6);
		break;
	case VC_IPNET:
		sock_print_ip(out, v->ip.addr, v->ip.v6);
		buf_add_char(out, '/');
		buf_add_u64(out, v->ip.prefix);
		break;
	case VC_NONE:
		break;
	}
}

void value_show(struct buf *out, const struct value *v)
{
	if (value_class_of((enum param_type)v->type) == VC_STRING && !utf8_plain(v->s))
		utf8_sanitize(out, v->s);
	else
		value_print(out, v);
}

static void json_text(struct json *j, const struct value *v)
{
	struct buf text = BUF_INIT;

	value_show(&text, v);
	json_str(j, buf_str(&text));
	buf_done(&text);
}

/* JSON has no NaN and no infinity. */
static void json_double(struct json *j, double d)
{
	char text[40];
	int n = isfinite(d) ? snprintf(text, sizeof(text), "%.17g", d) : 0;

	if (n > 0)
		json_raw(j, (struct str){ text, (uint32_t)n });
	else
		json_none(j);
}

void value_json(struct json *j, const struct value *v)
{
	enum value_class class = value_class_of((enum param_type)v->type);
	bool digits_are_text = v->fmt == PF_HEX || v->fmt == PF_OCT;

	switch (class) {
	case VC_STRING:
		if (utf8_plain(v->s))
			json_str(j, v->s);
		else
			json_text(j, v);
		break;
	case VC_SIGNED:
	case VC_UNSIGNED:
		if (digits_are_text)
			json_text(j, v);
		else if (class == VC_SIGNED)
			json_i64(j, v->i);
		else
			json_u64(j, v->u);
		break;
	case VC_BOOL:
		json_bool(j, v->u);
		break;
	case VC_DOUBLE:
		json_double(j, v->d);
		break;
	case VC_NONE:
		json_none(j);
		break;
	default:
		json_text(j, v);
	}
}
