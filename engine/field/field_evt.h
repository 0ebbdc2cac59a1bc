/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getters of evt.* that live in files of their own; the rows are at the end of field_evt.c. Many
 * rows share a getter and tell it what they want through field_info.offset.
 */
#ifndef TIERCEL_FIELD_EVT_H
#define TIERCEL_FIELD_EVT_H

#include "engine/field/field_class.h"

typedef bool field_evt_get(const struct field_ref *f, struct event_ctx *ctx, struct value *ret);
typedef int field_evt_parse(struct field_ref *f, struct str rest, struct arena *a);

/* Return value of an exit event: its first parameter, whatever that is called. */
bool field_evt_result(struct event_ctx *ctx, int64_t *ret_res);

/* field_evt_time.c: offset = enum time_text_parts, or what of a number is wanted. */
enum field_evt_time_part { EVT_TIME_WHOLE, EVT_TIME_S, EVT_TIME_NS };
field_evt_get field_evt_time_text, field_evt_rawtime, field_evt_reltime, field_evt_deltatime,
	field_evt_zero_time, field_evt_zero_text, field_evt_around;

/* field_evt_io.c */
enum field_evt_buflen {
	EVT_BUFLEN_IN = 1, EVT_BUFLEN_OUT = 2, EVT_BUFLEN_FILE = 4, EVT_BUFLEN_NET = 8
};
enum field_evt_error { EVT_ERROR_ANY, EVT_ERROR_FILE, EVT_ERROR_NET, EVT_ERROR_MEMORY,
	EVT_ERROR_OTHER };
enum field_evt_open { EVT_OPEN_READ, EVT_OPEN_WRITE, EVT_OPEN_EXEC, EVT_OPEN_CREATE };
field_evt_get field_evt_category, field_evt_buffer, field_evt_buflen, field_evt_has_flags,
	field_evt_io_dir, field_evt_is_syslog, field_evt_count_error, field_evt_is_open;
field_evt_parse field_evt_parse_buffer;

/* field_evt_arg.c */
field_evt_get field_evt_args, field_evt_arg, field_evt_rawarg, field_evt_rawarg_printed,
	field_evt_abspath, field_evt_infra;
field_evt_parse field_evt_parse_abspath;
enum field_evt_infra { EVT_INFRA_EVENT, EVT_INFRA_ID, EVT_INFRA_NAME, EVT_INFRA_IMAGE };

#endif
