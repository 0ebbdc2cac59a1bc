/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call numbers of the machine we run on, with their event types; and which of them have to
 * be reported for a set of events. Used by the ring source.
 */
#ifndef TIERCEL_SOURCE_SYSCALLS_H
#define TIERCEL_SOURCE_SYSCALLS_H

#include "agent/source.h"
#include "engine/event/ring.h"

struct source_syscall {
	uint16_t nr;	/* native number */
	uint16_t code;	/* syscall code of .scap */
	uint16_t event;	/* enum event_type */
};

extern const struct source_syscall source_syscalls[];
extern const uint32_t source_syscalls_count;

/* The same for 32-bit programs on this machine; empty where there are none. */
extern const struct source_syscall source_syscalls32[];
extern const uint32_t source_syscalls32_count;

/* Native number + 1 of the call that does the same; 0: none. */
uint16_t source_syscalls_native(const struct source_syscall *c);
/* Native number + 1 of a sub-function of the 32-bit call socketcall. */
uint16_t source_syscalls_socketcall(unsigned which);

/* What the state needs to keep processes right while `wanted` (NULL: anything) is captured. */
struct evtset source_syscalls_state(const struct evtset *wanted);

/* `wanted` plus what the state needs to keep processes and sockets right; nothing for nothing. */
struct evtset source_syscalls_needed(const struct evtset *wanted);

/* The event that the program of `event` has its name from: mostly itself. */
unsigned source_syscalls_program(unsigned event);
/* The same for a set. */
struct evtset source_syscalls_programs(const struct evtset *events);
/* What the kernel side has to know of an event. */
struct sensor_row source_syscalls_row(unsigned event);

#endif
