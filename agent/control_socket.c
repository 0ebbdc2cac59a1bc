/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket file. A lock beside it says whose it is, so that a sensor that starts neither takes
 * the socket of a running one nor is kept from its place by the file of a dead one.
 */
#include "agent/control_priv.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKET_MODE = 0600, FOLDER_MODE = 0700, BACKLOG = 64 };

static void make_folder(const char *path)
{
	_cleanup_buf_ struct buf folder = BUF_INIT;
	int slash = str_rfind(str_from(path), '/');

	buf_add(&folder, path, slash > 0 ? (size_t)slash : 0);
	if (folder.len && !folder.err)
		mkdir(folder.p, FOLDER_MODE);	/* what is wrong with it, the lock says */
}

static int take_lock(const char *path)
{
	_cleanup_buf_ struct buf name = BUF_INIT;
	int fd;

	buf_printf(&name, "%s.lock", path);
	if (name.err)
		return name.err;
	fd = open(name.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, SOCKET_MODE);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* The mode is right from the first moment: nobody connects before listen(). */
static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, r = 0;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || chmod(path, SOCKET_MODE) < 0 ||
	    listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int control_socket_open(const char *path, int *ret_listen_fd, int *ret_lock_fd)
{
	int lock, fd;

	make_folder(path);
	lock = take_lock(path);
	if (lock < 0)
		return lock;
	fd = listen_at(path);
	if (fd < 0) {
		close(lock);
		return fd;
	}
	*ret_listen_fd = fd;
	*ret_lock_fd = lock;
	return 0;
}

void control_socket_close(const char *path, int listen_fd, int lock_fd)
{
	unlink(path);		/* the lock file stays: whoever waits for it has it open */
	close(listen_fd);
	close(lock_fd);
}

bool control_socket_trusts(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}
