/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts of the sensor about itself: the incumbent's form for source "internal" (rule-language
 * contract, section 5.4). No tags; the key output has the message alone, the text form has the
 * fields behind it. The agent says what happened and when.
 */
#ifndef TIERCEL_INTERNAL_H
#define TIERCEL_INTERNAL_H

#include "engine/base/arena.h"
#include "engine/out/alert.h"

enum internal_kind { INTERNAL_TEXT, INTERNAL_UINT, INTERNAL_REAL };

struct internal_field {
	struct str key;
	enum internal_kind kind;
	struct str text;
	uint64_t number;
	double real;		/* printed with one decimal */
};

struct internal_alert {
	struct str rule, message;
	const char *priority;	/* printed name */
	uint64_t ts;		/* ns since 1970 */
	struct internal_field *fields;	/* sorted by the renderer */
	uint32_t nfields;
};

/*
 * The forms (enum alert_form) of the alert; as alert_render_forms(), texts of fields go into `a`.
 */
void internal_render(struct internal_alert *alert, const struct alert_opts *opts, unsigned forms,
		     struct arena *a, struct buf *out, struct alert_forms *ret);

/* The object output_fields alone, in the order of the fields. */
void internal_render_fields(const struct internal_alert *alert, struct buf *out);

#endif
