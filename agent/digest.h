/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 as OCI writes it: "sha256:" and 64 hexadecimal digits.
 */
#ifndef TIERCEL_DIGEST_H
#define TIERCEL_DIGEST_H

#include "engine/base.h"

enum { DIGEST_TEXT = 7 + 64 + 1 };

/* Always 0, so that callers can return it. */
int digest_of(const void *data, size_t n, char ret_text[DIGEST_TEXT]);
/* Is the text a digest of this kind? */
bool digest_valid(struct str text);

/* Files and what was read from them. The texts live in the arena of whoever keeps the list. */
struct digest_file {
	const char *name;
	char digest[DIGEST_TEXT];
};

struct digest_files {
	struct digest_file *v;
	uint32_t n, cap;
};

/* A name that is there with the same content is not added again. 0 or -ENOMEM. */
int digest_files_add(struct digest_files *l, struct arena *a, const char *name, struct str text);
int digest_files_copy(struct digest_files *to, struct arena *a, const struct digest_files *from);

#endif
