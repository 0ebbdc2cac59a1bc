/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Common ground of the fuzz targets fuzz_<name>.c. With -DFUZZING the fuzzer brings its main;
 * otherwise the program runs the files given as arguments (engine/tests/seeds/<name>/), which is
 * what test_seeds.sh does.
 */
#ifndef TIERCEL_FUZZ_H
#define TIERCEL_FUZZ_H

#include "engine/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef FUZZING
static void fuzz_run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct buf b = BUF_INIT;
	char chunk[4096];
	size_t n;

	if (!f) {
		perror(path);
		exit(2);
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&b, chunk, n);
	fclose(f);
	LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&b).p, b.len);
	buf_done(&b);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		fuzz_run_file(argv[i]);
	return 0;
}
#endif

#endif
