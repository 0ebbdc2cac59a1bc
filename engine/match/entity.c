/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the value of each field depends on. A field that is not listed depends on the event, which
 * is always sound. Called by the compiler.
 *
 * Listed under ENTITY_PROCESS are fields that read nothing but entries whose versions facts.c looks
 * at. Not there: what the event's time or fd tables decide (durations, proc.stdin.*), counters that
 * do not change the version (memory, threads), look-ups in other tables (user.name) and leaders
 * outside the chain of ancestors (proc.sname).
 */
#include "engine/match/program.h"

static const struct {
	const char *field;	/* name without argument */
	uint8_t entity;
} entities[] = {
	{ "evt.type", ENTITY_TYPE },
	{ "evt.dir", ENTITY_TYPE },
	{ "proc.name", ENTITY_PROCESS },
	{ "proc.pname", ENTITY_PROCESS },
	{ "proc.aname", ENTITY_PROCESS },
	{ "proc.exe", ENTITY_PROCESS },
	{ "proc.pexe", ENTITY_PROCESS },
	{ "proc.aexe", ENTITY_PROCESS },
	{ "proc.exepath", ENTITY_PROCESS },
	{ "proc.pexepath", ENTITY_PROCESS },
	{ "proc.aexepath", ENTITY_PROCESS },
	{ "proc.args", ENTITY_PROCESS },
	{ "proc.aargs", ENTITY_PROCESS },
	{ "proc.cmdline", ENTITY_PROCESS },
	{ "proc.pcmdline", ENTITY_PROCESS },
	{ "proc.acmdline", ENTITY_PROCESS },
	{ "proc.exeline", ENTITY_PROCESS },
	{ "proc.cmdnargs", ENTITY_PROCESS },
	{ "proc.cmdlenargs", ENTITY_PROCESS },
	{ "proc.env", ENTITY_PROCESS },
	{ "proc.aenv", ENTITY_PROCESS },
	{ "proc.cwd", ENTITY_PROCESS },
	{ "proc.tty", ENTITY_PROCESS },
	{ "proc.pid", ENTITY_PROCESS },
	{ "proc.ppid", ENTITY_PROCESS },
	{ "proc.apid", ENTITY_PROCESS },
	{ "proc.vpid", ENTITY_PROCESS },
	{ "proc.pvpid", ENTITY_PROCESS },
	{ "proc.sid", ENTITY_PROCESS },
	{ "proc.vpgid", ENTITY_PROCESS },
	{ "proc.pgid", ENTITY_PROCESS },
	{ "proc.is_exe_writable", ENTITY_PROCESS },
	{ "proc.is_exe_upper_layer", ENTITY_PROCESS },
	{ "proc.is_exe_lower_layer", ENTITY_PROCESS },
	{ "proc.is_exe_from_memfd", ENTITY_PROCESS },
	{ "proc.is_sid_leader", ENTITY_PROCESS },
	{ "proc.is_vpgid_leader", ENTITY_PROCESS },
	{ "proc.is_pgid_leader", ENTITY_PROCESS },
	{ "proc.exe_ino", ENTITY_PROCESS },
	{ "proc.exe_ino.ctime", ENTITY_PROCESS },
	{ "proc.exe_ino.mtime", ENTITY_PROCESS },
	{ "proc.exe_ino.ctime_duration_proc_start", ENTITY_PROCESS },
	{ "proc.exe_ino.ctime_duration_pidns_start", ENTITY_PROCESS },
	{ "thread.tid", ENTITY_PROCESS },
	{ "thread.vtid", ENTITY_PROCESS },
	{ "user.uid", ENTITY_PROCESS },
	{ "user.loginuid", ENTITY_PROCESS },
	{ "group.gid", ENTITY_PROCESS },
	{ "container.id", ENTITY_PROCESS },
	{ "container.image.repository", ENTITY_PROCESS },
	{ "container.image.tag", ENTITY_PROCESS },
	{ "container.image", ENTITY_PROCESS },
	{ "container.name", ENTITY_PROCESS },
	{ "container.privileged", ENTITY_PROCESS },
	{ "k8s.ns.name", ENTITY_PROCESS },
	{ "k8s.pod.name", ENTITY_PROCESS },
};

static enum entity field_entity(const struct field_ref *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
		if (str_is(f->plain, entities[i].field))
			return entities[i].entity;
	return ENTITY_EVENT;
}

/* A transformer call depends on what its fields depend on, constants on nothing. */
static bool only_process(const struct operand *op)
{
	if (op->kind == OPERAND_FIELD)
		return field_entity(&op->field) == ENTITY_PROCESS;
	for (uint32_t i = 0; i < op->nargs; i++)
		if (!only_process(op->args[i]))
			return false;
	return true;
}

enum entity entity_of_operand(const struct operand *op)
{
	if (op->kind == OPERAND_FIELD)
		return field_entity(&op->field);
	return only_process(op) ? ENTITY_PROCESS : ENTITY_EVENT;
}

enum entity entity_of(const struct ast *check)
{
	enum entity left = entity_of_operand(check->lhs);

	if (!check->rhs || (left == ENTITY_PROCESS && only_process(check->rhs)))
		return left;
	return ENTITY_EVENT;
}
