/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client of OCI registries for rule bundles: an image manifest with one configuration and one
 * layer, media types as the incumbent's tool uses them, so that either side reads what the other
 * pushed. What a registry sends is believed only as far as its digests and sizes hold. One struct
 * oci is used by one thread at a time.
 */
#ifndef TIERCEL_OCI_H
#define TIERCEL_OCI_H

#include "agent/http.h"
#include "agent/oci_limits.h"
#include "agent/oci_ref.h"

#define OCI_RULES_CONFIG_TYPE "application/vnd.cncf.falco.rulesfile.config.v1+json"
#define OCI_RULES_LAYER_TYPE "application/vnd.cncf.falco.rulesfile.layer.v1+tar.gz"

struct oci_opts {
	const char *docker_config;	/* config.json with credentials; NULL: none */
	const char *ca_file;
	bool plain_http;		/* also used for hosts on the loopback interface */
	const char *public_key;		/* PEM file: artifacts must be signed with its key */
	uint32_t timeout_ms;		/* of one request; 0: OCI_LIMIT(REQUEST_MS) */
	bool (*cancelled)(void *ctx);	/* asked about once a second; NULL: never */
	void *ctx;
};

struct oci_artifact {
	char digest[DIGEST_TEXT];	/* of the manifest */
	struct buf manifest, config, layer;
	char *title;			/* file name of the layer, or NULL */
};

struct oci;

/* NULL: out of memory; texts are borrowed. */
struct oci *oci_new(const struct oci_opts *opts);
void oci_free(struct oci *o);
/* What went wrong last, for the user. */
const char *oci_error(const struct oci *o);

/* The digest that the tag points to now. 0 or -errno (-ENOENT: no such artifact). */
int oci_resolve(struct oci *o, const struct oci_ref *ref, char ret_digest[DIGEST_TEXT]);
/*
 * Fetch and verify. 0 or -errno: -EACCES credentials or signature, -ENOENT, -EFBIG over the bound,
 * -EBADMSG what came is not what the digest or the manifest says, or no rules artifact.
 */
int oci_pull(struct oci *o, const struct oci_ref *ref, struct oci_artifact *ret);
/*
 * The repository of a name in an index.yaml (file or address), as the incumbent's tool has it:
 * NAME[:TAG][@DIGEST]. 0 or -errno. (oci_catalog.c)
 */
int oci_catalog_find(struct oci *o, const char *catalog, const char *name, struct oci_ref *ret);
/* Upload config, layer and a manifest made of them (title named). Tags: ref->tag and `more`. */
int oci_push(struct oci *o, const struct oci_ref *ref, const char *const *more, uint32_t nmore,
	     struct oci_artifact *a);
/* Does the config.json name programs that give credentials? (oci_credentials.c) */
bool oci_uses_helpers(const char *docker_config);
void oci_artifact_done(struct oci_artifact *a);

#endif
