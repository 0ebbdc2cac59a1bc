/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity of the node: order of the sources, metadata servers good and bad, what is remembered.
 */
#include "agent/identity.h"
#include "engine/tests/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/tiercel-identity-XXXXXX";
static char server[64];
static pid_t pid;

static void start_server(const char *mode)
{
	int fds[2];
	char text[16] = "";

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execlp("python3", "python3", "agent/tests/metadata_server.py", mode, NULL);
		_exit(127);
	}
	close(fds[1]);
	ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
	close(fds[0]);
	snprintf(server, sizeof(server), "http://127.0.0.1:%d", atoi(text));
}

static void stop_server(void)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct config config_of(const char *metadata_server)
{
	return (struct config){ .state_directory = dir,
				.identity = { .node = "", .cluster = "", .location = "",
					      .project = "", .environment = "",
					      .metadata_server = metadata_server } };
}

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	unsetenv("TIERCEL_CLUSTER");
	unsetenv("FALCO_K8S_NODE_NAME");
}

static void remove_dir(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/identity", dir);
	unlink(path);
	rmdir(dir);
}

static void expect(const struct identity *id, const char *cluster, const char *location,
		   const char *project)
{
	ck_assert_str_eq(id->value[IDENTITY_CLUSTER], cluster);
	ck_assert_str_eq(id->value[IDENTITY_LOCATION], location);
	ck_assert_str_eq(id->value[IDENTITY_PROJECT], project);
}

START_TEST(test_order)
{
	_cleanup_buf_ struct buf warning = BUF_INIT;
	struct config config = config_of("");
	struct identity id;

	config.identity.project = "from-config";
	setenv("TIERCEL_PROJECT", "from-env", 1);
	setenv("TIERCEL_CLUSTER", "from-env", 1);
	setenv("FALCO_K8S_NODE_NAME", "node-7", 1);
	ck_assert_int_eq(identity_init(&id, &config, &warning), 0);
	expect(&id, "from-env", "", "from-config");
	ck_assert_str_eq(id.value[IDENTITY_NODE], "node-7");
	ck_assert_uint_eq(warning.len, 0);
	identity_done(&id);
	/* Without either the node is the host. */
	unsetenv("FALCO_K8S_NODE_NAME");
	ck_assert_int_eq(identity_init(&id, &config, &warning), 0);
	ck_assert_str_ne(id.value[IDENTITY_NODE], "");
	identity_done(&id);
}
END_TEST

START_TEST(test_server)
{
	_cleanup_buf_ struct buf warning = BUF_INIT;
	struct config config;
	struct identity id;

	start_server("good");
	config = config_of(server);
	config.identity.location = "mine";
	ck_assert_int_eq(identity_init(&id, &config, &warning), 0);
	expect(&id, "prod-1", "mine", "shop-42");
	ck_assert_uint_eq(warning.len, 0);
	identity_done(&id);
	/* The server is gone: what it said is remembered. */
	stop_server();
	config.identity.location = "";
	ck_assert_int_eq(identity_init(&id, &config, &warning), 0);
	expect(&id, "prod-1", "mine", "shop-42");
	ck_assert(str_contains(buf_str(&warning), STR("the last known identity is used")));
	identity_done(&id);
}
END_TEST

static const char *const bad_modes[] = { "plain", "garbage", "hang" };

/* None of them may delay the start for long or put rubbish into alerts. */
START_TEST(test_bad_server)
{
	_cleanup_buf_ struct buf warning = BUF_INIT;
	struct config config;
	struct identity id;

	start_server(bad_modes[_i]);
	config = config_of(server);
	ck_assert_int_eq(identity_init(&id, &config, &warning), 0);
	expect(&id, "", "", "");
	ck_assert_uint_gt(warning.len, 0);
	identity_done(&id);
	stop_server();
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("identity");
	TCase *t = tcase_create("identity");

	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_server);
	tcase_add_loop_test(t, test_bad_server, 0, ARRAY_SIZE(bad_modes));
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
