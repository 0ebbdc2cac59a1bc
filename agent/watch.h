/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Have files changed? Watches the directories they stand in (a file that is replaced, or reached by
 * a symbolic link that is exchanged as in a mounted ConfigMap, is another file), and says nothing
 * about other files there. One thread uses it.
 */
#ifndef TIERCEL_WATCH_H
#define TIERCEL_WATCH_H

#include "agent/io.h"

struct watch;

/* 0 or -errno. */
int watch_new(struct watch **ret);
void watch_free(struct watch *w);
/*
 * Watch these files and directories (their *.yaml and *.yml) instead of those before. 0 or -ENOMEM.
 */
int watch_set(struct watch *w, const struct io_names *a, const struct io_names *b);
/* Readable when something happened. */
int watch_fd(const struct watch *w);
/* Take what happened: did it concern the files? */
bool watch_changed(struct watch *w);
/*
 * Has something about the files changed since then (wall clock), or nearly? Reads nothing but
 * times.
 */
bool watch_newer(const struct watch *w, uint64_t since_ns);
/* Watch again what could not be watched (a directory that is missing). true: it is there now. */
bool watch_retry(struct watch *w);

#endif
