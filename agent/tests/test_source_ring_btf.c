/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's type information cut to what is needed: nothing needed is missing, and which number
 * was which is known. */
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

/* Numbers begin at FIRST; what they were goes to `ret_numbers`. */
static struct btf *cut(const struct btf *b, const char *name, uint32_t *ret_numbers, uint32_t n)
{
	struct source_ring_cut c = { .names = &name, .nnames = 1 };
	struct btf *ret;
	uint32_t len;
	const void *raw = btf__raw_data(b, &len);

	ck_assert_int_eq(source_ring_btf_cut(raw, len, &c), 0);
	ret = btf__new(c.btf.p, c.btf.len);
	ck_assert_ptr_nonnull(ret);
	ck_assert_uint_eq(btf__type_cnt(ret), SOURCE_RING_BTF_FIRST + n);
	ck_assert_uint_eq(c.numbers.len, n * sizeof(*ret_numbers));
	memcpy(ret_numbers, c.numbers.p, c.numbers.len);
	source_ring_cut_done(&c);
	return ret;
}

START_TEST(test_cut)
{
	enum { INT = SOURCE_RING_BTF_FIRST, WANTED, FAR_PTR, PART };
	struct btf *all = sample(), *b;
	const struct btf_member *m;
	uint32_t numbers[4];

	/* What it points to is not part of it, what it holds is, wherever it stands. */
	b = cut(all, "wanted", numbers, 4);
	ck_assert_uint_eq(numbers[0], 1);
	ck_assert_uint_eq(numbers[1], 2);
	ck_assert_uint_eq(numbers[2], 3);
	ck_assert_uint_eq(numbers[3], 4);
	ck_assert_int_eq(btf__find_by_name_kind(b, "wanted", BTF_KIND_STRUCT), WANTED);
	ck_assert_int_eq(btf__find_by_name_kind(b, "part", BTF_KIND_STRUCT), PART);
	ck_assert_int_lt(btf__find_by_name_kind(b, "far", BTF_KIND_STRUCT), 0);
	m = btf_members(btf__type_by_id(b, WANTED));
	ck_assert_uint_eq(m[0].type, INT);
	ck_assert_str_eq(btf__name_by_offset(b, m[1].name_off), "part");
	ck_assert_uint_eq(m[1].type, PART);
	ck_assert_uint_eq(m[1].offset, 4 * BITS_PER_BYTE);
	ck_assert_uint_eq(m[2].type, FAR_PTR);
	ck_assert(btf_is_ptr(btf__type_by_id(b, FAR_PTR)));
	ck_assert_uint_eq(btf__type_by_id(b, FAR_PTR)->type, 0);
	/* In front of them is what nobody looks for. */
	ck_assert(btf_is_const(btf__type_by_id(b, 1)));
	ck_assert(btf_is_const(btf__type_by_id(b, SOURCE_RING_BTF_FIRST - 1)));
	btf__free(b);
	btf__free(all);
}
END_TEST

/* All types of that name are candidates for libbpf, also those with a flavour. */
START_TEST(test_cut_same_names)
{
	struct btf *all = sample(), *b;
	uint32_t numbers[5];

	ck_assert_int_eq(btf__add_struct(all, "wanted___other", 8), 9);
	ck_assert_int_eq(btf__add_field(all, "number", 1, 0, 0), 0);
	ck_assert_int_eq(btf__add_struct(all, "wanted_not", 8), 10);
	b = cut(all, "wanted", numbers, 5);
	ck_assert_uint_eq(numbers[1], 2);
	ck_assert_uint_eq(numbers[4], 9);
	ck_assert_uint_eq(btf__type_by_id(b, SOURCE_RING_BTF_FIRST + 1)->size, 16);
	ck_assert_str_eq(
		btf__name_by_offset(
			b, btf_members(btf__type_by_id(b, SOURCE_RING_BTF_FIRST + 4))->name_off),
		"number");
	btf__free(b);
	b = cut(all, "part", numbers, 2);
	ck_assert_uint_eq(numbers[0], 1);
	ck_assert_uint_eq(numbers[1], 4);
	btf__free(b);
	btf__free(all);
}
END_TEST

/* Functions and types that are only named. */
START_TEST(test_ids)
{
	static const char *const names[] = { "bpf_far", "btf_trace_part", "bpf_absent", "behind" };
	uint32_t ids[] = { 1, 1, 1, 1 };
	struct source_ring_cut c = { .id_names = names, .ids = ids, .nids = ARRAY_SIZE(names) };
	struct btf *all = sample();
	const void *raw;
	uint32_t len;

	ck_assert_int_eq(btf__add_func(all, "bpf_far", BTF_FUNC_GLOBAL, 5), 9);
	ck_assert_int_eq(btf__add_typedef(all, "btf_trace_part", 3), 10);
	raw = btf__raw_data(all, &len);
	ck_assert_int_eq(source_ring_btf_cut(raw, len, &c), 0);
	ck_assert_uint_eq(ids[0], 9);
	ck_assert_uint_eq(ids[1], 10);
	ck_assert_uint_eq(ids[2], 0);
	ck_assert_uint_eq(ids[3], 0); /* not a name that programs use */
	ck_assert_uint_eq(c.numbers.len, 0);
	source_ring_cut_done(&c);
	btf__free(all);
}
END_TEST

START_TEST(test_cut_refuses)
{
	const char *name = "wanted";
	struct source_ring_cut c = { .names = &name, .nnames = 1 };
	struct btf *all = sample();
	uint8_t bytes[1024];
	uint32_t len;
	const void *raw = btf__raw_data(all, &len);

	ck_assert_uint_le(len, sizeof(bytes));
	for (uint32_t n = 0; n < len; n++) {
		memcpy(bytes, raw, n);
		ck_assert_int_lt(source_ring_btf_cut(bytes, n, &c), 0);
	}
	/* Any byte may be wrong: refused or taken, but nothing outside is touched. */
	for (uint32_t n = 0; n < len; n++) {
		memcpy(bytes, raw, len);
		bytes[n] ^= 0xff;
		buf_clear(&c.btf);
		buf_clear(&c.numbers);
		source_ring_btf_cut(bytes, len, &c);
	}
	source_ring_cut_done(&c);
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
	ck_assert_uint_eq(btf__type_cnt(b), SOURCE_RING_BTF_FIRST + part.nnumbers);
	id = btf__find_by_name_kind(b, "task_struct", BTF_KIND_STRUCT);
	ck_assert_int_ge(id, SOURCE_RING_BTF_FIRST);
	ck_assert_int_eq(part.numbers[id - SOURCE_RING_BTF_FIRST],
			 btf__find_by_name_kind(all, "task_struct", BTF_KIND_STRUCT));
	/* Sizes of structures that programs have as constants are no numbers of types. */
	ck_assert_int_lt(
		btf__type_by_id(b, btf__find_by_name_kind(b, "inode", BTF_KIND_STRUCT))->size,
		SOURCE_RING_BTF_FIRST);
	ck_assert_int_eq(source_ring_btf_id(&part, "btf_trace_sys_exit"),
			 btf__find_by_name_kind(all, "btf_trace_sys_exit", BTF_KIND_TYPEDEF));
	ck_assert_int_eq(source_ring_btf_id(&part, "bpf_iter_task"),
			 btf__find_by_name_kind(all, "bpf_iter_task", BTF_KIND_FUNC));
	btf__free(b);
	btf__free(all);
	source_ring_btf_close(&part);
	ck_assert_ptr_null(source_ring_btf_path(&part));
	ck_assert_uint_gt(source_ring_btf_id(&part, "btf_trace_sys_exit"), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("source_ring_btf");
	TCase *t = tcase_create("source_ring_btf");

	tcase_add_test(t, test_cut);
	tcase_add_test(t, test_cut_same_names);
	tcase_add_test(t, test_ids);
	tcase_add_test(t, test_cut_refuses);
	tcase_add_test(t, test_kernel);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
