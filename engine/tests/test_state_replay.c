/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every capture of the corpus through reader and state tables: nothing is refused or misread, and
 * the links between the tables stay sound all the way. Skipped visibly without the shared data.
 */
#include <dirent.h>
#include <zlib.h>

#include "engine/event/scap.h"
#include "engine/state/state.h"
#include "engine/tests/test.h"

#define CHECK_EVERY 20000

static long read_gz(void *ctx, void *buf, size_t n)
{
	return gzread(ctx, buf, (unsigned)n);
}

/* What must always hold between threads, groups, parents and fds. */
static void check_links(const struct state *s)
{
	struct thread *t;
	uint32_t pos = 0, n = 0;

	while ((t = state_next_thread(s, &pos)) != NULL) {
		struct fdinfo *f;
		uint32_t fpos = 0, fds = 0, members = 0;

		n++;
		ck_assert_ptr_eq(state_thread(s, t->tid), t);
		ck_assert(t->parent ? t->parent->tid == t->ptid : t->ptid <= 0);
		ck_assert((t->state_flags & THREAD_FAKE) || t->group);
		for (struct thread *c = t->children; c; c = c->sibling_next)
			ck_assert_ptr_eq(c->parent, t);
		if (t->group) {
			ck_assert_int_eq(t->group->pid, t->pid);
			for (struct thread *m = t->group->threads; m; m = m->group_next)
				members += m == t;
			ck_assert_uint_eq(members, 1);
		}
		while ((f = thread_next_fd(t, &fpos)) != NULL) {
			ck_assert_ptr_eq(thread_fd(t, f->fd), f);
			ck_assert_ptr_nonnull(f->name);
			fds++;
		}
		ck_assert_uint_eq(t->group ? fds : 0, thread_fd_count(t));
	}
	ck_assert_uint_eq(n, state_stats(s)->threads);
}

static uint64_t replay(struct scap_reader *r, struct state *s, struct arena *scratch)
{
	struct event_ctx ctx = { .scratch = scratch };
	struct snapshot_item snap;
	struct event ev;
	uint64_t visible = 0, n = 0;
	int what;

	while ((what = scap_reader_next(r, &snap, &ev)) > SCAP_END) {
		if (what == SCAP_SNAPSHOT) {
			ck_assert_int_eq(state_snapshot(s, &snap), 0);
			continue;
		}
		arena_reset(scratch);
		state_event(s, &ev, &ctx);
		visible += ctx.visible;
		ck_assert(!ctx.fd || ctx.fd->fd == ctx.fd_num);
		if (ctx.thread) {
			thread_cmdline(s, ctx.thread);
			thread_exeline(s, ctx.thread);
		}
		if (++n % CHECK_EVERY == 0)
			check_links(s);
	}
	ck_assert_int_eq(what, SCAP_END);
	check_links(s);
	return visible;
}

static void replay_file(const char *path)
{
	static const struct state_opts opts;
	struct limits limits;
	struct diags diags;
	struct arena scratch;
	gzFile f = gzopen(path, "rb");
	struct scap_reader *r;
	struct state *s;
	uint64_t visible;

	ck_assert_ptr_nonnull(f);
	limits_init(&limits);
	diags_init(&diags);
	arena_init(&scratch, 4096, 0);
	r = scap_reader_new((struct byte_source){ read_gz, f }, &limits, &diags);
	s = state_new(&opts, &limits);
	ck_assert(r && s);
	visible = replay(r, s, &scratch);
	printf("# %s: %llu visible, %llu threads (%llu fakes), %llu fds\n", strrchr(path, '/') + 1,
	       (unsigned long long)visible, (unsigned long long)state_stats(s)->threads,
	       (unsigned long long)state_stats(s)->threads_fake,
	       (unsigned long long)state_stats(s)->fds);
	ck_assert_uint_eq(state_stats(s)->threads_refused, 0);
	ck_assert_uint_eq(state_stats(s)->fds_refused, 0);
	state_free(s);
	scap_reader_free(r);
	arena_done(&scratch);
	diags_done(&diags);
	gzclose(f);
}

static void replay_folder(const char *folder)
{
	char dir[256], path[1024];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/corpus/%s", test_shared(), folder);
	d = opendir(dir);
	if (!d) {
		printf("# SKIP no %s\n", dir);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		struct str name = str_from(e->d_name);

		if (!str_ends(name, STR(".scap")) && !str_ends(name, STR(".scap.gz")))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		replay_file(path);
		n++;
	}
	closedir(d);
	ck_assert_uint_gt(n, 0);
}

START_TEST(public_captures)
{
	replay_folder("scap");
}
END_TEST

START_TEST(behaviours)
{
	replay_folder("behaviours");
}
END_TEST

START_TEST(bench)
{
	replay_folder("bench");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("state_replay");
	TCase *t = tcase_create("corpus");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, public_captures);
	tcase_add_test(t, behaviours);
	tcase_add_test(t, bench);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
