/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests of artifacts and rule files, by libcrypto.
 */
#include "agent/digest.h"

#include <openssl/evp.h>

int digest_of(const void *data, size_t n, char ret_text[DIGEST_TEXT])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int len;

	if (EVP_Digest(data, n, sum, &len, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	memcpy(ret_text, "sha256:", 7);
	for (unsigned int i = 0; i < len; i++)
		snprintf(ret_text + 7 + 2 * i, 3, "%02x", sum[i]);
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
