/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about the machine for the engine.
 */
#include "agent/host.h"
#include "agent/clock.h"

#include <limits.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

void host_alert_opts(struct alert_opts *ret_opts)
{
	static char name[256];	/* lives as long as the process */
	const char *env = getenv("FALCO_HOSTNAME");
	time_t now = time(NULL);
	struct tm tm;

	if (env && *env)
		snprintf(name, sizeof(name), "%s", env);
	else if (gethostname(name, sizeof(name) - 1) < 0)
		snprintf(name, sizeof(name), "unknown");
	*ret_opts = (struct alert_opts){ .json_output = true,
					 .include_output = true,
					 .include_output_fields = true,
					 .include_tags = true,
					 .hostname = str_from(name) };
	if (localtime_r(&now, &tm))
		ret_opts->tz_offset_s = (int32_t)tm.tm_gmtoff;
}

static uint64_t started_ns;

void host_start(void)
{
	/* What came before is the work of the loader and of the kernel for this process. */
	started_ns = clock_mono_ns() - clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t host_started_ns(void)
{
	return started_ns;
}

static char root[PATH_MAX];

static void find_root(void)
{
	const char *env = getenv("HOST_ROOT");
	size_t len = env ? strlen(env) : 0;

	while (len > 0 && env[len - 1] == '/')
		len--;
	snprintf(root, sizeof(root), "%.*s", (int)MIN(len, sizeof(root) - 1), env ? env : "");
}

/* Several threads ask. */
const char *host_root(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_root);
	return root;
}
