/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path arithmetic on texts: join, normalise, split. No file system access.
 */
#ifndef TIERCEL_PATH_H
#define TIERCEL_PATH_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"

/*
 * base + path, lexically normalised and sanitised (state contract, section 4.3). Absolute `path`
 * ignores `base`. Too long gives the fixed marker "/DIR_TOO_LONG/FILENAME_TOO_LONG".
 */
void path_join(struct buf *out, struct str base, struct str path);

/*
 * Would joining leave this text as it is? True for texts of printable ASCII characters without
 * empty and dot components and without a final slash; false also for texts longer than a path.
 */
bool path_is_normal(struct str path);

/* Directory and last component of a file name as fd.directory and fd.filename print them. */
struct str path_directory(struct str name);
struct str path_filename(struct str name);

#endif
