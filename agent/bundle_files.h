/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a rule bundle in memory, read from a folder or from a .tar.gz. Paths are relative to
 * the bundle, with single slashes and without "." or "..", sorted. Only files that rules are loaded
 * from are kept (*.yaml, *.yml, no tests). Bounds: LIMIT_BUNDLE_FILES and LIMIT_BUNDLE_BYTES.
 */
#ifndef TIERCEL_BUNDLE_FILES_H
#define TIERCEL_BUNDLE_FILES_H

#include "agent/digest.h"
#include "agent/io.h"

struct bundle_files {
	char **paths;
	struct buf *texts;
	uint32_t n, cap;
	uint64_t bytes;			/* of all texts */
};

void bundle_files_done(struct bundle_files *f);
/*
 * Read a folder or an archive, by what `path` is. 0, -ENOMEM, or -errno with what is wrong in
 * `error`.
 */
int bundle_files_read(const char *path, struct limits *limits, struct bundle_files *ret,
		      struct buf *error);
/* The same for an archive in memory; `name` is for messages. (bundle_tar.c) */
int bundle_tar_read(const char *name, struct str archive, struct limits *limits,
		    struct bundle_files *ret, struct buf *error);
/* A .tar.gz of the files, the same bytes for the same files. 0 or -ENOMEM. (bundle_tar.c) */
int bundle_tar_write(const struct bundle_files *f, struct buf *out);
/* Of the paths and texts: a folder and its archive have the same one. 0 or -ENOMEM. */
int bundle_files_digest(const struct bundle_files *f, char ret_text[DIGEST_TEXT]);
/* Index of a path, or -1. */
int bundle_files_find(const struct bundle_files *f, const char *path);

/* For the readers: is the path one to keep, and may one more file of this size be added? */
bool bundle_files_wants(const char *path);
/* 0, -ENOMEM, -EFBIG with a message. Takes the text. */
int bundle_files_add(struct bundle_files *f, const char *path, struct buf *text,
		     struct limits *limits, struct buf *error);
void bundle_files_sort(struct bundle_files *f);

#endif
