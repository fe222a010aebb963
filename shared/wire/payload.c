#include "shared/wire/payload.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "shared/wire/digit.h"
#include "shared/wire/utf8.h"

static const struct slice mark = {UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1};

void
payload_read(struct payload_reader *r, struct slice body)
{
	r->rest = body;
	/* the first character decides: without U+FFFD there, all of it is one packet */
	r->framed = slice_starts(body, mark);
	r->broken = false;
}

/* Take the head of a frame, EF BF BD digits EF BF BD, from `*rest`.  A length that overflows
 * becomes SIZE_MAX, longer than any body. */
static bool
take_frame_head(struct slice *rest, size_t *length)
{
	struct slice s = *rest;
	size_t digits = 0, value = 0;

	if (!slice_starts(s, mark))
		return false;
	for (s = slice_skip(s, mark.n); s.n > 0 && digit_is(s.p[0]); digits++) {
		size_t digit = (size_t)(s.p[0] - '0');

		value = value > (SIZE_MAX - digit) / 10 ? SIZE_MAX : value * 10 + digit;
		s = slice_skip(s, 1);
	}
	if (digits == 0 || !slice_starts(s, mark))
		return false;
	*rest = slice_skip(s, mark.n);
	*length = value;
	return true;
}

/* Whether a packet can end after `n` bytes.  `strictly`: only before the head of a frame, or as
 * much of one as there is; otherwise any U+FFFD will do. */
static bool
can_end_packet(struct slice rest, size_t n, bool strictly)
{
	struct slice s;

	if (n >= rest.n)
		return n == rest.n;
	s = slice_skip(rest, n);
	if (!slice_starts(s, mark) || !strictly)
		return slice_starts(s, mark);
	s = slice_skip(s, mark.n);
	s = slice_skip(s, digit_run(s));
	return s.n == 0 || slice_starts(s, mark);
}

/* How many bytes a packet of the announced `length` has; (size_t)-1 when no reading of it fits. */
static size_t
packet_bytes(struct slice rest, size_t length)
{
	const size_t readings[] = {
	    utf8_utf16_prefix(rest, length),
	    utf8_codepoint_prefix(rest, length), /* as Python 3 counts */
	    length,                              /* as PHP counts */
	};

	/* strictly first: a U+FFFD inside a packet's text must not win over a frame's head */
	for (int strictly = 1; strictly >= 0; strictly--)
		for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++)
			if (can_end_packet(rest, readings[i], strictly))
				return readings[i];
	/* like the reference: a length past the end takes what is there (PROTOCOL 6.1) */
	return length > utf8_utf16_length(rest) ? rest.n : (size_t)-1;
}

bool
payload_next(struct payload_reader *r, struct slice *packet)
{
	while (r->rest.n > 0) {
		size_t length = 0, n;

		if (!r->framed) { /* one packet, whatever U+FFFD it contains */
			n = r->rest.n;
		} else {
			n = take_frame_head(&r->rest, &length) ? packet_bytes(r->rest, length)
			                                       : (size_t)-1;
			/* where the next frame begins cannot be known: drop the rest */
			if (n == (size_t)-1) {
				r->broken = true;
				r->rest = slice_skip(r->rest, r->rest.n);
				return false;
			}
		}
		*packet = (struct slice){r->rest.p, n};
		r->rest = slice_skip(r->rest, n);
		if (n > 0)
			return true;
	}
	return false;
}

void
payload_add_framed(struct buf *out, struct slice packet)
{
	char length[24]; /* a size_t has at most 20 digits */
	int n = snprintf(length, sizeof(length), "%zu", utf8_utf16_length(packet));

	buf_add_slice(out, mark);
	buf_add(out, length, (size_t)n);
	buf_add_slice(out, mark);
	buf_add_slice(out, packet);
}

bool
payload_must_be_alone(struct slice packet)
{
	return packet.n > 0 && memmem(packet.p, packet.n, mark.p, mark.n) != NULL;
}
