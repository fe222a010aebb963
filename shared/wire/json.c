#include "shared/wire/json.h"

#include <stdint.h>
#include <string.h>

#include "shared/wire/digit.h"
#include "shared/wire/scan.h"
#include "shared/wire/utf8.h"

/* A position in the text, and the containers around it: bit d of `objects` is set when the one at
 * depth d is an object, not an array. */
struct json_scanner {
	const char *p, *end;
	unsigned depth;
	uint64_t objects[JSON_DEPTH_MAX / 64];
};

static bool
next_is(const struct json_scanner *s, char c)
{
	return s->p < s->end && *s->p == c;
}

static bool
take_char(struct json_scanner *s, char c)
{
	if (!next_is(s, c))
		return false;
	s->p++;
	return true;
}

static void
skip_json_space(struct json_scanner *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool
take_number_digits(struct json_scanner *s)
{
	const char *start = s->p;

	while (s->p < s->end && digit_is(*s->p))
		s->p++;
	return s->p > start;
}

static bool
take_json_number(struct json_scanner *s)
{
	take_char(s, '-');
	/* of 01 only the 0 is taken: what follows a value must be a comma or a closing bracket */
	if (!take_char(s, '0') && !take_number_digits(s))
		return false;
	if (take_char(s, '.') && !take_number_digits(s))
		return false;
	if (take_char(s, 'e') || take_char(s, 'E')) {
		if (!take_char(s, '+'))
			take_char(s, '-');
		return take_number_digits(s);
	}
	return true;
}

static bool
take_keyword(struct json_scanner *s, struct slice word)
{
	struct slice rest = {s->p, (size_t)(s->end - s->p)};

	if (!slice_starts(rest, word))
		return false;
	s->p += word.n;
	return true;
}

/* The rest of an escape, after its backslash. */
static bool
take_string_escape(struct json_scanner *s)
{
	if (s->p == s->end)
		return false;
	if (*s->p != 'u')
		return memchr("\"\\/bfnrt", *s->p++, 8) != NULL;
	s->p++;
	for (int i = 0; i < 4; i++, s->p++)
		if (s->p == s->end || digit_hex(*s->p) == -1)
			return false;
	return true;
}

/* Skip whole words without a quote, backslash or control character: most of any string. */
static void
skip_plain_text(struct json_scanner *s)
{
	const char *p = s->p;

	while ((size_t)(s->end - p) >= SCAN_WORD) {
		uint64_t word = scan_word(p);

		if ((scan_below(word, 0x20) | scan_equal(word, '"') | scan_equal(word, '\\')) != 0)
			break;
		p += SCAN_WORD;
	}
	s->p = p;
}

static bool
take_string_literal(struct json_scanner *s)
{
	if (!take_char(s, '"'))
		return false;
	skip_plain_text(s);
	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p++;

		if (c == '"')
			return true;
		if (c < 0x20)
			return false;
		if (c == '\\') {
			if (!take_string_escape(s))
				return false;
			skip_plain_text(s);
		}
	}
	return false;
}

static bool
take_scalar_value(struct json_scanner *s)
{
	if (s->p == s->end)
		return false;
	switch (*s->p) {
	case '"':
		return take_string_literal(s);
	case 'n':
		return take_keyword(s, SLICE("null"));
	case 't':
		return take_keyword(s, SLICE("true"));
	case 'f':
		return take_keyword(s, SLICE("false"));
	}
	return take_json_number(s);
}

/* The key of a member and its colon. */
static bool
take_member_key(struct json_scanner *s)
{
	skip_json_space(s);
	if (!take_string_literal(s))
		return false;
	skip_json_space(s);
	return take_char(s, ':');
}

static bool
in_object(const struct json_scanner *s)
{
	unsigned top = s->depth - 1;

	return (s->objects[top / 64] >> (top % 64) & 1) != 0;
}

static bool
enter_container(struct json_scanner *s, bool object)
{
	uint64_t bit = (uint64_t)1 << (s->depth % 64);

	if (s->depth == JSON_DEPTH_MAX)
		return false;
	/* both ways: an earlier container at this depth has left its own bit */
	if (object)
		s->objects[s->depth / 64] |= bit;
	else
		s->objects[s->depth / 64] &= ~bit;
	s->depth++;
	return true;
}

/* After a value: leave the containers that end here, up to the comma before the next value or, at
 * depth 0, the end of the outermost one. */
static bool
take_closings(struct json_scanner *s)
{
	while (s->depth > 0) {
		skip_json_space(s);
		if (take_char(s, ','))
			return !in_object(s) || take_member_key(s);
		if (!take_char(s, in_object(s) ? '}' : ']'))
			return false;
		s->depth--;
	}
	return true;
}

/* One value, white space before it allowed.  A loop with a stack of bits instead of recursion: the
 * nesting is the client's choice, our stack is not. */
static bool
take_json_value(struct json_scanner *s)
{
	do {
		skip_json_space(s);
		if (next_is(s, '{') || next_is(s, '[')) {
			bool object = *s->p++ == '{';

			if (!enter_container(s, object))
				return false;
			skip_json_space(s);
			if (!next_is(s, object ? '}' : ']')) {
				if (object && !take_member_key(s))
					return false;
				continue; /* with the first element */
			}
		} else if (!take_scalar_value(s)) {
			return false;
		}
		if (!take_closings(s))
			return false;
	} while (s->depth > 0);
	return true;
}

static enum json_kind
kind_of_value(char first)
{
	switch (first) {
	case '{':
		return JSON_KIND_OBJECT;
	case '[':
		return JSON_KIND_ARRAY;
	case '"':
		return JSON_KIND_STRING;
	case 'n':
		return JSON_KIND_NULL;
	case 't':
		return JSON_KIND_TRUE;
	case 'f':
		return JSON_KIND_FALSE;
	}
	return JSON_KIND_NUMBER;
}

/* Cut one value from the front of `*rest`, with the white space on both sides of it. */
static bool
cut_json_value(struct slice *rest, struct json_value *value)
{
	struct json_scanner s = {.depth = 0};

	if (rest->n == 0)
		return false;
	s.p = rest->p;
	s.end = rest->p + rest->n;
	skip_json_space(&s);
	value->text.p = s.p;
	/* scanned to its end here, so what the caller gets is JSON throughout */
	if (!take_json_value(&s))
		return false;
	value->text.n = (size_t)(s.p - value->text.p);
	value->kind = kind_of_value(value->text.p[0]);
	skip_json_space(&s);
	*rest = (struct slice){s.p, (size_t)(s.end - s.p)};
	return true;
}

int
json_parse(struct json_value *value, struct slice text)
{
	return utf8_valid(text) && cut_json_value(&text, value) && text.n == 0 ? 0 : -1;
}

/* Begin after the bracket that `text` begins with. */
static void
begin_walk(struct json_walk *w, struct slice text)
{
	struct json_scanner s = {.p = text.p + 1, .end = text.p + text.n};

	skip_json_space(&s);
	w->rest = (struct slice){s.p, (size_t)(s.end - s.p)};
	w->more = !next_is(&s, text.p[0] == '{' ? '}' : ']');
}

void
json_walk_begin(struct json_walk *w, const struct json_value *value)
{
	begin_walk(w, value->text);
}

int
json_walk_object(struct json_walk *w, struct slice text)
{
	struct json_scanner s = {.depth = 0};

	if (text.n == 0 || !utf8_valid(text)) /* n == 0: NULL + 0 would be undefined */
		return -1;
	s.p = text.p;
	s.end = text.p + text.n;
	skip_json_space(&s);
	if (!next_is(&s, '{'))
		return -1;
	begin_walk(w, (struct slice){s.p, (size_t)(s.end - s.p)});
	return 0;
}

bool
json_walk_whole(const struct json_walk *w)
{
	struct json_scanner s = {.p = w->rest.p, .end = w->rest.p + w->rest.n};

	if (w->more || !take_char(&s, '}'))
		return false;
	skip_json_space(&s);
	return s.p == s.end;
}

/* Step over `c` if it comes next. */
static bool
walk_past(struct json_walk *w, char c)
{
	if (w->rest.n == 0 || w->rest.p[0] != c)
		return false;
	w->rest = slice_skip(w->rest, 1);
	return true;
}

/* Not JSON: end the walk, and without the bracket that json_walk_whole() expects. */
static bool
fail_walk(struct json_walk *w)
{
	w->rest.n = 0;
	w->more = false;
	return false;
}

bool
json_walk_element(struct json_walk *w, struct json_value *element)
{
	if (!w->more)
		return false;
	if (!cut_json_value(&w->rest, element))
		return fail_walk(w);
	w->more = walk_past(w, ',');
	return true;
}

bool
json_walk_member(struct json_walk *w, struct slice *key, struct json_value *value)
{
	struct json_value name;

	if (!w->more)
		return false;
	if (!cut_json_value(&w->rest, &name) || name.kind != JSON_KIND_STRING || !walk_past(w, ':'))
		return fail_walk(w);
	*key = name.text;
	return json_walk_element(w, value);
}
