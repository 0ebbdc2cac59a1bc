/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules files in memory, and the last good ones on disk: STATE/rules is a symbolic link to a
 * directory with one file each, 000-NAME.yaml ..., and is exchanged in one step.
 */
#include "agent/rules_bundle.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK_NAME "rules"
#define ARCHIVE_NAME "bundle.tar.gz"

enum { FILE_MODE = 0600 };

void rules_bundle_done(struct rules_bundle *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		free(b->v[i].name);
		buf_done(&b->v[i].text);
	}
	free(b->v);
	bundle_content_done(&b->layers);
	*b = (struct rules_bundle){ 0 };
}

int rules_bundle_read(const struct io_names *files, const struct bundle_options *options,
		      struct limits *limits, struct rules_bundle *b)
{
	*b = (struct rules_bundle){ .v = calloc(MAX(files->n, 1U), sizeof(*b->v)) };
	if (!b->v)
		return -ENOMEM;
	if (options->path && bundle_content_read(options, limits, &b->layers) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < files->n; i++) {
		struct rules_file *f = &b->v[b->n];

		f->name = strdup(files->names[i]);
		if (!f->name)
			return -ENOMEM;
		b->n++;
		f->err = io_read_file(f->name, limits->max[LIMIT_RULE_FILE_BYTES], &f->text);
		if (f->err == -ENOMEM)
			return f->err;
	}
	return 0;
}

int rules_bundle_digest(const struct rules_bundle *b, char ret_text[DIGEST_TEXT])
{
	_cleanup_buf_ struct buf all = BUF_INIT;

	for (uint32_t i = 0; i < b->layers.files.n; i++)
		buf_printf(&all, "%s\n%.*s", b->layers.files.paths[i],
			   STR_ARG(buf_str(&b->layers.files.texts[i])));
	for (uint32_t i = 0; i < b->n; i++) {
		buf_add_u64(&all, b->v[i].text.len);
		buf_add_char(&all, '\n');
		buf_add_str(&all, buf_str(&b->v[i].text));
	}
	return all.err ? -ENOMEM : digest_of(all.p, all.len, ret_text);
}

int rules_bundle_digests(const struct rules_bundle *b, struct arena *a, struct digest_files *ret)
{
	const struct bundle_files *layers = &b->layers.files;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < layers->n; i++)
		r = digest_files_add(ret, a, layers->paths[i], buf_str(&layers->texts[i]));
	for (uint32_t i = 0; r == 0 && i < b->n; i++)
		r = digest_files_add(ret, a, io_base_name(b->v[i].name), buf_str(&b->v[i].text));
	return r;
}

static void remove_dir(const char *dir)
{
	_cleanup_buf_ struct buf archive = BUF_INIT;
	struct io_names files = { 0 };

	buf_printf(&archive, "%s/" ARCHIVE_NAME, dir);
	if (!archive.err)
		unlink(archive.p);
	if (io_rule_files(dir, &files, NULL) == 0)
		for (uint32_t i = 0; i < files.n; i++)
			unlink(files.names[i]);
	io_names_done(&files);
	rmdir(dir);
}

static int write_archive(const struct rules_bundle *b, const char *dir)
{
	_cleanup_buf_ struct buf path = BUF_INIT, archive = BUF_INIT;
	int r;

	if (!b->layers.path)
		return 0;
	r = bundle_tar_write(&b->layers.files, &archive);
	buf_printf(&path, "%s/" ARCHIVE_NAME, dir);
	if (r == 0)
		r = path.err ? path.err : io_write_file(path.p, buf_str(&archive), FILE_MODE);
	return r;
}

static int write_files(const struct rules_bundle *b, const char *dir)
{
	for (uint32_t i = 0; i < b->n; i++) {
		_cleanup_buf_ struct buf path = BUF_INIT;
		int r;

		buf_printf(&path, "%s/%05u-%.200s.yaml", dir, i, io_base_name(b->v[i].name));
		r = path.err ? path.err : io_write_file(path.p, buf_str(&b->v[i].text), FILE_MODE);
		if (r < 0)
			return r;
	}
	return 0;
}

static int exchange_link(const char *state_dir, const char *target)
{
	_cleanup_buf_ struct buf link_path = BUF_INIT, new_path = BUF_INIT, old_dir = BUF_INIT;
	char old[NAME_MAX + 1];
	ssize_t n;

	buf_printf(&link_path, "%s/" LINK_NAME, state_dir);
	buf_printf(&new_path, "%s/" LINK_NAME ".new", state_dir);
	if (link_path.err || new_path.err)
		return -ENOMEM;
	n = readlink(link_path.p, old, sizeof(old) - 1);
	unlink(new_path.p);
	if (symlink(target, new_path.p) < 0 || rename(new_path.p, link_path.p) < 0)
		return -errno;
	if (n <= 0)
		return 0;
	old[n] = '\0';
	buf_printf(&old_dir, "%s/%s", state_dir, old);
	if (strcmp(old, target) != 0 && !strchr(old, '/') && !old_dir.err)
		remove_dir(old_dir.p);
	return 0;
}

int rules_bundle_save(const struct rules_bundle *b, const char *state_dir)
{
	_cleanup_buf_ struct buf name = BUF_INIT, dir = BUF_INIT;
	char digest[DIGEST_TEXT];
	int r = rules_bundle_digest(b, digest);

	if (r < 0)
		return r;
	buf_printf(&name, LINK_NAME "-%.16s", digest + strlen("sha256:"));
	buf_printf(&dir, "%s/%s", state_dir, name.p ? name.p : "");
	if (name.err || dir.err)
		return -ENOMEM;
	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (mkdir(dir.p, 0700) < 0 && errno != EEXIST)
		return -errno;
	r = write_files(b, dir.p);
	if (r == 0)
		r = write_archive(b, dir.p);
	return r == 0 ? exchange_link(state_dir, name.p) : r;
}

int rules_bundle_saved(const char *state_dir, struct io_names *files, struct buf *ret_archive)
{
	_cleanup_buf_ struct buf dir = BUF_INIT;
	int r;

	buf_printf(&dir, "%s/" LINK_NAME, state_dir);
	buf_printf(ret_archive, "%s/" LINK_NAME "/" ARCHIVE_NAME, state_dir);
	if (dir.err || ret_archive->err)
		return -ENOMEM;
	r = io_rule_files(dir.p, files, NULL);
	if (access(ret_archive->p, F_OK) < 0)
		buf_clear(ret_archive);
	return r == 0 && files->n == 0 && ret_archive->len == 0 ? -ENOENT : r;
}
