/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel paths: how a base and a path are joined and cleaned, for one JSON line of stdin at a
 * time. A debugging aid for rule writers (what does fd.name become?) and for conformance tests.
 */
#include "agent/cmd.h"
#include "engine/tiercel.h"

#include <jansson.h>

enum { OPT_JSON };

static const struct cli_option options[] = {
	[OPT_JSON] = { 0, "json", NULL, "the only form there is" },
	{ 0 },
};

static int paths_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_paths = {
	.name = "paths",
	.operands = "",
	.summary = "Join paths as the engine does (lines of JSON on standard input).",
	.description = "Each line is {\"base\": B, \"path\": P}, or base_hex and path_hex for bytes "
		       "that are not UTF-8.",
	.options = options,
	.run = paths_run,
};

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Text of `key`, or of key_hex decoded into `out`. False: neither is there. */
static bool get_bytes(const json_t *row, const char *key, const char *hex_key, struct buf *out)
{
	const json_t *plain = json_object_get(row, key), *hex = json_object_get(row, hex_key);
	const char *text;
	size_t n;

	if (json_is_string(plain)) {
		buf_add(out, json_string_value(plain), json_string_length(plain));
		return true;
	}
	if (!json_is_string(hex))
		return false;
	text = json_string_value(hex);
	n = json_string_length(hex);
	if (n % 2)
		return false;
	for (size_t i = 0; i < n; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		buf_add_char(out, (char)(high << 4 | low));
	}
	return true;
}

static int answer(const char *line)
{
	_cleanup_buf_ struct buf base = BUF_INIT, path = BUF_INIT, joined = BUF_INIT,
				 hex = BUF_INIT;
	json_error_t error;
	json_t *row = json_loads(line, JSON_ALLOW_NUL, &error), *reply;
	bool ok = row && get_bytes(row, "base", "base_hex", &base) &&
		  get_bytes(row, "path", "path_hex", &path);

	json_decref(row);
	if (!ok)
		return -EINVAL;
	path_join(&joined, buf_str(&base), buf_str(&path));
	for (size_t i = 0; i < joined.len; i++)
		buf_printf(&hex, "%02x", (unsigned char)joined.p[i]);
	reply = json_pack("{s:o?, s:s}", "path", json_stringn(joined.p ? joined.p : "", joined.len),
			  "path_hex", hex.p ? hex.p : "");
	if (!reply)
		return -ENOMEM;
	json_dumpf(reply, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(reply);
	return 0;
}

static int paths_run(const struct command *cmd, int argc, char **argv)
{
	_cleanup_free_ char *line = NULL;
	unsigned lines = 0;
	size_t cap = 0;
	const char *arg;
	struct cli cli;
	int opt;

	cli_init(&cli, cmd, argc, argv);
	do {
		opt = cli_next(&cli, &arg);
	} while (opt >= 0);
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? EXIT_OK : EXIT_USAGE;
	while (getline(&line, &cap, stdin) >= 0) {
		lines++;
		if (answer(line) < 0)
			return cli_fail("line %u: not an object with base and path", lines);
	}
	return EXIT_OK;
}
