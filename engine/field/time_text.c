/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times as text. Called by time fields and by the text of time parameters; allocates nothing.
 */
#include "engine/field/time_text.h"

struct civil {
	int64_t year;
	unsigned month, day;
};

/*
 * Days since 1970-01-01 to a date of the proleptic Gregorian calendar. Counting years from March
 * puts the leap day at the end, so that month lengths follow one linear formula.
 */
static struct civil civil_from_days(int64_t days)
{
	int64_t z = days + 719468;	/* since 0000-03-01 */
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	unsigned month = mp < 10 ? mp + 3 : mp - 9;

	return (struct civil){
		.year = (int64_t)yoe + era * 400 + (month <= 2),
		.month = month,
		.day = doy - (153 * mp + 2) / 5 + 1,
	};
}

static char *put(char *p, uint64_t v, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + digits;
}

unsigned time_text(char to[TIME_TEXT_MAX], uint64_t ns, int32_t tz_offset_s, unsigned parts)
{
	int64_t s = (int64_t)(ns / 1000000000) + tz_offset_s;
	int64_t days = s >= 0 ? s / 86400 : (s - 86399) / 86400;
	unsigned sod = (unsigned)(s - days * 86400);
	char *p = to;

	if (parts & TIME_TEXT_DATE) {
		struct civil c = civil_from_days(days);

		p = put(p, (uint64_t)c.year, 4);
		*p++ = '-';
		p = put(p, c.month, 2);
		*p++ = '-';
		p = put(p, c.day, 2);
		if (parts & TIME_TEXT_CLOCK)
			*p++ = parts & TIME_TEXT_ISO ? 'T' : ' ';
	}
	if (parts & TIME_TEXT_CLOCK) {
		p = put(p, sod / 3600, 2);
		*p++ = ':';
		p = put(p, sod / 60 % 60, 2);
		*p++ = ':';
		p = put(p, sod % 60, 2);
	}
	if (parts & TIME_TEXT_NS) {
		*p++ = '.';
		p = put(p, ns % 1000000000, 9);
	}
	if (parts & TIME_TEXT_ISO) {
		memcpy(p, "+0000", 5);
		p += 5;
	}
	return (unsigned)(p - to);
}
