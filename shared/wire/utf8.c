#include "shared/wire/utf8.h"

#include <stdint.h>
#include <unistr.h>

#include "shared/wire/scan.h"

static const uint8_t *
utf8_bytes(struct slice s)
{
	return (const uint8_t *)(const void *)s.p;
}

bool
utf8_valid(struct slice text)
{
	/* most text is ASCII: u8_check() only sees what follows its ASCII front */
	while (text.n >= SCAN_WORD && scan_high(scan_word(text.p)) == 0)
		text = slice_skip(text, SCAN_WORD);
	return text.n == 0 || u8_check(utf8_bytes(text), text.n) == NULL;
}

/* The length of the sequence that a lead byte of valid UTF-8 begins. */
static size_t
sequence_length(unsigned char lead)
{
	return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Whether `second` can follow `lead`.  Rules out overlong forms, surrogates and code points above
 * U+10FFFF (Unicode, table 3-7). */
static bool
second_fits(unsigned char lead, unsigned char second)
{
	unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

	return low <= second && second <= high;
}

/* The length of the maximal subpart at the front of `s`, a malformed sequence: its bytes that begin
 * some valid sequence, and at least one. */
static size_t
subpart_length(const uint8_t *s, size_t n)
{
	size_t i, whole;

	if (s[0] < 0xc2 || s[0] > 0xf4 || n == 1 || !second_fits(s[0], s[1]))
		return 1;
	whole = sequence_length(s[0]);
	for (i = 2; i < whole && i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			break;
	return i;
}

size_t
utf8_front(struct slice text, bool *cut)
{
	const uint8_t *bad = text.n == 0 ? NULL : u8_check(utf8_bytes(text), text.n);
	size_t good = bad == NULL ? text.n : (size_t)(bad - utf8_bytes(text)), left = text.n - good;

	/* u8_check() stops at incomplete and malformed characters alike: tell them apart */
	*cut = left == 0 || (bad[0] >= 0xc2 && bad[0] <= 0xf4 && left < sequence_length(bad[0]) &&
				subpart_length(bad, left) == left);
	return good;
}

void
utf8_sanitize(struct buf *out, struct slice text)
{
	while (text.n > 0) {
		const uint8_t *bad = u8_check(utf8_bytes(text), text.n);
		size_t good = bad == NULL ? text.n : (size_t)(bad - utf8_bytes(text));

		buf_add(out, text.p, good);
		text = slice_skip(text, good);
		if (bad != NULL) {
			buf_puts(out, UTF8_REPLACEMENT);
			text = slice_skip(text, subpart_length(bad, text.n));
		}
	}
}

size_t
utf8_utf16_length(struct slice text)
{
	const uint8_t *s = utf8_bytes(text);
	size_t units = 0;

	/* one for each byte that begins a character, one more for each surrogate pair */
	for (size_t i = 0; i < text.n; i++)
		units += (size_t)((s[i] & 0xc0) != 0x80) + (size_t)(s[i] >= 0xf0);
	return units;
}

/* The bytes of the first characters that weigh `count` together: those outside the BMP weigh
 * `astral`, all others 1.  (size_t)-1 when the text ends before, or one would have to be cut. */
static size_t
weighed_prefix(struct slice text, size_t count, size_t astral)
{
	const uint8_t *s = utf8_bytes(text);
	size_t i = 0;

	while (count > 0) {
		size_t weight;

		if (i >= text.n)
			return (size_t)-1;
		weight = s[i] >= 0xf0 ? astral : 1;
		if (weight > count)
			return (size_t)-1;
		count -= weight;
		i += sequence_length(s[i]);
	}
	return i <= text.n ? i : (size_t)-1;
}

size_t
utf8_utf16_prefix(struct slice text, size_t units)
{
	return weighed_prefix(text, units, 2);
}

size_t
utf8_codepoint_prefix(struct slice text, size_t points)
{
	return weighed_prefix(text, points, 1);
}
