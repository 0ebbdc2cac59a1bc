/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets by inode, from the /proc/PID/net tables of each network namespace that is met. Owned by
 * one run of the snapshot. Inodes of sockets are unique over all namespaces.
 */
#include "agent/snapshot_proc.h"

#define TCP_LISTEN 10
#define SOCKS_MAX 1000000

struct snap_socks {
	struct u64map by_ino;	/* struct snap_sock *, owned */
	struct u64map seen;	/* network namespaces that have been read */
};

struct snap_socks *snap_socks_new(void)
{
	return calloc(1, sizeof(struct snap_socks));
}

void snap_socks_free(struct snap_socks *k)
{
	uint32_t pos = 0;
	uint64_t ino;
	void *sock;

	if (!k)
		return;
	while (u64map_next(&k->by_ino, &pos, &ino, &sock))
		free(sock);
	u64map_done(&k->by_ino);
	u64map_done(&k->seen);
	free(k);
}

static void keep(struct snap_socks *k, uint64_t ino, const struct snap_sock *sock)
{
	struct snap_sock *copy;

	if (!ino || u64map_get(&k->by_ino, ino) || k->by_ino.count >= SOCKS_MAX)
		return;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return;
	*copy = *sock;
	if (u64map_put(&k->by_ino, ino, copy))
		free(copy);
}

/* Addresses are printed as 32-bit words of the machine. Number of digits, 0 when malformed. */
static unsigned parse_ip(const char *p, uint8_t *ip)
{
	unsigned n = strspn(p, "0123456789ABCDEFabcdef");

	if (n != 8 && n != 32)
		return 0;
	for (unsigned word = 0; word < n / 8; word++) {
		char hex[9];
		uint32_t v;

		memcpy(hex, p + 8 * word, 8);
		hex[8] = '\0';
		v = strtoul(hex, NULL, 16);
		memcpy(ip + 4 * word, &v, 4);
	}
	return n;
}

struct inet_line {
	uint8_t own[16], peer[16];
	uint16_t own_port, peer_port;
	unsigned state, digits;
	uint64_t ino;
};

/* "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 12345 ..." */
static bool parse_inet(const char *p, struct inet_line *ret)
{
	struct inet_line l = { { 0 } };
	unsigned own, peer, state;
	char a[33], b[33];
	unsigned long long ino;

	if (sscanf(p, " %*u: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%x %x %*s %*s %*s %*u %*u %llu", a, &own,
		   b, &peer, &state, &ino) != 6)
		return false;
	l.digits = parse_ip(a, l.own);
	if (!l.digits || parse_ip(b, l.peer) != l.digits)
		return false;
	l.own_port = own;
	l.peer_port = peer;
	l.state = state;
	l.ino = ino;
	*ret = l;
	return true;
}

static void add_inet(struct snap_socks *k, const char *line, uint8_t l4)
{
	struct snap_sock sock = { .fd = { .l4 = l4 } };
	struct inet_line l;
	bool v6, server;

	if (!parse_inet(line, &l))
		return;
	v6 = l.digits == 32;
	server = l.state == TCP_LISTEN && l4 == L4_TCP;
	if (server) {
		sock.fd.kind = v6 ? FD_IPV6_SERVER : FD_IPV4_SERVER;
		memcpy(sock.fd.dip, l.own, 16);
		sock.fd.dport = l.own_port;
	} else {
		sock.fd.kind = v6 ? FD_IPV6 : FD_IPV4;
		memcpy(sock.fd.sip, l.own, 16);
		memcpy(sock.fd.dip, l.peer, 16);
		sock.fd.sport = l.own_port;
		sock.fd.dport = l.peer_port;
	}
	keep(k, l.ino, &sock);
}

/* "ffff888...: 00000002 00000000 00010000 0001 01 12345 /path" */
static void add_unix(struct snap_socks *k, const char *line, uint8_t l4)
{
	struct snap_sock sock = { .fd = { .kind = FD_UNIX, .l4 = l4 } };
	unsigned long long num, ino;
	int at = 0;

	if (sscanf(line, "%llx: %*x %*x %*x %*x %*x %llu%n", &num, &ino, &at) != 2)
		return;
	at += strspn(line + at, " ");
	sock.fd.unix_source = num;
	snprintf(sock.name, sizeof(sock.name), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	keep(k, ino, &sock);
}

/* "ffff888... 0 1234 00000000 0 0 (nil) 2 0 12345": the inode is the last number. */
static void add_last(struct snap_socks *k, const char *line, uint8_t kind)
{
	struct snap_sock sock = { .fd = { .kind = kind } };
	const char *end = line + strcspn(line, "\n");

	while (end > line && end[-1] == ' ')
		end--;
	while (end > line && end[-1] != ' ')
		end--;
	keep(k, strtoull(end, NULL, 10), &sock);
}

static const struct {
	const char *file;
	void (*add)(struct snap_socks *k, const char *line, uint8_t arg);
	uint8_t arg;
} net_tables[] = {
	{ "tcp", add_inet, L4_TCP },	 { "tcp6", add_inet, L4_TCP },
	{ "udp", add_inet, L4_UDP },	 { "udp6", add_inet, L4_UDP },
	{ "raw", add_inet, L4_RAW },	 { "raw6", add_inet, L4_RAW },
	{ "icmp", add_inet, L4_ICMP },	 { "icmp6", add_inet, L4_ICMP },
	{ "unix", add_unix, L4_UNKNOWN }, { "netlink", add_last, FD_NETLINK },
	{ "packet", add_last, FD_UNSUPPORTED },
};

static void read_namespace(struct snap *s, int64_t pid)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(net_tables); i++) {
		const char *p;
		char path[80];

		snprintf(path, sizeof(path), "%" PRId64 "/net/%s", pid, net_tables[i].file);
		if (!snap_read(s, path, &text))
			continue;
		p = strchr(text.p, '\n');	/* headings */
		while (p && p[1]) {
			net_tables[i].add(s->socks, p + 1, net_tables[i].arg);
			p = strchr(p + 1, '\n');
		}
	}
}

const struct snap_sock *snap_socks_find(struct snap *s, int64_t pid, uint64_t ino)
{
	const struct snap_sock *sock = u64map_get(&s->socks->by_ino, ino);
	char path[80], link[64];
	struct str ns;
	uint64_t id;

	if (sock)
		return sock;
	snprintf(path, sizeof(path), "%" PRId64 "/ns/net", pid);
	ns = snap_link(s, path, link, sizeof(link));
	if (ns.len < 6)
		return NULL;
	id = strtoull(link + 5, NULL, 10);	/* "net:[4026531840]" */
	if (u64map_get(&s->socks->seen, id) || u64map_put(&s->socks->seen, id, s))
		return NULL;
	read_namespace(s, pid);
	return u64map_get(&s->socks->by_ino, ino);
}
