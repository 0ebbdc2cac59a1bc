/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files for the commands. Callers report errors: nothing here prints.
 */
#include "agent/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IO_CHUNK = 64 << 10, FIFO_WAIT_MS = 2000 };

void io_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Nothing has come after some time; a read tells then whether there is a writer at all. */
static bool is_silent_fifo(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && poll(&wait, 1, FIFO_WAIT_MS) == 0;
}

int io_read_file(const char *path, uint64_t max, struct buf *out)
{
	/* Blocking, the open of a FIFO would wait for its writer for ever. */
	_cleanup_(io_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t start = out->len;
	bool silent;

	if (fd < 0)
		return -errno;
	silent = is_silent_fifo(fd);
	for (;;) {
		char *p = buf_reserve(out, IO_CHUNK);
		long n;

		if (!p)
			return -ENOMEM;
		n = io_read_fd(&fd, p, IO_CHUNK);
		if (n == -EAGAIN && fcntl(fd, F_SETFL, 0) == 0)
			continue;	/* a writer that takes its time */
		if (n == 0 && silent && out->len == start)
			return -ENODATA;
		if (n <= 0)
			return (int)n;
		out->len += (size_t)n;
		if (out->len - start > max)
			return -EFBIG;
	}
}

void io_names_done(struct io_names *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	*l = (struct io_names){ 0 };
}

const char *io_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int io_names_add(struct io_names *l, const char *name)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 8;
		char **names = realloc(l->names, cap * sizeof(*names));

		if (!names)
			return -ENOMEM;
		l->names = names;
		l->cap = cap;
	}
	l->names[l->n] = strdup(name);
	if (!l->names[l->n])
		return -ENOMEM;
	l->n++;
	return 0;
}

bool io_is_test_file(const char *path)
{
	return str_ends(str_from(path), STR(".tests.yaml"));
}

/* Tests lie beside the rules that they test. */
static int is_rule_file(const struct dirent *e)
{
	struct str name = str_from(e->d_name);

	if (io_is_test_file(e->d_name))
		return false;
	return str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml"));
}

/* What was removed since the directory was read is no concern of ours. */
static int add_entry(const char *path, struct io_names *l, struct io_names *dangling)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return S_ISREG(st.st_mode) ? io_names_add(l, path) : 0;
	return dangling && lstat(path, &st) == 0 ? io_names_add(dangling, path) : 0;
}

static int add_directory(const char *path, struct io_names *l, struct io_names *dangling)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_rule_file, alphasort), r = 0;

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		_cleanup_buf_ struct buf name = BUF_INIT;

		buf_printf(&name, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/",
			   entries[i]->d_name);
		if (name.err)
			r = -ENOMEM;
		else if (r == 0)
			r = add_entry(name.p, l, dangling);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int io_rule_files(const char *path, struct io_names *l, struct io_names *dangling)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? add_directory(path, l, dangling) : io_names_add(l, path);
}

long io_read_fd(void *ctx, void *buf, size_t n)
{
	for (;;) {
		ssize_t got = read(*(int *)ctx, buf, n);

		if (got >= 0)
			return got;
		if (errno != EINTR)
			return -errno;
	}
}

int io_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

static int write_all_synced(const char *path, struct str text, unsigned mode)
{
	_cleanup_(io_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = io_write_all(fd, text.p, text.len);
	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

int io_write_file(const char *path, struct str text, unsigned mode)
{
	_cleanup_buf_ struct buf temporary = BUF_INIT;
	int r;

	buf_printf(&temporary, "%s.tmp", path);
	if (temporary.err)
		return -ENOMEM;
	r = write_all_synced(temporary.p, text, mode);
	if (r == 0 && rename(temporary.p, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary.p);
	return r;
}
