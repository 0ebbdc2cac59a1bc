/* SPDX-License-Identifier: Apache-2.0 */
/* Called by source_ring_load.c and snapshot_iter.c, which own the objects and the programs. */
#include "agent/source_ring_prog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/kfuncs.h"

#define LICENSE   "Dual BSD/GPL" /* of all programs of bpf/ */
#define LOG_BYTES (1U << 20)

/* Sections of programs: what is loaded, and how the kernel names what they are attached to. */
static const struct section {
	const char *name, *target;
	enum bpf_attach_type attach;
	uint32_t flags;
} sections[] = {
	{ "tp_btf+", "btf_trace_", BPF_TRACE_RAW_TP, 0 },
	{ "iter+", "bpf_iter_", BPF_TRACE_ITER, 0 },
	{ "iter.s+", "bpf_iter_", BPF_TRACE_ITER, BPF_F_SLEEPABLE },
};

/* libbpf calls back without context: the object that this thread is preparing. */
static _Thread_local struct {
	struct source_ring_progs *progs;
	const struct source_ring_btf *btf;
} preparing;

/* A number of bpf/kfuncs.h becomes that of the kernel; programs do not come to one it has not. */
static void fit_call(struct bpf_insn *at, const uint32_t *ids, size_t n)
{
	uint32_t which = (uint32_t)at->imm - KFUNC_BASE;

	if (at->src_reg || which >= n || !ids[which])
		return;
	at->src_reg = BPF_PSEUDO_KFUNC_CALL;
	at->imm = (int32_t)ids[which];
}

/* A type of the part that was cut out gets its number in the kernel. */
static void fit_constant(struct bpf_insn *at, const struct source_ring_btf *btf)
{
	uint32_t which = (uint32_t)at[0].imm - SOURCE_RING_BTF_FIRST;

	if (!at->src_reg && !at[1].imm && which < btf->nnumbers)
		at->imm = (int32_t)btf->numbers[which];
}

void source_ring_prog_fit(struct bpf_insn *insns, size_t n, const struct source_ring_btf *btf)
{
#define ID(name) source_ring_btf_id(btf, #name),
	const uint32_t ids[] = { KFUNCS(ID) };
#undef ID

	for (size_t i = 0; i < n; i++) {
		if (insns[i].code == (BPF_JMP | BPF_CALL))
			fit_call(&insns[i], ids, ARRAY_SIZE(ids));
		else if (insns[i].code == (BPF_LD | BPF_DW | BPF_IMM) && i + 1 < n)
			fit_constant(&insns[i++], btf);
	}
}

static uint32_t target_id(const struct section *s, const struct bpf_program *p)
{
	const char *target = strchr(bpf_program__section_name(p), '/');
	char name[128];

	snprintf(name, sizeof(name), "%s%s", s->target, target ? target + 1 : "");
	return source_ring_btf_id(preparing.btf, name);
}

/* Keeps the program, and leaves libbpf something to load that costs nothing. */
static int take(struct bpf_program *p, struct bpf_prog_load_opts *opts, long cookie)
{
	struct bpf_insn nothing[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				      { .code = BPF_JMP | BPF_EXIT } };
	const struct section *s = &sections[cookie];
	struct source_ring_progs *progs = preparing.progs;
	struct source_ring_prog *to;

	if (!progs || progs->n == progs->max)
		return -EINVAL;
	to = &progs->v[progs->n];
	*to = (struct source_ring_prog){ .opts = *opts, .fd = -1 };
	to->ninsns = bpf_program__insn_cnt(p);
	to->insns = malloc(to->ninsns * sizeof(*to->insns));
	if (!to->insns)
		return -ENOMEM;
	progs->n++;
	snprintf(to->name, sizeof(to->name), "%s", bpf_program__name(p));
	memcpy(to->insns, bpf_program__insns(p), to->ninsns * sizeof(*to->insns));
	source_ring_prog_fit(to->insns, to->ninsns, preparing.btf);
	to->opts.sz = sizeof(to->opts);
	to->opts.expected_attach_type = s->attach;
	to->opts.attach_btf_id = target_id(s, p);
	to->opts.prog_flags |= s->flags;
	/* Lines of the source are memory of the kernel that nobody looks at. */
	to->opts.line_info = NULL;
	to->opts.line_info_cnt = opts->line_info_cnt = 0;
	opts->line_info = opts->func_info = NULL;
	opts->func_info_cnt = opts->prog_btf_fd = 0;
	return bpf_program__set_insns(p, nothing, ARRAY_SIZE(nothing));
}

int source_ring_prog_start(void)
{
	static bool done;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sections) && !done && r >= 0; i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = (long)i,
			    .prog_prepare_load_fn = take);

		r = libbpf_register_prog_handler(sections[i].name, BPF_PROG_TYPE_SOCKET_FILTER, 0,
						 &opts);
	}
	done = done || r >= 0;
	return MIN(r, 0);
}

int source_ring_progs_prepare(struct bpf_object *object, const struct source_ring_btf *btf,
			      struct source_ring_progs *ret)
{
	struct bpf_program *p;
	int r;

	*ret = (struct source_ring_progs){ 0 };
	bpf_object__for_each_program(p, object)
		ret->max += bpf_program__autoload(p);
	ret->v = calloc(ret->max + 1, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	preparing.progs = ret;
	preparing.btf = btf;
	r = bpf_object__load(object);
	preparing.progs = NULL;
	if (r)
		source_ring_progs_done(ret);
	return r;
}

struct source_ring_prog *source_ring_progs_find(const struct source_ring_progs *progs,
						const char *name)
{
	for (uint32_t i = 0; i < progs->n; i++)
		if (!strcmp(progs->v[i].name, name))
			return &progs->v[i];
	return NULL;
}

void source_ring_progs_done(struct source_ring_progs *progs)
{
	for (uint32_t i = 0; i < progs->n; i++) {
		if (progs->v[i].fd >= 0)
			close(progs->v[i].fd);
		free(progs->v[i].insns);
	}
	free(progs->v);
	*progs = (struct source_ring_progs){ 0 };
}

static int load(const struct source_ring_prog *p, const struct bpf_prog_load_opts *opts)
{
	return bpf_prog_load(BPF_PROG_TYPE_TRACING, p->name, LICENSE, p->insns, p->ninsns, opts);
}

void source_ring_prog_load(struct source_ring_prog *p)
{
	int fd = p->opts.attach_btf_id ? load(p, &p->opts) : -ENOENT;

	p->fd = MAX(fd, -1);
	p->err = MIN(fd, 0);
}

static void run(struct job *job)
{
	source_ring_prog_load(container_of(job, struct source_ring_prog, job));
}

void source_ring_prog_queue(struct source_ring_prog *p, struct jobs *jobs, struct job_group *group)
{
	p->job.run = run;
	jobs_add(jobs, &p->job, group);
}

void source_ring_prog_why(const struct source_ring_prog *p, struct buf *out)
{
	_cleanup_free_ char *log = calloc(1, LOG_BYTES);
	struct bpf_prog_load_opts opts = p->opts;
	char *line, *rest = log;
	int fd;

	buf_printf(out, "%s: ", p->name);
	if (!opts.attach_btf_id || !log) {
		buf_add_c(out, "the kernel does not have what it is attached to");
		return;
	}
	opts.log_level = 1;
	opts.log_buf = log;
	opts.log_size = LOG_BYTES;
	fd = load(p, &opts);
	if (fd >= 0)
		close(fd);
	/* The last line but that of how many instructions it looked at. */
	while ((line = strsep(&rest, "\n")) && rest && *rest && strncmp(rest, "processed ", 10))
		;
	buf_add_c(out, line ? line : "");
}
