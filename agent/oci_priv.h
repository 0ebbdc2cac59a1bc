/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to oci.c (requests, pull), oci_auth.c (challenges, tokens), oci_credentials.c,
 * oci_signature.c, oci_catalog.c and oci_push.c.
 */
#ifndef TIERCEL_OCI_PRIV_H
#define TIERCEL_OCI_PRIV_H

#include "agent/oci.h"

#include <jansson.h>

#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX_TYPE "application/vnd.oci.image.index.v1+json"
/* Docker's own registry, by the name that references have. */
#define OCI_HUB "docker.io"
#define OCI_TITLE "org.opencontainers.image.title"

struct oci {
	struct oci_opts opts;
	struct http *http;
	struct http_response response;
	struct buf url;
	struct buf authorization;	/* "Authorization: ..." for auth_scope, or empty */
	struct buf auth_scope;		/* host, repository and actions it is for */
	struct buf error;
};

struct oci_call {
	const struct oci_ref *ref;
	const char *method;
	const char *actions;		/* of the token: "pull", "pull,push" */
	const char *accept, *type;	/* headers, or NULL */
	bool foreign;			/* o->url is of another host: it gets no credentials */
	struct str body;
	int (*on_body)(void *ctx, const void *data, size_t n);
	void *ctx;
};

/* "The error text", returned with -errno. */
int oci_fail(struct oci *o, int r, const char *fmt, ...) _printf_(3, 4);
/* The URL of the repository with what the format makes behind /v2/REPO/ goes to o->url. */
void oci_url(struct oci *o, const struct oci_ref *ref, const char *fmt, ...) _printf_(3, 4);
/* http_send() with the bounds of `o`; call: whose on_body takes the body, or NULL. */
int oci_http(struct oci *o, struct http_request *rq, const struct oci_call *call,
	     struct http_response *ret);
/* One request to o->url, with a token when the registry asks for one; the answer: o->response. */
int oci_send(struct oci *o, const struct oci_call *call);
/* The answer's status as an error of the user's words. 0 for 2xx. */
int oci_status(struct oci *o, const struct oci_ref *ref);
/* Both in one. */
int oci_ask(struct oci *o, const struct oci_call *call);
/* The host to ask; the hub's name is not that of its registry. */
const char *oci_host(const struct oci_ref *ref);
bool oci_plain_http(const struct oci *o, const char *host);

/* Answer the challenge of a 401: o->authorization is set. 0 or -errno. */
int oci_authorize(struct oci *o, const struct oci_call *call);

/* What is known about a host; empty: nothing. */
struct oci_credentials {
	struct buf basic;		/* "user:password" in base64 */
	struct buf identity;		/* a refresh token */
};
void oci_credentials_done(struct oci_credentials *c);
/* 0, also without any; -errno. */
int oci_credentials_get(struct oci *o, const char *host, struct oci_credentials *ret);

struct oci_descriptor {
	const char *type, *digest;	/* borrowed from the manifest's JSON */
	uint64_t size;
	const json_t *annotations;	/* NULL: none */
};
/* -EBADMSG: "the manifest has no proper WHAT". */
int oci_read_descriptor(struct oci *o, const json_t *j, const char *what,
			struct oci_descriptor *ret);
/* What the descriptor stands for, held against its size and digest; over the bound -EFBIG. */
int oci_fetch_blob(struct oci *o, const struct oci_ref *ref, const struct oci_descriptor *d,
		   const char *what, enum oci_limit_id limit, struct buf *out);
/* The manifest by tag or digest, held against the digest that was asked for. NULL: *ret_err. */
json_t *oci_fetch_manifest(struct oci *o, const struct oci_ref *ref, struct buf *text,
			   char ret_digest[DIGEST_TEXT], int *ret_err);
/* Is there a signature of this digest by opts.public_key? 0 or -errno. */
int oci_check_signature(struct oci *o, const struct oci_ref *ref, const char *digest);

#endif
