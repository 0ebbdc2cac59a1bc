/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries on demand. Each function of lazy.def is defined here as one jump through a pointer that
 * lazy_load() fills in, so callers and headers of the libraries stay as they are, functions with
 * variable arguments included. Nothing is ever unloaded.
 */
#include "agent/lazy.h"

#include <dlfcn.h>
#include <pthread.h>

/* The jump may use a register that belongs to the linker between caller and callee. */
#if defined(__x86_64__)
#define JUMP(name) "endbr64\n\tjmp *lazy_slot_" name "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(name) "hint #34\n\tadrp x16, lazy_slot_" name "\n" \
		   "\tldr x16, [x16, #:lo12:lazy_slot_" name "]\n\tbr x16\n"
#else
#error "how does this architecture jump to an address in memory?"
#endif

/* A call without lazy_load() is a bug of ours. */
static void not_loaded(void)
{
	static const char text[] = "tiercel: bug: a library is used that was not loaded\n";

	fputs(text, stderr);
	abort();
}

#define LIBRARY(id, soname)
#define FUNCTION(id, name)                                                                        \
	extern void *lazy_slot_##name;                                                            \
	__attribute__((used, visibility("hidden"))) void *lazy_slot_##name = (void *)not_loaded; \
	asm(".pushsection .text\n\t.globl " #name "\n\t.hidden " #name "\n\t.type " #name         \
	    ", %function\n" #name ":\n\t" JUMP(#name) "\t.size " #name ", . - " #name             \
	    "\n\t.popsection\n");
#include "agent/lazy.def"
#undef LIBRARY
#undef FUNCTION

static const struct function {
	enum lazy_library library;
	const char *name;
	void **slot;
} functions[] = {
#define LIBRARY(id, soname)
#define FUNCTION(id, name) { LAZY_##id, #name, &lazy_slot_##name },
#include "agent/lazy.def"
#undef LIBRARY
#undef FUNCTION
};

static struct library {
	const char *soname;
	bool tried;
	char *why;			/* it could not be loaded */
} libraries[] = {
#define LIBRARY(id, soname) { soname },
#define FUNCTION(id, name)
#include "agent/lazy.def"
#undef LIBRARY
#undef FUNCTION
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* All or nothing: pointers are set when every function was found. */
static int load(enum lazy_library id)
{
	void *handle = dlopen(libraries[id].soname, RTLD_NOW | RTLD_LOCAL);
	void *found[ARRAY_SIZE(functions)];

	if (!handle)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		if (functions[i].library != id)
			continue;
		found[i] = dlsym(handle, functions[i].name);
		if (!found[i])
			return -ENOENT;
	}
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (functions[i].library == id)
			*functions[i].slot = found[i];
	return 0;
}

int lazy_load(enum lazy_library id, const char **ret_why)
{
	struct library *l = &libraries[id];
	int r;

	pthread_mutex_lock(&lock);
	if (!l->tried && load(id) < 0) {
		const char *why = dlerror();

		l->why = strdup(why ? why : l->soname);
		if (!l->why)
			l->why = (char *)l->soname;
	}
	l->tried = true;
	r = l->why ? -ENOENT : 0;
	if (r < 0)
		*ret_why = l->why;
	pthread_mutex_unlock(&lock);
	return r;
}
