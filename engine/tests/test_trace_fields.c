/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden test of fields: replays the captures of the shared corpus through reader and state and
 * compares every field of every visible event with the reference's values.
 */
#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <zlib.h>

#include "engine/base/utf8.h"
#include "engine/tests/world.h"
#include "engine/event/scap.h"

#define LINE_MAX_BYTES (1 << 20)
#define SHOWN_DIFFERENCES 20

/*
 * Fields whose golden values are not ours, with the reason. A name that ends in "." stands for all
 * fields that begin so.
 */
static const char *const not_compared[] = {
	"evt.num",	/* the reference counts events of its own making */
	"evt.buffer",	/* it prints memory that was never set for calls without data */
	"evt.reltime",	/* it counts from 0 before its first parsed event */
};

struct replay {
	struct world w;
	struct scap_reader *reader;
	struct diags diags;
	gzFile golden;
	char *line;
	FILE *capture;
	unsigned events, values, differences;
};

static long read_capture(void *ctx, void *buf, size_t n)
{
	FILE *f = ctx;
	size_t got = fread(buf, 1, n, f);

	return got || !ferror(f) ? (long)got : -EIO;
}

static bool compared(const char *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_compared); i++) {
		if (strcmp(field, not_compared[i]) == 0)
			return false;
	}
	return true;
}

/* Golden texts hold one byte per character. */
static void golden_bytes(struct buf *out, const char *text)
{
	buf_clear(out);
	buf_add(out, "", 0);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x80)
			buf_add_char(out, (char)*p);
		else if (p[1])
			buf_add_char(out, (char)((*p & 3) << 6 | (p[1] & 0x3f))), p++;
	}
}

static void compare_field(struct replay *r, const char *name, const char *golden)
{
	struct buf want = BUF_INIT, want_fixed = BUF_INIT, got_fixed = BUF_INIT;
	const char *got = world_text(&r->w, name);
	bool same;

	golden_bytes(&want, golden);
	utf8_repair(&want_fixed, buf_str(&want));
	if (got)
		utf8_repair(&got_fixed, buf_str(&r->w.text));
	same = got && str_eq(buf_str(&want_fixed), buf_str(&got_fixed));
	r->values++;
	if (!same && r->differences++ < SHOWN_DIFFERENCES)
		printf("# event %" PRIu64 " (%s) %s: got %.300s, expected %.300s\n", r->w.ev.num,
		       r->w.ev.info->name, name, got ? got : "no value", want.p);
	buf_done(&want);
	buf_done(&want_fixed);
	buf_done(&got_fixed);
}

/* Fields that have a value here and none in the reference. */
static void compare_missing(struct replay *r, json_t *fields)
{
	for (uint32_t c = 0; c < field_class_count; c++) {
		for (uint32_t i = 0; i < field_classes[c]->count; i++) {
			const struct field_info *f = &field_classes[c]->fields[i];
			const char *got;

			if (f->arg != ARG_NONE || f->flags & FIELD_OURS || !compared(f->name) ||
			    strncmp(f->name, "evt.", 4) != 0 || json_object_get(fields, f->name) ||
			    strstr(f->name, "time"))
				continue;
			got = world_text(&r->w, f->name);
			if (got && r->differences++ < SHOWN_DIFFERENCES)
				printf("# event %" PRIu64 " (%s) %s: got %.300s, expected none\n",
				       r->w.ev.num, r->w.ev.info->name, f->name, got);
		}
	}
}

static bool ours(const char *name)
{
	static const char *const prefixes[] = { "evt.", "fdlist.", "syscall.", "util." };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return compared(name);
	}
	return false;
}

static void compare_event(struct replay *r)
{
	json_t *line, *fields, *value;
	json_error_t err;
	const char *name;

	ck_assert_msg(gzgets(r->golden, r->line, LINE_MAX_BYTES) != NULL,
		      "more events than golden lines");
	line = json_loads(r->line, 0, &err);
	ck_assert_msg(line != NULL, "%s", err.text);
	ck_assert_msg((uint64_t)json_integer_value(json_object_get(line, "ts")) == r->w.ev.ts,
		      "event %" PRIu64 " (%s) is not the one of golden line %u", r->w.ev.num,
		      r->w.ev.info->name, r->events + 1);
	fields = json_object_get(line, "f");
	json_object_foreach(fields, name, value) {
		if (ours(name))
			compare_field(r, name, json_string_value(value));
	}
	compare_missing(r, fields);
	json_decref(line);
	r->events++;
}

static void replay_events(struct replay *r)
{
	struct snapshot_item item;
	int what;

	while ((what = scap_reader_next(r->reader, &item, &r->w.ev)) != SCAP_END) {
		ck_assert_int_ge(what, 0);
		if (what == SCAP_SNAPSHOT) {
			state_snapshot(r->w.state, &item);
			continue;
		}
		arena_reset(&r->w.scratch);
		state_event(r->w.state, &r->w.ev, &r->w.ctx);
		if (r->w.ctx.visible && r->w.ev.type != EV_PROCINFO_E)
			compare_event(r);
	}
	ck_assert_msg(gzgets(r->golden, r->line, LINE_MAX_BYTES) == NULL,
		      "fewer events than golden lines");
}

/* False when the capture has no golden file. */
static bool replay_capture(const char *dir, const char *name)
{
	static struct replay replay;
	struct replay *r = &replay;
	char path[1024];

	memset(r, 0, sizeof(*r));
	snprintf(path, sizeof(path), "%s/%.*s.fields.jsonl.gz", dir, (int)strlen(name) - 5, name);
	r->golden = gzopen(path, "r");
	if (!r->golden)
		return false;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	r->capture = fopen(path, "r");
	ck_assert_ptr_nonnull(r->capture);
	r->line = malloc(LINE_MAX_BYTES);
	world_init(&r->w);
	diags_init(&r->diags);
	r->reader = scap_reader_new((struct byte_source){ read_capture, r->capture },
				    &r->w.limits, &r->diags);
	replay_events(r);
	printf("# %s: %u events, %u values, %u differences\n", name, r->events, r->values,
	       r->differences);
	ck_assert_uint_eq(r->differences, 0);
	scap_reader_free(r->reader);
	diags_done(&r->diags);
	world_done(&r->w);
	free(r->line);
	fclose(r->capture);
	gzclose(r->golden);
	return true;
}

static char captures[64][256];
static int ncaptures;
static char folder[512];

static void find_captures(void)
{
	DIR *d;

	snprintf(folder, sizeof(folder), "%s/corpus/scap", test_shared());
	d = opendir(folder);
	for (struct dirent *e; d && (e = readdir(d)) && ncaptures < (int)ARRAY_SIZE(captures);) {
		size_t n = strlen(e->d_name);

		if (n > 5 && n < sizeof(captures[0]) && strcmp(e->d_name + n - 5, ".scap") == 0)
			memcpy(captures[ncaptures++], e->d_name, n + 1);
	}
	if (d)
		closedir(d);
	if (!ncaptures)
		printf("# SKIP no captures in %s\n", folder);
}

START_TEST(capture_gives_golden_values)
{
	replay_capture(folder, captures[_i]);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("trace_fields");
	TCase *t = tcase_create("trace_fields");

	find_captures();
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, capture_gives_golden_values, 0, ncaptures);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
