/* json_write: string literals written, and JSON text made safe for old clients (json.h). */
#include "shared/wire/json.h"

#include <stdint.h>

#include "shared/wire/scan.h"

/* Whether this is U+2028 or U+2029, E2 80 A8 or E2 80 A9.  JavaScript engines before ES2019 end a
 * line at them, and with it a string literal (PROTOCOL section 7). */
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
add_char_escape(struct buf *out, unsigned char c)
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
			add_char_escape(out, s[i]);
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

/* The index of the first line separator or control character from `i` on; `n` if there is none. */
static size_t
find_unsafe_byte(const unsigned char *s, size_t i, size_t n)
{
	while (i < n) {
		size_t end = n - i < SCAN_WORD ? n : i + SCAN_WORD;

		if (end == i + SCAN_WORD) {
			/* eight bytes at a time; E2 may begin a separator, but is rare */
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

	while ((i = find_unsafe_byte(s, start, json.n)) < json.n) {
		buf_add(out, json.p + start, i - start);
		if (s[i] < 0x20) { /* white space: JSON allows it only between tokens */
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
