/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the rules of a live run, see live_rules.h.
 */
#include "agent/live_rules.h"
#include "agent/bundle_store.h"
#include "agent/clock.h"

enum { RULES_ARENA = 4096 };

struct load {
	const struct live_rules_spec *spec;
	const struct config *config;
	const struct engines *engines;
	bool start;
	struct limits limits;		/* of the loader: the engine's belong to another thread */
	struct diags diags;
	struct live_rules *rules;
};

void live_rules_free(struct live_rules *r)
{
	if (!r)
		return;
	engines_plan_free(r->plan);
	rules_bundle_done(&r->bundle);
	io_names_done(&r->paths);
	rule_options_done(&r->options);
	config_free(r->config);
	free(r->waiting);
	free(r->unasked);
	arena_done(&r->arena);
	free(r);
}

static int read_config(struct load *l)
{
	int r = 0;

	if (!l->config)
		r = config_load(&l->spec->config, &l->diags, &l->rules->config);
	if (r == 0 && !l->config)
		l->config = l->rules->config;
	return r;
}

/* Of the options in force: the command line wins here, too. */
static int digest_config(struct load *l)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (l->rules->config)
		l->rules->config->json_output = !l->rules->options.text;
	config_effective(l->config, &text);
	return text.err ? text.err : digest_of(text.p, text.len, l->rules->config_digest);
}

/* Rules named on the command line stand in place of all that the configuration names. */
static bool rules_given(const struct load *l)
{
	for (uint32_t i = 0; i < l->spec->nchoices; i++)
		if (l->spec->choices[i].opt == RULE_OPTION_FILES ||
		    l->spec->choices[i].opt == RULE_OPTION_BUNDLE)
			return true;
	return false;
}

static int take_choices(struct load *l)
{
	struct rule_options *o = &l->rules->options;

	rule_options_init(o);
	if (rule_options_config(o, l->config, l->spec->identity) != EXIT_OK)
		return -ENOMEM;
	if (rules_given(l))
		o->bundle.path = NULL;
	o->bundle.store = l->config->state_directory[0] ? l->config->state_directory : NULL;
	o->bundle.stored_first = !l->start && l->config->bundle.follow;
	for (uint32_t i = 0; i < l->spec->nchoices; i++) {
		const struct rule_choice *c = &l->spec->choices[i];
		int r = 0;

		if (c->opt == RULE_OPTION_FILES)
			r = io_names_add(&l->rules->paths, c->arg);
		else if (rule_options_take(o, l->spec->cmd, c->opt, c->arg) != EXIT_OK)
			r = -EINVAL;
		if (r < 0)
			return r;
	}
	return 0;
}

static void report_path(struct load *l, enum diag_code code, const char *path, const char *why)
{
	struct diag *g = diag_add(&l->diags, code, "cannot read rules: %s", why);

	g->file = arena_strdup(&l->diags.arena, str_from(path));
}

static int list_path(struct load *l, const char *path)
{
	_cleanup_(io_names_done) struct io_names dangling = { 0 };
	int r = io_rule_files(path, &l->rules->options.files, &dangling);

	for (uint32_t i = 0; i < dangling.n; i++)
		report_path(l, DIAG_CONFIG_FILE, dangling.names[i], "a link to nothing");
	return r;
}

/* Files named on the command line must exist, those of the configuration may be missing. */
static int list_files(struct load *l)
{
	struct io_names *paths = &l->rules->paths, *files = &l->rules->options.files;
	bool given = rules_given(l);
	int result = 0;

	for (uint32_t i = 0; !given && i < l->config->rules_files.n; i++)
		if (io_names_add(paths, l->config->rules_files.v[i]) < 0)
			return -ENOMEM;
	for (uint32_t i = 0; i < paths->n; i++) {
		int r = list_path(l, paths->names[i]);

		if (r == 0)
			continue;
		if (r == -ENOMEM)
			return r;
		report_path(l, given ? DIAG_ERR_FILE_READ : DIAG_CONFIG_FILE, paths->names[i],
			    strerror(-r));
		result = given ? -EINVAL : result;
	}
	if (result == 0 && files->n == 0 && !l->rules->options.bundle.path) {
		diag_add(&l->diags, DIAG_ERR_FILE_READ,
			 "no rules file is left of those that were named");
		result = -EINVAL;
	}
	return result;
}

static int compile_bundle(struct load *l)
{
	struct live_rules *rules = l->rules;
	struct ruleset *rs = NULL;
	struct ruleset_opts opts;
	struct arena a;
	int r;

	arena_init(&a, 1024, 0);
	rules->files = (struct digest_files){ 0 };
	r = rules_bundle_digest(&rules->bundle, rules->digest);
	if (r == 0)
		r = rules_bundle_digests(&rules->bundle, &rules->arena, &rules->files);
	if (r == 0)
		r = rule_options_ruleset(&rules->options, &a, &opts);
	if (r == 0)
		r = rules_load_bundle(&rules->bundle, &opts, &l->limits, &l->diags, &rs);
	if (r == 0 && rs->ok) {
		rules->nrules = rs->nrules;
		rules->nactive = rs->nactive;
		r = engines_compile(l->engines, rs, &rules->plan);
	} else if (r == 0) {
		r = -EINVAL;
	}
	if (r < 0)
		ruleset_free(rs);
	arena_done(&a);
	return r;
}

/* The digest in the registry, and why it could not be asked. */
static int take_origin(struct live_rules *rules)
{
	const struct bundle_content *layers = &rules->bundle.layers;

	memcpy(rules->artifact, layers->artifact, sizeof(rules->artifact));
	free(rules->unasked);
	rules->unasked = layers->stored ? strdup(layers->error.p) : NULL;
	return layers->stored && !rules->unasked ? -ENOMEM : 0;
}

static int compile_files(struct load *l, const struct io_names *files,
			 const struct bundle_options *bundle)
{
	int r;

	rules_bundle_done(&l->rules->bundle);
	r = rules_bundle_read(files, bundle, &l->limits, &l->rules->bundle);
	if (r == 0)
		r = take_origin(l->rules);
	if (r == 0)
		r = bundle_content_folders(&l->rules->bundle.layers, &l->rules->paths);
	return r == 0 ? compile_bundle(l) : r;
}

/* The start with rules that do not load: those that did the last time. */
static int fall_back(struct load *l)
{
	struct bundle_options bundle = l->rules->options.bundle;
	_cleanup_buf_ struct buf archive = BUF_INIT;
	struct io_names files = { 0 };
	int r = rules_bundle_saved(l->config->state_directory, &files, &archive);

	bundle.path = archive.len ? archive.p : NULL;
	if (r == 0)
		r = compile_files(l, &files, &bundle);
	if (r == 0)
		l->rules->last_good = true;
	rules_bundle_done(&l->rules->bundle);	/* it borrows what ends here */
	io_names_done(&files);
	return r;
}

int live_rules_load(const struct live_rules_spec *spec, const struct config *config,
		    const struct engines *engines, struct buf *ret_problems,
		    struct live_rules **ret)
{
	struct load l = { .spec = spec,
			  .config = config,
			  .engines = engines,
			  .start = config != NULL,
			  .rules = calloc(1, sizeof(struct live_rules)) };
	int r;

	if (!l.rules)
		return -ENOMEM;
	arena_init(&l.rules->arena, RULES_ARENA, 0);
	l.rules->read_ns = clock_wall_ns();
	limits_init(&l.limits);
	diags_init(&l.diags);
	r = read_config(&l);
	if (r == 0)
		r = take_choices(&l);
	if (r == 0)
		r = digest_config(&l);
	if (r == 0)
		r = list_files(&l);
	if (r == 0)
		r = compile_files(&l, &l.rules->options.files, &l.rules->options.bundle);
	rules_render_diags(&l.diags, l.rules->options.warnings || r < 0, ret_problems);
	if (r == -EINVAL && config && spec->keep_last_good && config->state_directory[0] &&
	    fall_back(&l) == 0)
		r = 0;
	diags_done(&l.diags);
	if (r < 0)
		live_rules_free(l.rules);
	else
		*ret = l.rules;
	return r;
}

static void save_files(const struct live_rules *r, const char *state_dir)
{
	int err = rules_bundle_save(&r->bundle, state_dir);

	if (err < 0)
		cli_warn("cannot remember the rules in '%s': %s", state_dir, strerror(-err));
}

void live_rules_save(struct live_rules *r, const struct live_rules_spec *spec,
		     const char *state_dir)
{
	int err;

	if (state_dir[0] && !r->last_good && spec->keep_last_good)
		save_files(r, state_dir);
	if (state_dir[0] && r->artifact[0] && !r->unasked) {
		err = bundle_store_activate(state_dir, r->artifact);
		if (err < 0)
			cli_warn("cannot make the bundle the current one in '%s': %s", state_dir,
				 strerror(-err));
	}
	rules_bundle_done(&r->bundle);
}
