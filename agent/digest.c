/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of artifacts and rule files, by libmd: every start makes digests of its rules, for which
 * libcrypto would have to be loaded.
 */
#include "agent/digest.h"

#include <sha2.h>

int digest_of(const void *data, size_t n, char ret_text[DIGEST_TEXT])
{
	memcpy(ret_text, "sha256:", 7);
	SHA256Data(data, n, ret_text + 7);
	return 0;
}

bool digest_valid(struct str text)
{
	if (text.len != DIGEST_TEXT - 1 || !str_starts(text, STR("sha256:")))
		return false;
	for (uint32_t i = 7; i < text.len; i++)
		if (!strchr("0123456789abcdef", text.p[i]))
			return false;
	return true;
}

static struct digest_file *add_file(struct digest_files *l, struct arena *a, const char *name)
{
	struct digest_file *v = arena_grow(a, l->v, &l->cap, l->n + 1, sizeof(*v));

	if (!v)
		return NULL;
	l->v = v;
	v += l->n;
	v->name = arena_strdup(a, str_from(name));
	return v->name ? v : NULL;
}

int digest_files_add(struct digest_files *l, struct arena *a, const char *name, struct str text)
{
	char digest[DIGEST_TEXT];
	struct digest_file *f;

	digest_of(text.p, text.len, digest);
	for (uint32_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, name) == 0 && strcmp(l->v[i].digest, digest) == 0)
			return 0;
	f = add_file(l, a, name);
	if (!f)
		return -ENOMEM;
	memcpy(f->digest, digest, sizeof(digest));
	l->n++;
	return 0;
}

int digest_files_copy(struct digest_files *to, struct arena *a, const struct digest_files *from)
{
	for (uint32_t i = 0; i < from->n; i++) {
		struct digest_file *f = add_file(to, a, from->v[i].name);

		if (!f)
			return -ENOMEM;
		memcpy(f->digest, from->v[i].digest, sizeof(f->digest));
		to->n++;
	}
	return 0;
}
