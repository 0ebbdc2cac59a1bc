/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration for commands: where it is, and its problems on stderr.
 */
#include "agent/cmd.h"
#include "agent/config_default.h"
#include "agent/rules_load.h"

#include <unistd.h>

int config_default(struct config_opts *opts, struct config **ret)
{
	if (!opts->path && access(CONFIG_DEFAULT_PATH, F_OK) == 0)
		opts->path = CONFIG_DEFAULT_PATH;
	return config_only(opts, ret);
}

int config_only(const struct config_opts *opts, struct config **ret)
{
	struct diags diags;
	int r;

	diags_init(&diags);
	r = config_load(opts, &diags, ret);
	rules_print_diags(&diags, true);
	if (r == -ENOMEM)
		r = cli_fail("out of memory while reading the configuration");
	else if (r < 0)
		r = cli_fail("the configuration is not right (%u error%s)", diags.errors,
			     diags.errors == 1 ? "" : "s");
	diags_done(&diags);
	return r;
}
