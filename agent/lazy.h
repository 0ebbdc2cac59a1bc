/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared libraries that most sensors never need are loaded when they are first used: with what they
 * need themselves they are two thirds of all libraries. Their functions are called as ever; a row
 * in lazy.def for each, and lazy_load() before the first call.
 */
#ifndef TIERCEL_LAZY_H
#define TIERCEL_LAZY_H

#include "engine/base.h"

enum lazy_library {
#define LIBRARY(id, soname) LAZY_##id,
#define FUNCTION(id, name)
#include "agent/lazy.def"
#undef LIBRARY
#undef FUNCTION
	LAZY_COUNT
};

/*
 * Any thread, any number of times. 0, or -ENOENT with the reason (never freed): the library or a
 * function of it is not there, and none of its functions may be called.
 */
int lazy_load(enum lazy_library library, const char **ret_why);

#endif
