/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of outputs of a run. A new kind of output is one row in outputs.c: its name, which forms
 * of an alert it needs, and its constructor.
 */
#ifndef TIERCEL_OUTPUTS_H
#define TIERCEL_OUTPUTS_H

#include "agent/config.h"
#include "agent/output.h"
#include "agent/tap.h"

enum { OUTPUTS_MAX = 8 };

struct outputs {
	struct output *v[OUTPUTS_MAX];
	uint32_t n;
	struct tap *tap;	/* who looks on; set after opening, borrowed; NULL: nobody can */
	unsigned forms;		/* enum alert_form: what all of them need together */
};

/* Open all that are enabled. 0, or -errno after the problem was printed. */
int outputs_open(struct outputs *o, const struct config *c);
/* To every output; the caller keeps its reference. Never blocks. */
void outputs_emit(struct outputs *o, struct message *m);
/* Several, in their order: an output wakes once for all. */
void outputs_emit_many(struct outputs *o, struct message *const *v, uint32_t n);
void outputs_reopen(struct outputs *o);
/* All at once within the time; the counters stay readable until outputs_close(). */
void outputs_drain(struct outputs *o, uint32_t timeout_ms);
void outputs_close(struct outputs *o);
/* Nobody is left who could ever get an alert. */
bool outputs_all_closed(const struct outputs *o);

/* Constructors; called when the output is enabled. 0 or -errno. */
int output_stdout_open(const struct config *c, struct output **ret);
int output_file_open(const struct config *c, struct output **ret);
/* The JSON of messages appended to another file; not one of the set. The path is borrowed. */
int output_file_append(const struct config *c, const char *path, struct output **ret);
int output_syslog_open(const struct config *c, struct output **ret);
int output_program_open(const struct config *c, struct output **ret);
int output_grpc_open(const struct config *c, struct output **ret);
int output_http_open(const struct config *c, struct output **ret);

#endif
