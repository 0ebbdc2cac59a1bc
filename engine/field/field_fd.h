/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of fd.* share: kinds of fds as text, names of fds that are not in the table,
 * addresses of sockets.
 */
#ifndef TIERCEL_FIELD_FD_H
#define TIERCEL_FIELD_FD_H

#include "engine/field/field_member.h"

#define FD_GETTER(name) \
	bool name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret);
#define FD_LISTER(name) \
	bool name(const struct field_ref *f, struct event_ctx *ctx, struct value_list *ret);

/* "file", "ipv4" ...; "<NA>" for kinds without a name. */
struct str fd_type_name(const struct fdinfo *fd);
/* "f", "4" ... */
struct str fd_type_char(const struct fdinfo *fd);
bool fd_is_ip(const struct fdinfo *fd);		/* connection or unconnected socket */
bool fd_is_listener(const struct fdinfo *fd);

/* Name of the fd of the event; made from its parameters when the fd is not in the table. */
bool fd_name_of(struct event_ctx *ctx, struct value *ret);
bool fd_nameraw_of(struct event_ctx *ctx, struct value *ret);
/* Where the kernel found the file of the event; STR_NONE if it did not tell. */
struct str fd_realpath_of(const struct event_ctx *ctx);
/* `path` below the directory `dirfd`, absolute and normalised. */
bool fd_path_at(struct event_ctx *ctx, int64_t dirfd, struct str path, struct value *ret);

/* field_fd_order.c: all fds of the thread in the order of fd.types; NULL when memory is short. */
struct fdinfo **fd_order(const struct event_ctx *ctx, uint32_t *ret_n);

/* field_fd_sock.c */
FD_GETTER(fd_get_cip) FD_GETTER(fd_get_sip) FD_GETTER(fd_get_lip) FD_GETTER(fd_get_rip)
FD_GETTER(fd_get_cport) FD_GETTER(fd_get_sport) FD_GETTER(fd_get_lport) FD_GETTER(fd_get_rport)
FD_GETTER(fd_get_cproto) FD_GETTER(fd_get_sproto) FD_GETTER(fd_get_lproto)
FD_GETTER(fd_get_rproto)
FD_GETTER(fd_get_cname) FD_GETTER(fd_get_sname) FD_GETTER(fd_get_lname) FD_GETTER(fd_get_rname)
FD_LISTER(fd_all_cname) FD_LISTER(fd_all_sname) FD_LISTER(fd_all_lname) FD_LISTER(fd_all_rname)
FD_LISTER(fd_all_ip) FD_LISTER(fd_all_port)
FD_GETTER(fd_get_is_server)
FD_GETTER(fd_get_l4proto)
FD_GETTER(fd_get_sockfamily)

#endif
