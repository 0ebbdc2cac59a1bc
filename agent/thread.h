/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of the agent. Signals of the process are for the main thread: all others start with them
 * blocked.
 */
#ifndef TIERCEL_THREAD_H
#define TIERCEL_THREAD_H

#include "engine/base.h"

#include <pthread.h>
#include <signal.h>

/* Around the start of threads that a library makes. */
static inline void thread_block_signals(sigset_t *ret_old)
{
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGSYS); /* a refused system call ends the process where it is blocked */
	pthread_sigmask(SIG_SETMASK, &all, ret_old);
}

static inline void thread_restore_signals(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* 0 or -errno. */
static inline int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg)
{
	sigset_t old;
	int r;

	thread_block_signals(&old);
	r = pthread_create(ret, NULL, run, arg);
	thread_restore_signals(&old);
	return -r;
}

#endif
