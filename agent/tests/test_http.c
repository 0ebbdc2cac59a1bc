/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client against a real server (http_sink.py): methods, headers, bounds, errors.
 */
#include "agent/http.h"
#include "engine/tests/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t sink;
static int port;
static struct http_response response;

static void start_sink(void)
{
	int fds[2];
	char text[16] = "";

	ck_assert_int_eq(pipe(fds), 0);
	sink = fork();
	if (sink == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execlp("python3", "python3", "agent/tests/http_sink.py", "/dev/null", NULL);
		_exit(127);
	}
	close(fds[1]);
	ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
	close(fds[0]);
	port = atoi(text);
}

static void stop_sink(void)
{
	kill(sink, SIGKILL);
	waitpid(sink, NULL, 0);
	http_response_done(&response);
}

static const char *url(const char *path)
{
	static char text[128];

	snprintf(text, sizeof(text), "http://127.0.0.1:%d%s", port, path);
	return text;
}

static int send_to(const struct http_opts *opts, struct http_request *rq, const char *path)
{
	struct http *h = http_new(opts);
	int r;

	rq->url = url(path);
	r = http_send(h, rq, &response);
	if (r < 0)
		ck_assert_msg(http_error(h)[0], "no words for %d", r);
	http_free(h);
	return r;
}

START_TEST(test_post)
{
	struct http_request rq = { .body = STR("{\"a\":1}") };
	struct http_opts opts = { 0 };

	ck_assert_int_eq(send_to(&opts, &rq, "/echo"), 0);
	ck_assert_int_eq(response.status, 200);
	ck_assert_str_view(buf_str(&response.body), "{\"a\":1}");
	/* An empty body is a body. */
	rq.body = STR("");
	ck_assert_int_eq(send_to(&opts, &rq, "/echo"), 0);
	ck_assert_uint_eq(response.body.len, 0);
}
END_TEST

START_TEST(test_headers)
{
	const char *const headers[] = { "X-Extra: some value", "Content-Type: text/x" };
	struct http_request rq = { .body = STR("x"), .headers = headers, .nheaders = 2 };
	struct http_opts opts = { .user_agent = "test/1" };

	ck_assert_int_eq(send_to(&opts, &rq, "/headers"), 0);
	ck_assert(str_contains(buf_str(&response.body), STR("\"X-Extra\": \"some value\"")));
	ck_assert(str_contains(buf_str(&response.body), STR("\"Content-Type\": \"text/x\"")));
	ck_assert(str_contains(buf_str(&response.body), STR("\"User-Agent\": \"test/1\"")));
	ck_assert_str_view(http_header(&response, "x-answer"), "yes");
	ck_assert_ptr_null(http_header(&response, "x-answ").p);
}
END_TEST

START_TEST(test_status)
{
	struct http_request rq = { .body = STR("x") };
	struct http_opts opts = { 0 };

	ck_assert_int_eq(send_to(&opts, &rq, "/status/503"), 0);
	ck_assert_int_eq(response.status, 503);
	ck_assert(!http_ok(&response));
	ck_assert_int_eq(send_to(&opts, &rq, "/redirect"), 0);
	ck_assert_int_eq(response.status, 302);
	opts.follow_redirects = true;
	ck_assert_int_eq(send_to(&opts, &rq, "/redirect"), 0);
	ck_assert_int_eq(response.status, 200);
}
END_TEST

START_TEST(test_head)
{
	struct http_request rq = { .method = "HEAD" };
	struct http_opts opts = { 0 };

	ck_assert_int_eq(send_to(&opts, &rq, "/big"), 0);
	ck_assert_int_eq(response.status, 200);
	ck_assert_str_view(http_header(&response, "Content-Length"), "2097152");
}
END_TEST

static int count(void *ctx, const void *data, size_t n)
{
	*(size_t *)ctx += n;
	return 0;
}

static int refuse(void *ctx, const void *data, size_t n)
{
	return -EBADMSG;
}

START_TEST(test_bounds)
{
	size_t n = 0;
	struct http_request rq = { 0 };
	struct http_opts opts = { 0 };

	ck_assert_int_eq(send_to(&opts, &rq, "/big"), -EFBIG);
	opts.max_body = 4 << 20;
	ck_assert_int_eq(send_to(&opts, &rq, "/big"), 0);
	ck_assert_uint_eq(response.body.len, 2 << 20);
	rq.on_body = count;
	rq.ctx = &n;
	ck_assert_int_eq(send_to(&opts, &rq, "/big"), 0);
	ck_assert_uint_eq(n, 2 << 20);
	rq.on_body = refuse;
	ck_assert_int_eq(send_to(&opts, &rq, "/big"), -EBADMSG);
}
END_TEST

static bool yes(void *ctx)
{
	return true;
}

START_TEST(test_errors)
{
	struct http_request rq = { .body = STR("x") };
	struct http_opts opts = { .timeout_ms = 300 };

	ck_assert_int_eq(send_to(&opts, &rq, "/slow"), -ETIMEDOUT);
	opts.timeout_ms = 20000;
	ck_assert_int_eq(send_to(&opts, &rq, "/close"), -EIO);
	rq.cancelled = yes;
	ck_assert_int_eq(send_to(&opts, &rq, "/slow"), -ECANCELED);
	rq.cancelled = NULL;
	kill(sink, SIGKILL);
	waitpid(sink, NULL, 0);
	ck_assert_int_eq(send_to(&opts, &rq, "/ok"), -ECONNREFUSED);
}
END_TEST

START_TEST(test_bad_url)
{
	struct http_opts opts = { 0 };
	struct http *h = http_new(&opts);
	struct http_request rq = { .url = "file:///etc/passwd" };

	ck_assert_int_eq(http_send(h, &rq, &response), -EINVAL);
	rq.url = "http://[::bad/";
	ck_assert_int_eq(http_send(h, &rq, &response), -EINVAL);
	http_free(h);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("http");
	TCase *t = tcase_create("http");

	tcase_add_checked_fixture(t, start_sink, stop_sink);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_post);
	tcase_add_test(t, test_headers);
	tcase_add_test(t, test_status);
	tcase_add_test(t, test_head);
	tcase_add_test(t, test_bounds);
	tcase_add_test(t, test_errors);
	tcase_add_test(t, test_bad_url);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
