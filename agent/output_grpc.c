/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC server as an output: from configuration to struct grpc_opts. */
#include "agent/cmd.h"
#include "agent/grpc_server.h"
#include "agent/health.h"
#include "agent/host.h"
#include "agent/outputs.h"

int output_grpc_open(const struct config *c, struct output **ret)
{
	_cleanup_buf_ struct buf error = BUF_INIT;
	struct grpc_opts opts = {
		.bind_address = c->grpc.bind_address,
		.private_key = c->grpc.private_key,
		.cert_chain = c->grpc.cert_chain,
		.root_certs = c->grpc.root_certs,
		.no_alerts = !c->grpc_output.enabled,
		.serving = health_ready_now,
	};
	struct alert_opts host;
	int r;

	host_alert_opts(&host);
	opts.hostname = host.hostname;
	if (c->grpc.threadiness)
		cli_warn("grpc.threadiness has no effect: the server is one event loop");
	if (opts.no_alerts)
		cli_warn("grpc.enabled without grpc_output.enabled: subscribers get no alerts");
	r = grpc_server_new(&opts, &error, ret);
	if (r < 0 && error.len)
		cli_fail("%.*s", STR_ARG(buf_str(&error)));
	return r;
}
