/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as text or JSON lines (replay --print), restricted by a filter. Owns its fields, format
 * and filter; used by one thread.
 */
#ifndef TIERCEL_PRINT_EVENT_H
#define TIERCEL_PRINT_EVENT_H

#include "agent/out.h"
#include "engine/tiercel.h"

struct event_printer;

struct event_printer_opts {
	bool json;
	const char *fields;	/* "all" or "F1,F2"; NULL: evt.type only */
	const char *format;	/* NULL: the usual one-line form */
	const char *filter;	/* NULL: every event */
};

/* 0, or -EINVAL after the problem was printed on stderr. */
int event_printer_new(const struct event_printer_opts *opts, struct limits *limits,
		      struct event_printer **ret);
void event_printer_free(struct event_printer *p);
/* Does the filter accept the event? True without a filter. */
bool event_printer_accepts(struct event_printer *p, struct event_ctx *ctx);
void event_printer_print(struct event_printer *p, struct event_ctx *ctx, struct out *out);

/* A condition of the command line: parsed and checked, problems printed. 0 or -EINVAL. */
int filter_option(const char *text, struct arena *a, struct limits *limits, struct ast **ret);

#endif
