/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine is told about the machine and the environment: host name, time zone; where the
 * files of the host are.
 */
#ifndef TIERCEL_HOST_H
#define TIERCEL_HOST_H

#include "engine/tiercel.h"

/* Falco's defaults, host name from FALCO_HOSTNAME or the system, offset of local time now. */
void host_alert_opts(struct alert_opts *ret_opts);

/*
 * Prefix of the host's files in a container, from HOST_ROOT; "" on the host itself. Never ends in
 * '/'.
 */
const char *host_root(void);

/* First in main(). Then: when the program was started, on the monotonic clock. */
void host_start(void);
uint64_t host_started_ns(void);

#endif
