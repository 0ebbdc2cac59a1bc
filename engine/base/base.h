/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary every file of the engine starts from: compiler helpers, cleanup attributes,
 * unaligned loads. Includes libc only. Nothing here allocates.
 */
#ifndef TIERCEL_BASE_H
#define TIERCEL_BASE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* Each argument is evaluated once; not for constant expressions. */
#define MIN(a, b) BASE_PICK(<, a, b, __COUNTER__)
#define MAX(a, b) BASE_PICK(>, a, b, __COUNTER__)
#define BASE_PICK(op, a, b, n) BASE_PICK_N(op, a, b, n)
#define BASE_PICK_N(op, a, b, n)             \
	({                                   \
		__auto_type a_##n = (a);     \
		__auto_type b_##n = (b);     \
		a_##n op b_##n ? a_##n : b_##n; \
	})
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(base_freep)
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))
#define _unused_ __attribute__((unused))
#define _must_check_ __attribute__((warn_unused_result))
#define _noinline_ __attribute__((noinline))	/* rare work: keep it out of a hot caller */

static inline void base_freep(void *pp)
{
	free(*(void **)pp);
}

/* Trace and ring records are packed: every multi-byte read goes through one of these. */
#define BASE_LOAD(bits)                                                     \
	static inline uint##bits##_t load_u##bits(const void *p)            \
	{                                                                   \
		uint##bits##_t v;                                           \
		memcpy(&v, p, sizeof(v));                                   \
		return v;                                                   \
	}                                                                   \
	static inline void store_u##bits(void *p, uint##bits##_t v)         \
	{                                                                   \
		memcpy(p, &v, sizeof(v));                                   \
	}
BASE_LOAD(16)
BASE_LOAD(32)
BASE_LOAD(64)
#undef BASE_LOAD

static inline size_t align_up(size_t n, size_t to)
{
	return (n + to - 1) & ~(to - 1);
}

/* Unbounded string functions are not used in this tree; sprintf-style output goes to struct buf. */
#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok strncpy

#endif
