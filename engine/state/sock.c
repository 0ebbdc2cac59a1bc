/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket addresses: wire form of SOCKADDR and SOCKTUPLE parameters and their texts. Called by the
 * socket handlers and by the argument printer. Owns no memory; views point into the parameter.
 */
#include "engine/state/sock.h"

#define IP4_LEN 4
#define IP6_LEN 16
#define PORT_LEN 2
#define ADDR4_LEN (1 + IP4_LEN + PORT_LEN)
#define ADDR6_LEN (1 + IP6_LEN + PORT_LEN)
#define TUPLE4_LEN (1 + 2 * (IP4_LEN + PORT_LEN))
#define TUPLE6_LEN (1 + 2 * (IP6_LEN + PORT_LEN))
#define TUPLE_UNIX_LEN (1 + 2 * 8)

/* v4 inside v6: first ten bytes zero and then ffff, or all bytes zero. */
static bool sock_is_mapped(const uint8_t *ip)
{
	static const uint8_t zero[IP6_LEN];

	if (memcmp(ip, zero, 10))
		return false;
	return (ip[10] == 0xff && ip[11] == 0xff) || !memcmp(ip, zero, IP6_LEN);
}

static void unmap(uint8_t *ip)
{
	memmove(ip, ip + 12, IP4_LEN);
	memset(ip + IP4_LEN, 0, IP6_LEN - IP4_LEN);
}

static struct str cut_at_nul(struct str s)
{
	const char *nul = s.len ? memchr(s.p, '\0', s.len) : NULL;

	return nul ? str_sub(s, 0, (uint32_t)(nul - s.p)) : s;
}

/*
 * In one piece, as it will be read: a load of 16 bytes that several stores were for has to wait for
 * them.
 */
static inline void take_ip4(uint8_t *ret, const uint8_t *p)
{
	const uint32_t v __attribute__((vector_size(IP6_LEN))) = { load_u32(p) };

	memcpy(ret, &v, sizeof(v));
}

static void parse_tuple4(const uint8_t *p, struct wire_tuple *ret)
{
	*ret = (struct wire_tuple){ .family = WIRE_AF_INET, .sport = load_u16(p + 5),
				    .dport = load_u16(p + 11), .path = STR_NONE };
	take_ip4(ret->sip, p + 1);
	take_ip4(ret->dip, p + 7);
}

static void parse_tuple6(const uint8_t *p, struct wire_tuple *ret)
{
	*ret = (struct wire_tuple){ .family = WIRE_AF_INET6, .sport = load_u16(p + 17),
				    .dport = load_u16(p + 35), .path = STR_NONE };
	memcpy(ret->sip, p + 1, IP6_LEN);
	memcpy(ret->dip, p + 19, IP6_LEN);
	if (sock_is_mapped(ret->sip) && sock_is_mapped(ret->dip)) {
		unmap(ret->sip);
		unmap(ret->dip);
		ret->family = WIRE_AF_INET;
	}
}

static void parse_tuple_unix(struct str param, struct wire_tuple *ret)
{
	*ret = (struct wire_tuple){ .family = WIRE_AF_UNIX, .unix_source = load_u64(param.p + 1),
				    .unix_peer = load_u64(param.p + 9) };
	ret->path = cut_at_nul(str_sub(param, TUPLE_UNIX_LEN, param.len));
}

bool sock_parse_tuple(struct str param, struct wire_tuple *ret)
{
	const uint8_t *p = (const uint8_t *)param.p;
	unsigned family = param.len ? p[0] : 0;

	if (family == WIRE_AF_INET && param.len >= TUPLE4_LEN)
		parse_tuple4(p, ret);
	else if (family == WIRE_AF_INET6 && param.len >= TUPLE6_LEN)
		parse_tuple6(p, ret);
	else if (family == WIRE_AF_UNIX && param.len >= TUPLE_UNIX_LEN)
		parse_tuple_unix(param, ret);
	else
		return false;
	return true;
}

bool sock_parse_addr(struct str param, struct wire_addr *ret)
{
	const uint8_t *p = (const uint8_t *)param.p;
	struct wire_addr a = { .path = STR_NONE };

	if (param.len == 0)
		return false;
	a.family = p[0];
	if (a.family == WIRE_AF_INET && param.len == ADDR4_LEN) {
		memcpy(a.ip, p + 1, IP4_LEN);
		a.port = load_u16(p + 5);
	} else if (a.family == WIRE_AF_INET6 && param.len == ADDR6_LEN) {
		memcpy(a.ip, p + 1, IP6_LEN);
		a.port = load_u16(p + 17);
		if (sock_is_mapped(a.ip)) {
			unmap(a.ip);
			a.family = WIRE_AF_INET;
		}
	} else if (a.family == WIRE_AF_UNIX) {
		a.path = cut_at_nul(str_sub(param, 1, param.len));
	} else {
		return false;
	}
	*ret = a;
	return true;
}

#define IP4_TEXT 16	/* "255.255.255.255" and what follows it */
#define PORT_TEXT 5

/* Decimal digits of a number of 16 bits; the place behind them. */
static char *put_number(char *p, unsigned v)
{
	unsigned n = 1U + (v >= 10) + (v >= 100) + (v >= 1000) + (v >= 10000);

	/* From the end: a division by a constant is a multiplication. */
	for (unsigned i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

static char *put_ip4(char *p, const uint8_t *ip)
{
	for (int i = 0; i < IP4_LEN; i++) {
		if (i)
			*p++ = '.';
		p = put_number(p, ip[i]);
	}
	return p;
}

static void print_ip4(struct buf *out, const uint8_t *ip)
{
	char tmp[IP4_TEXT];

	buf_add(out, tmp, (size_t)(put_ip4(tmp, ip) - tmp));
}

/* First longest run of at least two zero groups, or length 0. */
static unsigned zero_run(const uint16_t *w, unsigned *ret_len)
{
	unsigned best = 0, best_len = 0;

	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;

		while (i + n < 8 && w[i + n] == 0)
			n++;
		if (n >= 2 && n > best_len) {
			best = i;
			best_len = n;
		}
		i += n;
	}
	*ret_len = best_len;
	return best;
}

static void add_hex(struct buf *out, uint64_t v)
{
	char tmp[16];
	unsigned n = sizeof(tmp);

	do {
		tmp[--n] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	buf_add(out, tmp + n, sizeof(tmp) - n);
}

void sock_print_ip(struct buf *out, const uint8_t *ip, bool v6)
{
	uint16_t w[8];
	unsigned run, run_len;

	if (!v6) {
		print_ip4(out, ip);
		return;
	}
	for (unsigned i = 0; i < 8; i++)
		w[i] = (uint16_t)(ip[2 * i] << 8 | ip[2 * i + 1]);
	run = zero_run(w, &run_len);
	for (unsigned i = 0; i < 8; i++) {
		if (run_len && i == run) {
			buf_add_c(out, i + run_len == 8 ? "::" : ":");
			i += run_len - 1;
			continue;
		}
		if (i)
			buf_add_char(out, ':');
		if (i == 6 && run == 0 && (run_len == 6 || (run_len == 5 && w[5] == 0xffff))) {
			print_ip4(out, ip + 12);
			return;
		}
		add_hex(out, w[i]);
	}
}

void sock_print_end(struct buf *out, const uint8_t *ip, bool v6, uint16_t port)
{
	char tmp[IP4_TEXT + PORT_TEXT], *p = tmp;

	if (v6)
		sock_print_ip(out, ip, true);
	else
		p = put_ip4(p, ip);
	*p++ = ':';
	buf_add(out, tmp, (size_t)(put_number(p, port) - tmp));
}

static void print_invalid(struct buf *out, uint8_t family)
{
	switch (family) {
	case WIRE_AF_INET:
		buf_add_c(out, "INVALID IPv4");
		break;
	case WIRE_AF_INET6:
		buf_add_c(out, "INVALID IPv6");
		break;
	case WIRE_AF_UNIX:
		buf_add_c(out, "INVALID UNIX");
		break;
	default:
		buf_add_c(out, "family ");
		buf_add_u64(out, family);
	}
}

void sock_print_addr(struct buf *out, struct str param)
{
	struct wire_addr a;

	if (param.len == 0)
		return;
	if (!sock_parse_addr(param, &a))
		print_invalid(out, (uint8_t)param.p[0]);
	else if (a.family == WIRE_AF_UNIX)
		buf_add_str(out, a.path);
	else
		sock_print_end(out, a.ip, a.family == WIRE_AF_INET6, a.port);
}

void sock_print_unix(struct buf *out, uint64_t source, uint64_t peer, struct str path)
{
	add_hex(out, source);
	buf_add_c(out, "->");
	add_hex(out, peer);
	buf_add_char(out, ' ');
	buf_add_str(out, path);
}

void sock_print_tuple(struct buf *out, struct str param)
{
	struct wire_tuple t;

	if (param.len == 0)
		return;
	if (!sock_parse_tuple(param, &t)) {
		print_invalid(out, (uint8_t)param.p[0]);
	} else if (t.family == WIRE_AF_UNIX) {
		sock_print_unix(out, t.unix_source, t.unix_peer, t.path);
	} else {
		sock_print_end(out, t.sip, t.family == WIRE_AF_INET6, t.sport);
		buf_add_c(out, "->");
		sock_print_end(out, t.dip, t.family == WIRE_AF_INET6, t.dport);
	}
}
