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
	*ret = (struct wire_tuple){ .family = WIRE_AF_INET,
				    .ends = { .sport = load_u16(p + 5), .dport = load_u16(p + 11) },
				    .path = STR_NONE };
	take_ip4(ret->ends.sip, p + 1);
	take_ip4(ret->ends.dip, p + 7);
}

static void parse_tuple6(const uint8_t *p, struct wire_tuple *ret)
{
	*ret = (struct wire_tuple){ .family = WIRE_AF_INET6,
				    .ends = { .sport = load_u16(p + 17),
					      .dport = load_u16(p + 35) },
				    .path = STR_NONE };
	memcpy(ret->ends.sip, p + 1, IP6_LEN);
	memcpy(ret->ends.dip, p + 19, IP6_LEN);
	if (sock_is_mapped(ret->ends.sip) && sock_is_mapped(ret->ends.dip)) {
		unmap(ret->ends.sip);
		unmap(ret->ends.dip);
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

void sock_swap_ends(struct sock_tuple *t)
{
	struct sock_tuple old = *t;

	memcpy(t->sip, old.dip, sizeof(t->sip));
	memcpy(t->dip, old.sip, sizeof(t->dip));
	t->sport = old.dport;
	t->dport = old.sport;
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
#define END4_TEXT (IP4_TEXT + 5)
#define NUMBER_SLACK 8	/* bytes that put_number() may write behind a number */

/*
 * Decimal digits of a number of 16 bits; the place behind them. All five digits as one word, from
 * which leading zeros are shifted out.
 */
static char *put_number(char *p, unsigned v)
{
	unsigned n = 1U + (v >= 10) + (v >= 100) + (v >= 1000) + (v >= 10000);
	uint64_t digits = 0x3030303030 + v / 10000 + ((uint64_t)(v / 1000 % 10) << 8) +
			  ((uint64_t)(v / 100 % 10) << 16) + ((uint64_t)(v / 10 % 10) << 24) +
			  ((uint64_t)(v % 10) << 32);

	digits >>= 8 * (5 - n);
	memcpy(p, &digits, NUMBER_SLACK);
	return p + n;
}

/* All numbers of an address with the dot behind them: names of connections are printed often. */
#define OCTET(v)                                                                            \
	{ { '0' + ((v) >= 100 ? (v) / 100 : (v) >= 10 ? (v) / 10 : (v)),                    \
	    (v) >= 100 ? '0' + (v) / 10 % 10 : (v) >= 10 ? '0' + (v) % 10 : '.',            \
	    (v) >= 100 ? '0' + (v) % 10 : '.', '.' },                                       \
	  1 + ((v) >= 10) + ((v) >= 100) }
#define OCTETS4(v) OCTET(v), OCTET((v) + 1), OCTET((v) + 2), OCTET((v) + 3)
#define OCTETS16(v) OCTETS4(v), OCTETS4((v) + 4), OCTETS4((v) + 8), OCTETS4((v) + 12)
#define OCTETS64(v) OCTETS16(v), OCTETS16((v) + 16), OCTETS16((v) + 32), OCTETS16((v) + 48)

static const struct octet {
	char text[4];
	uint8_t len;	/* without dot */
} octets[256] = { OCTETS64(0), OCTETS64(64), OCTETS64(128), OCTETS64(192) };

static char *put_ip4(char *p, const uint8_t *ip)
{
	for (int i = 0; i < IP4_LEN; i++) {
		const struct octet *o = &octets[ip[i]];

		memcpy(p, o->text, sizeof(o->text));
		p += o->len + 1;
	}
	return p - 1;
}

static void print_ip4(struct buf *out, const uint8_t *ip)
{
	char tmp[IP4_TEXT + NUMBER_SLACK];

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

static char *put_end4(char *p, const uint8_t *ip, uint16_t port)
{
	p = put_ip4(p, ip);
	*p++ = ':';
	return put_number(p, port);
}

void sock_print_end(struct buf *out, const uint8_t *ip, bool v6, uint16_t port)
{
	char tmp[END4_TEXT + NUMBER_SLACK], *p = tmp;

	if (v6) {
		sock_print_ip(out, ip, true);
		*p++ = ':';
		p = put_number(p, port);
	} else {
		p = put_end4(p, ip, port);
	}
	buf_add(out, tmp, (size_t)(p - tmp));
}

void sock_print_ends(struct buf *out, const struct sock_tuple *t, bool v6)
{
	char *p;

	if (v6) {
		sock_print_end(out, t->sip, true, t->sport);
		buf_add_c(out, "->");
		sock_print_end(out, t->dip, true, t->dport);
		return;
	}
	/* In place: a copy would have to wait for all the small stores. */
	p = buf_reserve(out, 2 * END4_TEXT + 2 + NUMBER_SLACK);
	if (!p)
		return;
	p = put_end4(p, t->sip, t->sport);
	*p++ = '-';
	*p++ = '>';
	p = put_end4(p, t->dip, t->dport);
	*p = '\0';
	out->len = (size_t)(p - out->p);
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
		sock_print_ends(out, &t.ends, t.family == WIRE_AF_INET6);
	}
}
