/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options about rules, and loading of rules as they say. The options own what they collect; it must
 * live as long as the engine runs, because fields defined with --static are looked up in it.
 */
#include "agent/rule_options.h"
#include "agent/host.h"

#include <time.h>

void rule_options_init(struct rule_options *o)
{
	*o = (struct rule_options){ .priority = PRIO_DEBUG };
	arena_init(&o->arena, 4096, 0);
}

void rule_options_done(struct rule_options *o)
{
	io_names_done(&o->files);
	bundle_options_done(&o->bundle);
	strmap_done(&o->statics.values);
	arena_done(&o->arena);
}

static int select_rules(struct rule_options *o, bool enable, struct str rule, struct str tag)
{
	struct rule_selection *s = arena_grow(&o->arena, o->selections, &o->cap_selections,
					      o->nselections + 1, sizeof(*s));

	if (!s)
		return cli_fail("out of memory");
	o->selections = s;
	s[o->nselections++] = (struct rule_selection){ .enable = enable, .rule_pattern = rule,
						       .tag = tag };
	return EXIT_OK;
}

static int append_output(struct rule_options *o, struct output_append append)
{
	struct output_append *a = arena_grow(&o->arena, o->appends, &o->cap_appends,
					     o->nappends + 1, sizeof(*a));

	if (!a)
		return cli_fail("out of memory");
	o->appends = a;
	a[o->nappends++] = append;
	return EXIT_OK;
}

static int define_static(struct rule_options *o, const struct command *cmd, const char *arg)
{
	const char *eq = strchr(arg, '=');

	if (!eq || eq == arg)
		return cli_usage(cmd, "--static takes NAME=TEXT, not '%s'", arg);
	if (strmap_put(&o->statics.values, (struct str){ arg, (uint32_t)(eq - arg) },
		       (void *)(eq + 1)) < 0)
		return cli_fail("out of memory");
	return EXIT_OK;
}

static int set_priority(struct rule_options *o, const struct command *cmd, const char *arg)
{
	if (priority_parse(str_from(arg), &o->priority) < 0)
		return cli_usage(cmd,
				 "--priority takes emergency, alert, critical, error, warning, "
				 "notice, informational or debug, not '%s'",
				 arg);
	return EXIT_OK;
}

/* What chooses the layers of a bundle. */
static int take_facts(struct rule_options *o, const struct config *c, const struct identity *id)
{
	for (unsigned k = 0; k < IDENTITY_COUNT; k++)
		if (id->value[k][0] &&
		    bundle_options_fact(&o->bundle, str_from(identity_name(k)),
					str_from(id->value[k])) < 0)
			return -ENOMEM;
	for (uint32_t i = 0; i < c->identity.labels.n; i++) {
		const char *text = c->identity.labels.v[i], *eq = strchr(text, '=');
		char *key = eq ? arena_printf(&o->arena, "label.%.*s", (int)(eq - text), text)
			       : NULL;

		if (eq && (!key || bundle_options_fact(&o->bundle, str_from(key),
						       str_from(eq + 1)) < 0))
			return -ENOMEM;
	}
	return 0;
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static void take_bundle(struct bundle_options *o, const struct config *c)
{
	o->path = or_null(c->rules_bundle);
	o->remote = (struct bundle_remote_opts){ .index = or_null(c->bundle.index),
						 .public_key = or_null(c->bundle.public_key),
						 .ca_file = or_null(c->bundle.ca_file),
						 .plain_http = c->bundle.plain_http,
						 .timeout_ms = (uint32_t)c->bundle.timeout };
}

/*
 * Who the node is, as fields static.NAME, which every alert has. A node that is called like the
 * host is in every alert already.
 */
static int take_statics(struct rule_options *o, const struct identity *id)
{
	struct output_append append = { .extra_output = STR("") };
	struct located_extra_field *fields = arena_array(&o->arena, IDENTITY_COUNT,
							 sizeof(*fields));
	struct alert_opts host;

	if (!fields)
		return -ENOMEM;
	host_alert_opts(&host);
	for (unsigned k = 0; k < IDENTITY_COUNT; k++) {
		const char *name = identity_name(k);
		char *field;

		if (!id->value[k][0] || (k == IDENTITY_NODE && str_is(host.hostname, id->value[k])))
			continue;
		field = arena_printf(&o->arena, "static.%s", name);
		if (!field || strmap_put(&o->statics.values, str_from(name), id->value[k]) < 0)
			return -ENOMEM;
		fields[append.nextra_fields++] =
			(struct located_extra_field){ .name = str_from(field), .format = STR("") };
	}
	append.extra_fields = fields;
	return append.nextra_fields && append_output(o, append) != EXIT_OK ? -ENOMEM : 0;
}

int rule_options_config(struct rule_options *o, const struct config *c, const struct identity *id)
{
	int e = take_facts(o, c, id) < 0 || take_statics(o, id) < 0 ? cli_fail("out of memory")
								      : EXIT_OK;

	take_bundle(&o->bundle, c);
	o->match_all = c->rule_matching == RULE_MATCHING_ALL;
	o->priority = (enum rule_priority)c->priority;
	o->text = !c->json_output;
	o->iso8601 = c->time_format_iso_8601;
	o->no_suggested = c->appends.given;	/* entries ask for it one by one */
	for (uint32_t i = 0; e == EXIT_OK && i < c->rules.n; i++)
		e = select_rules(o, c->rules.v[i].enable, c->rules.v[i].rule_pattern,
				 c->rules.v[i].tag);
	for (uint32_t i = 0; e == EXIT_OK && i < c->appends.n; i++)
		e = append_output(o, c->appends.v[i]);
	for (uint32_t i = 0; e == EXIT_OK && i + 1 < c->static_fields.n; i += 2)
		if (strmap_put(&o->statics.values, str_from(c->static_fields.v[i]),
			       (void *)c->static_fields.v[i + 1]) < 0)
			e = cli_fail("out of memory");
	return e;
}

int rule_options_take(struct rule_options *o, const struct command *cmd, int opt, const char *arg)
{
	struct str text = str_from(arg);

	if (opt >= RULE_OPTION_BUNDLE && opt < RULE_OPTION_MATCHING)
		return bundle_options_take(&o->bundle, cmd, opt - RULE_OPTION_BUNDLE, arg);
	switch ((enum rule_option_id)opt) {
	case RULE_OPTION_FILES:
		return rules_add_path(&o->files, arg) < 0 ? EXIT_FAILED : EXIT_OK;
	case RULE_OPTION_MATCHING:
		return cli_rule_matching(cmd, arg, &o->match_all);
	case RULE_OPTION_PRIORITY:
		return set_priority(o, cmd, arg);
	case RULE_OPTION_ENABLE:
	case RULE_OPTION_DISABLE:
		return select_rules(o, opt == RULE_OPTION_ENABLE, text, STR_NONE);
	case RULE_OPTION_ENABLE_TAG:
	case RULE_OPTION_DISABLE_TAG:
		return select_rules(o, opt == RULE_OPTION_ENABLE_TAG, STR_NONE, text);
	case RULE_OPTION_APPEND:
		return append_output(o, (struct output_append){ .extra_output = text });
	case RULE_OPTION_STATIC:
		return define_static(o, cmd, arg);
	case RULE_OPTION_NO_SUGGESTED:
		o->no_suggested = true;
		return EXIT_OK;
	case RULE_OPTION_TEXT:
		o->text = true;
		return EXIT_OK;
	case RULE_OPTION_ISO8601:
		o->iso8601 = true;
		return EXIT_OK;
	case RULE_OPTION_WARNINGS:
		o->warnings = true;
		return EXIT_OK;
	case RULE_OPTION_BUNDLE:
	case RULE_OPTION_COUNT:
		break;
	}
	return EXIT_USAGE;
}

void rule_options_alert(const struct rule_options *o, struct alert_opts *ret_opts)
{
	host_alert_opts(ret_opts);
	ret_opts->json_output = !o->text;
	ret_opts->iso8601 = o->iso8601;
}

/* The suggested fields come first, as the incumbent's default configuration has them. */
int rule_options_ruleset(const struct rule_options *o, struct arena *a,
			 struct ruleset_opts *ret_opts)
{
	struct ruleset_opts opts;
	struct output_append *all;
	uint32_t n = 0;

	tiercel_ruleset_opts(&opts);
	all = arena_array(a, (size_t)opts.nappends + o->nappends + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < opts.nappends && !o->no_suggested; i++)
		all[n++] = opts.appends[i];
	for (uint32_t i = 0; i < o->nappends; i++)
		all[n++] = o->appends[i];
	opts.appends = all;
	opts.nappends = n;
	opts.match_all = o->match_all;
	opts.min_priority = o->priority;
	opts.selections = o->selections;
	opts.nselections = o->nselections;
	opts.statics = &o->statics;
	opts.require_plugins = true;
	opts.now = time(NULL);
	*ret_opts = opts;
	return 0;
}

int rule_options_load(const struct rule_options *o, struct tiercel *engine, struct limits *limits)
{
	struct ruleset_opts opts;
	struct ruleset *rs = NULL;
	struct diags diags;
	struct arena a;
	int e = EXIT_OK;

	arena_init(&a, 1024, 0);
	diags_init(&diags);
	if (rule_options_ruleset(o, &a, &opts) < 0 ||
	    rules_load(&o->files, &o->bundle, &opts, limits, &diags, &rs) < 0)
		e = cli_fail("out of memory while loading rules");
	if (rs) {
		rules_print_diags(&diags, o->warnings);
		if (!rs->ok)
			e = cli_fail("the rules do not load (%u error%s)", diags.errors,
			     diags.errors == 1 ? "" : "s");
		else if (tiercel_set_rules(engine, rs) < 0)
			e = cli_fail("out of memory while compiling rules");
		if (e != EXIT_OK)
			ruleset_free(rs);
	}
	diags_done(&diags);
	arena_done(&a);
	return e;
}
