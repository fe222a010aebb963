/* JSON text: parsed, walked, decoded, written.
 *
 * jansson accepts the same texts, except for values it cannot represent.  Every value of a document
 * lies in it and is a document by itself; the safe text for old clients is the same document without
 * line ends. */
#include "shared/wire/json.h"

#include <jansson.h>

#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"

/* --- parsing -------------------------------------------------------------------------------- */

/* jansson refuses numbers that overflow, lone surrogates, and keys with a NUL. */
static bool
beyond_jansson(struct slice in, const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_numeric_overflow:
	case json_error_null_byte_in_key:
		return true;
	default: /* the escape of a lone surrogate */
		return memmem(in.p, in.n, "\\ud", 3) != NULL ||
		       memmem(in.p, in.n, "\\uD", 3) != NULL;
	}
}

/* May it be nested deeper than JSON_DEPTH_MAX? */
static bool
nests_deeply(struct slice in)
{
	size_t brackets = 0;

	for (size_t i = 0; i < in.n; i++)
		brackets += in.p[i] == '[' || in.p[i] == '{';
	return brackets > JSON_DEPTH_MAX;
}

/* jansson allows deeper nesting, and takes a NUL after the value for the end of the text. */
static void
ask_jansson(struct slice in, bool accepted)
{
	json_error_t error;
	json_t *tree =
	    json_loadb(in.n == 0 ? "" : in.p, in.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	if (tree != NULL)
		MUST(accepted || nests_deeply(in) || memchr(in.p, '\0', in.n) != NULL);
	else
		MUST(!accepted || beyond_jansson(in, &error));
	json_decref(tree);
}

/* --- walking -------------------------------------------------------------------------------- */

static void
try_string(struct slice literal)
{
	struct buf text = {.p = NULL}, written = {.p = NULL}, again = {.p = NULL};
	struct json_value value;

	json_string_decode(&text, literal);
	MUST(!text.failed && utf8_valid(buf_slice(&text)));
	json_write_string(&written, buf_slice(&text));
	MUST(!written.failed && json_parse(&value, buf_slice(&written)) == 0);
	MUST(value.kind == JSON_KIND_STRING && value.text.n == written.n);
	json_string_decode(&again, value.text);
	MUST(slice_equal(buf_slice(&text), buf_slice(&again)));

	buf_add_char(&text, '\0');
	MUST(json_string_is(literal, text.p) == (strlen(text.p) == text.n - 1));
	MUST(json_string_is(buf_slice(&written), text.p) == (strlen(text.p) == text.n - 1));
	buf_free(&text);
	buf_free(&written);
	buf_free(&again);
}

static void
must_say_the_same(struct slice a, struct slice b)
{
	struct buf text_a = {.p = NULL}, text_b = {.p = NULL};

	json_string_decode(&text_a, a);
	json_string_decode(&text_b, b);
	MUST(slice_equal(buf_slice(&text_a), buf_slice(&text_b)));
	buf_free(&text_a);
	buf_free(&text_b);
}

/* `safe` is the same value after json_write_safe().  Recursion is as deep as the document,
 * JSON_DEPTH_MAX at most. */
static void
try_value(const struct json_value *value, const struct json_value *safe)
{
	struct json_value alone, element, twin;
	struct json_walk walk, twins;
	struct slice key, twin_key;
	struct slice end = {value->text.p, 0};

	MUST(value->kind == safe->kind);
	MUST(json_parse(&alone, value->text) == 0 && alone.kind == value->kind);
	MUST(slice_equal(alone.text, value->text));
	switch (value->kind) {
	case JSON_KIND_NULL:
	case JSON_KIND_FALSE:
	case JSON_KIND_TRUE:
	case JSON_KIND_NUMBER:
		MUST(slice_equal(value->text, safe->text));
		return;
	case JSON_KIND_STRING:
		try_string(value->text);
		must_say_the_same(value->text, safe->text);
		return;
	case JSON_KIND_ARRAY:
		json_walk_begin(&walk, value);
		json_walk_begin(&twins, safe);
		while (json_walk_element(&walk, &element)) {
			MUST(lies_in(element.text, value->text) && element.text.p > end.p);
			end = slice_skip(element.text, element.text.n);
			MUST(json_walk_element(&twins, &twin));
			try_value(&element, &twin);
		}
		MUST(!json_walk_element(&twins, &twin));
		return;
	case JSON_KIND_OBJECT:
		json_walk_begin(&walk, value);
		json_walk_begin(&twins, safe);
		while (json_walk_member(&walk, &key, &element)) {
			MUST(lies_in(key, value->text) && key.p > end.p);
			MUST(lies_in(element.text, value->text) && element.text.p > key.p + key.n);
			end = slice_skip(element.text, element.text.n);
			try_string(key);
			MUST(json_walk_member(&twins, &twin_key, &twin));
			must_say_the_same(key, twin_key);
			try_value(&element, &twin);
		}
		MUST(!json_walk_member(&twins, &twin_key, &twin));
		return;
	}
}

/* Walked without being parsed first, an object has the same members, and nothing else is one. */
static void
try_one_pass(struct slice in, const struct json_value *checked)
{
	struct json_walk walk, twins;
	struct json_value element, twin;
	struct slice key, twin_key;
	bool whole = json_walk_object(&walk, in) == 0;

	if (checked != NULL && checked->kind == JSON_KIND_OBJECT) {
		MUST(whole);
		json_walk_begin(&twins, checked);
		while (json_walk_member(&walk, &key, &element)) {
			MUST(json_walk_member(&twins, &twin_key, &twin));
			MUST(key.p == twin_key.p && key.n == twin_key.n);
			MUST(element.text.p == twin.text.p && element.text.n == twin.text.n);
		}
		MUST(json_walk_whole(&walk) && !json_walk_member(&twins, &twin_key, &twin));
		return;
	}
	while (whole && json_walk_member(&walk, &key, &element))
		MUST(lies_in(key, in) && lies_in(element.text, in));
	MUST(!whole || !json_walk_whole(&walk) || nests_deeply(in));
}

/* --- writing -------------------------------------------------------------------------------- */

static void
must_have_no_line_end(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		MUST((unsigned char)text.p[i] >= 0x20);
	MUST(text.n == 0 || (memmem(text.p, text.n, "\xe2\x80\xa8", 3) == NULL &&
				memmem(text.p, text.n, "\xe2\x80\xa9", 3) == NULL));
}

static void
try_document(struct slice in, const struct json_value *value)
{
	struct buf safe = {.p = NULL}, twice = {.p = NULL};
	struct json_value twin;
	char *copy;

	MUST(value->text.n > 0 && lies_in(value->text, in));
	json_write_safe(&safe, in);
	MUST(!safe.failed);
	must_have_no_line_end(buf_slice(&safe));
	copy = copy_of(buf_slice(&safe));
	MUST(json_parse(&twin, (struct slice){copy, safe.n}) == 0);
	try_value(value, &twin);
	json_write_safe(&twice, buf_slice(&safe));
	MUST(slice_equal(buf_slice(&safe), buf_slice(&twice)));
	free(copy);
	buf_free(&safe);
	buf_free(&twice);
}

/* Any text as a string literal. */
static void
try_text(struct slice text)
{
	struct buf literal = {.p = NULL};
	struct json_value value;

	if (!utf8_valid(text))
		return;
	json_write_string(&literal, text);
	MUST(!literal.failed && json_parse(&value, buf_slice(&literal)) == 0);
	MUST(value.kind == JSON_KIND_STRING && value.text.n == literal.n);
	must_have_no_line_end(buf_slice(&literal));
	try_string(value.text);
	buf_free(&literal);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	struct json_value value;
	bool accepted = json_parse(&value, in) == 0;

	ask_jansson(in, accepted);
	try_one_pass(in, accepted ? &value : NULL);
	if (accepted)
		try_document(in, &value);
	try_text(in);
	return 0;
}
