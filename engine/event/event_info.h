/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rows of syscalls.def, events.def, sc.def and flags/ say, as tables. Constant data, no
 * owner. (The kernel side includes event_type.h only.)
 */
#ifndef TIERCEL_EVENT_INFO_H
#define TIERCEL_EVENT_INFO_H

#include "engine/base/str.h"
#include "engine/event/event_type.h"

enum flag_table_id {
	FLAG_TABLE_NONE,
#define FLAG_TABLE(name) FLAG_TABLE_##name,
#define FLAG(text, bits)
#define FLAG_TABLE_END(name)
#include "engine/event/flags/tables.def"
#undef FLAG_TABLE
#undef FLAG
#undef FLAG_TABLE_END
	FLAG_TABLE_COUNT
};

struct flag_name {
	const char *name;
	uint64_t value;
};

struct flag_table {
	const char *name;
	const struct flag_name *rows;	/* in print order */
	uint32_t count;
};

extern const struct flag_table flag_tables[FLAG_TABLE_COUNT];

enum param_ref_kind { REF_NONE, REF_FLAGS, REF_DIRFD, REF_DYN };
enum dyn_table { DYN_NONE, DYN_sockopt, DYN_ptrace, DYN_bpf, DYN_keyctl, DYN_COUNT };

struct dyn_variant {
	enum param_type type;
	enum param_fmt fmt;
};

/* Variants of a PT_DYN parameter; the first payload byte selects one. */
struct dyn_info {
	const struct dyn_variant *variants;
	uint32_t count;
};

extern const struct dyn_info dyn_infos[DYN_COUNT];

struct param_info {
	const char *name;
	uint8_t type;		/* enum param_type */
	uint8_t fmt;		/* enum param_fmt */
	uint8_t ref_kind;	/* enum param_ref_kind */
	uint8_t ref;		/* flag table, parameter index of the dirfd, or dyn table */
};

struct event_info {
	const char *name;	/* "openat"; "NA" for unused numbers */
	const char *id;		/* "OPENAT_2_X" */
	const struct param_info *params;
	uint16_t nparams;
	uint16_t category;	/* enum event_category */
	uint16_t flags;		/* enum event_flags */
	uint8_t source;		/* enum event_source */
	bool is_exit;		/* odd numbers are exits */
	int8_t fd_param;	/* parameter that holds the fd the event uses, -1 none */
};

extern const struct event_info event_infos[EVENT_TYPE_COUNT];

/* Bytes of a fixed-size wire type, 0 for variable ones. */
extern const uint8_t param_type_sizes[PT_COUNT];
static inline unsigned param_type_size(enum param_type t)
{
	return param_type_sizes[t];
}

/* Types of first parameters that are what the call returned, in 64 bits. */
static inline bool param_type_is_result(unsigned t)
{
	return t == PT_ERRNO || t == PT_FD || t == PT_PID;
}

struct sc_info {
	const char *name;
	uint16_t exit_event;	/* enum event_type */
};

#define SC_COUNT 454
extern const struct sc_info sc_infos[SC_COUNT];
/* Syscall code by name, or -1. */
int sc_find(struct str name);
/* Syscall code of an x86-64 number, or -1. */
int sc_from_native(unsigned number);

/* errno number (positive) to name, NULL when unknown; signal likewise. x86 numbering. */
const char *errno_name(unsigned err);
const char *signal_name(unsigned sig);

#endif
