/* Text: whether it is valid, how it is repaired, and how long it is in UTF-16.
 *
 * Compared with the decoder of the WHATWG Encoding Standard, section 8.1.1, written out to the
 * letter. */
#include "shared/wire/utf8.h"

#include "tests/fuzz/fuzz.h"

#define TRIED_LENGTHS 300 /* of longer texts not every prefix is tried */

struct decoder {
	uint32_t code_point;
	unsigned needed, seen;
	uint8_t lower, upper;
	struct buf text; /* decoded, and encoded again */
	bool faultless;
	size_t points, units;
	bool cut;     /* no fault before the end */
	size_t front; /* bytes of whole characters before the first fault */
};

static void
emit(struct decoder *d, uint32_t c)
{
	d->points++;
	d->units += c > 0xffff ? 2 : 1;
	if (c < 0x80) {
		buf_add_char(&d->text, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_add_char(&d->text, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_add_char(&d->text, (char)(0xe0 | c >> 12));
		} else {
			buf_add_char(&d->text, (char)(0xf0 | c >> 18));
			buf_add_char(&d->text, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_add_char(&d->text, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_add_char(&d->text, (char)(0x80 | (c & 0x3f)));
}

static void
error(struct decoder *d)
{
	d->faultless = false;
	emit(d, 0xfffd);
}

static void
begin_sequence(struct decoder *d, unsigned needed, uint8_t byte, uint8_t mask)
{
	d->needed = needed;
	d->code_point = byte & mask;
	if (byte == 0xe0)
		d->lower = 0xa0;
	else if (byte == 0xed)
		d->upper = 0x9f;
	else if (byte == 0xf0)
		d->lower = 0x90;
	else if (byte == 0xf4)
		d->upper = 0x8f;
}

static void
decode_lead(struct decoder *d, uint8_t byte)
{
	if (byte <= 0x7f)
		emit(d, byte);
	else if (byte >= 0xc2 && byte <= 0xdf)
		begin_sequence(d, 1, byte, 0x1f);
	else if (byte >= 0xe0 && byte <= 0xef)
		begin_sequence(d, 2, byte, 0x0f);
	else if (byte >= 0xf0 && byte <= 0xf4)
		begin_sequence(d, 3, byte, 0x07);
	else
		error(d);
}

static void
decode_byte(struct decoder *d, uint8_t byte)
{
	bool fits = byte >= d->lower && byte <= d->upper;

	d->lower = 0x80;
	d->upper = 0xbf;
	if (d->needed == 0) {
		decode_lead(d, byte);
	} else if (!fits) {
		d->needed = d->seen = 0;
		error(d);
		decode_lead(d, byte);
	} else {
		d->code_point = d->code_point << 6 | (byte & 0x3f);
		if (++d->seen == d->needed) {
			emit(d, d->code_point);
			d->needed = d->seen = 0;
		}
	}
}

static void
decode(struct decoder *d, struct slice in)
{
	*d = (struct decoder){.lower = 0x80, .upper = 0xbf, .faultless = true};
	for (size_t i = 0; i < in.n; i++) {
		decode_byte(d, (uint8_t)in.p[i]);
		if (d->faultless && d->needed == 0)
			d->front = i + 1;
	}
	d->cut = d->faultless;
	if (d->needed > 0)
		error(d);
	MUST(!d->text.failed);
}

/* The prefixes found are those that the decoder counts, and no others. */
static void
try_prefixes(struct slice text, size_t units, size_t points)
{
	size_t found = 0;

	for (size_t want = 0; want <= units + 1; want++) {
		size_t n = utf8_utf16_prefix(text, want);
		struct slice head = {text.p, n};

		if (n == (size_t)-1)
			continue;
		found++;
		MUST(n <= text.n && utf8_valid(head) && utf8_utf16_length(head) == want);
		MUST(n == text.n || ((unsigned char)text.p[n] & 0xc0) != 0x80);
	}
	MUST(found == points + 1); /* one after each character, and the empty one */
	for (size_t want = 0; want <= points; want++) {
		size_t n = utf8_codepoint_prefix(text, want);

		MUST(n <= text.n && utf8_valid((struct slice){text.p, n}));
		MUST(n == text.n || ((unsigned char)text.p[n] & 0xc0) != 0x80);
		MUST(want < points || n == text.n);
	}
	MUST(utf8_codepoint_prefix(text, points + 1) == (size_t)-1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size), text;
	struct buf clean = {.p = NULL};
	struct decoder d;
	bool cut;
	char *copy;

	decode(&d, in);
	MUST(utf8_front(in, &cut) == d.front && cut == d.cut);
	utf8_sanitize(&clean, in);
	MUST(!clean.failed && slice_equal(buf_slice(&clean), buf_slice(&d.text)));
	MUST(utf8_valid(in) == d.faultless);
	MUST(!d.faultless || slice_equal(in, buf_slice(&clean)));

	copy = copy_of(buf_slice(&clean));
	text = (struct slice){copy, clean.n};
	MUST(utf8_valid(text) && utf8_utf16_length(text) == d.units);
	if (d.units <= TRIED_LENGTHS)
		try_prefixes(text, d.units, d.points);
	free(copy);
	buf_free(&clean);
	buf_free(&d.text);
	return 0;
}
