/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each part of the identity comes from: one row each.
 */
#include "agent/identity.h"
#include "agent/http.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { METADATA_TIMEOUT_MS = 1000, METADATA_TRIES = 3, VALUE_MAX = 1024, CACHE_MAX = 16 << 10 };

/* Paths: the documented interface of the metadata servers of GCE and GKE, version 1. */
static const struct identity_row {
	const char *name;
	size_t member;			/* of struct config */
	const char *env;
	const char *path;
} rows[IDENTITY_COUNT] = {
	[IDENTITY_NODE] = { "node", offsetof(struct config, identity.node), "FALCO_K8S_NODE_NAME",
			    NULL },
	[IDENTITY_CLUSTER] = { "cluster", offsetof(struct config, identity.cluster),
			       "TIERCEL_CLUSTER", "instance/attributes/cluster-name" },
	[IDENTITY_LOCATION] = { "location", offsetof(struct config, identity.location),
				"TIERCEL_LOCATION", "instance/attributes/cluster-location" },
	[IDENTITY_PROJECT] = { "project", offsetof(struct config, identity.project),
			       "TIERCEL_PROJECT", "project/project-id" },
	[IDENTITY_ENVIRONMENT] = { "environment", offsetof(struct config, identity.environment),
				   "TIERCEL_ENVIRONMENT", NULL },
};

const char *identity_name(enum identity_key key)
{
	return rows[key].name;
}

void identity_done(struct identity *id)
{
	for (unsigned k = 0; k < IDENTITY_COUNT; k++)
		free(id->value[k]);
	*id = (struct identity){ 0 };
}

static bool is_set(const char *s)
{
	return s && *s;
}

/* What the configuration and the environment say. */
static int take_given(struct identity *id, const struct config *config)
{
	char host[VALUE_MAX] = "";

	for (unsigned k = 0; k < IDENTITY_COUNT; k++) {
		const char *text = *(const char *const *)((const char *)config + rows[k].member);

		if (!is_set(text))
			text = getenv(rows[k].env);
		if (!is_set(text) && k == IDENTITY_NODE && gethostname(host, sizeof(host) - 1) == 0)
			text = host;
		id->value[k] = strdup(text ? text : "");
		if (!id->value[k])
			return -ENOMEM;
	}
	return 0;
}

/* ---- metadata server ---------------------------------------------------------------------- */

/* A name of a cluster, place or project: printable and short. */
static bool is_value(struct str s)
{
	if (s.len == 0 || s.len >= VALUE_MAX)
		return false;
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return true;
}

/* One value from the server. 0, -ENOENT: it has none, -errno. */
static int ask(struct http *h, const char *server, const char *path, char **ret)
{
	static const char *const headers[] = { "Metadata-Flavor: Google" };
	_cleanup_buf_ struct buf url = BUF_INIT;
	struct http_request rq = { .headers = headers, .nheaders = 1 };
	struct http_response response = { 0 };
	struct str value;
	int r;

	buf_printf(&url, "%s/computeMetadata/v1/%s", server, path);
	rq.url = url.p;
	r = url.err ? url.err : http_send(h, &rq, &response);
	value = str_trim(buf_str(&response.body));
	if (r == 0 && response.status == 404)
		r = -ENOENT;
	else if (r == 0 && (!http_ok(&response) || !is_value(value) ||
			    !str_is(http_header(&response, "Metadata-Flavor"), "Google")))
		r = -EBADMSG;
	if (r == 0) {
		char *copy = strndup(value.p, value.len);

		if (copy) {
			free(*ret);
			*ret = copy;
		} else {
			r = -ENOMEM;
		}
	}
	http_response_done(&response);
	return r;
}

/* A pod is sometimes faster than its metadata server, so there are some tries. */
static int ask_patiently(struct http *h, const char *server, const char *path, char **ret)
{
	const struct timespec pause = { .tv_nsec = 200000000 };
	int r = -EIO;

	for (int i = 0; i < METADATA_TRIES; i++) {
		r = ask(h, server, path, ret);
		if (r == 0 || r == -ENOENT || r == -ENOMEM)
			return r;
		nanosleep(&pause, NULL);
	}
	return r;
}

static int ask_server(struct identity *id, const char *server, struct buf *warning)
{
	struct http_opts opts = { .user_agent = "tiercel", .timeout_ms = METADATA_TIMEOUT_MS,
				  .connect_timeout_ms = METADATA_TIMEOUT_MS,
				  .max_body = VALUE_MAX };
	struct http *h = http_new(&opts);
	int r = h ? 0 : -ENOMEM;

	for (unsigned k = 0; r == 0 && k < IDENTITY_COUNT; k++) {
		if (id->value[k][0] || !rows[k].path)
			continue;
		r = ask_patiently(h, server, rows[k].path, &id->value[k]);
		if (r == -ENOENT)
			r = 0;
		else if (r < 0)
			buf_printf(warning, "metadata server %s: %s: %s", server, rows[k].path,
				   r == -EBADMSG ? "not the answer of a metadata server" :
						   http_error(h));
	}
	http_free(h);
	return r;
}

/* ---- memory ------------------------------------------------------------------------------- */

static void cache_path(const struct config *config, struct buf *out)
{
	buf_printf(out, "%s/identity", config->state_directory);
}

static void remember(const struct identity *id, const struct config *config)
{
	_cleanup_buf_ struct buf path = BUF_INIT, text = BUF_INIT;
	_cleanup_(io_close) int fd = -1;

	cache_path(config, &path);
	for (unsigned k = 0; k < IDENTITY_COUNT; k++)
		if (rows[k].path && id->value[k][0])
			buf_printf(&text, "%s=%s\n", rows[k].name, id->value[k]);
	if (path.err || text.err || !text.len)
		return;
	fd = open(path.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && io_write_all(fd, text.p, text.len) < 0)
		unlink(path.p);		/* half a file is worse than none */
}

static void recall_line(struct identity *id, struct str line)
{
	for (unsigned k = 0; k < IDENTITY_COUNT; k++) {
		uint32_t n = (uint32_t)strlen(rows[k].name);
		struct str value;
		char *copy;

		if (!rows[k].path || id->value[k][0] || line.len <= n + 1 || line.p[n] != '=' ||
		    memcmp(line.p, rows[k].name, n) != 0)
			continue;
		value = str_sub(line, n + 1, line.len);
		copy = is_value(value) ? strndup(value.p, value.len) : NULL;
		if (copy) {
			free(id->value[k]);
			id->value[k] = copy;
		}
	}
}

static bool recall(struct identity *id, const struct config *config)
{
	_cleanup_buf_ struct buf path = BUF_INIT, text = BUF_INIT;
	struct str rest;

	cache_path(config, &path);
	if (path.err || io_read_file(path.p, CACHE_MAX, &text) < 0)
		return false;
	rest = buf_str(&text);
	while (rest.len) {
		const char *end = memchr(rest.p, '\n', rest.len);
		uint32_t len = end ? (uint32_t)(end - rest.p) : rest.len;

		recall_line(id, str_sub(rest, 0, len));
		rest = str_sub(rest, end ? len + 1 : rest.len, rest.len);
	}
	return true;
}

int identity_init(struct identity *id, const struct config *config, struct buf *warning)
{
	int r;

	*id = (struct identity){ .labels = &config->identity.labels };
	r = take_given(id, config);
	if (r < 0) {
		identity_done(id);
		return r;
	}
	if (!is_set(config->identity.metadata_server))
		return 0;
	r = ask_server(id, config->identity.metadata_server, warning);
	if (r == 0 && is_set(config->state_directory))
		remember(id, config);
	else if (r < 0 && is_set(config->state_directory) && recall(id, config))
		buf_add_c(warning, "; the last known identity is used");
	if (r == -ENOMEM)
		identity_done(id);
	return r == -ENOMEM ? r : 0;
}
