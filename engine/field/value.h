/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that fields, constants and transformers produce. Strings are views into the state tables,
 * the event or the scratch arena of the event.
 */
#ifndef TIERCEL_VALUE_H
#define TIERCEL_VALUE_H

#include "engine/base/arena.h"
#include "engine/base/json.h"
#include "engine/event/event_info.h"

/* How a type compares; every enum param_type belongs to one class. */
enum value_class {
	VC_STRING,	/* s */
	VC_BYTES,	/* s */
	VC_SIGNED,	/* i */
	VC_UNSIGNED,	/* u */
	VC_BOOL,	/* u: 0 or 1 */
	VC_DOUBLE,	/* d */
	VC_IPADDR,	/* ip */
	VC_IPNET,	/* ip: addr + prefix */
	VC_NONE,	/* cannot be compared (SOCKADDR, SOCKTUPLE ... of evt.rawarg) */
};

/* Beside enum param_fmt: nine digits with leading zeros (fractions of a second in ns). */
#define VALUE_FMT_NS 8

struct ip_value {
	uint8_t addr[16];	/* v4 in the first four bytes */
	bool v6;
	uint8_t prefix;		/* IPNET: bits; otherwise 32 or 128 */
};

struct value {
	uint8_t type;		/* enum param_type: decides class and print form */
	uint8_t fmt;		/* enum param_fmt or VALUE_FMT_NS, for numbers */
	union {
		struct str s;
		int64_t i;
		uint64_t u;
		double d;
		struct ip_value ip;
	};
};

/* Zero, one or many values of one type. */
struct value_list {
	struct value *v;
	uint32_t n;
};

extern const uint8_t value_classes[PT_COUNT];
static inline enum value_class value_class_of(enum param_type t)
{
	return (unsigned)t < PT_COUNT ? (enum value_class)value_classes[t] : VC_NONE;
}

/*
 * Values of a class. Macros, so that a value is made where it is assigned to: what a function
 * returns is put together on the stack and copied by loads that have to wait for the stores.
 */
#define value_str(...) ((struct value){ .type = PT_CHARBUF, .s = (__VA_ARGS__) })
#define value_i64(t, n) ((struct value){ .type = (uint8_t)(t), .fmt = PF_DEC, .i = (n) })
#define value_u64(t, n) ((struct value){ .type = (uint8_t)(t), .fmt = PF_DEC, .u = (n) })
#define value_bool(b)	((struct value){ .type = PT_BOOL, .u = (bool)(b) })

/* The text of a value (bytes as printable characters, no UTF-8 repair). */
void value_print(struct buf *out, const struct value *v);
/* The same for people's eyes: control characters and broken UTF-8 become U+FFFD. */
void value_show(struct buf *out, const struct value *v);
/* Number, bool or string as output_fields shows it. */
void value_json(struct json *j, const struct value *v);

/*
 * A constant of the rule text as a value of type `t`. On failure -EINVAL and a message in *ret_msg
 * ("abc is not a valid number"), allocated in `a`; *ret_wrapped: number outside the range (kept).
 */
int value_parse(struct arena *a, struct str text, enum param_type t, struct value *ret_v,
		const char **ret_msg, bool *ret_wrapped);

/* Only the number forms: decimal, upper case hex, octal with leading 0, padded. */
void value_print_u64(struct buf *out, uint64_t u, unsigned fmt);
/* Bytes that print as they are, the others as ".". */
void value_print_bytes(struct buf *out, struct str s);
/* "1.2.3.4" or an IPv6 text; IPv4-mapped addresses become IPv4. False: not an address. */
bool value_parse_ip(struct str s, struct ip_value *ret);

#endif
