/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants of rule texts as typed values. Called by the rule checker at load time; messages and
 * strings live in the caller's arena.
 */
#include "engine/field/value.h"
#include "engine/base/limits.h"

struct service {
	const char *name;
	uint16_t port;
};

/* Names of /etc/services that rules use: the engine reads no files. */
static const struct service services[] = {
#define SERVICE(name, port) { name, port },
#include "engine/field/services.def"
#undef SERVICE
};

struct parse {
	struct arena *arena;
	struct str text;
	enum param_type type;
	const char *msg;
	bool wrapped;
};

static int fail(struct parse *p, const char *fmt)
{
	/* Each format takes the text once. */
	static const char oom[] = "out of memory";
	const char *mark = strstr(fmt, "%s");

	p->msg = arena_printf(p->arena, "%.*s%.*s%s", (int)(mark - fmt), fmt, STR_ARG(p->text),
			      mark + 2);
	if (!p->msg)
		p->msg = oom;
	return -EINVAL;
}

static unsigned type_bits(enum param_type t)
{
	unsigned bytes = param_type_size(t);

	return bytes && bytes < 8 ? bytes * 8 : 64;
}

/* Blanks before a number are skipped, behind it they are junk, as the incumbent has it. */
static struct str skip_blanks(struct str s)
{
	uint32_t skip = 0;

	while (skip < s.len && (s.p[skip] == ' ' || (s.p[skip] >= '\t' && s.p[skip] <= '\r')))
		skip++;
	return str_sub(s, skip, s.len);
}

/* Decimal with optional sign; the range is the caller's business. */
static int parse_decimal(struct parse *p, struct str s, bool *ret_negative, uint64_t *ret_abs)
{
	struct str digits = skip_blanks(s);
	bool negative = false;
	uint64_t u = 0;
	int r;

	if (digits.len && (digits.p[0] == '-' || digits.p[0] == '+')) {
		negative = digits.p[0] == '-';
		digits = str_sub(digits, 1, digits.len);
	}
	if (digits.len == 0 || digits.p[0] < '0' || digits.p[0] > '9')
		return fail(p, "%s is not a valid number");
	r = str_to_u64(digits, &u);
	if (r == -EINVAL)
		return fail(p, "%s is not a valid number");
	if (r == -ERANGE) {
		u = UINT64_MAX;
		p->wrapped = true;
	}
	*ret_negative = negative;
	*ret_abs = u;
	return 0;
}

static int parse_signed(struct parse *p, struct value *v)
{
	unsigned bits = type_bits(p->type);
	bool negative;
	uint64_t u;
	int r = parse_decimal(p, p->text, &negative, &u);

	if (r < 0)
		return r;
	if (u > (uint64_t)INT64_MAX + negative) {
		p->wrapped = true;
		u = (uint64_t)INT64_MAX + negative;
	}
	u = negative ? 0 - u : u;
	v->i = (int64_t)(u << (64 - bits)) >> (64 - bits);
	p->wrapped |= v->i != (int64_t)u;
	return 0;
}

static int parse_unsigned(struct parse *p, struct value *v)
{
	unsigned bits = type_bits(p->type);
	bool negative;
	uint64_t u;
	int r = parse_decimal(p, p->text, &negative, &u);

	if (r < 0)
		return r;
	v->u = (negative ? 0 - u : u) << (64 - bits) >> (64 - bits);
	/* -1 is the usual way to write "unset" ids: not worth a remark. */
	if (negative ? u > 1 : v->u != u)
		p->wrapped = true;
	return 0;
}

static int parse_port(struct parse *p, struct value *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		if (str_is(p->text, services[i].name)) {
			v->u = services[i].port;
			return 0;
		}
	}
	if (p->text.len && p->text.p[0] >= 'A')
		return fail(p, "unrecognized protocol %s");
	return parse_unsigned(p, v);
}

static int parse_bool(struct parse *p, struct value *v)
{
	if (!str_is(p->text, "true") && !str_is(p->text, "false"))
		return fail(p, "filter error: unrecognized boolean value %s");
	v->u = p->text.p[0] == 't';
	return 0;
}

static int parse_double(struct parse *p, struct value *v)
{
	char digits[64], *end;
	struct str s = skip_blanks(p->text);

	/* No names ("inf", "nan") and no hex, which strtod would take. */
	for (uint32_t i = 0; i < s.len; i++) {
		if (!strchr("0123456789+-.eE", s.p[i]) || !s.p[i])
			return fail(p, "%s is not a valid number");
	}
	if (s.len == 0 || s.len >= sizeof(digits))
		return fail(p, "%s is not a valid number");
	memcpy(digits, s.p, s.len);
	digits[s.len] = '\0';
	v->d = strtod(digits, &end);
	return *end ? fail(p, "%s is not a valid number") : 0;
}

static bool parse_ip4(struct str s, uint8_t *ret)
{
	uint8_t addr[4];
	uint32_t at = 0;

	for (int i = 0; i < 4; i++) {
		uint32_t from = at, n = 0;

		while (at < s.len && s.p[at] >= '0' && s.p[at] <= '9' && at - from < 3)
			n = n * 10 + (uint32_t)(s.p[at++] - '0');
		if (at == from || n > 255 || (at - from > 1 && s.p[from] == '0'))
			return false;
		addr[i] = (uint8_t)n;
		if (i < 3 && (at >= s.len || s.p[at++] != '.'))
			return false;
	}
	if (at != s.len)
		return false;
	memcpy(ret, addr, 4);
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One colon-separated group at *at; a dotted quad may close the address. Bytes written or 0. */
static unsigned parse_ip6_group(struct str s, uint32_t *at, uint8_t *to, unsigned room)
{
	uint32_t from = *at, n = 0, i = from;

	for (; i < s.len && hex_digit(s.p[i]) >= 0; i++) {
		if (i - from == 4)
			return 0;
		n = n << 4 | (uint32_t)hex_digit(s.p[i]);
	}
	if (i < s.len && s.p[i] == '.') {
		if (room < 4 || !parse_ip4(str_sub(s, from, s.len), to))
			return 0;
		*at = s.len;
		return 4;
	}
	if (i == from || room < 2)
		return 0;
	to[0] = (uint8_t)(n >> 8);
	to[1] = (uint8_t)n;
	*at = i;
	return 2;
}

static bool parse_ip6(struct str s, uint8_t *ret)
{
	uint8_t addr[16] = { 0 };
	unsigned n = 0, gap = 17, got;
	uint32_t at = 0;

	if (s.len >= 2 && s.p[0] == ':' && s.p[1] == ':') {
		gap = 0;
		at = 2;
	}
	while (at < s.len) {
		got = parse_ip6_group(s, &at, addr + n, 16 - n);
		if (!got)
			return false;
		n += got;
		if (at == s.len)
			break;
		if (s.p[at++] != ':' || at == s.len)
			return false;
		if (s.p[at] == ':') {
			if (gap != 17)
				return false;
			gap = n;
			at++;
		}
	}
	if (gap == 17 ? n != 16 : n > 14)
		return false;
	memset(ret, 0, 16);
	if (gap == 17)
		gap = n;
	memcpy(ret, addr, gap);
	memcpy(ret + 16 - (n - gap), addr + gap, n - gap);
	return true;
}

bool value_parse_ip(struct str s, struct ip_value *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ip_value ip = { 0 };

	if (parse_ip4(s, ip.addr)) {
		ip.prefix = 32;
	} else if (parse_ip6(s, ip.addr)) {
		ip.v6 = memcmp(ip.addr, mapped, sizeof(mapped)) != 0;
		ip.prefix = ip.v6 ? 128 : 32;
		if (!ip.v6) {
			memmove(ip.addr, ip.addr + 12, 4);
			memset(ip.addr + 4, 0, 12);
		}
	} else {
		return false;
	}
	*ret = ip;
	return true;
}

static int parse_ipaddr(struct parse *p, struct value *v)
{
	if (value_parse_ip(p->text, &v->ip))
		return 0;
	return fail(p, memchr(p->text.p, '.', p->text.len) && !memchr(p->text.p, ':', p->text.len)
			       ? "unrecognized IPv4 address %s"
			       : "unrecognized IPv6 address %s");
}

static int parse_ipnet(struct parse *p, struct value *v)
{
	int slash = str_rfind(p->text, '/');
	uint64_t bits;

	if (slash <= 0 || !value_parse_ip(str_sub(p->text, 0, (uint32_t)slash), &v->ip) ||
	    str_to_u64(str_sub(p->text, (uint32_t)slash + 1, p->text.len), &bits) < 0)
		return fail(p, "unrecognized IP network %s");
	if (bits > (v->ip.v6 ? 128 : 32) || (v->ip.v6 && bits == 0))
		return fail(p, "mask of IP network %s is out of range");
	v->ip.prefix = (uint8_t)bits;
	return 0;
}

static int parse_text(struct parse *p, struct value *v)
{
	v->s = p->text;
	return 0;
}

static int parse_none(struct parse *p, struct value *v)
{
	p->msg = arena_printf(p->arena, "wrong parameter type %d", (int)p->type);
	if (!p->msg)
		p->msg = "wrong parameter type";
	return -EINVAL;
}

static int (*const parsers[])(struct parse *p, struct value *v) = {
	[VC_STRING] = parse_text,
	[VC_BYTES] = parse_text,
	[VC_SIGNED] = parse_signed,
	[VC_UNSIGNED] = parse_unsigned,
	[VC_BOOL] = parse_bool,
	[VC_DOUBLE] = parse_double,
	[VC_IPADDR] = parse_ipaddr,
	[VC_IPNET] = parse_ipnet,
	[VC_NONE] = parse_none,
};

int value_parse(struct arena *a, struct str text, enum param_type t, struct value *ret_v,
		const char **ret_msg, bool *ret_wrapped)
{
	struct parse p = { .arena = a, .text = text, .type = t };
	struct value v = { .type = (uint8_t)t, .fmt = PF_DEC };
	uint64_t max = limit_infos[LIMIT_FILTER_VALUE_BYTES].def;
	int r;

	if (text.len > max) {
		*ret_msg = arena_printf(a, "filter parameter too long (used=%u, available=%u):%.*s",
					text.len + 1, (unsigned)max + 1, STR_ARG(text));
		if (!*ret_msg)
			*ret_msg = "filter parameter too long";
		return -EINVAL;
	}
	r = t == PT_PORT ? parse_port(&p, &v) : parsers[value_class_of(t)](&p, &v);
	if (r < 0) {
		*ret_msg = p.msg;
		return r;
	}
	*ret_v = v;
	if (ret_wrapped)
		*ret_wrapped = p.wrapped;
	return 0;
}
