/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials as docker's tools leave them in config.json: `auths` with user and password or an
 * identity token, and programs docker-credential-NAME (`credHelpers` by host, `credsStore`).
 */
#include "agent/clock.h"
#include "agent/harden.h"
#include "agent/io.h"
#include "agent/lazy.h"
#include "agent/oci_priv.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The user name that helpers give with an identity token. */
#define TOKEN_USER "<token>"

enum { HELPER_LOOK_MS = 10 };

extern char **environ;

void oci_credentials_done(struct oci_credentials *c)
{
	buf_done(&c->basic);
	buf_done(&c->identity);
}

static void add_base64(struct buf *b, struct str s)
{
	char *to = buf_reserve(b, ((size_t)s.len + 2) / 3 * 4 + 1);
	const char *why;

	if (to && lazy_load(LAZY_CRYPTO, &why) < 0)
		b->err = -ENOSYS;
	else if (to)
		b->len += (size_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)s.p,
						  (int)s.len);
}

/* The entry of a host: docker writes the bare host, or a URL for its own hub. */
static json_t *find_host(json_t *entries, const char *host)
{
	const char *key;
	json_t *value;

	json_object_foreach(entries, key, value) {
		const char *name = strstr(key, "://");
		size_t n;

		name = name ? name + 3 : key;
		n = strcspn(name, "/");
		if (n == strlen(host) && strncasecmp(name, host, n) == 0)
			return value;
	}
	return NULL;
}

/* ---- helpers ------------------------------------------------------------------------------- */

/* A file with the text to read from: no pipe, so nobody can break one. */
static int text_file(const char *text)
{
	int fd = memfd_create("credentials", MFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = io_write_all(fd, text, strlen(text));
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int spawn(char *program, int in, int out, pid_t *ret)
{
	char action[] = "get", *argv[] = { program, action, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, pipe_signal;
	int r;

	sigemptyset(&none);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	r = posix_spawnp(ret, program, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -r;
}

/* All that comes until the end, within the bounds. 0 or -errno. */
static int read_answer(int fd, uint64_t end, struct buf *out)
{
	for (;;) {
		uint64_t now = clock_mono_ns();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char chunk[4096];
		ssize_t n;

		if (now >= end || poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1) == 0) {
			oci_limit_hit(OCI_LIMIT_HELPER_MS);
			return -ETIMEDOUT;
		}
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return out->err;
		if (n > 0)
			buf_add(out, chunk, (size_t)n);
		if (out->len > OCI_MAX_CREDENTIAL_BYTES) {
			oci_limit_hit(OCI_LIMIT_CREDENTIAL_BYTES);
			return -EFBIG;
		}
	}
}

/* Its exit status, if it has one in time: else it is killed. */
static int wait_helper(pid_t pid, uint64_t end)
{
	int status = 0;
	pid_t done;

	while ((done = waitpid(pid, &status, WNOHANG)) == 0 && clock_mono_ns() < end)
		poll(NULL, 0, HELPER_LOOK_MS);
	if (done == 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_helper(char *program, const char *host, struct buf *out)
{
	_cleanup_(io_close) int in = text_file(host);
	uint64_t end = clock_mono_ns() + OCI_MAX_HELPER_MS * NS_PER_MS;
	int fds[2], status, r;
	pid_t pid;

	if (in < 0)
		return in;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = spawn(program, in, fds[1], &pid);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	r = read_answer(fds[0], end, out);
	close(fds[0]);
	status = wait_helper(pid, r < 0 ? 0 : end);
	return r == 0 && status != 0 ? -ENOKEY : r;
}

static void take_pair(struct oci_credentials *c, const char *user, const char *secret)
{
	_cleanup_buf_ struct buf pair = BUF_INIT;

	if (strcmp(user, TOKEN_USER) == 0) {
		buf_add_c(&c->identity, secret);
		return;
	}
	buf_printf(&pair, "%s:%s", user, secret);
	add_base64(&c->basic, buf_str(&pair));
}

/* Helpers that have nothing fail, too: -ENOKEY. */
static int ask_helper(struct oci *o, const char *helper, const char *host,
		      struct oci_credentials *c)
{
	_cleanup_buf_ struct buf program = BUF_INIT, answer = BUF_INIT;
	struct harden_state sealed;
	const char *user, *secret;
	json_t *root;
	int r;

	harden_get(&sealed);
	if (sealed.seccomp)
		return oci_fail(o, -EPERM,
				"credentials of %s: this sensor started without a helper in "
				"config.json and may start none now; start it again", host);
	if (!*helper || strspn(helper, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789._-") != strlen(helper))
		return oci_fail(o, -EINVAL, "%s: '%s' is no name of a credential helper",
				o->opts.docker_config, helper);
	buf_printf(&program, "docker-credential-%s", helper);
	if (program.err)
		return -ENOMEM;
	r = run_helper(program.p, host, &answer);
	if (r == -ENOKEY)
		return r;
	if (r < 0)
		return oci_fail(o, r, "credentials of %s: %s: %s", host, program.p, strerror(-r));
	root = json_loadb(answer.p ? answer.p : "", answer.len, 0, NULL);
	user = json_string_value(json_object_get(root, "Username"));
	secret = json_string_value(json_object_get(root, "Secret"));
	if (user && secret)
		take_pair(c, user, secret);
	else
		r = oci_fail(o, -EBADMSG, "credentials of %s: the answer of %s is not understood",
			     host, program.p);
	json_decref(root);
	return r;
}

/* ---- config.json --------------------------------------------------------------------------- */

/* The name that docker stores the hub's credentials under. */
static const char *stored_name(const char *host)
{
	return strcmp(host, OCI_HUB) == 0 ? "index.docker.io" : host;
}

static int take_entry(const json_t *root, const char *host, struct oci_credentials *c)
{
	const json_t *entry = find_host(json_object_get(root, "auths"), host);
	const char *auth = json_string_value(json_object_get(entry, "auth"));
	const char *identity = json_string_value(json_object_get(entry, "identitytoken"));

	if (auth)
		buf_add_c(&c->basic, auth);
	if (identity)
		buf_add_c(&c->identity, identity);
	return c->basic.err || c->identity.err ? -ENOMEM : 0;
}

static int take_config(struct oci *o, const json_t *root, const char *host,
		       struct oci_credentials *c)
{
	const char *helper =
		json_string_value(find_host(json_object_get(root, "credHelpers"), host));
	int r;

	if (!helper)
		helper = json_string_value(json_object_get(root, "credsStore"));
	if (helper) {
		r = ask_helper(o, helper, host, c);
		if (r != -ENOKEY)
			return r;
	}
	return take_entry(root, host, c);
}

int oci_credentials_get(struct oci *o, const char *host, struct oci_credentials *ret)
{
	const char *path = o->opts.docker_config;
	_cleanup_buf_ struct buf text = BUF_INIT;
	json_error_t error;
	json_t *root;
	int r = path ? io_read_file(path, OCI_MAX_CREDENTIAL_BYTES, &text) : -ENOENT;

	if (r == -ENOENT)
		return 0;
	if (r == -EFBIG)
		oci_limit_hit(OCI_LIMIT_CREDENTIAL_BYTES);
	if (r < 0)
		return oci_fail(o, r, "cannot read '%s': %s", path, strerror(-r));
	root = json_loadb(text.p ? text.p : "", text.len, 0, &error);
	if (!root)
		return oci_fail(o, -EINVAL, "%s:%d: %s", path, error.line, error.text);
	r = take_config(o, root, stored_name(host), ret);
	json_decref(root);
	return r;
}

bool oci_uses_helpers(const char *docker_config)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	json_t *root = NULL;
	bool uses;

	if (io_read_file(docker_config, OCI_MAX_CREDENTIAL_BYTES, &text) == 0 && text.len)
		root = json_loadb(text.p, text.len, 0, NULL);
	uses = json_object_get(root, "credsStore") ||
	       json_object_size(json_object_get(root, "credHelpers"));
	json_decref(root);
	return uses;
}
