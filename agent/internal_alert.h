/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts of the sensor about itself, through the same outputs as alerts of rules, source
 * "internal". Built and sent by the live thread.
 */
#ifndef TIERCEL_INTERNAL_ALERT_H
#define TIERCEL_INTERNAL_ALERT_H

#include "agent/outputs.h"

/* Where they go and how they look. */
struct internal_alerts {
	struct outputs *outputs;
	struct alert_opts alert;
	uint64_t sent;
};

struct internal_builder {
	struct arena arena;
	struct internal_alert alert;
	enum rule_priority priority;
	uint32_t cap;			/* of alert.fields, in the arena */
	bool texts;			/* numbers are texts, as the incumbent has them */
};

/* Begin with the name and the priority; then add fields; sending ends it. */
void internal_alert_begin(struct internal_builder *b, const char *rule,
			  enum rule_priority priority);
void internal_alert_text(struct internal_builder *b, const char *key, const char *fmt, ...)
	_printf_(3, 4);
void internal_alert_number(struct internal_builder *b, const char *key, uint64_t value);
void internal_alert_real(struct internal_builder *b, const char *key, double value);
/* "PREFIX.NAME" as key. */
void internal_alert_number_of(struct internal_builder *b, const char *prefix, const char *name,
			      uint64_t value);
void internal_alert_send(struct internal_alerts *to, struct internal_builder *b, const char *fmt,
			 ...) _printf_(3, 4);
/* Instead of sending. */
void internal_alert_drop(struct internal_builder *b);

#endif
