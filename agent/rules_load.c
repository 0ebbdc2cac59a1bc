/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading of rule files for all commands that need rules.
 */
#include "agent/cmd.h"
#include "agent/rules_load.h"

static int add_file(struct ruleset *rs, const struct rules_file *f, struct limits *limits)
{
	if (f->err == 0)
		return ruleset_add(rs, f->name, buf_str(&f->text));
	if (f->err == -EFBIG)
		limits->hits[LIMIT_RULE_FILE_BYTES]++;
	ruleset_add_unreadable(rs, f->name, strerror(-f->err));
	return -EINVAL;
}

int rules_load_bundle(const struct rules_bundle *b, const struct ruleset_opts *opts,
		      struct limits *limits, struct diags *diags, struct ruleset **ret_rs)
{
	struct ruleset *rs = ruleset_new(opts, limits, diags);
	int r;

	if (!rs)
		return -ENOMEM;
	r = b->layers.path ? bundle_load(&b->layers, rs) : 0;
	for (uint32_t i = 0; i < b->n && r != -ENOMEM; i++) {
		int e = add_file(rs, &b->v[i], limits);

		r = e < 0 ? e : r;
	}
	if (r == -ENOMEM) {
		ruleset_free(rs);
		return r;
	}
	if (ruleset_finish(rs) < 0 || r < 0)
		rs->ok = false;
	*ret_rs = rs;
	return 0;
}

int rules_load(const struct io_names *files, const struct bundle_options *bundle,
	       const struct ruleset_opts *opts, struct limits *limits, struct diags *diags,
	       struct ruleset **ret_rs)
{
	struct rules_bundle b;
	int r = rules_bundle_read(files, bundle, limits, &b);

	if (r == 0)
		r = rules_load_bundle(&b, opts, limits, diags, ret_rs);
	rules_bundle_done(&b);
	return r;
}

/* An exception that is over changes what is detected: always said. */
static bool is_shown(enum diag_code code, bool warnings)
{
	return warnings || diag_infos[code].severity == DIAG_ERROR ||
	       code == DIAG_LINT_EXPIRED_EXCEPTION;
}

void rules_render_diags(const struct diags *diags, bool warnings, struct buf *out)
{
	for (uint32_t i = 0; i < diags->count; i++)
		if (is_shown(diags->items[i].code, warnings))
			diag_render(&diags->items[i], out);
	if (diags->suppressed)
		buf_printf(out, "(%u more problems are not shown)\n", diags->suppressed);
}

void rules_print_diags(const struct diags *diags, bool warnings)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	rules_render_diags(diags, warnings, &out);
	io_print(&out, stderr);
}

/* io_rule_files() that says what is odd about a directory. */
static int list_files(const char *path, struct io_names *files)
{
	_cleanup_(io_names_done) struct io_names dangling = { 0 };
	uint32_t n = files->n;
	int r = io_rule_files(path, files, &dangling);

	for (uint32_t i = 0; i < dangling.n; i++)
		cli_warn("rules file '%s' is a link to nothing", dangling.names[i]);
	if (r == 0 && files->n == n)
		cli_warn("no rules file (*.yaml, *.yml) in '%s'", path);
	return r;
}

int rules_add_path(struct io_names *files, const char *path)
{
	int r = list_files(path, files);

	if (r < 0)
		cli_fail("cannot read rules '%s': %s", path, strerror(-r));
	return r;
}

int rules_add_operands(struct io_names *files, const struct cli *cli)
{
	for (int i = 0; i < cli->noperands; i++) {
		const char *path = cli->operands[i];
		int r = list_files(path, files);

		if (r < 0 && r != -ENOMEM)
			r = io_names_add(files, path);
		if (r < 0)
			return r;
	}
	return 0;
}
