/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.follow: a thread that looks at the registry from time to time, pulls a bundle that
 * changed into the store, and has the rules loaded again. Everything but the constructor's names
 * is asked and told by the live thread.
 */
#ifndef TIERCEL_BUNDLE_FOLLOW_H
#define TIERCEL_BUNDLE_FOLLOW_H

#include "agent/agent_stats.h"
#include "agent/bundle_load.h"
#include "agent/reload.h"

struct bundle_follow;

/*
 * Starts the thread. `options`: of the rules in force, copied; `artifact`: the digest of their
 * bundle. `reload` outlives it. 0 or -errno.
 */
int bundle_follow_new(const struct bundle_options *options, const char *artifact,
		      uint64_t interval_ms, struct reload *reload, struct bundle_follow **ret);
/* Ends it, within about a second. */
void bundle_follow_free(struct bundle_follow *f);

/* Other rules are in force now. */
void bundle_follow_active(struct bundle_follow *f, const struct bundle_options *options,
			  const char *artifact);
/*
 * Why the registry cannot be followed, once for each new reason; the caller frees it. NULL: nothing
 * new.
 */
char *bundle_follow_problem(struct bundle_follow *f);
void bundle_follow_stats(struct bundle_follow *f, struct agent_bundle *ret);

#endif
