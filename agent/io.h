/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: whole-file reads, directory listings, byte sources for the trace reader.
 */
#ifndef TIERCEL_IO_H
#define TIERCEL_IO_H

#include "engine/tiercel.h"

/*
 * Read all of a file into `out` (appending). 0, -errno, -EFBIG over max, -ENODATA for a FIFO that
 * nobody writes to.
 */
int io_read_file(const char *path, uint64_t max, struct buf *out);

/* Growing list of owned names. */
struct io_names {
	char **names;
	uint32_t n, cap;
};
void io_names_done(struct io_names *l);
int io_names_add(struct io_names *l, const char *name);
/* The part of the path behind the last slash. */
const char *io_base_name(const char *path);
bool io_is_test_file(const char *path);
/*
 * A file, or for a directory its *.yaml and *.yml files sorted by name, no recursion, no files with
 * tests (*.tests.yaml). Links of a directory to nothing are left out and, unless it is NULL, named
 * in `dangling`. 0 or -errno.
 */
int io_rule_files(const char *path, struct io_names *l, struct io_names *dangling);

/* Byte source over a file descriptor; ctx points to the int. */
long io_read_fd(void *ctx, void *buf, size_t n);

/* Write everything to a file descriptor. 0 or -errno. */
int io_write_all(int fd, const void *p, size_t n);

/*
 * A file with this content, complete or not at all: it appears under its name (or replaces what had
 * the name) when it is written. 0 or -errno.
 */
int io_write_file(const char *path, struct str text, unsigned mode);

/* All of a buffer to a stdio stream; an empty buffer has no memory. */
static inline void io_print(const struct buf *b, FILE *to)
{
	if (b->len)
		fwrite(b->p, 1, b->len, to);
}

/* For _cleanup_(io_close): closes unless negative. */
void io_close(int *fd);

#endif
