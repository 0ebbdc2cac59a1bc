/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole trace through an engine, for the tools that test and compare rules. (replay has a loop of
 * its own: it also records, prints and shows progress.)
 */
#ifndef TIERCEL_TRACE_FEED_H
#define TIERCEL_TRACE_FEED_H

#include "engine/tiercel.h"

/*
 * Empty state, then all of the trace; everything that is wrong with it goes to `diags`, with the
 * path as file. `*stop` (may be NULL) ends it early. 0; -errno when the file cannot be opened
 * (reported), -EBADMSG when it is damaged: what came before has been fed.
 */
int trace_feed(const char *path, struct tiercel *engine, struct limits *limits,
	       struct diags *diags, const bool *stop);

#endif
