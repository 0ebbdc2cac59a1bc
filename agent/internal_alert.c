/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building and sending of the sensor's own alerts.
 */
#include "agent/internal_alert.h"
#include "agent/clock.h"
#include "agent/cmd.h"

#include <inttypes.h>

void internal_alert_begin(struct internal_builder *b, const char *rule, enum rule_priority priority)
{
	arena_init(&b->arena, 4096, 0);
	b->priority = priority;
	b->alert = (struct internal_alert){ .rule = str_from(rule), .ts = clock_wall_ns(),
					    .priority = priority_names[priority] };
	b->cap = 0;
	b->texts = false;
}

/* NULL without memory: the alert goes without it. */
static struct internal_field *add(struct internal_builder *b, const char *key)
{
	struct internal_field *v = arena_grow(&b->arena, b->alert.fields, &b->cap,
					      b->alert.nfields + 1, sizeof(*v));
	struct str name = arena_str(&b->arena, str_from(key));

	if (!v || !name.p)
		return NULL;
	b->alert.fields = v;
	v[b->alert.nfields] = (struct internal_field){ .key = name };
	return &v[b->alert.nfields++];
}

void internal_alert_text(struct internal_builder *b, const char *key, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct internal_field *f = add(b, key);
	va_list ap;

	if (!f)
		return;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	f->kind = INTERNAL_TEXT;
	f->text = arena_str(&b->arena, buf_str(&text));
}

void internal_alert_number(struct internal_builder *b, const char *key, uint64_t value)
{
	struct internal_field *f;

	if (b->texts) {
		internal_alert_text(b, key, "%" PRIu64, value);
		return;
	}
	f = add(b, key);
	if (f) {
		f->kind = INTERNAL_UINT;
		f->number = value;
	}
}

void internal_alert_real(struct internal_builder *b, const char *key, double value)
{
	struct internal_field *f = add(b, key);

	if (f) {
		f->kind = INTERNAL_REAL;
		f->real = value;
	}
}

void internal_alert_number_of(struct internal_builder *b, const char *prefix, const char *name,
			      uint64_t value)
{
	_cleanup_buf_ struct buf key = BUF_INIT;

	buf_printf(&key, "%s.%s", prefix, name);
	if (!key.err)
		internal_alert_number(b, key.p, value);
}

void internal_alert_drop(struct internal_builder *b)
{
	arena_done(&b->arena);
}

void internal_alert_send(struct internal_alerts *to, struct internal_builder *b, const char *fmt,
			 ...)
{
	_cleanup_buf_ struct buf text = BUF_INIT, out = BUF_INIT;
	struct alert_forms forms;
	struct message *m = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	b->alert.message = buf_str(&text);
	internal_render(&b->alert, &to->alert, to->outputs->forms, &b->arena, &out, &forms);
	r = text.err || out.err ? -ENOMEM : 0;
	if (r == 0) {
		const struct message t = {
			.internal = true, .priority = b->priority, .ts = b->alert.ts,
			.rule = b->alert.rule, .source = STR("internal"),
			.hostname = to->alert.hostname, .output = forms.output, .json = forms.json,
			.text = forms.text,
		};

		r = message_new(&t, forms.fields, forms.nfields, &m);
	}
	if (r == 0) {
		to->sent++;
		outputs_emit(to->outputs, m);
		message_put(m);
	} else {
		cli_warn("no memory for an alert about the sensor itself: %.*s",
			 STR_ARG(b->alert.rule));
	}
	internal_alert_drop(b);
}
