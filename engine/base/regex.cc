// SPDX-License-Identifier: Apache-2.0
// The one C++ file: RE2 behind a C interface. No exception leaves it.
#include <cstdlib>
#include <cstring>
#include <new>
#include <re2/re2.h>

#include "engine/base/regex.h"	/* after the C++ headers: it poisons functions they name */

struct regex {
	RE2 re;
	regex(const re2::StringPiece &pattern, const RE2::Options &opts) : re(pattern, opts) {}
};

static RE2::Options options()
{
	RE2::Options o;

	o.set_posix_syntax(true);
	o.set_longest_match(false);
	o.set_log_errors(false);
	return o;
}

struct regex *regex_new(struct str pattern, char **ret_message)
{
	try {
		regex *r = new regex(re2::StringPiece(pattern.p, pattern.len), options());

		if (r->re.ok())
			return r;
		*ret_message = strdup(r->re.error().c_str());
		delete r;
	} catch (...) {
		*ret_message = nullptr;
	}
	return nullptr;
}

bool regex_match(const struct regex *re, struct str s)
{
	try {
		return RE2::FullMatch(re2::StringPiece(s.p ? s.p : "", s.len), re->re);
	} catch (...) {
		return false;
	}
}

void regex_free(struct regex *re)
{
	delete re;
}
