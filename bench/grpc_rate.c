/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throughput of the gRPC output: this process is the server, fed as fast as its ring takes alerts,
 * and its subscribers, one thread each. usage:
 * grpc_rate unix:///PATH|ADDRESS:PORT ALERTS SUBSCRIBERS [KEY CERTIFICATE CA]
 * Prints alerts per second to each subscriber and the CPU seconds of the whole process.
 */
#include "agent/clock.h"
#include "agent/grpc_h2.h"
#include "agent/grpc_listen.h"
#include "agent/grpc_server.h"
#include "agent/grpc_wire.h"

#include <netdb.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SUBSCRIBERS_MAX = 128, FIELDS = 14, TAGS = 5, WINDOW_BYTES = 1 << 20, ANSWER_MAX = 1 << 20,
       AHEAD = 4096 };

struct subscriber {
	pthread_t thread;
	const char *address;
	SSL_CTX *tls;		/* NULL: plain */
	uint64_t want;
	atomic_uint_fast64_t got;
	atomic_bool ready;
	struct grpc_reader in;
	struct grpc_h2 h2;
};

static void fail(const char *what)
{
	fprintf(stderr, "grpc_rate: %s\n", what);
	exit(1);
}

/* ---- subscribers --------------------------------------------------------------------------- */

static int connect_unix(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sa.sun_path, path, MIN(strlen(path), sizeof(sa.sun_path) - 1));
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		fail("cannot connect");
	return fd;
}

static int connect_tcp(const char *address)
{
	const char *colon = strrchr(address, ':');
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	char host[64];
	int fd;

	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - address) : 0, address);
	if (!colon || getaddrinfo(host, colon + 1, &hints, &ai))
		fail("bad address");
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		fail("cannot connect");
	freeaddrinfo(ai);
	return fd;
}

static SSL *handshake(SSL_CTX *ctx, int fd)
{
	static const unsigned char h2[] = { 2, 'h', '2' };
	SSL *ssl = SSL_new(ctx);

	if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_set_alpn_protos(ssl, h2, sizeof(h2)) ||
	    SSL_connect(ssl) != 1)
		fail("TLS handshake");
	return ssl;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *user)
{
	struct subscriber *s = user;
	struct str rest = { (const char *)data, (uint32_t)len };

	while (grpc_reader_take(&s->in, &rest, ANSWER_MAX) == 1)
		s->got++;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	if (frame->hd.type == NGHTTP2_HEADERS)
		((struct subscriber *)user)->ready = true;
	return 0;
}

static nghttp2_session *subscribe(struct subscriber *s)
{
	const nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
						WINDOW_BYTES };
	const nghttp2_nv nv[] = {
		grpc_h2_header(STR(":method"), STR("POST")),
		grpc_h2_header(STR(":scheme"), STR("http")),
		grpc_h2_header(STR(":path"), STR("/falco.outputs.service/sub")),
		grpc_h2_header(STR(":authority"), STR("localhost")),
		grpc_h2_header(STR("content-type"), STR("application/grpc")),
		grpc_h2_header(STR("te"), STR("trailers")),
	};
	nghttp2_session_callbacks *cb;
	nghttp2_session *session;

	if (nghttp2_session_callbacks_new(&cb))
		fail("out of memory");
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	if (nghttp2_session_client_new(&session, cb, s))
		fail("out of memory");
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &window, 1);
	nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
	if (nghttp2_submit_request(session, NULL, nv, ARRAY_SIZE(nv), NULL, NULL) < 0)
		fail("cannot subscribe");
	return session;
}

static void *subscriber_thread(void *arg)
{
	struct subscriber *s = arg;
	const char *path = grpc_listen_path(s->address);
	int fd = path ? connect_unix(path) : connect_tcp(s->address);
	SSL *ssl = s->tls ? handshake(s->tls, fd) : NULL;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (grpc_h2_init(&s->h2, fd, ssl, subscribe(s)) < 0)
		fail("out of memory");
	while (s->got < s->want) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (grpc_h2_write(&s->h2) < 0)
			fail("the server is gone");
		if (!s->h2.more_in && poll(&p, 1, -1) < 0)
			fail("poll");
		if (grpc_h2_read(&s->h2) < 0)
			fail("the server is gone");
	}
	grpc_h2_done(&s->h2);
	buf_done(&s->in.body);
	return NULL;
}

static SSL_CTX *client_tls(char **files)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx || SSL_CTX_use_PrivateKey_file(ctx, files[0], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, files[1]) != 1 ||
	    SSL_CTX_load_verify_locations(ctx, files[2], NULL) != 1)
		fail("cannot load key, certificate or CA");
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}

/* ---- alerts -------------------------------------------------------------------------------- */

/* One alert of about 930 bytes, emitted again and again: only references are counted. */
static struct message *make_alert(void)
{
	static struct alert_field fields[FIELDS];
	static struct str tags[TAGS] = { STR("T1003.008"), STR("credential_access"), STR("system"),
					 STR("container"), STR("host") };
	static char keys[FIELDS][32];
	struct message m = {
		.priority = PRIO_WARNING,
		.ts = clock_wall_ns(),
		.rule = STR("Read sensitive file untrusted"),
		.source = STR("syscall"),
		.hostname = STR("node-1"),
		.text = STR("21:52:05.551517341: Warning Account secrets read (file=/etc/shadow "
			    "process=cat exe=/usr/bin/cat command=cat /etc/shadow parent=bash)"),
		.tags = tags,
		.ntags = TAGS,
	}, *ret;

	for (int i = 0; i < FIELDS; i++) {
		snprintf(keys[i], sizeof(keys[i]), "proc.aname[%d]", i);
		fields[i] = (struct alert_field){ str_from(keys[i]), STR("a value of a field") };
	}
	if (message_new(&m, fields, FIELDS, &ret) < 0)
		fail("out of memory");
	return ret;
}

static uint64_t slowest(struct subscriber *v, uint64_t n)
{
	uint64_t least = UINT64_MAX;

	for (uint64_t i = 0; i < n; i++)
		least = MIN(least, v[i].got);
	return least;
}

/* As fast as the slowest subscriber, so that nobody loses anything. */
static void feed(struct output *o, struct subscriber *v, uint64_t n, uint64_t alerts)
{
	struct message *m = make_alert();

	for (uint64_t i = 0; i < alerts; i++) {
		while (i - slowest(v, n) > AHEAD)
			usleep(100);
		o->ops->emit(o, m);
	}
	message_put(m);
}

int main(int argc, char **argv)
{
	static struct subscriber v[SUBSCRIBERS_MAX];
	_cleanup_buf_ struct buf error = BUF_INIT;
	struct grpc_opts opts = { .hostname = STR("node-1") };
	uint64_t alerts, n, start, ns;
	struct rusage usage;
	struct output *o;
	SSL_CTX *tls;

	if ((argc != 4 && argc != 7) || str_to_u64(str_from(argv[2]), &alerts) < 0 ||
	    str_to_u64(str_from(argv[3]), &n) < 0 || n < 1 || n > SUBSCRIBERS_MAX)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	opts.bind_address = argv[1];
	opts.private_key = argc > 4 ? argv[4] : NULL;
	opts.cert_chain = argc > 4 ? argv[5] : NULL;
	opts.root_certs = argc > 4 ? argv[6] : NULL;
	tls = argc > 4 ? client_tls(argv + 4) : NULL;
	if (grpc_server_new(&opts, &error, &o) < 0)
		fail(error.p);
	for (uint64_t i = 0; i < n; i++) {
		v[i].address = argv[1];
		v[i].tls = tls;
		v[i].want = alerts;
		pthread_create(&v[i].thread, NULL, subscriber_thread, &v[i]);
		while (!v[i].ready)
			usleep(1000);
	}
	start = clock_mono_ns();
	feed(o, v, n, alerts);
	for (uint64_t i = 0; i < n; i++)
		pthread_join(v[i].thread, NULL);
	ns = clock_mono_ns() - start;
	getrusage(RUSAGE_SELF, &usage);
	printf("%.0f alerts/s to each of %llu subscribers, %.2f CPU seconds, %ld KiB\n",
	       (double)alerts * 1e9 / (double)ns, (unsigned long long)n,
	       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
	       usage.ru_maxrss);
	o->ops->close(o, 0);
	SSL_CTX_free(tls);
	return 0;
}
