/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper of output tests and of bench/outputs.py: gives N messages {"n":0} ... to the outputs that
 * the options enable (http unless another is named), waits for the end of its input, drains and
 * prints the counters of the first output as JSON, with the seconds for giving and for all of it.
 * RATE: so many per
 * second, 0: at once; BYTES: messages are padded to that size.
 * usage: output_feeder N[,RATE[,BYTES]] [KEY=VALUE...]
 */
#include "agent/clock.h"
#include "agent/outputs.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#define BYTES_MAX 65536U
#define PACE_US 200

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

struct work {
	unsigned n, rate, bytes;
};

static struct work parse_work(const char *text)
{
	struct work w = { 0 };

	sscanf(text, "%u,%u,%u", &w.n, &w.rate, &w.bytes);
	w.bytes = MIN(w.bytes, BYTES_MAX);
	return w;
}

static double seconds(void)
{
	return clock_mono_ns() / (double)NS_PER_S;
}

/* What stands in front of the number: {"n": or, padded, {"pad":"xxx","n": ; its length. */
static size_t write_front(char *out, size_t size, unsigned bytes)
{
	int pad = (int)bytes - (int)strlen("{\"pad\":\"\",\"n\":1234567}");

	return pad > 0 ? (size_t)snprintf(out, size, "{\"pad\":\"%0*d\",\"n\":", pad, 0)
		       : (size_t)snprintf(out, size, "{\"n\":");
}

static void feed(struct outputs *o, const struct work *w)
{
	static char json[BYTES_MAX + 64];
	size_t front = write_front(json, sizeof(json), w->bytes);
	double start = seconds();

	for (unsigned i = 0; i < w->n; i++) {
		struct message t = { .rule = STR("r"), .priority = PRIO_WARNING }, *m;

		while (w->rate && (seconds() - start) * w->rate < i)
			usleep(PACE_US);
		t.json = (struct str){ json, front };
		t.json.len += snprintf(json + front, sizeof(json) - front, "%u}", i);
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
	struct output_stats s;
	struct outputs o;
	struct work w;
	double start, fed;
	char byte;

	if (!c || outputs_open(&o, c) < 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	w = parse_work(argv[1]);
	start = seconds();
	feed(&o, &w);
	fed = seconds() - start;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	outputs_drain(&o, (uint32_t)c->shutdown_timeout);
	o.v[0]->ops->stats(o.v[0], &s);
	printf("{\"taken\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"discarded\":%" PRIu64
	       ",\"queued\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"fed\":%.3f,\"seconds\":%.3f}\n",
	       s.taken, s.delivered, s.discarded, s.queued, s.failures, fed, seconds() - start);
	outputs_close(&o);
	config_free(c);
	return 0;
}
