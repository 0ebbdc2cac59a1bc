/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering of the sensor's own alerts, see internal.h.
 */
#include "engine/base/utf8.h"
#include "engine/out/internal.h"

static int compare_fields(const void *a, const void *b)
{
	return str_cmp(((const struct internal_field *)a)->key,
		       ((const struct internal_field *)b)->key);
}

static void add_value(struct buf *out, const struct internal_field *f)
{
	switch (f->kind) {
	case INTERNAL_TEXT:
		utf8_repair(out, f->text);
		break;
	case INTERNAL_UINT:
		buf_add_u64(out, f->number);
		break;
	case INTERNAL_REAL:
		buf_printf(out, "%.1f", f->real);
		break;
	}
}

void internal_render_fields(const struct internal_alert *alert, struct buf *out)
{
	_cleanup_buf_ struct buf value = BUF_INIT;
	struct json j = json_start(out);

	json_obj(&j);
	for (uint32_t i = 0; i < alert->nfields; i++) {
		buf_clear(&value);
		add_value(&value, &alert->fields[i]);
		json_key_str(&j, alert->fields[i].key);
		if (alert->fields[i].kind == INTERNAL_TEXT)
			json_str(&j, buf_str(&value));
		else
			json_raw(&j, buf_str(&value));
	}
	json_obj_end(&j);
}

static void render_json(const struct internal_alert *alert, const struct alert_opts *opts,
			struct buf *out)
{
	struct json j = json_start(out);
	_cleanup_buf_ struct buf time = BUF_INIT, fields = BUF_INIT;

	json_obj(&j);
	json_key(&j, "hostname");
	json_str(&j, opts->hostname);
	json_key(&j, "output");
	json_str(&j, alert->message);
	json_key(&j, "output_fields");
	internal_render_fields(alert, &fields);
	json_raw(&j, buf_str(&fields));
	json_key(&j, "priority");
	json_cstr(&j, alert->priority);
	json_key(&j, "rule");
	json_str(&j, alert->rule);
	json_key(&j, "source");
	json_cstr(&j, "internal");
	json_key(&j, "time");
	alert_time(&time, alert->ts, ALERT_TIME_UTC, 0);
	json_str(&j, buf_str(&time));
	json_obj_end(&j);
}

static void render_text(const struct internal_alert *alert, const struct alert_opts *opts,
			struct buf *out)
{
	alert_time(out, alert->ts, opts->iso8601 ? ALERT_TIME_ISO8601 : ALERT_TIME_LOCAL,
		   opts->tz_offset_s);
	buf_printf(out, ": %s ", alert->priority);
	utf8_repair(out, alert->message);
	buf_add_c(out, " (");
	for (uint32_t i = 0; i < alert->nfields; i++) {
		buf_add_c(out, i ? " " : "");
		buf_add_str(out, alert->fields[i].key);
		buf_add_char(out, '=');
		add_value(out, &alert->fields[i]);
	}
	buf_add_char(out, ')');
}

static void list_fields(const struct internal_alert *alert, struct arena *a,
			struct alert_forms *ret)
{
	struct alert_field *v = arena_array(a, MAX(alert->nfields, 1U), sizeof(*v));
	_cleanup_buf_ struct buf value = BUF_INIT;

	for (uint32_t i = 0; v && i < alert->nfields; i++) {
		buf_clear(&value);
		add_value(&value, &alert->fields[i]);
		v[i].key = alert->fields[i].key;
		v[i].value = arena_str(a, buf_str(&value));
		ret->nfields = i + 1;
	}
	ret->fields = v;
}

void internal_render(struct internal_alert *alert, const struct alert_opts *opts, unsigned forms,
		     struct arena *a, struct buf *out, struct alert_forms *ret)
{
	size_t json;

	*ret = (struct alert_forms){ .output = alert->message };
	if (alert->nfields)
		qsort(alert->fields, alert->nfields, sizeof(*alert->fields), compare_fields);
	buf_clear(out);
	if (forms & ALERT_JSON)
		render_json(alert, opts, out);
	json = out->len;
	if (forms & ALERT_TEXT)
		render_text(alert, opts, out);
	if (forms & ALERT_FIELDS)
		list_fields(alert, a, ret);
	if (out->err)
		return;
	ret->json = (struct str){ out->p, (uint32_t)json };
	ret->text = (struct str){ out->p + json, (uint32_t)(out->len - json) };
}
