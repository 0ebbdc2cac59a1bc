/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a matcher and what it tells about itself. Called by the facade and by `explain`.
 */
#include "engine/match/memo.h"
#include "engine/match/program.h"

#define BLOCK_SIZE (64 << 10)

struct matcher *matcher_new(const struct ruleset *rs, const struct match_opts *opts,
			    struct limits *limits)
{
	struct matcher *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	arena_init(&m->arena, BLOCK_SIZE, 0);
	m->rules = rs;
	m->limits = limits;
	m->opts = *opts;
	m->epoch = 1;
	classes_init(&m->processes, limits);
	if (compile_rules(m)) {
		matcher_free(m);
		return NULL;
	}
	facts_init(&m->facts, limits);
	return m;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->nslots; i++) {
		if (m->slots[i].key == i)
			memo_free(m->slots[i].memo);
		if (m->slots[i].filter)
			text_filter_done(m->slots[i].filter);
	}
	classes_done(&m->processes);
	facts_done(&m->facts);
	arena_done(&m->arena);
	free(m->atoms);
	free(m->code);
	free(m->slots);
	free(m);
}

void matcher_thread_free(struct matcher *m, struct thread *t)
{
	facts_drop(&m->facts, t);
}

const struct evtset *matcher_events(const struct matcher *m)
{
	return &m->events;
}
