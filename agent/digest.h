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

#endif
