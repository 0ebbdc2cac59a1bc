/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sensor gives up what it does not need, so that whoever takes it over gets little: capabilities,
 * system calls, core dumps. Facts of the process, any thread may ask for them.
 *
 * The output "program" starts programs of the operator's, who expects them to work as they did
 * before: with it the sensor itself still drops capabilities, but what children would inherit
 * (filter of system calls, no-new-privs, bounding set, umask) is left alone.
 */
#ifndef TIERCEL_HARDEN_H
#define TIERCEL_HARDEN_H

#include "agent/config.h"

/* At the start of a live session, before there is a second thread: capabilities are of threads.
 * What does not work is a warning. */
void harden_start(const struct config *c, bool recording);
/* When everything is attached and all threads run: from now on only the calls of harden_calls.def.
 * `programs`: why other programs will be started, a literal, then there is no filter; NULL: none.
 */
void harden_seal(const struct config *c, const char *programs);
/* Tell on stderr which calls were refused since the last time. */
void harden_report(void);

struct harden_state {
	bool no_new_privs, seccomp, no_core;
	const char *no_seccomp_why;	/* "" */
	uint64_t refused_calls;
	uint64_t capabilities;		/* bits of those that are left */
};
void harden_get(struct harden_state *ret);
/* "CAP_BPF" of a bit that the sensor may keep, else NULL. */
const char *harden_capability(unsigned bit);

#endif
