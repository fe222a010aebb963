#include "shared/wire/json.h"

#include <stdint.h>
#include <string.h>

#include "shared/wire/scan.h"
#include "shared/wire/utf8.h"

/* Where the scanner stands, and in what: bit d tells whether the value at depth d is an object. */
struct scanner {
	const char *p, *end;
	unsigned depth;
	uint64_t objects[JSON_DEPTH_MAX / 64];
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
at(const struct scanner *s, char c)
{
	return s->p < s->end && *s->p == c;
}

static bool
take(struct scanner *s, char c)
{
	if (!at(s, c))
		return false;
	s->p++;
	return true;
}

static void
skip_space(struct scanner *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool
take_digits(struct scanner *s)
{
	const char *start = s->p;

	while (s->p < s->end && is_digit(*s->p))
		s->p++;
	return s->p > start;
}

static bool
take_number(struct scanner *s)
{
	take(s, '-');
	if (!take(s, '0') && !take_digits(s)) /* 01 is two values, and refused as such */
		return false;
	if (take(s, '.') && !take_digits(s))
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			take(s, '-');
		return take_digits(s);
	}
	return true;
}

static bool
take_word(struct scanner *s, struct slice word)
{
	struct slice rest = {s->p, (size_t)(s->end - s->p)};

	if (!slice_starts(rest, word))
		return false;
	s->p += word.n;
	return true;
}

static int
hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The part of an escape behind its backslash. */
static bool
take_escape(struct scanner *s)
{
	if (s->p == s->end)
		return false;
	if (*s->p != 'u')
		return memchr("\"\\/bfnrt", *s->p++, 8) != NULL;
	s->p++;
	for (int i = 0; i < 4; i++, s->p++)
		if (s->p == s->end || hex_digit(*s->p) == -1)
			return false;
	return true;
}

/* Most of what stands in a string: no quote, no backslash, no control character. */
static void
skip_plain(struct scanner *s)
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
take_string(struct scanner *s)
{
	if (!take(s, '"'))
		return false;
	skip_plain(s);
	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p++;

		if (c == '"')
			return true;
		if (c < 0x20)
			return false;
		if (c == '\\') {
			if (!take_escape(s))
				return false;
			skip_plain(s);
		}
	}
	return false;
}

static bool
take_scalar(struct scanner *s)
{
	if (s->p == s->end)
		return false;
	switch (*s->p) {
	case '"':
		return take_string(s);
	case 'n':
		return take_word(s, SLICE("null"));
	case 't':
		return take_word(s, SLICE("true"));
	case 'f':
		return take_word(s, SLICE("false"));
	}
	return take_number(s);
}

/* The key of a member and its colon. */
static bool
take_key(struct scanner *s)
{
	skip_space(s);
	if (!take_string(s))
		return false;
	skip_space(s);
	return take(s, ':');
}

static bool
in_object(const struct scanner *s)
{
	unsigned top = s->depth - 1;

	return (s->objects[top / 64] >> (top % 64) & 1) != 0;
}

static bool
enter(struct scanner *s, bool object)
{
	uint64_t bit = (uint64_t)1 << (s->depth % 64);

	if (s->depth == JSON_DEPTH_MAX)
		return false;
	if (object)
		s->objects[s->depth / 64] |= bit;
	else
		s->objects[s->depth / 64] &= ~bit;
	s->depth++;
	return true;
}

/* Behind a value: leave what ends here, up to the comma before the next value or the end of the
 * outermost one (depth 0). */
static bool
take_closings(struct scanner *s)
{
	while (s->depth > 0) {
		skip_space(s);
		if (take(s, ','))
			return !in_object(s) || take_key(s);
		if (!take(s, in_object(s) ? '}' : ']'))
			return false;
		s->depth--;
	}
	return true;
}

/* One value, white space before it allowed. */
static bool
take_value(struct scanner *s)
{
	do {
		skip_space(s);
		if (at(s, '{') || at(s, '[')) {
			bool object = *s->p++ == '{';

			if (!enter(s, object))
				return false;
			skip_space(s);
			if (!at(s, object ? '}' : ']')) {
				if (object && !take_key(s))
					return false;
				continue;
			}
		} else if (!take_scalar(s)) {
			return false;
		}
		if (!take_closings(s))
			return false;
	} while (s->depth > 0);
	return true;
}

static enum json_kind
kind_of(char first)
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

/* Cut one value from the front of `*rest`, white space on both sides too. */
static bool
cut_value(struct slice *rest, struct json_value *value)
{
	struct scanner s = {.depth = 0};

	if (rest->n == 0)
		return false;
	s.p = rest->p;
	s.end = rest->p + rest->n;
	skip_space(&s);
	value->text.p = s.p;
	if (!take_value(&s))
		return false;
	value->text.n = (size_t)(s.p - value->text.p);
	value->kind = kind_of(value->text.p[0]);
	skip_space(&s);
	*rest = (struct slice){s.p, (size_t)(s.end - s.p)};
	return true;
}

int
json_parse(struct json_value *value, struct slice text)
{
	return utf8_valid(text) && cut_value(&text, value) && text.n == 0 ? 0 : -1;
}

/* Begin behind the bracket that `text` begins with. */
static void
walk_into(struct json_walk *w, struct slice text)
{
	struct scanner s = {.p = text.p + 1, .end = text.p + text.n};

	skip_space(&s);
	w->rest = (struct slice){s.p, (size_t)(s.end - s.p)};
	w->more = !at(&s, text.p[0] == '{' ? '}' : ']');
}

void
json_walk_begin(struct json_walk *w, const struct json_value *value)
{
	walk_into(w, value->text);
}

int
json_walk_object(struct json_walk *w, struct slice text)
{
	struct scanner s = {.depth = 0};

	if (text.n == 0 || !utf8_valid(text)) /* no text may be NULL, to which nothing is added */
		return -1;
	s.p = text.p;
	s.end = text.p + text.n;
	skip_space(&s);
	if (!at(&s, '{'))
		return -1;
	walk_into(w, (struct slice){s.p, (size_t)(s.end - s.p)});
	return 0;
}

bool
json_walk_whole(const struct json_walk *w)
{
	struct scanner s = {.p = w->rest.p, .end = w->rest.p + w->rest.n};

	if (w->more || !take(&s, '}'))
		return false;
	skip_space(&s);
	return s.p == s.end;
}

/* Step over this character, if it comes next. */
static bool
walk_over(struct json_walk *w, char c)
{
	if (w->rest.n == 0 || w->rest.p[0] != c)
		return false;
	w->rest = slice_skip(w->rest, 1);
	return true;
}

/* It is no JSON: nothing follows, not even the bracket that json_walk_whole() wants. */
static bool
walk_fails(struct json_walk *w)
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
	if (!cut_value(&w->rest, element))
		return walk_fails(w);
	w->more = walk_over(w, ',');
	return true;
}

bool
json_walk_member(struct json_walk *w, struct slice *key, struct json_value *value)
{
	struct json_value name;

	if (!w->more)
		return false;
	if (!cut_value(&w->rest, &name) || name.kind != JSON_KIND_STRING || !walk_over(w, ':'))
		return walk_fails(w);
	*key = name.text;
	return json_walk_element(w, value);
}
