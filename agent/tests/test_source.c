/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live source follows what is asked of it: events that nobody wants do not come, events wanted
 * later come without opening the source again. Prints TAP; needs root and BTF.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/source.h"

#define MARK "/tmp/tiercel-source-test-mark"

static int tests, failures;

static void ok(bool good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tests, what);
	failures += !good;
}

struct search {
	unsigned type;
	struct source *source;
	uint32_t seen;
};

static int on_event(void *ctx, struct event *ev)
{
	struct search *s = ctx;

	s->seen += ev->type == s->type && ev->tid == getpid();
	return 0;
}

/* Events of this type that we made ourselves with `calls` calls of each kind. */
static uint32_t events_seen(struct source *source, unsigned type, uint32_t calls)
{
	struct search s = { .type = type };
	time_t end = time(NULL) + 10;

	for (uint32_t i = 0; i < calls; i++) {
		mkdirat(AT_FDCWD, MARK, 0700);
		unlinkat(AT_FDCWD, MARK, AT_REMOVEDIR);
	}
	do
		source->ops->poll(source, 50, on_event, &s);
	while (s.seen < calls && time(NULL) < end && calls);
	return s.seen;
}

static struct evtset only(unsigned type)
{
	struct evtset s = { 0 };

	if (type < EVENT_TYPE_COUNT)
		s.w[type / 64] |= 1ULL << (type % 64);
	return s;
}

struct census {
	uint32_t hooks, loaded, absent;
};

static void on_part(void *ctx, const struct source_part *part)
{
	struct census *c = ctx;

	if (part->is_hook)
		c->hooks += part->active;
	else if (part->active)
		c->loaded++;
	else
		c->absent++;
}

static struct census census_of(struct source *s)
{
	struct census c = { 0 };

	s->ops->parts(s, on_part, &c);
	return c;
}

struct hook_search {
	const char *name;
	bool active;
};

static void on_hook(void *ctx, const struct source_part *part)
{
	struct hook_search *h = ctx;

	h->active = h->active || (part->is_hook && part->active && !strcmp(part->name, h->name));
}

static bool hook_active(struct source *s, const char *name)
{
	struct hook_search h = { .name = name };

	s->ops->parts(s, on_hook, &h);
	return h.active;
}

static void test_swap(struct source *s)
{
	struct evtset makes = only(EV_MKDIRAT_X), removes = only(EV_UNLINKAT_2_X);
	struct evtset none = only(EVENT_TYPE_COUNT);
	struct census first = census_of(s), later;

	ok(first.hooks >= 4, "hooks are attached");
	ok(hook_active(s, "sys_exit"), "system calls are hooked for what the state needs");
	ok(first.loaded < first.absent, "only what was asked for is loaded");
	s->ops->set_events(s, &makes);
	ok(events_seen(s, EV_MKDIRAT_X, 20) == 20, "what was asked for first arrives");
	ok(s->ops->set_events(s, &removes) == 0, "asking for another event");
	later = census_of(s);
	ok(later.loaded == first.loaded + 1 && later.hooks == first.hooks,
	   "its program is loaded beside the others");
	ok(events_seen(s, EV_UNLINKAT_2_X, 20) == 20, "it arrives");
	s->ops->set_events(s, &none);
	events_seen(s, EV_UNLINKAT_2_X, 0);
	ok(!hook_active(s, "sys_exit"), "nobody wants system calls: they are not hooked");
	ok(hook_active(s, "sched_process_exec"), "the life of processes still is");
	s->ops->set_events(s, &makes);
	ok(hook_active(s, "sys_exit"), "they are hooked again");
	ok(events_seen(s, EV_MKDIRAT_X, 20) == 20, "the first one again");
	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++) {
		struct evtset one = only(type);

		if (s->ops->set_events(s, &one))
			ok(false, event_infos[type].name);
	}
	ok(census_of(s).absent == 0, "asked for one by one, everything gets loaded");
}

/* Full speed into a small ring: it is half full before the reader would have looked. */
static void test_bell(struct source *s)
{
	struct evtset makes = only(EV_MKDIRAT_X);
	struct search search = { .type = EVENT_TYPE_COUNT };
	struct source_stats stats = { 0 };
	time_t end = time(NULL) + 120;
	pid_t flood = fork();

	if (flood == 0)
		for (;;)
			mkdirat(AT_FDCWD, "/", 0700);
	s->ops->set_events(s, &makes);
	while (!stats.bells && time(NULL) < end) {
		s->ops->poll(s, 50, on_event, &search);
		s->ops->stats(s, &stats);
	}
	kill(flood, SIGKILL);
	waitpid(flood, NULL, 0);
	ok(stats.bells > 0, "a half full ring wakes the reader");
}

static void test_stop(struct source *s)
{
	struct search search = { .type = EVENT_TYPE_COUNT };
	struct source_stats stats;

	s->ops->stop(s);
	while (s->ops->poll(s, 20, on_event, &search) > 0)
		;
	s->ops->stats(s, &stats);
	ok(stats.produced == stats.delivered + stats.lost, "produced = delivered + lost");
	ok(stats.read == stats.delivered, "everything delivered was read");
	ok(s->ops->poll(s, 20, on_event, &search) == 0, "nothing comes after the stop");
}

int main(void)
{
	struct evtset first = only(EV_MKDIRAT_X);
	struct source_ring_opts opts = { .report_self = true, .events = &first };
	_cleanup_buf_ struct buf error = BUF_INIT;
	struct source *s;

	if (geteuid() != 0 || access("/sys/kernel/btf/vmlinux", R_OK)) {
		printf("1..1\nok 1 - live source # SKIP needs root and BTF\n");
		return 0;
	}
	if (source_ring_open(&opts, &error, &s) < 0) {
		ok(false, "the source opens");
		printf("# %.*s\n", STR_ARG(buf_str(&error)));
	} else {
		test_swap(s);
		test_stop(s);
		s->ops->close(s);
	}
	opts.data_ring_bytes = 64 << 10;
	if (source_ring_open(&opts, &error, &s) == 0) {
		test_bell(s);
		test_stop(s);
		s->ops->close(s);
	}
	printf("1..%d\n", tests);
	return failures != 0;
}
