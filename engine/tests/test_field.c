/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the field catalogue: lookup with every argument form, messages, and agreement with the
 * list of fields in the shared reference.
 */
#include "engine/field/field_class.h"
#include "engine/tests/test.h"

static struct arena arena;
static struct field_ref ref;
static const char *msg;

static void setup(void)
{
	arena_init(&arena, 4096, 0);
	msg = NULL;
}

static void teardown(void)
{
	arena_done(&arena);
}

static int lookup(const char *text)
{
	msg = NULL;
	return field_lookup(str_from(text), &arena, NULL, &ref, &msg);
}

static void refused(const char *text, int error)
{
	int r = lookup(text);

	ck_assert_msg(r == error, "%s: got %d, expected %d", text, r, error);
	ck_assert_ptr_nonnull(msg);
}

START_TEST(longest_name_wins)
{
	ck_assert_int_eq(lookup("evt.type"), 0);
	ck_assert_str_eq(ref.info->name, "evt.type");
	ck_assert_int_eq(lookup("evt.time.iso8601"), 0);
	ck_assert_str_eq(ref.info->name, "evt.time.iso8601");
	ck_assert_str_view(ref.plain, "evt.time.iso8601");
	ck_assert_int_eq(lookup("evt.args"), 0);
	ck_assert_str_eq(ref.info->name, "evt.args");
	ck_assert_int_eq(ref.type, PT_CHARBUF);
}
END_TEST

START_TEST(unknown_fields_are_refused)
{
	static const char *const bad[] = { "", "evt", "evt.", "evt.nosuch", "evt.typeX",
		"evt.type.x", "evt.type[0]", "evt.time.iso8601.", " evt.type", "static.x",
		"evt.arg[", "evt.arg[]", "evt.arg[x]", "evt.arg[0]x", "evt.arg[1.5]", "evt.argx",
		"evt.rawarg[0]", "evt.arg." };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused(bad[i], -ENOENT);
	lookup("evt.nosuch");
	ck_assert_str_eq(msg, "filter_check called with nonexistent field evt.nosuch");
}
END_TEST

START_TEST(parameters_by_name_and_number)
{
	ck_assert_int_eq(lookup("evt.arg.flags"), 0);
	ck_assert_int_eq(ref.param_of[EV_OPEN_X], OPEN_X_flags);
	ck_assert_int_eq(ref.param_of[EV_OPENAT_2_X], OPENAT_2_X_flags);
	ck_assert_int_eq(ref.param_of[EV_CHDIR_X], FIELD_NO_PARAM);
	ck_assert_str_view(ref.plain, "evt.arg");
	ck_assert_str_view(ref.text, "evt.arg.flags");
	ck_assert_int_eq(lookup("evt.arg[3]"), 0);
	ck_assert(ref.has_index && ref.index == 3 && !ref.param_of);
	ck_assert_int_eq(lookup("evt.arg[-1]"), 0);
	ck_assert_int_eq(lookup("evt.rawarg.flags"), 0);
	ck_assert_int_eq(value_class_of(ref.type), VC_UNSIGNED);
	ck_assert_int_eq(lookup("evt.rawarg.res"), 0);
	ck_assert_int_eq(value_class_of(ref.type), VC_SIGNED);
	refused("evt.arg", -EINVAL);
	refused("evt.rawarg", -EINVAL);
	refused("evt.arg.nosuchparam", -EINVAL);
	ck_assert_str_eq(msg, "unknown event argument nosuchparam");
	refused("evt.arg.flagsx", -EINVAL);
}
END_TEST

START_TEST(suffixes)
{
	ck_assert_int_eq(lookup("evt.abspath"), 0);
	ck_assert_int_eq(lookup("evt.abspath.src"), 0);
	ck_assert_int_eq(lookup("evt.abspath.dst"), 0);
	refused("evt.abspath.x", -ENOENT);
	refused("evt.abspath.srcx", -ENOENT);
	ck_assert_int_eq(lookup("evt.type.is.openat"), 0);
	ck_assert_int_eq(lookup("evt.type.is.293"), 0);
	refused("evt.type.is", -EINVAL);
	refused("evt.type.is.nosuchtype", -EINVAL);
	refused("evt.type.is.99999", -EINVAL);
	ck_assert_int_eq(lookup("evt.around[1404996934793590564]"), 0);
	ck_assert_int_eq(ref.index, 1404996934793590564);
	refused("evt.around", -EINVAL);
	ck_assert_int_eq(lookup("evt.buffer"), 0);
	ck_assert_ptr_nonnull(ref.param_of);
}
END_TEST

START_TEST(static_fields_have_texts)
{
	struct static_fields statics = { 0 };

	strmap_put(&statics.values, STR("site"), (void *)"berlin");
	ck_assert_int_eq(field_lookup(STR("static.site"), &arena, &statics, &ref, &msg), 0);
	ck_assert_str_view(ref.key, "berlin");
	ck_assert_str_view(ref.plain, "static.site");
	ck_assert_int_eq(field_lookup(STR("static.sit"), &arena, &statics, &ref, &msg), -ENOENT);
	ck_assert_int_eq(field_lookup(STR("static.sites"), &arena, &statics, &ref, &msg), -ENOENT);
	ck_assert_int_eq(field_lookup(STR("static."), &arena, &statics, &ref, &msg), -ENOENT);
	strmap_done(&statics.values);
}
END_TEST

START_TEST(hints_name_the_nearest)
{
	ck_assert_str_eq(field_nearest(STR("evt.categry")), "evt.category");
	ck_assert_ptr_null(field_nearest(STR("completely.different")));
	ck_assert_ptr_null(field_find(STR("evt.typ")));
}
END_TEST

START_TEST(metadata_are_known)
{
	static const char *const open[] = { "container.image", "container.label", "k8s.pod.name" };
	/* Known from the first event on, without a value in any case, of something else. */
	static const char *const not_open[] = { "container.id", "k8s.ns.id", "proc.name" };

	for (size_t i = 0; i < ARRAY_SIZE(open); i++)
		ck_assert(field_is_metadata(field_find(str_from(open[i]))));
	for (size_t i = 0; i < ARRAY_SIZE(not_open); i++)
		ck_assert(!field_is_metadata(field_find(str_from(not_open[i]))));
}
END_TEST

START_TEST(every_row_is_complete)
{
	for (uint32_t c = 0; c < field_class_count; c++) {
		const struct field_class *class = field_classes[c];

		ck_assert(class->name && class->desc && class->count);
		for (uint32_t i = 0; i < class->count; i++) {
			const struct field_info *f = &class->fields[i];

			ck_assert_msg(f->help && f->help[0], "%s has no help", f->name);
			ck_assert_msg(f->arg != ARG_SUFFIX || f->parse_suffix, "%s", f->name);
			ck_assert_msg(field_find(str_from(f->name)) == f, "%s is there twice",
				      f->name);
		}
	}
}
END_TEST

struct flag_word {
	const char *word;
	uint32_t flag;
};

static const struct flag_word words[] = {
	{ "LIST", FIELD_LIST },
	{ "FILTER_ONLY", FIELD_FILTER_ONLY },
	{ "PRINT_ONLY", FIELD_PRINT_ONLY },
	{ "HIDDEN", FIELD_HIDDEN },
	{ "DEPRECATED", FIELD_DEPRECATED },
	{ "NO_TRANSFORMER", FIELD_NO_TRANSFORMER },
	{ "NO_RHS", FIELD_NO_RHS },
};

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p; p++) {
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
		p = strchr(p, ',');
		if (!p)
			break;
	}
	return false;
}

static const char *const type_names[PT_COUNT] = {
#define TYPE(name, size) [PT_##name] = #name,
	PARAM_TYPES(TYPE)
#undef TYPE
};

/* One line: name, provider, type, argument, flags, ... */
static int check_line(char *line)
{
	char *cols[5], *save = line;
	const struct field_info *f;
	const char *type;

	for (int i = 0; i < 5; i++) {
		cols[i] = strsep(&save, "\t");
		if (!cols[i])
			return 0;
	}
	if (strncmp(cols[0], "static", 6) == 0)
		return 0;
	f = field_find(str_from(cols[0]));
	if (!f) {
		printf("# missing: %s\n", cols[0]);
		return 1;
	}
	type = strcmp(cols[2], "DYNAMIC") == 0 ? "DYN" : cols[2];
	if (strcmp(type_names[f->type], type) != 0) {
		printf("# %s: type %s, expected %s\n", cols[0], type_names[f->type], type);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (has_word(cols[4], words[i].word) != !!(f->flags & words[i].flag)) {
			printf("# %s: flag %s differs\n", cols[0], words[i].word);
			return 1;
		}
	}
	return 0;
}

START_TEST(agrees_with_the_reference_list)
{
	char path[512], line[4096];
	int bad = 0, n = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/spec/fields-all.tsv", test_shared());
	in = fopen(path, "r");
	if (!in) {
		printf("# SKIP no %s\n", path);
		return;
	}
	while (fgets(line, sizeof(line), in)) {
		if (line[0] == '#' || strncmp(line, "name\t", 5) == 0)
			continue;
		bad += check_line(line);
		n++;
	}
	fclose(in);
	ck_assert_int_gt(n, 290);
	ck_assert_int_eq(bad, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("field");
	TCase *t = tcase_create("field");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, longest_name_wins);
	tcase_add_test(t, unknown_fields_are_refused);
	tcase_add_test(t, parameters_by_name_and_number);
	tcase_add_test(t, suffixes);
	tcase_add_test(t, static_fields_have_texts);
	tcase_add_test(t, hints_name_the_nearest);
	tcase_add_test(t, metadata_are_known);
	tcase_add_test(t, every_row_is_complete);
	tcase_add_test(t, agrees_with_the_reference_list);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
