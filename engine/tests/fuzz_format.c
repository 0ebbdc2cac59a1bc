/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: text -> output template.
 */
#include <assert.h>

#include "engine/tests/fuzz.h"
#include "engine/out/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, (uint32_t)size };
	const char *msg = NULL;
	struct format f;
	struct pos pos = { 0 };
	struct arena a;
	const struct field_scope scope = { .arena = &a };

	if (size > 1 << 14)
		return 0;
	arena_init(&a, 4096, 0);
	if (format_compile(text, &scope, &f, &msg, &pos) < 0)
		assert(msg);
	else
		assert(f.npieces <= size && f.nfields <= size);
	arena_done(&a);
	return 0;
}
