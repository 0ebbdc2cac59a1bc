/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel test: runs the tests of rules (*.tests.yaml) with the engine of the live sensor. Files
 * are shared out among threads, each with an engine of its own; results are printed in order. With
 * --baseline: alerts on traces of normal traffic (baseline.c).
 */
#include "agent/baseline.h"
#include "agent/ruletest_cover.h"
#include "agent/ruletest_report.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 256, DEPTH_MAX = 32 };
enum { OPT_JOBS = RULE_OPTION_COUNT, OPT_TAP, OPT_JSON, OPT_JUNIT, OPT_VERBOSE, OPT_COVERAGE,
       OPT_REQUIRE, OPT_WRITE, OPT_BASELINE, OPT_BUDGET };

static const struct cli_option options[] = {
	RULE_OPTIONS,
	[OPT_JOBS] = { 'j', "jobs", "N", "test files at the same time; default: number of CPUs" },
	[OPT_TAP] = { 0, "tap", NULL, "TAP; the default unless stdout is a terminal" },
	[OPT_JSON] = { 0, "json", NULL, "one JSON object" },
	[OPT_JUNIT] = { 0, "junit", "FILE", "also a JUnit report into FILE" },
	[OPT_VERBOSE] = { 'v', "verbose", NULL, "on a terminal: list tests that passed, too" },
	[OPT_COVERAGE] = { 0, "coverage", NULL, "rules, checks, exceptions that no test covers" },
	[OPT_REQUIRE] = { 0, "require-tests", NULL, "fail for rules without a test that expects an "
						    "alert, a near miss, a hit per exception" },
	[OPT_WRITE] = { 'w', "write", "DIR", "write each test with events as a .scap trace, too" },
	[OPT_BASELINE] = { 0, "baseline", NULL, "operands are traces of normal traffic: alerts of "
						"the rules (-r) per hour" },
	[OPT_BUDGET] = { 0, "budget", "FILE|N", "with --baseline: fail above so many an hour" },
	{ 0 },
};

static int test_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_test = {
	.name = "test",
	.operands = "[FILE|DIR...] | --baseline TRACE...",
	.summary = "Run the tests of rules.",
	.description = "Runs every *.tests.yaml below the directories (default: the current one) "
		       "with the rules that each\ntest names. rules/TESTS.md has the format. Needs "
		       "no root. Of the options about rules only\n--rule-matching goes without "
		       "--baseline. Exit status: 0, 1 if a test fails or a budget is\nexceeded, "
		       "2 usage.",
	.options = options,
	.run = test_run,
};

struct test_command {
	struct rule_options rules;
	bool tap, json, verbose, coverage, require, baseline;
	const char *junit, *budget, *write_dir;
	int64_t jobs;
	struct io_names names;
	struct ruletest_file **files;
	uint32_t nfiles;
	uint32_t *first;		/* index of the first result of each file */
	struct ruletest_results results;
	struct ruletest_cover cover;
	/* Shared by the threads. */
	pthread_mutex_t lock;
	uint32_t next;
	bool failed;			/* out of memory */
};

/* ---- files --------------------------------------------------------------------------------- */

static int not_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* All test files below a directory, sorted. 0 or -errno. */
static int find_below(const char *path, unsigned depth, struct io_names *names)
{
	struct dirent **entries;
	int n = depth > DEPTH_MAX ? -1 : scandir(path, &entries, not_dots, alphasort), r = 0;

	if (n < 0)
		return depth > DEPTH_MAX ? -ELOOP : -errno;
	for (int i = 0; i < n; i++) {
		_cleanup_buf_ struct buf name = BUF_INIT;
		struct stat st;

		buf_printf(&name, "%s%s%s", strcmp(path, ".") == 0 ? "" : path,
			   strcmp(path, ".") == 0 || path[strlen(path) - 1] == '/' ? "" : "/",
			   entries[i]->d_name);
		if (name.err)
			r = -ENOMEM;
		else if (r == 0 && stat(name.p, &st) == 0 && S_ISDIR(st.st_mode))
			r = find_below(name.p, depth + 1, names);
		else if (r == 0 && io_is_test_file(name.p))
			r = io_names_add(names, name.p);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int find_files(struct test_command *c, const struct cli *cli)
{
	static char *here[] = { (char *)"." };
	char **paths = cli->noperands ? cli->operands : here;
	int n = cli->noperands ? cli->noperands : 1;

	for (int i = 0; i < n; i++) {
		struct stat st;
		int r = stat(paths[i], &st) < 0 ? -errno : 0;

		if (r == 0)
			r = S_ISDIR(st.st_mode) ? find_below(paths[i], 0, &c->names)
						: io_names_add(&c->names, paths[i]);
		if (r < 0)
			return cli_fail("cannot read '%s': %s", paths[i], strerror(-r));
	}
	if (c->names.n == 0)
		return cli_fail("no tests: no file *.tests.yaml below %s", paths[0]);
	return EXIT_OK;
}

static int load_files(struct test_command *c)
{
	_cleanup_buf_ struct buf problems = BUF_INIT;
	uint32_t n = 0;

	c->files = calloc(c->names.n, sizeof(*c->files));
	c->first = calloc(c->names.n, sizeof(*c->first));
	if (!c->files || !c->first)
		return cli_fail("out of memory");
	for (uint32_t i = 0; i < c->names.n; i++, c->nfiles++) {
		if (ruletest_file_load(c->names.names[i], &c->files[i]) < 0)
			return cli_fail("out of memory");
		for (uint32_t k = 0; k < c->files[i]->diags.count; k++)
			diag_render(&c->files[i]->diags.items[k], &problems);
		c->first[i] = n;
		n += c->files[i]->ntests;
	}
	io_print(&problems, stderr);
	c->results.n = n;
	c->results.v = calloc(MAX(n, 1u), sizeof(*c->results.v));
	return c->results.v ? EXIT_OK : cli_fail("out of memory");
}

static int write_traces(const struct test_command *c)
{
	for (uint32_t i = 0; i < c->nfiles; i++)
		for (uint32_t k = 0; k < c->files[i]->ntests; k++) {
			const struct ruletest *t = &c->files[i]->tests[k];
			_cleanup_buf_ struct buf path = BUF_INIT;
			int r = t->broken || t->trace ? 0 : ruletest_write(t, c->write_dir, &path);

			if (r < 0)
				return cli_fail("cannot write '%.*s': %s", STR_ARG(buf_str(&path)),
						strerror(-r));
		}
	return EXIT_OK;
}

/* ---- running ------------------------------------------------------------------------------- */

static uint32_t take_file(struct test_command *c)
{
	uint32_t i;

	pthread_mutex_lock(&c->lock);
	i = c->next++;
	pthread_mutex_unlock(&c->lock);
	return i;
}

static void *work(void *ctx)
{
	struct test_command *c = ctx;
	struct ruletest_cover *cover = c->coverage || c->require ? &c->cover : NULL;
	struct ruletest_runner *r = ruletest_runner_new(c->rules.match_all, cover);

	if (!r) {
		pthread_mutex_lock(&c->lock);
		c->failed = true;
		pthread_mutex_unlock(&c->lock);
		return NULL;
	}
	for (uint32_t i; (i = take_file(c)) < c->nfiles;)
		for (uint32_t k = 0; k < c->files[i]->ntests; k++)
			ruletest_run(r, &c->files[i]->tests[k], &c->results.v[c->first[i] + k]);
	ruletest_runner_free(r);
	return NULL;
}

static int run_all(struct test_command *c)
{
	pthread_t threads[JOBS_MAX];
	uint32_t n = (uint32_t)MIN(c->jobs, (int64_t)c->nfiles), started = 0;

	pthread_mutex_init(&c->lock, NULL);
	while (started + 1 < n && pthread_create(&threads[started], NULL, work, c) == 0)
		started++;
	work(c);
	for (uint32_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&c->lock);
	return c->failed ? cli_fail("out of memory") : EXIT_OK;
}

/* What is required of rules counts like tests, behind them. */
static int add_requirements(struct test_command *c)
{
	struct ruletest_result *more, *v;
	uint32_t n = 0;

	if (c->cover.oom)
		return cli_fail("out of memory");
	if (!c->require)
		return EXIT_OK;
	more = ruletest_cover_require(&c->cover, &n);
	v = more ? realloc(c->results.v, (c->results.n + n + 1) * sizeof(*v)) : NULL;
	if (!v) {
		free(more);
		return cli_fail("out of memory");
	}
	memcpy(v + c->results.n, more, n * sizeof(*v));
	c->results.v = v;
	c->results.n += n;
	free(more);
	return EXIT_OK;
}

static void sum_up(struct test_command *c, double seconds)
{
	struct ruletest_summary *s = &c->results.sum;

	*s = (struct ruletest_summary){ .files = c->nfiles, .seconds = seconds };
	for (uint32_t i = 0; i < c->results.n; i++)
		*(c->results.v[i].passed ? &s->passed : &s->failed) += 1;
}

static int write_file(const char *path, const struct buf *text)
{
	_cleanup_(io_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : io_write_all(fd, text->p, text->len);

	return r < 0 ? cli_fail("cannot write '%s': %s", path, strerror(-r)) : EXIT_OK;
}

static int report(struct test_command *c)
{
	_cleanup_buf_ struct buf out = BUF_INIT, junit = BUF_INIT;
	struct json j = json_start(&out);

	if (c->json) {
		json_obj(&j);
		ruletest_report_json(&c->results, &j);
		if (c->coverage)
			ruletest_cover_json(&c->cover, &j);
		json_obj_end(&j);
		buf_add_char(&out, '\n');
	} else if (c->tap || !isatty(STDOUT_FILENO)) {
		ruletest_report_tap(&c->results, &out);
		if (c->coverage)
			ruletest_cover_text(&c->cover, "# ", &out);
	} else {
		if (c->coverage)
			ruletest_cover_text(&c->cover, "", &out);
		ruletest_report_people(&c->results, c->verbose, &out);
	}
	if (out.err)
		return cli_fail("out of memory");
	io_print(&out, stdout);
	if (fflush(stdout) != 0 || ferror(stdout))
		return cli_fail("cannot write to stdout: %s", strerror(errno));
	if (!c->junit)
		return EXIT_OK;
	ruletest_report_junit(&c->results, &junit);
	return junit.err ? cli_fail("out of memory") : write_file(c->junit, &junit);
}

static int run_tests(struct test_command *c, const struct cli *cli)
{
	struct timespec from, to;
	int e = find_files(c, cli);

	if (e == EXIT_OK)
		e = load_files(c);
	if (e == EXIT_OK && c->write_dir)
		e = write_traces(c);
	clock_gettime(CLOCK_MONOTONIC, &from);
	if (e == EXIT_OK)
		e = run_all(c);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (e == EXIT_OK)
		e = add_requirements(c);
	if (e != EXIT_OK)
		return e;
	sum_up(c, (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	e = report(c);
	return e != EXIT_OK ? e : c->results.sum.failed ? EXIT_FAILED : EXIT_OK;
}

static void command_done(struct test_command *c)
{
	for (uint32_t i = 0; i < c->results.n; i++)
		buf_done(&c->results.v[i].problems);
	for (uint32_t i = 0; i < c->nfiles; i++)
		ruletest_file_free(c->files[i]);
	free(c->files);
	free(c->first);
	free(c->results.v);
	io_names_done(&c->names);
	ruletest_cover_done(&c->cover);
	rule_options_done(&c->rules);
}

/* ---- options ------------------------------------------------------------------------------- */

static int take_option(struct test_command *c, const struct command *cmd, int opt, const char *arg)
{
	if (opt < RULE_OPTION_COUNT)
		return rule_options_take(&c->rules, cmd, opt, arg);
	switch (opt) {
	case OPT_JOBS:
		if (str_to_i64(str_from(arg), &c->jobs) < 0 || c->jobs < 1 || c->jobs > JOBS_MAX)
			return cli_usage(cmd, "--jobs takes a number from 1 to %d, not '%s'",
					 JOBS_MAX, arg);
		break;
	case OPT_TAP:
		c->tap = true;
		break;
	case OPT_JSON:
		c->json = true;
		break;
	case OPT_JUNIT:
		c->junit = arg;
		break;
	case OPT_VERBOSE:
		c->verbose = true;
		break;
	case OPT_COVERAGE:
		c->coverage = true;
		break;
	case OPT_REQUIRE:
		c->require = true;
		break;
	case OPT_WRITE:
		c->write_dir = arg;
		break;
	case OPT_BASELINE:
		c->baseline = true;
		break;
	case OPT_BUDGET:
		c->budget = arg;
		break;
	}
	return EXIT_OK;
}

static int run_baseline(struct test_command *c, const struct cli *cli)
{
	const struct baseline_opts opts = { cli->operands, cli->noperands, c->budget, c->json };

	if (cli->noperands == 0)
		return cli_usage(cli->cmd, "no TRACE given");
	if (!rule_options_any(&c->rules))
		return cli_usage(cli->cmd, "--baseline needs rules (-r or --bundle)");
	if (c->coverage || c->require || c->junit || c->tap || c->write_dir)
		return cli_usage(cli->cmd, "--baseline has only --json and --budget");
	return baseline_run(&opts, &c->rules);
}

static int check_usage(const struct test_command *c, const struct cli *cli)
{
	if (rule_options_any(&c->rules))
		return cli_usage(cli->cmd, "tests name their rules themselves: -r goes with "
					   "--baseline");
	if (c->budget)
		return cli_usage(cli->cmd, "--budget goes with --baseline");
	return c->tap && c->json ? cli_usage(cli->cmd, "--tap and --json exclude each other")
				 : EXIT_OK;
}

static int test_run(const struct command *cmd, int argc, char **argv)
{
	struct test_command c = { .jobs = sysconf(_SC_NPROCESSORS_ONLN) };
	int opt, e = EXIT_OK;
	const char *arg;
	struct cli cli;

	rule_options_init(&c.rules);
	ruletest_cover_init(&c.cover);
	c.jobs = MAX(1, MIN(c.jobs, (int64_t)JOBS_MAX));
	cli_init(&cli, cmd, argc, argv);
	while (e == EXIT_OK && (opt = cli_next(&cli, &arg)) >= 0)
		e = take_option(&c, cmd, opt, arg);
	if (e == EXIT_OK && opt == CLI_HELP)
		e = CLI_HELP;
	else if (e == EXIT_OK && opt != CLI_DONE)
		e = EXIT_USAGE;
	if (e == EXIT_OK && c.baseline)
		e = run_baseline(&c, &cli);
	else if (e == EXIT_OK && (e = check_usage(&c, &cli)) == EXIT_OK)
		e = run_tests(&c, &cli);
	command_done(&c);
	return e == CLI_HELP ? EXIT_OK : e;
}
