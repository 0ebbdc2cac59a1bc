/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files judged one after the other: the incumbent compiles what it has after each file and stops at
 * the first one that does not load. Called by `tiercel check`, beside the load of all files
 * together. The sets of the stages are thrown away; what they find is copied into the caller's
 * diagnostics.
 */
#include "engine/base/map.h"
#include "engine/rule/loader.h"

static const char stage_hint[] = "later files make up for it, but each file must load with those "
				 "before it: change their order";

struct stages {
	struct diags *diags;
	struct strmap known;	/* what they have, by place and text */
	struct arena arena;	/* of the keys */
	bool warnings;
	int errors;
};

static struct str diag_key(struct arena *a, const struct diag *g)
{
	char *p = arena_printf(a, "%d:%u:%s:%s", (int)g->code, g->pos.offset,
			       g->file ? g->file : "", g->message);

	return p ? str_from(p) : STR_NONE;
}

/* Not known until now? Negative: -ENOMEM. */
static int note(struct stages *s, const struct diag *g)
{
	struct str key = diag_key(&s->arena, g);

	if (!key.p)
		return -ENOMEM;
	if (strmap_get(&s->known, key))
		return 0;
	return strmap_put(&s->known, key, s) ? -ENOMEM : 1;
}

static int take_over(struct stages *s, const struct diags *found)
{
	for (uint32_t i = 0; i < found->count; i++) {
		const struct diag *g = &found->items[i];
		bool error = diag_infos[g->code].severity == DIAG_ERROR;
		struct diag *copy;
		int is_new;

		if (!error && (!s->warnings || diag_is_lint(g->code)))
			continue;
		is_new = note(s, g);
		if (is_new < 0)
			return is_new;
		if (!is_new)
			continue;
		copy = diag_copy(s->diags, g);
		if (error)
			copy->hint = stage_hint;
		s->errors += error;
	}
	return found->oom || s->diags->oom ? -ENOMEM : 0;
}

static int judge_stage(struct stages *s, const struct ruleset_opts *opts,
		       const struct ruleset_text *files, uint32_t n, const struct limits *limits)
{
	struct ruleset_opts o = *opts;
	struct limits own = *limits;	/* their counters count the load of all files */
	struct diags found;
	struct ruleset *rs;
	int r = -ENOMEM;

	o.lint = o.schema = false;
	diags_init(&found);
	rs = ruleset_new(&o, &own, &found);
	for (uint32_t i = 0; rs && i < n; i++)
		if (!exception_file_name(str_from(files[i].name)))
			ruleset_add(rs, files[i].name, files[i].text);
	if (rs && ruleset_finish(rs) != -ENOMEM)
		r = take_over(s, &found);
	ruleset_free(rs);
	diags_done(&found);
	return r;
}

int ruleset_judge_stages(const struct ruleset_opts *opts, const struct ruleset_text *files,
			 uint32_t n, bool warnings, struct limits *limits, struct diags *diags)
{
	struct stages s = { .diags = diags, .warnings = warnings };
	int r = 0;

	arena_init(&s.arena, 16 << 10, 0);
	for (uint32_t i = 0; i < diags->count && r >= 0; i++)
		r = note(&s, &diags->items[i]);
	if (limit_over(limits, LIMIT_RULE_STAGES, n))
		n = (uint32_t)limits->max[LIMIT_RULE_STAGES];
	for (uint32_t i = 1; i <= n && r >= 0; i++)
		r = judge_stage(&s, opts, files, i, limits);
	strmap_done(&s.known);
	arena_done(&s.arena);
	return r < 0 ? r : s.errors;
}
