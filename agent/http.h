/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client of the agent: alerts to a sink, rule bundles from a registry, the node's metadata
 * server. A thin layer over libcurl that adds what every caller needs: bounds on size and time,
 * one place for TLS settings, headers of the answer. One struct http is used by one thread at a
 * time and keeps its connections between requests.
 */
#ifndef TIERCEL_HTTP_H
#define TIERCEL_HTTP_H

#include "engine/base.h"

/* Texts are borrowed until http_free(). NULL: libcurl's default. */
struct http_opts {
	const char *user_agent;
	const char *ca_file, *ca_path;		/* trusted authorities */
	const char *client_cert, *client_key;	/* PEM; both or none */
	const char *unix_socket;		/* connect to it whatever the URL's host is */
	bool insecure;				/* no check of the peer's certificate */
	bool close_after;			/* a new connection for every request */
	bool follow_redirects;			/* without credentials to other hosts, never
						 * from https to http */
	uint32_t connect_timeout_ms;		/* 0: 5 s */
	uint32_t timeout_ms;			/* of a whole request, 0: 30 s */
	uint32_t stall_s;			/* without a byte, 0: no bound of its own */
	uint64_t max_body;			/* of an answer kept in memory, 0: 1 MiB */
};

struct http_request {
	const char *method;			/* NULL: GET, or POST with a body */
	const char *url;
	const char *const *headers;		/* "Name: value" */
	uint32_t nheaders;
	struct str body;			/* STR_NONE: none */
	/* Takes the answer's body of a 2xx status instead of response.body. Non-zero stops. */
	int (*on_body)(void *ctx, const void *data, size_t n);
	/* Asked about once a second: true ends the request with -ECANCELED. */
	bool (*cancelled)(void *ctx);
	void *ctx;				/* of both */
};

struct http_response {
	long status;
	struct buf body;
	struct buf headers;			/* lines as received, of the last answer */
};

struct http;

/* NULL: out of memory, or TLS files that libcurl refuses at once. */
struct http *http_new(const struct http_opts *opts);
void http_free(struct http *h);

/*
 * Send a request and wait for the whole answer. 0 with any HTTP status, else -errno: -ETIMEDOUT,
 * -ECONNREFUSED, -EHOSTUNREACH (name or route), -EFBIG (body over max_body), -EACCES (TLS),
 * -ECANCELED, -ENOSYS (no libcurl), -EIO. http_error() has the words then. *ret is cleared first
 * and reused.
 */
int http_send(struct http *h, const struct http_request *rq, struct http_response *ret);
const char *http_error(const struct http *h);

void http_response_done(struct http_response *r);
/* Value of a header without blanks around it, any case of `name`; STR_NONE: not there. */
struct str http_header(const struct http_response *r, const char *name);

static inline bool http_ok(const struct http_response *r)
{
	return r->status >= 200 && r->status < 300;
}

#endif
