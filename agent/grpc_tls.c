/* SPDX-License-Identifier: Apache-2.0 */
/* Mutual TLS of the gRPC server, see grpc_tls.h. */
#include "agent/grpc_tls.h"
#include "agent/lazy.h"

#include <openssl/err.h>
#include <sys/stat.h>

enum { FILES = 3 };

struct file_time {
	struct timespec mtime;
	uint64_t ino;
};

struct grpc_tls {
	const struct grpc_tls_files *files;
	SSL_CTX *ctx;
	struct file_time seen[FILES];
};

static const unsigned char alpn_h2[] = { 2, 'h', '2' };

/* Without ALPN a peer is not speaking HTTP/2 to us: say so before anything else happens. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
	const unsigned char *ext;
	size_t len;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &ext,
				      &len))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned in_len, void *arg)
{
	if (SSL_select_next_proto((unsigned char **)out, out_len, alpn_h2, sizeof(alpn_h2), in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int complain(struct buf *error, const char *what, const char *path)
{
	unsigned long e = ERR_peek_last_error();

	buf_printf(error, "%s '%s': %s", what, path,
		   e ? ERR_reason_error_string(e) : "unknown error");
	ERR_clear_error();
	return -EINVAL;
}

static int load_files(SSL_CTX *ctx, const struct grpc_tls_files *f, struct buf *error)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, f->cert_chain) != 1)
		return complain(error, "certificate", f->cert_chain);
	if (SSL_CTX_use_PrivateKey_file(ctx, f->private_key, SSL_FILETYPE_PEM) != 1)
		return complain(error, "private key", f->private_key);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return complain(error, "private key does not belong to the certificate",
				f->private_key);
	if (SSL_CTX_load_verify_locations(ctx, f->root_certs, NULL) != 1)
		return complain(error, "root certificates", f->root_certs);
	SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(f->root_certs));
	return 0;
}

static int make_ctx(const struct grpc_tls_files *f, struct buf *error, SSL_CTX **ret)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r;

	if (!ctx)
		return -ENOMEM;
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	/* A resumed session would skip the check of a certificate that was replaced meanwhile. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	r = load_files(ctx, f, error);
	if (r < 0)
		SSL_CTX_free(ctx);
	else
		*ret = ctx;
	return r;
}

/* Stamps of the files now; true: they differ from those of the last call. */
static bool files_changed(struct grpc_tls *t)
{
	const char *paths[FILES] = { t->files->private_key, t->files->cert_chain,
				     t->files->root_certs };
	bool changed = false;

	for (size_t i = 0; i < FILES; i++) {
		struct file_time now = { 0 };
		struct stat st;

		if (stat(paths[i], &st) == 0)
			now = (struct file_time){ st.st_mtim, st.st_ino };
		changed |= now.ino != t->seen[i].ino ||
			   now.mtime.tv_sec != t->seen[i].mtime.tv_sec ||
			   now.mtime.tv_nsec != t->seen[i].mtime.tv_nsec;
		t->seen[i] = now;
	}
	return changed;
}

int grpc_tls_new(const struct grpc_tls_files *files, struct buf *error, struct grpc_tls **ret)
{
	struct grpc_tls *t;
	const char *why;
	int r;

	if (lazy_load(LAZY_CRYPTO, &why) < 0 || lazy_load(LAZY_SSL, &why) < 0) {
		buf_printf(error, "TLS needs %s", why);
		return -ENOSYS;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->files = files;
	files_changed(t);
	r = make_ctx(files, error, &t->ctx);
	if (r < 0)
		grpc_tls_free(t);
	else
		*ret = t;
	return r;
}

void grpc_tls_free(struct grpc_tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

SSL *grpc_tls_accept(struct grpc_tls *t, int fd)
{
	_cleanup_buf_ struct buf error = BUF_INIT;
	SSL_CTX *fresh;
	SSL *ssl;

	if (files_changed(t) && make_ctx(t->files, &error, &fresh) == 0) {
		SSL_CTX_free(t->ctx);
		t->ctx = fresh;
	}
	ssl = SSL_new(t->ctx);
	if (!ssl)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}
