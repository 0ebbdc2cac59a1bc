/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of the filter language: POSIX syntax, the whole text must match, linear time.
 * Called by the rule checker (compile) and the matcher (match). A compiled pattern may be used by
 * several threads at a time.
 */
#ifndef TIERCEL_REGEX_H
#define TIERCEL_REGEX_H

#include "engine/base/str.h"

struct regex;

#ifdef __cplusplus
extern "C" {
#endif

/* NULL: not a valid pattern, or no memory. *ret_message (malloc, may be NULL) says why. */
struct regex *regex_new(struct str pattern, char **ret_message);
bool regex_match(const struct regex *re, struct str s);
void regex_free(struct regex *re);

#ifdef __cplusplus
}
#endif

#endif
