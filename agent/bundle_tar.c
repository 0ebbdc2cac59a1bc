/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles as .tar.gz. Reading trusts nothing: regular files only, paths stay inside, sizes are
 * bounded after decompression, and checksums are checked, which libarchive's gzip does not do.
 * Nothing is written to disk. Writing gives the same bytes for the same files: no times, no
 * owners, sorted.
 */
#include "agent/bundle_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

enum { TAR_CHUNK = 64 << 10, FILE_MODE = 0644 };

/* Of zlib: any window, gzip around it; what tar adds to a file, long names included. */
enum { GZIP_WINDOW = 15 + 16, TAR_OVERHEAD = 4096, GZIP_MAGIC = 0x1f };

struct reader {
	const char *name;
	struct archive *a;
	struct limits *limits;
	struct bundle_files *files;
	struct buf *error;
	uint32_t entries;
	uint64_t bytes;			/* of all entries, taken or not */
};

/* "./system//a.yaml" -> "system/a.yaml"; NULL: not inside of the bundle. */
static char *clean_path(const char *path)
{
	size_t n = strlen(path), out = 0;
	char *clean = malloc(n + 1);
	const char *at = path;

	if (!clean || *path == '/')
		goto refuse;
	while (*at) {
		size_t len = strcspn(at, "/");

		if (len == 2 && at[0] == '.' && at[1] == '.')
			goto refuse;
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)at[i] < ' ')
				goto refuse;
		if (len && !(len == 1 && at[0] == '.')) {
			if (out)
				clean[out++] = '/';
			memcpy(clean + out, at, len);
			out += len;
		}
		at += len + (at[len] == '/');
	}
	clean[out] = '\0';
	return clean;
refuse:
	free(clean);
	return NULL;
}

static int refuse(struct reader *r, const char *path, const char *why)
{
	buf_printf(r->error, "%s: entry '%s' %s", r->name, path ? path : "", why);
	return -EINVAL;
}

static int damaged(struct reader *r)
{
	const char *why = archive_error_string(r->a);

	buf_printf(r->error, "%s: damaged archive: %s", r->name, why ? why : "unknown error");
	return -EBADMSG;
}

static int count_bytes(struct reader *r, uint64_t n)
{
	r->bytes += n;
	if (!limit_over(r->limits, LIMIT_BUNDLE_BYTES, r->bytes))
		return 0;
	buf_printf(r->error, "%s: the bundle is larger than %llu bytes", r->name,
		   (unsigned long long)r->limits->max[LIMIT_BUNDLE_BYTES]);
	return -EFBIG;
}

/* All data of the entry; text == NULL: read over it, counting. */
static int read_data(struct reader *r, struct buf *text)
{
	char chunk[TAR_CHUNK];

	for (;;) {
		la_ssize_t n = archive_read_data(r->a, chunk, sizeof(chunk));
		int e;

		if (n == ARCHIVE_RETRY)
			continue;
		if (n < 0)
			return damaged(r);
		if (n == 0)
			return 0;
		e = count_bytes(r, (uint64_t)n);
		if (e < 0)
			return e;
		if (text)
			buf_add(text, chunk, (size_t)n);
	}
}

static int take_entry(struct reader *r, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	_cleanup_buf_ struct buf text = BUF_INIT;
	char *clean;
	int e;

	if (limit_over(r->limits, LIMIT_BUNDLE_FILES, ++r->entries)) {
		buf_printf(r->error, "%s: more than %llu entries", r->name,
			   (unsigned long long)r->limits->max[LIMIT_BUNDLE_FILES]);
		return -EFBIG;
	}
	if (archive_entry_hardlink(entry) || (archive_entry_filetype(entry) != AE_IFREG &&
					      archive_entry_filetype(entry) != AE_IFDIR))
		return refuse(r, path, "is no regular file");
	clean = path ? clean_path(path) : NULL;
	if (!clean)
		return refuse(r, path, "is not inside of the bundle");
	if (archive_entry_filetype(entry) == AE_IFDIR || !bundle_files_wants(clean)) {
		e = read_data(r, NULL);
	} else if (bundle_files_find(r->files, clean) >= 0) {
		e = refuse(r, clean, "is there twice");
	} else {
		e = read_data(r, &text);
		if (e == 0)
			e = text.err
				    ? -ENOMEM
				    : bundle_files_add(r->files, clean, &text, r->limits, r->error);
	}
	free(clean);
	return e;
}

static int read_entries(struct reader *r)
{
	struct archive_entry *entry;

	for (;;) {
		int e = archive_read_next_header(r->a, &entry);

		if (e == ARCHIVE_EOF)
			return 0;
		if (e == ARCHIVE_RETRY)
			continue;
		if (e < ARCHIVE_WARN)
			return damaged(r);
		e = take_entry(r, entry);
		if (e < 0)
			return e;
	}
}

/* One piece more of the stream. 0 or -errno; *ret_end: all members are read. */
static int inflate_more(struct reader *r, z_stream *z, struct buf *out, bool *ret_end)
{
	const uint64_t *max = r->limits->max;
	unsigned char chunk[TAR_CHUNK];
	int e;

	z->next_out = chunk;
	z->avail_out = sizeof(chunk);
	e = inflate(z, Z_NO_FLUSH);
	if (e != Z_OK && e != Z_STREAM_END) {
		buf_printf(r->error, "%s: damaged archive: %s", r->name,
			   z->msg ? z->msg : "it is truncated");
		return e == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	}
	buf_add(out, chunk, sizeof(chunk) - z->avail_out);
	if (out->len > max[LIMIT_BUNDLE_BYTES] + max[LIMIT_BUNDLE_FILES] * TAR_OVERHEAD) {
		r->bytes = 0;
		return count_bytes(r, out->len);
	}
	if (e == Z_STREAM_END) {
		*ret_end = z->avail_in == 0 || z->next_in[0] != GZIP_MAGIC;	/* padding */
		inflateReset(z);
	}
	return out->err;
}

static int gunzip(struct reader *r, struct str archive, struct buf *out)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)archive.p, .avail_in = archive.len };
	bool end = false;
	int e = 0;

	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	while (e == 0 && !end)
		e = inflate_more(r, &z, out, &end);
	inflateEnd(&z);
	return e;
}

static int read_tar(struct reader *r, struct str tar)
{
	archive_read_support_format_tar(r->a);
	if (archive_read_open_memory(r->a, tar.p, tar.len) != ARCHIVE_OK)
		return damaged(r);
	return read_entries(r);
}

int bundle_tar_read(const char *name, struct str archive, struct limits *limits,
		    struct bundle_files *ret, struct buf *error)
{
	struct bundle_files files = { 0 };
	struct reader r = { .name = name, .a = archive_read_new(), .limits = limits,
			    .files = &files, .error = error };
	_cleanup_buf_ struct buf tar = BUF_INIT;
	int e = 0;

	if (!r.a)
		return -ENOMEM;
	if (str_starts(archive, STR("\x1f\x8b"))) {
		e = gunzip(&r, archive, &tar);
		archive = buf_str(&tar);
	}
	if (e == 0)
		e = read_tar(&r, archive);
	archive_read_free(r.a);
	if (e < 0) {
		bundle_files_done(&files);
		return e;
	}
	bundle_files_sort(&files);
	*ret = files;
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static la_ssize_t put(struct archive *a, void *ctx, const void *data, size_t n)
{
	struct buf *out = ctx;

	buf_add(out, data, n);
	return out->err ? -1 : (la_ssize_t)n;
}

static bool write_file(struct archive *a, const char *path, struct str text)
{
	struct archive_entry *entry = archive_entry_new();
	bool good;

	if (!entry)
		return false;
	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, FILE_MODE);
	archive_entry_set_size(entry, text.len);
	archive_entry_set_mtime(entry, 0, 0);
	good = archive_write_header(a, entry) == ARCHIVE_OK &&
	       archive_write_data(a, text.p, text.len) == (la_ssize_t)text.len;
	archive_entry_free(entry);
	return good;
}

int bundle_tar_write(const struct bundle_files *f, struct buf *out)
{
	struct archive *a = archive_write_new();
	bool good = a && archive_write_set_format_pax_restricted(a) == ARCHIVE_OK &&
		    archive_write_add_filter_gzip(a) == ARCHIVE_OK &&
		    archive_write_set_options(a, "gzip:!timestamp,gzip:compression-level=9") ==
			    ARCHIVE_OK &&
		    /* No zeros behind the end: other readers of gzip refuse them. */
		    archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK &&
		    archive_write_open(a, out, NULL, put, NULL) == ARCHIVE_OK;

	for (uint32_t i = 0; good && i < f->n; i++)
		good = write_file(a, f->paths[i], buf_str(&f->texts[i]));
	good = good && archive_write_close(a) == ARCHIVE_OK;
	if (a)
		archive_write_free(a);
	return good ? 0 : -ENOMEM;
}
