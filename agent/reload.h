/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hot swap: a thread that watches rules and configuration, compiles them aside when they change or
 * when somebody asks, and frees what was replaced. The live thread takes the result between two
 * events; until then, and whenever something is wrong with the new rules, nothing changes.
 */
#ifndef TIERCEL_RELOAD_H
#define TIERCEL_RELOAD_H

#include "agent/live_rules.h"

enum { RELOAD_QUIET_MS = 200 };		/* files have to be left alone before they are read */

struct reload;

struct reload_result {
	struct live_rules *rules;	/* NULL: they did not load */
	char *problems;			/* then why, for people; owned by the result */
	uint64_t compile_ns;
	unsigned ticket;		/* all requests up to this one are answered by it */
};

/* Starts the thread. `config`, `spec`, `engine` outlive it. 0 or -errno. */
int reload_new(const struct live_rules_spec *spec, const struct config *config,
	       const struct engines *engines, const struct live_rules *current,
	       struct reload **ret);
/* Ends it; before the engine is freed. */
void reload_free(struct reload *r);

/* Read the rules again, changed or not; returns the ticket that the result will have, or a later
 * one. Any thread, and signal handlers. */
unsigned reload_request(struct reload *r);
/* Is there a result? Costs one load. */
bool reload_ready(const struct reload *r);
/* Take it, if there is one: it belongs to the caller then. Live thread. */
bool reload_take(struct reload *r, struct reload_result *ret);
/* `old` was replaced (NULL: nothing): it is freed by the thread. Live thread. */
void reload_retire(struct reload *r, struct live_rules *old);

#endif
