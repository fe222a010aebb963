/* The text side of json.h: string literals read and written, and what leaves for old clients. */
#include "shared/wire/json.h"

#include <stdint.h>
#include <string.h>

#include "shared/wire/scan.h"
#include "shared/wire/utf8.h"

/* One escape read as UTF-8. */
struct piece {
	char bytes[4];
	size_t n;
};

static unsigned
hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static bool
is_unicode_escape(struct slice s)
{
	return s.n >= 6 && s.p[0] == '\\' && s.p[1] == 'u';
}

/* Read the code point of the \uXXXX, or of the pair of them, at the front of `*s`. */
static unsigned
take_unicode(struct slice *s)
{
	unsigned high = hex4(s->p + 2), low;

	*s = slice_skip(*s, 6);
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || !is_unicode_escape(*s))
		return 0xfffd;
	low = hex4(s->p + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*s = slice_skip(*s, 6);
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static struct piece
encode(unsigned c)
{
	struct piece out;
	unsigned rest = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : c >= 0x80 ? 1 : 0;
	static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};

	out.n = rest + 1;
	out.bytes[0] = (char)(lead[rest] | c >> (6 * rest));
	for (unsigned i = 1; i <= rest; i++)
		out.bytes[i] = (char)(0x80 | (c >> (6 * (rest - i)) & 0x3f));
	return out;
}

/* Read the escape at the front of `*s`; one that is cut short stands for itself. */
static struct piece
take_escape(struct slice *s)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	const char *name;
	char c;

	if (is_unicode_escape(*s))
		return encode(take_unicode(s));
	c = s->p[s->n > 1 ? 1 : 0];
	*s = slice_skip(*s, s->n > 1 ? 2 : 1);
	name = memchr(names, c, sizeof(names) - 1);
	return (struct piece){{name == NULL ? c : values[name - names]}, 1};
}

/* What stands between the quotes. */
static struct slice
unquote(struct slice literal)
{
	if (literal.n < 2)
		return (struct slice){NULL, 0};
	return (struct slice){literal.p + 1, literal.n - 2};
}

/* How many bytes stand before the next backslash. */
static size_t
plain_length(struct slice s)
{
	const char *escape = s.n == 0 ? NULL : memchr(s.p, '\\', s.n);

	return escape == NULL ? s.n : (size_t)(escape - s.p);
}

bool
json_string_is(struct slice literal, const char *text)
{
	struct slice s = unquote(literal), want = slice_of(text);

	while (s.n > 0) {
		struct slice got = {s.p, plain_length(s)};
		struct piece piece;

		if (got.n > 0) {
			s = slice_skip(s, got.n);
		} else {
			piece = take_escape(&s);
			got = (struct slice){piece.bytes, piece.n};
		}
		if (!slice_starts(want, got))
			return false;
		want = slice_skip(want, got.n);
	}
	return want.n == 0;
}

void
json_string_decode(struct buf *out, struct slice literal)
{
	struct slice s = unquote(literal);

	while (s.n > 0) {
		size_t n = plain_length(s);

		buf_add(out, s.p, n);
		s = slice_skip(s, n);
		if (s.n > 0) {
			struct piece piece = take_escape(&s);

			buf_add(out, piece.bytes, piece.n);
		}
	}
}

/* Is this U+2028 or U+2029, E2 80 A8 and E2 80 A9?  To the engines of the time they end a line. */
static bool
is_line_separator(const unsigned char *s, size_t n)
{
	return n >= 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8;
}

static void
add_line_separator(struct buf *out, const unsigned char *s)
{
	buf_puts(out, s[2] == 0xa8 ? "\\u2028" : "\\u2029");
}

static void
add_control(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char names[] = "btn?fr"; /* of 0x08 to 0x0d; 0x0b has none */
	char text[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (c == '"' || c == '\\')
		text[1] = (char)c;
	else if (c >= '\b' && c <= '\r' && c != '\v')
		text[1] = names[c - '\b'];
	buf_add(out, text, text[1] == 'u' ? sizeof(text) : 2);
}

void
json_write_text(struct buf *out, struct slice text)
{
	const unsigned char *s = (const unsigned char *)text.p;
	size_t start = 0, i = 0;

	while (i < text.n) {
		bool separator = is_line_separator(s + i, text.n - i);

		if (!separator && s[i] >= 0x20 && s[i] != '"' && s[i] != '\\') {
			i++;
			continue;
		}
		if (i > start)
			buf_add(out, text.p + start, i - start);
		if (separator)
			add_line_separator(out, s + i);
		else
			add_control(out, s[i]);
		i += separator ? 3 : 1;
		start = i;
	}
	if (i > start)
		buf_add(out, text.p + start, i - start);
}

void
json_write_string(struct buf *out, struct slice text)
{
	buf_add_char(out, '"');
	json_write_text(out, text);
	buf_add_char(out, '"');
}

/* Where the next line separator or control character stands, at `i` or behind it; `n`: nowhere. */
static size_t
find_unsafe(const unsigned char *s, size_t i, size_t n)
{
	while (i < n) {
		size_t end = n - i < SCAN_WORD ? n : i + SCAN_WORD;

		if (end == i + SCAN_WORD) {
			uint64_t word = scan_word((const char *)s + i);

			if ((scan_below(word, 0x20) | scan_equal(word, 0xe2)) == 0) {
				i = end;
				continue;
			}
		}
		for (; i < end; i++)
			if (s[i] < 0x20 || is_line_separator(s + i, n - i))
				return i;
	}
	return n;
}

void
json_write_safe(struct buf *out, struct slice json)
{
	const unsigned char *s = (const unsigned char *)json.p;
	size_t start = 0, i;

	while ((i = find_unsafe(s, start, json.n)) < json.n) {
		buf_add(out, json.p + start, i - start);
		if (s[i] < 0x20) {
			buf_add_char(out, ' ');
			start = i + 1;
		} else {
			add_line_separator(out, s + i);
			start = i + 3;
		}
	}
	if (i > start)
		buf_add(out, json.p + start, i - start);
}
