/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about a file that is not YAML: guessed from the parser's words and the line. Called by
 * ruleset_add once per file; hints are static.
 */
#include "engine/rule/yaml.h"

static bool is_utf16(struct str text)
{
	return str_starts(text, STR("\xff\xfe")) || str_starts(text, STR("\xfe\xff"));
}

/* Does the line have a "key: " before the place? */
static bool after_colon(struct str text, uint32_t at)
{
	for (at = MIN(at, text.len); at > 0 && text.p[at - 1] != '\n';) {
		at--;
		if (text.p[at] == ':' && at + 1 < text.len &&
		    (text.p[at + 1] == ' ' || text.p[at + 1] == '\t'))
			return true;
	}
	return false;
}

/* Characters that begin something else in YAML. */
static const char *start_hint(struct str text, uint32_t at)
{
	char c = at < text.len ? text.p[at] : 0;

	if (c == '%')
		return "a value that begins with '%' needs quotes: '%proc.name ...'";
	if (c == '\t')
		return "indent with blanks, not with tabs";
	return "a value that begins with this character needs quotes";
}

const char *yaml_hint(struct str text, const struct yaml_error *err)
{
	static const struct {
		const char *part, *hint;
	} words[] = {
		{ "tab character", "indent with blanks, not with tabs" },
		{ "scanning an alias", "a value that begins with '*' needs quotes" },
		{ "unknown anchor", "a value that begins with '*' needs quotes" },
		{ "scanning an anchor", "a value that begins with '&' needs quotes" },
		{ "quoted scalar", "the quote is not closed" },
		{ "flow sequence", "a '[' is not closed, or a ',' is missing" },
		{ "flow mapping", "a '{' is not closed, or a ',' is missing" },
		{ "block collection", "every item begins with '- ', and all of them in one column" },
		{ "block mapping", "all keys of an item stand in one column" },
		{ "node content", "a ',' is too many, or a value that begins with ':' needs quotes" },
		{ "unexpected ':'", "a value that ends with ':' needs quotes" },
		{ "simple key", "a blank must follow the ':' of each key; look at the line before" },
	};
	bool encoding = strstr(err->message, "UTF-8") != NULL;

	if (encoding)
		return is_utf16(text) ? "the file is UTF-16, save it as UTF-8"
				      : "save the file as UTF-8";
	if (strstr(err->message, "cannot start any token"))
		return start_hint(text, err->offset);
	if (strstr(err->message, "mapping values are not allowed"))
		return after_colon(text, err->offset) ?
			"a value with ': ' in it needs quotes" :
			"the line is indented deeper than its neighbours";
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(err->message, words[i].part))
			return words[i].hint;
	return NULL;
}
