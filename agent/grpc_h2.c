/* SPDX-License-Identifier: Apache-2.0 */
/* Between sockets and nghttp2 sessions, see grpc_h2.h. */
#include "agent/grpc_h2.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	IN_BYTES = 16 << 10,
	OUT_BYTES = 64 << 10,
	FRAME_BYTES = 16384 + 9,	/* largest frame that the session makes */
	READ_SHARE = 16,		/* reads before another connection has its turn */
	WRITE_SHARE = 4			/* writes, likewise */
};

int grpc_h2_init(struct grpc_h2 *h, int fd, SSL *ssl, nghttp2_session *session)
{
	*h = (struct grpc_h2){ .fd = fd, .ssl = ssl, .session = session, .out = malloc(OUT_BYTES) };
	if (h->out)
		return 0;
	grpc_h2_done(h);
	return -ENOMEM;
}

void grpc_h2_done(struct grpc_h2 *h)
{
	if (h->session)
		nghttp2_session_del(h->session);
	if (h->ssl) {
		SSL_shutdown(h->ssl);
		SSL_free(h->ssl);
		ERR_clear_error();
	}
	if (h->fd >= 0)
		close(h->fd);
	free(h->out);
	*h = (struct grpc_h2){ .fd = -1 };
}

/* What a failed TLS call means. */
static ssize_t tls_result(const struct grpc_h2 *h, int r)
{
	int e = SSL_get_error(h->ssl, r);

	ERR_clear_error();
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	return e == SSL_ERROR_SSL ? -EPROTO : -EPIPE;
}

static ssize_t receive(const struct grpc_h2 *h, uint8_t *to, size_t size)
{
	ssize_t n;

	if (h->ssl) {
		int r = SSL_read(h->ssl, to, (int)size);

		return r > 0 ? r : tls_result(h, r);
	}
	n = recv(h->fd, to, size, 0);
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? -EAGAIN : -EPIPE;
}

static ssize_t transmit(const struct grpc_h2 *h, const char *from, size_t size)
{
	ssize_t n;

	if (h->ssl) {
		int r = SSL_write(h->ssl, from, (int)size);

		return r > 0 ? r : tls_result(h, r);
	}
	n = send(h->fd, from, size, MSG_NOSIGNAL);
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? -EAGAIN : -EPIPE;
}

int grpc_h2_read(struct grpc_h2 *h)
{
	uint8_t bytes[IN_BYTES];
	int any = 0;

	h->more_in = false;
	for (int i = 0; i < READ_SHARE; i++) {
		ssize_t n = receive(h, bytes, sizeof(bytes));

		if (n == -EAGAIN)
			return any;
		if (n < 0)
			return (int)n;
		any = 1;
		if (nghttp2_session_mem_recv(h->session, bytes, (size_t)n) < 0)
			return -EPROTO;
	}
	/* What TLS has decrypted already would not make the socket readable again. */
	h->more_in = h->ssl && SSL_pending(h->ssl) > 0;
	return any;
}

/* Collect frames, so that many small ones share a system call. */
static int fill(struct grpc_h2 *h)
{
	const uint8_t *bytes;
	ssize_t n;

	h->out_len = h->out_at = 0;
	while (OUT_BYTES - h->out_len >= FRAME_BYTES) {
		n = nghttp2_session_mem_send(h->session, &bytes);
		if (n < 0)
			return -EPROTO;
		if (n == 0)
			break;
		if ((size_t)n > OUT_BYTES - h->out_len)
			return -EPROTO;
		memcpy(h->out + h->out_len, bytes, (size_t)n);
		h->out_len += (size_t)n;
	}
	return 0;
}

int grpc_h2_write(struct grpc_h2 *h)
{
	h->more_out = h->blocked = false;
	for (int i = 0; i < WRITE_SHARE; i++) {
		ssize_t n;
		int r = 0;

		if (h->out_at == h->out_len)
			r = fill(h);
		if (r < 0)
			return r;
		if (h->out_len == 0)
			return 0;
		n = transmit(h, h->out + h->out_at, h->out_len - h->out_at);
		if (n == -EAGAIN) {
			h->blocked = true;
			return 0;
		}
		if (n < 0)
			return (int)n;
		h->out_at += (size_t)n;
	}
	h->more_out = true;
	return 0;
}

void grpc_h2_shutdown(struct grpc_h2 *h)
{
	if (h->ssl) {
		SSL_shutdown(h->ssl);
		ERR_clear_error();
	}
	shutdown(h->fd, SHUT_WR);
}

bool grpc_h2_over(const struct grpc_h2 *h)
{
	return h->out_at == h->out_len && !nghttp2_session_want_read(h->session) &&
	       !nghttp2_session_want_write(h->session);
}

nghttp2_nv grpc_h2_header(struct str name, struct str value)
{
	return (nghttp2_nv){ .name = (uint8_t *)name.p, .namelen = name.len,
			     .value = (uint8_t *)value.p, .valuelen = value.len };
}
