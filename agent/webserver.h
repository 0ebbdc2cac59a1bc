/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web server: /healthz (and the configured path), /readyz, /versions, /metrics. A thread of
 * libmicrohttpd's; it reads published counters only and never waits for the live thread.
 */
#ifndef TIERCEL_WEBSERVER_H
#define TIERCEL_WEBSERVER_H

#include "agent/config.h"

struct webserver;

/* 0 or -errno, the reason is printed. `config` and `hostname` outlive the server. */
int webserver_start(const struct config *config, const char *hostname, struct webserver **ret);
void webserver_stop(struct webserver *w);

#endif
