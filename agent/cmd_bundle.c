/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel bundle: looks into a rule bundle, packs one, moves one to and from a registry.
 */
#include "agent/bundle_transfer.h"
#include "agent/rules_load.h"

#include <time.h>

/* The common options but the bundle itself, which is an operand. */
#define COMMON(option) ((option) - BUNDLE_OPTION_NODE)

enum { OPT_OUTPUT = COMMON(BUNDLE_OPTION_COUNT), OPT_JSON, OPT_FLOATING, OPT_DIGEST };
enum { ARCHIVE_MODE = 0644, OPERANDS_MAX = 3 };

static const struct cli_option options[] = {
	[COMMON(BUNDLE_OPTION_NODE)] = BUNDLE_NODE_OPTION,
	[COMMON(BUNDLE_OPTION_INDEX)] = { 0, "index", "FILE|URL", BUNDLE_INDEX_HELP },
	[COMMON(BUNDLE_OPTION_KEY)] = { 0, "key", "FILE", BUNDLE_KEY_HELP },
	[COMMON(BUNDLE_OPTION_CA_FILE)] = { 0, "ca-file", "FILE", BUNDLE_CA_HELP },
	[COMMON(BUNDLE_OPTION_PLAIN_HTTP)] = { 0, "plain-http", NULL, BUNDLE_PLAIN_HELP },
	[OPT_OUTPUT] = { 'o', "output", "FILE|DIR",
			 "build: archive to write; pull: archive (.tar.gz) or new folder" },
	[OPT_JSON] = { 0, "json", NULL, "inspect: JSON on stdout" },
	[OPT_FLOATING] = { 0, "floating-tags", NULL,
			   "push: of version X.Y.Z also under the tags X and X.Y" },
	[OPT_DIGEST] = { 0, "digest-only", NULL,
			 "pull: only print the digest that the name stands for" },
	{ 0 },
};

static int bundle_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_bundle = {
	.name = "bundle",
	.operands = "ACTION BUNDLE [TARGET]",
	.summary = "Look into a rule bundle, pack one, push it to a registry or pull one.",
	.description =
		"inspect BUNDLE        layers, which of them the node selects, what they define,\n"
		"                      conflicts, digest\n"
		"build BUNDLE -o FILE  a .tar.gz; the same rules give the same bytes\n"
		"push BUNDLE TARGET    to a registry: oci://HOST/REPOSITORY:TAG\n"
		"pull BUNDLE -o PATH   from a registry, also rules files pushed by falcoctl\n\n"
		"A bundle is a folder with bundle.yaml, a .tar.gz of one, or in a registry\n"
		"oci://HOST/REPOSITORY:TAG, ...@sha256:DIGEST, with --index oci://NAME:TAG.\n"
		"Credentials: those of docker login ($DOCKER_CONFIG or ~/.docker, config.json).\n\n"
		"Exit status: 0 if the rules of the selected layers load, 1 if not, 2 usage.",
	.options = options,
	.run = bundle_run,
};

struct bundle_command {
	struct bundle_options bundle;
	const char *output, *target;
	bool json, floating, digest_only;
	struct limits limits;
	struct diags diags;
	struct ruleset *rs;
	struct bundle_content content;
	struct bundle_view view;
};

/* What each layer has, in the order of the layers. */
struct layer_sum {
	uint32_t files;
	struct bundle_counts counts;
};

static int load(struct bundle_command *c)
{
	struct ruleset_opts opts;
	int r;

	tiercel_ruleset_opts(&opts);
	opts.nappends = 0;
	opts.now = time(NULL);
	c->rs = ruleset_new(&opts, &c->limits, &c->diags);
	if (!c->rs)
		return -ENOMEM;
	r = bundle_content_read(&c->bundle, &c->limits, &c->content);
	if (r == 0)
		r = bundle_open(&c->content, c->rs, &c->view);
	if (r == 0)
		r = bundle_add(&c->content, &c->view, c->rs);
	if (r == -ENOMEM || ruleset_finish(c->rs) == 0)
		return r;
	return -EINVAL;
}

static struct layer_sum *sum_layers(struct bundle_command *c)
{
	const struct bundle *b = c->view.bundle;
	struct layer_sum *sums = calloc(MAX(b->nlayers, 1u), sizeof(*sums));

	for (uint32_t i = 0; sums && i < c->view.nsteps; i++) {
		const struct bundle_step *step = &c->view.steps[i];
		uint32_t at = 0;

		while (b->layers[at] != step->layer)
			at++;
		sums[at].files++;
		bundle_count(str_from(c->content.files.paths[step->file]),
			     buf_str(&c->content.files.texts[step->file]), &c->limits,
			     &sums[at].counts);
	}
	return sums;
}

static void print_text(const struct bundle_command *c, const struct layer_sum *sums, bool ok)
{
	const struct bundle *b = c->view.bundle;

	printf("bundle %.*s %.*s\ndigest %s\nfiles  %u, %llu bytes\n", STR_ARG(b->name),
	       STR_ARG(b->version), c->content.digest, c->content.files.n,
	       (unsigned long long)c->content.files.bytes);
	printf("\n%-12s %-20s %-9s %5s %6s %6s %6s %9s %10s\n", "level", "layer", "selected",
	       "files", "rules", "macros", "lists", "overrides", "exceptions");
	for (uint32_t i = 0; i < b->nlayers; i++) {
		const struct bundle_layer *layer = b->layers[i];
		const struct bundle_counts *n = &sums[i].counts;

		printf("%-12s %-20.*s %-9s %5u %6u %6u %6u %9u %10u\n",
		       bundle_level_names[layer->level], STR_ARG(layer->name.s),
		       layer->selected ? "yes" : "no", sums[i].files, n->rules, n->macros, n->lists,
		       n->overrides, n->exceptions);
	}
	printf("\nthis node: %s, %u rules (%u active), %u errors, %u warnings\n",
	       ok ? "ok" : "does not load", c->rs->nrules, c->rs->nactive, c->diags.errors,
	       c->diags.warnings);
}

static void json_count(struct json *j, const char *key, uint64_t n)
{
	json_key(j, key);
	json_u64(j, n);
}

static void json_layer(struct json *j, const struct bundle_layer *layer,
		       const struct layer_sum *sum)
{
	json_obj(j);
	json_key(j, "name");
	json_str(j, layer->name.s);
	json_key(j, "level");
	json_cstr(j, bundle_level_names[layer->level]);
	json_key(j, "selected");
	json_bool(j, layer->selected);
	json_count(j, "files", sum->files);
	json_count(j, "rules", sum->counts.rules);
	json_count(j, "macros", sum->counts.macros);
	json_count(j, "lists", sum->counts.lists);
	json_count(j, "overrides", sum->counts.overrides);
	json_count(j, "exceptions", sum->counts.exceptions);
	json_obj_end(j);
}

static void print_json(const struct bundle_command *c, const struct layer_sum *sums, bool ok)
{
	const struct bundle *b = c->view.bundle;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json j = json_start(&out);

	json_obj(&j);
	json_key(&j, "name");
	json_str(&j, b->name);
	json_key(&j, "version");
	json_str(&j, b->version);
	json_key(&j, "digest");
	json_cstr(&j, c->content.digest);
	json_count(&j, "files", c->content.files.n);
	json_count(&j, "bytes", c->content.files.bytes);
	json_key(&j, "layers");
	json_arr(&j);
	for (uint32_t i = 0; i < b->nlayers; i++)
		json_layer(&j, b->layers[i], &sums[i]);
	json_arr_end(&j);
	json_key(&j, "successful");
	json_bool(&j, ok);
	json_count(&j, "rules", c->rs->nrules);
	json_count(&j, "active", c->rs->nactive);
	json_count(&j, "errors", c->diags.errors);
	json_count(&j, "warnings", c->diags.warnings);
	json_obj_end(&j);
	buf_add_char(&out, '\n');
	io_print(&out, stdout);
}

static int inspect(struct bundle_command *c)
{
	int r = load(c);
	struct layer_sum *sums;

	rules_print_diags(&c->diags, true);
	if (r == -ENOMEM)
		return cli_fail("out of memory");
	if (!c->view.bundle)
		return cli_fail("the bundle cannot be read");
	sums = sum_layers(c);
	if (!sums)
		return cli_fail("out of memory");
	(c->json ? print_json : print_text)(c, sums, r == 0);
	free(sums);
	return r == 0 ? EXIT_OK : EXIT_FAILED;
}

/* Only what loads on this node is given away. EXIT_OK or an exit code. */
static int load_to_give(struct bundle_command *c, const char *nothing)
{
	int r = load(c);

	rules_print_diags(&c->diags, false);
	if (r == -ENOMEM)
		return cli_fail("out of memory");
	return r < 0 ? cli_fail("the bundle does not load: nothing is %s", nothing) : EXIT_OK;
}

static int build(struct bundle_command *c)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	int e = load_to_give(c, "written"), r;

	if (e != EXIT_OK)
		return e;
	if (bundle_tar_write(&c->content.files, &out) < 0)
		return cli_fail("out of memory");
	r = io_write_file(c->output, buf_str(&out), ARCHIVE_MODE);
	if (r < 0)
		return cli_fail("cannot write '%s': %s", c->output, strerror(-r));
	printf("%s: %.*s %.*s, %u files, %zu bytes, %s\n", c->output,
	       STR_ARG(c->view.bundle->name), STR_ARG(c->view.bundle->version),
	       c->content.files.n, out.len, c->content.digest);
	return EXIT_OK;
}

static int push(struct bundle_command *c)
{
	int e = load_to_give(c, "pushed");
	struct bundle_push p = { .remote = &c->bundle.remote, .target = c->target,
				 .files = &c->content.files, .floating_tags = c->floating };

	if (e != EXIT_OK)
		return e;
	p.name = c->view.bundle->name;
	p.version = c->view.bundle->version;
	p.required_engine = c->rs->required_engine_version;
	return bundle_transfer_push(&p);
}

static int pull(struct bundle_command *c)
{
	const struct bundle_pull p = { .remote = &c->bundle.remote, .source = c->bundle.path,
				       .output = c->output, .digest_only = c->digest_only };

	return bundle_transfer_pull(&p, &c->limits);
}

static const struct action {
	const char *name;
	int operands;			/* with the action's own name */
	const char *output;		/* what -o is for; NULL: nothing */
	int (*run)(struct bundle_command *c);
} actions[] = {
	{ "inspect", 2, NULL, inspect },
	{ "build", 2, "no archive to write (-o FILE.tar.gz)", build },
	{ "push", OPERANDS_MAX, NULL, push },
	{ "pull", 2, "no folder or archive to write (-o DIR or FILE.tar.gz)", pull },
};

static int parse_options(struct bundle_command *c, struct cli *cli)
{
	const char *arg;
	int opt;

	while ((opt = cli_next(cli, &arg)) >= 0) {
		if (opt == OPT_OUTPUT)
			c->output = arg;
		else if (opt == OPT_JSON)
			c->json = true;
		else if (opt == OPT_FLOATING)
			c->floating = true;
		else if (opt == OPT_DIGEST)
			c->digest_only = true;
		else if (bundle_options_take(&c->bundle, cli->cmd, opt + BUNDLE_OPTION_NODE, arg) !=
			 EXIT_OK)
			return EXIT_USAGE;
	}
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? CLI_HELP : EXIT_USAGE;
	if (cli->noperands < 2)
		return cli_usage(cli->cmd, "an action and a bundle are needed");
	c->bundle.path = cli->operands[1];
	c->target = cli->noperands == OPERANDS_MAX ? cli->operands[2] : NULL;
	return EXIT_OK;
}

static int act(struct bundle_command *c, struct cli *cli)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		const struct action *a = &actions[i];

		if (strcmp(cli->operands[0], a->name) != 0)
			continue;
		if (cli->noperands < a->operands)
			return cli_usage(cli->cmd,
					 "no target to push to (oci://HOST/REPOSITORY:TAG)");
		if (cli->noperands > a->operands)
			return cli_usage(cli->cmd, "unexpected operand '%s'",
					 cli->operands[a->operands]);
		if (a->output && !c->output && !(c->digest_only && a->run == pull))
			return cli_usage(cli->cmd, "%s", a->output);
		return a->run(c);
	}
	return cli_usage(cli->cmd, "no action '%s': inspect, build, push or pull",
			 cli->operands[0]);
}

static int bundle_run(const struct command *cmd, int argc, char **argv)
{
	struct bundle_command c = { 0 };
	struct cli cli;
	int e;

	cli_init(&cli, cmd, argc, argv);
	limits_init(&c.limits);
	diags_init(&c.diags);
	e = parse_options(&c, &cli);
	if (e == EXIT_OK)
		e = act(&c, &cli);
	bundle_content_done(&c.content);
	ruleset_free(c.rs);
	diags_done(&c.diags);
	bundle_options_done(&c.bundle);
	return e == CLI_HELP ? EXIT_OK : e;
}
