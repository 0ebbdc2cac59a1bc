/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and tuples as text, and their wire form (SOCKADDR, SOCKTUPLE parameters).
 */
#ifndef TIERCEL_SOCK_H
#define TIERCEL_SOCK_H

#include "engine/base/buf.h"
#include "engine/event/event_type.h"

struct sock_tuple {
	uint8_t sip[16], dip[16];	/* network byte order; IPv4 uses the first four bytes */
	uint16_t sport, dport;		/* host order */
};

struct wire_tuple {
	struct sock_tuple ends;		/* mapped v6 is turned into v4 */
	uint8_t family;			/* enum wire_family */
	uint64_t unix_source, unix_peer;
	struct str path;
};

struct wire_addr {
	uint8_t family;
	uint8_t ip[16];
	uint16_t port;
	struct str path;
};

/* False when empty, of unknown family or of the wrong length. */
bool sock_parse_tuple(struct str param, struct wire_tuple *ret);
bool sock_parse_addr(struct str param, struct wire_addr *ret);

void sock_swap_ends(struct sock_tuple *t);

void sock_print_ip(struct buf *out, const uint8_t *ip, bool v6);
void sock_print_end(struct buf *out, const uint8_t *ip, bool v6, uint16_t port);
/* "ip:port->ip:port" */
void sock_print_ends(struct buf *out, const struct sock_tuple *t, bool v6);
/* "source->peer path", pointers in hex. */
void sock_print_unix(struct buf *out, uint64_t source, uint64_t peer, struct str path);
void sock_print_addr(struct buf *out, struct str param);	/* evt.arg text of SOCKADDR */
void sock_print_tuple(struct buf *out, struct str param);	/* evt.arg text of SOCKTUPLE */

#endif
