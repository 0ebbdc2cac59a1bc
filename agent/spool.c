/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue on disk of agent/spool.h. Only the segment that is written and the one that is read are
 * open. The records of the last peek stay in memory until they are acknowledged.
 */
#include "agent/spool.h"
#include "agent/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { HEAD_BYTES = 8, RECORD_MAX = 16 << 20, NAME_MAX_LEN = 64, DEFAULT_MAX = 64 << 20,
       SEGMENTS = 16 };

struct spool {
	int dir, lock;
	uint64_t max_bytes, segment_bytes;
	uint64_t first, last;		/* numbers of the oldest and of the newest segment */
	uint64_t read_at;		/* in the oldest segment: first record not acknowledged */
	uint64_t write_at;		/* size of the newest segment */
	int read_fd, write_fd;		/* -1: not open */
	struct buf batch;		/* of the last peek: whole records, with heads */
	struct spool_stats stats;
};

static void segment_name(uint64_t number, char *ret)
{
	snprintf(ret, NAME_MAX_LEN, "%016" PRIx64 ".spool", number);
}

static int open_segment(const struct spool *s, uint64_t number, int flags)
{
	char name[NAME_MAX_LEN];
	int fd;

	segment_name(number, name);
	fd = openat(s->dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

static uint64_t segment_size(const struct spool *s, uint64_t number)
{
	char name[NAME_MAX_LEN];
	struct stat st;

	segment_name(number, name);
	return fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size : 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- position: which records are acknowledged --------------------------------------------- */

/* A rename replaces the file as a whole: the position is the old or the new one, never a mix. */
static int write_position(const struct spool *s)
{
	char text[NAME_MAX_LEN];
	int n = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", s->first, s->read_at);
	_cleanup_(io_close) int fd = openat(s->dir, "position.new",
					    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
					    0600);
	int r;

	if (fd < 0)
		return -errno;
	r = io_write_all(fd, text, (size_t)n);
	if (r == 0 && renameat(s->dir, "position.new", s->dir, "position") < 0)
		r = -errno;
	return r;
}

/* The oldest segment starts at 0 unless the file says otherwise. */
static void read_position(struct spool *s)
{
	_cleanup_(io_close) int fd = openat(s->dir, "position", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[NAME_MAX_LEN] = "";
	uint64_t number, at;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &number, &at) != 2 || number != s->first ||
	    at > segment_size(s, number))
		return;
	s->read_at = at;
}

/* ---- start -------------------------------------------------------------------------------- */

static int find_segments(struct spool *s)
{
	int fd = dup(s->dir);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		int r = -errno;

		close_fd(&fd);
		return r;
	}
	s->first = UINT64_MAX;
	while ((e = readdir(d))) {
		uint64_t number;
		int len = 0;

		if (sscanf(e->d_name, "%16" SCNx64 ".spool%n", &number, &len) != 1 || len != 22 ||
		    e->d_name[len])
			continue;
		s->first = MIN(s->first, number);
		s->last = MAX(s->last, number);
		s->stats.bytes += segment_size(s, number);
	}
	closedir(d);
	if (s->first == UINT64_MAX) {
		s->first = s->last = 1;
		unlinkat(s->dir, "position", 0);	/* of segments that are gone */
	}
	return 0;
}

static bool head_fits(const uint8_t *head, uint64_t room, uint32_t *ret_len)
{
	uint32_t len = load_u32(head);

	/* Nothing is written empty: zeros are what a crash of the machine leaves of a file. */
	if (!len || len > RECORD_MAX || len > room)
		return false;
	*ret_len = len;
	return true;
}

/* Records from `at` to the end of a segment or to what is not one; where that is. */
static uint64_t count_records(struct spool *s, uint64_t number, uint64_t at)
{
	uint64_t size = segment_size(s, number);
	_cleanup_(io_close) int fd = open_segment(s, number, O_RDONLY);
	uint8_t head[HEAD_BYTES];
	uint32_t len;

	while (fd >= 0 && at + HEAD_BYTES <= size &&
	       pread(fd, head, sizeof(head), (off_t)at) == HEAD_BYTES &&
	       head_fits(head, size - at - HEAD_BYTES, &len)) {
		at += HEAD_BYTES + len;
		s->stats.recovered++;
	}
	if (at < size)
		s->stats.damaged++;
	return at;
}

/*
 * Count what waits. New records go to a segment of their own, so that nothing stands behind a cut
 * record.
 */
static int recover(struct spool *s)
{
	int r = find_segments(s);

	if (r < 0)
		return r;
	read_position(s);
	for (uint64_t n = s->first; n <= s->last; n++)
		count_records(s, n, n == s->first ? s->read_at : 0);
	s->stats.records = s->stats.recovered;
	s->write_at = segment_size(s, s->last);
	if (s->write_at) {
		s->last++;
		s->write_at = 0;
	}
	return 0;
}

static int open_dir(struct spool *s, const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return -errno;
	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return -errno;
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

int spool_open(const struct spool_opts *opts, struct spool **ret)
{
	struct spool *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->dir = s->lock = s->read_fd = s->write_fd = -1;
	s->max_bytes = opts->max_bytes ? opts->max_bytes : DEFAULT_MAX;
	s->segment_bytes = opts->segment_bytes ? opts->segment_bytes : s->max_bytes / SEGMENTS;
	r = open_dir(s, opts->dir);
	if (r == 0)
		r = recover(s);
	if (r < 0) {
		spool_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	close_fd(&s->read_fd);
	close_fd(&s->write_fd);
	close_fd(&s->lock);
	close_fd(&s->dir);
	buf_done(&s->batch);
	free(s);
}

const struct spool_stats *spool_stats(const struct spool *s)
{
	return &s->stats;
}

/* ---- writing ------------------------------------------------------------------------------ */

static void next_segment(struct spool *s)
{
	close_fd(&s->write_fd);
	s->last++;
	s->write_at = 0;
}

static int ready_to_write(struct spool *s)
{
	if (s->write_fd >= 0 && s->write_at >= s->segment_bytes)
		next_segment(s);
	if (s->write_fd >= 0)
		return 0;
	s->write_fd = open_segment(s, s->last, O_WRONLY | O_CREAT);
	return MIN(s->write_fd, 0);
}

int spool_add(struct spool *s, struct str record)
{
	uint64_t size = HEAD_BYTES + (uint64_t)record.len;
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint8_t head[HEAD_BYTES];
	int r;

	if (!record.len || record.len > RECORD_MAX)
		return -EMSGSIZE;
	r = s->stats.bytes + size > s->max_bytes ? -EDQUOT : ready_to_write(s);
	if (r == 0) {
		store_u32(head, record.len);
		store_u32(head + 4, (uint32_t)crc32(0, (const Bytef *)record.p, record.len));
		buf_add(&b, head, sizeof(head));
		buf_add_str(&b, record);
		r = b.err;
	}
	if (r == 0)
		r = io_write_all(s->write_fd, b.p, b.len);
	if (r < 0) {
		/* Half a record must not stand before the next one. */
		if (s->write_fd >= 0 && (ftruncate(s->write_fd, (off_t)s->write_at) < 0 ||
					 lseek(s->write_fd, (off_t)s->write_at, SEEK_SET) < 0))
			next_segment(s);
		s->stats.refused++;
		return r;
	}
	s->write_at += size;
	s->stats.bytes += size;
	s->stats.records++;
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* The oldest segment is read to its end: on to the next one. */
static void drop_segment(struct spool *s)
{
	char name[NAME_MAX_LEN];
	uint64_t size = segment_size(s, s->first);

	close_fd(&s->read_fd);
	if (s->first == s->last)
		next_segment(s);
	segment_name(s->first, name);
	unlinkat(s->dir, name, 0);
	s->stats.bytes -= MIN(size, s->stats.bytes);
	s->first++;
	s->read_at = 0;
}

enum read_result { READ_OK, READ_END, READ_DAMAGED };

/* The record at `at` of the oldest segment goes behind the batch; *ret_len is its length. */
static enum read_result read_record(struct spool *s, uint64_t at, uint64_t size, uint32_t *ret_len)
{
	uint8_t head[HEAD_BYTES];
	uint32_t len;
	char *to;

	if (at + HEAD_BYTES > size ||
	    pread(s->read_fd, head, sizeof(head), (off_t)at) != HEAD_BYTES ||
	    !head_fits(head, size - at - HEAD_BYTES, &len))
		return READ_END;
	*ret_len = len;
	to = buf_reserve(&s->batch, HEAD_BYTES + (size_t)len);
	if (!to ||
	    pread(s->read_fd, to + HEAD_BYTES, len, (off_t)at + HEAD_BYTES) != (ssize_t)len ||
	    load_u32(head + 4) != (uint32_t)crc32(0, (const Bytef *)to + HEAD_BYTES, len))
		return READ_DAMAGED;
	memcpy(to, head, sizeof(head));
	s->batch.len += HEAD_BYTES + (size_t)len;
	return READ_OK;
}

/* 0 also for a segment that is gone. -errno: not now. */
static int ready_to_read(struct spool *s)
{
	if (s->read_fd < 0)
		s->read_fd = open_segment(s, s->first, O_RDONLY);
	return s->read_fd < 0 && s->read_fd != -ENOENT ? s->read_fd : 0;
}

/* Fill the batch from the oldest segment; the number of records. */
static uint32_t read_batch(struct spool *s, uint32_t max, uint64_t max_bytes)
{
	uint64_t size = segment_size(s, s->first);
	uint32_t n = 0;

	if (s->read_fd < 0)
		return 0;
	while (n < max && (n == 0 || s->batch.len < max_bytes)) {
		uint32_t len;
		enum read_result r = read_record(s, s->read_at + s->batch.len, size, &len);

		if (r == READ_OK) {
			n++;
			continue;
		}
		if (r == READ_END || n > 0)
			break;
		s->read_at += HEAD_BYTES + (uint64_t)len;
		s->stats.damaged++;
		s->stats.records -= s->stats.records > 0;
	}
	return n;
}

uint32_t spool_peek(struct spool *s, uint32_t max, uint64_t max_bytes, spool_record_fn fn,
		    void *ctx)
{
	uint32_t n = 0;

	buf_clear(&s->batch);
	while (s->stats.records && ready_to_read(s) == 0 &&
	       (n = read_batch(s, max, max_bytes)) == 0) {
		if (s->first == s->last)	/* nothing can be read although records wait */
			s->stats.records = 0;
		drop_segment(s);
	}
	for (size_t at = 0; at < s->batch.len;) {
		uint32_t len = load_u32(s->batch.p + at);

		fn(ctx, (struct str){ s->batch.p + at + HEAD_BYTES, len });
		at += HEAD_BYTES + (size_t)len;
	}
	return n;
}

int spool_ack(struct spool *s, uint32_t n)
{
	size_t at = 0;

	for (uint32_t i = 0; i < n && at < s->batch.len; i++) {
		at += HEAD_BYTES + (size_t)load_u32(s->batch.p + at);
		s->stats.records -= s->stats.records > 0;
	}
	s->read_at += at;
	buf_clear(&s->batch);
	/* Delivered is gone: an empty spool takes no place on the disk. */
	if (s->stats.records == 0 ||
	    (s->first < s->last && s->read_at >= segment_size(s, s->first)))
		drop_segment(s);
	return write_position(s);
}
