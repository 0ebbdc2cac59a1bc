/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts: what a matching rule produces. The JSON has the incumbent's envelope (rule-language
 * contract, section 5.3): keys in alphabetical order, one line.
 */
#ifndef TIERCEL_ALERT_H
#define TIERCEL_ALERT_H

#include "engine/base/limits.h"
#include "engine/out/format.h"

/* What an alert needs to know about its rule; the facade fills it from struct rule. */
struct alert_rule {
	struct str name, source;
	const char *priority;		/* printed name */
	const struct str *tags;
	uint32_t ntags;
	struct format output;
	struct alert_extra *extra;	/* extra fields of the configuration */
	uint32_t nextra;
	struct alert_layout *layout;	/* precomputed order of output_fields keys */
};

struct alert_extra {
	struct str key;
	struct operand *field;		/* JSON type of the field, or: */
	struct format *format;		/* text */
};

struct alert_opts {
	bool json_output;		/* false: the text form only */
	bool include_message;		/* json_include_message_property */
	bool include_output;		/* default true, likewise the two below */
	bool include_output_fields;
	bool include_tags;
	bool iso8601;			/* time_format_iso_8601 */
	struct str hostname;
	int32_t tz_offset_s;		/* of local time, given by the agent */
	struct limits *limits;		/* LIMIT_ALERT_BYTES; NULL: no bound */
};

/* Forms of one alert, by those who want to deliver it. */
enum alert_form {
	ALERT_JSON = 1,
	ALERT_TEXT = 2,
	ALERT_FIELDS = 4,	/* output_fields one by one, as text */
};

struct alert_field {
	struct str key, value;	/* "<NA>" when missing */
};

/* What was asked for; the rest is empty. Views into the buffer and the scratch of the event. */
struct alert_forms {
	struct str output;	/* the message alone, always */
	struct str json, text;
	const struct alert_field *fields;	/* sorted by key */
	uint32_t nfields;
};

/* How a time stands in alerts: in front of the text, the same as ISO 8601, in the key time. */
enum alert_time { ALERT_TIME_LOCAL, ALERT_TIME_ISO8601, ALERT_TIME_UTC };
void alert_time(struct buf *out, uint64_t ts, enum alert_time form, int32_t tz_offset_s);

/* Prepare keys and order once per rule. 0 or -ENOMEM. */
int alert_rule_init(struct alert_rule *r, struct arena *a);
/* One line without newline. Invalid UTF-8 becomes U+FFFD. */
void alert_render(const struct alert_rule *r, const struct alert_opts *opts, struct event_ctx *ctx,
		  struct buf *out);
/* The forms (enum alert_form) of one alert; `out` is written from its start. Valid UTF-8. */
void alert_render_forms(const struct alert_rule *r, const struct alert_opts *opts, unsigned forms,
			struct event_ctx *ctx, struct buf *out, struct alert_forms *ret);

#endif
