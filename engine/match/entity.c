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
	struct str field;	/* name without argument */
	uint8_t entity;
} entities[] = {
#define ROW(name, entity) { { name, sizeof(name) - 1 }, entity }
	ROW("evt.type", ENTITY_TYPE),
	ROW("evt.dir", ENTITY_TYPE),
	ROW("proc.name", ENTITY_PROCESS),
	ROW("proc.pname", ENTITY_PROCESS),
	ROW("proc.aname", ENTITY_PROCESS),
	ROW("proc.exe", ENTITY_PROCESS),
	ROW("proc.pexe", ENTITY_PROCESS),
	ROW("proc.aexe", ENTITY_PROCESS),
	ROW("proc.exepath", ENTITY_PROCESS),
	ROW("proc.pexepath", ENTITY_PROCESS),
	ROW("proc.aexepath", ENTITY_PROCESS),
	ROW("proc.args", ENTITY_PROCESS),
	ROW("proc.aargs", ENTITY_PROCESS),
	ROW("proc.cmdline", ENTITY_PROCESS),
	ROW("proc.pcmdline", ENTITY_PROCESS),
	ROW("proc.acmdline", ENTITY_PROCESS),
	ROW("proc.exeline", ENTITY_PROCESS),
	ROW("proc.cmdnargs", ENTITY_PROCESS),
	ROW("proc.cmdlenargs", ENTITY_PROCESS),
	ROW("proc.env", ENTITY_PROCESS),
	ROW("proc.aenv", ENTITY_PROCESS),
	ROW("proc.cwd", ENTITY_PROCESS),
	ROW("proc.tty", ENTITY_PROCESS),
	ROW("proc.pid", ENTITY_PROCESS),
	ROW("proc.ppid", ENTITY_PROCESS),
	ROW("proc.apid", ENTITY_PROCESS),
	ROW("proc.vpid", ENTITY_PROCESS),
	ROW("proc.pvpid", ENTITY_PROCESS),
	ROW("proc.sid", ENTITY_PROCESS),
	ROW("proc.vpgid", ENTITY_PROCESS),
	ROW("proc.pgid", ENTITY_PROCESS),
	ROW("proc.is_exe_writable", ENTITY_PROCESS),
	ROW("proc.is_exe_upper_layer", ENTITY_PROCESS),
	ROW("proc.is_exe_lower_layer", ENTITY_PROCESS),
	ROW("proc.is_exe_from_memfd", ENTITY_PROCESS),
	ROW("proc.is_sid_leader", ENTITY_PROCESS),
	ROW("proc.is_vpgid_leader", ENTITY_PROCESS),
	ROW("proc.is_pgid_leader", ENTITY_PROCESS),
	ROW("proc.exe_ino", ENTITY_PROCESS),
	ROW("proc.exe_ino.ctime", ENTITY_PROCESS),
	ROW("proc.exe_ino.mtime", ENTITY_PROCESS),
	ROW("proc.exe_ino.ctime_duration_proc_start", ENTITY_PROCESS),
	ROW("proc.exe_ino.ctime_duration_pidns_start", ENTITY_PROCESS),
	ROW("thread.tid", ENTITY_PROCESS),
	ROW("thread.vtid", ENTITY_PROCESS),
	ROW("user.uid", ENTITY_PROCESS),
	ROW("user.loginuid", ENTITY_PROCESS),
	ROW("group.gid", ENTITY_PROCESS),
	ROW("container.id", ENTITY_PROCESS),
	ROW("container.image.repository", ENTITY_PROCESS),
	ROW("container.image.tag", ENTITY_PROCESS),
	ROW("container.image", ENTITY_PROCESS),
	ROW("container.name", ENTITY_PROCESS),
	ROW("container.privileged", ENTITY_PROCESS),
	ROW("k8s.ns.name", ENTITY_PROCESS),
	ROW("k8s.pod.name", ENTITY_PROCESS),
#undef ROW
};

static enum entity field_entity(const struct field_ref *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
		if (str_eq(f->plain, entities[i].field))
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
