#include "shared/wire/json.h"

#include "tests/unit/exact.h"

/* `value` is the text without the white space around it. */
static const struct {
	struct slice text, value;
	enum json_kind kind;
} valid[] = {
    {TEXT("null"), TEXT("null"), JSON_KIND_NULL},
    {TEXT("false"), TEXT("false"), JSON_KIND_FALSE},
    {TEXT("true"), TEXT("true"), JSON_KIND_TRUE},
    {TEXT("0"), TEXT("0"), JSON_KIND_NUMBER},
    {TEXT("-0"), TEXT("-0"), JSON_KIND_NUMBER},
    {TEXT("1.10"), TEXT("1.10"), JSON_KIND_NUMBER},
    {TEXT("-12.5e+3"), TEXT("-12.5e+3"), JSON_KIND_NUMBER},
    {TEXT("1E400"), TEXT("1E400"), JSON_KIND_NUMBER},
    {TEXT("0e-0"), TEXT("0e-0"), JSON_KIND_NUMBER},
    {TEXT("12345678901234567890"), TEXT("12345678901234567890"), JSON_KIND_NUMBER},
    {TEXT("\"\""), TEXT("\"\""), JSON_KIND_STRING},
    {TEXT("\"\\u0000\\uD83d\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	TEXT("\"\\u0000\\uD83d\\\"\\\\\\/\\b\\f\\n\\r\\t\""), JSON_KIND_STRING},
    {TEXT("\"\x7f\xe2\x80\xa8\xf0\x9f\x98\x80\""), TEXT("\"\x7f\xe2\x80\xa8\xf0\x9f\x98\x80\""),
	JSON_KIND_STRING},
    {TEXT("[]"), TEXT("[]"), JSON_KIND_ARRAY},
    {TEXT(" [ ] "), TEXT("[ ]"), JSON_KIND_ARRAY},
    {TEXT("[[],{},[[]],1]"), TEXT("[[],{},[[]],1]"), JSON_KIND_ARRAY},
    {TEXT("{}"), TEXT("{}"), JSON_KIND_OBJECT},
    {TEXT("\t\r\n {\"a\" : {\"b\":[1 , 2]} ,\"\":null}\n"),
	TEXT("{\"a\" : {\"b\":[1 , 2]} ,\"\":null}"), JSON_KIND_OBJECT},
    {TEXT("{\"a\":1,\"a\":2}"), TEXT("{\"a\":1,\"a\":2}"), JSON_KIND_OBJECT},
};

static const struct slice invalid[] = {
    TEXT(""),
    TEXT(" "),
    TEXT("nul"),
    TEXT("nulll"),
    TEXT("Null"),
    TEXT("undefined"),
    TEXT("NaN"),
    TEXT("Infinity"),
    TEXT("-"),
    TEXT("+1"),
    TEXT("01"),
    TEXT("-01"),
    TEXT(".5"),
    TEXT("1."),
    TEXT("1.e1"),
    TEXT("1e"),
    TEXT("1e+"),
    TEXT("1e-+1"),
    TEXT("0x5"),
    TEXT("1 2"),
    TEXT("1,2"),
    TEXT("'x'"),
    TEXT("\""),
    TEXT("\"\\\""),
    TEXT("\"\\"),
    TEXT("\"\\x41\""),
    TEXT("\"\\u12g4\""),
    TEXT("\"\\u123"),
    TEXT("\"\\u123\""),
    TEXT("\"\n\""),
    TEXT("\"\t\""),
    TEXT("\"\x01\""),
    TEXT("\"a\0b\""),
    TEXT("null\0"),
    TEXT("\"\xff\""),
    TEXT("\"\xed\xa0\xbd\""),
    TEXT("\xef\xbb\xbf[]"),
    TEXT("\xc2\xa0[]"),
    TEXT("\v[]"),
    TEXT("["),
    TEXT("]"),
    TEXT("[1"),
    TEXT("[1,"),
    TEXT("[1,]"),
    TEXT("[,1]"),
    TEXT("[1 2]"),
    TEXT("[1}"),
    TEXT("[[]"),
    TEXT("[]]"),
    TEXT("[:]"),
    TEXT("{"),
    TEXT("}"),
    TEXT("{]"),
    TEXT("{a:1}"),
    TEXT("{1:1}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\":}"),
    TEXT("{\"a\":1,}"),
    TEXT("{,}"),
    TEXT("{\"a\",1}"),
    TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{\"a\":1]"),
    TEXT("{\"a\":1}}"),
    TEXT("[\"a\":1]"),
    TEXT("[1] // x"),
};

static void
accepts_what_rfc_8259_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(valid); i++) {
		char *copy = exact(valid[i].text, valid[i].text.n);
		struct json_value value = {.kind = JSON_KIND_NULL};

		if (json_parse(&value, (struct slice){copy, valid[i].text.n}) == -1)
			fail_msg("refused: %s", valid[i].text.p);
		assert_int_equal(value.kind, valid[i].kind);
		assert_slice(value.text, valid[i].value, valid[i].text);
		free(copy);
	}
}

static void
refuses_everything_else(void **state)
{
	struct json_value value;

	(void)state;
	for (size_t i = 0; i < COUNT(invalid); i++) {
		char *copy = exact(invalid[i], invalid[i].n);

		if (json_parse(&value, (struct slice){copy, invalid[i].n}) == 0)
			fail_msg("accepted: %s", invalid[i].p);
		free(copy);
	}
	assert_int_equal(json_parse(&value, (struct slice){NULL, 0}), -1);
}

/* Only of a number can a proper prefix be a value. */
static void
refuses_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(valid); i++) {
		for (size_t n = 0; n < valid[i].value.n; n++) {
			char *copy = exact(valid[i].value, n);
			struct json_value value;
			int got = json_parse(&value, (struct slice){copy, n});

			if (valid[i].kind != JSON_KIND_NUMBER)
				assert_int_equal(got, -1);
			free(copy);
		}
	}
}

/* "[[[...]]]", or nested objects, `depth` of them. */
static void
nest(struct buf *out, size_t depth, bool objects)
{
	buf_clear(out);
	for (size_t i = 0; i < depth; i++)
		buf_puts(out, objects ? "{\"a\":" : "[");
	buf_puts(out, "0");
	for (size_t i = 0; i < depth; i++)
		buf_puts(out, objects ? "}" : "]");
}

static void
nesting_is_bounded(void **state)
{
	struct buf text;
	struct json_value value;

	(void)state;
	buf_init(&text, 0);
	for (int objects = 0; objects < 2; objects++) {
		nest(&text, JSON_DEPTH_MAX, objects == 1);
		assert_int_equal(json_parse(&value, buf_slice(&text)), 0);
		nest(&text, JSON_DEPTH_MAX + 1, objects == 1);
		assert_int_equal(json_parse(&value, buf_slice(&text)), -1);
		nest(&text, 1000000, objects == 1);
		assert_int_equal(json_parse(&value, buf_slice(&text)), -1);
	}
	buf_free(&text);
}

/* The scanner keeps the kinds as bits in an array of words: try a depth in each. */
static void
brackets_must_match_at_every_depth(void **state)
{
	struct buf text;
	struct json_value value;

	(void)state;
	buf_init(&text, 0);
	for (size_t depth = 1; depth <= JSON_DEPTH_MAX; depth += 7) {
		nest(&text, depth, false);
		text.p[depth + 1] = '}';
		assert_int_equal(json_parse(&value, buf_slice(&text)), -1);
	}
	buf_free(&text);
}

static struct json_value
parsed(struct slice text)
{
	struct json_value value = {.kind = JSON_KIND_NULL};

	assert_int_equal(json_parse(&value, text), 0);
	return value;
}

static void
walks_elements(void **state)
{
	static const struct slice want[] = {
	    TEXT("1.10"), TEXT("[2,3]"), TEXT("\"a,b]\""), TEXT("{\"x\":[{}]}"), TEXT("null")};
	struct slice text = SLICE(" [ 1.10 ,[2,3],\"a,b]\", {\"x\":[{}]}\n,null ] ");
	struct json_value value = parsed(text), element;
	struct json_walk walk;

	(void)state;
	json_walk_begin(&walk, &value);
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_true(json_walk_element(&walk, &element));
		assert_slice(element.text, want[i], text);
	}
	assert_int_equal(element.kind, JSON_KIND_NULL);
	assert_false(json_walk_element(&walk, &element));
	assert_false(json_walk_element(&walk, &element));

	value = parsed(SLICE("[ ]"));
	json_walk_begin(&walk, &value);
	assert_false(json_walk_element(&walk, &element));
	assert_false(json_walk_element(&walk, &element));
}

static void
walks_members(void **state)
{
	static const struct slice keys[] = {TEXT("\"a\""), TEXT("\"b\\\"\""), TEXT("\"a\"")};
	static const struct slice values[] = {TEXT("1"), TEXT("{\"c\":[2]}"), TEXT("\"}\"")};
	struct slice text = SLICE("{ \"a\" : 1 ,\"b\\\"\":{\"c\":[2]},\"a\":\"}\" }"), key;
	struct json_value value = parsed(text), member;
	struct json_walk walk;

	(void)state;
	json_walk_begin(&walk, &value);
	for (size_t i = 0; i < COUNT(keys); i++) {
		assert_true(json_walk_member(&walk, &key, &member));
		assert_slice(key, keys[i], text);
		assert_slice(member.text, values[i], text);
	}
	assert_false(json_walk_member(&walk, &key, &member));
	assert_false(json_walk_member(&walk, &key, &member));

	value = parsed(SLICE("{ }"));
	json_walk_begin(&walk, &value);
	assert_false(json_walk_member(&walk, &key, &member));
}

/* Do json_walk_object() and json_walk_whole() accept a text? */
static bool
walks_whole(struct slice text)
{
	struct json_walk walk;
	struct json_value member;
	struct slice key;

	if (json_walk_object(&walk, text) == -1)
		return false;
	while (json_walk_member(&walk, &key, &member)) {
		assert_true(key.p >= text.p && key.p + key.n <= text.p + text.n);
		assert_true(member.text.p + member.text.n <= text.p + text.n);
	}
	return json_walk_whole(&walk);
}

/* Checking while walking accepts exactly the objects that json_parse() accepts: tried with a text
 * cut anywhere, and with any byte of it replaced. */
static void
walking_accepts_what_parsing_accepts(void **state)
{
	static const char replacements[] = "{}[]:,\"\\ 1x\t\x01\xff";
	struct slice text =
	    SLICE("\t{ \"a\" : 1 ,\"b\\\"\":{\"c\":[2,{}]},\"\":\"}\",\"e\":null } ");

	(void)state;
	for (size_t n = 0; n <= text.n; n++) {
		for (size_t at = 0; at < n; at++) {
			for (size_t r = 0; r < sizeof(replacements); r++) {
				char *copy = exact(text, n);
				struct slice in = {copy, n};
				struct json_value value;
				bool is_object;

				if (r > 0) /* the first time as it is */
					copy[at] = replacements[r - 1];
				is_object =
				    json_parse(&value, in) == 0 && value.kind == JSON_KIND_OBJECT;
				if (walks_whole(in) != is_object) {
					print_slice("input", in);
					fail();
				}
				free(copy);
			}
		}
	}
	assert_true(walks_whole(text));
	assert_true(walks_whole(SLICE("{}")));
	assert_false(walks_whole(SLICE("")));
	assert_false(walks_whole(SLICE("[]")));
}

/* Strings are scanned eight bytes at a time: a special byte is seen at every offset. */
static void
no_byte_of_a_string_is_overlooked(void **state)
{
	static const char bytes[] = "\"\\\x1f\x20\x7f\x80\xe2";
	struct slice text = SLICE("\"abcdefghijklmnopqrstuvwxyz\"");

	(void)state;
	for (size_t at = 1; at < text.n - 1; at++) {
		for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
			char *copy = exact(text, text.n);
			struct json_value value;
			bool plain = bytes[i] == '\x20' || bytes[i] == '\x7f';

			copy[at] = bytes[i];
			if (bytes[i] == '\\' && memchr("bfnrt", text.p[at + 1], 5) != NULL)
				plain = true; /* with the next character it is an escape */
			assert_int_equal(
			    json_parse(&value, (struct slice){copy, text.n}), plain ? 0 : -1);
			free(copy);
		}
	}
}

static const struct {
	struct slice literal, text;
} literals[] = {
    {TEXT("\"\""), TEXT("")},
    {TEXT("\"name\""), TEXT("name")},
    {TEXT("\"\\u006eam\\u0065\""), TEXT("name")},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\/\b\f\n\r\t")},
    {TEXT("\"a\\u0000b\""), TEXT("a\0b")},
    {TEXT("\"\\u007f\\u0080\\u07ff\\u0800\\uFFFF\""),
	TEXT("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
    {TEXT("\"\\ud83d\\uDE00\""), TEXT("\xf0\x9f\x98\x80")},
    {TEXT("\"\\udbff\\udfff\""), TEXT("\xf4\x8f\xbf\xbf")},
    {TEXT("\"\\ud83d\""), TEXT("\xef\xbf\xbd")},
    {TEXT("\"\\ud83dx\""), TEXT("\xef\xbf\xbdx")},
    {TEXT("\"\\ude00\\ud83d\""), TEXT("\xef\xbf\xbd\xef\xbf\xbd")},
    {TEXT("\"\\ud83d\\ud83d\\ude00\""), TEXT("\xef\xbf\xbd\xf0\x9f\x98\x80")},
    {TEXT("\"\\ud83d\\n\""), TEXT("\xef\xbf\xbd\n")},
    {TEXT("\"\\ud83d\\u0041\""), TEXT("\xef\xbf\xbd"
				      "A")},
};

static void
reads_string_literals(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(literals); i++) {
		char *copy = exact(literals[i].literal, literals[i].literal.n);
		struct slice literal = {copy, literals[i].literal.n};
		struct buf out;

		buf_init(&out, 0);
		json_string_decode(&out, literal);
		assert_slice(buf_slice(&out), literals[i].text, literals[i].literal);
		if (memchr(literals[i].text.p, '\0', literals[i].text.n) == NULL)
			assert_true(json_string_is(literal, literals[i].text.p));
		assert_false(json_string_is(literal, "nam"));
		assert_false(json_string_is(literal, "names"));
		buf_free(&out);
		free(copy);
	}
	assert_false(json_string_is(SLICE("\"a\\u0000\""), "a"));
}

static void
writes_string_literals(void **state)
{
	static const struct {
		struct slice text, literal;
	} table[] = {
	    {TEXT(""), TEXT("\"\"")},
	    {TEXT("a/b"), TEXT("\"a/b\"")},
	    {TEXT("\"\\"), TEXT("\"\\\"\\\\\"")},
	    {TEXT("\b\t\n\v\f\r"), TEXT("\"\\b\\t\\n\\u000b\\f\\r\"")},
	    {TEXT("\0\x01\x1f\x7f"), TEXT("\"\\u0000\\u0001\\u001f\x7f\"")},
	    {TEXT("x\xe2\x80\xa8y\xe2\x80\xa9"), TEXT("\"x\\u2028y\\u2029\"")},
	    {TEXT("\xe2\x80\xa7\xe2\x80\xaa\xf0\x9f\x98\x80"),
		TEXT("\"\xe2\x80\xa7\xe2\x80\xaa\xf0\x9f\x98\x80\"")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *copy = exact(table[i].text, table[i].text.n);
		struct json_value value;
		struct buf out, back;

		buf_init(&out, 0);
		buf_init(&back, 0);
		json_write_string(&out, (struct slice){copy, table[i].text.n});
		assert_slice(buf_slice(&out), table[i].literal, table[i].text);
		assert_int_equal(json_parse(&value, buf_slice(&out)), 0);
		json_string_decode(&back, buf_slice(&out));
		assert_slice(buf_slice(&back), table[i].text, table[i].text);
		buf_free(&out);
		buf_free(&back);
		free(copy);
	}
}

static void
safe_text_has_no_line_ends(void **state)
{
	static const struct {
		struct slice json, safe;
	} table[] = {
	    {TEXT(""), TEXT("")},
	    {TEXT("[1.10,1E400,\"\\ud83d\"]"), TEXT("[1.10,1E400,\"\\ud83d\"]")},
	    {TEXT("[\n\t1,\r\n2]"), TEXT("[  1,  2]")},
	    {TEXT("\"\xe2\x80\xa8 \xe2\x80\xa9\""), TEXT("\"\\u2028 \\u2029\"")},
	    {TEXT("\"\x7f\xe2\x98\x83\xe2\x80\xa7\""), TEXT("\"\x7f\xe2\x98\x83\xe2\x80\xa7\"")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (size_t n = 0; n <= table[i].json.n;
		     n++) { /* a cut is not JSON, but does no harm */
			char *copy = exact(table[i].json, n);
			struct buf out;

			buf_init(&out, 0);
			json_write_safe(&out, (struct slice){copy, n});
			if (n == table[i].json.n)
				assert_slice(buf_slice(&out), table[i].safe, table[i].json);
			buf_free(&out);
			free(copy);
		}
	}
}

/* Scanned eight bytes at a time, too. */
static void
safe_text_is_safe_everywhere(void **state)
{
	struct slice plain = SLICE("0123456789abcdefghijklmn");

	(void)state;
	for (size_t at = 0; at <= plain.n - 3; at++) {
		char *copy = exact(plain, plain.n);
		struct buf out, want;

		memcpy(copy + at, "\xe2\x80\xa9", 3);
		buf_init(&out, 0);
		buf_init(&want, 0);
		buf_add(&want, plain.p, at);
		buf_puts(&want, "\\u2029");
		buf_add_slice(&want, slice_skip(plain, at + 3));
		json_write_safe(&out, (struct slice){copy, plain.n});
		assert_slice(buf_slice(&out), buf_slice(&want), plain);
		buf_clear(&out);
		memcpy(copy + at, "\n\xe2\x98", 3); /* E2 alone is not a separator */
		json_write_safe(&out, (struct slice){copy, plain.n});
		copy[at] = ' ';
		assert_slice(buf_slice(&out), ((struct slice){copy, plain.n}), plain);
		buf_free(&out);
		buf_free(&want);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_what_rfc_8259_allows),
	    cmocka_unit_test(refuses_everything_else),
	    cmocka_unit_test(refuses_every_cut),
	    cmocka_unit_test(nesting_is_bounded),
	    cmocka_unit_test(brackets_must_match_at_every_depth),
	    cmocka_unit_test(walks_elements),
	    cmocka_unit_test(walks_members),
	    cmocka_unit_test(walking_accepts_what_parsing_accepts),
	    cmocka_unit_test(no_byte_of_a_string_is_overlooked),
	    cmocka_unit_test(reads_string_literals),
	    cmocka_unit_test(writes_string_literals),
	    cmocka_unit_test(safe_text_has_no_line_ends),
	    cmocka_unit_test(safe_text_is_safe_everywhere),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
