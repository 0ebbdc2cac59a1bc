/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: one allocation with all texts behind the struct. Made by the thread of the engine,
 * given up by whichever output is the last.
 */
#include "agent/message.h"
#include "agent/clock.h"

static struct str copy(char **at, struct str s)
{
	struct str c = { *at, s.len };

	if (s.len)
		memcpy(*at, s.p, s.len);
	*at += s.len;
	return c;
}

static size_t texts_size(const struct message *t, const struct alert_field *fields,
			 uint32_t nfields)
{
	size_t n = (size_t)t->rule.len + t->source.len + t->hostname.len + t->output.len +
		   t->json.len + t->text.len;

	for (uint32_t i = 0; i < t->ntags; i++)
		n += t->tags[i].len;
	for (uint32_t i = 0; i < nfields; i++)
		n += (size_t)fields[i].key.len + fields[i].value.len;
	return n;
}

int message_new(const struct message *t, const struct alert_field *fields, uint32_t nfields,
		struct message **ret)
{
	size_t size = sizeof(*t) + t->ntags * sizeof(struct str) +
		      nfields * sizeof(struct message_field);
	size_t bytes = size + texts_size(t, fields, nfields);
	struct message *m = malloc(bytes);
	struct message_field *f;
	struct str *tags;
	char *at;

	if (!m)
		return -ENOMEM;
	*m = *t;
	f = (struct message_field *)(m + 1);
	tags = (struct str *)(f + nfields);
	at = (char *)m + size;
	for (uint32_t i = 0; i < nfields; i++)
		f[i] = (struct message_field){ copy(&at, fields[i].key),
					       copy(&at, fields[i].value) };
	for (uint32_t i = 0; i < t->ntags; i++)
		tags[i] = copy(&at, t->tags[i]);
	m->rule = copy(&at, t->rule);
	m->source = copy(&at, t->source);
	m->hostname = copy(&at, t->hostname);
	m->output = copy(&at, t->output);
	m->json = copy(&at, t->json);
	m->text = copy(&at, t->text);
	m->tags = tags;
	m->fields = f;
	m->nfields = nfields;
	m->bytes = (uint32_t)MIN(bytes, (size_t)UINT32_MAX);
	m->made_ns = clock_mono_ns();
	atomic_init(&m->refs, 1);
	*ret = m;
	return 0;
}

int message_from_alert(const struct tiercel_alert *alert, struct str hostname, struct message **ret)
{
	const struct rule *rule = alert->rule;
	const struct message t = {
		.priority = rule->priority,
		.ts = alert->ts,
		.rule = rule->name.s,
		.source = rule->source,
		.hostname = hostname,
		.output = alert->forms.output,
		.json = alert->forms.json,
		.text = alert->forms.text,
		.tags = rule->tags,
		.ntags = rule->ntags,
	};

	return message_new(&t, alert->forms.fields, alert->forms.nfields, ret);
}

void message_put(struct message *m)
{
	if (m && atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
		free(m);
}
