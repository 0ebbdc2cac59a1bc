/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics: every problem found in user input is a record with a code and a location. They
 * are collected (all problems of all files, not the first), sorted by nobody: order of finding.
 * The engine never prints them; callers render text or JSON.
 * All strings live in the collection's arena.
 */
#ifndef TIERCEL_DIAG_H
#define TIERCEL_DIAG_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

enum diag_code {
#define DIAG(id, name, severity, text) DIAG_##id,
#include "engine/base/diag.def"
#undef DIAG
	DIAG_COUNT
};

struct diag_info {
	const char *name;	/* "LOAD_ERR_VALIDATE": stable, users match on it */
	enum diag_severity severity;
	const char *text;	/* short description of the code */
};

extern const struct diag_info diag_infos[DIAG_COUNT];

/* A place in a text. line and col count from 1; offset from 0; all in bytes. */
struct pos {
	uint32_t line, col;
	uint32_t offset;
};

/* Where the problem is, from the outside in: "rules content", "rule", "condition expression". */
struct diag_loc {
	const char *item_type;
	struct str item_name;
	struct pos pos;
	struct diag_loc *outer;
};

struct diag {
	enum diag_code code;
	const char *file;		/* NULL: no file (a condition given on the command line) */
	struct pos pos;			/* pos.line == 0: no position */
	uint32_t span;			/* bytes to underline, at least 1 */
	const char *message;
	const char *hint;		/* NULL or "did you mean ..." */
	const char *deprecated_field;	/* NULL, or the field that is; static */
	struct str source_line;		/* line of the file at pos, without newline; may be empty */
	const struct diag_loc *loc;	/* innermost, or NULL */
	/* Second place ("defined here"), or other_file == NULL. */
	const char *other_file;
	struct pos other_pos;
};

struct diags {
	struct arena arena;
	struct diag *items;
	uint32_t count, cap;
	uint32_t errors, warnings;
	uint32_t max;		/* kept items; later ones are counted only */
	uint32_t suppressed;
	bool oom;
	struct diag scratch;	/* what diag_add returns when nothing more is kept */
};

void diags_init(struct diags *d);
void diags_done(struct diags *d);
/* Add one; message is formatted into the arena. Returns the record to fill in (never NULL: when
 * memory or the bound is exhausted a scratch record is returned and the problem still counts). */
struct diag *diag_add(struct diags *d, enum diag_code code, const char *fmt, ...) _printf_(3, 4);
/* Add a copy of a record of another collection; as diag_add. */
struct diag *diag_copy(struct diags *d, const struct diag *from);
/* A finding of our own, not one of the incumbent's. */
bool diag_is_lint(enum diag_code code);
const char *diag_hint(struct diags *d, struct diag *g, const char *fmt, ...) _printf_(3, 4);

/* "FILE:LINE:COL: error: MESSAGE [CODE]", source line, caret, hint. */
void diag_render(const struct diag *g, struct buf *out);

#endif
