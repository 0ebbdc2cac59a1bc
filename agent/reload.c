/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of hot swaps, see reload.h. It sleeps in poll() on inotify and on an eventfd; changes
 * have to be quiet for a while, so that one update of many files is one reload.
 */
#include "agent/reload.h"
#include "agent/clock.h"
#include "agent/memory.h"
#include "agent/thread.h"
#include "agent/watch.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* However long files go on changing, they are read at last. */
enum { LONGEST_QUIET_MS = 3000, RETRY_MS = 1000 };

struct reload {
	const struct live_rules_spec *spec;
	const struct config *config;
	const struct engines *engines;
	pthread_t thread;
	int event_fd;
	struct watch *watch;		/* NULL: files are not watched */
	/* Of the rules that were compiled last, and of the options then. */
	char digest[DIGEST_TEXT], config_digest[DIGEST_TEXT];
	struct io_names paths, config_files;
	char *problems;			/* of the last try; NULL: it worked */
	bool stale; /* files changed after they were read, before they were watched */

	atomic_uint requests;		/* tickets given */
	unsigned taken;			/* of them, by the thread */
	atomic_bool stopping;
	atomic_bool have_result;	/* `result` belongs to the live thread */
	struct reload_result result;
	_Atomic(struct live_rules *) trash;
};

static void wake(struct reload *r)
{
	uint64_t one = 1;

	if (write(r->event_fd, &one, sizeof(one)) < 0)
		return;		/* full: it is awake */
}

unsigned reload_request(struct reload *r)
{
	unsigned ticket = atomic_fetch_add(&r->requests, 1) + 1;

	wake(r);
	return ticket;
}

bool reload_ready(const struct reload *r)
{
	return atomic_load_explicit(&r->have_result, memory_order_acquire);
}

bool reload_take(struct reload *r, struct reload_result *ret)
{
	if (!reload_ready(r))
		return false;
	*ret = r->result;
	r->result = (struct reload_result){ 0 };
	atomic_store(&r->have_result, false);
	wake(r);
	return true;
}

void reload_retire(struct reload *r, struct live_rules *old)
{
	live_rules_free(atomic_exchange(&r->trash, old)); /* the one before, if it is still there */
	wake(r);
}

static int copy_names(struct io_names *to, const struct io_names *from)
{
	io_names_done(to);
	for (uint32_t i = 0; i < from->n; i++)
		if (io_names_add(to, from->names[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* Watch what these rules were made from. */
static void follow(struct reload *r, const struct live_rules *rules)
{
	const struct config *c = rules->config ? rules->config : r->config;

	snprintf(r->digest, sizeof(r->digest), "%s", rules->digest);
	snprintf(r->config_digest, sizeof(r->config_digest), "%s", rules->config_digest);
	if (!r->watch)
		return;
	if (copy_names(&r->paths, &rules->paths) < 0 ||
	    copy_names(&r->config_files, &c->files) < 0 ||
	    watch_set(r->watch, &r->paths, &r->config_files) < 0)
		cli_warn("no memory to watch the rules; SIGHUP still loads them again");
	r->stale = watch_newer(r->watch, rules->read_ns);
}

static void publish(struct reload *r, struct reload_result result)
{
	result.ticket = r->taken;
	r->result = result;
	atomic_store_explicit(&r->have_result, true, memory_order_release);
}

static bool is_same(const struct reload *r, const struct live_rules *rules)
{
	return strcmp(rules->digest, r->digest) == 0 &&
	       strcmp(rules->config_digest, r->config_digest) == 0;
}

/* The old rules stay. The same problems are told once, unless somebody asked. */
static void refuse(struct reload *r, const char *problems, bool forced)
{
	if (!forced && r->problems && strcmp(r->problems, problems) == 0)
		return;
	cli_print(str_from(problems));
	free(r->problems);
	r->problems = strdup(problems);
	publish(r, (struct reload_result){ .problems = strdup(problems) });
}

/* Options that are not about rules: outputs, rings and the like are made once. */
static void find_waiting(const struct reload *r, struct live_rules *rules)
{
	_cleanup_buf_ struct buf names = BUF_INIT;

	rules->nwaiting = config_waiting(r->config, rules->config, &names);
	if (!rules->nwaiting || names.err)
		return;
	rules->waiting = strndup(names.p, names.len);
	cli_warn("changed, but in force only after a restart: %.*s", STR_ARG(buf_str(&names)));
}

/* forced: give a result even if nothing has changed. */
static void compile(struct reload *r, bool forced)
{
	_cleanup_buf_ struct buf problems = BUF_INIT;
	struct live_rules *rules = NULL;
	uint64_t start = clock_mono_ns();
	int e = live_rules_load(r->spec, NULL, r->engines, &problems, &rules);

	if (e < 0) {
		refuse(r,
		       e == -ENOMEM || problems.err || !problems.p ? "out of memory" : problems.p,
		       forced);
		return;
	}
	if (!forced && !r->problems && is_same(r, rules)) {
		live_rules_free(rules);
		return;
	}
	cli_print(buf_str(&problems));
	find_waiting(r, rules);
	free(r->problems);
	r->problems = NULL;
	follow(r, rules);
	live_rules_save(rules, r->spec, rules->config->state_directory);
	publish(r, (struct reload_result){ .rules = rules,
					   .compile_ns = clock_mono_ns() - start });
}

/* Milliseconds to sleep; -1: until something happens. */
static int sleep_ms(const struct reload *r, uint64_t due_ns)
{
	uint64_t now = clock_mono_ns();

	if (atomic_load(&r->have_result))
		return -1;	/* until it is taken */
	if (!due_ns)
		return r->watch ? RETRY_MS : -1;
	return due_ns > now ? (int)((due_ns - now) / NS_PER_MS) + 1 : 0;
}

static void free_old(struct reload *r)
{
	struct live_rules *old = atomic_exchange(&r->trash, NULL);

	if (!old)
		return;
	live_rules_free(old);
	memory_forget_code();	/* of the loader */
}

static void *work(void *arg)
{
	struct reload *r = arg;
	struct pollfd fds[2] = { { .fd = r->event_fd, .events = POLLIN },
				 { .fd = r->watch ? watch_fd(r->watch) : -1, .events = POLLIN } };
	uint64_t due_ns = 0, last_ns = 0;	/* compile then; at the latest then */

	while (!atomic_load(&r->stopping)) {
		uint64_t now, count;
		unsigned requests;
		bool forced;

		poll(fds, ARRAY_SIZE(fds), sleep_ms(r, due_ns));
		now = clock_mono_ns();
		if (read(r->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			return NULL;
		free_old(r);
		if (r->watch && (watch_changed(r->watch) || watch_retry(r->watch) || r->stale)) {
			r->stale = false;
			last_ns = due_ns ? last_ns : now + LONGEST_QUIET_MS * NS_PER_MS;
			due_ns = MIN(now + RELOAD_QUIET_MS * NS_PER_MS, last_ns);
		}
		/* One result at a time: the live thread takes it, and wakes us. */
		if (atomic_load(&r->have_result))
			continue;
		requests = atomic_load(&r->requests);
		forced = requests != r->taken;
		r->taken = requests;
		if (forced || (due_ns && now >= due_ns)) {
			due_ns = 0;
			compile(r, forced);
		}
	}
	return NULL;
}

static void reload_done(struct reload *r)
{
	watch_free(r->watch);
	close(r->event_fd);
	io_names_done(&r->paths);
	io_names_done(&r->config_files);
	live_rules_free(r->result.rules);
	free(r->result.problems);
	free(r->problems);
	live_rules_free(r->trash);
	free(r);
}

int reload_new(const struct live_rules_spec *spec, const struct config *config,
	       const struct engines *engines, const struct live_rules *current, struct reload **ret)
{
	struct reload *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	*r = (struct reload){ .spec = spec, .config = config, .engines = engines };
	r->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->event_fd < 0) {
		e = -errno;
		free(r);
		return e;
	}
	if (config->watch_config_files) {
		e = watch_new(&r->watch);
		if (e < 0)
			cli_warn("files are not watched: %s", strerror(-e));
	}
	follow(r, current);
	e = thread_start(&r->thread, work, r);
	if (e < 0)
		reload_done(r);
	else
		*ret = r;
	return e;
}

void reload_free(struct reload *r)
{
	if (!r)
		return;
	atomic_store(&r->stopping, true);
	wake(r);
	pthread_join(r->thread, NULL);
	reload_done(r);
}
