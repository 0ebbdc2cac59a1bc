/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of calls that move data; see cases.h. */
#include <sys/uio.h>

#include "kernel-tests/cases.h"

#define TEXT "some data to move"

static void want_data(struct want *w, unsigned param, const char *text)
{
	want_bytes(w, param, text, strlen(text));
}

static void run_read(struct want *w)
{
	int fd = case_file("read", TEXT);
	char in[64];

	lseek(fd, 0, SEEK_SET);
	call(w, fd, in, sizeof(in));
	want_data(w, READ_X_data, TEXT);
	want_num(w, READ_X_fd, fd);
	want_num(w, READ_X_size, sizeof(in));
	case_want_path(w, "read");
}

static void run_write(struct want *w)
{
	int fd = case_file("write", "");

	call(w, fd, TEXT, strlen(TEXT));
	want_data(w, WRITE_X_data, TEXT);
	want_num(w, WRITE_X_fd, fd);
	want_num(w, WRITE_X_size, strlen(TEXT));
	case_want_path(w, "write");
}

static void run_pread(struct want *w)
{
	int fd = case_file("pread", TEXT);
	char in[64];

	call(w, fd, in, sizeof(in), 5);
	want_data(w, PREAD_X_data, TEXT + 5);
	want_num(w, PREAD_X_fd, fd);
	want_num(w, PREAD_X_size, sizeof(in));
	want_num(w, PREAD_X_pos, 5);
	case_want_path(w, "pread");
}

static void run_pwrite(struct want *w)
{
	int fd = case_file("pwrite", TEXT);

	call(w, fd, "other", 5, 3);
	want_data(w, PWRITE_X_data, "other");
	want_num(w, PWRITE_X_fd, fd);
	want_num(w, PWRITE_X_size, 5);
	want_num(w, PWRITE_X_pos, 3);
	case_want_path(w, "pwrite");
}

static void run_readv(struct want *w)
{
	int fd = case_file("readv", TEXT);
	char a[4], b[60];
	struct iovec iov[] = { { a, sizeof(a) }, { b, sizeof(b) } };

	lseek(fd, 0, SEEK_SET);
	call(w, fd, iov, 2);
	want_num(w, READV_X_size, sizeof(a) + sizeof(b));
	want_prefix(w, READV_X_data, TEXT, 4);
	want_num(w, READV_X_fd, fd);
	case_want_path(w, "readv");
}

static void run_writev(struct want *w)
{
	int fd = case_file("writev", "");
	char a[] = "first", b[] = "second";
	struct iovec iov[] = { { a, 5 }, { b, 6 } };

	call(w, fd, iov, 2);
	want_prefix(w, WRITEV_X_data, "first", 5);
	want_num(w, WRITEV_X_fd, fd);
	want_num(w, WRITEV_X_size, 11);
	case_want_path(w, "writev");
}

static void run_preadv(struct want *w)
{
	int fd = case_file("preadv", TEXT);
	char a[64];
	struct iovec iov = { a, sizeof(a) };

	call(w, fd, &iov, 1, 2);
	want_num(w, PREADV_X_size, sizeof(a));
	want_data(w, PREADV_X_data, TEXT + 2);
	want_num(w, PREADV_X_fd, fd);
	want_num(w, PREADV_X_pos, 2);
	case_want_path(w, "preadv");
}

static void run_pwritev(struct want *w)
{
	int fd = case_file("pwritev", "");
	char a[] = "vector";
	struct iovec iov = { a, 6 };

	call(w, fd, &iov, 1, 9);
	want_data(w, PWRITEV_X_data, "vector");
	want_num(w, PWRITEV_X_fd, fd);
	want_num(w, PWRITEV_X_size, 6);
	want_num(w, PWRITEV_X_pos, 9);
	case_want_path(w, "pwritev");
}

static void run_sendfile(struct want *w)
{
	int in = case_file("sendfile.in", TEXT), out = case_file("sendfile.out", "");
	off_t offset = 5;

	call(w, out, in, &offset, 4);
	want_num(w, SENDFILE_X_offset, offset);
	want_num(w, SENDFILE_X_out_fd, out);
	want_num(w, SENDFILE_X_in_fd, in);
	want_num(w, SENDFILE_X_size, 4);
	case_want_path(w, "sendfile.out");
}

static void run_splice(struct want *w)
{
	int fds[2], in = case_file("splice", TEXT);

	if (pipe(fds))
		return want_skip(w, "pipe: %s", strerror(errno));
	lseek(in, 0, SEEK_SET);
	call(w, in, NULL, fds[1], NULL, 8, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	want_num(w, SPLICE_X_fd_in, in);
	want_num(w, SPLICE_X_fd_out, fds[1]);
	want_num(w, SPLICE_X_size, 8);
	want_num(w, SPLICE_X_flags, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	case_want_path(w, "splice");
}

static void run_copy_file_range(struct want *w)
{
	int in = case_file("copy.in", TEXT), out = case_file("copy.out", "");
	loff_t from = 2, to = 0;

	call(w, in, &from, out, &to, 6, 0);
	want_num(w, COPY_FILE_RANGE_X_fdin, in);
	want_num(w, COPY_FILE_RANGE_X_offin, from);
	want_num(w, COPY_FILE_RANGE_X_fdout, out);
	want_num(w, COPY_FILE_RANGE_X_offout, to);
	want_num(w, COPY_FILE_RANGE_X_len, 6);
}

static void run_process_vm_readv(struct want *w)
{
	char from[] = "remote", to[16];
	struct iovec local = { to, 6 }, remote = { from, 6 };

	call(w, getpid(), &local, 1, &remote, 1, 0);
	want_num(w, PROCESS_VM_READV_X_pid, getpid());
	want_data(w, PROCESS_VM_READV_X_data, "remote");
}

static void run_process_vm_writev(struct want *w)
{
	char from[] = "local", to[16];
	struct iovec local = { from, 5 }, remote = { to, 5 };

	call(w, getpid(), &local, 1, &remote, 1, 0);
	want_num(w, PROCESS_VM_WRITEV_X_pid, getpid());
	want_data(w, PROCESS_VM_WRITEV_X_data, "local");
}

static const struct kcase rows[] = {
	{ EV_READ_X, __NR_read, run_read },
	{ EV_WRITE_X, __NR_write, run_write },
	{ EV_PREAD_X, __NR_pread64, run_pread },
	{ EV_PWRITE_X, __NR_pwrite64, run_pwrite },
	{ EV_READV_X, __NR_readv, run_readv },
	{ EV_WRITEV_X, __NR_writev, run_writev },
	{ EV_PREADV_X, __NR_preadv, run_preadv },
	{ EV_PWRITEV_X, __NR_pwritev, run_pwritev },
	{ EV_SENDFILE_X, __NR_sendfile, run_sendfile },
	{ EV_SPLICE_X, __NR_splice, run_splice },
	{ EV_COPY_FILE_RANGE_X, __NR_copy_file_range, run_copy_file_range },
	{ EV_PROCESS_VM_READV_X, __NR_process_vm_readv, run_process_vm_readv },
	{ EV_PROCESS_VM_WRITEV_X, __NR_process_vm_writev, run_process_vm_writev },
};

const struct kcase_table case_io = { "io", rows, ARRAY_SIZE(rows) };
