/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up fields: longest known name, then the argument form of its row. Called at load time by
 * the rule checker and by output templates; references live in the caller's arena.
 */
#include "engine/field/field_class.h"

/* Bytes of `name` when it is a prefix of `text`, else 0. */
static uint32_t prefix_len(const char *name, struct str text)
{
	uint32_t n = 0;

	while (n < text.len && name[n] && name[n] == text.p[n])
		n++;
	return name[n] ? 0 : n;
}

static const struct field_info *longest_prefix(struct str text, uint32_t *ret_len)
{
	const struct field_info *best = NULL;
	uint32_t best_len = 0, start;
	char next;

	/* Names are longer than four bytes; most differ from the text in these or in the sixth. */
	*ret_len = 0;
	if (text.len <= sizeof(start))
		return NULL;
	start = load_u32(text.p);
	next = text.len > sizeof(start) + 1 ? text.p[sizeof(start) + 1] : '\0';
	for (uint32_t c = 0; c < field_class_count; c++) {
		const struct field_class *class = field_classes[c];

		if (*text.p != class->name[0] && *text.p != class->also)
			continue;
		for (uint32_t i = 0; i < class->count; i++) {
			const struct field_info *f = &class->fields[i];
			uint32_t n;

			if (load_u32(f->name) != start ||
			    (f->name[5] && f->name[5] != next))
				continue;
			n = prefix_len(f->name, text);
			if (n > best_len) {
				best = f;
				best_len = n;
			}
		}
	}
	*ret_len = best_len;
	return best;
}

const struct field_info *field_find(struct str name)
{
	uint32_t n;
	const struct field_info *f = longest_prefix(name, &n);

	return f && n == name.len ? f : NULL;
}

bool field_is_metadata(const struct field_info *f)
{
	for (uint32_t i = 0; i < field_class_count; i++) {
		const struct field_class *c = field_classes[i];

		if (c->metadata && f >= c->fields && f < c->fields + c->count)
			return f->get && !(f->flags & FIELD_AT_ONCE);
	}
	return false;
}

const char *field_nearest(struct str text)
{
	const char *names[512];
	size_t n = 0;

	for (uint32_t c = 0; c < field_class_count; c++) {
		for (uint32_t i = 0; i < field_classes[c]->count && n < ARRAY_SIZE(names); i++) {
			const struct field_info *f = &field_classes[c]->fields[i];

			if (!(f->flags & (FIELD_HIDDEN | FIELD_DEPRECATED)))
				names[n++] = f->name;
		}
	}
	return str_nearest(text, names, n);
}

/* The text between the brackets; false when there are none or something follows them. */
static bool bracketed(struct str rest, struct str *ret)
{
	if (rest.len < 3 || rest.p[0] != '[' || rest.p[rest.len - 1] != ']')
		return false;
	*ret = str_sub(rest, 1, rest.len - 1);
	return true;
}

static int set_index(struct field_ref *f, struct str text)
{
	int64_t n;

	if (str_to_i64(text, &n) < 0)
		return -ENOENT;
	f->has_index = true;
	f->index = n;
	return 0;
}

static int set_key(struct field_ref *f, struct str text, struct arena *a)
{
	f->key = arena_str(a, text);
	if (!f->key.p)
		return -ENOMEM;
	f->has_key = true;
	return 0;
}

/* First parameter of that name in the event table: gives evt.rawarg its type at load time. */
static bool param_first(struct str name, uint8_t *ret_type)
{
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		for (unsigned i = 0; i < event_infos[t].nparams; i++) {
			if (str_is(name, event_infos[t].params[i].name)) {
				*ret_type = event_infos[t].params[i].type;
				return true;
			}
		}
	}
	return false;
}

uint16_t *field_param_positions(struct str name, struct arena *a)
{
	uint16_t *of = arena_array(a, EVENT_TYPE_COUNT, sizeof(*of));

	if (!of)
		return NULL;
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		const struct event_info *info = &event_infos[t];

		of[t] = FIELD_NO_PARAM;
		for (unsigned i = 0; i < info->nparams && of[t] == FIELD_NO_PARAM; i++) {
			const char *p = info->params[i].name;

			if (p[0] == name.p[0] && str_is(name, p))
				of[t] = (uint16_t)i;
		}
	}
	return of;
}

static int set_param(struct field_ref *f, struct str rest, struct arena *a, const char **ret_msg)
{
	struct str name = str_sub(rest, 1, rest.len);
	uint8_t type;

	if (rest.len < 2 || rest.p[0] != '.')
		return -ENOENT;
	if (!param_first(name, &type)) {
		*ret_msg = arena_printf(a, "unknown event argument %.*s", STR_ARG(name));
		return -EINVAL;
	}
	if (f->info->type == PT_DYN)
		f->type = type;
	f->param_of = field_param_positions(name, a);
	f->key = arena_str(a, name);
	return f->param_of && f->key.p ? 0 : -ENOMEM;
}

static bool arg_required(const struct field_info *info)
{
	switch (info->arg) {
	case ARG_INDEX_REQUIRED:
	case ARG_KEY_REQUIRED:
	case ARG_INDEX_OR_KEY_REQUIRED:
	case ARG_PARAM:
	case ARG_PARAM_NAME:
		return true;
	default:
		return false;
	}
}

static bool all_digits(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return s.len > 0;
}

/* `rest` is what follows the name; all of it must be the argument. */
static int parse_arg(struct field_ref *f, struct str rest, struct arena *a, const char **ret_msg)
{
	struct str in;
	bool has = bracketed(rest, &in);
	int r;

	switch (f->info->arg) {
	case ARG_INDEX:
	case ARG_INDEX_REQUIRED:
		return has ? set_index(f, in) : -ENOENT;
	case ARG_KEY:
	case ARG_KEY_REQUIRED:
		return has ? set_key(f, in, a) : -ENOENT;
	case ARG_INDEX_OR_KEY:
	case ARG_INDEX_OR_KEY_REQUIRED:
		if (!has)
			return -ENOENT;
		return all_digits(in) ? set_index(f, in) : set_key(f, in, a);
	case ARG_PARAM:
		if (has)
			return set_index(f, in);
		return set_param(f, rest, a, ret_msg);
	case ARG_PARAM_NAME:
		return set_param(f, rest, a, ret_msg);
	case ARG_SUFFIX:
		r = f->info->parse_suffix(f, rest, a);
		return r < 0 ? r : (uint32_t)r == rest.len ? 0 : -ENOENT;
	default:
		return -ENOENT;
	}
}

static bool get_static(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_str(f->key);
	return true;
}

static const struct field_info static_info = {
	.name = "static",
	.type = PT_CHARBUF,
	.get = get_static,
	.help = "text that the configuration gives under static_fields",
};

#define STATIC_PREFIX STR("static.")

static int lookup_static(struct str text, struct arena *a, const struct static_fields *statics,
			 struct field_ref *ret)
{
	const char *value = NULL;

	if (statics && str_starts(text, STATIC_PREFIX))
		value = strmap_get(&statics->values,
				   str_sub(text, STATIC_PREFIX.len, text.len));
	if (!value)
		return -ENOENT;
	ret->info = &static_info;
	ret->type = PT_CHARBUF;
	ret->plain = ret->text;
	ret->key = arena_str(a, str_from(value));
	return ret->key.p ? 0 : -ENOMEM;
}

static int lookup(struct str text, struct arena *a, const struct static_fields *statics,
		  struct field_ref *f, const char **ret_msg)
{
	uint32_t n;

	f->text = arena_str(a, text);
	if (!f->text.p)
		return -ENOMEM;
	f->info = longest_prefix(text, &n);
	if (!f->info)
		return lookup_static(text, a, statics, f);
	f->type = f->info->type;
	f->plain = str_sub(f->text, 0, n);
	if (n < text.len)
		return parse_arg(f, str_sub(f->text, n, text.len), a, ret_msg);
	if (f->info->parse_suffix) {
		int r = f->info->parse_suffix(f, str_sub(f->text, n, n), a);

		return r < 0 ? r : 0;
	}
	if (!arg_required(f->info))
		return 0;
	*ret_msg = arena_printf(a, "filter error: field '%s' requires an argument but none is given",
				f->info->name);
	return -EINVAL;
}

int field_lookup(struct str text, struct arena *a, const struct static_fields *statics,
		 struct field_ref *ret, const char **ret_msg)
{
	struct field_ref f = { 0 };
	const char *msg = NULL;
	int r = lookup(text, a, statics, &f, &msg);

	if (r < 0 && ret_msg) {
		if (!msg && r == -ENOMEM)
			msg = "out of memory";
		if (!msg)
			msg = arena_printf(a, "filter_check called with nonexistent field %.*s",
					   STR_ARG(text));
		*ret_msg = msg ? msg : "filter_check called with nonexistent field";
	}
	if (!r)
		*ret = f;
	return r;
}
