/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups of a thread, with the names that rules use. Called by the handlers of clone and exec
 * and by the snapshot; what was renamed lately is kept by the state.
 */
#include "engine/state/state_priv.h"

static bool has_io(struct str cgroups)
{
	return str_starts(cgroups, STR("io=")) || str_contains(cgroups, STR("\0io="));
}

/* The kernel calls the block controller "io", process lists and rules call it "blkio". */
static struct str rename_io(struct state *s, struct str cgroups)
{
	uint32_t at = 0;

	/* Of NULs at the end one is left out below. */
	if (cgroups.len && cgroups.p[cgroups.len - 1] != '\0' && !has_io(cgroups))
		return cgroups;
	buf_clear(&s->text);
	while (at < cgroups.len) {
		uint32_t end = at + (uint32_t)strnlen(cgroups.p + at, cgroups.len - at);
		struct str one = str_sub(cgroups, at, end);

		if (at)
			buf_add_char(&s->text, '\0');
		if (str_starts(one, STR("io=")))
			buf_add_c(&s->text, "blk");
		buf_add_str(&s->text, one);
		at = end + 1;
	}
	return buf_str(&s->text);
}

/* The ids in the last paths tell containers apart. */
static struct cgroups_seen *seen_of(struct state *s, struct str raw)
{
	uint64_t mix = raw.len;

	if (raw.len >= 16)
		mix += load_u64(raw.p + raw.len - 16) ^ load_u64(raw.p + raw.len / 2) << 1;
	return &s->cgroups_seen[hash_u64(mix) % CGROUPS_SEEN];
}

/* A new reference, or NULL when out of memory. Every process brings the text of its parent. */
static struct istr *text_of(struct state *s, struct str raw)
{
	struct cgroups_seen *seen = seen_of(s, raw);
	struct istr *copy, *text;

	if (seen->raw && str_eq(istr_str(seen->raw), raw))
		return istr_ref(seen->text);
	text = state_text(s, rename_io(s, raw));
	copy = text ? intern_own(&s->intern, raw) : NULL;
	if (copy) {
		istr_unref(seen->raw);
		istr_unref(seen->text);
		*seen = (struct cgroups_seen){ copy, istr_ref(text) };
	}
	return text;
}

void thread_set_cgroups(struct state *s, struct thread *t, struct str cgroups)
{
	struct istr *text;

	if (cgroups.len && cgroups.p[cgroups.len - 1] == '\0')
		cgroups.len--;
	/* The common case; a text that was renamed has nothing left to rename. */
	if (str_eq(istr_str(t->cgroups), cgroups))
		return;
	text = text_of(s, cgroups);
	if (!text || text == t->cgroups) {
		istr_unref(text);
		return;
	}
	istr_unref(t->cgroups);
	t->cgroups = text;
	thread_touch(s, t);
	container_attach(s, t);
}

void thread_forget_cgroups(struct state *s)
{
	for (size_t i = 0; i < CGROUPS_SEEN; i++) {
		istr_unref(s->cgroups_seen[i].raw);
		istr_unref(s->cgroups_seen[i].text);
		s->cgroups_seen[i] = (struct cgroups_seen){ 0 };
	}
}
