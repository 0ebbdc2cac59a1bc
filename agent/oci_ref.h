/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of artifacts in OCI registries: [oci://]HOST[:PORT]/REPOSITORY[:TAG][@sha256:...]. The
 * grammar is the OCI distribution specification's.
 */
#ifndef TIERCEL_OCI_REF_H
#define TIERCEL_OCI_REF_H

#include "agent/digest.h"

#define OCI_SCHEME "oci://"

struct oci_ref {
	char host[256];			/* with port */
	char repo[256];
	char tag[129];			/* "latest" when the text has neither tag nor digest */
	char digest[DIGEST_TEXT];	/* "": none; wins over the tag */
};

/* 0, or -EINVAL with what is wrong in *ret_why (a constant text). */
int oci_ref_parse(const char *text, struct oci_ref *ret, const char **ret_why);
/* Is it the form with "oci://" in front? */
bool oci_ref_is_url(const char *text);
/* What stands behind /manifests/. */
static inline const char *oci_ref_version(const struct oci_ref *r)
{
	return r->digest[0] ? r->digest : r->tag;
}

#endif
