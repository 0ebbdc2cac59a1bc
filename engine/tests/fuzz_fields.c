/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a sequence of u16 length + event in .scap form goes through the state tables; after
 * each event every field of the catalogue is printed, as text and as JSON.
 */
#include <assert.h>

#include "engine/field/field.h"
#include "engine/tests/fuzz.h"

#define MAX_EVENTS 24
#define MAX_REFS 640

struct world {
	struct limits limits;
	struct state *state;
	struct arena scratch;
	struct event_ctx ctx;
	struct buf text;
};

/* Looked up once for all inputs. */
static struct arena arena;
static struct field_ref refs[MAX_REFS];
static uint32_t nrefs;

static void add_ref(const char *name, const char *arg)
{
	const char *text = arena_printf(&arena, "%s%s", name, arg), *msg;
	struct field_ref ref;

	if (field_lookup(str_from(text), &arena, NULL, &ref, &msg) < 0)
		return;
	assert(nrefs < MAX_REFS);
	refs[nrefs++] = ref;
}

/* Each field alone and with one argument of each form; what does not fit is not found. */
static void add_fields(void)
{
	static const char *const args[] = { "", "[1]", "[HOME]", ".flags", ".src", ".dst",
					    ".open", ".cpuset", ".name" };

	for (uint32_t c = 0; c < field_class_count; c++)
		for (uint32_t i = 0; i < field_classes[c]->count; i++)
			for (size_t a = 0; a < ARRAY_SIZE(args); a++)
				add_ref(field_classes[c]->fields[i].name, args[a]);
	for (int i = 0; i < 32; i++)
		add_ref("evt.arg", arena_printf(&arena, "[%d]", i));
}

static void add_process(struct world *w)
{
	struct snapshot_item item = {
		.kind = SNAP_PROC,
		.proc = { .tid = 1, .pid = 1, .vtid = 1, .vpid = 1, .comm = STR("init"),
			  .exe = STR("init"), .exepath = STR("/init"), .cwd = STR("/root"),
			  .root = STR("/"), .args = STR("a\0b"), .env = STR("HOME=/"),
			  .cgroups = STR("cpuset=/") },
	};

	state_snapshot(w->state, &item);
	item = (struct snapshot_item){ .kind = SNAP_FD,
				       .fd = { .tid = 1, .fd = 3, .kind = FD_DIRECTORY,
					       .name = STR("/srv") } };
	state_snapshot(w->state, &item);
	item = (struct snapshot_item){ .kind = SNAP_DONE };
	state_snapshot(w->state, &item);
}

static void print_all(struct world *w)
{
	for (uint32_t i = 0; i < nrefs; i++) {
		struct json j = json_start(&w->text);
		struct value_list l;

		buf_clear(&w->text);
		field_print(&refs[i], &w->ctx, &w->text);
		field_json(&refs[i], &w->ctx, &j);
		field_get_all(&refs[i], &w->ctx, &l);
		arena_reset(&w->scratch);
	}
}

static void world_free(struct world *w)
{
	field_cache_free(w->ctx.field_cache);
	state_free(w->state);
	arena_done(&w->scratch);
	buf_done(&w->text);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct state_opts opts = { 0 };
	struct world *w = calloc(1, sizeof(*w));
	struct event ev;

	assert(w);
	limits_init(&w->limits);
	arena_init(&w->scratch, 1 << 16, 0);
	w->state = state_new(&opts, &w->limits);
	w->ctx.field_cache = field_cache_new();
	w->ctx.scratch = &w->scratch;
	assert(w->state && w->ctx.field_cache);
	if (!nrefs) {
		arena_init(&arena, 1 << 16, 0);
		add_fields();
	}
	add_process(w);
	for (int n = 0; size >= 2 && n < MAX_EVENTS; n++) {
		uint16_t len = load_u16(data);

		data += 2;
		size -= 2;
		len = (uint16_t)MIN(len, size);
		memset(&ev, 0, sizeof(ev));
		if (event_decode(data, len, &ev) == 0) {
			arena_reset(&w->scratch);
			state_event(w->state, &ev, &w->ctx);
			print_all(w);
		}
		data += len;
		size -= len;
	}
	world_free(w);
	return 0;
}
