/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference tables as text, Markdown or JSON, made from the rows of the tables themselves: what
 * `tiercel fields`, `tiercel events` and the generated documentation print.
 */
#ifndef TIERCEL_INSPECT_H
#define TIERCEL_INSPECT_H

#include "engine/base.h"

enum inspect_form { INSPECT_TEXT, INSPECT_MARKDOWN, INSPECT_JSON };

void inspect_fields(enum inspect_form form, struct buf *out);
void inspect_transformers(enum inspect_form form, struct buf *out);
/* Event types that rules can name; `all`: old forms and enter events of captures too. */
void inspect_events(enum inspect_form form, bool all, struct buf *out);

#endif
