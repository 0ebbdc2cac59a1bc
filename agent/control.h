/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket of a running sensor, for `tiercel status`, `top`, `tail` and `reload`. A
 * thread of its own on a unix socket that only root (and the user of the sensor) may use; it reads
 * published counters and never makes the live thread wait.
 *
 * Protocol: lines of JSON. A request is an object with the member "request" and what else it needs;
 * unknown members are ignored, requests of one client are answered in order. Every answer is one
 * object with "ok"; when that is false, "error" says why.
 *
 *   {"request":"status"}   how the sensor is: see control_answer.c
 *   {"request":"rates"}    counters by rule, process and container; who wants rates asks twice
 *   {"request":"reload"}   read the rules again; answered when they are in force ("digest",
 *                          "rules_active", ...) or refused ("problems")
 *   {"request":"tail","rule":GLOB,"priority":NAME}   both optional; after the answer every alert is
 *                          a line {"alert":{...}} until the client closes.
 *                          {"lost":N,"lost_total":M} stands where alerts are missing because the
 *                          client is too slow
 *
 * Bounds: control_limits.def.
 */
#ifndef TIERCEL_CONTROL_H
#define TIERCEL_CONTROL_H

#include "agent/activity.h"
#include "agent/identity.h"
#include "agent/reload.h"
#include "agent/tap.h"

struct control;

/* All borrowed for the life of the control. */
struct control_opts {
	const char *path;
	const struct identity *identity;
	struct activity *activity;
	struct reload *reload;		/* NULL: a sensor without rules */
};

/* 0; -EADDRINUSE: another sensor has the socket; -errno. */
int control_start(const struct control_opts *opts, struct control **ret);
/* NULL: nothing happens. */
void control_stop(struct control *c);
/* Where alerts have to be given for `tail`. */
struct tap *control_tap(struct control *c);

/* What became of a reload. Live thread. */
struct control_reload {
	unsigned ticket;		/* of reload_request() */
	const char *problems;		/* NULL: the new rules are in force */
	const char *digest;
	uint32_t loaded, active;
	uint64_t compile_ns;
};
void control_reloaded(struct control *c, const struct control_reload *result);

#endif
