/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a rule set: files are collected one by one, ruleset_finish() compiles them together and
 * drops everything that only loading needed. Called by the agent, by tests and at hot swap.
 */
#include "engine/rule/bundle.h"
#include "engine/rule/loader.h"

enum { RULESET_BLOCK = 64 << 10 };

static void loader_free(struct loader *l)
{
	if (!l)
		return;
	strmap_done(&l->lists_by_name);
	strmap_done(&l->macros_by_name);
	strmap_done(&l->rules_by_name);
	strmap_done(&l->fields);
	strmap_done(&l->exceptions);
	strmap_done(&l->event_names.sets);
	buf_done(&l->text);
	buf_done(&l->full);
	arena_done(&l->arena);
	free(l);
}

int ruleset_define_static(struct ruleset *rs, struct str name, struct str value)
{
	struct str key = arena_str(&rs->arena, name);
	char *copy = arena_strdup(&rs->arena, value);

	return key.p && copy ? strmap_put(&rs->statics.values, key, copy) : -ENOMEM;
}

static int copy_statics(struct ruleset *rs, const struct static_fields *from)
{
	uint32_t pos = 0;
	struct str name;
	void *value;

	while (from && strmap_next(&from->values, &pos, &name, &value))
		if (ruleset_define_static(rs, name, str_from(value)))
			return -ENOMEM;
	rs->opts.statics = &rs->statics;
	return 0;
}

struct ruleset *ruleset_new(const struct ruleset_opts *opts, struct limits *limits,
			    struct diags *diags)
{
	struct ruleset *rs = calloc(1, sizeof(*rs));
	struct loader *l = calloc(1, sizeof(*l));

	if (!rs || !l) {
		free(rs);
		free(l);
		return NULL;
	}
	arena_init(&rs->arena, RULESET_BLOCK, 0);
	arena_init(&l->arena, RULESET_BLOCK, 0);
	rs->opts = *opts;
	if (copy_statics(rs, opts->statics)) {
		free(l);
		ruleset_free(rs);
		return NULL;
	}
	rs->required_engine_version = STR("");
	rs->ok = true;
	rs->loader = l;
	l->rs = rs;
	l->limits = limits;
	l->event_names.arena = &l->arena;
	l->diags = diags;
	return rs;
}

void ruleset_free(struct ruleset *rs)
{
	if (!rs)
		return;
	loader_free(rs->loader);
	strmap_done(&rs->by_name);
	strmap_done(&rs->statics.values);
	arena_done(&rs->arena);
	free(rs);
}

/* NULL: out of memory. */
static struct file_verdict *add_file(struct ruleset *rs, const char *name)
{
	struct file_verdict *file = arena_new(&rs->arena, struct file_verdict);

	if (file)
		file->file = arena_strdup(&rs->arena, str_from(name));
	if (!file || !file->file)
		return NULL;
	if (rs->last_file)
		rs->last_file->next = file;
	else
		rs->files = file;
	rs->last_file = file;
	return file;
}

static void report_yaml(struct loader *l, const struct place *at, const struct yaml_error *err)
{
	struct diag *g = report(l, DIAG_ERR_YAML_PARSE, at, "yaml: %s", err->message);
	const char *hint = yaml_hint(at->src->text, err);

	if (hint)
		diag_hint(l->diags, g, "%s", hint);
}

/* The record of a file that never got as far as its text. */
static void report_unread(struct loader *l, const char *file_name, const char *message)
{
	struct diag *g = diag_add(l->diags, DIAG_ERR_FILE_READ, "%s", message);

	if (g != &l->diags->scratch)
		g->file = arena_strdup(&l->diags->arena, str_from(file_name));
	l->errors++;
	l->incomplete = true;
}

int loader_parse(struct loader *l, const char *file_name, struct str text, struct source **ret_src,
		 struct yaml_node **ret_docs)
{
	struct place at = { "rules content", STR("") };
	struct yaml_error err = { 0 };
	struct yaml_node *docs = NULL;
	struct source *src;
	int r;

	text = yaml_text(text);
	if (limit_over(l->limits, LIMIT_RULE_FILE_BYTES, text.len)) {
		char message[64];

		snprintf(message, sizeof(message), "Rules file is larger than %llu bytes",
			 (unsigned long long)l->limits->max[LIMIT_RULE_FILE_BYTES]);
		report_unread(l, file_name, message);
		return -EINVAL;
	}
	src = source_new(file_name, text, &l->arena, &l->diags->arena);
	if (src)
		src->kept_name = arena_strdup(&l->rs->arena, str_from(file_name));
	r = -ENOMEM;
	if (src && src->kept_name)
		r = yaml_parse(src->text, &l->arena, &l->rs->arena, l->limits, &docs, &err);
	if (r == -ENOMEM) {
		l->oom = true;
		return r;
	}
	if (r) {
		at.src = src;
		at.offset = MIN(err.offset, src->text.len);
		l->incomplete = true;
		report_yaml(l, &at, &err);
		return -EINVAL;
	}
	*ret_src = src;
	*ret_docs = docs;
	return 0;
}

static int add_text(struct loader *l, const char *file_name, struct str text)
{
	struct file_verdict *file = add_file(l->rs, file_name);
	struct yaml_node *docs;
	struct source *src;
	int r = file ? loader_parse(l, file_name, text, &src, &docs) : -ENOMEM;

	if (r)
		return r;
	if (exception_file_name(str_from(file_name))) {
		exception_file_keep(l, src, docs);
	} else {
		if (l->rs->opts.schema)
			schema_judge(l, docs, file);
		for (const struct yaml_node *doc = docs; doc && !l->oom; doc = doc->next)
			collect_document(l, src, doc);
	}
	if (l->oom || l->diags->oom)
		return -ENOMEM;
	return src->errors ? -EINVAL : 0;
}

int ruleset_add(struct ruleset *rs, const char *file_name, struct str text)
{
	int r;

	if (!rs->loader)
		return -EINVAL;
	r = add_text(rs->loader, file_name, text);
	if (r)
		rs->ok = false;
	return r;
}

int ruleset_add_layer(struct ruleset *rs, const struct bundle_layer *layer, const char *file_name,
		      struct str text)
{
	int r;

	if (!rs->loader)
		return -EINVAL;
	rs->loader->layer = layer;
	r = ruleset_add(rs, file_name, text);
	rs->loader->layer = NULL;
	return r;
}

void ruleset_add_unreadable(struct ruleset *rs, const char *file_name, const char *reason)
{
	char message[256];

	if (!rs->loader)
		return;
	snprintf(message, sizeof(message), "Could not read rules file: %s", reason);
	report_unread(rs->loader, file_name, message);
	if (!add_file(rs, file_name))
		rs->loader->oom = true;
	rs->ok = false;
}

/* ---- finish -------------------------------------------------------------------------------- */

static void warn_unused(struct loader *l)
{
	for (uint32_t i = 0; i < l->nmacros; i++)
		if (!l->macros[i]->pub->used && l->macros[i]->cond.text.first)
			report(l, DIAG_UNUSED_MACRO, &l->macros[i]->cond.place,
			       "Macro not referred to by any other rule/macro");
	for (uint32_t i = 0; i < l->nlists; i++)
		if (!l->lists[i]->pub->used)
			report(l, DIAG_UNUSED_LIST, &l->lists[i]->place,
			       "List not referred to by any other rule/macro");
}

static struct located locate(struct loader *l, struct str s, const struct place *at)
{
	struct pos pos = source_pos(at->src, at->offset, &l->arena);

	return (struct located){ s, at->src->kept_name, pos };
}

struct str loader_text(struct loader *l, const struct text *t)
{
	struct str s;

	if (t->first && t->first == t->last)
		return t->first->s;
	buf_clear(&l->text);
	gen_text(&(struct gen){ &l->text, NULL }, t);
	s = arena_str(&l->rs->arena, buf_str(&l->text));
	if (!s.p || l->text.err)
		l->oom = true;
	return s;
}

static struct located locate_text(struct loader *l, const struct text *t)
{
	struct place at;

	if (!t->first)
		return (struct located){ STR(""), "", { 0 } };
	at = (struct place){ "", STR(""), t->first->src, t->first->node->offset, NULL };
	return locate(l, loader_text(l, t), &at);
}

/* That of a rule which was compiled has been trimmed. */
static struct located locate_output(struct loader *l, const struct load_rule *r)
{
	const struct piece *p = r->output.first;
	struct str trimmed = r->pub->output.s;

	if (!trimmed.p || !p)
		return locate_text(l, &r->output);
	return locate(l, trimmed, &(struct place){ "", STR(""), p->src, p->node->offset, NULL });
}

static bool publish_arrays(struct loader *l)
{
	struct ruleset *rs = l->rs;

	rs->rules = arena_array(&rs->arena, l->nrules, sizeof(*rs->rules));
	rs->lists = arena_array(&rs->arena, l->nlists, sizeof(*rs->lists));
	rs->macros = arena_array(&rs->arena, l->nmacros, sizeof(*rs->macros));
	return rs->rules && rs->lists && rs->macros ? true : oom(l);
}

/* All exceptions of all rules in one array: their index is that of the counters of hits. */
static void publish_exceptions(struct loader *l)
{
	struct ruleset *rs = l->rs;
	uint32_t n = 0;

	for (uint32_t i = 0; i < rs->nrules; i++)
		n += rs->rules[i]->nexceptions;
	rs->exceptions = arena_array(&rs->arena, MAX(n, 1u), sizeof(*rs->exceptions));
	if (!rs->exceptions) {
		l->oom = true;
		return;
	}
	for (uint32_t i = 0; i < rs->nrules && !l->oom; i++) {
		struct rule *r = rs->rules[i];

		for (uint32_t k = 0; k < r->nexceptions; k++) {
			struct rule_exception *e = &r->exceptions[k];

			e->index = rs->nexceptions;
			e->name = locate(l, e->name.s, &l->rules[i]->exceptions[k]->place);
			rs->exceptions[rs->nexceptions++] = e;
		}
	}
}

static void publish(struct loader *l)
{
	struct ruleset *rs = l->rs;

	if (!publish_arrays(l))
		return;
	for (uint32_t i = 0; i < l->nlists; i++) {
		struct ruleset_list *list = rs->lists[rs->nlists++] = l->lists[i]->pub;

		list->name = locate(l, list->name.s, &l->lists[i]->place);
	}
	for (uint32_t i = 0; i < l->nmacros; i++) {
		struct ruleset_macro *m = rs->macros[rs->nmacros++] = l->macros[i]->pub;

		if (!l->macros[i]->cond.text.first)
			continue;
		m->name = locate(l, m->name.s, &l->macros[i]->cond.place);
		m->condition = locate_text(l, &l->macros[i]->cond.text);
		m->order = l->macros[i]->visibility;
	}
	for (uint32_t i = 0; i < l->nrules && !l->oom; i++) {
		struct rule *r = rs->rules[rs->nrules++] = l->rules[i]->pub;
		r->name = locate(l, r->name.s, &l->rules[i]->cond.place);
		r->condition = locate_text(l, &l->rules[i]->cond.text);
		r->desc = loader_text(l, &l->rules[i]->desc);
		r->output = locate_output(l, l->rules[i]);
		if (strmap_put(&rs->by_name, r->name.s, r))
			l->oom = true;
	}
	publish_exceptions(l);
}

int ruleset_finish(struct ruleset *rs)
{
	struct loader *l = rs->loader;
	int r = 0;

	if (!l)
		return -EINVAL;
	exception_files_apply(l);
	if (!l->oom)
		list_compile_all(l);
	if (!l->oom)
		macro_compile_all(l);
	if (!l->oom)
		rule_compile_all(l);
	if (!l->oom) {
		list_settle_used(l);
		if (!l->incomplete && !l->errors)	/* what is wrong may be their user */
			warn_unused(l);
		version_check_plugins(l);
		publish(l);
	}
	if (!l->oom && rs->opts.lint)
		lint_rules(l);
	if (l->oom || l->diags->oom)
		r = -ENOMEM;
	else if (l->errors || !rs->ok)
		r = -EINVAL;
	rs->ok = !r;
	select_rules(rs);
	loader_free(l);
	rs->loader = NULL;
	return r;
}

struct rule *ruleset_find(const struct ruleset *rs, struct str name)
{
	return strmap_get(&rs->by_name, name);
}
