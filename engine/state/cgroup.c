/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container id from the cgroup paths of a thread. Called when a thread is created or its cgroups
 * change. Pure text functions: views of the result point into the input.
 *
 * An engine is a row of `engines`; the engines are tried in the order of the rows, each with every
 * cgroup path, and the first hit wins.
 */
#include "engine/state/cgroup.h"

#define SHORT_ID 12
#define RUNC_ID 64
#define CONTAINERD_ID_MAX 64

struct runc_layout {
	const char *prefix, *suffix;
};

struct cgroup_engine {
	const char *type;
	bool (*match)(const struct cgroup_engine *e, struct str path, struct cgroup_match *ret);
	const struct runc_layout *layouts;	/* ends with prefix NULL */
};

static bool is_hex(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return false;
	}
	return s.len > 0;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * Start of the last occurrence of `needle`, or -1. Needles begin with a byte that paths have few
 * of.
 */
static int rfind(struct str s, struct str needle)
{
	const char *at;
	size_t n;

	if (needle.len > s.len)
		return -1;
	n = s.len - needle.len + 1;
	while ((at = memrchr(s.p, needle.p[0], n)) != NULL) {
		n = (size_t)(at - s.p);
		if (!memcmp(at, needle.p, needle.len))
			return (int)n;
	}
	return -1;
}

static void found(const char *type, struct str full, struct cgroup_match *ret)
{
	ret->type = type;
	ret->full_id = full;
	ret->id = full.len > SHORT_ID ? str_sub(full, 0, SHORT_ID) : full;
}

/* The text between the last prefix and the last suffix must be exactly 64 hex digits. */
static bool match_runc(const struct cgroup_engine *e, struct str path, struct cgroup_match *ret)
{
	for (const struct runc_layout *l = e->layouts; l->prefix; l++) {
		struct str prefix = str_from(l->prefix), suffix = str_from(l->suffix);
		int start = rfind(path, prefix), end;
		struct str id;

		if (start < 0)
			continue;
		start += (int)prefix.len;
		end = suffix.len ? rfind(path, suffix) : (int)path.len;
		if (end - start != RUNC_ID)
			continue;
		id = str_sub(path, (uint32_t)start, (uint32_t)end);
		if (!is_hex(id))
			continue;
		found(e->type, id, ret);
		return true;
	}
	return false;
}

static bool is_namespace(struct str s)
{
	bool after_alnum = false;

	for (uint32_t i = 0; i < s.len; i++) {
		if (is_alnum(s.p[i]))
			after_alnum = true;
		else if (after_alnum && memchr("._-", s.p[i], 3))
			after_alnum = false;
		else
			return false;
	}
	return after_alnum;
}

/* Exactly /NAMESPACE/ID, as containerd's own client makes it without a cgroup driver. */
static bool match_containerd(const struct cgroup_engine *e, struct str path,
			     struct cgroup_match *ret)
{
	int slash = str_rfind(path, '/');
	struct str id;

	if (slash < 2 || path.p[0] != '/' ||
	    !is_namespace(str_sub(path, 1, (uint32_t)slash)))
		return false;
	id = str_sub(path, (uint32_t)slash + 1, path.len);
	if (id.len == 0 || id.len > CONTAINERD_ID_MAX || str_ends(id, STR(".service")) ||
	    str_ends(id, STR(".slice")) || str_ends(id, STR(".scope")))
		return false;
	found(e->type, id, ret);
	return true;
}

/* Up to the next slash: the name of the container is its id. */
static bool match_lxc(const struct cgroup_engine *e, struct str path, struct cgroup_match *ret)
{
	for (const struct runc_layout *l = e->layouts; l->prefix; l++) {
		struct str prefix = str_from(l->prefix), name;
		int at = rfind(path, prefix);
		uint32_t end = 0;

		if (at < 0)
			continue;
		name = str_sub(path, (uint32_t)at + prefix.len, path.len);
		while (end < name.len && name.p[end] != '/')
			end++;
		if (end == 0)
			continue;
		ret->type = e->type;
		ret->id = ret->full_id = str_sub(name, 0, end);
		return true;
	}
	return false;
}

static bool match_libvirt_lxc(const struct cgroup_engine *e, struct str path,
			      struct cgroup_match *ret)
{
	struct str scope = STR(".libvirt-lxc"), machine = STR("/machine.slice/machine-lxc\\x2d");
	int end = rfind(path, scope), start = rfind(path, machine);
	struct str id;

	if (start >= 0) {
		id = str_sub(path, (uint32_t)start + machine.len, path.len);
		end = rfind(id, STR(".scope"));
		if (end > 0)
			id = str_sub(id, 0, (uint32_t)end);
	} else if (end > 0) {
		id = str_sub(path, 0, (uint32_t)end);
		start = str_rfind(id, '/');
		id = str_sub(id, (uint32_t)(start + 1), id.len);
	} else {
		return false;
	}
	if (id.len == 0)
		return false;
	ret->type = e->type;
	ret->id = ret->full_id = id;
	return true;
}

/* /bpm-NAME.scope, NAME in base32 ("-" for "="). */
static bool match_bpm(const struct cgroup_engine *e, struct str path, struct cgroup_match *ret)
{
	struct str prefix = STR("/bpm-"), suffix = STR(".scope"), id;
	int start = rfind(path, prefix), end = rfind(path, suffix);

	if (start < 0 || end <= start + (int)prefix.len)
		return false;
	id = str_sub(path, (uint32_t)start + prefix.len, (uint32_t)end);
	for (uint32_t i = 0; i < id.len; i++)
		if (!is_alnum(id.p[i]) && id.p[i] != '-' && id.p[i] != '=')
			return false;
	ret->type = e->type;
	ret->id = ret->full_id = id;
	return true;
}

static const struct runc_layout podman_layouts[] = {
	{ "/libpod-", ".scope" }, { "/libpod-", ".scope/container" }, { "/libpod-payload-", "" }, {}
};
static const struct runc_layout docker_layouts[] = {
	{ "/", "" }, { "/docker-", ".scope" }, {}
};
static const struct runc_layout cri_layouts[] = {
	{ "/", "" }, { "/crio-", "" }, { "/cri-containerd-", ".scope" }, { "/crio-", ".scope" },
	{ ":cri-containerd:", "" }, { "/docker-", ".scope" }, { "/nerdctl-", ".scope" }, {}
};
static const struct runc_layout lxc_layouts[] = {
	{ "/lxc/", "" }, { "/lxc.payload/", "" }, { "/lxc.payload.", "" }, {}
};

static const struct cgroup_engine engines[] = {
	{ "podman", match_runc, podman_layouts },
	{ "docker", match_runc, docker_layouts },
	{ "cri", match_runc, cri_layouts },
	{ "containerd", match_containerd, NULL },
	{ "lxc", match_lxc, lxc_layouts },
	{ "libvirt-lxc", match_libvirt_lxc, NULL },
	{ "bpm", match_bpm, NULL },
};

/* The next path of "subsys=path" elements; *pos starts at 0. */
static bool next_path(struct str cgroups, uint32_t *pos, struct str *ret_path)
{
	while (*pos < cgroups.len) {
		struct str item = str_sub(cgroups, *pos, cgroups.len);
		const char *nul = memchr(item.p, '\0', item.len), *eq;

		if (nul)
			item.len = (uint32_t)(nul - item.p);
		*pos += item.len + 1;
		eq = item.len ? memchr(item.p, '=', item.len) : NULL;
		if (!eq)
			continue;
		*ret_path = str_sub(item, (uint32_t)(eq + 1 - item.p), item.len);
		return true;
	}
	return false;
}

/*
 * A group inside that of the container, made by systemd or a runtime in it. Only engines whose ids
 * cannot be mistaken for a name.
 */
static bool match_inner(struct str path, struct cgroup_match *ret)
{
	int slash;

	while ((slash = str_rfind(path, '/')) > 0) {
		path.len = (uint32_t)slash;
		for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
			if (engines[i].match == match_runc &&
			    engines[i].match(&engines[i], path, ret))
				return true;
	}
	return false;
}

bool cgroup_container(struct str cgroups, struct cgroup_match *ret)
{
	struct str path;
	uint32_t pos = 0;
	bool any = false;

	/* Nearly every host thread: nothing but "/" paths and unit names without an id. */
	while (!any && next_path(cgroups, &pos, &path))
		any = path.len > 1;
	if (!any)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		for (pos = 0; next_path(cgroups, &pos, &path);)
			if (engines[i].match(&engines[i], path, ret))
				return true;
	for (pos = 0; next_path(cgroups, &pos, &path);)
		if (match_inner(path, ret))
			return true;
	return false;
}
