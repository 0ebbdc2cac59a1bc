/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.*: what belongs to the thread of the event and not to its process. Rows are found by
 * field_lookup(); values are views into the state tables or texts in the scratch arena.
 */
#include "engine/field/field_class.h"
#include "engine/field/field_member.h"
#include "engine/field/field_text.h"

/* The id of the event itself: also there when the thread is unknown. */
static bool get_tid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!field_pid_valid(ctx->ev->tid))
		return false;
	*ret = value_i64(PT_INT64, ctx->ev->tid);
	return true;
}

static bool get_ismain(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->thread)
		return false;
	*ret = value_bool(ctx->thread->tid == ctx->thread->pid);
	return true;
}

static bool get_nametid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct str tid;

	if (!ctx->thread)
		return false;
	tid = text_i64(ctx->scratch, ctx->thread->tid);
	return text_value(text_concat(ctx->scratch, istr_str(ctx->thread->comm), tid, STR("")),
			  ret);
}

/* Names of the bits of `set` in bit order, joined by blanks; nothing written when `to` is NULL. */
static uint32_t cap_names(uint64_t set, char *to)
{
	const struct flag_table *caps = &flag_tables[FLAG_TABLE_capabilities];
	uint32_t n = 0;

	for (uint32_t i = 0; i < caps->count; i++) {
		uint32_t len;

		if (!(set & caps->rows[i].value))
			continue;
		len = (uint32_t)strlen(caps->rows[i].name);
		if (to && n)
			to[n - 1] = ' ';
		if (to)
			memcpy(to + n, caps->rows[i].name, len);
		n += len + 1;
	}
	return n ? n - 1 : 0;
}

static bool get_caps(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct str s = { 0 };
	uint64_t set;
	char *p;

	if (!ctx->thread)
		return false;
	set = *(const uint64_t *)((const char *)ctx->thread + f->info->offset);
	s.len = cap_names(set, NULL);
	p = arena_alloc(ctx->scratch, s.len + 1);
	if (!p)
		return false;
	cap_names(set, p);
	s.p = p;
	*ret = value_str(s);
	return true;
}

static bool get_cgroups(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct str all = ctx->thread ? istr_str(ctx->thread->cgroups) : STR_NONE;

	return all.len && text_value(text_from_nuls(ctx->scratch, all), ret);
}

/* The path of the subsystem that f->key names: elements are "subsys=path". */
static bool get_cgroup(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct str all = ctx->thread ? istr_str(ctx->thread->cgroups) : STR_NONE;
	uint32_t at = 0;

	while (at < all.len) {
		uint32_t end = at + (uint32_t)strnlen(all.p + at, all.len - at);
		struct str one = str_sub(all, at, end);

		if (str_starts(one, f->key) && one.len > f->key.len && one.p[f->key.len] == '=') {
			*ret = value_str(str_sub(one, f->key.len + 1, one.len));
			return true;
		}
		at = end + 1;
	}
	return false;
}

static bool cgroup_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* thread.cgroup.NAME: letters and underscores. */
static int parse_cgroup(struct field_ref *f, struct str rest, struct arena *a)
{
	uint32_t n = 1;

	if (rest.len < 2 || rest.p[0] != '.')
		return -EINVAL;
	while (n < rest.len && cgroup_letter(rest.p[n]))
		n++;
	f->key = arena_str(a, str_sub(rest, 1, n));
	if (!f->key.p)
		return -ENOMEM;
	return n > 1 ? (int)n : -EINVAL;
}

/* Memory belongs to the process: shown on its leader only. */
static bool get_memory(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct thread *t = ctx->thread;

	if (!t)
		return false;
	*ret = value_u64(PT_UINT64, t->tid != t->pid ? 0 :
			 *(const uint32_t *)((const char *)t + f->info->offset));
	return true;
}

static bool get_memory_bytes(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!get_memory(f, ctx, ret))
		return false;
	ret->u *= 1024;
	return true;
}

#define MEMBER(name, type, member, help, ...) \
	FIELD_MEMBER(thread, , name, type, member, help, __VA_ARGS__)
#define AT(member) .offset = offsetof(struct thread, member)

/* CPU use is not known to the engine: it would need a clock and /proc. These rows have no value. */
static const struct field_info fields[] = {
	FIELD_ROW("thread.cap_permitted", CHARBUF, get_caps,
		  "permitted capabilities, names joined by blanks", AT(cap_permitted)),
	FIELD_ROW("thread.cap_inheritable", CHARBUF, get_caps,
		  "inheritable capabilities, names joined by blanks", AT(cap_inheritable)),
	FIELD_ROW("thread.cap_effective", CHARBUF, get_caps,
		  "effective capabilities, names joined by blanks", AT(cap_effective)),
	MEMBER("thread.pfmajor", UINT64, pfmajor, "major page faults"),
	MEMBER("thread.pfminor", UINT64, pfminor, "minor page faults"),
	FIELD_ROW("thread.tid", INT64, get_tid, "thread id, also when the thread is unknown"),
	FIELD_ROW("thread.ismain", BOOL, get_ismain, "thread is the leader of its process"),
	FIELD_MEMBER(thread, _known, "thread.vtid", INT64, vtid,
		     "thread id in its own pid namespace"),
	FIELD_ROW("thread.nametid", CHARBUF, get_nametid, "command name and thread id",
		  .flags = FIELD_HIDDEN),
	FIELD_ROW("thread.exectime", RELTIME, NULL, "CPU time of the last run; never known"),
	FIELD_ROW("thread.totexectime", RELTIME, NULL, "CPU time so far; never known"),
	FIELD_ROW("thread.cgroups", CHARBUF, get_cgroups,
		  "all cgroups, subsystem=path joined by blanks"),
	FIELD_ROW("thread.cgroup", CHARBUF, get_cgroup, "cgroup of one subsystem",
		  .arg = ARG_SUFFIX, .parse_suffix = parse_cgroup),
	FIELD_ROW("thread.cpu", DOUBLE, NULL, "CPU use; never known"),
	FIELD_ROW("thread.cpu.user", DOUBLE, NULL, "CPU use in user mode; never known"),
	FIELD_ROW("thread.cpu.system", DOUBLE, NULL, "CPU use in kernel mode; never known"),
	FIELD_ROW("thread.vmsize", UINT64, get_memory,
		  "virtual memory in kB, 0 for threads that are not the leader", AT(vmsize_kb)),
	FIELD_ROW("thread.vmrss", UINT64, get_memory,
		  "resident memory in kB, 0 for threads that are not the leader", AT(vmrss_kb)),
	FIELD_ROW("thread.vmsize.b", UINT64, get_memory_bytes, "virtual memory in bytes",
		  AT(vmsize_kb), .flags = FIELD_HIDDEN),
	FIELD_ROW("thread.vmrss.b", UINT64, get_memory_bytes, "resident memory in bytes",
		  AT(vmrss_kb), .flags = FIELD_HIDDEN),
};

const struct field_class field_class_thread = {
	.name = "thread",
	.desc = "the thread that made the event",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
};
