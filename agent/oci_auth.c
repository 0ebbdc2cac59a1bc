/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and tokens of registries: what `docker login` left in config.json, the Bearer and
 * Basic challenges of the distribution specification.
 */
#include "agent/oci_priv.h"
#include "agent/io.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <strings.h>

enum { DOCKER_CONFIG_MAX = 1 << 20, TOKEN_MAX = 64 << 10 };

static void add_base64(struct buf *b, struct str s)
{
	char *to = buf_reserve(b, ((size_t)s.len + 2) / 3 * 4 + 1);

	if (to)
		b->len += (size_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)s.p,
						  (int)s.len);
}

/* The entry of a host in "auths": docker writes the bare host, or a URL for its own hub. */
static json_t *find_auth(json_t *auths, const char *host)
{
	const char *key;
	json_t *value;

	json_object_foreach(auths, key, value) {
		const char *name = strstr(key, "://");
		size_t n;

		name = name ? name + 3 : key;
		n = strcspn(name, "/");
		if (n == strlen(host) && strncasecmp(name, host, n) == 0)
			return value;
	}
	return NULL;
}

/* "user:password" in base64 goes behind `out`. 1: there are none; 0; -errno. */
static int docker_credentials(struct oci *o, const char *host, struct buf *out)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	json_error_t error;
	json_t *root, *entry;
	const char *auth;
	int r = io_read_file(o->opts.docker_config, DOCKER_CONFIG_MAX, &text);

	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return oci_fail(o, r, "cannot read '%s': %s", o->opts.docker_config, strerror(-r));
	root = json_loadb(text.p, text.len, 0, &error);
	if (!root)
		return oci_fail(o, -EINVAL, "%s:%d: %s", o->opts.docker_config, error.line, error.text);
	entry = find_auth(json_object_get(root, "auths"), host);
	auth = json_string_value(json_object_get(entry, "auth"));
	if (auth)
		buf_add_c(out, auth);
	json_decref(root);
	return auth ? 0 : 1;
}

static int basic_credentials(struct oci *o, const char *host, struct buf *out)
{
	_cleanup_buf_ struct buf pair = BUF_INIT;

	if (o->opts.user) {
		buf_printf(&pair, "%s:%s", o->opts.user, o->opts.password ? o->opts.password : "");
		add_base64(out, buf_str(&pair));
		return out->err;
	}
	return o->opts.docker_config ? docker_credentials(o, host, out) : 1;
}

/* The value of key="value" (or key=value) in a challenge. */
static struct str challenge_value(struct str challenge, const char *key)
{
	size_t n = strlen(key);

	for (uint32_t i = 0; i + n < challenge.len; i++) {
		struct str rest = str_sub(challenge, i, challenge.len);
		const char *end;

		if (rest.p[n] != '=' || strncasecmp(rest.p, key, n) != 0 ||
		    (i > 0 && !strchr(" ,", challenge.p[i - 1])))
			continue;
		rest = str_sub(rest, (uint32_t)n + 1, rest.len);
		if (rest.len && rest.p[0] == '"') {
			rest = str_sub(rest, 1, rest.len);
			end = memchr(rest.p, '"', rest.len);
		} else {
			end = memchr(rest.p, ',', rest.len);
		}
		return end ? str_sub(rest, 0, (uint32_t)(end - rest.p)) : rest;
	}
	return STR_NONE;
}

/* A value of a query: everything but letters, digits and -._~ as %XX. */
static void add_query(struct buf *b, const char *name, struct str value)
{
	buf_add_char(b, memchr(b->p, '?', b->len) ? '&' : '?');
	buf_printf(b, "%s=", name);
	for (uint32_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c | 32) >= 'a' ? (c | 32) <= 'z' : (c >= '0' && c <= '9') || strchr("-._~", c))
			buf_add_char(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

/* The token server's answer: "token" or "access_token". */
static int take_token(struct oci *o, const struct http_response *response)
{
	json_error_t error;
	json_t *root = json_loadb(response->body.p ? response->body.p : "", response->body.len, 0, &error);
	const char *token = json_string_value(json_object_get(root, "token"));
	int r = 0;

	if (!token)
		token = json_string_value(json_object_get(root, "access_token"));
	if (!token || !*token || strlen(token) > TOKEN_MAX || strpbrk(token, "\r\n"))
		r = oci_fail(o, -EACCES, "the token server's answer has no token");
	else
		buf_printf(&o->authorization, "Authorization: Bearer %s", token);
	json_decref(root);
	return r < 0 ? r : o->authorization.err;
}

static int fetch_token(struct oci *o, const struct oci_call *call, struct str challenge,
		       struct str basic)
{
	struct str realm = challenge_value(challenge, "realm");
	struct str service = challenge_value(challenge, "service");
	_cleanup_buf_ struct buf url = BUF_INIT, scope = BUF_INIT, header = BUF_INIT;
	struct http_response response = { 0 };
	struct http_request rq = { 0 };
	const char *headers[1];
	int r;

	if (!str_starts(realm, STR("https://")) &&
	    !(oci_plain_http(o, call->ref->host) && str_starts(realm, STR("http://"))))
		return oci_fail(o, -EACCES, "%s: the token server '%.*s' is not an https address",
				call->ref->host, STR_ARG(realm));
	buf_add_str(&url, realm);
	if (service.p)
		add_query(&url, "service", service);
	buf_printf(&scope, "repository:%s:%s", call->ref->repo, call->actions);
	add_query(&url, "scope", buf_str(&scope));
	if (basic.len) {
		buf_printf(&header, "Authorization: Basic %.*s", STR_ARG(basic));
		headers[0] = header.p;
		rq.headers = headers;
		rq.nheaders = 1;
	}
	rq.url = url.p;
	r = url.err || header.err ? -ENOMEM : http_send(o->http, &rq, &response);
	if (r < 0)
		r = oci_fail(o, r, "token server of %s: %s", call->ref->host, http_error(o->http));
	else if (!http_ok(&response))
		r = oci_fail(o, -EACCES, "%s: the token server refuses access to %s (HTTP %ld)",
			     call->ref->host, call->ref->repo, response.status);
	else
		r = take_token(o, &response);
	http_response_done(&response);
	return r;
}

int oci_authorize(struct oci *o, const struct oci_call *call)
{
	_cleanup_buf_ struct buf basic = BUF_INIT, challenge = BUF_INIT;
	int r;

	buf_add_str(&challenge, http_header(&o->response, "Www-Authenticate"));
	buf_clear(&o->authorization);
	r = basic_credentials(o, call->ref->host, &basic);
	if (r < 0)
		return r;
	if (challenge.len > 7 && strncasecmp(challenge.p, "Bearer ", 7) == 0)
		return fetch_token(o, call, str_sub(buf_str(&challenge), 7, (uint32_t)challenge.len),
				   buf_str(&basic));
	if (!basic.len)
		return oci_fail(o, -EACCES, "%s wants a login: no credentials for it are known",
				call->ref->host);
	buf_printf(&o->authorization, "Authorization: Basic %.*s", STR_ARG(buf_str(&basic)));
	return o->authorization.err;
}
