/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container runtime knows about one container, as the JSON document that container events
 * carry. Called by the thread of cri.c.
 */
#ifndef TIERCEL_CRI_LOOKUP_H
#define TIERCEL_CRI_LOOKUP_H

#include "agent/cri_client.h"

struct cri_runtime {
	const char *type;	/* "containerd", "cri-o", or its own name */
	char name[32], version[64];
	bool events_safe;	/* its events go to all who listen, see cri_lookup.c */
};

/* Who answers? 0, -EOPNOTSUPP when it does not speak version 1, or as cri_client_call(). */
int cri_lookup_runtime(struct cri_client *c, uint64_t timeout_ns, struct cri_runtime *ret);

/* Ids of all containers and pod sandboxes, each given to `fn`. 0 or as cri_client_call(). */
int cri_lookup_all(struct cri_client *c, uint64_t timeout_ns, cri_message_fn *fn, void *ctx);

/*
 * Append the document of a container or sandbox; `id` has 12 characters or more. 0, -ENOENT: the
 * runtime does not know it; else as cri_client_call().
 */
int cri_lookup_container(struct cri_client *c, const struct cri_runtime *runtime, const char *id,
			 uint64_t timeout_ns, struct buf *ret_json);

struct cri_listener {
	cri_message_fn *fn;
	void *ctx;
};

/* Ids of containers that come to life, as long as the connection lives; `l` outlives it. */
int cri_lookup_events(struct cri_client *c, const struct cri_listener *l);

#endif
