/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, see grpc_listen.h. */
#include "agent/grpc_listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64, SOCKET_MODE = 0660, FOLDER_MODE = 0755 };

const char *grpc_listen_path(const char *address)
{
	static const char prefix[] = "unix:";

	if (strncmp(address, prefix, sizeof(prefix) - 1))
		return NULL;
	address += sizeof(prefix) - 1;
	return strncmp(address, "//", 2) ? address : address + 2;
}

static int complain(struct buf *error, int fd, const char *address, const char *what)
{
	int e = errno ? errno : EINVAL;

	buf_printf(error, "cannot listen on '%s': %s%s%s", address, what ? what : "",
		   what ? ": " : "", strerror(e));
	if (fd >= 0)
		close(fd);
	return -e;
}

static void make_folders(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

	for (size_t i = 1; path[i] && i < sizeof(folder); i++) {
		if (path[i] != '/')
			continue;
		memcpy(folder, path, i);
		folder[i] = '\0';
		if (mkdir(folder, FOLDER_MODE) == 0)	/* what is wrong with it, bind() says */
			chmod(folder, FOLDER_MODE);	/* whatever the umask */
	}
}

/* A socket that refuses connections was left behind by a process that died. */
static bool stale(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool ret;

	if (fd < 0)
		return false;
	ret = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 && errno == ECONNREFUSED;
	close(fd);
	return ret;
}

static int listen_unix(const char *address, const char *path, struct buf *error)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, r;

	if (*path != '/' || strlen(path) >= sizeof(sa.sun_path)) {
		errno = EINVAL;
		return complain(error, -1, address, "not an absolute path of at most 107 bytes");
	}
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain(error, fd, address, NULL);
	make_folders(path);
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (r < 0 && errno == EADDRINUSE && stale(&sa) && unlink(path) == 0)
		r = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	/* Nobody can connect before listen(), so there is no moment with a wider mode. */
	if (r < 0 || chmod(path, SOCKET_MODE) < 0 || listen(fd, BACKLOG) < 0)
		return complain(error, fd, address, NULL);
	return fd;
}

static int listen_on(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	on = errno;
	close(fd);
	return -on;
}

/* "HOST:PORT", "[V6]:PORT"; an empty host is any. */
static bool split(const char *address, char *host, size_t host_size, const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;

	if (!colon || !colon[1])
		return false;
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	}
	if (n >= host_size)
		return false;
	memcpy(host, address, n);
	host[n] = '\0';
	*ret_port = colon + 1;
	return true;
}

static int listen_tcp(const char *address, struct buf *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	char host[NI_MAXHOST];
	const char *port;
	int r;

	if (!split(address, host, sizeof(host), &port)) {
		errno = EINVAL;
		return complain(error, -1, address, "neither unix:///PATH nor ADDRESS:PORT");
	}
	r = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (r) {
		buf_printf(error, "cannot listen on '%s': %s", address, gai_strerror(r));
		return -EINVAL;
	}
	r = -EADDRNOTAVAIL;
	for (const struct addrinfo *ai = list; ai && r < 0; ai = ai->ai_next)
		r = listen_on(ai);
	freeaddrinfo(list);
	if (r < 0) {
		errno = -r;
		return complain(error, -1, address, NULL);
	}
	return r;
}

int grpc_listen(const char *address, struct buf *error)
{
	const char *path = grpc_listen_path(address);

	return path ? listen_unix(address, path, error) : listen_tcp(address, error);
}
