/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces as bytes, gzip undone on a second thread. Called by replay and bench. The thread owns the
 * file descriptor and the inflater from start to join; the two sides share a ring of buffers: the
 * thread fills those that are empty, the reader empties those that are full.
 */
#include "agent/io.h"
#include "agent/trace_file.h"
#include "engine/event/scap_input.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RING_BUFFERS = 4, BUFFER_BYTES = 128 << 10, MAGIC_BYTES = 2 };

struct piece {
	size_t len;
	uint8_t bytes[BUFFER_BYTES];
};

struct trace_file {
	int fd;
	uint8_t magic[MAGIC_BYTES]; /* first bytes of the file, not yet handed out from `at` on */
	unsigned magic_len, magic_at;

	/* gzip only */
	bool threaded;
	pthread_t thread;
	int stop_fd;			/* readable when the thread has to end */
	struct scap_input *input;
	struct piece *ring;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	/* Under the lock. The thread is done when `done`; then input->status tells how. */
	unsigned nfull;
	bool done, stop;
	/* The reader's side. */
	unsigned at;
	size_t pos;
};

static long read_plain(void *ctx, void *buf, size_t n)
{
	struct trace_file *f = ctx;
	size_t left = f->magic_len - f->magic_at;

	if (!left)
		return io_read_fd(&f->fd, buf, n);
	n = MIN(n, left);
	memcpy(buf, f->magic + f->magic_at, n);
	f->magic_at += (unsigned)n;
	return (long)n;
}

/* A pipe may stay silent for ever: wait for data and for the order to stop. */
static long read_or_stop(void *ctx, void *buf, size_t n)
{
	struct trace_file *f = ctx;
	struct pollfd fds[] = { { .fd = f->fd, .events = POLLIN },
				{ .fd = f->stop_fd, .events = POLLIN } };

	while (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		if (errno != EINTR)
			return -errno;
	return fds[1].revents ? 0 : read_plain(f, buf, n);
}

/* Is there an empty buffer to fill? Waits; false: the reader wants no more. */
static bool wait_empty(struct trace_file *f)
{
	bool stop;

	pthread_mutex_lock(&f->lock);
	while (f->nfull == RING_BUFFERS && !f->stop)
		pthread_cond_wait(&f->emptied, &f->lock);
	stop = f->stop;
	pthread_mutex_unlock(&f->lock);
	return !stop;
}

static void *inflate_all(void *ctx)
{
	struct trace_file *f = ctx;

	for (unsigned at = 0; wait_empty(f); at = (at + 1) % RING_BUFFERS) {
		struct piece *p = &f->ring[at];

		p->len = scap_input_read(f->input, p->bytes, BUFFER_BYTES);
		pthread_mutex_lock(&f->lock);
		if (p->len)
			f->nfull++;
		else
			f->done = true;
		pthread_cond_signal(&f->filled);
		pthread_mutex_unlock(&f->lock);
		if (!p->len)
			break;
	}
	return NULL;
}

/* Is there a full buffer to read from? Waits; false: the thread is done and all is read. */
static bool wait_full(struct trace_file *f)
{
	bool full;

	pthread_mutex_lock(&f->lock);
	while (f->nfull == 0 && !f->done)
		pthread_cond_wait(&f->filled, &f->lock);
	full = f->nfull > 0;
	pthread_mutex_unlock(&f->lock);
	return full;
}

static void give_back(struct trace_file *f)
{
	f->at = (f->at + 1) % RING_BUFFERS;
	f->pos = 0;
	pthread_mutex_lock(&f->lock);
	f->nfull--;
	pthread_cond_signal(&f->emptied);
	pthread_mutex_unlock(&f->lock);
}

static long read_inflated(void *ctx, void *buf, size_t n)
{
	struct trace_file *f = ctx;
	const struct piece *p = &f->ring[f->at];

	if (f->pos == 0 && !wait_full(f))
		return f->input->status == INPUT_FAILED ? f->input->err : 0;
	n = MIN(n, p->len - f->pos);
	memcpy(buf, p->bytes + f->pos, n);
	f->pos += n;
	if (f->pos == p->len)
		give_back(f);
	return (long)n;
}

static void inflated_end(void *ctx, struct byte_source_end *ret_end)
{
	const struct scap_input *in = ((struct trace_file *)ctx)->input;

	*ret_end = (struct byte_source_end){ in->status, in->problem, in->trailing };
}

struct byte_source trace_file_source(struct trace_file *f)
{
	if (f->threaded)
		return (struct byte_source){ read_inflated, f, inflated_end };
	return (struct byte_source){ read_plain, f };
}

/* 0 or -errno. */
static int start_thread(struct trace_file *f)
{
	int r;

	f->input = malloc(sizeof(*f->input));
	f->ring = malloc(RING_BUFFERS * sizeof(*f->ring));
	if (!f->input || !f->ring)
		return -ENOMEM;
	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (f->stop_fd < 0)
		return -errno;
	scap_input_init(f->input, (struct byte_source){ read_or_stop, f });
	r = pthread_create(&f->thread, NULL, inflate_all, f);
	f->threaded = r == 0;
	return -r;
}

/* A read error shows up again, then the reader of the engine reports it. */
static void read_magic(struct trace_file *f)
{
	while (f->magic_len < MAGIC_BYTES) {
		long got = io_read_fd(&f->fd, f->magic + f->magic_len, MAGIC_BYTES - f->magic_len);

		if (got <= 0)
			return;
		f->magic_len += (unsigned)got;
	}
}

static int open_fd(const char *path, int *ret_fd)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

int trace_file_open(const char *path, struct trace_file **ret_f)
{
	struct trace_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->fd = f->stop_fd = -1;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->filled, NULL);
	pthread_cond_init(&f->emptied, NULL);
	r = open_fd(path, &f->fd);
	if (r == 0)
		read_magic(f);
	if (r == 0 && f->magic_len == MAGIC_BYTES && f->magic[0] == 0x1f && f->magic[1] == 0x8b)
		r = start_thread(f);
	if (r < 0)
		trace_file_close(f);
	else
		*ret_f = f;
	return r;
}

static void end_thread(struct trace_file *f)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->emptied);
	pthread_mutex_unlock(&f->lock);
	io_write_all(f->stop_fd, &one, sizeof(one));
	pthread_join(f->thread, NULL);
	scap_input_done(f->input);
}

void trace_file_close(struct trace_file *f)
{
	if (!f)
		return;
	if (f->threaded)
		end_thread(f);
	io_close(&f->stop_fd);
	io_close(&f->fd);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->filled);
	pthread_cond_destroy(&f->emptied);
	free(f->input);
	free(f->ring);
	free(f);
}
