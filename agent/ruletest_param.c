/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of events: values as rules write them (numbers, names of flags, errors and signals,
 * addresses, texts) -> wire form. Called while the events of a test are built.
 */
#include "agent/ruletest_build.h"

/* ---- event types --------------------------------------------------------------------------- */

static bool is_current(const struct event_info *info)
{
	return !(info->flags & (EF_OLD_VERSION | EF_UNUSED)) && info->source != SRC_NONE &&
	       info->source != SRC_PLUGIN;
}

/* Rules see ends of calls; a few events have only one form. */
int build_event_type(struct str name, int *ret_sc)
{
	int found = -1;

	*ret_sc = -1;
	for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
		const struct event_info *info = &event_infos[i];

		if (i == EV_GENERIC_X || !is_current(info) || !str_is(name, info->name))
			continue;
		if (found < 0 || info->is_exit)
			found = i;
	}
	if (found >= 0)
		return found;
	*ret_sc = sc_find(name);
	return *ret_sc > 0 ? EV_GENERIC_X : -1;
}

void build_event_name_hint(struct ruletest_file *f, struct diag *g, struct str name)
{
	const char *names[EVENT_TYPE_COUNT + SC_COUNT];
	size_t n = 0;

	for (int i = 0; i < EVENT_TYPE_COUNT; i++)
		if (is_current(&event_infos[i]))
			names[n++] = event_infos[i].name;
	for (int i = 1; i < SC_COUNT; i++)
		if (sc_infos[i].name)
			names[n++] = sc_infos[i].name;
	ruletest_hint_near(f, g, name, names, n);
}

int build_param_index(enum event_type type, const char *name)
{
	return event_param_index(type, str_from(name));
}

/* ---- setting ------------------------------------------------------------------------------- */

void build_param_bytes(struct build *b, struct build_params *p, unsigned i, struct str s)
{
	p->v[i] = arena_str(b->arena, s);
	p->set[i] = true;
	if (!p->v[i].p)
		ruletest_oom(b->file);
}

void build_param_num(struct build *b, struct build_params *p, unsigned i, int64_t v)
{
	unsigned size = param_type_size(event_infos[p->type].params[i].type);

	build_param_bytes(b, p, i, (struct str){ (const char *)&v, size });
}

void build_param_text(struct build *b, struct build_params *p, unsigned i, struct str s)
{
	char *copy = arena_strdup(b->arena, s);

	if (!copy) {
		ruletest_oom(b->file);
		return;
	}
	p->v[i] = (struct str){ copy, s.len + 1 };
	p->set[i] = true;
}

/* ---- values -------------------------------------------------------------------------------- */

static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 32;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : UINT32_MAX;
}

/* Decimal, 0x..., and with a leading zero in the given base. 0, -EINVAL, -ERANGE. */
static int number(struct str s, unsigned base_of_zero, int64_t *ret)
{
	bool negative = s.len && s.p[0] == '-';
	struct str d = negative ? str_sub(s, 1, s.len) : s;
	uint64_t v = 0;
	unsigned base = 10;

	if (d.len > 2 && d.p[0] == '0' && (d.p[1] | 32) == 'x') {
		base = 16;
		d = str_sub(d, 2, d.len);
	} else if (d.len > 1 && d.p[0] == '0') {
		base = base_of_zero;
	}
	if (!d.len)
		return -EINVAL;
	for (uint32_t i = 0; i < d.len; i++) {
		unsigned digit = digit_of(d.p[i]);

		if (digit >= base)
			return -EINVAL;
		if (v > (UINT64_MAX - digit) / base)
			return -ERANGE;
		v = v * base + digit;
	}
	*ret = negative ? (int64_t)-v : (int64_t)v;
	return 0;
}

static bool flag_value(const struct flag_table *t, struct str name, uint64_t *ret)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (str_is(name, t->rows[i].name)) {
			*ret = t->rows[i].value;
			return true;
		}
	return false;
}

static void unknown_flag(struct build_event *e, const struct flag_table *t, struct str name,
			 const struct yaml_node *at)
{
	const char *names[256];
	size_t n = 0;
	struct diag *g = ruletest_report_node(e->b->file, at,
					      "'%.*s' is neither a number nor one of "
					      "the names of %s",
					      STR_ARG(name), t->name);

	for (uint32_t i = 0; i < t->count && n < ARRAY_SIZE(names); i++)
		names[n++] = t->rows[i].name;
	ruletest_hint_near(e->b->file, g, name, names, n);
}

/* "A|B", a number, or a mix of both. */
static bool flags(struct build_event *e, const struct flag_table *t, struct str s,
		  const struct yaml_node *at, int64_t *ret)
{
	unsigned base_of_zero = strstr(t->name, "mode") ? 8 : 10;
	uint64_t all = 0;

	for (uint32_t from = 0, to; from <= s.len; from = to + 1) {
		struct str name;
		uint64_t bits = 0;

		for (to = from; to < s.len && s.p[to] != '|';)
			to++;
		name = str_trim(str_sub(s, from, to));
		if (number(name, base_of_zero, (int64_t *)&bits) < 0 &&
		    !flag_value(t, name, &bits)) {
			unknown_flag(e, t, name, at);
			return false;
		}
		all |= bits;
	}
	*ret = (int64_t)all;
	return true;
}

/* "ENOENT" -> -2; also the texts of results. */
static bool error_number(struct str s, int64_t *ret)
{
	for (unsigned i = 1; i < 4096; i++) {
		const char *name = errno_name(i);

		if (name && str_is(s, name)) {
			*ret = -(int64_t)i;
			return true;
		}
	}
	return false;
}

static bool signal_number(struct str s, int64_t *ret)
{
	for (unsigned i = 1; i < 65; i++) {
		const char *name = signal_name(i);

		if (name && str_is(s, name)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

bool build_named_number(const struct param_info *info, struct str s, int64_t *ret)
{
	switch (info->type) {
	case PT_ERRNO:
	case PT_FD:
	case PT_PID:
		if (str_is(s, "AT_FDCWD")) {
			*ret = WIRE_AT_FDCWD;
			return true;
		}
		if (str_is(s, "SUCCESS")) {
			*ret = 0;
			return true;
		}
		return error_number(s, ret);
	case PT_SIGTYPE:
		return signal_number(s, ret);
	case PT_UID:
	case PT_GID:
		*ret = 0;
		return str_is(s, "root");
	case PT_BOOL:
		*ret = str_is(s, "true");
		return *ret || str_is(s, "false");
	default:
		return false;
	}
}

static bool is_signed(unsigned type)
{
	switch (type) {
	case PT_INT8: case PT_INT16: case PT_INT32: case PT_INT64: case PT_ERRNO: case PT_FD:
	case PT_PID: case PT_FD32: case PT_PID32: case PT_UID: case PT_GID:
		return true;
	}
	return false;
}

static bool fits(unsigned type, unsigned size, int64_t v)
{
	unsigned bits = 8 * size;

	if (size >= 8)
		return true;
	if (v < 0)
		return is_signed(type) && v >= -(INT64_C(1) << (bits - 1));
	return v < INT64_C(1) << bits;
}

static bool set_number(struct build_event *e, unsigned i, struct str s, const struct yaml_node *at)
{
	const struct param_info *info = &event_infos[e->p.type].params[i];
	bool octal = info->type == PT_MODE || info->fmt == PF_OCT;
	int64_t v;

	if (info->ref_kind == REF_FLAGS) {
		if (!flags(e, &flag_tables[info->ref], s, at, &v))
			return false;
	} else if (number(s, octal ? 8 : 10, &v) < 0 && !build_named_number(info, s, &v)) {
		ruletest_report_node(e->b->file, at,
				     "'%.*s' is not a value of %s, which is of type %s", STR_ARG(s),
				     info->name, operand_type_name(info->type));
		return false;
	}
	if (!fits(info->type, param_type_size(info->type), v)) {
		ruletest_report_node(e->b->file, at,
				     "%lld is too large for %s, which is of type %s", (long long)v,
				     info->name, operand_type_name(info->type));
		return false;
	}
	build_param_num(e->b, &e->p, i, v);
	return true;
}

/* The first variant that holds a number, or a text. */
static bool set_variant(struct build_event *e, unsigned i, struct str s, const struct yaml_node *at)
{
	const struct param_info *info = &event_infos[e->p.type].params[i];
	const struct dyn_info *dyn = &dyn_infos[info->ref];
	_cleanup_buf_ struct buf out = BUF_INIT;
	int64_t v = 0;
	bool is_number = number(s, 10, &v) == 0;

	for (uint32_t k = 0; k < dyn->count; k++) {
		unsigned type = dyn->variants[k].type,
			 size = param_type_size((enum param_type)type);

		if (is_number ? size < 4 || type == PT_ERRNO : size != 0)
			continue;
		buf_add_char(&out, (char)k);
		if (is_number)
			buf_add(&out, &v, size);
		else
			buf_add_str(&out, s);
		if (!is_number && type == PT_CHARBUF)
			buf_add_char(&out, '\0');
		build_param_bytes(e->b, &e->p, i, buf_str(&out));
		return true;
	}
	ruletest_report_node(e->b->file, at, "'%.*s' is not a value of %s", STR_ARG(s), info->name);
	return false;
}

static bool wrong_address(struct build_event *e, const struct yaml_node *at, const char *form)
{
	ruletest_report_node(e->b->file, at, "not an address: write %s", form);
	return false;
}

static bool set_sockaddr(struct build_event *e, unsigned i, struct str s,
			 const struct yaml_node *at)
{
	struct build_end end;

	if (s.len && s.p[0] == '/') {
		build_param_bytes(e->b, &e->p, i, build_unix_addr(e->b, s));
		return true;
	}
	if (!build_parse_end(s, &end))
		return wrong_address(e, at, "1.2.3.4:80, ::1:80 or /path");
	build_param_bytes(e->b, &e->p, i, build_addr(e->b, &end));
	return true;
}

static bool set_tuple(struct build_event *e, unsigned i, struct str s, const struct yaml_node *at)
{
	struct build_end from, to;

	if (!build_parse_tuple(s, &from, &to))
		return wrong_address(e, at, "1.2.3.4:40000->5.6.7.8:80");
	build_param_bytes(e->b, &e->p, i, build_tuple(e->b, &from, &to));
	return true;
}

/* A list of texts, NUL-separated; a plain text is split at its blanks. */
bool build_texts(struct build *b, const struct yaml_node *value, struct str *ret)
{
	const struct yaml_node *v = yaml_deref(value);
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (v->kind == YNODE_MAP)
		return false;
	if (v->kind == YNODE_SEQ) {
		yaml_each(one, v) {
			struct str s;

			if (!ruletest_text(b->file, one, "an argument", &s))
				return false;
			buf_add_str(&out, s);
			buf_add_char(&out, '\0');
		}
	} else {
		build_split(v->s, &out);
	}
	*ret = arena_str(b->arena, buf_str(&out));
	if (!ret->p)
		ruletest_oom(b->file);
	return ret->p != NULL;
}

void build_split(struct str s, struct buf *out)
{
	for (uint32_t from = 0, to; from < s.len; from = to + 1) {
		for (to = from; to < s.len && s.p[to] != ' ';)
			to++;
		if (to > from) {
			buf_add_str(out, str_sub(s, from, to));
			buf_add_char(out, '\0');
		}
	}
}

bool build_param(struct build_event *e, unsigned i, const struct yaml_node *value)
{
	const struct param_info *info = &event_infos[e->p.type].params[i];
	const struct yaml_node *v = yaml_deref(value);
	struct str texts;

	if (info->type == PT_BYTEBUF && v->kind == YNODE_SEQ) {
		if (build_texts(e->b, v, &texts))
			build_param_bytes(e->b, &e->p, i, texts);
		return true;
	}
	if (v->kind != YNODE_SCALAR) {
		ruletest_report_node(e->b->file, value,
				     "the value of a parameter is a text or a number");
		return false;
	}
	if (v->is_null) {		/* not collected */
		build_param_bytes(e->b, &e->p, i, STR(""));
		return true;
	}
	switch (info->type) {
	case PT_CHARBUF:
	case PT_FSPATH:
	case PT_FSRELPATH:
		build_param_text(e->b, &e->p, i, v->s);
		return true;
	case PT_BYTEBUF:
		build_param_bytes(e->b, &e->p, i, v->s);
		return true;
	case PT_SOCKADDR:
		return set_sockaddr(e, i, v->s, value);
	case PT_SOCKTUPLE:
		return set_tuple(e, i, v->s, value);
	case PT_DYN:
		return set_variant(e, i, v->s, value);
	}
	if (param_type_size(info->type))
		return set_number(e, i, v->s, value);
	ruletest_report_node(e->b->file, value, "parameters of type %s cannot be given in tests",
			     operand_type_name(info->type));
	return false;
}
