/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call numbers of the machine we run on, with their event types; and which of them have to
 * be reported for a set of events. Used by the ring source.
 */
#ifndef TIERCEL_SOURCE_SYSCALLS_H
#define TIERCEL_SOURCE_SYSCALLS_H

#include "agent/source.h"

struct source_syscall {
	uint16_t nr;	/* native number */
	uint16_t code;	/* syscall code of .scap */
	uint16_t event;	/* enum event_type */
};

extern const struct source_syscall source_syscalls[];
extern const uint32_t source_syscalls_count;

/* `wanted` plus what the state needs to keep processes and sockets right. */
struct evtset source_syscalls_needed(const struct evtset *wanted);

#endif
