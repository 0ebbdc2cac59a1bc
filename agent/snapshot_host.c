/* SPDX-License-Identifier: Apache-2.0 */
/* Machine, interfaces, users and groups for the snapshot. Called by snapshot_proc.c. */
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "agent/snapshot_proc.h"

static int snap_machine(struct snap *s)
{
	struct snapshot_item item = { .kind = SNAP_MACHINE };
	_cleanup_buf_ struct buf text = BUF_INIT;
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	item.machine = (struct machine_record){
		.num_cpus = sysconf(_SC_NPROCESSORS_ONLN),
		.memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
		.hostname = str_from(name),
		.boot_ts = s->boot_ns,
	};
	if (snap_read(s, "sys/kernel/pid_max", &text))
		item.machine.max_pid = strtoull(text.p, NULL, 10);
	return s->fn(s->ctx, &item);
}

static void copy_address(uint8_t *out, const struct sockaddr *sa, bool v6)
{
	if (!sa)
		return;
	if (v6)
		memcpy(out, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	else
		memcpy(out, &((const struct sockaddr_in *)sa)->sin_addr, 4);
}

static int snap_ifaces(struct snap *s)
{
	struct ifaddrs *list, *i;
	int r = 0;

	if (getifaddrs(&list))
		return 0;
	for (i = list; i && !r; i = i->ifa_next) {
		struct snapshot_item item = { .kind = SNAP_IFACE };
		struct iface_record *f = &item.iface;

		if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET &&
				     i->ifa_addr->sa_family != AF_INET6))
			continue;
		f->name = str_from(i->ifa_name);
		f->v6 = i->ifa_addr->sa_family == AF_INET6;
		copy_address(f->addr, i->ifa_addr, f->v6);
		copy_address(f->mask, i->ifa_netmask, f->v6);
		if (!f->v6 && i->ifa_flags & IFF_BROADCAST)
			copy_address(f->bcast, i->ifa_broadaddr, false);
		r = s->fn(s->ctx, &item);
	}
	freeifaddrs(list);
	return r;
}

#define PASSWD_FIELDS 7

/* "name:x:uid:gid:gecos:home:shell" or, for groups, "name:x:gid:members". */
static bool parse_account(const char *line, bool group, struct user_record *u)
{
	struct str f[PASSWD_FIELDS] = { { NULL, 0 } };
	const char *end = line + strcspn(line, "\n");
	unsigned n = 0;

	if (*line == '+' || *line == '-' || *line == '#')
		return false;
	for (const char *p = line; n < PASSWD_FIELDS && p <= end; n++) {
		size_t len = strcspn(p, ":\n");

		f[n] = (struct str){ p, len };
		p += len + 1;
	}
	if (n < (group ? 3 : PASSWD_FIELDS) || !f[0].len)
		return false;
	*u = (struct user_record){ .is_group = group, .name = f[0], .container_id = STR("") };
	if (group) {
		u->gid = strtoul(f[2].p, NULL, 10);
		return true;
	}
	u->uid = strtoul(f[2].p, NULL, 10);
	u->gid = strtoul(f[3].p, NULL, 10);
	u->home = f[5];
	u->shell = f[6];
	return true;
}

static int snap_accounts(struct snap *s, const char *path, bool group)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *p;
	int r = 0;

	if (!snap_read(s, path, &text))
		return 0;
	for (p = text.p; *p && !r; p += p[0] == '\n') {
		struct snapshot_item item = { .kind = SNAP_USER };

		if (parse_account(p, group, &item.user))
			r = s->fn(s->ctx, &item);
		p += strcspn(p, "\n");
	}
	return r;
}

int snap_host(struct snap *s, const char *host_root)
{
	char path[SNAP_TEXT_MAX];
	int r = snap_machine(s);

	if (!r)
		r = snap_ifaces(s);
	snprintf(path, sizeof(path), "%s/etc/passwd", host_root);
	if (!r)
		r = snap_accounts(s, path, false);
	snprintf(path, sizeof(path), "%s/etc/group", host_root);
	return r ? r : snap_accounts(s, path, true);
}
