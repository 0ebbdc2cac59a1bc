/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts by HTTP POST. Without a spool, what is not delivered waits in the queue in memory; with
 * one, output_spool.c puts it on disk first.
 */
#include "agent/http_post.h"
#include "agent/output_spool.h"

struct http_sink {
	bool json;
	struct http_post *post;
	struct output_queue *queue;	/* whose thread is in write() */
	struct str lines[OUTPUT_BATCH_MAX];
};

static bool cancelled(void *ctx)
{
	struct http_sink *s = ctx;

	return output_queue_aborted(s->queue);
}

static int write_batch(struct output_queue *q, void *ctx, struct message *const *batch, uint32_t n,
		       uint32_t *ret_done)
{
	struct http_sink *s = ctx;

	s->queue = q;
	for (uint32_t i = 0; i < n; i++)
		s->lines[i] = s->json ? batch[i]->json : batch[i]->text;
	return http_post_lines(s->post, s->lines, n, ret_done);
}

static const char *why(void *ctx, int r)
{
	struct http_sink *s = ctx;

	return http_post_error(s->post);
}

static uint32_t wait_ms(void *ctx)
{
	struct http_sink *s = ctx;

	return http_post_wait_ms(s->post);
}

static void free_sink(void *ctx)
{
	struct http_sink *s = ctx;

	http_post_free(s->post);
	free(s);
}

static const struct output_sink sink = {
	.name = "http", .write = write_batch, .why = why, .wait_ms = wait_ms, .free = free_sink,
};

int output_http_open(const struct config *c, struct output **ret)
{
	struct http_post_opts opts = { .config = c, .cancelled = cancelled };
	struct http_sink *s;
	int r;

	if (c->spool.enabled)
		return output_spool_open(c, ret);
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->json = c->json_output;
	opts.ctx = s;
	r = http_post_new(&opts, &s->post);
	if (r < 0) {
		free(s);
		return r;
	}
	return output_queue_new(c, &sink, s, ret);
}
