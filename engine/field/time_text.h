/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as text without libc's time zone machinery: the zone is an offset that is given.
 */
#ifndef TIERCEL_TIME_TEXT_H
#define TIERCEL_TIME_TEXT_H

#include "engine/base/base.h"

enum time_text_parts {
	TIME_TEXT_DATE = 1,	/* 2019-08-19 */
	TIME_TEXT_CLOCK = 2,	/* 16:00:00 */
	TIME_TEXT_NS = 4,	/* .070000000 */
	TIME_TEXT_ISO = 8,	/* T between date and clock, +0000 at the end */
};

#define TIME_TEXT_MAX 48

/* Bytes written to `to` (not terminated). ns since the epoch, offset of the zone in seconds. */
unsigned time_text(char to[TIME_TEXT_MAX], uint64_t ns, int32_t tz_offset_s, unsigned parts);

#endif
