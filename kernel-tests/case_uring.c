/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that go through io_uring instead of a system call of their own. */
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "agent/source.h"
#include "kernel-tests/cases.h"

#define ENTRIES 4

struct ring {
	int fd;
	struct io_uring_params p;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
};

static void *map(const struct ring *r, size_t size, uint64_t what)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, what);

	return p == MAP_FAILED ? NULL : p;
}

static int ring_open(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->fd = syscall(__NR_io_uring_setup, ENTRIES, &r->p);
	if (r->fd < 0)
		return -1;
	r->sq = map(r, r->p.sq_off.array + ENTRIES * sizeof(uint32_t), IORING_OFF_SQ_RING);
	r->cq = map(r, r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe),
		    IORING_OFF_CQ_RING);
	r->sqes = map(r, ENTRIES * sizeof(*r->sqes), IORING_OFF_SQES);
	return r->sq && r->cq && r->sqes ? 0 : -1;
}

/* Submits one operation and waits for it; its result becomes that of the case. */
static long submit(struct want *w, const struct io_uring_sqe *sqe)
{
	struct io_uring_cqe *cqe;
	struct ring r;

	w->called = true;
	if (ring_open(&r)) {
		want_skip(w, "no io_uring here: %s", strerror(errno));
		return -1;
	}
	r.sqes[0] = *sqe;
	*(uint32_t *)(r.sq + r.p.sq_off.array) = 0;
	__atomic_store_n((uint32_t *)(r.sq + r.p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, r.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1) {
		want_skip(w, "io_uring_enter: %s", strerror(errno));
		return -1;
	}
	cqe = (struct io_uring_cqe *)(r.cq + r.p.cq_off.cqes);
	w->ret = cqe->res;
	return cqe->res;
}

static void run_open(struct want *w)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD,
				    .open_flags = O_RDONLY };
	char path[512];
	long fd;

	close(case_file("uring.txt", "x"));
	sqe.addr = (uintptr_t)"uring.txt";
	fd = submit(w, &sqe);
	snprintf(path, sizeof(path), "%s/uring.txt", case_dir());
	want_num(w, OPENAT_2_X_fd, fd);
	want_num(w, OPENAT_2_X_dirfd, AT_FDCWD);
	want_text(w, OPENAT_2_X_name, path);
	want_bits(w, OPENAT_2_X_flags, 3, case_flag(FLAG_TABLE_file_flags, "O_RDONLY"));
	if (fd >= 0)
		case_want_inode(w, fd, OPENAT_2_X_dev, OPENAT_2_X_ino);
	case_want_path(w, "uring.txt");
}

static void run_accept(struct want *w)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_ACCEPT };
	struct case_tcp tcp;

	if (case_tcp_connect(&tcp, false)) {
		want_skip(w, "no loopback");
		return;
	}
	sqe.fd = tcp.listener;
	want_num(w, ACCEPT4_6_X_fd, submit(w, &sqe));
	want_filled(w, ACCEPT4_6_X_tuple);
	w->kind = FD_IPV4;
}

/* The kernel's socket tells where it went to. */
static void run_connect(struct want *w)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_CONNECT };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	uint8_t tuple[13] = { AF_INET };
	uint16_t port;

	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&a, &len))
		return want_skip(w, "no loopback: %s", strerror(errno));
	sqe.fd = fd;
	sqe.addr = (uintptr_t)&a;
	sqe.off = sizeof(a);
	want_num(w, CONNECT_X_res, submit(w, &sqe));
	want_num(w, CONNECT_X_fd, fd);
	for (int i = 0; i < 2; i++) {
		if (i ? getpeername(fd, (struct sockaddr *)&a, &len)
		      : getsockname(fd, (struct sockaddr *)&a, &len))
			return want_skip(w, "not connected: %s", strerror(errno));
		port = ntohs(a.sin_port);
		memcpy(tuple + 1 + 6 * i, &a.sin_addr, 4);
		memcpy(tuple + 5 + 6 * i, &port, 2);
	}
	want_bytes(w, CONNECT_X_tuple, tuple, sizeof(tuple));
	w->kind = FD_IPV4;
}

static void run_connect_refused(struct want *w)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_CONNECT };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(1),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sqe.fd = fd;
	sqe.addr = (uintptr_t)&a;
	sqe.off = sizeof(a);
	want_num(w, CONNECT_X_res, submit(w, &sqe));
	want_num(w, CONNECT_X_fd, fd);
	want_empty(w, CONNECT_X_addr);
}

static const struct kcase rows[] = {
	{ EV_OPENAT_2_X, __NR_io_uring_setup, run_open, "openat (io_uring)", SOURCE_HOOK_URING },
	{ EV_ACCEPT4_6_X, __NR_io_uring_setup, run_accept, "accept4 (io_uring)", SOURCE_HOOK_URING },
	{ EV_CONNECT_X, __NR_io_uring_setup, run_connect, "connect (io_uring)", SOURCE_HOOK_URING },
	{ EV_CONNECT_X, __NR_io_uring_setup, run_connect_refused, "connect (io_uring, refused)",
	  SOURCE_HOOK_URING },
};

const struct kcase_table case_uring = { "uring", rows, ARRAY_SIZE(rows) };
