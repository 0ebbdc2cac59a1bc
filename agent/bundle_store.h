/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule bundles from registries that are kept in the state directory: STATE/bundles/HEX/ with the
 * layer as it was pulled, and the links `next` (pulled, not tried yet), `current` (in force) and
 * `previous`. Links are exchanged in one step; what none of them names is removed. Any thread of
 * one process.
 */
#ifndef TIERCEL_BUNDLE_STORE_H
#define TIERCEL_BUNDLE_STORE_H

#include "agent/oci.h"

enum bundle_stored { BUNDLE_NEXT, BUNDLE_CURRENT, BUNDLE_PREVIOUS };

/* Keep what was pulled by this name and verified with this key (NULL: none): it is `next` then. */
int bundle_store_put(const char *state_dir, const char *name, const char *public_key,
		     const struct oci_artifact *a);
/*
 * Only what was pulled by this name, verified with this key, and is still what it was. 0 or -errno:
 * -ENOENT there is none, -EBADMSG it is damaged.
 */
int bundle_store_get(const char *state_dir, enum bundle_stored which, const char *name,
		     const char *public_key, struct oci_artifact *ret);
/* One that is kept becomes `next` again. */
int bundle_store_again(const char *state_dir, const char *digest);
/* It is in force: `current`; the one before is `previous`, all others are removed. */
int bundle_store_activate(const char *state_dir, const char *digest);

#endif
