/* SPDX-License-Identifier: Apache-2.0 */
/* Open fds of one process out of /proc/PID/fd. Called by snapshot_proc.c; keeps nothing. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/snapshot_proc.h"

/* Link texts of files without a path, by their start. */
static const struct {
	const char *prefix;
	uint8_t kind;
} anon_kinds[] = {
	{ "pipe:[", FD_FIFO },
	{ "anon_inode:[eventpoll]", FD_EVENTPOLL },
	{ "anon_inode:[eventfd]", FD_EVENTFD },
	{ "anon_inode:[timerfd]", FD_TIMERFD },
	{ "anon_inode:[signalfd]", FD_SIGNALFD },
	{ "anon_inode:[userfaultfd]", FD_USERFAULTFD },
	{ "anon_inode:[io_uring]", FD_IO_URING },
	{ "anon_inode:[pidfd]", FD_PIDFD },
	{ "pidfd:[", FD_PIDFD },
	{ "anon_inode:inotify", FD_INOTIFY },
	{ "anon_inode:bpf", FD_BPF },
	{ "/memfd:", FD_MEMFD },
};

static uint8_t kind_of_link(struct str link)
{
	for (size_t i = 0; i < ARRAY_SIZE(anon_kinds); i++)
		if (str_starts(link, str_from(anon_kinds[i].prefix)))
			return anon_kinds[i].kind;
	return link.len && link.p[0] == '/' ? FD_FILE_V2 : FD_UNSUPPORTED;
}

static uint32_t wire_open_flags(unsigned long flags)
{
	static const struct { unsigned long from; uint32_t to; } bits[] = {
		{ O_CREAT, WO_CREAT }, { O_APPEND, WO_APPEND }, { O_DSYNC, WO_DSYNC },
		{ O_EXCL, WO_EXCL }, { O_NONBLOCK, WO_NONBLOCK }, { O_SYNC, WO_SYNC },
		{ O_TRUNC, WO_TRUNC }, { O_DIRECT, WO_DIRECT }, { O_DIRECTORY, WO_DIRECTORY },
		{ O_CLOEXEC, WO_CLOEXEC }, { O_TMPFILE, WO_TMPFILE },
	};
	unsigned long acc = flags & O_ACCMODE;
	uint32_t out = acc == O_RDONLY ? WO_RDONLY : acc == O_WRONLY ? WO_WRONLY : WO_RDWR;

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if ((flags & bits[i].from) == bits[i].from)
			out |= bits[i].to;
	return out;
}

static uint32_t open_flags(const struct snap *s, int64_t pid, int64_t fd, struct buf *text)
{
	const char *p;
	char path[80];

	snprintf(path, sizeof(path), "%" PRId64 "/fdinfo/%" PRId64, pid, fd);
	p = snap_read(s, path, text) ? strstr(text->p, "flags:") : NULL;
	return p ? wire_open_flags(strtoul(p + strlen("flags:"), NULL, 8)) : 0;
}

static struct str cut_deleted(struct str name)
{
	if (str_ends(name, STR(" (deleted)")))
		name.len -= strlen(" (deleted)");
	return name;
}

/* False: the fd is gone. */
static bool fill_fd(struct snap *s, int64_t pid, const char *path, struct str link,
		    struct fd_record *f)
{
	struct stat st;

	if (fstatat(s->proc_fd, path, &st, 0))
		return false;
	f->ino = st.st_ino;
	if (S_ISSOCK(st.st_mode)) {
		const struct snap_sock *k = snap_socks_find(s, pid, st.st_ino);
		int64_t fd = f->fd;

		if (!k) {
			f->kind = FD_UNSUPPORTED;
			return true;
		}
		*f = k->fd;
		f->tid = pid;
		f->fd = fd;
		f->ino = st.st_ino;
		f->name = str_from(k->name);
		return true;
	}
	f->kind = kind_of_link(link);
	if (f->kind == FD_FILE_V2 && S_ISDIR(st.st_mode))
		f->kind = FD_DIRECTORY;
	f->dev = snap_dev(st.st_dev);
	link = cut_deleted(link);
	if (f->kind == FD_MEMFD)
		f->name = str_sub(link, strlen("/memfd:"), link.len);
	else if (f->kind == FD_FILE_V2 || f->kind == FD_DIRECTORY)
		f->name = link;
	return true;
}

static int snap_fd(struct snap *s, int64_t pid, int64_t fd, struct buf *text)
{
	struct snapshot_item item = { .kind = SNAP_FD };
	char path[80], link[SNAP_TEXT_MAX];
	struct str target;

	item.fd = (struct fd_record){ .tid = pid, .fd = fd, .name = STR("") };
	snprintf(path, sizeof(path), "%" PRId64 "/fd/%" PRId64, pid, fd);
	target = snap_link(s, path, link, sizeof(link));
	if (!target.len || !fill_fd(s, pid, path, target, &item.fd))
		return 0;
	item.fd.open_flags = open_flags(s, pid, fd, text);
	return s->fn(s->ctx, &item);
}

int snap_fds(struct snap *s, int64_t pid)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct dirent *e;
	char path[64];
	DIR *d;
	int fd, r = 0;

	snprintf(path, sizeof(path), "%" PRId64 "/fd", pid);
	fd = openat(s->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return 0;
	}
	while (!r && (e = readdir(d)))
		if (e->d_name[0] != '.')
			r = snap_fd(s, pid, strtoll(e->d_name, NULL, 10), &text);
	closedir(d);
	return r;
}
