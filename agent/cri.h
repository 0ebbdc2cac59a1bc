/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata of containers from the runtime (containerd, CRI-O), by a thread of its own: the engine's
 * thread asks, goes on, and takes the answers when they are there. Answers are the JSON documents
 * that container events carry. What was found is kept, also when the container is gone; what was
 * not is tried again.
 */
#ifndef TIERCEL_CRI_H
#define TIERCEL_CRI_H

#include "engine/base.h"

#include <stdatomic.h>

enum cri_limit_id {
#define CRI_LIMIT(id, def, counter, help) CRI_LIMIT_##id,
#include "agent/cri_limits.def"
#undef CRI_LIMIT
	CRI_LIMIT_COUNT
};

extern const struct limit_info cri_limit_infos[CRI_LIMIT_COUNT];

struct cri_opts {
	const char *const *sockets;	/* the first that answers is used */
	uint32_t nsockets;
	const char *root;		/* in front of them (HOST_ROOT), "" */
	const uint64_t *limits;		/* by cri_limit_id; NULL: defaults */
};

/* What the last look at the sockets found. */
enum cri_state {
	CRI_TRYING,		/* the first look is not over */
	CRI_ANSWERS,
	CRI_ABSENT,		/* there is no socket, and there never was a runtime */
	CRI_SILENT,		/* a socket without a runtime that answers, or it is gone */
};

/* Counters since the start; read by any thread. */
struct cri_stats {
	uint64_t asked, answered, from_memory, not_found;
	uint64_t waiting;		/* questions without an answer yet */
	uint64_t known, known_bytes;
	enum cri_state state;
	uint64_t silent_ns;		/* CLOCK_MONOTONIC since when it is silent */
	char runtime[96];		/* "containerd 1.6.20", "" before the first connection */
	uint64_t hits[CRI_LIMIT_COUNT];
};

/* What came of a question. */
enum cri_result { CRI_FOUND, CRI_NOT_FOUND, CRI_UNAVAILABLE };

/* FOUND carries the document. UNAVAILABLE and NOT_FOUND may be followed by FOUND. */
typedef void cri_answer_fn(void *ctx, struct str id, enum cri_result result, struct str json);

struct cri;

/* Starts the thread. 0 or -errno. `opts` and its texts outlive it. */
int cri_new(const struct cri_opts *opts, struct cri **ret);
void cri_free(struct cri *c);

/* Engine's thread. Ask for a container (12 characters). False: no answer is to be expected soon. */
bool cri_ask(struct cri *c, struct str id);
/* Engine's thread. Take all answers that are there; views are valid during the call. */
void cri_take(struct cri *c, cri_answer_fn *fn, void *ctx);
/* Becomes readable when there are answers. */
int cri_fd(const struct cri *c);
void cri_stats(struct cri *c, struct cri_stats *ret);

#endif
