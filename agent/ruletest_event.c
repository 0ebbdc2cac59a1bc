/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a test: `- execve: {proc.name: sh}` -> an event in wire form, with the state that it
 * needs fed before it. Every field that the test gives is a claim, too: the run fails when the
 * engine sees another value, so that no test rests on an event that is not what it says.
 */
#include "agent/ruletest_build.h"


/* ---- steps --------------------------------------------------------------------------------- */

/* Lengths and bytes of all parameters, back to back. */
static bool lay_out(struct build *b, const struct build_params *p, struct event *ev)
{
	const struct event_info *info = &event_infos[p->type];
	bool wide = info->flags & EF_LARGE_PAYLOAD;
	uint32_t total = 0, at = 0;
	uint8_t *lens, *data;

	for (unsigned i = 0; i < info->nparams; i++)
		total += p->v[i].len;
	lens = arena_zalloc(b->arena, 4 * EVENT_PARAMS_MAX);
	data = arena_zalloc(b->arena, total + 1);
	if (!lens || !data)
		return false;
	for (unsigned i = 0; i < info->nparams; i++) {
		if (wide)
			store_u32(lens + 4 * i, p->v[i].len);
		else
			store_u16(lens + 2 * i, (uint16_t)p->v[i].len);
		if (p->v[i].len)
			memcpy(data + at, p->v[i].p, p->v[i].len);
		at += p->v[i].len;
	}
	return event_view(ev, (uint16_t)p->type, info->nparams, wide, lens, data, total) == 0;
}

static bool too_long(struct build *b, const struct build_params *p)
{
	for (unsigned i = 0; i < event_infos[p->type].nparams; i++)
		if (p->v[i].len > UINT16_MAX && !(event_infos[p->type].flags & EF_LARGE_PAYLOAD)) {
			ruletest_report_node(b->file, b->at, "%s is longer than %d bytes",
					     event_infos[p->type].params[i].name, UINT16_MAX);
			return true;
		}
	return false;
}

struct ruletest_step *build_step(struct build *b, const struct build_params *p, int64_t tid,
				 bool state_only)
{
	struct ruletest *t = b->test;
	struct ruletest_step *v;

	if (too_long(b, p))
		return NULL;
	v = arena_grow(b->arena, t->steps, &t->cap_steps, t->nsteps + 1, sizeof(*v));
	if (!v) {
		ruletest_oom(b->file);
		return NULL;
	}
	t->steps = v;
	v += t->nsteps;
	*v = (struct ruletest_step){ 0 };
	if (!lay_out(b, p, &v->ev)) {
		ruletest_oom(b->file);
		return NULL;
	}
	t->nsteps++;
	if (!state_only)
		b->ts += BUILD_EVENT_NS;
	v->ev.ts = b->ts;
	v->ev.tid = tid;
	v->ev.flags = state_only ? EVENT_STATE_ONLY : 0;
	return v;
}

/* ---- fields of the event itself ------------------------------------------------------------ */

static void unknown_param(struct build_event *e, const struct build_field *f)
{
	const struct event_info *info = &event_infos[e->p.type];
	const char *names[EVENT_PARAMS_MAX];
	_cleanup_buf_ struct buf all = BUF_INIT;
	struct diag *g;

	for (unsigned i = 0; i < info->nparams; i++) {
		names[i] = info->params[i].name;
		buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
	}
	g = ruletest_report_node(e->b->file, f->key, "%s has no parameter for %.*s", info->name,
				 STR_ARG(f->key->s));
	if (info->nparams)
		diag_hint(&e->b->file->diags, g, "its parameters are %.*s", STR_ARG(buf_str(&all)));
	else
		diag_hint(&e->b->file->diags, g, "it has no parameters");
}

static void take_param(struct build_event *e, const struct build_field *f)
{
	unsigned i = FIELD_NO_PARAM;

	if (f->ref.has_index)
		i = f->ref.index < event_infos[e->p.type].nparams ? (unsigned)f->ref.index
								  : FIELD_NO_PARAM;
	else if (f->ref.param_of)
		i = f->ref.param_of[e->p.type];
	if (i == FIELD_NO_PARAM)
		unknown_param(e, f);
	else
		build_param(e, i, f->value);
}

static void take_result(struct build_event *e, const struct build_field *f)
{
	const struct param_info errno_param = { .type = PT_ERRNO };
	bool failed;

	if (str_is(f->ref.plain, "evt.failed")) {
		if (ruletest_bool(e->b->file, f->value, "evt.failed", &failed) && failed &&
		    e->res == UNSET)
			e->res = -1;
	} else if (str_is(f->text, "SUCCESS")) {
		return;
	} else if (str_to_i64(f->text, &e->res) < 0 &&
		   !build_named_number(&errno_param, f->text, &e->res)) {
		ruletest_report_node(e->b->file, f->value,
				     "a result is SUCCESS, a number or the name of an error");
	}
}

/* Paths of fs.path.*: names of the parameters in order of preference. */
static const struct path_row {
	const char *field;
	const char *params[5];
} path_rows[] = {
	{ "fs.path.name", { "path", "name", "filename", "pathname", "special" } },
	{ "fs.path.nameraw", { "path", "name", "filename", "pathname", "special" } },
	{ "fs.path.source", { "linkpath", "oldpath", "dev" } },
	{ "fs.path.sourceraw", { "linkpath", "oldpath", "dev" } },
	{ "fs.path.target", { "target", "newpath", "dir" } },
	{ "fs.path.targetraw", { "target", "newpath", "dir" } },
};

/* For hard links source is the new name, as for symbolic links. */
static const char *swap_link(const struct build_event *e, const char *param)
{
	if (!str_starts(str_from(event_infos[e->p.type].name), STR("link")))
		return param;
	if (strcmp(param, "oldpath") == 0)
		return "newpath";
	return strcmp(param, "newpath") == 0 ? "oldpath" : param;
}

static bool take_path(struct build_event *e, const struct build_field *f)
{
	const struct path_row *r = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(path_rows) && !r; i++)
		if (str_is(f->ref.plain, path_rows[i].field))
			r = &path_rows[i];
	if (!r)
		return false;
	for (size_t i = 0; f->text.p && i < ARRAY_SIZE(r->params) && r->params[i]; i++) {
		int p = build_param_index(e->p.type, swap_link(e, r->params[i]));

		if (p < 0)
			continue;
		if (!e->p.set[p])
			build_param_text(e->b, &e->p, (unsigned)p, f->text);
		return true;
	}
	if (f->text.p && event_infos[e->p.type].fd_param >= 0) {	/* fchmod: the fd's name */
		e->fd.any = true;
		e->fd.name = f->text;
	}
	return true;
}

static bool take_event_field(struct build_event *e, struct build_field *f)
{
	struct str plain = f->ref.plain;
	int64_t n;

	if (str_is(plain, "evt.arg") || str_is(plain, "evt.rawarg")) {
		take_param(e, f);
	} else if (str_is(plain, "evt.res") || str_is(plain, "evt.rawres") ||
		   str_is(plain, "evt.failed")) {
		take_result(e, f);
	} else if (str_is(plain, "evt.buffer")) {
		int i = build_param_index(e->p.type, "data");

		if (i < 0)
			unknown_param(e, f);
		else
			build_param_bytes(e->b, &e->p, (unsigned)i, f->text);
	} else if (str_is(plain, "evt.cpu")) {
		if (ruletest_number(e->b->file, f->value, "evt.cpu", 0, INT16_MAX, &n))
			e->cpu = (uint16_t)n;
	} else if (str_is(plain, "evt.truncated")) {
		ruletest_bool(e->b->file, f->value, "evt.truncated", &e->truncated);
	} else if (str_is(plain, "evt.lost_before")) {
		if (ruletest_number(e->b->file, f->value, "evt.lost_before", 0, INT64_MAX, &n))
			e->kernel.lost_before = (uint64_t)n;
	} else {
		return take_path(e, f);
	}
	return true;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool take_key(struct build_event_keys *keys, const struct yaml_node *k)
{
	if (str_is(k->s, "proc"))
		keys->proc = k->next;
	else if (str_is(k->s, "parent"))
		keys->parent = k->next;
	else if (str_is(k->s, "container"))
		keys->container = k->next;
	else if (str_is(k->s, "after"))
		keys->after = k->next;
	else
		return false;
	return true;
}

static bool look_up(struct build_event *e, const struct yaml_node *k, struct build_field *f)
{
	const struct yaml_node *v = yaml_deref(k->next);
	const char *msg = "";

	*f = (struct build_field){ .key = k, .value = k->next };
	if (v->kind == YNODE_SCALAR && !v->is_null)
		f->text = v->s;
	if (k->kind != YNODE_SCALAR) {
		ruletest_report_node(e->b->file, k, "not a field");
		return false;
	}
	if (field_lookup(k->s, e->b->arena, NULL, &f->ref, &msg) == 0)
		return true;
	ruletest_no_field(e->b->file, k, msg);
	return false;
}

void build_event_keys(struct build_event *e, const struct yaml_node *map,
		      struct build_event_keys *keys)
{
	uint32_t cap = 0;

	yaml_each_pair(k, map) {
		struct build_field *v;

		if (k->kind == YNODE_SCALAR && take_key(keys, k))
			continue;
		v = arena_grow(e->b->arena, e->fields, &cap, e->nfields + 1, sizeof(*v));
		if (!v) {
			ruletest_oom(e->b->file);
			return;
		}
		e->fields = v;
		if (look_up(e, k, &v[e->nfields]))
			e->nfields++;
	}
}

/* ---- the event ----------------------------------------------------------------------------- */

static void default_result(struct build_event *e)
{
	const struct param_info *p = &event_infos[e->p.type].params[0];
	int64_t res = e->res;

	if (!event_infos[e->p.type].nparams || e->p.set[0] || !param_type_size(p->type))
		return;
	if (res == UNSET && build_is_clone(e->p.type))
		res = e->b->next_pid++;
	if (res == UNSET && (event_infos[e->p.type].flags & (EF_READS_FROM_FD | EF_WRITES_TO_FD))) {
		int i = build_param_index(e->p.type, "data");

		res = i >= 0 && e->p.set[i] ? e->p.v[i].len : 1;
	}
	build_param_num(e->b, &e->p, 0, res == UNSET ? 0 : res);
}

/* What was not said: zero, the working directory, nothing. */
static void default_params(struct build_event *e)
{
	const struct event_info *info = &event_infos[e->p.type];

	default_result(e);
	for (unsigned i = 0; i < info->nparams; i++) {
		struct str name = str_from(info->params[i].name);

		if (e->p.set[i])
			continue;
		if (str_ends(name, STR("dirfd")) || str_is(name, "olddir") ||
		    str_is(name, "newdir"))
			build_param_num(e->b, &e->p, i, WIRE_AT_FDCWD);
		else if (param_type_size(info->params[i].type))
			build_param_num(e->b, &e->p, i, 0);
	}
}

/* Fields whose text is what the test itself set, in one of several spellings. */
static bool is_definition(const struct build_field *f)
{
	return str_is(f->ref.plain, "evt.arg") || str_is(f->ref.plain, "evt.rawarg") ||
	       str_is(f->ref.plain, "proc.env") || yaml_deref(f->value)->kind != YNODE_SCALAR;
}

/*
 * Values in the form that the engine has: "/run/x.sock" stands for the name of a connected unix
 * socket, which has two addresses in front; a working directory ends in "/".
 */
static struct str claimed_text(const struct build_event *e, const struct build_field *f)
{
	int i = build_param_index(e->p.type, "tuple");

	if (str_is(f->ref.plain, "proc.cwd") && !str_ends(f->text, STR("/")))
		return str_from(arena_printf(e->b->arena, "%.*s/", STR_ARG(f->text)));
	if (str_is(f->ref.plain, "fd.name") && f->text.len && f->text.p[0] == '/' && i >= 0 &&
	    e->p.v[i].len && e->p.v[i].p[0] == WIRE_AF_UNIX)
		return str_from(arena_printf(e->b->arena, "%lx->%lx %.*s", BUILD_UNIX_SOURCE,
					     BUILD_UNIX_PEER, STR_ARG(f->text)));
	return f->text;
}

static void add_claims(struct build_event *e, struct ruletest_step *step)
{
	for (uint32_t i = 0; i < e->nfields; i++)
		if (!is_definition(&e->fields[i]))
			ruletest_claim_add(e->b->file, &step->claims, e->fields[i].key,
					   claimed_text(e, &e->fields[i]));
}

static void take_after(struct build_event *e, const struct yaml_node *n)
{
	static const struct { const char *unit; uint64_t ns;
	} units[] = {
		{"ms", 1000000},
		{"s", 1000000000},
		{"m", 60000000000},
		{"h", 3600000000000},
	};
	struct str s;
	uint64_t v;

	if (!n || !ruletest_text(e->b->file, n, "after", &s))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		struct str unit = str_from(units[i].unit);

		if (!str_ends(s, unit) || str_to_u64(str_sub(s, 0, s.len - unit.len), &v) < 0)
			continue;
		if (v > UINT32_MAX)
			break;
		e->b->ts += v * units[i].ns;
		return;
	}
	ruletest_report_node(e->b->file, n, "after is a time like 500ms, 2s, 5m or 1h");
}

static void finish(struct build_event *e, struct build_proc *image, uint32_t offset)
{
	struct ruletest_step *step;

	build_fd_apply(e);
	if (build_is_exec(e->p.type))
		build_exec_params(e, image);
	else if (build_is_clone(e->p.type))
		build_clone_params(e);
	default_params(e);
	step = build_step(e->b, &e->p, e->proc->pid, false);
	if (!step)
		return;
	step->offset = offset;
	step->number = ++e->b->num;
	step->kernel = e->kernel;
	step->ev.cpu = e->cpu;
	if (e->truncated)
		step->ev.flags |= EVENT_TRUNCATED;
	add_claims(e, step);
}

static void read_event(struct build_event *e, const struct yaml_node *fields, uint32_t offset)
{
	struct build_event_keys keys = { 0 };
	struct build_proc *image;

	build_fd_desc_init(&e->fd);
	e->res = UNSET;
	if (yaml_deref(fields)->kind == YNODE_MAP) {
		build_event_keys(e, yaml_deref(fields), &keys);
	} else if (!yaml_deref(fields)->is_null) {
		ruletest_report_node(e->b->file, fields,
				     "an event is a map of fields: {proc.name: sh}");
		return;
	}
	take_after(e, keys.after);
	for (uint32_t i = 0; i < e->nfields; i++) {
		struct build_field *f = &e->fields[i];

		f->used = take_event_field(e, f) || build_fd_field(e, f);
	}
	image = build_event_actor(e, &keys);
	if (image)
		finish(e, image, offset);
}

void build_event(struct build *b, const struct yaml_node *node)
{
	const struct yaml_node *n = yaml_deref(node), *key = n->first;
	struct build_event e = { .b = b, .node = node };
	int sc, type;

	b->at = node;
	if (n->kind != YNODE_MAP || n->n != 1 || key->kind != YNODE_SCALAR) {
		ruletest_report_node(b->file, node,
				     "an event has the form '- execve: {field: value}'");
		return;
	}
	e.node = key;
	b->at = key;
	type = build_event_type(key->s, &sc);
	if (type < 0) {
		build_event_name_hint(b->file, ruletest_report_node(b->file, key,
								    "no event '%.*s'",
								    STR_ARG(key->s)), key->s);
		return;
	}
	e.p.type = (enum event_type)type;
	if (type == EV_GENERIC_X)
		build_param_num(b, &e.p, GENERIC_X_ID, sc);
	read_event(&e, key->next, key->offset);
}
