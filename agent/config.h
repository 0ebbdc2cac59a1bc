/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: one struct, filled by config_load() from defaults, YAML files and the command
 * line, read-only afterwards and shared by all threads. It owns its texts; none of them is NULL.
 * A new option is a row in options.def and a member here.
 */
#ifndef TIERCEL_CONFIG_H
#define TIERCEL_CONFIG_H

#include "agent/digest.h"
#include "agent/io.h"

struct config_texts {
	const char **v;
	uint32_t n;
};

enum config_rule_matching { RULE_MATCHING_FIRST, RULE_MATCHING_ALL };
enum config_queue_policy { QUEUE_DROP_NEWEST, QUEUE_DROP_OLDEST };

/* Times are in milliseconds. */
struct config {
	bool none;			/* of rows whose value is used while reading */
	bool watch_config_files;
	const char *state_directory;
	const char *rules_bundle;
	struct config_texts rules_files;
	struct {
		struct rule_selection *v;
		uint32_t n;
	} rules;
	unsigned priority;		/* enum rule_priority */
	unsigned rule_matching;		/* enum config_rule_matching */
	struct {
		const char *index, *public_key, *ca_file;
		uint64_t follow, timeout;
		bool plain_http;
	} bundle;
	struct {
		struct output_append *v;
		uint32_t n;
		bool given;		/* else the suggested fields are appended */
	} appends;
	struct config_texts static_fields;	/* NAME, TEXT, NAME, TEXT ... */

	bool json_output, json_include_output, json_include_message, json_include_output_fields,
		json_include_tags, time_format_iso_8601;

	uint64_t output_timeout, shutdown_timeout;
	struct {
		uint64_t capacity, max_bytes;
		unsigned policy;	/* enum config_queue_policy */
	} outputs_queue;
	struct {
		bool enabled;
	} stdout_output, grpc_output;
	struct {
		bool enabled;
		const char *address;
	} syslog_output;
	struct {
		bool enabled, keep_alive;
		const char *filename;
		uint64_t max_size_mb, max_age, max_files;
	} file_output;
	struct {
		bool enabled, keep_alive;
		const char *program;
	} program_output;
	struct {
		bool enabled, insecure, mtls, echo, compress_uploads, keep_alive;
		const char *url, *user_agent, *ca_cert, *ca_bundle, *ca_path, *client_cert,
			*client_key;
		uint64_t max_consecutive_timeouts, batch_size;
		struct config_texts headers;
	} http_output;
	struct {
		bool enabled;
		const char *directory;
		uint64_t max_size_mb;
	} spool;
	struct {
		bool enabled;
		const char *bind_address, *private_key, *cert_chain, *root_certs;
		uint64_t threadiness;
	} grpc;
	struct {
		bool enabled, prometheus_metrics_enabled, ssl_enabled;
		uint64_t threadiness, listen_port;
		const char *listen_address, *k8s_healthz_endpoint, *ssl_certificate;
	} webserver;
	struct {
		bool enabled, output_rule, rules_counters_enabled, resource_utilization_enabled,
			state_counters_enabled, kernel_event_counters_enabled, include_empty_values;
		uint64_t interval;
		const char *output_file;
	} metrics;
	struct {
		struct config_texts actions;
		uint64_t interval;
	} event_drops;
	struct {
		uint64_t max_consecutives;
	} event_timeouts;
	struct {
		bool enabled;
		uint64_t interval;
	} heartbeat;
	struct {
		const char *node, *cluster, *location, *project, *environment, *metadata_server;
		struct config_texts labels;
	} identity;
	struct {
		bool enabled;
		struct config_texts sockets;
		uint64_t wait;
	} container_metadata;
	struct {
		bool enabled;
		const char *socket;
	} control;
	struct {
		bool seccomp, drop_capabilities;
	} hardening;
	struct {
		uint64_t ring_kb, life_ring_kb, threads;
	} sensor;
	struct {
		uint64_t snaplen, thread_table_size;
	} falco_libs;

	struct io_names files;		/* configuration files and directories, to watch */
	struct digest_files digests;	/* of the files that were read */
	struct arena arena;
};

struct config_opts {
	const char *path;		/* NULL: no file, defaults and overrides only */
	struct config_texts overrides;	/* "key=value" of -o, in order */
};

/*
 * 0, -ENOMEM, or -EINVAL when there are errors in `diags` (all of them, not the first). Warnings
 * are there in both cases.
 */
int config_load(const struct config_opts *opts, struct diags *diags, struct config **ret);
void config_free(struct config *c);

/* Append a text to a list; the list and the text live in the arena. 0 or -ENOMEM. */
int config_texts_add(struct config_texts *l, struct arena *a, const char *text);
bool config_texts_have(const struct config_texts *l, const char *text);

/* The JSON schema of a configuration file, and the configuration in force as YAML. */
void config_schema(struct buf *out);
void config_effective(const struct config *c, struct buf *out);
/* Names of the options, parted by ", ", whose values in `now` wait for a restart; returns how many. */
uint32_t config_waiting(const struct config *start, const struct config *now, struct buf *out);

#endif
