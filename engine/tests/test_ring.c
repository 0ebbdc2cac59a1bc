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

static Suite *make_suite(void)
{
	Suite *s = suite_create("ring");
	TCase *t = tcase_create("ring");

	tcase_add_test(t, good);
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
