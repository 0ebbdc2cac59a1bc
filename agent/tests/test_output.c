/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs: counters are exact under every policy, a reader that blocks stops nobody, the end is
 * bounded; file rotation, syslog, programs that end and start again.
 */
#include "agent/clock.h"
#include "agent/outputs.h"
#include "agent/output_queue.h"
#include "engine/tests/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };	/* for what has to happen, on a loaded machine */

static char dir[64];
static struct config *config;
static struct output *output;

static struct config *load(const char *const *options)
{
	struct config_opts opts = { 0 };
	struct config *c = NULL;
	struct diags diags;
	struct arena a;

	arena_init(&a, 256, 0);
	diags_init(&diags);
	for (; *options; options++)
		ck_assert_int_eq(config_texts_add(&opts.overrides, &a, *options), 0);
	ck_assert_int_eq(config_load(&opts, &diags, &c), 0);
	diags_done(&diags);
	arena_done(&a);
	return c;
}
#define LOAD(...) (config = load((const char *const[]){ __VA_ARGS__, NULL }))

static struct message *message(unsigned number)
{
	char json[64], text[64];
	struct message t = { .rule = STR("r"), .priority = PRIO_WARNING }, *m = NULL;

	snprintf(json, sizeof(json), "{\"n\":%u}", number);
	snprintf(text, sizeof(text), "number %u", number);
	t.json = str_from(json);
	t.text = str_from(text);
	ck_assert_int_eq(message_new(&t, NULL, 0, &m), 0);
	return m;
}

static void emit(unsigned from, unsigned to)
{
	for (; from < to; from++) {
		struct message *m = message(from);

		output->ops->emit(output, m);
		message_put(m);
	}
}

static struct output_stats stats(void)
{
	struct output_stats s;

	output->ops->stats(output, &s);
	ck_assert_uint_eq(s.taken, s.delivered + s.discarded + s.queued);
	return s;
}

#define WAIT_UNTIL(condition)                                                                     \
	do {                                                                                      \
		uint64_t end_ = clock_mono_ns() + PATIENCE_MS * NS_PER_MS;                        \
		while (!(condition) && clock_mono_ns() < end_)                                    \
			usleep(2000);                                                             \
		ck_assert_msg(condition, #condition);                                             \
	} while (0)

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/tiercel-output-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	signal(SIGPIPE, SIG_IGN);
	output = NULL;
	config = NULL;
}

static void teardown(void)
{
	char command[128];

	if (output)
		output->ops->close(output, 0);
	config_free(config);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* ---- a sink that does what it is told -------------------------------------------------------- */

struct fake {
	pthread_mutex_t lock;
	bool hold;		/* block in write until released or aborted */
	bool blocked;		/* a write does */
	int fail;		/* this many writes fail */
	int error;
	unsigned seen[4096], n;
};

static struct fake fake;

static int fake_write(struct output_queue *q, void *ctx, struct message *const *batch, uint32_t n,
		      uint32_t *ret_done)
{
	int r = 0;

	while (__atomic_load_n(&fake.hold, __ATOMIC_SEQ_CST) && !output_queue_aborted(q)) {
		__atomic_store_n(&fake.blocked, true, __ATOMIC_SEQ_CST);
		usleep(1000);
	}
	if (output_queue_aborted(q))
		return -EINTR;
	pthread_mutex_lock(&fake.lock);
	for (uint32_t i = 0; i < n; i++) {
		if (fake.fail && i == n / 2) {
			fake.fail--;
			r = fake.error;
			break;
		}
		fake.seen[fake.n++] = (unsigned)atoi(batch[i]->json.p + 5);
		(*ret_done)++;
	}
	pthread_mutex_unlock(&fake.lock);
	return r;
}

static void fake_free(void *ctx)
{
}

static const struct output_sink fake_sink = { .name = "fake", .write = fake_write,
					      .free = fake_free };

static void open_fake(void)
{
	fake = (struct fake){ .lock = PTHREAD_MUTEX_INITIALIZER, .error = -EIO };
	ck_assert_int_eq(output_queue_new(config, &fake_sink, NULL, &output), 0);
}

static void hold(bool on)
{
	__atomic_store_n(&fake.hold, on, __ATOMIC_SEQ_CST);
}

/* Block the worker with the first message in its hands. */
static void block_worker(void)
{
	hold(true);
	emit(0, 1);
	while (!__atomic_load_n(&fake.blocked, __ATOMIC_SEQ_CST))
		usleep(1000);
}

START_TEST(in_order)
{
	LOAD("outputs_queue.capacity=4096");
	open_fake();
	emit(0, 3000);
	output->ops->drain(output, PATIENCE_MS);
	ck_assert_uint_eq(stats().delivered, 3000);
	for (unsigned i = 0; i < 3000; i++)
		ck_assert_uint_eq(fake.seen[i], i);
}
END_TEST

START_TEST(drop_newest)
{
	unsigned first;

	LOAD("outputs_queue.capacity=100");
	open_fake();
	block_worker();
	emit(1, 1000);
	ck_assert_uint_ge(stats().discarded, 1000 - 100 - OUTPUT_BATCH_MAX);
	first = (unsigned)stats().discarded;
	hold(false);
	output->ops->drain(output, PATIENCE_MS);
	ck_assert_uint_eq(stats().discarded, first);
	ck_assert_uint_eq(stats().delivered, 1000 - first);
	for (unsigned i = 0; i < fake.n; i++)
		ck_assert_uint_eq(fake.seen[i], i);
}
END_TEST

START_TEST(drop_oldest)
{
	LOAD("outputs_queue.capacity=100", "outputs_queue.policy=drop_oldest");
	open_fake();
	block_worker();
	emit(1, 1000);
	ck_assert_uint_ge(stats().discarded, 1000 - 100 - OUTPUT_BATCH_MAX);
	hold(false);
	output->ops->drain(output, PATIENCE_MS);
	stats();
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(fake.seen[fake.n - 100 + i], 900 + i);
}
END_TEST

START_TEST(bounded_bytes)
{
	LOAD("outputs_queue.max_bytes=65536");
	open_fake();
	block_worker();
	emit(1, 4000);
	ck_assert_uint_gt(stats().discarded, 3000);
	ck_assert_uint_gt(stats().queued, 100);
	hold(false);
}
END_TEST

/* What a failed write had done is not done again, the rest comes later. */
START_TEST(retry)
{
	LOAD("priority=debug");
	open_fake();
	fake.fail = 3;
	emit(0, 500);
	WAIT_UNTIL(stats().delivered == 500);
	ck_assert_uint_eq(stats().failures, 3);
	ck_assert(!stats().failing);
	for (unsigned i = 0; i < 500; i++)
		ck_assert_uint_eq(fake.seen[i], i);
}
END_TEST

START_TEST(refused_message)
{
	LOAD("priority=debug");
	open_fake();
	fake.fail = 1;
	fake.error = -EBADMSG;
	emit(0, 50);
	WAIT_UNTIL(stats().queued == 0);
	ck_assert_uint_eq(stats().discarded, 1);
	ck_assert_uint_eq(stats().delivered, 49);
}
END_TEST

START_TEST(closed_reader)
{
	LOAD("priority=debug");
	open_fake();
	fake.fail = 1;
	fake.error = -EPIPE;
	emit(0, 50);
	WAIT_UNTIL(stats().queued == 0);
	emit(50, 60);
	ck_assert(stats().closed);
	ck_assert_uint_eq(stats().queued, 0);
	ck_assert_uint_eq(stats().taken, 60);
}
END_TEST

START_TEST(bounded_end)
{
	LOAD("output_timeout=1");
	open_fake();
	block_worker();
	emit(1, 300);
	WAIT_UNTIL(stats().failing);	/* it hangs */
	output->ops->drain(output, 50);
	ck_assert_uint_eq(stats().discarded, 300);
}
END_TEST

/* ---- real ones ------------------------------------------------------------------------------- */

static unsigned lines_of(const char *path)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	unsigned n = 0;

	if (io_read_file(path, 1 << 24, &text) < 0)
		return 0;
	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	return n;
}

/*
 * stdout is a pipe that nobody reads: emitting goes on, the end is bounded, whole lines are
 * counted.
 */
START_TEST(stdout_blocked)
{
	int ends[2], saved = dup(STDOUT_FILENO);
	unsigned lines = 0;
	char buf[65536];
	ssize_t n;

	LOAD("outputs_queue.capacity=100000");
	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	ck_assert_int_eq(output_stdout_open(config, &output), 0);
	emit(0, 20000);
	WAIT_UNTIL(stats().delivered > 1000);
	output->ops->drain(output, 20);
	ck_assert_uint_eq(stats().queued, 0);
	ck_assert_uint_gt(stats().discarded, 0);
	dup2(saved, STDOUT_FILENO);
	close(ends[1]);
	while ((n = read(ends[0], buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	ck_assert_uint_eq(stats().delivered, lines);
}
END_TEST

START_TEST(stdout_closed)
{
	int ends[2], saved = dup(STDOUT_FILENO);

	LOAD("priority=debug");
	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	ck_assert_int_eq(output_stdout_open(config, &output), 0);
	emit(0, 10);
	WAIT_UNTIL(stats().closed);
	output->ops->drain(output, 1000);
	ck_assert_uint_eq(stats().discarded, 10);
	dup2(saved, STDOUT_FILENO);
	close(ends[1]);
}
END_TEST

START_TEST(file_rotation)
{
	unsigned lines = 0;

	LOAD("file_output.filename=a.txt", "file_output.keep_alive=true", "json_output=false",
	     "file_output.max_files=50", "file_output.max_age=100ms");
	ck_assert_int_eq(output_file_open(config, &output), 0);
	for (unsigned i = 0; i < 4; i++) {
		emit(i * 100, i * 100 + 100);
		WAIT_UNTIL(stats().queued == 0);
		usleep(150000);
	}
	output->ops->drain(output, PATIENCE_MS);
	ck_assert_uint_eq(stats().delivered, 400);
	for (unsigned i = 0; i <= 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), i ? "a.txt.%u" : "a.txt", i);
		lines += lines_of(name);
	}
	ck_assert_uint_eq(lines, 400);
	ck_assert_uint_gt(lines_of("a.txt.1"), 0);
}
END_TEST

START_TEST(file_reopen)
{
	LOAD("file_output.filename=a.txt", "file_output.keep_alive=true");
	ck_assert_int_eq(output_file_open(config, &output), 0);
	emit(0, 10);
	WAIT_UNTIL(stats().delivered == 10);
	ck_assert_int_eq(rename("a.txt", "moved.txt"), 0);
	emit(10, 20);
	WAIT_UNTIL(stats().delivered == 20);
	ck_assert_uint_eq(lines_of("moved.txt"), 20);
	output->ops->reopen(output);
	emit(20, 25);
	WAIT_UNTIL(stats().delivered == 25);
	ck_assert_uint_eq(lines_of("a.txt"), 5);
}
END_TEST

START_TEST(file_full_disk)
{
	LOAD("file_output.filename=/dev/full");
	ck_assert_int_eq(output_file_open(config, &output), 0);
	emit(0, 10);
	WAIT_UNTIL(stats().failures > 1);
	ck_assert(stats().failing);
	output->ops->drain(output, 100);
	ck_assert_uint_eq(stats().discarded, 10);
}
END_TEST

static void ignore_signal(int sig)
{
}

/*
 * The disk is full in the middle of a line, then the file is moved away: no line is in two files.
 */
START_TEST(file_moved_when_full)
{
	struct rlimit old, small = { 100, 0 };

	LOAD("file_output.filename=a.txt");
	signal(SIGXFSZ, ignore_signal);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	ck_assert_int_eq(output_file_open(config, &output), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	emit(10, 40);	/* lines of 9 bytes */
	WAIT_UNTIL(stats().failing);
	ck_assert_int_eq(rename("a.txt", "moved.txt"), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	WAIT_UNTIL(stats().queued == 0);
	ck_assert_uint_eq(lines_of("moved.txt"), 100 / 9);
	ck_assert_uint_eq(lines_of("a.txt"), 30 - 100 / 9);
	ck_assert_int_eq(system("test $(grep -c '^{\"n\":[0-9]*}$' a.txt) = 19"), 0);
}
END_TEST

START_TEST(file_impossible)
{
	LOAD("file_output.filename=none/a.txt");
	ck_assert_int_eq(output_file_open(config, &output), -ENOENT);
}
END_TEST

/* The daemon comes late, ends and comes again; nothing is lost. */
START_TEST(syslog_daemon)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "log" };
	char text[256];
	ssize_t n;
	int fd;

	LOAD("syslog_output.address=log");
	ck_assert_int_eq(output_syslog_open(config, &output), 0);
	emit(0, 1);
	WAIT_UNTIL(stats().failing);
	for (unsigned i = 0; i < 2; i++) {
		fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		n = recv(fd, text, sizeof(text) - 1, 0);
		ck_assert_int_gt(n, 0);
		text[n] = '\0';
		ck_assert_ptr_nonnull(strstr(text, i ? "{\"n\":1}" : "{\"n\":0}"));
		ck_assert_int_eq(strncmp(text, "<12>", 4), 0);	/* user, warning */
		WAIT_UNTIL(stats().queued == 0);
		close(fd);
		unlink("log");
		emit(1, 2);
	}
}
END_TEST

START_TEST(program_for_each)
{
	LOAD("program_output.program=cat >> all; echo >> runs");
	ck_assert_int_eq(output_program_open(config, &output), 0);
	emit(0, 5);
	output->ops->drain(output, PATIENCE_MS);
	ck_assert_uint_eq(stats().delivered, 5);
	ck_assert_uint_eq(lines_of("all"), 5);
	ck_assert_uint_eq(lines_of("runs"), 5);
}
END_TEST

/* One program for many; it ends after each line and is started again. */
START_TEST(program_keep_alive)
{
	LOAD("program_output.program=echo >> runs; read x; echo $x >> all",
	     "program_output.keep_alive=true");
	ck_assert_int_eq(output_program_open(config, &output), 0);
	emit(0, 1);
	WAIT_UNTIL(lines_of("all") == 1);
	emit(1, 2);
	WAIT_UNTIL(lines_of("runs") >= 2);
	stats();
}
END_TEST

START_TEST(program_missing)
{
	LOAD("program_output.program=/nonexistent/program 2>/dev/null");
	ck_assert_int_eq(output_program_open(config, &output), 0);
	emit(0, 3);
	WAIT_UNTIL(stats().failures > 1);
	output->ops->drain(output, 50);
	ck_assert_uint_eq(stats().delivered, 0);
	ck_assert_uint_eq(stats().discarded, 3);
}
END_TEST

START_TEST(program_hangs)
{
	LOAD("program_output.program=sleep 1000", "output_timeout=1");
	ck_assert_int_eq(output_program_open(config, &output), 0);
	emit(0, 3);
	WAIT_UNTIL(stats().failing);
	output->ops->drain(output, 50);
	ck_assert_uint_eq(stats().queued, 0);
	ck_assert_uint_eq(stats().discarded, 3);
}
END_TEST

START_TEST(shared_by_all)
{
	struct outputs o;
	struct message *m = message(7);

	LOAD("stdout_output.enabled=false", "file_output.enabled=true", "file_output.filename=a",
	     "program_output.enabled=true", "program_output.program=cat > b");
	ck_assert_int_eq(outputs_open(&o, config), 0);
	ck_assert_uint_eq(o.n, 2);
	outputs_emit(&o, m);
	message_put(m);
	outputs_drain(&o, PATIENCE_MS);
	ck_assert_uint_eq(lines_of("a"), 1);
	ck_assert_uint_eq(lines_of("b"), 1);
	ck_assert(!outputs_all_closed(&o));
	outputs_close(&o);
}
END_TEST

/* A reader that hangs takes no time from the other outputs at the end. */
START_TEST(drained_side_by_side)
{
	int ends[2], saved = dup(STDOUT_FILENO);
	struct output_stats s;
	struct outputs o;

	LOAD("stdout_output.enabled=true", "file_output.enabled=true", "file_output.filename=a");
	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	ck_assert_int_eq(outputs_open(&o, config), 0);
	for (unsigned i = 0; i < 15000; i++) {
		struct message *m = message(i);

		outputs_emit(&o, m);
		message_put(m);
	}
	outputs_drain(&o, 3000);
	dup2(saved, STDOUT_FILENO);
	o.v[0]->ops->stats(o.v[0], &s);
	ck_assert_uint_gt(s.discarded, 0);
	o.v[1]->ops->stats(o.v[1], &s);
	ck_assert_uint_eq(s.delivered, 15000);
	ck_assert_uint_eq(lines_of("a"), 15000);
	outputs_close(&o);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("output");
	TCase *tc = tcase_create("output");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, in_order);
	tcase_add_test(tc, drop_newest);
	tcase_add_test(tc, drop_oldest);
	tcase_add_test(tc, bounded_bytes);
	tcase_add_test(tc, retry);
	tcase_add_test(tc, refused_message);
	tcase_add_test(tc, closed_reader);
	tcase_add_test(tc, bounded_end);
	tcase_add_test(tc, stdout_blocked);
	tcase_add_test(tc, stdout_closed);
	tcase_add_test(tc, file_rotation);
	tcase_add_test(tc, file_reopen);
	tcase_add_test(tc, file_full_disk);
	tcase_add_test(tc, file_moved_when_full);
	tcase_add_test(tc, file_impossible);
	tcase_add_test(tc, syslog_daemon);
	tcase_add_test(tc, program_for_each);
	tcase_add_test(tc, program_keep_alive);
	tcase_add_test(tc, program_missing);
	tcase_add_test(tc, program_hangs);
	tcase_add_test(tc, shared_by_all);
	tcase_add_test(tc, drained_side_by_side);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
