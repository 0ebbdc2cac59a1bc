/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON writer into a struct buf. Strings may hold any bytes: invalid UTF-8 is replaced by U+FFFD,
 * one per maximal ill-formed subpart. Commas are placed by the writer. Reading JSON is not done
 * here (jansson, cold path, agent only).
 */
#ifndef TIERCEL_JSON_H
#define TIERCEL_JSON_H

#include "engine/base/buf.h"

struct json {
	struct buf *out;
	bool need_comma;
};

static inline struct json json_start(struct buf *out)
{
	return (struct json){ out, false };
}

void json_obj(struct json *j);		/* { */
void json_obj_end(struct json *j);
void json_arr(struct json *j);		/* [ */
void json_arr_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_key_str(struct json *j, struct str key);
void json_str(struct json *j, struct str v);	/* p == NULL writes null */
void json_cstr(struct json *j, const char *v);
void json_i64(struct json *j, int64_t v);
void json_u64(struct json *j, uint64_t v);
void json_bool(struct json *j, bool v);
void json_none(struct json *j);
/* Text that is JSON already. */
void json_raw(struct json *j, struct str v);

/* The escaping alone, without quotes (hot path of alerts). */
void json_escape(struct buf *out, struct str s);

#endif
