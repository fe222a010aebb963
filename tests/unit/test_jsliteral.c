#include "shared/wire/jsliteral.h"

#include "shared/wire/json.h"
#include "tests/unit/exact.h"

static const struct {
	struct slice text, literal;
} literals[] = {
    {TEXT(""), TEXT("\"\"")},
    {TEXT("1::"), TEXT("\"1::\"")},
    {TEXT("3:::a\\b\"c\"'d'"), TEXT("\"3:::a\\\\b\\\"c\\\"'d'\"")},
    {TEXT("3:::a/b </script> \"q\" \\ ' \n\r\t\0"),
	TEXT("\"3:::a\\/b <\\/script> \\\"q\\\" \\\\ ' \\n\\r\\t\\u0000\"")}, /* measured */
    {TEXT("/"), TEXT("\"\\/\"")},
    {TEXT("//"), TEXT("\"\\/\\/\"")},
    {TEXT("<!--<script>"), TEXT("\"\\u003c!--<script>\"")},
    {TEXT("<"), TEXT("\"<\"")},
    {TEXT("<<!/<!"), TEXT("\"<\\u003c!\\/\\u003c!\"")},
    {TEXT("\b\f\v\x1f\x7f"), TEXT("\"\\b\\f\\u000b\\u001f\x7f\"")},
    {TEXT("\xe2\x80\xa8/\xe2\x80\xa9"), TEXT("\"\\u2028\\/\\u2029\"")},
    {TEXT("\xe2\x98\x83\xf0\x9f\x98\x80\xef\xbf\xbd"),
	TEXT("\"\xe2\x98\x83\xf0\x9f\x98\x80\xef\xbf\xbd\"")},
};

/* Nothing in it ends the page's script, or a line in an old engine. */
static void
assert_harmless(struct slice literal)
{
	struct json_value value;

	assert_int_equal(json_parse(&value, literal), 0);
	assert_int_equal(value.kind, JSON_KIND_STRING);
	assert_null(memmem(literal.p, literal.n, "</", 2));
	assert_null(memmem(literal.p, literal.n, "<!", 2));
	assert_null(memmem(literal.p, literal.n, "\xe2\x80\xa8", 3));
	assert_null(memmem(literal.p, literal.n, "\xe2\x80\xa9", 3));
	for (size_t i = 0; i < literal.n; i++)
		assert_true((unsigned char)literal.p[i] >= 0x20);
}

static void
writes_each_text_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(literals); i++) {
		char *copy = exact(literals[i].text, literals[i].text.n);
		struct buf out;

		buf_init(&out, 0);
		jsliteral_write(&out, (struct slice){copy, literals[i].text.n});
		assert_slice(buf_slice(&out), literals[i].literal, literals[i].text);
		buf_free(&out);
		free(copy);
	}
}

static void
any_cut_is_a_harmless_literal_that_means_the_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(literals); i++) {
		for (size_t n = 0; n <= literals[i].text.n; n++) {
			struct slice cut;
			char *copy;
			struct buf out, back;

			if (n < literals[i].text.n &&
			    ((unsigned char)literals[i].text.p[n] & 0xc0) == 0x80)
				continue; /* not within a character: the text must be valid */
			copy = exact(literals[i].text, n);
			buf_init(&out, 0);
			buf_init(&back, 0);
			cut = (struct slice){copy, n};
			jsliteral_write(&out, cut);
			assert_harmless(buf_slice(&out));
			json_string_decode(&back, buf_slice(&out));
			assert_slice(buf_slice(&back), cut, literals[i].text);
			buf_free(&back);
			buf_free(&out);
			free(copy);
		}
	}
}

static const struct {
	struct slice json, guarded;
} slashes[] = {
    {TEXT(""), TEXT("")},
    {TEXT("[\"a/b\",\"//\"]"), TEXT("[\"a/b\",\"//\"]")},
    {TEXT("\"a\\/b\""), TEXT("\"a\\/b\"")},           /* an escaped slash */
    {TEXT("\"x\\\\/y\""), TEXT("\"x\\\\\\u002fy\"")}, /* the text x\/y */
    {TEXT("\"x\\\\\\/y\""), TEXT("\"x\\\\\\/y\"")},   /* the same, slash escaped */
    {TEXT("\"\\\\\\\\/\\\\/\""), TEXT("\"\\\\\\\\\\u002f\\\\\\u002f\"")},
    {TEXT("\"\\\\\"/\"\\\\\""), TEXT("\"\\\\\"/\"\\\\\"")}, /* not directly after them */
    {TEXT("\\\\/"), TEXT("\\\\\\u002f")},
};

/* What clients from 0.9.15 on do with a message. */
static void
replace_escaped_slashes(struct buf *out, struct slice message)
{
	for (size_t i = 0; i < message.n; i++)
		if (message.p[i] != '\\' || i + 1 == message.n || message.p[i + 1] != '/')
			buf_add_char(out, message.p[i]);
}

static void
guarded_json_survives_the_client(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(slashes); i++) {
		char *copy = exact(slashes[i].json, slashes[i].json.n);
		struct slice json = {copy, slashes[i].json.n};
		struct json_value before, after;
		struct buf out, seen, want, got;

		buf_init(&out, 0);
		buf_init(&seen, 0);
		buf_init(&want, 0);
		buf_init(&got, 0);
		jsliteral_guard_slashes(&out, json);
		assert_slice(buf_slice(&out), slashes[i].guarded, slashes[i].json);
		replace_escaped_slashes(&seen, buf_slice(&out));
		if (json_parse(&before, json) == 0 && before.kind == JSON_KIND_STRING) {
			assert_int_equal(json_parse(&after, buf_slice(&seen)), 0);
			json_string_decode(&want, before.text);
			json_string_decode(&got, after.text);
			assert_slice(buf_slice(&got), buf_slice(&want), slashes[i].json);
		}
		buf_free(&got);
		buf_free(&want);
		buf_free(&seen);
		buf_free(&out);
		free(copy);
	}
}

static void
guarding_any_cut_stays_inside_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(slashes); i++) {
		for (size_t n = 0; n <= slashes[i].json.n; n++) {
			char *copy = exact(slashes[i].json, n);
			struct buf out;

			buf_init(&out, 0);
			jsliteral_guard_slashes(&out, (struct slice){copy, n});
			assert_true(out.n >= n);
			buf_free(&out);
			free(copy);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_each_text_as_the_table_says),
	    cmocka_unit_test(any_cut_is_a_harmless_literal_that_means_the_text),
	    cmocka_unit_test(guarded_json_survives_the_client),
	    cmocka_unit_test(guarding_any_cut_stays_inside_it),
	};

	return cmocka_run_group_tests_name("jsliteral", tests, NULL, NULL);
}
