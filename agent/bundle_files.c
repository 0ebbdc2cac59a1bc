/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a bundle in a folder, and what folder and archive have in common. Hidden files are left
 * out; links to files are followed (a mounted ConfigMap consists of them), links to folders are
 * not.
 */
#include "agent/bundle_files.h"

#include <dirent.h>
#include <sys/stat.h>

enum { FOLDER_DEPTH_MAX = 16 };

void bundle_files_done(struct bundle_files *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		free(f->paths[i]);
		buf_done(&f->texts[i]);
	}
	free(f->paths);
	free(f->texts);
	*f = (struct bundle_files){ 0 };
}

bool bundle_files_wants(const char *path)
{
	struct str s = str_from(path);

	return (str_ends(s, STR(".yaml")) || str_ends(s, STR(".yml"))) &&
	       !str_ends(s, STR(".tests.yaml")) && !str_ends(s, STR(".tests.yml"));
}

static int grow(struct bundle_files *f)
{
	uint32_t cap = f->cap ? f->cap * 2 : 16;
	char **paths = realloc(f->paths, cap * sizeof(*paths));
	struct buf *texts;

	if (!paths)
		return -ENOMEM;
	f->paths = paths;
	texts = realloc(f->texts, cap * sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	f->texts = texts;
	f->cap = cap;
	return 0;
}

int bundle_files_add(struct bundle_files *f, const char *path, struct buf *text,
		     struct limits *limits, struct buf *error)
{
	char *copy;

	if (limit_over(limits, LIMIT_BUNDLE_FILES, (uint64_t)f->n + 1)) {
		buf_printf(error, "the bundle has more than %llu files",
			   (unsigned long long)limits->max[LIMIT_BUNDLE_FILES]);
		return -EFBIG;
	}
	if (limit_over(limits, LIMIT_BUNDLE_BYTES, f->bytes + text->len)) {
		buf_printf(error, "the bundle is larger than %llu bytes",
			   (unsigned long long)limits->max[LIMIT_BUNDLE_BYTES]);
		return -EFBIG;
	}
	if (f->n == f->cap && grow(f) < 0)
		return -ENOMEM;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	f->paths[f->n] = copy;
	f->texts[f->n++] = *text;
	f->bytes += text->len;
	*text = BUF_INIT;
	return 0;
}

/* By path; few files, nearly sorted already. */
void bundle_files_sort(struct bundle_files *f)
{
	for (uint32_t i = 1; i < f->n; i++) {
		char *path = f->paths[i];
		struct buf text = f->texts[i];
		uint32_t k = i;

		for (; k && strcmp(f->paths[k - 1], path) > 0; k--) {
			f->paths[k] = f->paths[k - 1];
			f->texts[k] = f->texts[k - 1];
		}
		f->paths[k] = path;
		f->texts[k] = text;
	}
}

int bundle_files_find(const struct bundle_files *f, const char *path)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (strcmp(f->paths[i], path) == 0)
			return (int)i;
	return -1;
}

int bundle_files_digest(const struct bundle_files *f, char ret_text[DIGEST_TEXT])
{
	_cleanup_buf_ struct buf list = BUF_INIT;
	char digest[DIGEST_TEXT];

	for (uint32_t i = 0; i < f->n; i++) {
		struct str text = buf_str(&f->texts[i]);

		digest_of(text.p, text.len, digest);
		buf_printf(&list, "%s  %s\n", digest, f->paths[i]);
	}
	return list.err ? -ENOMEM : digest_of(list.p, list.len, ret_text);
}

/* ---- folder -------------------------------------------------------------------------------- */

struct walk {
	const char *root;
	struct limits *limits;
	struct bundle_files *files;
	struct buf *error;
};

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int walk_folder(struct walk *w, const char *relative, int depth);

static int take_file(struct walk *w, const char *full, const char *relative)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r;

	if (!bundle_files_wants(relative))
		return 0;
	r = io_read_file(full, w->limits->max[LIMIT_BUNDLE_BYTES], &text);
	if (r < 0 && r != -ENOMEM)
		buf_printf(w->error, "cannot read '%s': %s", full, strerror(-r));
	return r < 0 ? r : bundle_files_add(w->files, relative, &text, w->limits, w->error);
}

static int take_entry(struct walk *w, const char *folder, const char *name, int depth)
{
	_cleanup_buf_ struct buf full = BUF_INIT, relative = BUF_INIT;
	struct stat st;

	buf_printf(&relative, "%s%s%s", folder, *folder ? "/" : "", name);
	buf_printf(&full, "%s/%s", w->root, relative.p ? relative.p : "");
	if (full.err || relative.err)
		return -ENOMEM;
	if (lstat(full.p, &st) < 0)
		return 0;	/* just removed */
	if (S_ISDIR(st.st_mode))
		return walk_folder(w, relative.p, depth + 1);
	if (stat(full.p, &st) == 0 && !S_ISREG(st.st_mode))
		return 0;
	return take_file(w, full.p, relative.p);
}

static int walk_folder(struct walk *w, const char *relative, int depth)
{
	_cleanup_buf_ struct buf full = BUF_INIT;
	struct dirent **entries;
	int n, r = 0;

	buf_printf(&full, "%s%s%s", w->root, *relative ? "/" : "", relative);
	if (full.err)
		return -ENOMEM;
	if (depth > FOLDER_DEPTH_MAX) {
		buf_printf(w->error, "folders in '%s' are nested too deeply", full.p);
		return -ELOOP;
	}
	n = scandir(full.p, &entries, not_hidden, alphasort);
	if (n < 0) {
		r = -errno;
		buf_printf(w->error, "cannot read '%s': %s", full.p, strerror(-r));
		return r;
	}
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = take_entry(w, relative, entries[i]->d_name, depth);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int read_archive(const char *path, struct limits *limits, struct bundle_files *files,
			struct buf *error)
{
	_cleanup_buf_ struct buf archive = BUF_INIT;
	int r = io_read_file(path, limits->max[LIMIT_BUNDLE_BYTES], &archive);

	if (r < 0) {
		buf_printf(error, "cannot read '%s': %s", path, strerror(-r));
		return r;
	}
	return bundle_tar_read(path, buf_str(&archive), limits, files, error);
}

int bundle_files_read(const char *path, struct limits *limits, struct bundle_files *ret,
		      struct buf *error)
{
	struct bundle_files files = { 0 };
	struct walk w = { path, limits, &files, error };
	struct stat st;
	int r = stat(path, &st) < 0 ? -errno : 0;

	if (r < 0)
		buf_printf(error, "cannot read bundle '%s': %s", path, strerror(-r));
	else if (S_ISDIR(st.st_mode))
		r = walk_folder(&w, "", 0);
	else
		r = read_archive(path, limits, &files, error);
	if (r < 0) {
		bundle_files_done(&files);
		return r;
	}
	bundle_files_sort(&files);
	*ret = files;
	return 0;
}
