/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a running sensor that is given back: what the allocator holds, and pages of programs
 * that only the start needed. Called by the live session.
 */
#ifndef TIERCEL_MEMORY_H
#define TIERCEL_MEMORY_H

#include "engine/base.h"

/*
 * The allocator's thread that does it when nothing happens. It has the capabilities of its caller.
 */
void memory_thread_start(void);
/*
 * Unmap the code and constants that were used so far, ours and those of all libraries. What is used
 * again comes back from the page cache by itself, 64 KiB at a time. Any thread.
 */
void memory_forget_code(void);

#endif
