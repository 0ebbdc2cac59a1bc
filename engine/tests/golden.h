/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden texts: NAME.expected beside the input of a case. UPDATE_GOLDEN=1 writes them anew.
 */
#ifndef TIERCEL_GOLDEN_H
#define TIERCEL_GOLDEN_H

#include "engine/tests/test.h"

static inline void golden_read(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char part[4096];
	size_t n;

	ck_assert_msg(f != NULL, "%s (run from the top of the tree)", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(out, part, n);
	fclose(f);
}

/* `input` is the path of the case, with one suffix. */
static inline void golden_compare(const char *input, const struct buf *got)
{
	_cleanup_buf_ struct buf path = BUF_INIT, expected = BUF_INIT;

	buf_printf(&path, "%.*s.expected", (int)(strrchr(input, '.') - input), input);
	if (getenv("UPDATE_GOLDEN")) {
		FILE *f = fopen(path.p, "wb");

		ck_assert(f && fwrite(got->p, 1, got->len, f) == got->len && fclose(f) == 0);
	}
	golden_read(path.p, &expected);
	ck_assert_msg(str_eq(buf_str(got), buf_str(&expected)),
		      "%s: got (UPDATE_GOLDEN=1 accepts it)\n%s", input, got->p);
}

#endif
