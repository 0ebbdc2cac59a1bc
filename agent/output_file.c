/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts appended to a file, which is started anew by size or age: FILE becomes FILE.1, FILE.1
 * becomes FILE.2 and so on. Opened for each batch unless keep_alive; with it again on SIGUSR1.
 */
#include "agent/clock.h"
#include "agent/cmd.h"
#include "agent/output_lines.h"
#include "agent/outputs.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	struct output_lines lines;
	const char *path;
	bool keep_alive;
	uint64_t max_bytes, max_age_ns;
	uint32_t max_files;
	int fd;
	uint64_t born_ns;	/* wall clock; of the open file */
};

static void close_file(void *ctx)
{
	struct file *f = ctx;

	io_close(&f->fd);
	f->fd = -1;
}

/* When the file was made; where the file system does not say, now. */
static uint64_t birth_of(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) == 0 && (st.stx_mask & STATX_BTIME))
		return (uint64_t)st.stx_btime.tv_sec * NS_PER_S + st.stx_btime.tv_nsec;
	return clock_wall_ns();
}

static int open_file(struct file *f)
{
	if (f->fd >= 0)
		return 0;
	f->fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return -errno;
	f->born_ns = birth_of(f->fd);
	return 0;
}

static void name_of(const struct file *f, uint32_t number, char *out, size_t size)
{
	if (number)
		snprintf(out, size, "%s.%u", f->path, number);
	else
		snprintf(out, size, "%s", f->path);
}

static int rotate(struct file *f)
{
	char from[PATH_MAX], to[PATH_MAX];

	close_file(f);
	for (uint32_t i = f->max_files; i > 0; i--) {
		name_of(f, i - 1, from, sizeof(from));
		name_of(f, i, to, sizeof(to));
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return open_file(f);
}

/*
 * Never in the middle of a line. When others have put a new file in the place of one that had no
 * room for a whole line, the line begins again.
 */
static int rotate_if_due(struct file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return 0;
	if (st.st_size == 0)
		f->lines.off = 0;
	if (f->lines.off || st.st_size == 0)
		return 0;
	if ((f->max_bytes && (uint64_t)st.st_size >= f->max_bytes) ||
	    (f->max_age_ns && clock_wall_ns() - f->born_ns >= f->max_age_ns))
		return rotate(f);
	return 0;
}

static int write_batch(struct output_queue *q, void *ctx, struct message *const *batch, uint32_t n,
		       uint32_t *ret_done)
{
	struct file *f = ctx;
	int r = open_file(f);

	if (r == 0)
		r = rotate_if_due(f);
	if (r == 0)
		r = output_lines_write(&f->lines, q, f->fd, batch, n, ret_done);
	if (r < 0 || !f->keep_alive)
		close_file(f);
	return r == -EPIPE || r == -EBADMSG ? -EIO : r;	/* a fifo may get a reader again */
}

static void free_file(void *ctx)
{
	struct file *f = ctx;

	close_file(f);
	output_lines_done(&f->lines);
	free(f);
}

static const struct output_sink sink = {
	.name = "file", .write = write_batch, .reopen = close_file, .free = free_file,
};

/* A name that cannot be a file is an error of the configuration: said at the start. */
static int start(const struct config *c, struct file *f, struct output **ret)
{
	int r = strlen(f->path) > PATH_MAX - 16 ? -ENAMETOOLONG : open_file(f);

	if (r == 0)
		return output_queue_new(c, &sink, f, ret);
	cli_warn("cannot open '%s': %s", f->path, strerror(-r));
	free_file(f);
	return r;
}

int output_file_open(const struct config *c, struct output **ret)
{
	struct file *f = malloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct file){ .path = c->file_output.filename,
			    .keep_alive = c->file_output.keep_alive,
			    .max_bytes = c->file_output.max_size_mb * 1000000,
			    .max_age_ns = c->file_output.max_age * NS_PER_MS,
			    .max_files = (uint32_t)c->file_output.max_files, .fd = -1 };
	output_lines_init(&f->lines, c);
	return start(c, f, ret);
}

int output_file_append(const struct config *c, const char *path, struct output **ret)
{
	struct file *f = malloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct file){ .path = path, .lines = { .json = true }, .fd = -1 };
	return start(c, f, ret);
}
