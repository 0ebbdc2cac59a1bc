/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evt.* fields: identity and result of events, and the rows of the whole namespace. Called by the
 * matcher and by outputs; texts are views or live in the scratch arena.
 */
#include "engine/field/arg.h"
#include "engine/field/field_evt.h"
#include "engine/field/field_fd.h"
#include "engine/field/time_text.h"

bool field_evt_result(struct event_ctx *ctx, int64_t *ret_res)
{
	struct event *ev = ctx->ev;
	struct value v;
	struct str p;

	if (!ev->info->is_exit || ev->type == EV_GENERIC_X || ev->nparams == 0)
		return false;
	p = event_param(ev, 0);
	/* What most are: a number of 64 bits. */
	if (likely(p.len >= sizeof(*ret_res) && param_type_is_result(ev->info->params[0].type))) {
		*ret_res = (int64_t)load_u64(p.p);
		return true;
	}
	if (!arg_raw_value(ctx, 0, &v))
		return false;
	switch (value_class_of((enum param_type)v.type)) {
	case VC_SIGNED:
		*ret_res = v.i;
		return true;
	case VC_UNSIGNED:
		*ret_res = (int64_t)v.u;
		return true;
	default:
		return false;
	}
}

static struct str generic_name(struct event *ev)
{
	uint16_t code = 0, native;
	int known;

	event_get_u16(ev, GENERIC_X_ID, &code);
	if (code == 0 && event_get_u16(ev, GENERIC_X_nativeID, &native)) {
		known = sc_from_native(native);
		code = known > 0 ? (uint16_t)known : 0;
	}
	return str_from(sc_infos[code < SC_COUNT ? code : 0].name);
}

/* As rules know it: syscall of generic events, name of asynchronous ones. */
static struct str field_evt_name(struct event_ctx *ctx)
{
	struct event *ev = ctx->ev;
	struct str name;

	switch (ev->type) {
	case EV_GENERIC_E:
	case EV_GENERIC_X:
		return generic_name(ev);
	case EV_ASYNCEVENT_E:
		name = event_get_text(ev, ASYNCEVENT_E_name);
		return name.p ? name : STR("NA");
	default:
		return str_from(ev->info->name);
	}
}

static bool get_num(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_u64(PT_UINT64, ctx->ev->num);
	return true;
}

static bool get_cpu(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_i64(PT_INT16, (int16_t)ctx->ev->cpu);
	return true;
}

static bool get_type(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_str(field_evt_name(ctx));
	return true;
}

static bool get_syscall_type(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return ctx->ev->info->source == SRC_SYSCALL && get_type(f, ctx, ret);
}

/* No suffix names a type by number and by name at once: digits only are a number. */
static int parse_type_is(struct field_ref *f, struct str rest, struct arena *a)
{
	struct str name;
	uint64_t n;

	if (rest.len < 2 || rest.p[0] != '.')
		return -EINVAL;
	name = str_sub(rest, 1, rest.len);
	if (str_to_u64(name, &n) == 0) {
		if (n >= EVENT_TYPE_COUNT)
			return -EINVAL;
		f->param = (uint32_t)n;
		return (int)rest.len;
	}
	for (uint32_t i = 0; i < EVENT_TYPE_COUNT; i++) {
		if (str_is(name, event_infos[i].name)) {
			f->param = i;
			f->key = str_from(event_infos[i].name);
			return (int)rest.len;
		}
	}
	return -EINVAL;
}

static bool get_type_is(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	unsigned type = ctx->ev->type;
	bool is = f->key.p ? str_is(f->key, ctx->ev->info->name) :
			     type == f->param || type == f->param + 1;

	*ret = value_u64(PT_UINT32, is);
	return true;
}

static bool get_dir(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_str(ctx->ev->info->is_exit ? STR("<") : STR(">"));
	return true;
}

static bool get_source(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_str(ctx->source);
	return ctx->source.p != NULL;
}

static bool get_hostname(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_str(ctx->hostname.p ? ctx->hostname : STR(""));
	return true;
}

static bool get_is_async(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_bool(ctx->ev->info->source == SRC_META);
	return true;
}

static bool get_asynctype(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return ctx->ev->info->source == SRC_META && get_type(f, ctx, ret);
}

/* Fields of plugin events, which no source of ours produces, and what outputs do not show. */
static bool get_nothing(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return false;
}

static bool get_rawres(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	int64_t res;

	if (!field_evt_result(ctx, &res))
		return false;
	*ret = value_i64(PT_INT64, res);
	return true;
}

static bool get_res(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	int64_t res;

	if (!field_evt_result(ctx, &res))
		return false;
	if (res < 0)
		return arg_value(ctx, 0, ret);
	*ret = value_str(STR("SUCCESS"));
	return true;
}

static bool get_failed(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	int64_t res;

	if (!field_evt_result(ctx, &res))
		return false;
	*ret = value_bool(res < 0);
	return true;
}

static bool get_one(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_u64(PT_UINT32, 1);
	return true;
}

static bool get_count_exit(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return ctx->ev->info->is_exit && get_one(f, ctx, ret);
}

static bool get_count_threadinfo(const struct field_ref *f, struct event_ctx *ctx,
				 struct value *ret)
{
	*ret = value_u64(PT_UINT32, ctx->ev->type == EV_PROCINFO_E);
	return true;
}

static bool get_count_procinfo(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct thread *t = ctx->thread;

	*ret = value_u64(PT_UINT32, ctx->ev->type == EV_PROCINFO_E && t && t->tid == t->pid);
	return true;
}

static bool get_truncated(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_bool(ctx->ev->flags & EVENT_TRUNCATED);
	return true;
}

static bool get_lost_before(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct event_kernel *k = ctx->ev->kernel;

	*ret = value_u64(PT_UINT64, k ? k->lost_before : 0);
	return true;
}

/* A path that the caller named and the kernel found elsewhere: a link, or a rewritten argument. */
static bool get_path_mismatch(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct str real = fd_realpath_of(ctx);
	const struct fdinfo *fd = ctx->fd;

	if (!real.len || !fd || (fd->kind != FD_FILE && fd->kind != FD_DIRECTORY))
		return false;
	*ret = value_bool(!str_eq(istr_str(fd->name), real));
	return true;
}

#define DATE_TIME (TIME_TEXT_DATE | TIME_TEXT_CLOCK)
#define EVT(n, t, g, h) .name = "evt." n, .type = PT_##t, .get = g, .help = h

static const struct field_info fields[] = {
	{ EVT("num", UINT64, get_num, "running number of the event, the first one is 1") },
	{ EVT("time", CHARBUF, field_evt_time_text, "local time of day with nanoseconds"),
	  .offset = TIME_TEXT_CLOCK | TIME_TEXT_NS, .flags = FIELD_JSON_NS },
	{ EVT("time.s", CHARBUF, field_evt_time_text, "local time of day in seconds"),
	  .offset = TIME_TEXT_CLOCK, .flags = FIELD_JSON_NS },
	{ EVT("time.iso8601", CHARBUF, field_evt_time_text,
	      "UTC date and time with nanoseconds in ISO 8601 form"),
	  .offset = DATE_TIME | TIME_TEXT_NS | TIME_TEXT_ISO, .flags = FIELD_JSON_NS },
	{ EVT("datetime", CHARBUF, field_evt_time_text, "local date and time with nanoseconds"),
	  .offset = DATE_TIME | TIME_TEXT_NS, .flags = FIELD_JSON_NS },
	{ EVT("datetime.s", CHARBUF, field_evt_time_text, "local date and time in seconds"),
	  .offset = DATE_TIME, .flags = FIELD_JSON_NS },
	{ EVT("rawtime", ABSTIME, field_evt_rawtime, "time of the event in ns since the epoch") },
	{ EVT("rawtime.s", ABSTIME, field_evt_rawtime, "seconds of evt.rawtime"),
	  .offset = EVT_TIME_S },
	{ EVT("rawtime.ns", ABSTIME, field_evt_rawtime, "fraction of evt.rawtime in ns"),
	  .offset = EVT_TIME_NS, .fmt = VALUE_FMT_NS },
	{ EVT("reltime", RELTIME, field_evt_reltime, "ns since the first event of the run"),
	  .fmt = VALUE_FMT_NS },
	{ EVT("reltime.s", RELTIME, field_evt_reltime, "seconds of evt.reltime"),
	  .offset = EVT_TIME_S },
	{ EVT("reltime.ns", RELTIME, field_evt_reltime, "fraction of evt.reltime in ns"),
	  .offset = EVT_TIME_NS, .fmt = VALUE_FMT_NS },
	{ EVT("pluginname", CHARBUF, get_nothing,
	      "plugin that made the event; none for system calls") },
	{ EVT("plugininfo", CHARBUF, get_nothing,
	      "summary by the plugin that made the event; none for system calls") },
	{ EVT("source", CHARBUF, get_source, "event source: syscall for events of the kernel") },
	{ EVT("is_async", BOOL, get_is_async,
	      "true for events that no thread caused, such as container metadata") },
	{ EVT("asynctype", CHARBUF, get_asynctype, "name of an asynchronous event") },
	{ EVT("hostname", CHARBUF, get_hostname, "name of the machine the event is from") },
	{ EVT("latency", RELTIME, field_evt_zero_time, "always 0; kept for old rules"),
	  .flags = FIELD_DEPRECATED },
	{ EVT("latency.s", RELTIME, field_evt_zero_time, "always 0; kept for old rules"),
	  .offset = EVT_TIME_S, .flags = FIELD_DEPRECATED },
	{ EVT("latency.ns", RELTIME, field_evt_zero_time, "always 0; kept for old rules"),
	  .offset = EVT_TIME_NS, .fmt = VALUE_FMT_NS, .flags = FIELD_DEPRECATED },
	{ EVT("latency.quantized", UINT64, field_evt_zero_time, "always 0; kept for old rules"),
	  .flags = FIELD_DEPRECATED | FIELD_HIDDEN },
	{ EVT("latency.human", CHARBUF, field_evt_zero_text, "always 0ns; kept for old rules"),
	  .flags = FIELD_DEPRECATED },
	{ EVT("deltatime", RELTIME, field_evt_deltatime, "ns since the previous event") },
	{ EVT("deltatime.s", RELTIME, field_evt_deltatime, "seconds of evt.deltatime"),
	  .offset = EVT_TIME_S },
	{ EVT("deltatime.ns", RELTIME, field_evt_deltatime, "fraction of evt.deltatime in ns"),
	  .offset = EVT_TIME_NS, .fmt = VALUE_FMT_NS },
	{ EVT("outputtime", CHARBUF, field_evt_time_text,
	      "time in the form that outputs use; for outputs only"),
	  .offset = TIME_TEXT_CLOCK | TIME_TEXT_NS, .flags = FIELD_JSON_NS | FIELD_PRINT_ONLY },
	{ EVT("dir", CHARBUF, get_dir, "< for ends of calls, > for other events"),
	  .flags = FIELD_DEPRECATED },
	{ EVT("type", CHARBUF, get_type, "name of the event, usually of the system call") },
	{ EVT("type.is", UINT32, get_type_is,
	      "1 if the event has the type of the suffix, else 0; for conditions"),
	  .get_printed = get_nothing, .arg = ARG_SUFFIX, .parse_suffix = parse_type_is },
	{ .name = "syscall.type",
	  .type = PT_CHARBUF,
	  .get = get_syscall_type,
	  .help = "name of the system call; none for other events" },
	{ EVT("category", CHARBUF, field_evt_category,
	      "class of the event; for I/O the class of the file: file, net, ipc, unknown") },
	{ EVT("cpu", INT16, get_cpu, "CPU on which the event happened") },
	{ EVT("args", CHARBUF, field_evt_args, "all parameters as name=value(meaning)") },
	{ EVT("arg", CHARBUF, field_evt_arg,
	      "one parameter as text, by name or number: its meaning if it has one, else the "
	      "value"),
	  .arg = ARG_PARAM },
	{ EVT("rawarg", DYN, field_evt_rawarg, "one parameter by name with its own type"),
	  .get_printed = field_evt_rawarg_printed, .arg = ARG_PARAM_NAME,
	  .flags = FIELD_NO_TRANSFORMER | FIELD_NO_RHS },
	{ EVT("info", CHARBUF, field_evt_args, "same as evt.args") },
	{ EVT("buffer", BYTEBUF, field_evt_buffer, "data of a read or write, as far as captured"),
	  .parse_suffix = field_evt_parse_buffer },
	{ EVT("buflen", UINT64, field_evt_buflen, "bytes that an I/O call moved") },
	{ EVT("res", CHARBUF, get_res, "SUCCESS or the name of the error") },
	{ EVT("rawres", INT64, get_rawres, "return value of the call") },
	{ EVT("failed", BOOL, get_failed, "true if the call returned an error") },
	{ EVT("is_io", BOOL, field_evt_has_flags, "true for calls that read or write an fd"),
	  .offset = EF_READS_FROM_FD | EF_WRITES_TO_FD },
	{ EVT("is_io_read", BOOL, field_evt_has_flags, "true for calls that read an fd"),
	  .offset = EF_READS_FROM_FD },
	{ EVT("is_io_write", BOOL, field_evt_has_flags, "true for calls that write an fd"),
	  .offset = EF_WRITES_TO_FD },
	{ EVT("io_dir", CHARBUF, field_evt_io_dir, "read or write; none for other events") },
	{ EVT("is_wait", BOOL, field_evt_has_flags, "true for calls that wait (poll, sleep...)"),
	  .offset = EF_WAITS },
	{ EVT("wait_latency", RELTIME, field_evt_zero_time, "always 0; kept for old rules"),
	  .flags = FIELD_DEPRECATED },
	{ EVT("is_syslog", BOOL, field_evt_is_syslog, "true for writes to /dev/log") },
	{ EVT("count", UINT32, get_one, "always 1") },
	{ EVT("count.error", UINT32, field_evt_count_error, "1 for failed calls, else 0"),
	  .offset = EVT_ERROR_ANY },
	{ EVT("count.error.file", UINT32, field_evt_count_error, "evt.count.error of file calls"),
	  .offset = EVT_ERROR_FILE },
	{ EVT("count.error.net", UINT32, field_evt_count_error, "evt.count.error of socket calls"),
	  .offset = EVT_ERROR_NET },
	{ EVT("count.error.memory", UINT32, field_evt_count_error,
	      "evt.count.error of memory calls"),
	  .offset = EVT_ERROR_MEMORY },
	{ EVT("count.error.other", UINT32, field_evt_count_error,
	      "evt.count.error of all other calls"),
	  .offset = EVT_ERROR_OTHER },
	{ EVT("count.exit", UINT32, get_count_exit, "1 for ends of calls; none for others") },
	{ EVT("count.procinfo", UINT32, get_count_procinfo,
	      "1 for resource reports of main threads, else 0"),
	  .flags = FIELD_HIDDEN },
	{ EVT("count.threadinfo", UINT32, get_count_threadinfo,
	      "1 for resource reports of threads, else 0"),
	  .flags = FIELD_HIDDEN },
	{ EVT("around", UINT64, field_evt_around,
	      "true if the event is at most so many ms from the given time in ns"),
	  .arg = ARG_INDEX_REQUIRED, .multi = MULTI_WITHIN,
	  .flags = FIELD_FILTER_ONLY | FIELD_NO_TRANSFORMER | FIELD_NO_RHS },
	{ EVT("abspath", CHARBUF, field_evt_abspath,
	      "absolute path of calls that take a directory fd; .src and .dst of renames and links"),
	  .arg = ARG_SUFFIX, .parse_suffix = field_evt_parse_abspath },
	{ EVT("buflen.in", UINT64, field_evt_buflen, "evt.buflen of reads"),
	  .offset = EVT_BUFLEN_IN, .flags = FIELD_HIDDEN },
	{ EVT("buflen.out", UINT64, field_evt_buflen, "evt.buflen of writes"),
	  .offset = EVT_BUFLEN_OUT, .flags = FIELD_HIDDEN },
	{ EVT("buflen.file", UINT64, field_evt_buflen, "evt.buflen on files"),
	  .offset = EVT_BUFLEN_FILE, .flags = FIELD_HIDDEN },
	{ EVT("buflen.file.in", UINT64, field_evt_buflen, "evt.buflen of reads on files"),
	  .offset = EVT_BUFLEN_FILE | EVT_BUFLEN_IN, .flags = FIELD_HIDDEN },
	{ EVT("buflen.file.out", UINT64, field_evt_buflen, "evt.buflen of writes on files"),
	  .offset = EVT_BUFLEN_FILE | EVT_BUFLEN_OUT, .flags = FIELD_HIDDEN },
	{ EVT("buflen.net", UINT64, field_evt_buflen, "evt.buflen on sockets"),
	  .offset = EVT_BUFLEN_NET, .flags = FIELD_HIDDEN },
	{ EVT("buflen.net.in", UINT64, field_evt_buflen, "evt.buflen of reads on sockets"),
	  .offset = EVT_BUFLEN_NET | EVT_BUFLEN_IN, .flags = FIELD_HIDDEN },
	{ EVT("buflen.net.out", UINT64, field_evt_buflen, "evt.buflen of writes on sockets"),
	  .offset = EVT_BUFLEN_NET | EVT_BUFLEN_OUT, .flags = FIELD_HIDDEN },
	{ EVT("is_open_read", BOOL, field_evt_is_open, "true for opening a file for reading"),
	  .offset = EVT_OPEN_READ },
	{ EVT("is_open_write", BOOL, field_evt_is_open, "true for opening a file for writing"),
	  .offset = EVT_OPEN_WRITE },
	{ EVT("infra.docker.name", CHARBUF, field_evt_infra,
	      "docker event of an infrastructure event in old captures"),
	  .offset = EVT_INFRA_EVENT, .flags = FIELD_HIDDEN },
	{ EVT("infra.docker.container.id", CHARBUF, field_evt_infra,
	      "container id of an infrastructure event in old captures"),
	  .offset = EVT_INFRA_ID, .flags = FIELD_HIDDEN },
	{ EVT("infra.docker.container.name", CHARBUF, field_evt_infra,
	      "container name of an infrastructure event in old captures"),
	  .offset = EVT_INFRA_NAME, .flags = FIELD_HIDDEN },
	{ EVT("infra.docker.container.image", CHARBUF, field_evt_infra,
	      "container image of an infrastructure event in old captures"),
	  .offset = EVT_INFRA_IMAGE, .flags = FIELD_HIDDEN },
	{ EVT("is_open_exec", BOOL, field_evt_is_open,
	      "true for opening that would create an executable file"),
	  .offset = EVT_OPEN_EXEC },
	{ EVT("is_open_create", BOOL, field_evt_is_open, "true for opening that created the file"),
	  .offset = EVT_OPEN_CREATE },
	{ EVT("truncated", BOOL, get_truncated, "true if the sensor had to cut a parameter"),
	  .flags = FIELD_OURS },
	{ EVT("lost_before", UINT64, get_lost_before,
	      "events that were lost on this CPU just before this one"),
	  .flags = FIELD_OURS },
	{ EVT("path_mismatch", BOOL, get_path_mismatch,
	      "true if the path that the caller gave is not where the kernel found the file: a symbolic "
	      "link, another root, or an argument that was rewritten during the call"),
	  .flags = FIELD_OURS },
};

const struct field_class field_class_evt = {
	.name = "evt",
	.desc = "the event itself: what, when, with which parameters and result",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
	.also = 's',			/* syscall.type */
};
