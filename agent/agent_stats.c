/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published snapshot: one copy behind a mutex, which is held for the copying only.
 */
#include "agent/agent_stats.h"
#include "agent/summary.h"

#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct agent_stats published;	/* rules counted, hits owned */
static bool is_published;

static void agent_rules_put(struct agent_rules *r)
{
	if (r && atomic_fetch_sub(&r->refs, 1) == 1) {
		arena_done(&r->arena);
		free(r);
	}
}

static bool copy_rule(struct arena *a, const struct rule *from, struct agent_rule *to)
{
	struct str *tags = arena_array(a, MAX(from->ntags, 1U), sizeof(*tags));

	if (!tags)
		return false;
	for (uint32_t i = 0; i < from->ntags; i++)
		tags[i] = arena_str(a, from->tags[i]);
	*to = (struct agent_rule){ .name = arena_str(a, from->name.s),
				   .source = arena_str(a, from->source),
				   .priority = from->priority, .active = from->active,
				   .tags = tags, .ntags = from->ntags };
	return to->name.p && to->source.p;
}

/* Those of exception files: somebody owns them and wants to know whether they are still needed. */
static bool copy_exceptions(struct agent_rules *r, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->nexceptions; i++) {
		const struct rule_exception *e = &rule->exceptions[i];
		struct agent_exception *to = &r->exceptions[r->nexceptions];

		if (!e->owner.p || !e->ast)
			continue;
		*to = (struct agent_exception){ .rule = arena_str(&r->arena, rule->name.s),
						.name = arena_str(&r->arena, e->name.s),
						.owner = arena_str(&r->arena, e->owner),
						.index = e->index };
		if (!to->rule.p || !to->name.p || !to->owner.p)
			return false;
		r->nexceptions++;
	}
	return true;
}

struct agent_rules *agent_rules_new(const struct ruleset *rs, const struct digest_files *files,
				    const struct digest_files *config_files)
{
	struct agent_rules *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	atomic_init(&r->refs, 1);
	arena_init(&r->arena, 16384, 0);
	r->v = arena_array(&r->arena, MAX(rs->nrules, 1U), sizeof(*r->v));
	r->exceptions = arena_array(&r->arena, MAX(rs->nexceptions, 1U), sizeof(*r->exceptions));
	for (uint32_t i = 0; r->v && r->exceptions && i < rs->nrules; i++)
		if (copy_rule(&r->arena, rs->rules[i], &r->v[i]) &&
		    copy_exceptions(r, rs->rules[i]))
			r->n++;
		else
			break;
	if (!r->v || r->n != rs->nrules || digest_files_copy(&r->files, &r->arena, files) < 0 ||
	    digest_files_copy(&r->config_files, &r->arena, config_files) < 0) {
		agent_rules_put(r);
		return NULL;
	}
	return r;
}

void agent_stats_done(struct agent_stats *s)
{
	agent_rules_put(s->rules);
	free(s->hits);
	s->rules = NULL;
	s->hits = NULL;
	s->nhits = 0;
}

/* `room` hits are at `hits`; both texts and rules of `from` are counted, not copied. */
static void copy_stats(struct agent_stats *to, const struct agent_stats *from, uint64_t *hits)
{
	*to = *from;
	to->hits = hits;
	if (from->nhits)
		memcpy(hits, from->hits, from->nhits * sizeof(*hits));
	if (to->rules)
		atomic_fetch_add(&to->rules->refs, 1);
}

int agent_stats_read(struct agent_stats *ret)
{
	uint64_t *hits = NULL;
	uint32_t room = 0;

	pthread_mutex_lock(&lock);
	while (is_published && room < published.nhits) {	/* rare: grew meanwhile */
		uint64_t *more;

		room = published.nhits;
		pthread_mutex_unlock(&lock);
		more = realloc(hits, room * sizeof(*hits));
		if (!more) {
			free(hits);
			return -ENOMEM;
		}
		hits = more;
		pthread_mutex_lock(&lock);
	}
	if (is_published)
		copy_stats(ret, &published, hits);
	pthread_mutex_unlock(&lock);
	if (!is_published) {
		free(hits);
		return -EAGAIN;
	}
	return 0;
}

void agent_stats_publish(const struct agent_stats *s)
{
	struct agent_stats old;
	uint64_t *hits;

	hits = s->nhits ? malloc(s->nhits * sizeof(*hits)) : NULL;
	if (s->nhits && !hits)
		return;		/* the old one gets older, which is what health looks at */
	pthread_mutex_lock(&lock);
	old = published;
	copy_stats(&published, s, hits);
	is_published = true;
	pthread_mutex_unlock(&lock);
	agent_stats_done(&old);
}

void agent_usage_get(struct agent_usage *ret)
{
	unsigned long vsz = 0, rss = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (f && fscanf(f, "%lu %lu", &vsz, &rss) != 2)
		vsz = rss = 0;
	if (f)
		fclose(f);
	*ret = (struct agent_usage){ .cpu_seconds = summary_cpu_seconds(), .rss_bytes = rss * page,
				     .vsz_bytes = vsz * page };
}
