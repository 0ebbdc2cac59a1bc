/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start state as /proc tells it. Called once by a live source after it has attached, so that
 * what starts meanwhile arrives as an event. Processes that end while they are read are skipped:
 * nothing here is an error except the callback's own.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "agent/snapshot_proc.h"

#define OVERLAYFS_MAGIC 0x794c7630
#define CAP_DAC_OVERRIDE_BIT (1ULL << 1)
#define CAP_FOWNER_BIT (1ULL << 3)

/* Working memory of one record. */
struct proc_scratch {
	struct buf stat, status, args, env, cgroups, text;
	char exepath[SNAP_TEXT_MAX], cwd[SNAP_TEXT_MAX], root[SNAP_TEXT_MAX], comm[64];
};

/* Start of the init process of each pid namespace, by the namespace's inode. */
struct pidns_list {
	struct { uint64_t ns, start; } *items;
	uint32_t n, cap;
};

bool snap_read(const struct snap *s, const char *path, struct buf *out)
{
	int fd = openat(s->proc_fd, path, O_RDONLY | O_CLOEXEC);
	long n;

	buf_clear(out);
	if (fd < 0)
		return false;
	do {
		char *p = buf_reserve(out, 4096);

		n = p ? read(fd, p, 4096) : -1;
		if (n > 0)
			out->len += n;
	} while (n > 0 && out->len < 1U << 20);
	close(fd);
	buf_add(out, "", 0);
	return n >= 0 && out->len > 0;
}

struct str snap_link(const struct snap *s, const char *path, char *out, size_t size)
{
	ssize_t n = readlinkat(s->proc_fd, path, out, size - 1);

	if (n < 0)
		n = 0;
	out[n] = '\0';
	return (struct str){ out, n };
}

uint32_t snap_dev(uint64_t st_dev)
{
	uint32_t major = major(st_dev), minor = minor(st_dev);

	return (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
}

/* Value of a "Key:\t..." line of status, NULL when absent. */
static const char *status_line(const struct buf *status, const char *key)
{
	const char *p = status->p;
	size_t n = strlen(key);

	while (p && *p) {
		if (!strncmp(p, key, n) && p[n] == ':')
			return p + n + 1;
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	return NULL;
}

static int64_t line_number(const char *line, unsigned index, int base)
{
	char *end;
	int64_t v = -1;

	for (unsigned i = 0; line && i <= index; i++) {
		while (*line == ' ' || *line == '\t')
			line++;
		v = strtoull(line, &end, base);
		if (end == line)
			return -1;
		line = end;
	}
	return v;
}

/* Number in the process's own namespace: the last one of the line. */
static int64_t line_last(const char *line, unsigned *ret_count)
{
	int64_t v = -1, next;

	*ret_count = 0;
	while ((next = line_number(line, *ret_count, 10)) >= 0) {
		const char *eol = strchr(line, '\n');
		const char *p = line;

		/* Numbers of the next line are not ours. */
		for (unsigned i = 0; i <= *ret_count; i++) {
			p += strspn(p, " \t");
			p += strcspn(p, " \t\n");
		}
		if (eol && p > eol)
			break;
		v = next;
		(*ret_count)++;
		if (*p == '\n' || !*p)
			break;
	}
	return v;
}

static void take_status(const struct buf *status, struct proc_record *r)
{
	unsigned depth;
	const char *kb;

	r->pid = line_number(status_line(status, "Tgid"), 0, 10);
	r->ptid = line_number(status_line(status, "PPid"), 0, 10);
	r->uid = line_number(status_line(status, "Uid"), 1, 10);
	r->gid = line_number(status_line(status, "Gid"), 1, 10);
	r->vtid = line_last(status_line(status, "NSpid"), &depth);
	r->vpid = line_last(status_line(status, "NStgid"), &depth);
	r->vpgid = line_last(status_line(status, "NSpgid"), &depth);
	r->sid = line_last(status_line(status, "NSsid"), &depth);
	r->pgid = line_number(status_line(status, "NSpgid"), 0, 10);
	if (depth > 1)
		r->flags |= SNAP_MARK_IN_PIDNS;
	if (r->tid != r->pid)
		r->flags |= SNAP_MARK_THREAD;
	r->cap_inheritable = line_number(status_line(status, "CapInh"), 0, 16);
	r->cap_permitted = line_number(status_line(status, "CapPrm"), 0, 16);
	r->cap_effective = line_number(status_line(status, "CapEff"), 0, 16);
	kb = status_line(status, "VmSize");
	r->vmsize_kb = kb ? line_number(kb, 0, 10) : 0;
	kb = status_line(status, "VmRSS");
	r->vmrss_kb = kb ? line_number(kb, 0, 10) : 0;
	kb = status_line(status, "VmSwap");
	r->vmswap_kb = kb ? line_number(kb, 0, 10) : 0;
}

/* Fields of stat behind the name; indexes count from the state letter. */
enum stat_field { STAT_TTY = 4, STAT_MINFLT = 7, STAT_MAJFLT = 9, STAT_START = 19 };

static void take_stat(const struct snap *s, const struct buf *stat, char *comm, size_t comm_size,
		      struct proc_record *r)
{
	const char *open = strchr(stat->p, '('), *close = strrchr(stat->p, ')');
	uint64_t hz = sysconf(_SC_CLK_TCK);

	if (!open || !close || close < open)
		return;
	snprintf(comm, comm_size, "%.*s", (int)(close - open - 1), open + 1);
	r->comm = str_from(comm);
	if (close[1] != ' ' || !close[2])
		return;
	close += 3;	/* behind the state letter; numbers start with index 1 */
	r->tty = line_number(close, STAT_TTY - 1, 10);
	r->pfminor = line_number(close, STAT_MINFLT - 1, 10);
	r->pfmajor = line_number(close, STAT_MAJFLT - 1, 10);
	r->clone_ts = s->boot_ns + line_number(close, STAT_START - 1, 10) * (1000000000 / hz);
}

/* exe is the first string of the argument area, args the rest. */
void snap_args(struct str cmdline, struct proc_record *r)
{
	size_t len = MIN(cmdline.len, SNAP_TEXT_MAX), exe = len ? strnlen(cmdline.p, len) : 0;

	r->exe = (struct str){ cmdline.p, exe };
	if (exe + 1 < len)
		r->args = (struct str){ cmdline.p + exe + 1, len - exe - 1 };
}

static void add_cgroup(struct buf *out, struct str name, struct str path)
{
	if (str_is(name, "blkio"))
		name = STR("io");
	buf_add_str(out, name);
	buf_add_char(out, '=');
	buf_add_str(out, path);
	buf_add_char(out, '\0');
}

/*
 * "N:a,b:/path" lines to "a=/path" strings; the line without controllers is cgroup2, whose path
 * goes for every controller that has no hierarchy of its own: as the sensor reports them.
 */
static void take_cgroups(const struct buf *text, struct buf *out, struct proc_record *r)
{
	static const char *const usual[] = { "cpuset", "cpu", "cpuacct", "io", "memory", "pids" };
	struct str unified = STR_NONE;
	const char *p = text->p, *eol;

	buf_clear(out);
	for (; (eol = strchr(p, '\n')); p = eol + 1) {
		const char *names = memchr(p, ':', eol - p), *path;

		path = names ? memchr(names + 1, ':', eol - names - 1) : NULL;
		if (!path)
			continue;
		names++;
		if (names == path)
			unified = (struct str){ path + 1, eol - path - 1 };
		while (names < path) {
			size_t n = MIN(strcspn(names, ",:"), (size_t)(path - names));

			add_cgroup(out, (struct str){ names, n },
				   (struct str){ path + 1, eol - path - 1 });
			names += n + 1;
		}
	}
	for (size_t i = 0; unified.p && out->len == 0 && i < ARRAY_SIZE(usual); i++)
		add_cgroup(out, str_from(usual[i]), unified);
	if (unified.p)
		add_cgroup(out, STR(""), unified);
	r->cgroups = buf_str(out);
}

static bool exe_writable(const struct stat *st, const struct statfs *fs,
			 const struct proc_record *r)
{
	if (fs->f_flags & ST_RDONLY)
		return false;
	if (r->cap_effective & (CAP_DAC_OVERRIDE_BIT | CAP_FOWNER_BIT))
		return true;
	if (st->st_uid == r->uid)
		return st->st_mode & S_IWUSR;
	if (st->st_gid == r->gid)
		return st->st_mode & S_IWGRP;
	return st->st_mode & S_IWOTH;
}

/* Upper directory of the overlay that is the root of a process, from its mountinfo. */
static bool overlay_upper(const struct snap *s, const char *dir, struct buf *text, char *out,
			  size_t size)
{
	const char *p, *opt;
	char path[96];

	snprintf(path, sizeof(path), "%s/mountinfo", dir);
	if (!snap_read(s, path, text))
		return false;
	p = strstr(text->p, " / / ");
	opt = p ? strstr(p, "upperdir=") : NULL;
	if (!opt || memchr(p, '\n', opt - p))
		return false;
	opt += strlen("upperdir=");
	snprintf(out, size, "%.*s", (int)strcspn(opt, ", \n"), opt);
	return true;
}

static void take_exe(struct snap *s, const char *dir, struct proc_scratch *w,
		     struct proc_record *r)
{
	static const struct str deleted = STR(" (deleted)"), memfd = STR("/memfd:");
	char path[96], upper[SNAP_TEXT_MAX], file[2 * SNAP_TEXT_MAX];
	struct statfs fs = { 0 };
	struct stat st;

	snprintf(path, sizeof(path), "%s/exe", dir);
	r->exepath = snap_link(s, path, w->exepath, sizeof(w->exepath));
	if (str_ends(r->exepath, deleted))
		r->exepath.len -= deleted.len;
	if (str_starts(r->exepath, memfd)) {
		r->exe_from_memfd = true;
		r->exepath = str_sub(r->exepath, 1, r->exepath.len);
	}
	if (fstatat(s->proc_fd, path, &st, 0))
		return;
	r->exe_ino = st.st_ino;
	r->exe_ino_ctime = st.st_ctim.tv_sec * 1000000000ULL + st.st_ctim.tv_nsec;
	r->exe_ino_mtime = st.st_mtim.tv_sec * 1000000000ULL + st.st_mtim.tv_nsec;
	snprintf(file, sizeof(file), "/proc/self/fd/%d/%s", s->proc_fd, path);
	statfs(file, &fs);
	r->exe_writable = exe_writable(&st, &fs, r);
	if (fs.f_type != OVERLAYFS_MAGIC)
		return;
	if (overlay_upper(s, dir, &w->text, upper, sizeof(upper))) {
		snprintf(file, sizeof(file), "%s%.*s", upper, STR_ARG(r->exepath));
		r->exe_upper_layer = access(file, F_OK) == 0;
	}
	r->exe_lower_layer = !r->exe_upper_layer;
}

static uint64_t pidns_of(const struct snap *s, int64_t pid)
{
	char path[96], link[64];
	struct str t;

	snprintf(path, sizeof(path), "%" PRId64 "/ns/pid", pid);
	t = snap_link(s, path, link, sizeof(link));
	return t.len > 5 ? strtoull(link + 5, NULL, 10) : 0;	/* "pid:[4026531836]" */
}

static uint64_t pidns_start(const struct snap *s, const struct pidns_list *l, int64_t pid)
{
	uint64_t ns = pidns_of(s, pid);

	for (uint32_t i = 0; i < l->n; i++)
		if (l->items[i].ns == ns)
			return l->items[i].start;
	return s->boot_ns;
}

/* Not prlimit(): the number of a process means nothing to us in another pid namespace. */
static int64_t fd_limit(const struct snap *s, const char *dir, struct buf *text)
{
	static const char row[] = "\nMax open files";
	const char *p;
	char path[96];

	snprintf(path, sizeof(path), "%s/limits", dir);
	p = snap_read(s, path, text) ? strstr(text->p, row) : NULL;
	return p ? line_number(p + strlen(row), 0, 10) : -1;
}

/* What the threads of a process share; strings stay in the scratch. */
static void take_shared(struct snap *s, const struct pidns_list *ns, const char *dir, int64_t pid,
			struct proc_scratch *w, struct proc_record *r)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/cmdline", dir);
	if (snap_read(s, path, &w->args))
		snap_args(buf_str(&w->args), r);
	snprintf(path, sizeof(path), "%s/environ", dir);
	if (snap_read(s, path, &w->env))
		r->env = (struct str){ w->env.p, MIN(w->env.len, SNAP_TEXT_MAX) };
	snprintf(path, sizeof(path), "%s/cgroup", dir);
	if (snap_read(s, path, &w->text))
		take_cgroups(&w->text, &w->cgroups, r);
	snprintf(path, sizeof(path), "%s/loginuid", dir);
	r->loginuid = snap_read(s, path, &w->text) ? strtoul(w->text.p, NULL, 10) : UINT32_MAX;
	snprintf(path, sizeof(path), "%s/cwd", dir);
	r->cwd = snap_link(s, path, w->cwd, sizeof(w->cwd));
	snprintf(path, sizeof(path), "%s/root", dir);
	r->root = snap_link(s, path, w->root, sizeof(w->root));
	r->fdlimit = fd_limit(s, dir, &w->text);
	r->pidns_init_start_ts = r->flags & SNAP_MARK_IN_PIDNS ? pidns_start(s, ns, pid)
							       : s->boot_ns;
	take_exe(s, dir, w, r);
}

/* One thread; the leader comes first and fills what the others take over. */
static int snap_thread(struct snap *s, const struct pidns_list *ns, int64_t pid, int64_t tid,
		       struct proc_scratch *w, struct snapshot_item *item)
{
	struct proc_record *r = &item->proc;
	char dir[64], path[96];

	snprintf(dir, sizeof(dir), "%" PRId64 "/task/%" PRId64, pid, tid);
	snprintf(path, sizeof(path), "%s/status", dir);
	if (!snap_read(s, path, &w->status))
		return 0;
	snprintf(path, sizeof(path), "%s/stat", dir);
	if (!snap_read(s, path, &w->stat))
		return 0;
	r->tid = tid;
	r->flags = 0;
	take_status(&w->status, r);
	take_stat(s, &w->stat, w->comm, sizeof(w->comm), r);
	if (tid == pid)
		take_shared(s, ns, dir, pid, w, r);
	return s->fn(s->ctx, item);
}

static int64_t entry_number(const struct dirent *e)
{
	char *end;
	int64_t n = strtoll(e->d_name, &end, 10);

	return *end || end == e->d_name ? -1 : n;
}

static DIR *open_dir(const struct snap *s, const char *path)
{
	int fd = openat(s->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

static int snap_process(struct snap *s, const struct pidns_list *ns, int64_t pid,
			struct proc_scratch *w)
{
	struct snapshot_item item = { .kind = SNAP_PROC };
	struct dirent *e;
	char path[96];
	DIR *d;
	int r = snap_thread(s, ns, pid, pid, w, &item);

	snprintf(path, sizeof(path), "%" PRId64 "/task", pid);
	d = open_dir(s, path);
	while (d && !r && (e = readdir(d))) {
		int64_t tid = entry_number(e);

		if (tid > 0 && tid != pid)
			r = snap_thread(s, ns, pid, tid, w, &item);
	}
	if (d)
		closedir(d);
	return r ? r : snap_fds(s, pid);
}

static void note_pidns(struct snap *s, struct pidns_list *l, int64_t pid, struct proc_scratch *w)
{
	struct proc_record r = { .tid = pid };
	char path[96];
	unsigned depth;

	snprintf(path, sizeof(path), "%" PRId64 "/status", pid);
	if (!snap_read(s, path, &w->status) ||
	    line_last(status_line(&w->status, "NSpid"), &depth) != 1 || depth < 2)
		return;
	snprintf(path, sizeof(path), "%" PRId64 "/stat", pid);
	if (!snap_read(s, path, &w->stat))
		return;
	take_stat(s, &w->stat, w->comm, sizeof(w->comm), &r);
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 64;
		void *p = realloc(l->items, cap * sizeof(*l->items));

		if (!p)
			return;
		l->items = p;
		l->cap = cap;
	}
	l->items[l->n].ns = pidns_of(s, pid);
	l->items[l->n++].start = r.clone_ts;
}

static void scratch_free(struct proc_scratch *w)
{
	if (!w)
		return;
	buf_done(&w->stat);
	buf_done(&w->status);
	buf_done(&w->args);
	buf_done(&w->env);
	buf_done(&w->cgroups);
	buf_done(&w->text);
	free(w);
}

static bool is_news(const struct u64map *known, const struct dirent *e)
{
	int64_t pid = entry_number(e);

	return pid > 0 && !(known && u64map_get(known, pid));
}

int snap_processes(struct snap *s, void *arg)
{
	const struct u64map *known = arg;
	struct proc_scratch *w = calloc(1, sizeof(*w));
	struct pidns_list ns = { 0 };
	DIR *d = open_dir(s, ".");
	struct dirent *e;
	bool news = false;
	int r;

	s->socks = snap_socks_new();
	r = w && d && s->socks ? 0 : -ENOMEM;
	while (!r && (e = readdir(d))) {
		if (!is_news(known, e))
			continue;
		note_pidns(s, &ns, entry_number(e), w);
		news = true;
	}
	if (news)
		rewinddir(d);
	while (!r && news && (e = readdir(d)))
		if (is_news(known, e))
			r = snap_process(s, &ns, entry_number(e), w);
	if (d)
		closedir(d);
	free(ns.items);
	scratch_free(w);
	snap_socks_free(s->socks);
	return r;
}

static uint64_t boot_time_ns(void)
{
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return (now.tv_sec - up.tv_sec) * 1000000000ULL + now.tv_nsec - up.tv_nsec;
}

int snapshot_with(const char *host_root, int (*processes)(struct snap *s, void *arg), void *arg,
		  source_snapshot_fn fn, void *ctx)
{
	struct snapshot_item reset = { .kind = SNAP_RESET }, done = { .kind = SNAP_DONE };
	struct snap s = { .fn = fn, .ctx = ctx, .boot_ns = boot_time_ns() };
	char path[SNAP_TEXT_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/proc", host_root);
	s.proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.proc_fd < 0)
		return -errno;
	r = fn(ctx, &reset);
	if (!r)
		r = snap_host(&s, host_root);
	if (!r)
		r = processes(&s, arg);
	close(s.proc_fd);
	return r ? r : fn(ctx, &done);
}

int snapshot_proc(const char *host_root, source_snapshot_fn fn, void *ctx)
{
	return snapshot_with(host_root, snap_processes, NULL, fn, ctx);
}
