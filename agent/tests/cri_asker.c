/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The look-up of container metadata, driven by commands: for test_cri.py.
 *
 * usage: cri_asker SOCKET[,SOCKET] [LIMIT=VALUE...]. Lines on stdin, each answered by one line:
 *   ask ID	"asked", or "refused"
 *   take		waits for answers; "ID RESULT JSON" of the first, the others with the next
 *   take stats	counters as JSON
 */
#include "agent/cri.h"
#include "agent/tests/limit_arg.h"

#include <inttypes.h>
#include <poll.h>

enum { SOCKETS_MAX = 4, TAKE_MS = 60000, QUEUE_MAX = 256 };

static struct buf queue[QUEUE_MAX];
static unsigned first, last;

static void on_answer(void *ctx, struct str id, enum cri_result result, struct str json)
{
	static const char *const names[] = { "found", "unknown", "unavailable" };

	buf_printf(&queue[last++ % QUEUE_MAX], "%.*s %s %.*s", STR_ARG(id), names[result],
		   STR_ARG(json));
}

static void take(struct cri *c)
{
	struct pollfd fd = { .fd = cri_fd(c), .events = POLLIN };

	if (first == last && poll(&fd, 1, TAKE_MS) > 0)
		cri_take(c, on_answer, NULL);
	if (first == last) {
		puts("nothing");
		return;
	}
	puts(queue[first % QUEUE_MAX].p);
	buf_done(&queue[first++ % QUEUE_MAX]);
}

static void print_stats(struct cri *c)
{
	static const char *const states[] = { [CRI_TRYING] = "trying", [CRI_ANSWERS] = "answers",
					      [CRI_ABSENT] = "absent", [CRI_SILENT] = "silent" };
	struct cri_stats s;

	cri_stats(c, &s);
	printf("{\"asked\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"from_memory\":%" PRIu64
	       ",\"waiting\":%" PRIu64 ",\"known\":%" PRIu64 ",\"state\":\"%s\",\"runtime\":\"%s\"",
	       s.asked, s.answered, s.from_memory, s.waiting, s.known,
	       states[s.state], s.runtime);
	for (int i = 0; i < CRI_LIMIT_COUNT; i++)
		printf(",\"%s\":%" PRIu64, cri_limit_infos[i].counter, s.hits[i]);
	puts("}");
}

int main(int argc, char **argv)
{
	uint64_t limits[CRI_LIMIT_COUNT];
	const char *sockets[SOCKETS_MAX];
	struct cri_opts opts = { .sockets = sockets, .root = "", .limits = limits };
	struct cri *c;
	char line[256], id[128];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		return 2;
	for (char *s = strtok_r(argv[1], ",", &argv[1]); s && opts.nsockets < SOCKETS_MAX;
	     s = strtok_r(NULL, ",", &argv[1]))
		sockets[opts.nsockets++] = s;
	limit_defaults(cri_limit_infos, CRI_LIMIT_COUNT, limits);
	for (int i = 2; i < argc; i++)
		if (!limit_arg(cri_limit_infos, CRI_LIMIT_COUNT, str_from(argv[i]), limits))
			return 2;
	if (cri_new(&opts, &c) < 0)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "ask %127s", id) == 1)
			puts(cri_ask(c, str_from(id)) ? "asked" : "refused");
		else if (!strncmp(line, "take", 4))
			take(c);
		else
			print_stats(c);
	}
	cri_free(c);
	while (first != last)
		buf_done(&queue[first++ % QUEUE_MAX]);
	return 0;
}
