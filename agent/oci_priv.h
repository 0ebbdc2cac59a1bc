/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to oci.c (requests, pull), oci_auth.c (credentials, tokens) and oci_push.c.
 */
#ifndef TIERCEL_OCI_PRIV_H
#define TIERCEL_OCI_PRIV_H

#include "agent/oci.h"

#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define OCI_TITLE "org.opencontainers.image.title"

enum { OCI_MANIFEST_MAX = 4 << 20 };

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
/* One request to o->url, with a token when the registry asks for one. o->response has the answer. */
int oci_send(struct oci *o, const struct oci_call *call);
/* The answer's status as an error of the user's words. 0 for 2xx. */
int oci_status(struct oci *o, const struct oci_ref *ref);
bool oci_plain_http(const struct oci *o, const char *host);

/* Answer the challenge of a 401: o->authorization is set. 0 or -errno. */
int oci_authorize(struct oci *o, const struct oci_call *call);

#endif
