/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See bundle_store.h. Digests are checked when a bundle is read: a file that lost bytes is no
 * bundle.
 */
#include "agent/bundle_store.h"
#include "agent/io.h"

#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_NAME "bundles"
#define RECORD_NAME "bundle.json"
#define CONFIG_NAME "config.json"
#define LAYER_NAME "layer.tar.gz"
#define PREFIX "sha256:"

enum { FILE_MODE = 0600, DIR_MODE = 0700, KEY_BYTES_MAX = 64 << 10 };

static const char *const link_names[] = {
	[BUNDLE_NEXT] = "next", [BUNDLE_CURRENT] = "current", [BUNDLE_PREVIOUS] = "previous",
};

/* The thread that pulls and the one that compiles. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void join(struct buf *out, const char *dir, const char *name)
{
	buf_clear(out);
	buf_printf(out, "%s/%s", dir, name);
}

static int make_dir(const char *path)
{
	return mkdir(path, DIR_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_store(const char *state_dir, struct buf *out)
{
	int r;

	join(out, state_dir, STORE_NAME);
	if (out->err)
		return out->err;
	r = make_dir(state_dir);
	return r < 0 ? r : make_dir(out->p);
}

/* The digest of the key's file; "": no key. */
static int key_digest(const char *public_key, char ret[DIGEST_TEXT])
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r;

	ret[0] = '\0';
	if (!public_key)
		return 0;
	r = io_read_file(public_key, KEY_BYTES_MAX, &text);
	return r < 0 ? r : digest_of(text.p ? text.p : "", text.len, ret);
}

/* ---- links --------------------------------------------------------------------------------- */

/* The name of the folder; false: no such link. */
static bool read_link(const char *store, enum bundle_stored which, char ret[NAME_MAX + 1])
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	ssize_t n;

	join(&path, store, link_names[which]);
	n = path.err ? -1 : readlink(path.p, ret, NAME_MAX);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return !strchr(ret, '/');
}

static int set_link(const char *store, enum bundle_stored which, const char *target)
{
	_cleanup_buf_ struct buf path = BUF_INIT, temporary = BUF_INIT;

	join(&path, store, link_names[which]);
	join(&temporary, store, "new-link");
	if (path.err || temporary.err)
		return -ENOMEM;
	unlink(temporary.p);
	return symlink(target, temporary.p) < 0 || rename(temporary.p, path.p) < 0 ? -errno : 0;
}

static void remove_folder(const char *store, const char *name)
{
	static const char *const files[] = { RECORD_NAME, CONFIG_NAME, LAYER_NAME };
	_cleanup_buf_ struct buf dir = BUF_INIT, path = BUF_INIT;

	join(&dir, store, name);
	for (size_t i = 0; i < ARRAY_SIZE(files) && !dir.err; i++) {
		join(&path, dir.p, files[i]);
		if (!path.err)
			unlink(path.p);
	}
	if (!dir.err)
		rmdir(dir.p);
}

/* Every folder that no link names. */
static void prune(const char *store)
{
	char keep[ARRAY_SIZE(link_names)][NAME_MAX + 1] = { "" };
	DIR *d = opendir(store);
	struct dirent *e;

	for (size_t i = 0; i < ARRAY_SIZE(link_names); i++)
		if (!read_link(store, (enum bundle_stored)i, keep[i]))
			keep[i][0] = '\0';
	while (d && (e = readdir(d))) {
		bool kept = e->d_type != DT_DIR || e->d_name[0] == '.';

		for (size_t i = 0; i < ARRAY_SIZE(link_names); i++)
			kept |= strcmp(keep[i], e->d_name) == 0;
		if (!kept)
			remove_folder(store, e->d_name);
	}
	if (d)
		closedir(d);
}

/* ---- bundles ------------------------------------------------------------------------------- */

static int write_record(const char *dir, const char *name, const char *key,
			const struct oci_artifact *a)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	char config[DIGEST_TEXT], layer[DIGEST_TEXT];
	json_t *root;
	char *text;
	int r;

	digest_of(a->config.p ? a->config.p : "", a->config.len, config);
	digest_of(a->layer.p ? a->layer.p : "", a->layer.len, layer);
	root = json_pack("{s:s, s:s, s:s, s:s, s:s}", "reference", name, "digest", a->digest, "key",
			 key, "config", config, "layer", layer);
	text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	json_decref(root);
	join(&path, dir, RECORD_NAME);
	r = !text || path.err ? -ENOMEM : io_write_file(path.p, str_from(text), FILE_MODE);
	free(text);
	return r;
}

static int write_folder(const char *dir, const char *name, const char *key,
			const struct oci_artifact *a)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	int r = make_dir(dir);

	join(&path, dir, LAYER_NAME);
	if (r == 0)
		r = path.err ? path.err : io_write_file(path.p, buf_str(&a->layer), FILE_MODE);
	join(&path, dir, CONFIG_NAME);
	if (r == 0)
		r = path.err ? path.err : io_write_file(path.p, buf_str(&a->config), FILE_MODE);
	return r < 0 ? r : write_record(dir, name, key, a);
}

int bundle_store_put(const char *state_dir, const char *name, const char *public_key,
		     const struct oci_artifact *a)
{
	_cleanup_buf_ struct buf store = BUF_INIT, dir = BUF_INIT;
	const char *hex = a->digest + strlen(PREFIX);
	char key[DIGEST_TEXT];
	int r = key_digest(public_key, key);

	if (r < 0)
		return r;
	pthread_mutex_lock(&lock);
	r = open_store(state_dir, &store);
	if (r == 0) {
		join(&dir, store.p, hex);
		r = dir.err ? dir.err : write_folder(dir.p, name, key, a);
	}
	if (r == 0)
		r = set_link(store.p, BUNDLE_NEXT, hex);
	pthread_mutex_unlock(&lock);
	return r;
}

/* The record says so. */
static bool has(const json_t *record, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text && strcmp(text, value) == 0;
}

static bool is_intact(const json_t *record, const char *key, const struct buf *data)
{
	char digest[DIGEST_TEXT];

	digest_of(data->p ? data->p : "", data->len, digest);
	return has(record, key, digest);
}

static int read_parts(const char *dir, const json_t *record, struct oci_artifact *a)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	int r;

	join(&path, dir, LAYER_NAME);
	r = path.err ? path.err : io_read_file(path.p, OCI_MAX_LAYER_BYTES, &a->layer);
	join(&path, dir, CONFIG_NAME);
	if (r == 0)
		r = path.err ? path.err : io_read_file(path.p, OCI_MAX_CONFIG_BYTES, &a->config);
	if (r == 0 &&
	    (!is_intact(record, "layer", &a->layer) || !is_intact(record, "config", &a->config)))
		r = -EBADMSG;
	return r;
}

static int read_folder(const char *dir, const char *name, const char *key, struct oci_artifact *ret)
{
	_cleanup_buf_ struct buf path = BUF_INIT, text = BUF_INIT;
	struct oci_artifact a = { 0 };
	const char *digest;
	json_t *record;
	int r;

	join(&path, dir, RECORD_NAME);
	r = path.err ? path.err : io_read_file(path.p, OCI_MAX_CONFIG_BYTES, &text);
	if (r < 0)
		return r;
	record = json_loadb(text.p ? text.p : "", text.len, 0, NULL);
	digest = json_string_value(json_object_get(record, "digest"));
	if (!digest || !digest_valid(str_from(digest)))
		r = -EBADMSG;
	else if (!has(record, "reference", name) || (*key && !has(record, "key", key)))
		r = -ENOENT;
	else
		r = read_parts(dir, record, &a);
	if (r == 0) {
		snprintf(a.digest, sizeof(a.digest), "%s", digest);
		*ret = a;
	} else {
		oci_artifact_done(&a);
	}
	json_decref(record);
	return r;
}

int bundle_store_get(const char *state_dir, enum bundle_stored which, const char *name,
		     const char *public_key, struct oci_artifact *ret)
{
	_cleanup_buf_ struct buf store = BUF_INIT, dir = BUF_INIT;
	char target[NAME_MAX + 1], key[DIGEST_TEXT];
	int r = key_digest(public_key, key);

	if (r < 0)
		return r;
	join(&store, state_dir, STORE_NAME);
	if (store.err)
		return store.err;
	pthread_mutex_lock(&lock);
	if (read_link(store.p, which, target)) {
		join(&dir, store.p, target);
		r = dir.err ? dir.err : read_folder(dir.p, name, key, ret);
	} else {
		r = -ENOENT;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

int bundle_store_again(const char *state_dir, const char *digest)
{
	_cleanup_buf_ struct buf store = BUF_INIT;
	int r;

	pthread_mutex_lock(&lock);
	r = open_store(state_dir, &store);
	if (r == 0)
		r = set_link(store.p, BUNDLE_NEXT, digest + strlen(PREFIX));
	pthread_mutex_unlock(&lock);
	return r;
}

int bundle_store_activate(const char *state_dir, const char *digest)
{
	const char *hex = digest + strlen(PREFIX);
	_cleanup_buf_ struct buf store = BUF_INIT;
	char old[NAME_MAX + 1];
	int r;

	pthread_mutex_lock(&lock);
	r = open_store(state_dir, &store);
	if (r == 0 && read_link(store.p, BUNDLE_CURRENT, old) && strcmp(old, hex) != 0)
		r = set_link(store.p, BUNDLE_PREVIOUS, old);
	if (r == 0)
		r = set_link(store.p, BUNDLE_CURRENT, hex);
	if (r == 0)
		prune(store.p);
	pthread_mutex_unlock(&lock);
	return r;
}
