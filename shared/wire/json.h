/* json: check and slice JSON text without changing a byte of it (PROTOCOL 5.5, section 7).  Pure.
 *
 * A client's arguments pass through Pollux as they are: 1.10 stays 1.10, 1E400 and "\ud83d"
 * survive.  So this is a scanner, not a document model: strict RFC 8259 grammar, linear time, no
 * recursion, nesting bounded by JSON_DEPTH_MAX.
 *
 *	json.c          values, and walking the elements of one
 *	json_string.c   string literals compared and decoded
 *	json_write.c    string literals written, JSON text made safe for old clients */
#ifndef POLLUX_JSON_H
#define POLLUX_JSON_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

#define JSON_DEPTH_MAX 512

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_FALSE,
	JSON_KIND_TRUE,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT
};

struct json_value {
	enum json_kind kind;
	struct slice text; /* borrowed; without the white space around it */
};

/* Read `text` as exactly one JSON value, white space around it allowed.
 * Return 0, or -1 when it is not JSON, not UTF-8, or nested deeper than JSON_DEPTH_MAX. */
int json_parse(struct json_value *value, struct slice text);

/* Walk the elements of an array or the members of an object. */
struct json_walk {
	struct slice rest; /* from the next element on, or from the closing bracket */
	bool more;         /* another element follows */
};

/* `value` must be an array or an object that json_parse() accepted. */
void json_walk_begin(struct json_walk *w, const struct json_value *value);

/* Begin to walk an object that json_parse() has not seen: it is checked member by member, in one
 * pass instead of two.  Return 0, or -1 when `text` is not UTF-8 or does not begin an object. */
int json_walk_object(struct json_walk *w, struct slice text);

/* After the last member: whether all of `text` was one valid object; if not, discard them all. */
bool json_walk_whole(const struct json_walk *w);

/* The next element of an array.  Return false at the end. */
bool json_walk_element(struct json_walk *w, struct json_value *element);

/* The next member of an object; `key` is the key's string literal, quotes included.
 * Return false at the end. */
bool json_walk_member(struct json_walk *w, struct slice *key, struct json_value *value);

/* Whether the string literal (quotes included) equals `text` once its escapes are decoded. */
bool json_string_is(struct slice literal, const char *text);

/* The same for a text that may contain U+0000. */
bool json_string_equals(struct slice literal, struct slice text);

/* Append the text of a string literal (quotes included), escapes decoded to UTF-8; a lone
 * surrogate becomes U+FFFD. */
void json_string_decode(struct buf *out, struct slice literal);

/* Append valid UTF-8 `text` as a JSON string literal: quotes, backslash and characters below
 * U+0020 escaped, U+2028 and U+2029 as \u2028 and \u2029, the rest raw. */
void json_write_string(struct buf *out, struct slice text);

/* The same without the quotes: part of a literal. */
void json_write_text(struct buf *out, struct slice text);

/* Append `json`, text that json_parse() accepted, unchanged except for line ends, at which the
 * regular expressions of old clients stop (PROTOCOL 5.3): U+2028 and U+2029, valid in strings only,
 * become \u2028 and \u2029; tabs and line breaks, valid between tokens only, become blanks. */
void json_write_safe(struct buf *out, struct slice json);

#endif
