/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server with alerts made up on command, for test_grpc.py and bench/grpc.py.
 *
 * usage: grpc_feeder ADDRESS [key=FILE cert=FILE ca=FILE] [LIMIT=VALUE...]
 * Prints "ready"; then, by lines on stdin, each answered by a line:
 *   emit N [MICROSECONDS]	N alerts, with a pause after each
 *   odd			one alert whose texts are not UTF-8
 *   serving 0|1		what the health service says
 *   stats			counters as JSON
 *   close MS			drain and end
 */
#include "agent/clock.h"
#include "agent/grpc_server.h"
#include "agent/tests/limit_arg.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

enum { TEXTS = 2048, FIELDS = 14, TAGS = 5 };

/* One allocation, as in the agent. */
struct made {
	struct message m;
	struct str tags[TAGS];
	struct message_field fields[FIELDS];
	char texts[TEXTS];
	size_t used;
};

static _printf_(2, 3) struct str text(struct made *d, const char *fmt, ...)
{
	char *at = d->texts + d->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(at, sizeof(d->texts) - d->used, fmt, ap);
	va_end(ap);
	d->used += (size_t)n + 1;
	return (struct str){ at, (uint32_t)n };
}

static struct message *make(uint64_t number)
{
	struct made *d = calloc(1, sizeof(*d));

	d->m = (struct message){
		.priority = PRIO_CRITICAL,
		.ts = clock_wall_ns(),
		.rule = text(d, "Read sensitive file untrusted"),
		.source = text(d, "syscall"),
		.hostname = text(d, "node-1"),
		.text = text(d, "21:52:05.551517341: Critical file=/etc/shadow number=%" PRIu64, number),
		.tags = d->tags,
		.ntags = TAGS,
		.fields = d->fields,
		.nfields = FIELDS,
	};
	d->m.output = d->m.text;
	for (int i = 0; i < TAGS; i++)
		d->tags[i] = text(d, "mitre_tag_%d", i);
	d->fields[0] = (struct message_field){ text(d, "number"), text(d, "%" PRIu64, number) };
	for (int i = 1; i < FIELDS; i++)
		d->fields[i] = (struct message_field){ text(d, "proc.aname[%d]", i),
						       text(d, "value of a field %d", i) };
	atomic_init(&d->m.refs, 1);
	return &d->m;
}

static void emit(struct output *o, uint64_t n, useconds_t pause)
{
	static uint64_t number;

	for (uint64_t i = 0; i < n; i++) {
		struct message *m = make(number++);

		o->ops->emit(o, m);
		message_put(m);
		if (pause)
			usleep(pause);
	}
}

static void emit_odd(struct output *o)
{
	struct message *m = make(0);
	struct made *d = container_of(m, struct made, m);

	m->rule = STR("bad \xff\xc0 rule");
	d->fields[1].key = STR("key\xfe");
	d->fields[1].value = STR("\xed\xa0\x80|ok");
	d->tags[0] = STR("\x80");
	o->ops->emit(o, m);
	message_put(m);
}

static void print_counter(void *ctx, const char *name, uint64_t value)
{
	printf(",\"%s\":%" PRIu64, name, value);
}

static void print_stats(const struct output *o)
{
	struct output_stats s;

	o->ops->stats(o, &s);
	printf("{\"taken\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"discarded\":%" PRIu64
	       ",\"queued\":%" PRIu64, s.taken, s.delivered, s.discarded, s.queued);
	o->ops->counters(o, print_counter, NULL);
	printf("}\n");
}

static bool obey(struct output *o, const char *line)
{
	unsigned long n;
	unsigned pause = 0;

	if (sscanf(line, "emit %lu %u", &n, &pause) >= 1) {
		emit(o, n, pause);
	} else if (sscanf(line, "serving %lu", &n) == 1) {
		grpc_server_set_serving(o, n);
	} else if (sscanf(line, "close %lu", &n) == 1) {
		o->ops->close(o, (uint32_t)n);
		puts("closed");
		return false;
	} else if (!strncmp(line, "stats", 5)) {
		print_stats(o);
		return true;
	} else if (!strncmp(line, "odd", 3)) {
		emit_odd(o);
	}
	puts("done");
	return true;
}

static bool parse(char **argv, struct grpc_opts *opts, uint64_t *limits)
{
	for (; *argv; argv++) {
		struct str arg = str_from(*argv);

		if (str_starts(arg, STR("key=")))
			opts->private_key = arg.p + 4;
		else if (str_starts(arg, STR("cert=")))
			opts->cert_chain = arg.p + 5;
		else if (str_starts(arg, STR("ca=")))
			opts->root_certs = arg.p + 3;
		else if (!limit_arg(grpc_limit_infos, GRPC_LIMIT_COUNT, arg, limits))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t limits[GRPC_LIMIT_COUNT];
	struct grpc_opts opts = { .bind_address = argc > 1 ? argv[1] : "", .limits = limits,
				  .hostname = STR("node-1"), .fields_checksum = STR("0123abcd") };
	_cleanup_buf_ struct buf error = BUF_INIT;
	struct output *o;
	char line[256];

	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	limit_defaults(grpc_limit_infos, GRPC_LIMIT_COUNT, limits);
	if (argc < 2 || !parse(argv + 2, &opts, limits))
		return 2;
	if (grpc_server_new(&opts, &error, &o) < 0) {
		fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&error)));
		return 1;
	}
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		if (!obey(o, line))
			return 0;
	o->ops->close(o, 0);
	return 0;
}
