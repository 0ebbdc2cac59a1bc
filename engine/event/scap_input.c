/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain or gzip bytes of a capture. Called by the trace reader and the agent. gzip members that
 * follow each other are one stream; a member that ends early yields everything up to the cut.
 */
#include "engine/event/scap_input.h"

void scap_input_init(struct scap_input *in, struct byte_source src)
{
	memset(in, 0, offsetof(struct scap_input, in));
	in->src = src;
}

void scap_input_done(struct scap_input *in)
{
	if (in->gzip)
		inflateEnd(&in->z);
}

static size_t source_read(struct scap_input *in, void *buf, size_t n)
{
	long got = in->src.read(in->src.ctx, buf, n);

	if (got < 0 || (size_t)got > n) {
		in->status = INPUT_FAILED;
		in->err = got < 0 ? (int)got : -EIO;
		return 0;
	}
	in->source_end = got == 0;
	return (size_t)got;
}

/* At least `want` unread bytes in in->in, unless the source ends. */
static bool refill(struct scap_input *in, size_t want)
{
	memmove(in->in, in->in + in->pos, in->len - in->pos);
	in->len -= in->pos;
	in->pos = 0;
	while (in->len < want && !in->source_end && in->status == INPUT_MORE)
		in->len += source_read(in, in->in + in->len, sizeof(in->in) - in->len);
	return in->len >= want;
}

static bool at_gzip(const struct scap_input *in)
{
	return in->len - in->pos >= 2 && in->in[in->pos] == 0x1f && in->in[in->pos + 1] == 0x8b;
}

static void detect(struct scap_input *in)
{
	in->detected = true;
	if (in->src.ended)
		return;
	refill(in, 2);
	if (in->status == INPUT_FAILED || !at_gzip(in))
		return;
	in->gzip = inflateInit2(&in->z, 15 + 16) == Z_OK;
	if (!in->gzip) {
		in->status = INPUT_FAILED;
		in->err = -ENOMEM;
		return;
	}
	in->in_member = true;
}

/* The source gave its last byte. */
static void set_end(struct scap_input *in)
{
	struct byte_source_end end = { .status = INPUT_END };

	if (in->src.ended)
		in->src.ended(in->src.ctx, &end);
	in->status = end.status;
	in->problem = end.problem;
	in->trailing = end.trailing;
}

static size_t read_plain(struct scap_input *in, uint8_t *buf, size_t n)
{
	size_t have = MIN(n, in->len - in->pos);

	if (have == 0) {
		have = source_read(in, buf, n);
		if (in->source_end)
			set_end(in);
		return have;
	}
	memcpy(buf, in->in + in->pos, have);
	in->pos += have;
	return have;
}

/* Between two members: the next one, the end, or bytes which are neither. */
static bool next_member(struct scap_input *in)
{
	if (in->len - in->pos < 2)
		refill(in, 2);
	if (in->status == INPUT_FAILED)
		return false;
	if (!at_gzip(in)) {
		in->trailing = in->len > in->pos;
		in->status = INPUT_END;
		return false;
	}
	inflateReset(&in->z);
	in->in_member = true;
	return true;
}

static void set_bad(struct scap_input *in, int r)
{
	in->status = r == Z_MEM_ERROR ? INPUT_FAILED : INPUT_BAD;
	in->err = r == Z_MEM_ERROR ? -ENOMEM : 0;
	in->problem = in->z.msg ? in->z.msg : "damaged gzip data";
}

static size_t read_gzip(struct scap_input *in, uint8_t *buf, size_t n)
{
	for (;;) {
		size_t before, made;
		int r;

		if (!in->in_member && !next_member(in))
			return 0;
		if (in->pos == in->len && !refill(in, 1)) {
			if (in->status == INPUT_MORE)
				in->status = INPUT_CUT;
			return 0;
		}
		in->z.next_in = in->in + in->pos;
		in->z.avail_in = (uInt)(in->len - in->pos);
		in->z.next_out = buf;
		in->z.avail_out = (uInt)MIN(n, (size_t)1 << 30);
		before = in->z.avail_out;
		r = inflate(&in->z, Z_NO_FLUSH);
		made = before - in->z.avail_out;
		in->pos = in->len - in->z.avail_in;
		if (r == Z_STREAM_END)
			in->in_member = false;
		else if (r != Z_OK && r != Z_BUF_ERROR)
			set_bad(in, r);
		if (made || (r != Z_STREAM_END && r != Z_OK && r != Z_BUF_ERROR))
			return made;
	}
}

size_t scap_input_read(struct scap_input *in, uint8_t *buf, size_t n)
{
	if (!in->detected)
		detect(in);
	if (in->status != INPUT_MORE)
		return 0;
	return in->gzip ? read_gzip(in, buf, n) : read_plain(in, buf, n);
}
