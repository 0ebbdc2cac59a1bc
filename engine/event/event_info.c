/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of event_info.h, generated from the .def files by X-macros: event types with their
 * parameters, flag names, variants, syscall codes, error and signal names. Used by every module
 * above; constant data, nobody owns it.
 */
#include "engine/event/event_info.h"

#define FLAG_TABLE(table) static const struct flag_name rows_##table[] = {
#define FLAG(text, bits) { text, bits },
#define FLAG_TABLE_END(table) };
#include "engine/event/flags/tables.def"
#undef FLAG_TABLE
#undef FLAG
#undef FLAG_TABLE_END

const struct flag_table flag_tables[FLAG_TABLE_COUNT] = {
#define FLAG_TABLE(table) \
	[FLAG_TABLE_##table] = { #table, rows_##table, ARRAY_SIZE(rows_##table) },
#define FLAG(text, bits)
#define FLAG_TABLE_END(table)
#include "engine/event/flags/tables.def"
#undef FLAG_TABLE
#undef FLAG
#undef FLAG_TABLE_END
};

static const struct dyn_variant sockopt_variants[] = {
	{ PT_BYTEBUF, PF_HEX },
	{ PT_ERRNO, PF_DEC },
	{ PT_UINT32, PF_DEC },
	{ PT_UINT64, PF_DEC },
	{ PT_RELTIME, PF_DEC },
};
static const struct dyn_variant ptrace_variants[] = {
	{ PT_UINT64, PF_HEX },
	{ PT_SIGTYPE, PF_DEC },
};
static const struct dyn_variant bpf_variants[] = {
	{ PT_FD, PF_DEC },
	{ PT_ERRNO, PF_DEC },
};
static const struct dyn_variant keyctl_variants[] = {
	{ PT_INT64, PF_DEC },
	{ PT_CHARBUF, PF_NA },
};

const struct dyn_info dyn_infos[DYN_COUNT] = {
	[DYN_sockopt] = { sockopt_variants, ARRAY_SIZE(sockopt_variants) },
	[DYN_ptrace] = { ptrace_variants, ARRAY_SIZE(ptrace_variants) },
	[DYN_bpf] = { bpf_variants, ARRAY_SIZE(bpf_variants) },
	[DYN_keyctl] = { keyctl_variants, ARRAY_SIZE(keyctl_variants) },
};

const uint8_t param_type_sizes[PT_COUNT] = {
#define TYPE(name, size) [PT_##name] = size,
	PARAM_TYPES(TYPE)
#undef TYPE
};

#define NOREF REF_NONE, 0
#define FLAGS(table) REF_FLAGS, FLAG_TABLE_##table
#define AT(param) REF_DIRFD, param
#define DYN(table) REF_DYN, DYN_##table
#undef USES

#define SYSCALL(num, id, name, category, flags) static const struct param_info params_##id[] = {
#define EVENT(num, id, name, category, source, flags) \
	static const struct param_info params_##id[] = {
#define P(ev, name, type, fmt, ref, ...) { #name, PT_##type, PF_##fmt, ref },
#define USES(ev, param)
#define END(id) };
#include "engine/event/syscalls.def"
#include "engine/event/events.def"
#undef SYSCALL
#undef EVENT
#undef P
#undef USES
#undef END

/* fd_param is -1 unless a USES row follows. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
const struct event_info event_infos[EVENT_TYPE_COUNT] = {
#define INFO(num, id_, name_, category_, source_, flags_)                                       \
	[num] = { .name = name_, .id = #id_, .params = params_##id_, .nparams = id_##_NPARAMS, \
		  .category = category_, .flags = flags_, .source = SRC_##source_,             \
		  .is_exit = (num) & 1, .fd_param = -1,
#define SYSCALL(num, id, name, category, flags) INFO(num, id, name, category, SYSCALL, flags)
#define EVENT(num, id, name, category, source, flags) INFO(num, id, name, category, source, flags)
#define P(ev, name, type, fmt, ref, ...)
#define USES(ev, param) .fd_param = ev##_##param,
#define END(id) },
#include "engine/event/syscalls.def"
#include "engine/event/events.def"
#undef SYSCALL
#undef EVENT
#undef P
#undef USES
#undef END
};
#pragma GCC diagnostic pop

const struct sc_info sc_infos[SC_COUNT] = {
#define SC(code, name, exit) [code] = { #name, EV_##exit },
#include "engine/event/sc.def"
#undef SC
};

int sc_find(struct str name)
{
	for (int i = 0; name.len && i < SC_COUNT; i++) {
		const char *known = sc_infos[i].name;

		if (known && *known == *name.p && str_is(name, known))
			return i;
	}
	return -1;
}

/* Codes of x86-64 numbers; 0 is "unknown". */
static const uint16_t native_codes[] = {
#define NATIVE(number, code, name) [number] = code,
#include "engine/event/native_x86_64.def"
#undef NATIVE
};

int sc_from_native(unsigned number)
{
	return number < ARRAY_SIZE(native_codes) && native_codes[number] ? native_codes[number]
									 : -1;
}

static const char *const errno_names[] = {
#define ERRNO(num, name) [num] = #name,
#include "engine/event/errno.def"
#undef ERRNO
};

static const char *const signal_names[] = {
#define SIGNAL(num, name) [num] = #name,
#include "engine/event/signal.def"
#undef SIGNAL
};

const char *errno_name(unsigned err)
{
	return err < ARRAY_SIZE(errno_names) ? errno_names[err] : NULL;
}

const char *signal_name(unsigned sig)
{
	return sig < ARRAY_SIZE(signal_names) ? signal_names[sig] : NULL;
}
