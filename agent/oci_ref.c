/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser of agent/oci_ref.h.
 */
#include "agent/oci_ref.h"

#include <ctype.h>

bool oci_ref_is_url(const char *text)
{
	return strncmp(text, OCI_SCHEME, strlen(OCI_SCHEME)) == 0;
}

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

static bool host_char(char c)
{
	return isalnum((unsigned char)c) || strchr("-._:[]", c);
}

/* Components of lower case letters and digits with ., _, __ or dashes between, divided by /. */
static bool repo_valid(const char *s, size_t n)
{
	bool inside = false;	/* the last character was a letter or digit */

	for (size_t i = 0; i < n; i++) {
		if (islower((unsigned char)s[i]) || isdigit((unsigned char)s[i]))
			inside = true;
		else if (s[i] == '/' && inside)
			inside = false;
		else if (!strchr("._-", s[i]) || i == 0 || s[i - 1] == '/')
			return false;
		else
			inside = false;
	}
	return inside;
}

static bool tag_valid(const char *s, size_t n)
{
	if (n == 0 || n > 128 || s[0] == '.' || s[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i]))
			return false;
	return true;
}

static void copy(char *to, const char *from, size_t n)
{
	memcpy(to, from, n);
	to[n] = '\0';
}

static int parse_host(const char *text, size_t n, struct oci_ref *r, const char **ret_why)
{
	if (n == 0 || n >= sizeof(r->host))
		return bad(ret_why, "no registry in front of the first '/'");
	for (size_t i = 0; i < n; i++)
		if (!host_char(text[i]))
			return bad(ret_why, "the registry is not a host name");
	copy(r->host, text, n);
	if (!strpbrk(r->host, ".:") && strcmp(r->host, "localhost") != 0)
		return bad(ret_why, "the registry is missing: HOST/REPOSITORY:TAG is expected");
	return 0;
}

int oci_ref_parse(const char *text, struct oci_ref *ret, const char **ret_why)
{
	struct oci_ref r = { .tag = "latest" };
	const char *slash, *at, *end, *colon;
	int e;

	if (oci_ref_is_url(text))
		text += strlen(OCI_SCHEME);
	slash = strchr(text, '/');
	if (!slash)
		return bad(ret_why, "no '/': HOST/REPOSITORY:TAG is expected");
	e = parse_host(text, (size_t)(slash - text), &r, ret_why);
	if (e < 0)
		return e;
	text = slash + 1;
	at = strchr(text, '@');
	end = at ? at : text + strlen(text);
	if (at) {
		if (!digest_valid(str_from(at + 1)))
			return bad(ret_why, "the digest is not sha256: and 64 hexadecimal digits");
		copy(r.digest, at + 1, DIGEST_TEXT - 1);
	}
	colon = memchr(text, ':', (size_t)(end - text));
	if (colon) {
		if (!tag_valid(colon + 1, (size_t)(end - colon - 1)))
			return bad(ret_why, "the tag has characters that no tag can have");
		copy(r.tag, colon + 1, (size_t)(end - colon - 1));
		end = colon;
	}
	if ((size_t)(end - text) >= sizeof(r.repo) || !repo_valid(text, (size_t)(end - text)))
		return bad(ret_why, "the repository has characters that no repository can have");
	copy(r.repo, text, (size_t)(end - text));
	*ret = r;
	return 0;
}
