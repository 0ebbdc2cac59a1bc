/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers, their metadata documents, users and groups.
 */
#include "engine/state/state_priv.h"
#include "engine/tests/state_fixture.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHORT "0123456789ab"

static struct fixture f;
static int asked;

static void container_new(void *ctx, struct container *c)
{
	asked++;
}

static void setup(void)
{
	struct state_opts opts = { .hooks = { .container_new = container_new } };

	asked = 0;
	fixture_init(&f, &opts);
	fixture_family(&f);
}

static void teardown(void)
{
	fixture_done(&f);
}

static struct thread *in_container(int64_t tid, int64_t vpid)
{
	struct proc_record r = fixture_proc(tid, 1, "app");

	r.vpid = vpid;
	r.cgroups = STR("cpu=/docker/" ID "\0memory=/");
	fixture_add(&f, &r);
	return state_thread(f.state, tid);
}

static void document_of(const char *what, const char *text)
{
	ev_new(&f, EV_ASYNCEVENT_E);
	ev_num(&f, ASYNCEVENT_E_plugin_id, 0);
	ev_text(&f, ASYNCEVENT_E_name, what);
	ev_text(&f, ASYNCEVENT_E_data, text);
	ev_run(&f, -1);
}

static void document(const char *text)
{
	document_of("container", text);
}

START_TEST(id_from_cgroups)
{
	struct thread *a = in_container(100, 1), *b = in_container(101, 2);

	ck_assert_ptr_nonnull(a->container);
	ck_assert_ptr_eq(a->container, b->container);
	ck_assert_str_view(istr_str(a->container->id), SHORT);
	ck_assert_str_view(istr_str(a->container->full_id), ID);
	ck_assert_str_view(istr_str(a->container->type), "docker");
	ck_assert(!a->container->have_metadata);
	ck_assert_uint_eq(a->container->threads, 2);
	ck_assert_int_eq(asked, 1);
	ck_assert_ptr_null(state_thread(f.state, 20)->container);
}
END_TEST

/* The same, by a way that keeps nothing. */
static void renamed(struct str raw, char *ret, uint32_t *ret_len)
{
	uint32_t n = 0, len = raw.len && !raw.p[raw.len - 1] ? raw.len - 1 : raw.len;

	for (uint32_t i = 0; i < len; i++) {
		if ((!i || !raw.p[i - 1]) && len - i >= 3 && !memcmp(raw.p + i, "io=", 3)) {
			memcpy(ret + n, "blk", 3);
			n += 3;
		}
		ret[n++] = raw.p[i];
	}
	*ret_len = n;
}

/* Many texts, most of which come several times, some at the same place of what is kept. */
START_TEST(block_controller_is_renamed)
{
	for (int i = 0; i < 4000; i++) {
		struct thread *t = state_thread(f.state, i % 2 ? 20 : 10);
		char text[160], want[200];
		int v = (i * 7919) % 97, n;
		uint32_t len;

		n = snprintf(text, sizeof(text), "cpu=/a/%d%cio=/b/%d%cbio=/%cmemory=/x%060d",
			     v % 5, 0, v, 0, 0, v % 3);
		if (v % 4 == 0)
			n = snprintf(text, sizeof(text), "io=/%d", v);
		thread_set_cgroups(f.state, t, (struct str){ text, (uint32_t)n + (v & 1) });
		renamed((struct str){ text, (uint32_t)n + (v & 1) }, want, &len);
		ck_assert_uint_eq(t->cgroups->len, len);
		ck_assert_mem_eq(t->cgroups->p, want, len);
	}
	thread_set_cgroups(f.state, state_thread(f.state, 20), STR_NONE);
	ck_assert_uint_eq(state_thread(f.state, 20)->cgroups->len, 0);
}
END_TEST

START_TEST(metadata)
{
	struct thread *t = in_container(100, 1);
	uint64_t version = t->version;
	struct container *c = t->container;

	document("{\"container\":{\"id\":\"" SHORT "\",\"full_id\":\"" ID "\",\"type\":0,"
		 "\"name\":\"we\\u0062\\n\",\"image\":\"nginx:1\",\"imagerepo\":\"nginx\","
		 "\"imagetag\":\"1\",\"privileged\":true,\"host_pid\":false,\"unknown\":[1,{\"a\":[]}],"
		 "\"labels\":{\"io.kubernetes.pod.name\":\"web-0\",\"n\":null},"
		 "\"Mounts\":[{\"Source\":\"/\",\"Destination\":\"/host\",\"Mode\":\"\",\"RW\":true,"
		 "\"Propagation\":\"rslave\"}],\"User\":\"nobody\",\"ip\":\"172.17.0.2\"}}");
	ck_assert(f.ctx.visible);
	ck_assert_ptr_eq(f.ctx.container, c);
	ck_assert(c->have_metadata && c->privileged && !c->host_pid);
	ck_assert_str_view(istr_str(c->name), "web\n");
	ck_assert_str_view(istr_str(c->image_repo), "nginx");
	ck_assert_str_view(istr_str(c->user), "nobody");
	ck_assert_uint_eq(c->nlabels, 1);
	ck_assert_str_view(istr_str(c->labels[0].value), "web-0");
	ck_assert_uint_eq(c->nmounts, 1);
	ck_assert(c->mounts[0].rdwr);
	ck_assert_str_view(istr_str(c->mounts[0].dest), "/host");
	ck_assert_uint_gt(t->version, version);
	ck_assert(state_addr_is_local(f.state, t, (const uint8_t *)"\xac\x11\0\2", false));
	ck_assert(!state_addr_is_local(f.state, t, (const uint8_t *)"\xac\x11\0\3", false));
}
END_TEST

START_TEST(metadata_first)
{
	document("{\"id\":\"" SHORT "\",\"name\":\"web\"}");
	ck_assert_str_view(istr_str(in_container(100, 1)->container->name), "web");
	ck_assert_int_eq(asked, 0);
}
END_TEST

START_TEST(bad_documents)
{
	static const char *const texts[] = {
		"", "{", "[]", "{\"container\"", "{\"container\":}", "{\"container\":{\"id\":\"x",
		"{\"id\":\"\\u12\"}", "{\"id\":\"\\q\"}", "{\"id\" \"x\"}", "{\"id\":\"x\" \"y\":1}",
		"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1", "{}", "{\"id\":\"\"}",
		"{\"id\":5}", "{\"labels\":{\"a\":", "{\"Mounts\":[{\"RW\":\"a,b\"", "nonsense",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		document(texts[i]);
	ck_assert_uint_eq(state_stats(f.state)->container_documents_bad, ARRAY_SIZE(texts));
	ck_assert_uint_eq(state_stats(f.state)->containers, 0);
	ev_new(&f, EV_CONTAINER_JSON_2_E);
	ev_run(&f, -1);
	ck_assert(!f.ctx.visible);
}
END_TEST

START_TEST(goes_with_its_init)
{
	in_container(100, 1);
	in_container(101, 2);
	ev_exit(&f, 100, -1);
	ev_nothing(&f, 20);
	ck_assert_uint_eq(state_stats(f.state)->containers, 1);
	ev_exit(&f, 101, -1);
	ck_assert_ptr_nonnull(f.ctx.thread->container);
	ev_nothing(&f, 20);
	ck_assert_uint_eq(state_stats(f.state)->containers, 0);
}
END_TEST

START_TEST(limit)
{
	f.limits.max[LIMIT_CONTAINERS] = 1;
	document("{\"id\":\"unused\"}");
	ck_assert_ptr_nonnull(in_container(100, 1)->container);
	ck_assert_uint_eq(state_stats(f.state)->containers, 1);
	document("{\"id\":\"onemore\"}");
	ck_assert_uint_eq(state_stats(f.state)->containers, 1);
	ck_assert_uint_gt(f.limits.hits[LIMIT_CONTAINERS], 0);
}
END_TEST

static bool known(const char *id)
{
	return container_find(f.state, str_from(id));
}

START_TEST(without_processes)
{
	f.limits.max[LIMIT_CONTAINERS_IDLE] = 2;
	in_container(100, 2);
	document("{\"id\":\"one\"}");
	document("{\"id\":\"two\"}");
	ck_assert_uint_eq(f.limits.hits[LIMIT_CONTAINERS_IDLE], 0);
	/* The init was not seen: only now nobody is left. */
	ev_exit(&f, 100, -1);
	ev_nothing(&f, 20);
	ck_assert(!known("one") && known("two") && known(SHORT));
	document("{\"id\":\"three\"}");
	ck_assert(!known("two") && known(SHORT) && known("three"));
	ck_assert_uint_eq(f.limits.hits[LIMIT_CONTAINERS_IDLE], 2);
	/* One with processes is none of them, however many others come and go. */
	in_container(100, 2);
	ck_assert_int_eq(asked, 1);
	document("{\"id\":\"four\"}");
	document("{\"id\":\"five\"}");
	ck_assert(known(SHORT) && !known("three") && known("four") && known("five"));
	ck_assert_uint_eq(state_stats(f.state)->containers, 3);
	/* What is removed leaves its place to the next. */
	document_of("container_removed", "{\"id\":\"four\"}");
	document("{\"id\":\"one\"}");
	ck_assert(!known("four") && known("five") && known("one"));
	ck_assert_uint_eq(f.limits.hits[LIMIT_CONTAINERS_IDLE], 3);
}
END_TEST

START_TEST(asked_for_again)
{
	f.limits.max[LIMIT_CONTAINERS_IDLE] = 1;
	in_container(100, 2);
	ev_exit(&f, 100, -1);
	document("{\"id\":\"one\"}");
	ck_assert(!known(SHORT));
	ck_assert_ptr_nonnull(in_container(101, 2)->container);
	ck_assert_int_eq(asked, 2);
	ck_assert(known(SHORT));
}
END_TEST

static void user_event(enum event_type type, uint32_t uid, const char *name, const char *container)
{
	ev_new(&f, type);
	ev_num(&f, USER_ADDED_E_uid, uid);
	ev_num(&f, USER_ADDED_E_gid, 7);
	ev_text(&f, USER_ADDED_E_name, name);
	ev_text(&f, USER_ADDED_E_home, "/home");
	ev_text(&f, USER_ADDED_E_shell, "/bin/sh");
	ev_text(&f, USER_ADDED_E_container_id, container);
	ev_run(&f, -1);
}

START_TEST(users)
{
	struct thread *t = in_container(100, 1);

	user_event(EV_USER_ADDED_E, 5, "alice", "");
	ck_assert(!f.ctx.visible);
	user_event(EV_USER_ADDED_E, 5, "bob", SHORT);
	ck_assert_str_view(istr_str(state_user(f.state, NULL, 5)->name), "alice");
	ck_assert_str_view(istr_str(state_user(f.state, t->container, 5)->name), "bob");
	ck_assert_ptr_null(state_user(f.state, NULL, 6));
	user_event(EV_USER_ADDED_E, 5, "eve", "");
	ck_assert_str_view(istr_str(state_user(f.state, NULL, 5)->name), "eve");
	user_event(EV_USER_DELETED_E, 5, "eve", "");
	ck_assert_ptr_null(state_user(f.state, NULL, 5));
	ev_new(&f, EV_GROUP_ADDED_E);
	ev_num(&f, GROUP_ADDED_E_gid, 9);
	ev_text(&f, GROUP_ADDED_E_name, "wheel");
	ev_run(&f, -1);
	ck_assert_str_view(istr_str(state_group(f.state, NULL, 9)->name), "wheel");
	/* Names of a container that nobody knows make room, others do not. */
	for (unsigned uid = 0; uid < 20; uid++)
		user_event(EV_USER_ADDED_E, uid, "gone", "ba9876543210");
	f.limits.max[LIMIT_USERS] = 3;
	user_event(EV_USER_ADDED_E, 7, "x", "");
	ck_assert_str_view(istr_str(state_user(f.state, NULL, 7)->name), "x");
	ck_assert_str_view(istr_str(state_user(f.state, t->container, 5)->name), "bob");
	ck_assert_uint_eq(state_stats(f.state)->users, 2);
	user_event(EV_USER_ADDED_E, 8, "x", "");
	ck_assert_ptr_null(state_user(f.state, NULL, 8));
	ck_assert_uint_eq(f.limits.hits[LIMIT_USERS], 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("state_container");
	TCase *t = tcase_create("container");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, id_from_cgroups);
	tcase_add_test(t, block_controller_is_renamed);
	tcase_add_test(t, metadata);
	tcase_add_test(t, metadata_first);
	tcase_add_test(t, bad_documents);
	tcase_add_test(t, goes_with_its_init);
	tcase_add_test(t, limit);
	tcase_add_test(t, without_processes);
	tcase_add_test(t, asked_for_again);
	tcase_add_test(t, users);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
