/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as rules files (a line "#file" starts the next one), loaded, described and
 * all problems rendered. A rule set is good exactly when nothing was reported as an error.
 */
#include <assert.h>

#include "engine/rule/ruleset.h"
#include "engine/tests/fuzz.h"

static int any_output(void *ctx, struct str text, const struct field_scope *scope,
		      const char **ret_msg, struct pos *ret_pos)
{
	return 0;
}

static void add_files(struct ruleset *rs, struct str text)
{
	static const struct str next = { "\n#file\n", 7 };
	uint32_t from = 0, n = 0;
	char name[32];

	for (uint32_t at = 0; at <= text.len && n < 8; at++) {
		if (at < text.len && !str_starts(str_sub(text, at, text.len), next))
			continue;
		snprintf(name, sizeof(name), "file%u.yaml", n++);
		ruleset_add(rs, name, str_sub(text, from, at));
		from = MIN(at + next.len, text.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset_opts opts = { .min_priority = PRIO_DEBUG, .check_output = any_output,
				     .lint = true, .schema = true };
	struct buf out = BUF_INIT;
	struct limits limits;
	struct ruleset *rs;
	struct diags diags;
	int r;

	limits_init(&limits);
	limits.max[LIMIT_YAML_NODES] = 20000;
	limits.max[LIMIT_CONDITION_BYTES] = 1 << 16;
	limits.max[LIMIT_RULE_FILE_BYTES] = 1 << 20;
	diags_init(&diags);
	rs = ruleset_new(&opts, &limits, &diags);
	assert(rs);
	add_files(rs, (struct str){ (const char *)data, (uint32_t)size });
	r = ruleset_finish(rs);
	assert(r == 0 || r == -EINVAL);
	assert((r == 0) == (diags.errors == 0));
	assert(rs->ok == (r == 0));
	ruleset_describe(rs, &out);
	ruleset_describe_text(rs, &out);
	ruleset_check_json(rs, &diags, &out);
	for (uint32_t i = 0; i < diags.count; i++)
		diag_render(&diags.items[i], &out);
	assert(!out.err);
	buf_done(&out);
	ruleset_free(rs);
	diags_done(&diags);
	return 0;
}
