/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getters of proc.* that live outside field_proc.c: texts (field_proc_text.c), ancestors and
 * leaders (field_proc_tree.c). Only the rows at the end of field_proc.c refer to them.
 */
#ifndef TIERCEL_FIELD_PROC_H
#define TIERCEL_FIELD_PROC_H

#include "engine/field/field_member.h"

#define PROC_GETTER(name) \
	bool name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret);
#define PROC_LISTER(name) \
	bool name(const struct field_ref *f, struct event_ctx *ctx, struct value_list *ret);

/* One text of a given process; also the way ancestors are asked. */
typedef bool (*proc_of_fn)(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
			   struct value *ret);
bool proc_of_istr(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		  struct value *ret);
bool proc_of_args(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		  struct value *ret);
bool proc_of_cmdline(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		     struct value *ret);
bool proc_of_env(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		 struct value *ret);
/* Value of one variable without outer blanks; p == NULL: not set. */
struct str proc_env_var(const struct thread *t, struct str name);

#define PROC_STORED(name) \
	const struct istr *name(const struct field_ref *f, struct event_ctx *ctx);

PROC_STORED(proc_stored_cmdline)
PROC_STORED(proc_stored_pcmdline)
PROC_STORED(proc_stored_cwd)
PROC_STORED(proc_stored_args)
PROC_STORED(proc_stored_env)
PROC_STORED(proc_stored_ancestor)
PROC_GETTER(proc_get_args)
PROC_GETTER(proc_get_cmdline)
PROC_GETTER(proc_get_pcmdline)
PROC_GETTER(proc_get_exeline)
PROC_GETTER(proc_get_cmdnargs)
PROC_GETTER(proc_get_cmdlenargs)
PROC_GETTER(proc_get_env)
PROC_GETTER(proc_get_cwd)

/* Ancestors: [N] one of them; without index all, printed joined. */
PROC_GETTER(proc_get_ancestor_istr)
PROC_LISTER(proc_all_ancestors_istr)
PROC_GETTER(proc_get_ancestor_cmdline)
PROC_LISTER(proc_all_ancestors_cmdline)
PROC_GETTER(proc_get_ancestor_args)
PROC_GETTER(proc_get_ancestor_env)
PROC_LISTER(proc_all_ancestors_env)
PROC_GETTER(proc_get_ancestor_pid)
PROC_LISTER(proc_all_ancestors_pid)
PROC_GETTER(proc_get_loginshellid)
/* The row's text member of the leader of the session or process group. */
PROC_GETTER(proc_get_sid_leader)
PROC_GETTER(proc_get_vpgid_leader)
PROC_GETTER(proc_get_pgid_leader)

#endif
