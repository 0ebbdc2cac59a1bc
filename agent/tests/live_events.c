/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what the sensor delivers, one line per event with raw parameters: for comparing with
 * strace while working on bpf/. usage: live_events [SECONDS [EVENT...]], then counters.
 */
#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <time.h>

#include "agent/source.h"

#define POLL_MS 100

static void print_bytes(struct str s)
{
	putchar('"');
	for (uint32_t i = 0; i < s.len && i < 2000; i++) {
		unsigned char c = s.p[i];

		if (isprint(c) && c != '"' && c != '\\')
			putchar(c);
		else
			printf("\\x%02x", c);
	}
	putchar('"');
}

static void print_param(const struct param_info *info, struct str v)
{
	unsigned size = param_type_size(info->type);
	uint64_t n = 0;

	printf(" %s=", info->name);
	if (!v.len) {
		printf("-");
	} else if (size && size == v.len && size <= 8) {
		memcpy(&n, v.p, size);
		if (info->fmt == PF_HEX)
			printf("0x%" PRIx64, n);
		else if (info->fmt == PF_OCT)
			printf("0%" PRIo64, n);
		else
			printf("%" PRId64, n);
	} else {
		print_bytes(v);
	}
}

static void print_kernel(const struct event_kernel *k)
{
	if (!k)
		return;
	printf(" | kind=%u dev=%x ino=%" PRIu64 " mode=%o l4=%u role=%u lost=%" PRIu64, k->fd_kind,
	       k->fd_dev, k->fd_ino, k->fd_mode, k->fd_l4, k->fd_role, k->lost_before);
	if (k->fd_path.p)
		printf(" path=%.*s", STR_ARG(k->fd_path));
	if (k->fd_tuple.p) {
		printf(" tuple=");
		print_bytes(k->fd_tuple);
	}
}

static int on_event(void *ctx, struct event *ev)
{
	bool quiet = *(bool *)ctx;

	if (quiet)
		return 0;
	printf("%" PRIu64 ".%09" PRIu64 " cpu%u tid=%" PRId64 " %s", ev->ts / 1000000000,
	       ev->ts % 1000000000, ev->cpu, ev->tid, ev->info->id);
	for (unsigned i = 0; i < ev->nparams; i++)
		print_param(&ev->info->params[i], event_param(ev, i));
	print_kernel(ev->kernel);
	putchar('\n');
	return 0;
}

static int on_snapshot(void *ctx, const struct snapshot_item *i)
{
	const struct proc_record *p = &i->proc;
	const struct fd_record *f = &i->fd;

	if (i->kind == SNAP_PROC) {
		printf("proc tid=%" PRId64 " pid=%" PRId64 " ptid=%" PRId64 " sid=%" PRId64
		       " vpgid=%" PRId64 " pgid=%" PRId64 " vtid=%" PRId64 " vpid=%" PRId64
		       " uid=%u gid=%u loginuid=%u tty=%u flags=%x limit=%" PRId64
		       " vm=%u rss=%u caps=%" PRIx64 ",%" PRIx64 ",%" PRIx64
		       " ino=%" PRIu64 " ctime=%" PRIu64 " clone=%" PRIu64 " ns=%" PRIu64
		       " w%d u%d l%d m%d comm=%.*s exe=%.*s exepath=%.*s cwd=%.*s root=%.*s args=",
		       p->tid, p->pid, p->ptid, p->sid, p->vpgid, p->pgid, p->vtid, p->vpid,
		       p->uid, p->gid, p->loginuid, p->tty, p->flags, p->fdlimit, p->vmsize_kb,
		       p->vmrss_kb, p->cap_inheritable, p->cap_permitted, p->cap_effective,
		       p->exe_ino, p->exe_ino_ctime, p->clone_ts, p->pidns_init_start_ts,
		       p->exe_writable, p->exe_upper_layer, p->exe_lower_layer,
		       p->exe_from_memfd, STR_ARG(p->comm), STR_ARG(p->exe), STR_ARG(p->exepath),
		       STR_ARG(p->cwd), STR_ARG(p->root));
		print_bytes(p->args);
		printf(" cgroups=");
		print_bytes(p->cgroups);
		putchar('\n');
	} else if (i->kind == SNAP_FD) {
		printf("fd tid=%" PRId64 " fd=%" PRId64 " kind=%u l4=%u ino=%" PRIu64
		       " dev=%x flags=%x sport=%u dport=%u name=%.*s\n",
		       f->tid, f->fd, f->kind, f->l4, f->ino, f->dev, f->open_flags, f->sport,
		       f->dport, STR_ARG(f->name));
	} else if (i->kind == SNAP_USER) {
		printf("%s %u %u %.*s %.*s %.*s\n", i->user.is_group ? "group" : "user",
		       i->user.uid, i->user.gid, STR_ARG(i->user.name), STR_ARG(i->user.home),
		       STR_ARG(i->user.shell));
	} else {
		printf("snapshot item %d\n", i->kind);
	}
	return 0;
}

static void on_counter(void *ctx, const struct source_counter *c)
{
	fprintf(stderr, "# %s %s %s %" PRIu64 "\n", c->lane ? c->lane : "-", c->kind ? c->kind : "-",
		c->reason ? c->reason : "delivered", c->count);
}

static void choose_events(struct source *s, int n, char **names)
{
	struct evtset set = { 0 };

	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++)
		for (int i = 0; i < n; i++)
			if (!strcmp(event_infos[type].name, names[i]) || !strcmp(names[i], "all"))
				set.w[type / 64] |= 1ULL << (type % 64);
	s->ops->set_events(s, &set);
}

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 5;
	bool quiet = getenv("QUIET") != NULL;
	struct source_ring_opts opts = { 0 };
	struct buf error = BUF_INIT;
	struct source_stats st;
	struct timespec cpu;
	struct source *s;
	time_t end;

	if (getenv("SNAPSHOT"))
		opts.snapshot = !strcmp(getenv("SNAPSHOT"), "proc") ? SOURCE_SNAPSHOT_PROC
				: !strcmp(getenv("SNAPSHOT"), "iter") ? SOURCE_SNAPSHOT_ITER
								      : SOURCE_SNAPSHOT_AUTO;
	if (source_ring_open(&opts, &error, &s)) {
		fprintf(stderr, "%s\n", error.p ? error.p : "?");
		return 1;
	}
	choose_events(s, argc - 2, argv + 2);
	if (getenv("SNAPSHOT"))
		s->ops->snapshot(s, on_snapshot, NULL);
	fprintf(stderr, "sensor running\n");
	signal(SIGTERM, on_term);
	end = time(NULL) + seconds;
	while (time(NULL) < end && !stop)
		s->ops->poll(s, POLL_MS, on_event, &quiet);
	s->ops->stop(s);
	while (s->ops->poll(s, POLL_MS, on_event, &quiet) > 0)
		;
	fflush(stdout);
	s->ops->counters(s, on_counter, NULL);
	s->ops->stats(s, &st);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	fprintf(stderr,
		"produced %" PRIu64 " delivered %" PRIu64 " lost %" PRIu64 " read %" PRIu64
		" corrupt %" PRIu64 " failures %" PRIu64 " truncated %" PRIu64 " syscalls %u "
		"cpu %.3f s\n",
		st.produced, st.delivered, st.lost, st.read, st.corrupt, st.failures, st.truncated,
		st.syscalls, cpu.tv_sec + cpu.tv_nsec / 1e9);
	s->ops->close(s);
	buf_done(&error);
	return 0;
}
