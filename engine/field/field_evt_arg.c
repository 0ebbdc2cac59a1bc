/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that show parameters: evt.arg*, evt.args, evt.abspath and the legacy infrastructure ones.
 * Called through the rows of field_evt.c.
 */
#include "engine/field/arg.h"
#include "engine/field/field_evt.h"
#include "engine/state/path.h"

bool field_evt_args(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct buf local, *b = arg_scratch(ctx, &local);

	arg_print_all(ctx, b);
	return arg_scratch_done(ctx, b, &local, ret);
}

/* Position of the field's parameter in this event; false: it has none. */
static bool position(const struct field_ref *f, const struct event *ev, unsigned *ret)
{
	if (f->param_of) {
		if (f->param_of[ev->type] == FIELD_NO_PARAM)
			return false;
		*ret = f->param_of[ev->type];
		return true;
	}
	if (f->index < 0 || f->index >= EVENT_PARAMS_MAX)
		return false;
	*ret = (unsigned)f->index;
	return true;
}

bool field_evt_arg(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	unsigned at;

	return position(f, ctx->ev, &at) && arg_value(ctx, at, ret);
}

bool field_evt_rawarg(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	unsigned at;

	return position(f, ctx->ev, &at) && arg_raw_value(ctx, at, ret);
}

/* A number that was not collected cannot be compared, but prints as 0. */
bool field_evt_rawarg_printed(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	enum value_class class;
	struct arg a;
	unsigned at;

	if (field_evt_rawarg(f, ctx, ret))
		return true;
	if (!position(f, ctx->ev, &at) || !arg_init(&a, ctx, at))
		return false;
	class = value_class_of((enum param_type)a.type);
	if (a.p.len || (class != VC_SIGNED && class != VC_UNSIGNED))
		return false;
	*ret = (struct value){ .type = a.type, .fmt = a.fmt };
	return true;
}

/* ---- evt.abspath ---------------------------------------------------------------------------- */

enum side { SIDE_DEFAULT, SIDE_SRC, SIDE_DST };

int field_evt_parse_abspath(struct field_ref *f, struct str rest, struct arena *a)
{
	if (str_is(rest, ".src"))
		f->param = SIDE_SRC;
	else if (str_is(rest, ".dst"))
		f->param = SIDE_DST;
	else if (rest.len)
		return -ENOENT;
	return (int)rest.len;
}

#define NO_DIR -1

struct at_params {
	uint16_t type;
	uint8_t side;		/* SIDE_SRC: also the default one */
	int8_t dirfd;
	uint8_t path;
};

static const struct at_params at_params[] = {
	{ EV_RENAMEAT_X, SIDE_SRC, RENAMEAT_X_olddirfd, RENAMEAT_X_oldpath },
	{ EV_RENAMEAT_X, SIDE_DST, RENAMEAT_X_newdirfd, RENAMEAT_X_newpath },
	{ EV_RENAMEAT2_X, SIDE_SRC, RENAMEAT2_X_olddirfd, RENAMEAT2_X_oldpath },
	{ EV_RENAMEAT2_X, SIDE_DST, RENAMEAT2_X_newdirfd, RENAMEAT2_X_newpath },
	{ EV_LINKAT_2_X, SIDE_SRC, LINKAT_2_X_olddir, LINKAT_2_X_oldpath },
	{ EV_LINKAT_2_X, SIDE_DST, LINKAT_2_X_newdir, LINKAT_2_X_newpath },
	{ EV_SYMLINKAT_X, SIDE_DEFAULT, SYMLINKAT_X_linkdirfd, SYMLINKAT_X_linkpath },
	{ EV_OPENAT_2_X, SIDE_DEFAULT, OPENAT_2_X_dirfd, OPENAT_2_X_name },
	{ EV_OPENAT2_X, SIDE_DEFAULT, OPENAT2_X_dirfd, OPENAT2_X_name },
	{ EV_UNLINKAT_2_X, SIDE_DEFAULT, UNLINKAT_2_X_dirfd, UNLINKAT_2_X_name },
	{ EV_MKDIRAT_X, SIDE_DEFAULT, MKDIRAT_X_dirfd, MKDIRAT_X_path },
	{ EV_FCHMODAT_X, SIDE_DEFAULT, FCHMODAT_X_dirfd, FCHMODAT_X_filename },
	{ EV_FCHOWNAT_X, SIDE_DEFAULT, FCHOWNAT_X_dirfd, FCHOWNAT_X_pathname },
	{ EV_OPEN_BY_HANDLE_AT_X, SIDE_DEFAULT, NO_DIR, OPEN_BY_HANDLE_AT_X_path },
};

static const struct at_params *find_at(uint16_t type, uint32_t side)
{
	for (size_t i = 0; i < ARRAY_SIZE(at_params); i++) {
		const struct at_params *p = &at_params[i];

		if (p->type == type && (p->side == SIDE_DEFAULT || p->side == side ||
					(p->side == SIDE_SRC && side == SIDE_DEFAULT)))
			return p;
	}
	return NULL;
}

/* The sensor resolves this path, but only for a call that succeeded. */
static bool handle_opened(struct event *ev)
{
	int64_t fd;

	return event_get_i64(ev, OPEN_BY_HANDLE_AT_X_fd, &fd) && fd > 0;
}

bool field_evt_abspath(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct at_params *p = find_at(ctx->ev->type, f->param);
	struct field_cache *c = ctx->field_cache;
	struct buf local, local_base = BUF_INIT, *b, *base = c ? &c->base : &local_base;
	int64_t dirfd = WIRE_AT_FDCWD;
	struct str path;
	bool ok;

	if (!p)
		return false;
	path = event_get_text(ctx->ev, p->path);
	if (!path.p || (p->dirfd == NO_DIR ? !handle_opened(ctx->ev) :
					    !event_get_i64(ctx->ev, (unsigned)p->dirfd, &dirfd)))
		return false;
	buf_clear(base);
	arg_dirfd_base(ctx, dirfd, path, base);
	if (str_is(buf_str(base), "<UNKNOWN>"))
		buf_add_char(base, '/');
	b = arg_scratch(ctx, &local);
	path_join(b, buf_str(base), path);
	ok = arg_scratch_done(ctx, b, &local, ret);
	buf_done(&local_base);
	return ok;
}

/* ---- infrastructure events of old captures --------------------------------------------------- */

/* "Event: die; ID: 0123..; Name: web; Image: nginx" */
static bool described(struct str text, const char *key, struct str *ret)
{
	while (text.len) {
		const char *end = memchr(text.p, ';', text.len);
		uint32_t n = end ? (uint32_t)(end - text.p) : text.len;
		struct str part = str_trim(str_sub(text, 0, n));
		const char *colon = part.len ? memchr(part.p, ':', part.len) : NULL;

		if (colon && str_starts(part, str_from(key))) {
			*ret = str_trim(str_sub(part, (uint32_t)(colon - part.p) + 1, part.len));
			return true;
		}
		text = str_sub(text, end ? n + 1 : n, text.len);
	}
	return false;
}

#define SHORT_ID_LEN 12

bool field_evt_infra(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	static const char *const keys[] = {
		[EVT_INFRA_EVENT] = "Event",
		[EVT_INFRA_ID] = "ID",
		[EVT_INFRA_NAME] = "Name",
		[EVT_INFRA_IMAGE] = "Image",
	};
	struct str text, v;

	if (ctx->ev->type != EV_INFRASTRUCTURE_EVENT_E)
		return false;
	text = event_get_text(ctx->ev, INFRASTRUCTURE_EVENT_E_description);
	if (!text.p || !described(text, keys[f->info->offset], &v))
		return false;
	if (f->info->offset == EVT_INFRA_ID && v.len > SHORT_ID_LEN)
		v.len = SHORT_ID_LEN;
	*ret = value_str(v);
	return true;
}
