/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures by a key pair in cosign's layout: a manifest under the tag sha256-HEX.sig, each layer
 * of it a JSON text that names the digest of what is signed, with the signature of this text
 * (base64) in an annotation. Nothing but the registry is asked.
 */
#include "agent/lazy.h"
#include "agent/oci_priv.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#define SIGNATURE_ANNOTATION "dev.cosignproject.cosign/signature"

static EVP_PKEY *read_key(struct oci *o)
{
	const char *path = o->opts.public_key, *why;
	EVP_PKEY *key;
	FILE *f;

	if (lazy_load(LAZY_CRYPTO, &why) < 0) {
		oci_fail(o, -ENOSYS, "checking signatures needs %s", why);
		return NULL;
	}
	f = fopen(path, "re");
	if (!f) {
		oci_fail(o, -errno, "cannot read the key '%s': %s", path, strerror(errno));
		return NULL;
	}
	key = PEM_read_PUBKEY(f, NULL, NULL, NULL);
	fclose(f);
	if (!key)
		oci_fail(o, -EINVAL, "'%s' is no public key in PEM form", path);
	return key;
}

static bool is_signature_of(EVP_PKEY *key, struct str text, const char *base64)
{
	size_t n = strlen(base64),
	       padding = n > 2 ? (base64[n - 1] == '=') + (base64[n - 2] == '=') : 0;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char *raw = malloc(n + 1);
	int len = raw ? EVP_DecodeBlock(raw, (const unsigned char *)base64, (int)n) : -1;
	bool good = false;

	/* Keys of some kinds, Ed25519, hash by themselves. */
	if (md && len > (int)padding)
		good = EVP_DigestVerifyInit(md, NULL,
					    EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(),
					    NULL, key) == 1 &&
		       EVP_DigestVerify(md, raw, (size_t)len - padding,
					(const unsigned char *)text.p, text.len) == 1;
	EVP_MD_CTX_free(md);
	free(raw);
	return good;
}

/* Does the signed text speak about this digest? */
static bool names_digest(struct str text, const char *digest)
{
	json_t *root = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *image = json_object_get(json_object_get(root, "critical"), "image");
	const char *name = json_string_value(json_object_get(image, "docker-manifest-digest"));
	bool same = name && strcmp(name, digest) == 0;

	json_decref(root);
	return same;
}

/* 0; 1: not a signature of this by the key; -errno. */
static int try_layer(struct oci *o, const struct oci_ref *ref, const json_t *layer, EVP_PKEY *key,
		     const char *digest)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct oci_descriptor d;
	const char *base64;
	int r = oci_read_descriptor(o, layer, "signature", &d);

	if (r < 0)
		return r;
	base64 = json_string_value(json_object_get(d.annotations, SIGNATURE_ANNOTATION));
	if (!base64)
		return 1;
	r = oci_fetch_blob(o, ref, &d, "signature", OCI_LIMIT_SIGNATURE_BYTES, &text);
	if (r < 0)
		return r;
	return is_signature_of(key, buf_str(&text), base64) && names_digest(buf_str(&text), digest)
		       ? 0
		       : 1;
}

static int try_layers(struct oci *o, const struct oci_ref *ref, const json_t *layers, EVP_PKEY *key,
		      const char *digest)
{
	size_t n = json_array_size(layers);
	int r = 1;

	if (n > OCI_MAX_SIGNATURES) {
		oci_limit_hit(OCI_LIMIT_SIGNATURES);
		n = OCI_MAX_SIGNATURES;
	}
	for (size_t i = 0; i < n && r == 1; i++)
		r = try_layer(o, ref, json_array_get(layers, i), key, digest);
	if (r == 1)
		return oci_fail(o, -EACCES, "none of the %zu signatures of %s is by the key '%s'",
				n, digest, o->opts.public_key);
	return r;
}

int oci_check_signature(struct oci *o, const struct oci_ref *ref, const char *digest)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char manifest_digest[DIGEST_TEXT];
	struct oci_ref sig = *ref;
	EVP_PKEY *key = read_key(o);
	json_t *root;
	int r;

	if (!key)
		return -EINVAL;
	sig.digest[0] = '\0';
	snprintf(sig.tag, sizeof(sig.tag), "sha256-%s.sig", digest + strlen("sha256:"));
	root = oci_fetch_manifest(o, &sig, &text, manifest_digest, &r);
	if (root)
		r = try_layers(o, &sig, json_object_get(root, "layers"), key, digest);
	else if (r == -ENOENT)
		r = oci_fail(o, -EACCES, "%s@%s is not signed", ref->repo, digest);
	json_decref(root);
	EVP_PKEY_free(key);
	return r;
}
