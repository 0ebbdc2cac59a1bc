/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this node is: node, cluster, location, project, environment and labels, from the
 * configuration, else the environment, else the cloud's metadata server (GKE). Chosen layers of a
 * bundle, the static fields of alerts and heartbeats use it. Found once at start; the caller owns
 * the struct.
 */
#ifndef TIERCEL_IDENTITY_H
#define TIERCEL_IDENTITY_H

#include "agent/config.h"

enum identity_key {
	IDENTITY_NODE, IDENTITY_CLUSTER, IDENTITY_LOCATION, IDENTITY_PROJECT, IDENTITY_ENVIRONMENT,
	IDENTITY_COUNT
};

struct identity {
	char *value[IDENTITY_COUNT];	/* "" when unknown */
	const struct config_texts *labels;	/* "key=value", of the configuration */
};

/*
 * 0 or -ENOMEM. What was asked for and could not be found gives a line for the user in `warning`;
 * the metadata server gets a few seconds at most. What it said is remembered in the state directory
 * and used when it cannot be reached the next time.
 */
int identity_init(struct identity *id, const struct config *config, struct buf *warning);
void identity_done(struct identity *id);

/* "node", "cluster" ... */
const char *identity_name(enum identity_key key);

#endif
