/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the hardening: harden.c has the process, harden_seccomp.c the filter of system calls.
 */
#ifndef TIERCEL_HARDEN_PRIV_H
#define TIERCEL_HARDEN_PRIV_H

#include "agent/harden.h"

/* Fill what the filter knows: seccomp, no_seccomp_why, refused_calls. */
void harden_seccomp_get(struct harden_state *ret);

#endif
