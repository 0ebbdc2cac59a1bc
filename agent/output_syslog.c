/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts as datagrams to the local log daemon, in the form that syslog(3) sends; done here because
 * that function tells nobody whether a message arrived.
 */
#include "agent/output_queue.h"
#include "agent/outputs.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { SYSLOG_SHORT = 1024 };	/* what every daemon takes */

struct syslog {
	struct sockaddr_un address;
	bool json;
	int fd;
	struct buf buf;
};

static void close_socket(void *ctx)
{
	struct syslog *s = ctx;

	io_close(&s->fd);
	s->fd = -1;
}

static int open_socket(struct syslog *s)
{
	int r;

	if (s->fd >= 0)
		return 0;
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd >= 0 &&
	    connect(s->fd, (struct sockaddr *)&s->address, sizeof(s->address)) == 0)
		return 0;
	r = -errno;
	close_socket(s);
	return r;
}

static void format(struct syslog *s, const struct message *m)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm tm = { 0 };

	localtime_r(&now, &tm);
	buf_clear(&s->buf);
	/* Severities have the numbers of rule priorities. */
	buf_printf(&s->buf, "<%d>%s %2d %02d:%02d:%02d tiercel[%d]: ", LOG_USER | (int)m->priority,
		   months[tm.tm_mon % 12], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, getpid());
	buf_add_str(&s->buf, s->json ? m->json : m->text);
}

static int send_one(struct output_queue *q, struct syslog *s)
{
	while (send(s->fd, s->buf.p, s->buf.len, MSG_NOSIGNAL) < 0) {
		if (errno == EMSGSIZE && s->buf.len > SYSLOG_SHORT)
			s->buf.len = s->buf.len / 2;	/* as long as it may be */
		else if (errno != EINTR || output_queue_aborted(q))
			return -errno;
	}
	return 0;
}

static int write_batch(struct output_queue *q, void *ctx, struct message *const *batch, uint32_t n,
		       uint32_t *ret_done)
{
	struct syslog *s = ctx;
	int r = 0;

	while (*ret_done < n && r == 0) {
		r = open_socket(s);
		if (r < 0)
			break;
		format(s, batch[*ret_done]);
		r = s->buf.err ? s->buf.err : send_one(q, s);
		*ret_done += r == 0;
		if (r < 0 && !output_queue_aborted(q))
			close_socket(s);	/* the daemon was started again */
	}
	return r == -EPIPE ? -ECONNREFUSED : r;
}

static void free_syslog(void *ctx)
{
	struct syslog *s = ctx;

	close_socket(s);
	buf_done(&s->buf);
	free(s);
}

static const struct output_sink sink = {
	.name = "syslog", .write = write_batch, .free = free_syslog,
};

int output_syslog_open(const struct config *c, struct output **ret)
{
	struct syslog *s;

	if (strlen(c->syslog_output.address) >= sizeof(s->address.sun_path))
		return -ENAMETOOLONG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->json = c->json_output;
	s->fd = -1;
	s->address.sun_family = AF_UNIX;
	snprintf(s->address.sun_path, sizeof(s->address.sun_path), "%s", c->syslog_output.address);
	return output_queue_new(c, &sink, s, ret);
}
