/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON writer. Hot for alerts: runs of plain bytes are copied at once, everything else goes through
 * a table of escapes or the UTF-8 repair.
 */
#include "engine/base/json.h"
#include "engine/base/utf8.h"

static void separator(struct json *j)
{
	if (j->need_comma)
		buf_add_char(j->out, ',');
	j->need_comma = true;
}

void json_obj(struct json *j)
{
	separator(j);
	buf_add_char(j->out, '{');
	j->need_comma = false;
}

void json_obj_end(struct json *j)
{
	buf_add_char(j->out, '}');
	j->need_comma = true;
}

void json_arr(struct json *j)
{
	separator(j);
	buf_add_char(j->out, '[');
	j->need_comma = false;
}

void json_arr_end(struct json *j)
{
	buf_add_char(j->out, ']');
	j->need_comma = true;
}

static void escape_control(struct buf *out, unsigned char c)
{
	static const char shorts[] = "btn\0fr";	/* from 0x08 on; \v has no short form */

	if (c >= 0x08 && c <= 0x0d && shorts[c - 0x08])
		buf_printf(out, "\\%c", shorts[c - 0x08]);
	else
		buf_printf(out, "\\u%04x", c);
}

/* Bytes that can be copied as they are. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void json_escape(struct buf *out, struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	uint32_t i = 0;

	while (i < s.len) {
		uint32_t from = i, cp;
		unsigned bad, n;

		while (i < s.len && is_plain(p[i]))
			i++;
		buf_add(out, p + from, i - from);
		if (i == s.len)
			return;
		if (p[i] == '"' || p[i] == '\\') {
			buf_printf(out, "\\%c", p[i++]);
		} else if (p[i] < 0x20) {
			escape_control(out, p[i++]);
		} else {
			n = utf8_decode(p + i, s.len - i, &cp, &bad);
			if (n)
				buf_add(out, p + i, n);
			else
				buf_add_c(out, UTF8_REPLACEMENT);
			i += n ? n : bad;
		}
	}
}

void json_str(struct json *j, struct str v)
{
	if (!v.p) {
		json_none(j);
		return;
	}
	separator(j);
	buf_add_char(j->out, '"');
	json_escape(j->out, v);
	buf_add_char(j->out, '"');
}

void json_key_str(struct json *j, struct str key)
{
	json_str(j, key.p ? key : STR(""));
	buf_add_char(j->out, ':');
	j->need_comma = false;
}

void json_key(struct json *j, const char *key)
{
	json_key_str(j, str_from(key));
}

void json_cstr(struct json *j, const char *v)
{
	json_str(j, str_from(v));
}

void json_i64(struct json *j, int64_t v)
{
	separator(j);
	buf_add_i64(j->out, v);
}

void json_u64(struct json *j, uint64_t v)
{
	separator(j);
	buf_add_u64(j->out, v);
}

void json_raw(struct json *j, struct str v)
{
	separator(j);
	buf_add_str(j->out, v);
}

void json_bool(struct json *j, bool v)
{
	json_raw(j, v ? STR("true") : STR("false"));
}

void json_none(struct json *j)
{
	json_raw(j, STR("null"));
}
