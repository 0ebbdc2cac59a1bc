/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What container.* and k8s.* share.
 */
#ifndef TIERCEL_FIELD_CONTAINER_H
#define TIERCEL_FIELD_CONTAINER_H

#include "engine/field/field_member.h"

/* The container of the event if its metadata is there, else NULL. */
const struct container *container_known(const struct event_ctx *ctx);
/* The label called `key`; false = there is none. */
bool container_label(const struct container_label *labels, uint32_t n, struct str key,
		     struct value *ret);
bool container_labels_text(struct arena *a, const struct container_label *labels, uint32_t n,
			   struct value *ret);

#endif
