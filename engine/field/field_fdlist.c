/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdlist.*: the fds that poll and ppoll wait for, one text per field.
 */
#include "engine/field/arg.h"
#include "engine/field/fdlist.h"
#include "engine/field/field_class.h"
#include "engine/state/sock.h"

enum what { WHAT_NUMS, WHAT_NAMES, WHAT_CIPS, WHAT_SIPS, WHAT_CPORTS, WHAT_SPORTS };

static bool is_v6(const struct fdinfo *fd)
{
	return fd->kind == FD_IPV6 || fd->kind == FD_IPV6_SERVER;
}

static bool is_connection(const struct fdinfo *fd)
{
	return fd->kind == FD_IPV4 || fd->kind == FD_IPV6;
}

static bool is_server(const struct fdinfo *fd)
{
	return fd->kind == FD_IPV4_SERVER || fd->kind == FD_IPV6_SERVER;
}

/* One element; false: the fd has nothing to say to this field. */
static bool print_one(struct buf *out, enum what what, int64_t num, const struct fdinfo *fd)
{
	bool connection = fd && is_connection(fd), any_end = connection || (fd && is_server(fd));

	if (what != WHAT_NUMS && what != WHAT_NAMES && !any_end)
		return false;
	if (!connection && (what == WHAT_CIPS || what == WHAT_CPORTS))
		return false;
	if (out->len)
		buf_add_char(out, ',');
	switch (what) {
	case WHAT_NUMS:
		buf_add_i64(out, num);
		break;
	case WHAT_NAMES:
		buf_add_str(out, fd && fd->name->len ? istr_str(fd->name) : STR("<NA>"));
		break;
	case WHAT_CIPS:
		sock_print_ip(out, fd->tuple.sip, is_v6(fd));
		break;
	case WHAT_SIPS:
		sock_print_ip(out, fd->tuple.dip, is_v6(fd));
		break;
	case WHAT_CPORTS:
		buf_add_u64(out, fd->tuple.sport);
		break;
	case WHAT_SPORTS:
		buf_add_u64(out, fd->tuple.dport);
		break;
	}
	return true;
}

static bool get_list(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct buf local, *b;
	struct fdlist_iter it;
	uint16_t events;
	int64_t num;
	bool any = false;

	if (ctx->ev->type == EV_POLL_X)
		it = fdlist_start(event_param(ctx->ev, POLL_X_fds));
	else if (ctx->ev->type == EV_PPOLL_X)
		it = fdlist_start(event_param(ctx->ev, PPOLL_X_fds));
	else
		return false;
	b = arg_scratch(ctx, &local);
	while (fdlist_next(&it, &num, &events)) {
		struct fdinfo *fd = ctx->thread ? thread_fd(ctx->thread, num) : NULL;

		any |= print_one(b, (enum what)f->info->offset, num, fd);
	}
	if (!any) {
		buf_done(&local);
		return false;
	}
	return arg_scratch_done(ctx, b, &local, ret);
}

#define FDLIST(n, w, h) \
	{ .name = "fdlist." n, .type = PT_CHARBUF, .get = get_list, .offset = w, .help = h }

static const struct field_info fields[] = {
	FDLIST("nums", WHAT_NUMS, "numbers of the fds that poll waits for"),
	FDLIST("names", WHAT_NAMES, "names of the fds that poll waits for"),
	FDLIST("cips", WHAT_CIPS, "client addresses of the sockets that poll waits for"),
	FDLIST("sips", WHAT_SIPS, "server addresses of the sockets that poll waits for"),
	FDLIST("cports", WHAT_CPORTS, "client ports of the sockets that poll waits for"),
	FDLIST("sports", WHAT_SPORTS, "server ports of the sockets that poll waits for"),
};

const struct field_class field_class_fdlist = {
	.name = "fdlist",
	.desc = "the fds of poll and ppoll",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
};
