/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One case per event type against the running kernel, through the agent's own live source. Static,
 * so that the same file runs on the host and as the only program of a guest; prints TAP.
 * usage: ktest [CASE...]   (needs root). Every case runs in a child; the parent reads the events.
 */
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/source.h"
#include "agent/source_syscalls.h"
#include "kernel-tests/cases.h"

#define CASE_SECONDS 60		/* a case that hangs is killed */
#define WAIT_MS 20000		/* for the event, after the case has ended */
#define POLL_MS 20

static const struct kcase_table *const tables[] = {
	&case_path, &case_fd, &case_io, &case_net, &case_process,
	&case_user, &case_memory, &case_ipc, &case_system, &case_compat32, &case_uring,
};

struct run {
	struct source *source;
	struct want *want;	/* shared with the child */
	struct buf why;		/* difference of the nearest event */
	uint32_t seen;		/* events of the right type and thread */
	int number, failed;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *case_name(const struct kcase *k)
{
	return k->name ? k->name : event_infos[k->event].name;
}

static int on_event(void *ctx, struct event *ev)
{
	struct run *r = ctx;

	if (ev->type != r->want->event || ev->tid != r->want->tid)
		return 0;
	r->seen++;
	buf_clear(&r->why);
	return want_matches(r->want, ev, &r->why);
}

static void enter_child(const struct kcase *k, struct want *w)
{
	char name[32] = "ktest";

	alarm(CASE_SECONDS);
	prctl(PR_SET_NAME, name);
	w->tid = getpid();
	k->run(w);
	fflush(stdout);
	_exit(0);
}

/* NULL when the process of the case did its part, else what went wrong. */
static const char *run_child(struct run *r, const struct kcase *k)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return "cannot fork";
	if (pid == 0)
		enter_child(k, r->want);
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return "the process of the case died";
	return r->want->called || r->want->skip[0] ? NULL : "the case made no call";
}

static const char *await_event(struct run *r)
{
	int64_t end = now_ms() + WAIT_MS;
	int n;

	do {
		n = r->source->ops->poll(r->source, POLL_MS, on_event, r);
		if (n == 1 && r->seen && !r->why.len)
			return NULL;
		if (n < 0)
			return "cannot read events";
	} while (now_ms() < end);
	return r->seen ? "event differs" : "no event";
}

static void report(struct run *r, const char *name, const char *problem)
{
	r->number++;
	if (problem) {
		r->failed++;
		printf("not ok %d - %s\n# %s: %s; %.*s\n", r->number, name, name, problem,
		       (int)r->why.len, r->why.p ? r->why.p : "");
	} else {
		printf("ok %d - %s%s%s\n", r->number, name, r->want->skip[0] ? " # SKIP " : "",
		       r->want->skip);
	}
}

struct hook_search {
	const char *name, *refused;
};

static void on_part(void *ctx, const struct source_part *part)
{
	struct hook_search *h = ctx;

	if (part->is_hook && part->refused && !strcmp(part->name, h->name))
		h->refused = part->why;
}

/* NULL, or why this kernel does not have the hook of the case. */
static const char *hook_refused(struct run *r, const struct kcase *k)
{
	struct hook_search h = { .name = k->hook };

	if (h.name)
		r->source->ops->parts(r->source, on_part, &h);
	return h.refused;
}

static void run_case(struct run *r, const struct kcase *k)
{
	struct evtset only = { 0 };
	const char *problem;

	only.w[k->event / 64] |= 1ULL << (k->event % 64);
	memset(r->want, 0, sizeof(*r->want));
	r->want->event = k->event;
	r->want->nr = k->nr;
	r->seen = 0;
	buf_clear(&r->why);
	r->source->ops->set_events(r->source, &only);
	if (hook_refused(r, k)) {
		want_skip(r->want, "%s", hook_refused(r, k));
		report(r, case_name(k), NULL);
		return;
	}
	problem = run_child(r, k);
	if (!problem && !r->want->skip[0])
		problem = await_event(r);
	report(r, case_name(k), problem);
	if (!problem && r->want->ret < 0)
		printf("# %s returned %s\n", case_name(k), strerror(-r->want->ret));
}

static bool is_chosen(const char *name, int n, char **chosen)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(chosen[i], name))
			return true;
	return n == 0;
}

static void run_cases(struct run *r, int n, char **chosen)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (uint32_t i = 0; i < tables[t]->count; i++) {
			const struct kcase *k = &tables[t]->rows[i];

			if (k->nr != NR_ABSENT && is_chosen(case_name(k), n, chosen))
				run_case(r, k);
		}
	}
}

static bool has_case(unsigned event)
{
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (uint32_t i = 0; i < tables[t]->count; i++)
			if (tables[t]->rows[i].event == event)
				return true;
	return false;
}

/* A new row of syscalls.def cannot be forgotten here. */
static void check_complete(struct run *r)
{
	buf_clear(&r->why);
	memset(r->want, 0, sizeof(*r->want));
	for (uint32_t i = 0; i < source_syscalls_count; i++)
		if (!has_case(source_syscalls[i].event))
			buf_printf(&r->why, "%s ", event_infos[source_syscalls[i].event].id);
	report(r, "all-event-types", r->why.len ? "events without a case" : NULL);
}

static void check_counters(struct run *r)
{
	struct source_stats st;

	/* Programs of other processors would be between two counters. */
	r->source->ops->stop(r->source);
	buf_clear(&r->why);
	while (r->source->ops->poll(r->source, POLL_MS, on_event, r) > 0)
		;
	r->source->ops->stats(r->source, &st);
	buf_clear(&r->why);
	if (st.produced != st.delivered + st.lost || st.corrupt || !st.delivered)
		buf_printf(&r->why, "produced %llu, delivered %llu, lost %llu, corrupt %llu",
			   (unsigned long long)st.produced, (unsigned long long)st.delivered,
			   (unsigned long long)st.lost, (unsigned long long)st.corrupt);
	report(r, "counters-balance", r->why.len ? "records unaccounted for" : NULL);
	buf_clear(&r->why);
	if (st.lost)
		buf_printf(&r->why, "%llu; see the counters", (unsigned long long)st.lost);
	report(r, "nothing-lost", r->why.len ? "records lost" : NULL);
}

static void on_counter(void *ctx, const struct source_counter *c)
{
	if (c->reason)
		printf("# counter %s %s %s %llu\n", c->lane ? c->lane : "-",
		       c->kind ? c->kind : "-", c->reason, (unsigned long long)c->count);
}

/* Cases leave files behind. */
static char work_dir[] = "/tmp/ktest.XXXXXX";

static int enter_directory(void)
{
	if (!mkdtemp(work_dir) || chdir(work_dir)) {
		printf("Bail out! %s: %s\n", work_dir, strerror(errno));
		return -1;
	}
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void remove_directory(void)
{
	if (chdir("/") || nftw(work_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))
		perror(work_dir);
}

int main(int argc, char **argv)
{
	struct source_ring_opts opts = { .data_ring_bytes = 1 << 20, .life_ring_bytes = 1 << 18 };
	struct run r = { 0 };
	struct utsname u;
	int64_t start = now_ms();
	struct buf error = BUF_INIT;

	if (argc > 1 && !strcmp(argv[1], "--nothing"))
		return 0;
	uname(&u);
	if (source_ring_open(&opts, &error, &r.source)) {
		printf("Bail out! %s: %s\n", u.release, error.p ? error.p : "?");
		return 1;
	}
	printf("# kernel %s %s, sensor attached in %lld ms\n", u.release, u.machine,
	       (long long)(now_ms() - start));
	r.want = mmap(NULL, sizeof(*r.want), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (r.want == MAP_FAILED || enter_directory())
		return 1;
	run_cases(&r, argc - 1, argv + 1);
	check_complete(&r);
	check_counters(&r);
	r.source->ops->counters(r.source, on_counter, NULL);
	printf("1..%d\n# %lld ms\n", r.number, (long long)(now_ms() - start));
	r.source->ops->close(r.source);
	remove_directory();
	munmap(r.want, sizeof(*r.want));
	buf_done(&r.why);
	buf_done(&error);
	return r.failed ? 1 : 0;
}
