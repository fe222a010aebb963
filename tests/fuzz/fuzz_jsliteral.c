/* Text as a JavaScript literal.
 *
 * Evaluated as JavaScript of 1999 does, a literal gives the text again; nothing in it ends the script
 * or the page around it.  JSON survives htmlfile, although clients remove the backslash of every
 * escaped slash. */
#include "shared/wire/jsliteral.h"

#include "shared/transport/transport.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"

static unsigned
hex_value(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	MUST(c != '\0' && at != NULL);
	return (unsigned)(at - digits);
}

/* Append a character below U+10000: our escapes have no others. */
static void
add_character(struct buf *out, unsigned c)
{
	MUST(c < 0xd800 || c > 0xdfff);
	if (c < 0x80) {
		buf_add_char(out, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_add_char(out, (char)(0xc0 | c >> 6));
	} else {
		buf_add_char(out, (char)(0xe0 | c >> 12));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_add_char(out, (char)(0x80 | (c & 0x3f)));
}

/* Evaluate the escape at the front of `*s`, ECMA-262 edition 3, section 7.8.4. */
static void
evaluate_escape(struct buf *out, struct slice *s)
{
	static const char names[] = "bfnrt\"\\/", values[] = "\b\f\n\r\t\"\\/";
	const char *name;
	unsigned c = 0;

	MUST(s->n >= 2);
	if (s->p[1] == 'u') {
		MUST(s->n >= 6);
		for (size_t i = 2; i < 6; i++)
			c = c << 4 | hex_value(s->p[i]);
		add_character(out, c);
		*s = slice_skip(*s, 6);
		return;
	}
	name = memchr(names, s->p[1], sizeof(names) - 1);
	MUST(name != NULL);
	buf_add_char(out, values[name - names]);
	*s = slice_skip(*s, 2);
}

static bool
ends_line(struct slice s)
{
	return s.p[0] == '\n' || s.p[0] == '\r' || slice_starts(s, SLICE("\xe2\x80\xa8")) ||
	       slice_starts(s, SLICE("\xe2\x80\xa9"));
}

static void
evaluate(struct buf *out, struct slice literal)
{
	MUST(literal.n >= 2 && literal.p[0] == '"' && literal.p[literal.n - 1] == '"');
	literal = (struct slice){literal.p + 1, literal.n - 2};
	while (literal.n > 0) {
		MUST(literal.p[0] != '"' && !ends_line(literal));
		if (literal.p[0] == '\\') {
			evaluate_escape(out, &literal);
		} else {
			buf_add_char(out, literal.p[0]);
			literal = slice_skip(literal, 1);
		}
	}
	MUST(!out->failed);
}

/* The literal between `head` and `tail`, which must be there. */
static struct slice
between(struct slice script, const char *head, const char *tail)
{
	size_t n = strlen(head) + strlen(tail);

	MUST(script.n >= n && slice_starts(script, slice_of(head)));
	MUST(slice_is(slice_skip(script, script.n - strlen(tail)), tail));
	return (struct slice){script.p + strlen(head), script.n - n};
}

static void
must_mean(struct slice literal, struct slice text)
{
	struct buf value = {.p = NULL};

	evaluate(&value, literal);
	MUST(slice_equal(buf_slice(&value), text));
	buf_free(&value);
}

/* --- the two transports that write scripts -------------------------------------------------- */

static void
try_jsonp(struct slice text)
{
	struct buf script = {.p = NULL};

	transport_jsonp_polling.wrap(&script, text, 4294967295u);
	MUST(!script.failed);
	must_mean(between(buf_slice(&script), "io.j[4294967295](", ");"), text);
	buf_free(&script);
}

/* JSON in one spelling of its strings, without white space between tokens. */
static void
canonize(struct buf *out, struct slice json)
{
	while (json.n > 0) {
		size_t n = 1;

		if (json.p[0] == '"') {
			struct buf text = {.p = NULL};

			for (; json.p[n] != '"'; n++)
				n += json.p[n] == '\\';
			n++;
			json_string_decode(&text, (struct slice){json.p, n});
			json_write_string(out, buf_slice(&text));
			buf_free(&text);
		} else if (memchr(" \t\r\n", json.p[0], 4) == NULL) {
			buf_add_char(out, json.p[0]);
		}
		json = slice_skip(json, n);
	}
	MUST(!out->failed);
}

/* `received`: the literal evaluated.  The client then replaces "\/", and must get the same JSON. */
static void
must_be_same_json(struct slice received, struct slice json)
{
	struct buf seen = {.p = NULL}, a = {.p = NULL}, b = {.p = NULL};
	struct json_value value;

	for (size_t i = 0; i < received.n; i++)
		if (received.p[i] != '\\' || i + 1 == received.n || received.p[i + 1] != '/')
			buf_add_char(&seen, received.p[i]);
	MUST(!seen.failed && json_parse(&value, buf_slice(&seen)) == 0);
	canonize(&a, json);
	canonize(&b, buf_slice(&seen));
	MUST(slice_equal(buf_slice(&a), buf_slice(&b)));
	buf_free(&seen);
	buf_free(&a);
	buf_free(&b);
}

static void
try_htmlfile(struct slice text, bool json)
{
	struct buf packet = {.p = NULL}, script = {.p = NULL}, received = {.p = NULL};
	struct slice literal;

	buf_puts(&packet, json ? "4:::" : "3:::");
	buf_add_slice(&packet, text);
	transport_htmlfile.wrap(&script, buf_slice(&packet), 0);
	MUST(!packet.failed && !script.failed);
	literal = between(buf_slice(&script), "<script>_(", ");</script>");
	MUST(memmem(literal.p, literal.n, "</", 2) == NULL);
	MUST(memmem(literal.p, literal.n, "<!", 2) == NULL);
	if (json) {
		evaluate(&received, literal);
		MUST(slice_starts(buf_slice(&received), SLICE("4:::")));
		must_be_same_json(slice_skip(buf_slice(&received), 4), text);
	} else {
		must_mean(literal, buf_slice(&packet));
	}
	buf_free(&packet);
	buf_free(&script);
	buf_free(&received);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text;
	struct buf clean = {.p = NULL}, literal = {.p = NULL};
	struct json_value value;

	utf8_sanitize(&clean, slice_of_input(data, size));
	MUST(!clean.failed);
	text = buf_slice(&clean);
	jsliteral_write(&literal, text);
	MUST(!literal.failed);
	must_mean(buf_slice(&literal), text);
	try_jsonp(text);
	try_htmlfile(text, false);
	if (json_parse(&value, text) == 0)
		try_htmlfile(text, true);
	buf_free(&clean);
	buf_free(&literal);
	return 0;
}
