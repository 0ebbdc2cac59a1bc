/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell patterns on views: what fnmatch(3) without flags does in the C locale, for texts that are
 * not NUL-terminated. Linear memory, no recursion, at most pattern x text steps.
 */
#ifndef TIERCEL_GLOB_H
#define TIERCEL_GLOB_H

#include "engine/base/str.h"

bool glob_match(struct str pattern, struct str text, bool fold_case);
/* Has the text a character that makes it a pattern? */
bool glob_special(struct str text);

#endif
