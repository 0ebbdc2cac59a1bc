/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounds of oci_limits.def. The counters are those of the process, written and read by any
 * thread.
 */
#ifndef TIERCEL_OCI_LIMITS_H
#define TIERCEL_OCI_LIMITS_H

#include "engine/base.h"

#include <stdatomic.h>

enum oci_limit_id {
#define OCI_LIMIT(id, def, counter, help) OCI_LIMIT_##id,
#include "agent/oci_limits.def"
#undef OCI_LIMIT
	OCI_LIMIT_COUNT
};

enum oci_limit_default {
#define OCI_LIMIT(id, def, counter, help) OCI_MAX_##id = def,
#include "agent/oci_limits.def"
#undef OCI_LIMIT
};

extern const char *const oci_limit_counters[OCI_LIMIT_COUNT];
extern atomic_uint_fast64_t oci_limit_hits[OCI_LIMIT_COUNT];

static inline void oci_limit_hit(enum oci_limit_id id)
{
	atomic_fetch_add_explicit(&oci_limit_hits[id], 1, memory_order_relaxed);
}

#endif
