/* SPDX-License-Identifier: Apache-2.0 */
/* Called while a source starts; everything is under the lock but the jobs themselves. */
#include "agent/jobs.h"

/* Locked. */
static struct job *take(struct jobs *j)
{
	struct job_queue *q = j->queues[0].first ? &j->queues[0] : &j->queues[1];
	struct job *job = q->first;

	if (!job)
		return NULL;
	q->first = job->next;
	if (!q->first)
		q->last = &q->first;
	return job;
}

/* Locked before and after. */
static void run(struct jobs *j, struct job *job)
{
	struct job_group *group = job->group;

	pthread_mutex_unlock(&j->lock);
	job->run(job);
	pthread_mutex_lock(&j->lock);
	group->left--;
	pthread_cond_broadcast(&j->changed);
}

static void *work(void *arg)
{
	struct jobs *j = arg;
	struct job *job;

	pthread_mutex_lock(&j->lock);
	while ((job = take(j)) || !j->over) {
		if (job)
			run(j, job);
		else
			pthread_cond_wait(&j->changed, &j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

void jobs_init(struct jobs *j, uint32_t threads)
{
	*j = (struct jobs){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(j->queues); i++)
		j->queues[i].last = &j->queues[i].first;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->changed, NULL);
	while (j->nthreads < MIN(threads, (uint32_t)JOBS_THREADS_MAX)) {
		if (thread_start(&j->threads[j->nthreads], work, j))
			break;
		j->nthreads++;
	}
}

void jobs_add(struct jobs *j, struct job *job, struct job_group *group)
{
	struct job_queue *q = &j->queues[group->can_wait];

	job->next = NULL;
	job->group = group;
	pthread_mutex_lock(&j->lock);
	group->left++;
	*q->last = job;
	q->last = &job->next;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
}

void jobs_wait(struct jobs *j, struct job_group *group)
{
	pthread_mutex_lock(&j->lock);
	while (group->left) {
		struct job *job = take(j);

		if (job)
			run(j, job);
		else
			pthread_cond_wait(&j->changed, &j->lock);
	}
	pthread_mutex_unlock(&j->lock);
}

void jobs_done(struct jobs *j)
{
	struct job *job;

	pthread_mutex_lock(&j->lock);
	while ((job = take(j)))
		run(j, job);
	j->over = true;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
	while (j->nthreads)
		pthread_join(j->threads[--j->nthreads], NULL);
	pthread_cond_destroy(&j->changed);
	pthread_mutex_destroy(&j->lock);
}
