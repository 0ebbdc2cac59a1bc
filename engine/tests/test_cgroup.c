/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container ids from cgroup paths of the usual runtimes and drivers, and paths that are none.
 */
#include "engine/state/cgroup.h"
#include "engine/tests/test.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *path, *type, *id;	/* type NULL: host */
} rows[] = {
	{ "/docker/" ID, "docker", "0123456789ab" },
	{ "/system.slice/docker-" ID ".scope", "docker", "0123456789ab" },
	{ "/kubepods/burstable/pod1-2/" ID, "docker", "0123456789ab" },
	{ "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope", "cri", "0123456789ab" },
	{ "/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope", "cri", "0123456789ab" },
	{ "/system.slice:cri-containerd:" ID, "cri", "0123456789ab" },
	{ "/kubepods.slice/nerdctl-" ID ".scope", "cri", "0123456789ab" },
	{ "/machine.slice/libpod-" ID ".scope", "podman", "0123456789ab" },
	{ "/user.slice/user-1000.slice/libpod-" ID ".scope/container", "podman", "0123456789ab" },
	{ "/default/web", "containerd", "web" },
	{ "/lxc/guest/init.scope", "lxc", "guest" },
	{ "/lxc.payload.guest", "lxc", "guest" },
	/* below the group of the container */
	{ "/docker/" ID "/init.scope", "docker", "0123456789ab" },
	{ "/docker/" ID "/system.slice/ssh.service", "docker", "0123456789ab" },
	{ "/kubepods.slice/cri-containerd-" ID ".scope/init", "cri", "0123456789ab" },
	{ "/kubepods/pod1-2/" ID "/kubelet/kubepods/besteffort", "docker", "0123456789ab" },
	{ "/kubepods.slice/crio-conmon-" ID ".scope/x", NULL, NULL },
	{ "/", NULL, NULL },
	{ "/init.scope", NULL, NULL },
	{ "/user.slice/user-1000.slice/session-1.scope", NULL, NULL },
	{ "/system.slice/ssh.service", NULL, NULL },
	{ "/system.slice/docker-" ID "0.scope", NULL, NULL },
	{ "/a/b/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg", NULL, NULL },
	{ "", NULL, NULL },
};

START_TEST(one_path)
{
	char text[256];
	struct cgroup_match m;
	int n = snprintf(text, sizeof(text), "cpuset=/%cmemory=%s", 0, rows[_i].path);
	bool found = cgroup_container((struct str){ text, (uint32_t)n }, &m);

	ck_assert_msg(found == (rows[_i].type != NULL), "%s: %s", rows[_i].path,
		      found ? m.type : "nothing");
	if (!found)
		return;
	ck_assert_str_eq(m.type, rows[_i].type);
	ck_assert_str_view(m.id, rows[_i].id);
}
END_TEST

START_TEST(malformed)
{
	static const struct str texts[] = {
		STR(""), STR("\0"), STR("="), STR("cpu"), STR("cpu=\0\0="), STR("=/x/y\0"),
		STR("a=//"), STR("a=/b/"), STR("\0\0\0"),
	};
	struct cgroup_match m;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (cgroup_container(texts[i], &m))
			ck_assert_uint_gt(m.id.len, 0);
	ck_assert(!cgroup_container(STR_NONE, &m));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("cgroup");
	TCase *t = tcase_create("cgroup");

	tcase_add_loop_test(t, one_path, 0, ARRAY_SIZE(rows));
	tcase_add_test(t, malformed);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
