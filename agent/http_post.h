/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts by HTTP POST: one alert per request, or several lines (NDJSON). Called by the HTTP output
 * from one thread.
 */
#ifndef TIERCEL_HTTP_POST_H
#define TIERCEL_HTTP_POST_H

#include "agent/config.h"

struct http_post_opts {
	const struct config *config;	/* outlives the http_post */
	bool (*cancelled)(void *ctx);	/* give up; see http.h */
	void *ctx;
};

struct http_post;

/* 0, -ENOMEM, or -EINVAL (no http address, bad header; printed). */
int http_post_new(const struct http_post_opts *opts, struct http_post **ret);
void http_post_free(struct http_post *p);
/*
 * Send lines in order; *ret_done of them are delivered. 0: all; -EBADMSG: the server refuses the
 * first one that is not done whatever is tried; else -errno: try again later. http_post_error() has
 * the words for both.
 */
int http_post_lines(struct http_post *p, const struct str *lines, uint32_t n, uint32_t *ret_done);
const char *http_post_error(const struct http_post *p);
/* How long the server asks to be left alone after the last failure; 0: it does not say. */
uint32_t http_post_wait_ms(const struct http_post *p);

#endif
