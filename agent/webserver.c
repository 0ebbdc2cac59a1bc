/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of the web server, one row per path. Bounded in connections, time and memory; only GET
 * and HEAD are served.
 */
#include "agent/webserver.h"
#include "agent/clock.h"
#include "agent/cmd.h"
#include "agent/lazy.h"
#include "agent/metrics.h"
#include "agent/thread.h"

#include <arpa/inet.h>
#include <microhttpd.h>

enum { CONNECTIONS_MAX = 64, CONNECTIONS_PER_IP_MAX = 32, IDLE_TIMEOUT_S = 10,
       CONNECTION_BYTES = 16 << 10, CERTIFICATE_MAX = 1 << 20 };

struct webserver {
	const struct config *config;
	const char *hostname;
	struct MHD_Daemon *daemon;
	struct buf pem;			/* certificate and key */
};

struct answer {
	unsigned status;
	const char *type;
	struct buf body;
};

typedef void (*page_fn)(struct webserver *w, struct answer *a);

/* ---- pages -------------------------------------------------------------------------------- */

static void health_page(enum health_level level, struct answer *a)
{
	struct agent_stats s = { 0 };
	bool have = agent_stats_read(&s) == 0;
	struct health h;

	health_of(have ? &s : NULL, clock_mono_ns(), &h);
	health_json(&h, level, &a->body);
	if (!(level == HEALTH_LIVE ? h.live : h.ready))
		a->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	a->type = "application/json";
	if (have)
		agent_stats_done(&s);
}

static void healthz(struct webserver *w, struct answer *a)
{
	health_page(HEALTH_LIVE, a);
}

static void readyz(struct webserver *w, struct answer *a)
{
	health_page(HEALTH_READY, a);
}

/* Falco's keys, all texts: what falcoctl holds the requirements of artifacts against. */
static void versions(struct webserver *w, struct answer *a)
{
	static const char *const minor_first = TIERCEL_ENGINE_VERSION;
	int minor = atoi(strchr(minor_first, '.') + 1);

	buf_printf(&a->body, "{\"default_driver_version\": \"%s\", \"engine_version\": \"%d\", "
			     "\"engine_version_semver\": \"%s\", \"falco_version\": \"%s\", "
			     "\"libs_version\": \"%s\", \"plugin_api_version\": \"0.0.0\", "
			     "\"tiercel_version\": \"%s\"}",
		   TIERCEL_VERSION, minor, TIERCEL_ENGINE_VERSION, TIERCEL_VERSION, TIERCEL_VERSION,
		   TIERCEL_VERSION);
	a->type = "application/json";
}

static void metrics(struct webserver *w, struct answer *a)
{
	struct agent_stats s;

	if (agent_stats_read(&s) < 0) {
		a->status = MHD_HTTP_SERVICE_UNAVAILABLE;
		return;
	}
	metrics_render(&s, w->hostname, &a->body);
	a->type = "text/plain; version=0.0.4";
	agent_stats_done(&s);
}

static const struct page {
	const char *path;
	page_fn page;
	bool metrics;			/* only where metrics are served */
} pages[] = {
	{ "/healthz", healthz, false },
	{ "/readyz", readyz, false },
	{ "/versions", versions, false },
	{ "/metrics", metrics, true },
};

static page_fn find_page(const struct webserver *w, const char *path)
{
	const struct config *c = w->config;
	bool have_metrics = c->metrics.enabled && c->webserver.prometheus_metrics_enabled;

	if (strcmp(path, c->webserver.k8s_healthz_endpoint) == 0)
		return healthz;
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (strcmp(path, pages[i].path) == 0 && (have_metrics || !pages[i].metrics))
			return pages[i].page;
	return NULL;
}

/* ---- HTTP --------------------------------------------------------------------------------- */

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *a)
{
	struct MHD_Response *response;
	enum MHD_Result r;

	if (a->body.err)
		a->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	response = MHD_create_response_from_buffer(a->body.err ? 0 : a->body.len, a->body.p,
						   MHD_RESPMEM_MUST_COPY);
	buf_done(&a->body);
	if (!response)
		return MHD_NO;
	if (a->type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	r = MHD_queue_response(connection, a->status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result serve(void *ctx, struct MHD_Connection *connection, const char *url,
			     const char *method, const char *version, const char *data,
			     size_t *data_size, void **request)
{
	struct answer a = { .status = MHD_HTTP_OK };
	page_fn page;

	if (*data_size) {		/* a body is read and thrown away */
		*data_size = 0;
		return MHD_YES;
	}
	page = find_page(ctx, url);
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		a.status = MHD_HTTP_METHOD_NOT_ALLOWED;
	else if (page)
		page(ctx, &a);
	else
		a.status = MHD_HTTP_NOT_FOUND;
	return send_answer(connection, &a);
}

static int parse_address(const struct config *c, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	uint16_t port = htons((uint16_t)c->webserver.listen_port);

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, c->webserver.listen_address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		return 0;
	}
	if (inet_pton(AF_INET6, c->webserver.listen_address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		return 0;
	}
	cli_warn("webserver.listen_address '%s' is no IP address", c->webserver.listen_address);
	return -EINVAL;
}

static int read_certificate(struct webserver *w)
{
	const char *path = w->config->webserver.ssl_certificate;
	int r = io_read_file(path, CERTIFICATE_MAX, &w->pem);

	if (r < 0)
		cli_warn("webserver.ssl_certificate '%s': %s", path, strerror(-r));
	return r;
}

static int start_daemon(struct webserver *w, const struct sockaddr_storage *address)
{
	bool tls = w->config->webserver.ssl_enabled;
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO |
			 (tls ? MHD_USE_TLS : 0) |
			 (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	struct MHD_OptionItem certificate[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, w->pem.p },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, w->pem.p },
		{ MHD_OPTION_END, 0, NULL },
	};
	sigset_t old;
	int r;

	thread_block_signals(&old);
	errno = 0;
	w->daemon = MHD_start_daemon(flags, 0, NULL, NULL, serve, w,
				     MHD_OPTION_SOCK_ADDR, address,
				     MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
				     MHD_OPTION_PER_IP_CONNECTION_LIMIT,
				     (unsigned)CONNECTIONS_PER_IP_MAX,
				     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
				     MHD_OPTION_ARRAY, tls ? certificate : &certificate[2],
				     MHD_OPTION_END);
	r = w->daemon ? 0 : errno ? -errno : -EINVAL;
	thread_restore_signals(&old);
	if (r < 0)
		cli_warn("the web server cannot listen on %s port %u: %s%s",
			 w->config->webserver.listen_address,
			 (unsigned)w->config->webserver.listen_port, strerror(-r),
			 tls ? " (or the certificate is not usable)" : "");
	return r;
}

static int load_library(void)
{
	const char *why;
	int r = lazy_load(LAZY_MICROHTTPD, &why);

	if (r < 0)
		cli_warn("the web server needs %s", why);
	return r;
}

int webserver_start(const struct config *config, const char *hostname, struct webserver **ret)
{
	struct webserver *w = calloc(1, sizeof(*w));
	struct sockaddr_storage address;
	int r;

	if (!w)
		return -ENOMEM;
	w->config = config;
	w->hostname = hostname;
	r = load_library();
	if (r == 0)
		r = parse_address(config, &address);
	if (r == 0 && config->webserver.ssl_enabled)
		r = read_certificate(w);
	if (r == 0)
		r = start_daemon(w, &address);
	if (r < 0) {
		webserver_stop(w);
		return r;
	}
	*ret = w;
	return 0;
}

void webserver_stop(struct webserver *w)
{
	if (!w)
		return;
	if (w->daemon)
		MHD_stop_daemon(w->daemon);
	buf_done(&w->pem);
	free(w);
}
