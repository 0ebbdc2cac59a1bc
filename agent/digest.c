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
