/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl behind agent/http.h, loaded with the first client. The easy handle is kept and reset
 * between requests, so connections, TLS sessions and name look-ups are reused.
 */
#include "agent/http.h"
#include "agent/lazy.h"

#include <curl/curl.h>
#include <pthread.h>
#include <strings.h>

enum { CONNECT_TIMEOUT_MS = 5000, TIMEOUT_MS = 30000, MAX_BODY = 1 << 20, MAX_HEADERS = 64 << 10,
       MAX_REDIRECTS = 5 };

struct http {
	CURL *curl;			/* NULL: there is no libcurl, `error` says so */
	struct http_opts opts;
	char error[CURL_ERROR_SIZE];
	/* Of the request under way. */
	const struct http_request *rq;
	struct http_response *response;
	int stopped;			/* why a callback ended the request, -errno */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *http_new(const struct http_opts *opts)
{
	struct http *h = calloc(1, sizeof(*h));
	const char *why;

	if (!h)
		return NULL;
	h->opts = *opts;
	if (lazy_load(LAZY_CURL, &why) < 0) {
		snprintf(h->error, sizeof(h->error), "%s", why);
		return h;
	}
	pthread_once(&curl_once, curl_start);
	h->curl = curl_easy_init();
	if (!h->curl) {
		free(h);
		return NULL;
	}
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	if (h->curl)
		curl_easy_cleanup(h->curl);
	free(h);
}

void http_response_done(struct http_response *r)
{
	buf_done(&r->body);
	buf_done(&r->headers);
}

const char *http_error(const struct http *h)
{
	return h->error;
}

static long status_of(struct http *h)
{
	long status = 0;

	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* The two sinks of libcurl: taking less than was offered ends the request. */
static size_t take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;
	uint64_t max = h->opts.max_body ? h->opts.max_body : MAX_BODY;
	long status = status_of(h);

	n *= size;
	if (h->rq->on_body && status >= 200 && status < 300) {
		h->stopped = h->rq->on_body(h->rq->ctx, data, n);
		return h->stopped ? 0 : n;
	}
	if (h->response->body.len + n > max) {
		h->stopped = -EFBIG;
		return 0;
	}
	buf_add(&h->response->body, data, n);
	h->stopped = h->response->body.err;
	return h->stopped ? 0 : n;
}

static size_t take_header(char *data, size_t size, size_t n, void *ctx)
{
	struct http *h = ctx;
	struct buf *headers = &h->response->headers;

	n *= size;
	if (n > 5 && memcmp(data, "HTTP/", 5) == 0) /* of a redirect, or "100 Continue", before */
		buf_clear(headers);
	if (headers->len + n > MAX_HEADERS) {
		h->stopped = -EFBIG;
		return 0;
	}
	buf_add(headers, data, n);
	return n;
}

static int take_progress(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
			 curl_off_t ulnow)
{
	struct http *h = ctx;

	if (!h->rq->cancelled || !h->rq->cancelled(h->rq->ctx))
		return 0;
	h->stopped = -ECANCELED;
	return 1;
}

static void set_tls(struct http *h)
{
	const struct http_opts *o = &h->opts;
	CURL *c = h->curl;

	if (o->insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (o->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
	if (o->ca_path)
		curl_easy_setopt(c, CURLOPT_CAPATH, o->ca_path);
	if (o->client_cert)
		curl_easy_setopt(c, CURLOPT_SSLCERT, o->client_cert);
	if (o->client_key)
		curl_easy_setopt(c, CURLOPT_SSLKEY, o->client_key);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

static void set_bounds(struct http *h, const char *url)
{
	const struct http_opts *o = &h->opts;
	CURL *c = h->curl;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR,
			 str_starts(str_from(url), STR("https:")) ? "https" : "http,https");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)(o->connect_timeout_ms ? o->connect_timeout_ms
						      : CONNECT_TIMEOUT_MS));
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS,
			 (long)(o->timeout_ms ? o->timeout_ms : TIMEOUT_MS));
	if (o->stall_s) {
		curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)o->stall_s);
	}
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, o->follow_redirects ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, o->close_after ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, o->user_agent);
	curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, o->unix_socket);
}

static void set_callbacks(struct http *h)
{
	CURL *c = h->curl;

	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, take_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
}

static void set_request(struct http *h, const struct http_request *rq)
{
	CURL *c = h->curl;

	curl_easy_setopt(c, CURLOPT_URL, rq->url);
	if (rq->body.p) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.len);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, rq->body.p);
	}
	if (rq->method && strcmp(rq->method, "HEAD") == 0)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else if (rq->method)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, rq->method);
}

static int error_of(CURLcode code, int stopped)
{
	if (stopped)
		return stopped;
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return -EACCES;
	default:
		return -EIO;
	}
}

int http_send(struct http *h, const struct http_request *rq, struct http_response *ret)
{
	struct curl_slist *list = NULL;
	CURLcode code;

	buf_clear(&ret->body);
	buf_clear(&ret->headers);
	ret->status = 0;
	if (!h->curl)
		return -ENOSYS;
	h->rq = rq;
	h->response = ret;
	h->stopped = 0;
	h->error[0] = '\0';
	curl_easy_reset(h->curl);
	set_tls(h);
	set_bounds(h, rq->url);
	set_callbacks(h);
	set_request(h, rq);
	for (uint32_t i = 0; i < rq->nheaders; i++) {
		struct curl_slist *longer = curl_slist_append(list, rq->headers[i]);

		if (!longer) {
			curl_slist_free_all(list);
			return -ENOMEM;
		}
		list = longer;
	}
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list);
	code = curl_easy_perform(h->curl);
	curl_slist_free_all(list);
	ret->status = status_of(h);
	if (h->stopped == -EFBIG)
		snprintf(h->error, sizeof(h->error), "the answer is too large");
	else if (code != CURLE_OK && !h->error[0])
		snprintf(h->error, sizeof(h->error), "%s", curl_easy_strerror(code));
	return error_of(code, h->stopped);
}

struct str http_header(const struct http_response *r, const char *name)
{
	struct str rest = buf_str(&r->headers);
	size_t n = strlen(name);

	while (rest.len) {
		const char *end = memchr(rest.p, '\n', rest.len);
		uint32_t len = end ? (uint32_t)(end - rest.p) : rest.len;

		if (len > n && rest.p[n] == ':' && strncasecmp(rest.p, name, n) == 0)
			return str_trim(str_sub(rest, (uint32_t)n + 1, len));
		rest = str_sub(rest, end ? len + 1 : rest.len, rest.len);
	}
	return STR_NONE;
}
