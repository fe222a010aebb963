/* json_string: string literals compared and decoded (json.h). */
#include "shared/wire/json.h"

#include <string.h>

#include "shared/wire/digit.h"

/* One character in UTF-8. */
struct utf8_char {
	char bytes[4];
	size_t n;
};

static unsigned
read_hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 4 | (unsigned)digit_hex(p[i]);
	return value;
}

static bool
is_unicode_escape(struct slice s)
{
	return s.n >= 6 && s.p[0] == '\\' && s.p[1] == 'u';
}

/* Take the code point of the \uXXXX, or of the surrogate pair of them, at the front of `*s`. */
static unsigned
take_code_point(struct slice *s)
{
	unsigned high = read_hex4(s->p + 2), low;

	*s = slice_skip(*s, 6);
	if (high < 0xd800 || high > 0xdfff)
		return high;
	/* a lone surrogate has no UTF-8: U+FFFD.  The escape after it is read on its own */
	if (high > 0xdbff || !is_unicode_escape(*s))
		return 0xfffd;
	low = read_hex4(s->p + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*s = slice_skip(*s, 6);
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static struct utf8_char
encode_utf8(unsigned c)
{
	struct utf8_char out;
	unsigned rest = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : c >= 0x80 ? 1 : 0;
	static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};

	out.n = rest + 1;
	out.bytes[0] = (char)(lead[rest] | c >> (6 * rest));
	for (unsigned i = 1; i <= rest; i++)
		out.bytes[i] = (char)(0x80 | (c >> (6 * (rest - i)) & 0x3f));
	return out;
}

/* Take the escape at the front of `*s`; a backslash at the end is kept as it is. */
static struct utf8_char
decode_escape(struct slice *s)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	const char *name;
	char c;

	if (is_unicode_escape(*s))
		return encode_utf8(take_code_point(s));
	c = s->p[s->n > 1 ? 1 : 0];
	*s = slice_skip(*s, s->n > 1 ? 2 : 1);
	/* all others, the quote, backslash and slash, mean themselves */
	name = memchr(names, c, sizeof(names) - 1);
	return (struct utf8_char){{name == NULL ? c : values[name - names]}, 1};
}

/* The text between the quotes. */
static struct slice
strip_quotes(struct slice literal)
{
	if (literal.n < 2)
		return (struct slice){NULL, 0};
	return (struct slice){literal.p + 1, literal.n - 2};
}

/* How many bytes come before the next backslash. */
static size_t
length_before_escape(struct slice s)
{
	const char *escape = s.n == 0 ? NULL : memchr(s.p, '\\', s.n);

	return escape == NULL ? s.n : (size_t)(escape - s.p);
}

bool
json_string_equals(struct slice literal, struct slice want)
{
	struct slice s = strip_quotes(literal);

	while (s.n > 0) {
		/* run by run, without a buffer to decode into */
		struct slice got = {s.p, length_before_escape(s)};
		struct utf8_char c;

		if (got.n > 0) {
			s = slice_skip(s, got.n);
		} else {
			c = decode_escape(&s);
			got = (struct slice){c.bytes, c.n};
		}
		if (!slice_starts(want, got))
			return false;
		want = slice_skip(want, got.n);
	}
	return want.n == 0;
}

bool
json_string_is(struct slice literal, const char *text)
{
	return json_string_equals(literal, slice_of(text));
}

void
json_string_decode(struct buf *out, struct slice literal)
{
	struct slice s = strip_quotes(literal);

	while (s.n > 0) {
		size_t n = length_before_escape(s);

		buf_add(out, s.p, n);
		s = slice_skip(s, n);
		if (s.n > 0) {
			struct utf8_char c = decode_escape(&s);

			buf_add(out, c.bytes, c.n);
		}
	}
}
