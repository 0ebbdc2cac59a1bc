/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify on directories, see watch.h.
 */
#include "agent/watch.h"
#include "agent/clock.h"

#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCH_EVENTS                                                                              \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF |  \
	 IN_MOVE_SELF | IN_ONLYDIR)

/* Files have the time of the last tick of the kernel, a little late. */
enum { CLOCK_GRAIN_MS = 20 };

/* One name in one directory; name NULL: every rules file there. */
struct watch_entry {
	char *dir, *name;
	int wd;			/* -1: not watched */
};

struct watch {
	int fd;
	struct watch_entry *v;
	uint32_t n;
};

static void free_entries(struct watch_entry *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free(v[i].dir);
		free(v[i].name);
	}
	free(v);
}

/* Directories of `v` that no entry needs any more. */
static void unwatch(struct watch *w, const struct watch_entry *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bool needed = v[i].wd < 0;

		for (uint32_t k = 0; k < w->n; k++)
			needed |= w->v[k].wd == v[i].wd;
		if (!needed)
			inotify_rm_watch(w->fd, v[i].wd);
	}
}

int watch_new(struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		r = -errno;
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	free_entries(w->v, w->n);
	close(w->fd);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

/* `dir` of `len` bytes; name NULL: all. */
static int add(struct watch *w, const char *dir, size_t len, const char *name)
{
	struct watch_entry *v = realloc(w->v, (w->n + 1) * sizeof(*v)), *e;

	if (!v)
		return -ENOMEM;
	w->v = v;
	e = &v[w->n];
	*e = (struct watch_entry){ .dir = strndup(dir, len), .name = name ? strdup(name) : NULL };
	if (!e->dir || (name && !e->name)) {
		free(e->dir);
		free(e->name);
		return -ENOMEM;
	}
	w->n++;
	e->wd = inotify_add_watch(w->fd, e->dir, WATCH_EVENTS);
	return 0;
}

static int add_file(struct watch *w, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return add(w, ".", 1, path);
	return add(w, path, slash == path ? 1 : (size_t)(slash - path), slash + 1);
}

static int add_path(struct watch *w, const char *path)
{
	char target[PATH_MAX];
	struct stat st;
	int r;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return add(w, path, strlen(path), NULL);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return 0;	/* /dev/null is "changed" by everybody */
	r = add_file(w, path);
	/* A link to somewhere else: the file may change there. */
	if (r == 0 && realpath(path, target) && strcmp(target, path) != 0)
		r = add_file(w, target);
	return r;
}

/*
 * A directory that was watched keeps its number, so that what has happened in it meanwhile, while
 * the rules were compiled, is not lost.
 */
int watch_set(struct watch *w, const struct io_names *a, const struct io_names *b)
{
	struct watch_entry *old = w->v;
	uint32_t nold = w->n;
	int r = 0;

	w->v = NULL;
	w->n = 0;
	for (uint32_t i = 0; r == 0 && i < a->n; i++)
		r = add_path(w, a->names[i]);
	for (uint32_t i = 0; r == 0 && i < b->n; i++)
		r = add_path(w, b->names[i]);
	unwatch(w, old, nold);
	free_entries(old, nold);
	return r;
}

/* ".." in front: what kubelet exchanges when a ConfigMap changes. */
static bool concerns(const struct watch_entry *e, const struct inotify_event *ev)
{
	struct str name = ev->len ? str_from(ev->name) : STR("");

	if (e->wd != ev->wd)
		return false;
	if (ev->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) || str_starts(name, STR("..")))
		return true;
	if (e->name)
		return str_is(name, e->name);
	return str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml"));
}

static bool take(struct watch *w, const struct inotify_event *ev)
{
	bool changed = (ev->mask & IN_Q_OVERFLOW) != 0;

	for (uint32_t i = 0; i < w->n; i++) {
		if (!concerns(&w->v[i], ev))
			continue;
		changed = true;
		if (ev->mask & (IN_IGNORED | IN_MOVE_SELF))
			w->v[i].wd = -1;
	}
	return changed;
}

bool watch_changed(struct watch *w)
{
	_Alignas(struct inotify_event) char buf[16384];
	bool changed = false;
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0)
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *ev = (const struct inotify_event *)at;

			changed |= take(w, ev);
			at += sizeof(*ev) + ev->len;
		}
	return changed;
}

static bool is_newer(const char *path, uint64_t since_ns)
{
	struct stat st;

	return stat(path, &st) == 0 && (uint64_t)st.st_ctim.tv_sec * NS_PER_S +
						       (uint64_t)st.st_ctim.tv_nsec >= since_ns;
}

static bool entry_is_newer(const struct watch_entry *e, uint64_t since_ns)
{
	struct io_names files = { 0 };
	bool newer = is_newer(e->dir, since_ns);

	if (e->name) {
		_cleanup_buf_ struct buf path = BUF_INIT;

		buf_printf(&path, "%s/%s", e->dir, e->name);
		newer |= !path.err && is_newer(path.p, since_ns);
	} else if (!newer && io_rule_files(e->dir, &files, NULL) == 0) {
		for (uint32_t i = 0; i < files.n; i++)
			newer |= is_newer(files.names[i], since_ns);
	}
	io_names_done(&files);
	return newer;
}

bool watch_newer(const struct watch *w, uint64_t since_ns)
{
	since_ns -= MIN(since_ns, CLOCK_GRAIN_MS * NS_PER_MS);
	for (uint32_t i = 0; i < w->n; i++)
		if (entry_is_newer(&w->v[i], since_ns))
			return true;
	return false;
}

bool watch_retry(struct watch *w)
{
	bool any = false;

	for (uint32_t i = 0; i < w->n; i++)
		if (w->v[i].wd < 0) {
			w->v[i].wd = inotify_add_watch(w->fd, w->v[i].dir, WATCH_EVENTS);
			any |= w->v[i].wd >= 0;
		}
	return any;
}
