/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to the challenges of a registry: Basic, and Bearer with a token of a token server, as the
 * distribution specification has them. What docker calls an identity token is traded by OAuth 2.
 */
#include "agent/oci_priv.h"

#include <strings.h>

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

/* "name=value": everything but letters, digits and -._~ as %XX. */
static void add_pair(struct buf *b, const char *name, struct str value)
{
	buf_printf(b, "%s=", name);
	for (uint32_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c | 32) >= 'a' ? (c | 32) <= 'z' : (c >= '0' && c <= '9') || strchr("-._~", c))
			buf_add_char(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

static void add_query(struct buf *url, const char *name, struct str value)
{
	buf_add_char(url, url->len && memchr(url->p, '?', url->len) ? '&' : '?');
	add_pair(url, name, value);
}

/* The token server's answer: "token" or "access_token". */
static int take_token(struct oci *o, const struct http_response *response)
{
	json_error_t error;
	json_t *root =
		json_loadb(response->body.p ? response->body.p : "", response->body.len, 0, &error);
	const char *token = json_string_value(json_object_get(root, "token"));
	int r = 0;

	if (!token)
		token = json_string_value(json_object_get(root, "access_token"));
	if (token && strlen(token) > OCI_MAX_TOKEN_BYTES) {
		oci_limit_hit(OCI_LIMIT_TOKEN_BYTES);
		token = NULL;
	}
	if (!token || !*token || strpbrk(token, "\r\n"))
		r = oci_fail(o, -EACCES, "the token server's answer has no proper token");
	else
		buf_printf(&o->authorization, "Authorization: Bearer %s", token);
	json_decref(root);
	return r < 0 ? r : o->authorization.err;
}

struct token_request {
	struct buf url, form, header;
	const char *headers[1];
	struct http_request rq;
};

static void token_request_done(struct token_request *t)
{
	buf_done(&t->url);
	buf_done(&t->form);
	buf_done(&t->header);
}

/* GET with Basic credentials or none, or a POST that trades the identity token. */
static int make_token_request(const struct oci_call *call, struct str realm, struct str service,
			      const struct oci_credentials *c, struct token_request *t)
{
	_cleanup_buf_ struct buf scope = BUF_INIT;

	*t = (struct token_request){ 0 };
	buf_printf(&scope, "repository:%s:%s", call->ref->repo, call->actions);
	buf_add_str(&t->url, realm);
	if (c->identity.len) {
		buf_add_c(&t->form, "grant_type=refresh_token&client_id=tiercel&");
		add_pair(&t->form, "service", service);
		buf_add_char(&t->form, '&');
		add_pair(&t->form, "scope", buf_str(&scope));
		buf_add_char(&t->form, '&');
		add_pair(&t->form, "refresh_token", buf_str(&c->identity));
		t->rq.body = buf_str(&t->form);
	} else {
		if (service.p)
			add_query(&t->url, "service", service);
		add_query(&t->url, "scope", buf_str(&scope));
	}
	if (c->basic.len && !c->identity.len) {
		buf_printf(&t->header, "Authorization: Basic %.*s", STR_ARG(buf_str(&c->basic)));
		t->headers[0] = t->header.p;
		t->rq.headers = t->headers;
		t->rq.nheaders = 1;
	}
	t->rq.url = t->url.p;
	return t->url.err || t->form.err || t->header.err || scope.err ? -ENOMEM : 0;
}

static int fetch_token(struct oci *o, const struct oci_call *call, struct str challenge,
		       const struct oci_credentials *c)
{
	struct str realm = challenge_value(challenge, "realm");
	struct str service = challenge_value(challenge, "service");
	_cleanup_(token_request_done) struct token_request t = { 0 };
	struct http_response response = { 0 };
	int r;

	if (!str_starts(realm, STR("https://")) &&
	    !(oci_plain_http(o, call->ref->host) && str_starts(realm, STR("http://"))))
		return oci_fail(o, -EACCES, "%s: the token server '%.*s' is not an https address",
				call->ref->host, STR_ARG(realm));
	r = make_token_request(call, realm, service, c, &t);
	if (r == 0) {
		r = oci_http(o, &t.rq, NULL, &response);
		if (r < 0)
			r = oci_fail(o, r, "token server of %s: %s", call->ref->host,
				     http_error(o->http));
	}
	if (r == 0 && !http_ok(&response))
		r = oci_fail(o, -EACCES, "%s: the token server refuses access to %s (HTTP %ld)",
			     call->ref->host, call->ref->repo, response.status);
	else if (r == 0)
		r = take_token(o, &response);
	http_response_done(&response);
	return r;
}

int oci_authorize(struct oci *o, const struct oci_call *call)
{
	_cleanup_(oci_credentials_done) struct oci_credentials c = { 0 };
	_cleanup_buf_ struct buf challenge = BUF_INIT;
	int r;

	buf_add_str(&challenge, http_header(&o->response, "Www-Authenticate"));
	buf_clear(&o->authorization);
	r = oci_credentials_get(o, call->ref->host, &c);
	if (r < 0)
		return r;
	if (challenge.len > 7 && strncasecmp(challenge.p, "Bearer ", 7) == 0)
		return fetch_token(o, call,
				   str_sub(buf_str(&challenge), 7, (uint32_t)challenge.len), &c);
	if (!c.basic.len)
		return oci_fail(o, -EACCES, "%s wants a login: no credentials for it are known",
				call->ref->host);
	buf_printf(&o->authorization, "Authorization: Basic %.*s", STR_ARG(buf_str(&c.basic)));
	return o->authorization.err;
}
