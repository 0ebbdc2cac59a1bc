/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper of output tests: gives N messages {"n":0} ... to the outputs that the options enable (http
 * unless another is named), waits for the end of its input, drains and prints the counters of the
 * first output as JSON. usage: output_feeder N [KEY=VALUE...]
 */
#include "agent/outputs.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

static struct config *load(int n, char **options)
{
	static const char *const fixed[] = { "stdout_output.enabled=false", "http_output.enabled=true" };
	struct config_opts opts = { 0 };
	struct config *c = NULL;
	struct diags diags;
	struct arena a;

	arena_init(&a, 256, 0);
	diags_init(&diags);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		config_texts_add(&opts.overrides, &a, fixed[i]);
	for (int i = 0; i < n; i++)
		config_texts_add(&opts.overrides, &a, options[i]);
	if (config_load(&opts, &diags, &c) < 0)
		fprintf(stderr, "the options are wrong\n");
	diags_done(&diags);
	arena_done(&a);
	return c;
}

static void feed(struct outputs *o, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct message t = { .rule = STR("r"), .priority = PRIO_WARNING }, *m;
		char json[32];

		snprintf(json, sizeof(json), "{\"n\":%u}", i);
		t.json = str_from(json);
		t.text = t.json;
		if (message_new(&t, NULL, 0, &m) < 0)
			return;
		outputs_emit(o, m);
		message_put(m);
	}
}

int main(int argc, char **argv)
{
	struct config *c = argc > 1 ? load(argc - 2, argv + 2) : NULL;
	struct outputs o;
	struct output_stats s;
	char byte;

	if (!c || outputs_open(&o, c) < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	feed(&o, (unsigned)atoi(argv[1]));
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	outputs_drain(&o, (uint32_t)c->shutdown_timeout);
	o.v[0]->ops->stats(o.v[0], &s);
	printf("{\"taken\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"discarded\":%" PRIu64
	       ",\"queued\":%" PRIu64 ",\"failures\":%" PRIu64 "}\n", s.taken, s.delivered,
	       s.discarded, s.queued, s.failures);
	outputs_close(&o);
	config_free(c);
	return 0;
}
