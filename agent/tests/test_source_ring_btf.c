/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's type information cut to what is needed: numbers stay, nothing needed is missing. */
#include <bpf/btf.h>
#include <string.h>
#include <unistd.h>

#include "agent/source_ring_btf.h"
#include "engine/tests/test.h"

#define BITS_PER_BYTE 8

/*
 * 1 int, 2 struct wanted { int number; struct part part; struct far *far; }, 3 far *, 4 struct
 * part, 5 int (*)(struct far), 6 function behind() with that prototype, 7 struct far, 8 enum unused
 */
static struct btf *sample(void)
{
	struct btf *b = btf__new_empty();

	ck_assert_ptr_nonnull(b);
	ck_assert_int_eq(btf__add_int(b, "int", 4, BTF_INT_SIGNED), 1);
	ck_assert_int_eq(btf__add_struct(b, "wanted", 16), 2);
	ck_assert_int_eq(btf__add_field(b, "number", 1, 0, 0), 0);
	ck_assert_int_eq(btf__add_field(b, "part", 4, 4 * BITS_PER_BYTE, 0), 0);
	ck_assert_int_eq(btf__add_field(b, "far", 3, 8 * BITS_PER_BYTE, 0), 0);
	ck_assert_int_eq(btf__add_ptr(b, 7), 3);
	ck_assert_int_eq(btf__add_struct(b, "part", 4), 4);
	ck_assert_int_eq(btf__add_field(b, "value", 1, 0, 0), 0);
	ck_assert_int_eq(btf__add_func_proto(b, 1), 5);
	ck_assert_int_eq(btf__add_func_param(b, "arg", 7), 0);
	ck_assert_int_eq(btf__add_func(b, "behind", BTF_FUNC_STATIC, 5), 6);
	ck_assert_int_eq(btf__add_struct(b, "far", 8), 7);
	ck_assert_int_eq(btf__add_field(b, "x", 1, 0, 0), 0);
	ck_assert_int_eq(btf__add_enum(b, "unused", 4), 8);
	ck_assert_int_eq(btf__add_enum_value(b, "UNUSED", 1), 0);
	return b;
}

static struct btf *cut(const struct btf *b, const char *name)
{
	_cleanup_buf_ struct buf part = BUF_INIT;
	struct btf *ret;
	uint32_t len;
	const void *raw = btf__raw_data(b, &len);

	ck_assert_int_eq(source_ring_btf_cut(raw, len, &name, 1, &part), 0);
	ck_assert_uint_lt(part.len, len);
	ret = btf__new(part.p, part.len);
	ck_assert_ptr_nonnull(ret);
	return ret;
}

START_TEST(test_cut)
{
	struct btf *all = sample(), *b = cut(all, "wanted");
	const struct btf_member *m;

	/* What it points to is not part of it, what it holds is, wherever it stands. */
	ck_assert_uint_eq(btf__type_cnt(b), 4 + 1);
	ck_assert_int_eq(btf__find_by_name_kind(b, "wanted", BTF_KIND_STRUCT), 2);
	ck_assert_int_eq(btf__find_by_name_kind(b, "part", BTF_KIND_STRUCT), 4);
	ck_assert_int_lt(btf__find_by_name_kind(b, "far", BTF_KIND_STRUCT), 0);
	m = btf_members(btf__type_by_id(b, 2));
	ck_assert_str_eq(btf__name_by_offset(b, m[1].name_off), "part");
	ck_assert_uint_eq(m[1].type, 4);
	ck_assert_uint_eq(m[1].offset, 4 * BITS_PER_BYTE);
	ck_assert_uint_eq(m[2].type, 3);
	ck_assert(btf_is_ptr(btf__type_by_id(b, 3)));
	ck_assert_uint_eq(btf__type_by_id(b, 3)->type, 0);
	btf__free(b);
	btf__free(all);
}
END_TEST

/* All types of that name are candidates for libbpf, also those with a flavour. */
START_TEST(test_cut_same_names)
{
	struct btf *all = sample(), *b;

	ck_assert_int_eq(btf__add_struct(all, "wanted___other", 8), 9);
	ck_assert_int_eq(btf__add_field(all, "number", 1, 0, 0), 0);
	ck_assert_int_eq(btf__add_struct(all, "wanted_not", 8), 10);
	b = cut(all, "wanted");
	ck_assert_uint_eq(btf__type_cnt(b), 9 + 1);
	/* In between are types that nobody asked for. */
	ck_assert_int_lt(btf__find_by_name_kind(b, "far", BTF_KIND_STRUCT), 0);
	ck_assert(btf_is_const(btf__type_by_id(b, 7)));
	ck_assert_uint_eq(btf__type_by_id(b, 2)->size, 16);
	ck_assert_str_eq(btf__name_by_offset(b, btf_members(btf__type_by_id(b, 9))->name_off),
			 "number");
	btf__free(b);
	b = cut(all, "part");
	ck_assert_uint_eq(btf__type_cnt(b), 4 + 1);
	btf__free(b);
	btf__free(all);
}
END_TEST

START_TEST(test_cut_refuses)
{
	_cleanup_buf_ struct buf part = BUF_INIT;
	const char *name = "wanted";
	struct btf *all = sample();
	uint8_t bytes[1024];
	uint32_t len;
	const void *raw = btf__raw_data(all, &len);

	ck_assert_uint_le(len, sizeof(bytes));
	for (uint32_t n = 0; n < len; n++) {
		memcpy(bytes, raw, n);
		ck_assert_int_lt(source_ring_btf_cut(bytes, n, &name, 1, &part), 0);
	}
	/* Any byte may be wrong: refused or taken, but nothing outside is touched. */
	for (uint32_t n = 0; n < len; n++) {
		memcpy(bytes, raw, len);
		bytes[n] ^= 0xff;
		buf_clear(&part);
		source_ring_btf_cut(bytes, len, &name, 1, &part);
	}
	btf__free(all);
}
END_TEST

START_TEST(test_kernel)
{
	struct source_ring_btf part;
	struct btf *b, *all;
	int id;

	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return;
	source_ring_btf_open(&part);
	ck_assert_ptr_nonnull(source_ring_btf_path(&part));
	b = btf__parse(part.path, NULL);
	all = btf__load_vmlinux_btf();
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_nonnull(all);
	ck_assert_uint_lt(btf__type_cnt(b), btf__type_cnt(all));
	id = btf__find_by_name_kind(b, "task_struct", BTF_KIND_STRUCT);
	ck_assert_int_gt(id, 0);
	ck_assert_int_eq(id, btf__find_by_name_kind(all, "task_struct", BTF_KIND_STRUCT));
	btf__free(b);
	btf__free(all);
	source_ring_btf_close(&part);
	ck_assert_ptr_null(source_ring_btf_path(&part));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("source_ring_btf");
	TCase *t = tcase_create("source_ring_btf");

	tcase_add_test(t, test_cut);
	tcase_add_test(t, test_cut_same_names);
	tcase_add_test(t, test_cut_refuses);
	tcase_add_test(t, test_kernel);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
