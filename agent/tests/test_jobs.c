/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: all are done, groups are waited for alone, also without threads and from within jobs. */
#include "agent/jobs.h"
#include "engine/tests/test.h"

#define MANY 1000

struct count {
	struct job job;
	struct jobs *jobs;
	struct count *more; /* added by this one, to the same group */
	struct job_group *group;
	uint32_t at; /* its turn */
};

static uint32_t next;

static void run(struct job *job)
{
	struct count *c = container_of(job, struct count, job);

	c->at = __atomic_add_fetch(&next, 1, __ATOMIC_RELAXED);
	if (c->more)
		jobs_add(c->jobs, &c->more->job, c->group);
}

START_TEST(test_all)
{
	static struct count v[MANY], later[MANY];
	struct job_group group = { 0 };
	struct jobs jobs;

	next = 0;
	jobs_init(&jobs, (uint32_t)_i);
	for (uint32_t i = 0; i < MANY; i++) {
		later[i] = (struct count){ .job.run = run };
		v[i] = (struct count){
			.job.run = run, .jobs = &jobs, .more = &later[i], .group = &group
		};
		jobs_add(&jobs, &v[i].job, &group);
	}
	jobs_wait(&jobs, &group);
	ck_assert_uint_eq(group.left, 0);
	ck_assert_uint_eq(next, 2 * MANY);
	for (uint32_t i = 0; i < MANY; i++)
		ck_assert_uint_lt(v[i].at, later[i].at);
	/* One thread takes them in their order. */
	for (uint32_t i = 1; i < MANY && !_i; i++)
		ck_assert_uint_lt(v[i - 1].at, v[i].at);
	jobs_done(&jobs);
}
END_TEST

/* What nobody waited for is done, too. */
START_TEST(test_done)
{
	struct job_group group = { 0 };
	struct count v[10];
	struct jobs jobs;

	next = 0;
	jobs_init(&jobs, (uint32_t)_i);
	for (uint32_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i] = (struct count){ .job.run = run };
		jobs_add(&jobs, &v[i].job, &group);
	}
	jobs_done(&jobs);
	ck_assert_uint_eq(next, ARRAY_SIZE(v));
}
END_TEST

/* Who waits for the first group does not do the second one first. */
START_TEST(test_groups)
{
	struct job_group first = { 0 }, second = { 0 };
	struct count a = { .job.run = run }, b = { .job.run = run };
	struct jobs jobs;

	next = 0;
	jobs_init(&jobs, 0);
	jobs_add(&jobs, &a.job, &first);
	jobs_add(&jobs, &b.job, &second);
	jobs_wait(&jobs, &first);
	ck_assert_uint_eq(a.at, 1);
	ck_assert_uint_eq(b.at, 0);
	jobs_wait(&jobs, &second);
	ck_assert_uint_eq(b.at, 2);
	jobs_done(&jobs);
}
END_TEST

/* What can wait comes behind what was added later. */
START_TEST(test_can_wait)
{
	struct job_group now = { 0 }, later = { .can_wait = true };
	struct count v[4];
	struct jobs jobs;

	next = 0;
	jobs_init(&jobs, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i] = (struct count){ .job.run = run };
		jobs_add(&jobs, &v[i].job, i % 2 ? &now : &later);
	}
	jobs_wait(&jobs, &later);
	ck_assert_uint_eq(now.left, 0);
	ck_assert_uint_eq(v[1].at, 1);
	ck_assert_uint_eq(v[3].at, 2);
	ck_assert_uint_eq(v[0].at, 3);
	ck_assert_uint_eq(v[2].at, 4);
	jobs_done(&jobs);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("jobs");
	TCase *t = tcase_create("jobs");

	tcase_add_loop_test(t, test_all, 0, 4);
	tcase_add_loop_test(t, test_done, 0, 4);
	tcase_add_test(t, test_groups);
	tcase_add_test(t, test_can_wait);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
