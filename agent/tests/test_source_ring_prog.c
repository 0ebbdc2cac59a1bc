/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are loaded without libbpf: what the part of the kernel's types makes of them. */
#include <unistd.h>

#include "agent/source_ring_prog.h"
#include "engine/event/ring.h"
#include "engine/tests/test.h"

#include "bpf/kfuncs.h"
#include "bpf/sensor.skel.h"
#include "bpf/sensor_plain.skel.h"

struct prepared {
	struct bpf_object *object;
	struct source_ring_progs progs;
};

static struct prepared prepare(const struct source_ring_btf *btf,
			       const void *(*bytes)(size_t *size))
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = source_ring_btf_path(btf));
	struct prepared p = { 0 };
	size_t size;
	const void *at = bytes(&size);

	p.object = bpf_object__open_mem(at, size, &opts);
	ck_assert_ptr_nonnull(p.object);
	ck_assert_int_eq(source_ring_progs_prepare(p.object, btf, &p.progs), 0);
	return p;
}

static void discard(struct prepared *p)
{
	source_ring_progs_done(&p->progs);
	bpf_object__close(p->object);
}

/* But for the descriptors of maps. */
static bool same_insn(const struct bpf_insn *a, const struct bpf_insn *b)
{
	bool is_map = a->code == (BPF_LD | BPF_DW | BPF_IMM) && a->src_reg;

	return a->code == b->code && a->dst_reg == b->dst_reg && a->src_reg == b->src_reg &&
	       a->off == b->off && (is_map || a->imm == b->imm);
}

static void same_program(const struct source_ring_prog *p, const struct source_ring_prog *q)
{
	ck_assert_str_eq(p->name, q->name);
	ck_assert_uint_eq(p->ninsns, q->ninsns);
	for (size_t k = 0; k < p->ninsns; k++)
		ck_assert_msg(same_insn(&p->insns[k], &q->insns[k]), "%s, instruction %zu", p->name,
			      k);
}

/* A constant taken for a type's number, or a type missing in the part, would be a difference. */
START_TEST(test_same_with_all_types)
{
	static const void *(*const objects[])(size_t *size) = { sensor__elf_bytes,
							sensor_plain__elf_bytes };
	struct source_ring_btf part, all;
	struct prepared a, b;

	if (geteuid() || access("/sys/kernel/btf/vmlinux", R_OK))
		return;
	libbpf_set_print(NULL);
	ck_assert_int_eq(source_ring_prog_start(), 0);
	source_ring_btf_open(&part);
	ck_assert_ptr_nonnull(source_ring_btf_path(&part));
	ck_assert_uint_gt(part.nnumbers, 100);
	all = part;
	all.path[0] = '\0';
	all.nnumbers = 0;
	for (size_t k = 0; k < ARRAY_SIZE(objects); k++) {
		a = prepare(&part, objects[k]);
		b = prepare(&all, objects[k]);
		ck_assert_uint_gt(a.progs.n, 100);
		ck_assert_uint_eq(a.progs.n, b.progs.n);
		for (uint32_t i = 0; i < a.progs.n; i++)
			same_program(&a.progs.v[i], &b.progs.v[i]);
		discard(&a);
		discard(&b);
	}
	source_ring_btf_close(&part);
}
END_TEST

START_TEST(test_fit)
{
	uint32_t numbers[] = { 77, 78 };
	struct source_ring_btf btf = { .numbers = numbers, .nnumbers = 2 };
	const struct bpf_insn call = { .code = BPF_JMP | BPF_CALL, .imm = KFUNC_bpf_rdonly_cast };
	const struct bpf_insn load = { .code = BPF_LD | BPF_DW | BPF_IMM };
	struct bpf_insn insns[] = { call, load, { 0 }, load, { 0 }, load, { .imm = 1 }, load };

	insns[1].imm = SOURCE_RING_BTF_FIRST + 1;
	insns[3].imm = SOURCE_RING_BTF_FIRST + 2; /* behind the last one */
	insns[5].imm = SOURCE_RING_BTF_FIRST;     /* of 64 bits */
	insns[7].imm = SOURCE_RING_BTF_FIRST;     /* without its second half */
	source_ring_prog_fit(insns, ARRAY_SIZE(insns), &btf);
	/* A kernel without the function. */
	ck_assert_int_eq(insns[0].imm, KFUNC_bpf_rdonly_cast);
	ck_assert_uint_eq(insns[0].src_reg, 0);
	ck_assert_int_eq(insns[1].imm, 78);
	ck_assert_int_eq(insns[3].imm, SOURCE_RING_BTF_FIRST + 2);
	ck_assert_int_eq(insns[5].imm, SOURCE_RING_BTF_FIRST);
	ck_assert_int_eq(insns[7].imm, SOURCE_RING_BTF_FIRST);
	for (size_t i = 0; i < SOURCE_RING_IDS_MAX; i++)
		btf.ids[i] = 1000 + (uint32_t)i;
	source_ring_prog_fit(insns, 1, &btf);
	ck_assert_uint_eq(insns[0].src_reg, BPF_PSEUDO_KFUNC_CALL);
	ck_assert_uint_eq((uint32_t)insns[0].imm, source_ring_btf_id(&btf, "bpf_rdonly_cast"));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("source_ring_prog");
	TCase *t = tcase_create("source_ring_prog");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_same_with_all_types);
	tcase_add_test(t, test_fit);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
