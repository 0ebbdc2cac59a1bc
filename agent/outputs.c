/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All outputs of a run: which kinds there are, opening, sharing of messages, the end.
 */
#include "agent/outputs.h"
#include "agent/cmd.h"

#include <pthread.h>

struct output_kind {
	const char *name;
	size_t enabled;		/* offset of the switch in struct config */
	unsigned forms;		/* besides the line that json_output chooses */
	int (*open)(const struct config *c, struct output **ret);
};

static const struct output_kind kinds[] = {
	{ "stdout", offsetof(struct config, stdout_output.enabled), 0, output_stdout_open },
	{ "file", offsetof(struct config, file_output.enabled), 0, output_file_open },
	{ "syslog", offsetof(struct config, syslog_output.enabled), 0, output_syslog_open },
	{ "program", offsetof(struct config, program_output.enabled), 0, output_program_open },
	{ "grpc", offsetof(struct config, grpc.enabled), ALERT_TEXT | ALERT_FIELDS, output_grpc_open },
	{ "http", offsetof(struct config, http_output.enabled), 0, output_http_open },
};

_Static_assert(ARRAY_SIZE(kinds) <= OUTPUTS_MAX, "room for every kind");

static bool is_enabled(const struct config *c, const struct output_kind *k)
{
	return *(const bool *)((const char *)c + k->enabled);
}

/* The forms (enum alert_form) that the enabled outputs need. */
static unsigned outputs_forms(const struct config *c)
{
	unsigned forms = ALERT_JSON | (c->json_output ? 0 : ALERT_TEXT);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (is_enabled(c, &kinds[i]))
			forms |= kinds[i].forms;
	return forms;
}

int outputs_open(struct outputs *o, const struct config *c)
{
	if (c->grpc_output.enabled && !c->grpc.enabled)
		cli_warn(
			"grpc_output.enabled has no effect without grpc.enabled: there is no server");
	*o = (struct outputs){ .forms = outputs_forms(c) };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int r;

		if (!is_enabled(c, &kinds[i]))
			continue;
		r = kinds[i].open(c, &o->v[o->n]);
		if (r < 0) {
			cli_fail("cannot start the output %s: %s", kinds[i].name, strerror(-r));
			return r;
		}
		o->n++;
	}
	return 0;
}

void outputs_emit_many(struct outputs *o, struct message *const *v, uint32_t n)
{
	for (uint32_t i = 0; i < o->n; i++) {
		struct output *output = o->v[i];

		if (output->ops->emit_many)
			output->ops->emit_many(output, v, n);
		else
			for (uint32_t k = 0; k < n; k++)
				output->ops->emit(output, v[k]);
	}
	for (uint32_t k = 0; o->tap && k < n; k++)
		tap_emit(o->tap, v[k]);
}

void outputs_emit(struct outputs *o, struct message *m)
{
	outputs_emit_many(o, &m, 1);
}

void outputs_reopen(struct outputs *o)
{
	for (uint32_t i = 0; i < o->n; i++)
		if (o->v[i]->ops->reopen)
			o->v[i]->ops->reopen(o->v[i]);
}

/* One output and how long it may take. */
struct drain {
	struct output *output;
	uint32_t timeout_ms;
	pthread_t thread;
	bool started;
};

static void *drain_one(void *arg)
{
	const struct drain *d = arg;

	d->output->ops->drain(d->output, d->timeout_ms);
	return NULL;
}

/* Side by side: one that hangs takes no time from the others. */
void outputs_drain(struct outputs *o, uint32_t timeout_ms)
{
	struct drain drains[OUTPUTS_MAX];

	for (uint32_t i = 0; i < o->n; i++) {
		struct drain *d = &drains[i];

		*d = (struct drain){ .output = o->v[i], .timeout_ms = timeout_ms };
		if (o->v[i]->ops->drain)
			d->started = pthread_create(&d->thread, NULL, drain_one, d) == 0;
	}
	for (uint32_t i = 0; i < o->n; i++) {
		if (drains[i].started)
			pthread_join(drains[i].thread, NULL);
		else if (o->v[i]->ops->drain)
			drain_one(&drains[i]);
	}
}

void outputs_close(struct outputs *o)
{
	while (o->n) {
		o->n--;
		o->v[o->n]->ops->close(o->v[o->n], 0);
	}
}

bool outputs_all_closed(const struct outputs *o)
{
	for (uint32_t i = 0; i < o->n; i++) {
		struct output_stats s = { 0 };

		o->v[i]->ops->stats(o->v[i], &s);
		if (!s.closed)
			return false;
	}
	return o->n > 0;
}
