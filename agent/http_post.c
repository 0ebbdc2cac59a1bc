/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests made of alerts. What a server refuses for good (400, 413, 422) is tried again a few
 * times, since proxies answer so, too, then given up; lines of a refused batch are sent one by one
 * to find the one. Any other failure is worth a retry for as long as it takes.
 */
#include "agent/http_post.h"
#include "agent/cmd.h"
#include "agent/http.h"

#include <strings.h>
#include <unistd.h>
#include <zlib.h>

enum { REFUSED_TRIES = 3, GZIP_WINDOW = 15 + 16, ERROR_MAX = 256, FIXED_HEADERS = 2,
       RETRY_AFTER_MAX_S = 300 };

struct http_post {
	struct http_post_opts opts;
	struct http *http;
	struct http_response response;
	struct buf body, packed;
	const char **headers;
	uint32_t nheaders;
	uint32_t alone;		/* that many lines are sent one by one */
	uint32_t refused;	/* times that the first line was refused */
	uint32_t wait_ms;	/* that the server asked for in its last answer */
	char error[ERROR_MAX];
};

const char *http_post_error(const struct http_post *p)
{
	return p->error;
}

static const char *or_null(const char *s)
{
	return *s ? s : NULL;
}

static struct http *make_client(const struct config *c)
{
	struct http_opts opts = {
		.user_agent = or_null(c->http_output.user_agent),
		.ca_file = or_null(*c->http_output.ca_cert ? c->http_output.ca_cert :
							     c->http_output.ca_bundle),
		.insecure = c->http_output.insecure,
		.close_after = !c->http_output.keep_alive,
		.timeout_ms = (uint32_t)c->output_timeout,
		.connect_timeout_ms = (uint32_t)c->output_timeout,
	};

	if (!opts.ca_file)
		opts.ca_path = or_null(c->http_output.ca_path);
	if (c->http_output.mtls) {
		opts.client_cert = c->http_output.client_cert;
		opts.client_key = c->http_output.client_key;
	}
	return http_new(&opts);
}

static int make_headers(struct http_post *p)
{
	const struct config *c = p->opts.config;

	p->headers = calloc(c->http_output.headers.n + FIXED_HEADERS, sizeof(*p->headers));
	if (!p->headers)
		return -ENOMEM;
	p->headers[p->nheaders++] = !c->json_output ? "Content-Type: text/plain" :
				    c->http_output.batch_size > 1 ?
						"Content-Type: application/x-ndjson" :
						"Content-Type: application/json";
	if (c->http_output.compress_uploads)
		p->headers[p->nheaders++] = "Content-Encoding: gzip";
	for (uint32_t i = 0; i < c->http_output.headers.n; i++)
		p->headers[p->nheaders++] = c->http_output.headers.v[i];
	return 0;
}

static bool address_is_usable(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* libcurl leaves out what is no header; a line end would begin another one. */
static bool headers_are_usable(const struct config_texts *headers)
{
	for (uint32_t i = 0; i < headers->n; i++) {
		const char *h = headers->v[i];

		if (strchr(h, ':') > h && !strpbrk(h, "\r\n"))
			continue;
		cli_warn("http_output.headers: '%s' is not of the form 'Name: value'", h);
		return false;
	}
	return true;
}

/* Only said: the files may come later, and libcurl has the last word. */
static void check_files(const struct config *c)
{
	const struct {
		const char *option, *path;
		bool used;
	} files[] = {
		{ "ca_cert", c->http_output.ca_cert, !c->http_output.insecure },
		{ "ca_bundle", c->http_output.ca_bundle,
		  !c->http_output.insecure && !*c->http_output.ca_cert },
		{ "client_cert", c->http_output.client_cert, c->http_output.mtls },
		{ "client_key", c->http_output.client_key, c->http_output.mtls },
	};

	if (strncasecmp(c->http_output.url, "https://", 8) != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (files[i].used && *files[i].path && access(files[i].path, R_OK) < 0)
			cli_warn("http_output.%s: cannot read '%s': %s", files[i].option,
				 files[i].path, strerror(errno));
}

int http_post_new(const struct http_post_opts *opts, struct http_post **ret)
{
	const char *url = opts->config->http_output.url;
	struct http_post *p;

	if (!address_is_usable(url)) {
		cli_warn("http_output.url '%s' is no http:// or https:// address", url);
		return -EINVAL;
	}
	if (!headers_are_usable(&opts->config->http_output.headers))
		return -EINVAL;
	check_files(opts->config);
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->opts = *opts;
	p->http = make_client(opts->config);
	if (!p->http || make_headers(p) < 0) {
		http_post_free(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

void http_post_free(struct http_post *p)
{
	if (!p)
		return;
	http_free(p->http);
	http_response_done(&p->response);
	buf_done(&p->body);
	buf_done(&p->packed);
	free(p->headers);
	free(p);
}

static int compress_body(struct http_post *p)
{
	z_stream z = { .next_in = (Bytef *)p->body.p, .avail_in = (uInt)p->body.len };
	size_t room;
	int r;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	room = deflateBound(&z, p->body.len);
	buf_clear(&p->packed);
	z.next_out = (Bytef *)buf_reserve(&p->packed, room);
	z.avail_out = (uInt)room;
	r = z.next_out && deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -ENOMEM;
	p->packed.len = z.total_out;
	deflateEnd(&z);
	return r;
}

/* The lines as a body: a single one without newline. */
static int make_body(struct http_post *p, const struct str *lines, uint32_t n, struct str *ret)
{
	int r;

	buf_clear(&p->body);
	for (uint32_t i = 0; i < n; i++) {
		buf_add_str(&p->body, lines[i]);
		if (p->opts.config->http_output.batch_size > 1)
			buf_add_char(&p->body, '\n');
	}
	if (p->body.err)
		return p->body.err;
	if (!p->opts.config->http_output.compress_uploads) {
		*ret = buf_str(&p->body);
		return 0;
	}
	r = compress_body(p);
	*ret = buf_str(&p->packed);
	return r;
}

static bool refused_for_good(long status)
{
	return status == 400 || status == 413 || status == 422;
}

/* What a server asks for that has too much to do; a date instead of seconds is not looked at. */
static uint32_t asked_to_wait_ms(const struct http_response *r)
{
	uint64_t seconds;

	if (http_ok(r) || str_to_u64(http_header(r, "Retry-After"), &seconds) < 0)
		return 0;
	return (uint32_t)MIN(seconds, (uint64_t)RETRY_AFTER_MAX_S) * 1000;
}

/* The words for an answer that is no success. */
static void describe_status(struct http_post *p)
{
	struct str to = http_header(&p->response, "Location");

	if (p->response.status / 100 == 3 && to.len)
		snprintf(p->error, sizeof(p->error),
			 "HTTP status %ld, http_output.url has moved to %.*s", p->response.status,
			 STR_ARG(to));
	else
		snprintf(p->error, sizeof(p->error), "HTTP status %ld", p->response.status);
}

static int ignore_body(void *ctx, const void *data, size_t n)
{
	return 0;
}

/* One request. 0, -EPROTO: refused for good, -errno. */
static int post(struct http_post *p, const struct str *lines, uint32_t n)
{
	bool echo = p->opts.config->http_output.echo;
	struct http_request rq = { .url = p->opts.config->http_output.url, .headers = p->headers,
				   .nheaders = p->nheaders, .cancelled = p->opts.cancelled,
				   .ctx = p->opts.ctx, .on_body = echo ? NULL : ignore_body };
	int r = make_body(p, lines, n, &rq.body);

	p->wait_ms = 0;
	if (r < 0)
		return r;
	r = http_send(p->http, &rq, &p->response);
	/* With its first line the server has taken the alert, whatever becomes of the rest. */
	if (r < 0 && !http_ok(&p->response)) {
		snprintf(p->error, sizeof(p->error), "%s", http_error(p->http));
		return r == -EBADMSG || r == -EPROTO ? -EIO : r;
	}
	if (echo)
		io_print(&p->response.body, stderr);
	if (http_ok(&p->response))
		return 0;
	p->wait_ms = asked_to_wait_ms(&p->response);
	describe_status(p);
	return refused_for_good(p->response.status) ? -EPROTO : -EREMOTEIO;
}

uint32_t http_post_wait_ms(const struct http_post *p)
{
	return p->wait_ms;
}

int http_post_lines(struct http_post *p, const struct str *lines, uint32_t n, uint32_t *ret_done)
{
	uint32_t done = 0;
	int r = 0;

	while (done < n && r == 0) {
		uint32_t max = p->alone ? 1 : (uint32_t)p->opts.config->http_output.batch_size;
		uint32_t now = MIN(n - done, max);

		r = post(p, lines + done, now);
		if (r == -EPROTO && now > 1) {
			p->alone = now;
			r = 0;
			continue;
		}
		if (r == -EPROTO && ++p->refused < REFUSED_TRIES)
			break;
		if (r == 0)
			done += now;
		if (r == -EPROTO)
			r = -EBADMSG;
		if (r == 0 || r == -EBADMSG) {
			p->refused = 0;
			p->alone -= p->alone > 0;
		}
	}
	*ret_done = done;
	return r;
}
