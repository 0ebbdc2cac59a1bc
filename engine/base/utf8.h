/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 repair. Two policies exist: outputs replace ill-formed sequences only; names in tables
 * (fd names, joined paths) also replace control and non-printable characters, see
 * "sanitised" in the state-engine contract.
 */
#ifndef TIERCEL_UTF8_H
#define TIERCEL_UTF8_H

#include "engine/base/buf.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * Length of the well-formed sequence at p (1..4) and its code point, or 0 and the length of the
 * maximal ill-formed subpart in *ret_bad (>= 1).
 */
unsigned utf8_decode(const unsigned char *p, size_t n, uint32_t *ret_cp, unsigned *ret_bad);
bool utf8_valid(struct str s);
/* Printable ASCII only, so no repair of either policy can be needed. Fast check. */
bool utf8_plain(struct str s);
void utf8_repair(struct buf *out, struct str s);	/* ill-formed -> U+FFFD */
void utf8_sanitize(struct buf *out, struct str s); /* + controls and non-printables -> U+FFFD */

#endif
