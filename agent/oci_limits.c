/* SPDX-License-Identifier: Apache-2.0 */
/* The table of oci_limits.h. */
#include "agent/oci_limits.h"

const char *const oci_limit_counters[OCI_LIMIT_COUNT] = {
#define OCI_LIMIT(id, def, counter, help) [OCI_LIMIT_##id] = counter,
#include "agent/oci_limits.def"
#undef OCI_LIMIT
};

atomic_uint_fast64_t oci_limit_hits[OCI_LIMIT_COUNT];
