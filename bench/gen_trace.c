/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a made trace for benchmarks: a population of daemons, some in containers, that start short
 * programs, open and close files, talk over sockets. The same options give the same bytes. Run by
 * bench/run.py; memory is that of the population.
 */
#include <getopt.h>

#include "bench/gen.h"

enum {
	START_SECONDS = 1700000000,
	INIT_PID = 1,
};

static const struct image daemons[] = {
	{ "/usr/lib/systemd/systemd-journald", "systemd-journal", "" },
	{ "/usr/sbin/nginx", "nginx", "-g daemon_off;" },
	{ "/usr/bin/redis-server", "redis-server", "*:6379" },
	{ "/usr/lib/postgresql/15/bin/postgres", "postgres", "-D /var/lib/postgresql" },
	{ "/usr/bin/containerd", "containerd", "", true },
	{ "/usr/bin/kubelet", "kubelet", "--config=/var/lib/kubelet/config.yaml", true },
	{ "/usr/bin/python3.11", "python3", "-m app.server", true },
	{ "/usr/lib/jvm/bin/java", "java", "-Xmx1g -jar /srv/app/app.jar" },
	{ "/usr/local/bin/node", "node", "server.js" },
	{ "/usr/sbin/sshd", "sshd", "-D" },
};

static void put(struct gen *g, struct snapshot_item item)
{
	if (!g->err)
		g->err = scap_writer_snapshot(g->w, &item);
}

static void put_process(struct gen *g, const struct process *p)
{
	struct proc_record r = {
		.tid = p->tid, .pid = p->tid, .ptid = p->ptid, .sid = p->tid, .vpgid = p->tid,
		.pgid = p->tid, .vtid = p->container ? 1 : p->tid,
		.vpid = p->container ? 1 : p->tid,
		.comm = str_from(p->image->comm), .exe = str_from(p->image->path),
		.exepath = str_from(p->image->path), .cwd = STR("/"), .root = STR("/"),
		.args = gen_args(g, p->image), .env = STR(GEN_ENVIRONMENT),
		.cgroups = str_from(gen_cgroup(g, p->container)), .fdlimit = 1024, .uid = p->uid,
		.gid = p->uid, .loginuid = UINT32_MAX,
		.clone_ts = (uint64_t)START_SECONDS * 1000000000ull - 1000000ull * p->tid,
	};

	put(g, (struct snapshot_item){ SNAP_PROC, .proc = r });
}

static void put_lists(struct gen *g)
{
	const struct process init = { .tid = INIT_PID, .image = &daemons[0] };

	put(g, (struct snapshot_item){ SNAP_MACHINE, .machine = {
		.num_cpus = CPUS, .memory_bytes = 8ull << 30, .max_pid = MAP_PID,
		.hostname = STR("node-1"),
		.boot_ts = (uint64_t)(START_SECONDS - 100000) * 1000000000ull } });
	put(g, (struct snapshot_item){ SNAP_IFACE, .iface = {
		.name = STR("eth0"), .addr = { 10, 0, 0, 7 }, .mask = { 255, 255, 0, 0 } } });
	put(g, (struct snapshot_item){ SNAP_USER, .user = {
		.name = STR("root"), .home = STR("/root"), .shell = STR("/bin/bash") } });
	put(g, (struct snapshot_item){ SNAP_USER, .user = {
		.uid = 1000, .gid = 1000, .name = STR("app"), .home = STR("/srv/app"),
		.shell = STR("/usr/sbin/nologin") } });
	put_process(g, &init);
	for (unsigned i = 0; i < g->opt.processes; i++)
		put_process(g, &g->daemons[i]);
	for (unsigned i = 0; i < g->opt.processes; i++)
		for (int64_t fd = 0; fd < 3; fd++)
			put(g, (struct snapshot_item){ SNAP_FD, .fd = {
				.tid = g->daemons[i].tid, .fd = fd, .ino = 5, .kind = FD_FILE_V2,
				.open_flags = WO_RDWR, .name = STR("/dev/null") } });
	put(g, (struct snapshot_item){ SNAP_DONE });
}

static int file_write(void *ctx, const void *p, size_t n)
{
	return fwrite(p, 1, n, ctx) == n ? 0 : -EIO;
}

static int generate(const struct options *opt, FILE *out)
{
	struct scap_writer_opts wopts = { opt->gzip };
	struct gen *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	g->opt = *opt;
	g->rng = opt->seed * 0x9e3779b97f4a7c15ull + 1;
	g->ts = (uint64_t)START_SECONDS * 1000000000ull;
	g->next_alert = opt->alert_every;
	g->next_pid = FIRST_PID + opt->processes;
	g->daemons = calloc(opt->processes, sizeof(*g->daemons));
	g->w = scap_writer_new((struct byte_sink){ file_write, out }, &wopts);
	if (!g->daemons || !g->w) {
		free(g->daemons);
		free(g);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < opt->processes; i++)
		g->daemons[i] = (struct process){
			.tid = FIRST_PID + i, .ptid = INIT_PID, .uid = i % 3 ? 1000 : 0,
			.image = &daemons[i % ARRAY_SIZE(daemons)], .container = i % 3 ? i : 0 };
	put_lists(g);
	while (g->events < opt->events && !g->err)
		gen_step(g);
	err = g->err;
	if (scap_writer_free(g->w) < 0 && !err)
		err = -EIO;
	free(g->daemons);
	free(g);
	return err;
}

static const char *const mix_names[MIXES] = { [MIX_RULES] = "rules", [MIX_ALL] = "all" };

static _Noreturn void usage(void)
{
	fputs("usage: gen_trace [-n EVENTS] [-s SEED] [-p PROCESSES] [-P PATHS] [-m MIX] [-a N] [-z] -o FILE\n"
	      "  -n  number of events, a few more may come (1000000)\n"
	      "  -s  seed (1)\n"
	      "  -p  daemons that run from the start, 10 or more (200)\n"
	      "  -P  distinct paths (20000)\n"
	      "  -m  rules: the events that rules and their state need (default); all: every system call,\n"
	      "      scheduler switches and page faults\n"
	      "  -a  one event in N opens /etc/shadow from a short program; 0: none (10000)\n"
	      "  -z  gzip\n", stderr);
	exit(2);
}

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t v;

	if (str_to_u64(str_from(text), &v) < 0 || v < min || v > max)
		usage();
	return v;
}

static enum gen_mix mix_by_name(const char *name)
{
	for (unsigned i = 0; i < MIXES; i++)
		if (strcmp(mix_names[i], name) == 0)
			return i;
	usage();
}

int main(int argc, char **argv)
{
	struct options opt = {
		.events = 1000000, .seed = 1, .alert_every = 10000, .processes = 200,
		.paths = 20000,
	};
	FILE *out;
	int c, err;

	while ((c = getopt(argc, argv, "n:s:p:P:m:a:zo:")) != -1) {
		switch (c) {
		case 'n': opt.events = number(optarg, 0, UINT64_MAX); break;
		case 's': opt.seed = number(optarg, 0, UINT64_MAX); break;
		case 'p':
			opt.processes = (unsigned)number(optarg, ARRAY_SIZE(daemons), 1000000);
			break;
		case 'P': opt.paths = (unsigned)number(optarg, 1, 100000000); break;
		case 'm': opt.mix = mix_by_name(optarg); break;
		case 'a': opt.alert_every = number(optarg, 0, UINT64_MAX); break;
		case 'z': opt.gzip = true; break;
		case 'o': opt.out = optarg; break;
		default: usage();
		}
	}
	if (!opt.out || optind != argc)
		usage();
	out = fopen(opt.out, "wb");
	if (!out) {
		perror(opt.out);
		return 1;
	}
	err = generate(&opt, out);
	if (fclose(out) && !err)
		err = -EIO;
	if (err)
		fprintf(stderr, "gen_trace: %s: %s\n", opt.out, strerror(-err));
	return err ? 1 : 0;
}
