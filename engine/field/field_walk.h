/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going up the parent chain of a thread, entry by entry. The chain of a damaged capture may be a
 * loop: a second cursor at half speed (Floyd) ends the walk when it is met.
 */
#ifndef TIERCEL_FIELD_WALK_H
#define TIERCEL_FIELD_WALK_H

#include "engine/state/state.h"

struct walk {
	struct thread *at, *slow;
	bool odd;
};

static inline struct walk walk_from(struct thread *t)
{
	return (struct walk){ t, t, false };
}

/* The next entry upwards, NULL at the end. */
static inline struct thread *walk_up(struct walk *w)
{
	if (w->at)
		w->at = thread_parent(w->at);
	if (w->odd)
		w->slow = thread_parent(w->slow);
	w->odd = !w->odd;
	if (w->at == w->slow)
		w->at = NULL;
	return w->at;
}

#endif
