/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of sockets: texts as rules and alerts write them -> wire form. Called while the events
 * of a test are built.
 */
#include "agent/ruletest_build.h"

bool build_parse_end(struct str s, struct build_end *ret)
{
	int colon = str_rfind(s, ':');
	uint64_t port;

	if (colon <= 0 || !value_parse_ip(str_sub(s, 0, (uint32_t)colon), &ret->ip) ||
	    str_to_u64(str_sub(s, (uint32_t)colon + 1, s.len), &port) < 0 || port > UINT16_MAX)
		return false;
	ret->port = (uint16_t)port;
	return true;
}

bool build_parse_tuple(struct str s, struct build_end *ret_from, struct build_end *ret_to)
{
	for (uint32_t i = 0; i + 1 < s.len; i++)
		if (s.p[i] == '-' && s.p[i + 1] == '>')
			return build_parse_end(str_sub(s, 0, i), ret_from) &&
			       build_parse_end(str_sub(s, i + 2, s.len), ret_to) &&
			       ret_from->ip.v6 == ret_to->ip.v6;
	return false;
}

static void add_end(struct buf *out, const struct build_end *end)
{
	buf_add(out, end->ip.addr, end->ip.v6 ? 16 : 4);
	buf_add(out, &end->port, sizeof(end->port));
}

static struct str finish(struct build *b, struct buf *out)
{
	struct str s = arena_str(b->arena, buf_str(out));

	if (!s.p || out->err)
		ruletest_oom(b->file);
	buf_done(out);
	return s;
}

struct str build_addr(struct build *b, const struct build_end *end)
{
	struct buf out = BUF_INIT;

	buf_add_char(&out, end->ip.v6 ? WIRE_AF_INET6 : WIRE_AF_INET);
	add_end(&out, end);
	return finish(b, &out);
}

struct str build_tuple(struct build *b, const struct build_end *from, const struct build_end *to)
{
	struct buf out = BUF_INIT;

	buf_add_char(&out, from->ip.v6 ? WIRE_AF_INET6 : WIRE_AF_INET);
	add_end(&out, from);
	add_end(&out, to);
	return finish(b, &out);
}

struct str build_unix_addr(struct build *b, struct str path)
{
	struct buf out = BUF_INIT;

	buf_add_char(&out, WIRE_AF_UNIX);
	buf_add_str(&out, path);
	buf_add_char(&out, '\0');
	return finish(b, &out);
}

struct str build_unix_tuple(struct build *b, struct str path)
{
	static const uint64_t source = BUILD_UNIX_SOURCE, peer = BUILD_UNIX_PEER;
	struct buf out = BUF_INIT;

	buf_add_char(&out, WIRE_AF_UNIX);
	buf_add(&out, &source, sizeof(source));
	buf_add(&out, &peer, sizeof(peer));
	buf_add_str(&out, path);
	buf_add_char(&out, '\0');
	return finish(b, &out);
}
