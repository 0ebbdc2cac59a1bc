/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator table, and reading operators from text. Constant data.
 */
#include "engine/rule/ast.h"

/* Class letters of op.def; each opens with the "or" that joins it to its neighbour. */
#define S | 1 << VC_STRING
#define B | 1 << VC_BYTES
#define N | 1 << VC_SIGNED | 1 << VC_UNSIGNED
#define L | 1 << VC_BOOL
#define D | 1 << VC_DOUBLE
#define I | 1 << VC_IPADDR
#define T | 1 << VC_IPNET
#define M | OP_CLASS_LIST

const struct op_info op_infos[OP_COUNT] = {
#define OP(id, spelling, right, classes, modifier, rhs, indexable)                             \
	[OP_##id] = { spelling, #id, OP_RIGHT_##right, 0 classes, modifier, rhs, indexable },
#include "engine/rule/op.def"
#undef OP
};

const char *const modifier_names[MOD_COUNT] = { "", "oneof", "anyof", "allof" };

static struct str next_word(struct str *text)
{
	uint32_t n = 0;
	struct str s = str_trim(*text), word;

	while (n < s.len && s.p[n] != ' ' && s.p[n] != '\t' && s.p[n] != '\n')
		n++;
	word = str_sub(s, 0, n);
	*text = str_sub(s, n, s.len);
	return word;
}

int op_parse(struct str text, enum op_id *ret_op, enum op_modifier *ret_modifier)
{
	struct str word = next_word(&text), mod = next_word(&text);
	unsigned op = 0, m = MOD_NONE;

	while (op < OP_COUNT && !str_is(word, op_infos[op].spelling))
		op++;
	if (op == OP_COUNT || str_trim(text).len)
		return -EINVAL;
	while (m < MOD_COUNT && !str_is(mod, modifier_names[m]))
		m++;
	if (m == MOD_COUNT || (m != MOD_NONE && !op_infos[op].modifier))
		return -EINVAL;
	*ret_op = (enum op_id)op;
	*ret_modifier = (enum op_modifier)m;
	return 0;
}
