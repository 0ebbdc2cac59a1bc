/* SPDX-License-Identifier: Apache-2.0 */
/* Ring records, well-formed and hostile. A hostile one must be refused, never read past its end. */
#include "engine/event/event.h"
#include "engine/event/event_info.h"
#include "engine/event/ring.h"
#include "engine/tests/test.h"

#define BOOT 1700000000000000000ULL

/* A record under construction, in memory of exactly its size so that sanitizers see overruns. */
struct rec {
	uint8_t bytes[1024];
	uint32_t len;
};

static void add(struct rec *r, const void *p, uint32_t n)
{
	memcpy(r->bytes + r->len, p, n);
	r->len += n;
}

static struct ring_head *head(struct rec *r)
{
	return (struct ring_head *)r->bytes;
}

/* openat("/etc/passwd") = 3 with what the kernel knows about fd 3. */
static struct rec openat_record(void)
{
	static const char name[] = "/etc/passwd", path[] = "/usr/etc/passwd";
	uint16_t lens[OPENAT_2_X_NPARAMS] = { 8, 8, sizeof(name), 4, 4, 4, 8 };
	int64_t fd = 3, dirfd = WIRE_AT_FDCWD;
	uint32_t flags = WO_RDONLY, mode = 0, dev = 0x801;
	uint64_t ino = 4711;
	struct ring_kernel k = { .fd_ino = 4711,
				 .have = KERNEL_FD_PATH | KERNEL_FD_INODE | KERNEL_FD_KIND,
				 .fd_dev = 0x801,
				 .fd_mode = 0100644,
				 .path_len = sizeof(path) - 1,
				 .fd_kind = FD_FILE_V2 };
	struct ring_head h = { .ts = 5, .tid = 42, .tgid = 41, .type = EV_OPENAT_2_X,
			       .nparams = OPENAT_2_X_NPARAMS, .cpu = 7,
			       .flags = RING_HAS_KERNEL | RING_TRUNCATED };
	struct rec r = { .len = 0 };

	add(&r, &h, sizeof(h));
	add(&r, lens, sizeof(lens));
	add(&r, &fd, 8);
	add(&r, &dirfd, 8);
	add(&r, name, sizeof(name));
	add(&r, &flags, 4);
	add(&r, &mode, 4);
	add(&r, &dev, 4);
	add(&r, &ino, 8);
	head(&r)->data_len = r.len - sizeof(h) - sizeof(lens);
	add(&r, &k, sizeof(k));
	add(&r, path, sizeof(path) - 1);
	head(&r)->len = r.len;
	return r;
}

static int decode(const struct rec *r, uint32_t len, struct event *ev, struct event_kernel *k)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(len ? len : 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, r->bytes, len);
	return ring_decode(copy, len, BOOT, ev, k);
}

START_TEST(good)
{
	struct rec r = openat_record();
	struct event_kernel k;
	struct event ev;
	int64_t fd;
	uint64_t ino;

	ck_assert_int_eq(decode(&r, r.len, &ev, &k), 0);
	ck_assert_uint_eq(ev.ts, BOOT + 5);
	ck_assert_int_eq(ev.tid, 42);
	ck_assert_uint_eq(ev.cpu, 7);
	ck_assert_uint_eq(ev.flags, EVENT_LIVE | EVENT_TRUNCATED);
	ck_assert_str_eq(ev.info->name, "openat");
	ck_assert(event_get_i64(&ev, OPENAT_2_X_fd, &fd));
	ck_assert_int_eq(fd, 3);
	ck_assert_str_view(event_get_text(&ev, OPENAT_2_X_name), "/etc/passwd");
	ck_assert(event_get_u64(&ev, OPENAT_2_X_ino, &ino));
	ck_assert_uint_eq(ino, 4711);
	ck_assert_ptr_eq(ev.kernel, &k);
	ck_assert_str_view(k.fd_path, "/usr/etc/passwd");
	ck_assert_ptr_null(k.fd_tuple.p);
	ck_assert_uint_eq(k.fd_kind, FD_FILE_V2);
	ck_assert_uint_eq(k.fd_mode, 0100644);
}
END_TEST

START_TEST(without_kernel)
{
	struct rec r = openat_record();
	struct event_kernel k;
	struct event ev;

	r.len = sizeof(struct ring_head) + 2 * OPENAT_2_X_NPARAMS + head(&r)->data_len;
	head(&r)->len = r.len;
	head(&r)->flags = RING_COMPAT32;
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), 0);
	ck_assert_ptr_null(ev.kernel);
	ck_assert_uint_eq(ev.flags, EVENT_LIVE | EVENT_COMPAT32);
}
END_TEST

/* Cut at every length, with and without a head that admits it. */
START_TEST(cut)
{
	struct rec r = openat_record();
	struct event_kernel k;
	struct event ev;

	for (uint32_t len = 0; len < r.len; len++) {
		ck_assert_int_eq(decode(&r, len, &ev, &k), -EBADMSG);
		if (len >= sizeof(struct ring_head)) {
			struct rec lying = r;

			head(&lying)->len = len;
			ck_assert_int_eq(decode(&lying, len, &ev, &k), -EBADMSG);
		}
	}
}
END_TEST

START_TEST(longer_than_said)
{
	struct rec r = openat_record();
	struct event_kernel k;
	struct event ev;

	r.len += 8;
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -EBADMSG);
	head(&r)->len = r.len;	/* bytes that belong to nothing */
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -EBADMSG);
}
END_TEST

START_TEST(bad_lengths)
{
	struct rec r = openat_record();
	uint8_t *lens = r.bytes + sizeof(struct ring_head);
	struct event_kernel k;
	struct event ev;

	store_u16(lens + 2 * OPENAT_2_X_name, 60000);
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -EBADMSG);
	r = openat_record();
	head(&r)->data_len = UINT32_MAX;
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -EBADMSG);
	r = openat_record();
	head(&r)->data_len -= 1;
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -EBADMSG);
	r = openat_record();
	head(&r)->nparams = EVENT_PARAMS_MAX + 1;
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -EBADMSG);
}
END_TEST

START_TEST(bad_kernel_section)
{
	struct rec r = openat_record();
	uint8_t *section = r.bytes + sizeof(struct ring_head) + 2 * OPENAT_2_X_NPARAMS +
			   head(&r)->data_len;
	struct event_kernel k;
	struct event ev;

	store_u16(section + offsetof(struct ring_kernel, path_len), 65535);
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -EBADMSG);
	r = openat_record();
	store_u16(section + offsetof(struct ring_kernel, tuple_len), 1);
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -EBADMSG);
}
END_TEST

START_TEST(unknown_type)
{
	struct rec r = openat_record();
	struct event_kernel k;
	struct event ev;

	head(&r)->type = EVENT_TYPE_COUNT;
	ck_assert_int_eq(decode(&r, r.len, &ev, &k), -ENOENT);
}
END_TEST

/* A clone event with such cgroups, between two other parameters. */
static struct rec clone_record(const char *cgroups, uint32_t n)
{
	uint16_t lens[CLONE_20_X_NPARAMS] = { [CLONE_20_X_res] = 8, [CLONE_20_X_cgroups] = n,
					      [CLONE_20_X_flags] = 4 };
	struct ring_head h = { .type = EV_CLONE_20_X, .nparams = CLONE_20_X_NPARAMS,
			       .flags = RING_SHORT_CGROUPS | RING_TRUNCATED };
	uint32_t flags = 0x1234;
	struct rec r = { .len = 0 };
	int64_t res = 17;

	add(&r, &h, sizeof(h));
	add(&r, lens, sizeof(lens));
	add(&r, &res, 8);
	add(&r, cgroups, n);
	add(&r, &flags, 4);
	head(&r)->data_len = r.len - sizeof(h) - sizeof(lens);
	head(&r)->len = r.len;
	return r;
}

static int expand(const struct rec *r, uint32_t len, void *out, uint32_t *ret_len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int ret;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, r->bytes, len);
	ret = ring_expand(copy, len, out, ret_len);
	free(copy);
	return ret;
}

#define TEXT(lit) { (lit), sizeof(lit) - 1 }

static const struct {
	struct str is, want;
} cgroup_texts[] = {
	{ TEXT("a=/x\0b=\0c=\0=/\0"), TEXT("a=/x\0b=/x\0c=/x\0=/\0") },
	{ TEXT("a=/\0b=/y\0c=\0=\0"), TEXT("a=/\0b=/y\0c=/y\0=/y\0") },
	{ TEXT("a=/x\0b="), TEXT("a=/x\0b=/x") },
	{ TEXT("a=\0b=\0"), TEXT("a=\0b=\0") },
	{ TEXT(""), TEXT("") },
	{ TEXT("\0no\0\0=/p=q\0=\0"), TEXT("\0no\0\0=/p=q\0=/p=q\0") },
};

START_TEST(short_cgroups)
{
	struct str is = cgroup_texts[_i].is, want = cgroup_texts[_i].want;
	struct rec r = clone_record(is.p, is.len);
	static uint8_t out[RING_RECORD_MAX];
	struct event_kernel k;
	struct event ev;
	uint32_t len = 7, flags;
	int64_t res;

	for (uint32_t n = 0; n < r.len; n++)
		ck_assert_int_eq(expand(&r, n, out, &len), -EBADMSG);
	ck_assert_uint_eq(len, 7);
	ck_assert_int_eq(expand(&r, r.len, out, &len), 0);
	ck_assert_int_eq(ring_decode(out, len, BOOT, &ev, &k), 0);
	ck_assert_uint_eq(ev.flags, EVENT_LIVE | EVENT_TRUNCATED);
	ck_assert(str_eq(event_param(&ev, CLONE_20_X_cgroups), want));
	ck_assert(event_get_i64(&ev, CLONE_20_X_res, &res));
	ck_assert_int_eq(res, 17);
	ck_assert(event_get_u32(&ev, CLONE_20_X_flags, &flags));
	ck_assert_uint_eq(flags, 0x1234);
}
END_TEST

START_TEST(short_cgroups_hostile)
{
	static uint8_t out[RING_RECORD_MAX + 1], big[RING_RECORD_MAX];
	struct rec r = clone_record("a=/x\0b=\0", 9);
	uint16_t *lens = (uint16_t *)(r.bytes + sizeof(struct ring_head));
	struct rec bad = r;
	uint32_t len = 0, n;

	head(&bad)->nparams = CLONE_20_X_cgroups;
	ck_assert_int_eq(expand(&bad, bad.len, out, &len), -EBADMSG);
	bad = r;
	head(&bad)->data_len = UINT32_MAX;
	ck_assert_int_eq(expand(&bad, bad.len, out, &len), -EBADMSG);
	lens[CLONE_20_X_exe] = UINT16_MAX;
	ck_assert_int_eq(expand(&r, r.len, out, &len), -EBADMSG);
	lens[CLONE_20_X_exe] = 0;
	lens[CLONE_20_X_cgroups] = 400;
	ck_assert_int_eq(expand(&r, r.len, out, &len), -EBADMSG);

	/* A long path that many entries have: more than a record can be. */
	r = clone_record("", 0);
	n = r.len - 4;
	memcpy(big, r.bytes, n);
	memset(big + n, 'x', 4000);
	big[n] = '=';
	for (uint32_t i = 4000; i < 4030; i += 2)
		memcpy(big + n + i, "\0=", 2);
	((struct ring_head *)big)->len = n + 4030;
	((struct ring_head *)big)->data_len = 8 + 4030;
	((uint16_t *)(big + sizeof(struct ring_head)))[CLONE_20_X_cgroups] = 4030;
	out[RING_RECORD_MAX] = 0x5a;
	ck_assert_int_eq(ring_expand(big, n + 4030, out, &len), -EBADMSG);
	ck_assert_uint_eq(out[RING_RECORD_MAX], 0x5a);
	ck_assert_uint_eq(len, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("ring");
	TCase *t = tcase_create("ring");

	tcase_add_test(t, good);
	tcase_add_loop_test(t, short_cgroups, 0, ARRAY_SIZE(cgroup_texts));
	tcase_add_test(t, short_cgroups_hostile);
	tcase_add_test(t, without_kernel);
	tcase_add_test(t, cut);
	tcase_add_test(t, longer_than_said);
	tcase_add_test(t, bad_lengths);
	tcase_add_test(t, bad_kernel_section);
	tcase_add_test(t, unknown_type);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
