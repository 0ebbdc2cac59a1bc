/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace as bytes for the reader of the engine: a file, or standard input for "-". gzip is undone
 * on a thread of its own, a bounded number of buffers ahead; how the data ends (cut, damaged,
 * followed by other bytes) is told to the reader as if it had inflated them itself.
 */
#ifndef TIERCEL_TRACE_FILE_H
#define TIERCEL_TRACE_FILE_H

#include "engine/tiercel.h"

struct trace_file;

/* 0 or -errno; -EISDIR for a directory. */
int trace_file_open(const char *path, struct trace_file **ret_f);
struct byte_source trace_file_source(struct trace_file *f);
/* Also in the middle of the data; ends the thread. */
void trace_file_close(struct trace_file *f);

#endif
