/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transformers: table at the end of the file. Checked at load time, evaluated per event by
 * operand_eval(); results live in the scratch arena of the event.
 */
#include "engine/field/transform.h"

#define CLASS_STRING (1 << VC_STRING)
#define CLASS_BYTES (1 << VC_BYTES)

static bool first_field(void *ctx, struct operand *field)
{
	*(const char **)ctx = field->field.info->name;
	return false;
}

/* The argument must be of one of the classes; the result is like it. */
static const char *check_class(struct operand *op, struct arena *a, unsigned classes)
{
	const struct operand *arg = op->args[0];
	const char *name = NULL, *msg;

	if (1 << value_class_of((enum param_type)arg->type) & classes) {
		op->type = arg->type;
		op->is_list = arg->is_list;
		return NULL;
	}
	operand_fields(op, first_field, &name);
	msg = arena_printf(a, "can't add field transformer: type '%s' is not supported by '%s' "
			   "transformer applied on field '%s'",
			   operand_type_name((enum param_type)arg->type), op->fn->name,
			   name ? name : "");
	return msg ? msg : "out of memory";
}

static const char *check_string(struct operand *op, struct arena *a)
{
	return check_class(op, a, CLASS_STRING);
}

static const char *check_text(struct operand *op, struct arena *a)
{
	return check_class(op, a, CLASS_STRING | CLASS_BYTES);
}

static const char *check_len(struct operand *op, struct arena *a)
{
	const char *msg = op->args[0]->is_list ? NULL : check_text(op, a);

	op->type = PT_UINT64;
	op->is_list = false;
	return msg;
}

static const char *check_join(struct operand *op, struct arena *a)
{
	const struct operand *list = op->args[1];

	if (op->args[0]->is_list)
		return "join() first argument (separator) must be a single value, not a list";
	if (!list->is_list || list->kind == OPERAND_TRANSFORM)
		return "join() second argument must be a list";
	op->type = PT_CHARBUF;
	return NULL;
}

static const char *check_concat(struct operand *op, struct arena *a)
{
	for (uint32_t i = 0; i < op->nargs; i++) {
		const struct operand *arg = op->args[i];

		if (arg->is_list ||
		    value_class_of((enum param_type)arg->type) != VC_STRING)
			return "concat() arguments must be strings";
	}
	op->type = PT_CHARBUF;
	return NULL;
}

/* Apply `fn` to each value of the only argument. */
static bool map_values(const struct operand *op, struct event_ctx *ctx, struct value_list *ret,
		       bool (*fn)(struct event_ctx *ctx, struct str in, struct str *ret))
{
	struct value_list in;
	struct value *out;

	if (!operand_eval(op->args[0], ctx, &in))
		return false;
	out = arena_array(ctx->scratch, in.n, sizeof(*out));
	if (!out && in.n)
		return false;
	for (uint32_t i = 0; i < in.n; i++) {
		out[i] = in.v[i];
		if (!fn(ctx, in.v[i].s, &out[i].s))
			return false;
	}
	*ret = (struct value_list){ out, in.n };
	return true;
}

static bool change_case(struct event_ctx *ctx, struct str in, struct str *ret, char first)
{
	char *p = arena_alloc(ctx->scratch, in.len + 1);

	if (!p)
		return false;
	for (uint32_t i = 0; i < in.len; i++)
		p[i] = in.p[i] >= first && in.p[i] <= first + 25 ? in.p[i] ^ 0x20 : in.p[i];
	p[in.len] = 0;
	*ret = (struct str){ p, in.len };
	return true;
}

static bool lower(struct event_ctx *ctx, struct str in, struct str *ret)
{
	return change_case(ctx, in, ret, 'A');
}

static bool upper(struct event_ctx *ctx, struct str in, struct str *ret)
{
	return change_case(ctx, in, ret, 'a');
}

static int b64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Padding may be missing, but not be there in part or in the middle; bits that the last digit has
 * too many must be zero.
 */
static bool decode_b64(struct event_ctx *ctx, struct str in, struct str *ret)
{
	uint32_t len = in.len, n = 0, bits = 0, have = 0;
	char *p;

	while (len && in.len - len < 2 && in.p[len - 1] == '=')
		len--;
	if (len % 4 == 1 || (len != in.len && in.len % 4 != 0))
		return false;
	p = arena_alloc(ctx->scratch, (size_t)len / 4 * 3 + 4);
	if (!p)
		return false;
	for (uint32_t i = 0; i < len; i++) {
		int d = b64_digit(in.p[i]);

		if (d < 0)
			return false;
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			p[n++] = (char)(bits >> have);
		}
	}
	if (bits & ((1u << have) - 1))
		return false;
	p[n] = 0;
	*ret = (struct str){ p, n };
	return true;
}

static bool last_component(struct event_ctx *ctx, struct str in, struct str *ret)
{
	*ret = str_sub(in, (uint32_t)(str_rfind(in, '/') + 1), in.len);
	return true;
}

static bool eval_tolower(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	return map_values(op, ctx, ret, lower);
}

static bool eval_toupper(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	return map_values(op, ctx, ret, upper);
}

static bool eval_b64(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	return map_values(op, ctx, ret, decode_b64);
}

static bool eval_basename(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	return map_values(op, ctx, ret, last_component);
}

static bool eval_len(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	struct value_list in;
	uint64_t n;

	if (!operand_eval(op->args[0], ctx, &in))
		return false;
	n = op->args[0]->is_list ? in.n : in.v[0].s.len;
	return transform_one(ctx, ret, value_u64(PT_UINT64, n));
}

/* The text of a value; only numbers need memory outside the scratch arena while they print. */
static bool value_text(struct event_ctx *ctx, const struct value *v, struct str *ret)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (value_class_of((enum param_type)v->type) == VC_STRING) {
		*ret = v->s;
		return true;
	}
	value_print(&b, v);
	*ret = b.err ? STR_NONE : arena_str(ctx->scratch, buf_str(&b));
	return ret->p != NULL;
}

static char *put(char *p, struct str s)
{
	if (s.len)
		memcpy(p, s.p, s.len);
	return p + s.len;
}

/* Values as one text with `sep` between them. */
static bool join_values(struct event_ctx *ctx, struct value_list in, struct str sep,
			struct value_list *ret)
{
	struct str *texts = arena_array(ctx->scratch, in.n, sizeof(*texts));
	size_t len = 0;
	char *text, *p;

	if (!texts && in.n)
		return false;
	for (uint32_t i = 0; i < in.n; i++) {
		if (!value_text(ctx, &in.v[i], &texts[i]))
			return false;
		len += texts[i].len + (i ? sep.len : 0);
	}
	p = text = len < UINT32_MAX ? arena_alloc(ctx->scratch, len + 1) : NULL;
	if (!p)
		return false;
	for (uint32_t i = 0; i < in.n; i++) {
		p = put(p, i ? sep : STR(""));
		p = put(p, texts[i]);
	}
	*p = 0;
	return transform_one(ctx, ret, value_str((struct str){ text, (uint32_t)len }));
}

static bool eval_join(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	struct value_list sep, in;
	struct str text;

	return operand_eval(op->args[0], ctx, &sep) && value_text(ctx, &sep.v[0], &text) &&
	       operand_eval(op->args[1], ctx, &in) && join_values(ctx, in, text, ret);
}

static bool eval_concat(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	struct value_list one;
	struct value *all = arena_array(ctx->scratch, op->nargs, sizeof(*all));

	if (!all)
		return false;
	for (uint32_t i = 0; i < op->nargs; i++) {
		if (!operand_eval(op->args[i], ctx, &one))
			return false;
		all[i] = one.v[0];
	}
	return join_values(ctx, (struct value_list){ all, op->nargs }, STR(""), ret);
}

const struct transformer transformers[] = {
	{ "tolower", 1, 1, false, "exactly 1 argument", "letters A-Z in lower case",
	  check_string, eval_tolower },
	{ "toupper", 1, 1, false, "exactly 1 argument", "letters a-z in upper case",
	  check_string, eval_toupper },
	{ "b64", 1, 1, false, "exactly 1 argument",
	  "decoded Base64; no value if the text is not Base64", check_text, eval_b64 },
	{ "basename", 1, 1, false, "exactly 1 argument", "what follows the last slash",
	  check_string, eval_basename },
	{ "len", 1, 1, false, "exactly 1 argument",
	  "bytes of a text, or number of elements of a list", check_len, eval_len },
	{ "join", 2, 2, false, "exactly 2 arguments: separator and list",
	  "elements of a list as one text with a separator between them", check_join, eval_join },
	{ "concat", 2, ARGS_ANY, false, "at least 2 arguments", "texts put together",
	  check_concat, eval_concat },
	{ "getopt", 2, 2, true, "exactly 2 arguments: args list and optstring",
	  "options and their values found in a list of arguments; [c] gives the last value of c",
	  getopt_check, getopt_eval },
};

const uint32_t transformer_count = ARRAY_SIZE(transformers);

const struct transformer *transformer_find(struct str name)
{
	for (uint32_t i = 0; i < transformer_count; i++)
		if (str_is(name, transformers[i].name))
			return &transformers[i];
	return NULL;
}
