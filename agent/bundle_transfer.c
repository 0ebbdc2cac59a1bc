/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See bundle_transfer.h.
 */
#include "agent/bundle_transfer.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0644, DIR_MODE = 0755 };

static int fail(const struct buf *error)
{
	return error->err || !error->len ? cli_fail("out of memory")
					 : cli_fail("%.*s", STR_ARG(buf_str(error)));
}

/* ---- push ---------------------------------------------------------------------------------- */

/* As the incumbent's tool writes it. */
static int make_config(const struct bundle_push *p, struct buf *out)
{
	json_t *root = json_pack("{s:s%, s:s%}", "name", p->name.p, (size_t)p->name.len, "version",
				 p->version.p, (size_t)p->version.len);
	char *text;

	if (root && p->required_engine.len)
		json_object_set_new(root, "requirements",
				    json_pack("[{s:s, s:s%}]", "name", "engine_version_semver",
					      "version", p->required_engine.p,
					      (size_t)p->required_engine.len));
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (text)
		buf_add_c(out, text);
	free(text);
	return text ? out->err : -ENOMEM;
}

/* "1.4.0" -> "1" and "1.4". False: not of this form. */
static bool floating_tags(struct str version, char ret_major[32], char ret_minor[32])
{
	uint32_t dots[2], n = 0;

	for (uint32_t i = 0; i < version.len; i++) {
		if (version.p[i] == '.' && n < 2)
			dots[n++] = i;
		else if (!isdigit((unsigned char)version.p[i]))
			return false;
	}
	if (n != 2 || dots[1] >= 32)
		return false;
	snprintf(ret_major, 32, "%.*s", (int)dots[0], version.p);
	snprintf(ret_minor, 32, "%.*s", (int)dots[1], version.p);
	return true;
}

int bundle_transfer_push(const struct bundle_push *p)
{
	_cleanup_(oci_artifact_done) struct oci_artifact a = { 0 };
	_cleanup_buf_ struct buf title = BUF_INIT, error = BUF_INIT;
	char major[32], minor[32];
	const char *more[] = { major, minor };
	int r;

	if (p->floating_tags && !floating_tags(p->version, major, minor))
		return cli_fail("--floating-tags needs a version X.Y.Z, not '%.*s'",
				STR_ARG(p->version));
	buf_printf(&title, "%.*s.tar.gz", STR_ARG(p->name));
	a.title = title.err ? NULL : strdup(title.p);
	r = a.title ? make_config(p, &a.config) : -ENOMEM;
	if (r == 0)
		r = bundle_tar_write(p->files, &a.layer);
	if (r == 0)
		r = bundle_remote_push(p->remote, p->target, more,
				       p->floating_tags ? ARRAY_SIZE(more) : 0, &a, &error);
	if (r < 0)
		return fail(&error);
	printf("%s: %.*s %.*s, %u files, %zu bytes, %s\n", p->target, STR_ARG(p->name),
	       STR_ARG(p->version), p->files->n, a.layer.len, a.digest);
	if (p->floating_tags)
		printf("also as %s and %s\n", major, minor);
	return EXIT_OK;
}

/* ---- pull ---------------------------------------------------------------------------------- */

static int make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, DIR_MODE) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int write_files(const struct bundle_files *files, const char *dir)
{
	for (uint32_t i = 0; i < files->n; i++) {
		_cleanup_buf_ struct buf path = BUF_INIT;
		int r;

		buf_printf(&path, "%s/%s", dir, files->paths[i]);
		r = path.err ? path.err : make_folders(path.p);
		if (r == 0)
			r = io_write_file(path.p, buf_str(&files->texts[i]), FILE_MODE);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Into a folder that is not there yet, or is empty. */
static int write_folder(const struct bundle_files *files, const char *dir)
{
	if (mkdir(dir, DIR_MODE) < 0 &&
	    (errno != EEXIST || rmdir(dir) < 0 || mkdir(dir, DIR_MODE) < 0))
		return -errno;
	return write_files(files, dir);
}

static bool is_archive(const char *path)
{
	struct str s = str_from(path);

	return str_ends(s, STR(".tar.gz")) || str_ends(s, STR(".tgz"));
}

static int write_output(const struct bundle_pull *p, const struct oci_artifact *a,
			struct limits *limits)
{
	_cleanup_(bundle_files_done) struct bundle_files files = { 0 };
	_cleanup_buf_ struct buf error = BUF_INIT;
	int r = bundle_remote_files(p->source, a, limits, &files, &error);

	if (r < 0)
		return fail(&error);
	r = is_archive(p->output) ? io_write_file(p->output, buf_str(&a->layer), FILE_MODE)
				  : write_folder(&files, p->output);
	if (r < 0)
		return cli_fail("cannot write '%s': %s", p->output, strerror(-r));
	printf("%s: %u files, %zu bytes, %s%s\n", p->output, files.n, a->layer.len, a->digest,
	       p->remote->public_key ? ", signature verified" : "");
	return EXIT_OK;
}

int bundle_transfer_pull(const struct bundle_pull *p, struct limits *limits)
{
	_cleanup_(oci_artifact_done) struct oci_artifact a = { 0 };
	_cleanup_buf_ struct buf error = BUF_INIT;
	char digest[DIGEST_TEXT];

	if (p->digest_only) {
		if (bundle_remote_resolve(p->remote, p->source, digest, &error) < 0)
			return fail(&error);
		printf("%s\n", digest);
		return EXIT_OK;
	}
	if (bundle_remote_pull(p->remote, p->source, NULL, &a, &error) < 0)
		return fail(&error);
	return write_output(p, &a, limits);
}
