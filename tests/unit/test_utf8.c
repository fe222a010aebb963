#include "shared/wire/utf8.h"

#include "tests/unit/exact.h"

#define R UTF8_REPLACEMENT

/* As the WHATWG decoder does it: one U+FFFD for each maximal subpart. */
static const struct {
	struct slice in, out;
} table[] = {
    {TEXT(""), TEXT("")}, {TEXT("plain"), TEXT("plain")}, {TEXT("a\0b"), TEXT("a\0b")},
    {TEXT("\xc3\xa9\xe2\x98\x83\xf0\x9f\x98\x80"), TEXT("\xc3\xa9\xe2\x98\x83\xf0\x9f\x98\x80")},
    {TEXT("\xf4\x8f\xbf\xbf"), TEXT("\xf4\x8f\xbf\xbf")}, /* U+10FFFF */
    {TEXT("\xef\xbb\xbfx"), TEXT("\xef\xbb\xbfx")},       /* a BOM stays */
    {TEXT("\xef\xbf\xbe"), TEXT("\xef\xbf\xbe")},         /* so does U+FFFE */
    {TEXT("a\xff"
	  "b\xc3("),
	TEXT("a" R "b" R "(")},
    {TEXT("\x80\xbf"), TEXT(R R)},                      /* alone */
    {TEXT("\xc0\xaf"), TEXT(R R)},                      /* overlong '/' */
    {TEXT("\xe0\x80\xaf"), TEXT(R R R)},                /* overlong */
    {TEXT("\xf0\x80\x80\xaf"), TEXT(R R R R)},          /* overlong */
    {TEXT("\xed\xa0\x80"), TEXT(R R R)},                /* a surrogate */
    {TEXT("\xf4\x90\x80\x80"), TEXT(R R R R)},          /* past U+10FFFF */
    {TEXT("\xf5\x80"), TEXT(R R)},                      /* not a lead byte */
    {TEXT("\xe2\x98"), TEXT(R)},                        /* cut short */
    {TEXT("\xf0\x9f\x98"), TEXT(R)},                    /* cut short */
    {TEXT("\xf0\x9f\x98x"), TEXT(R "x")},               /* cut short by a letter */
    {TEXT("\xe2\xe2\x98\x83"), TEXT(R "\xe2\x98\x83")}, /* cut short by the next */
    {TEXT("\xf0\x9f\xf0\x9f\x98\x80"), TEXT(R "\xf0\x9f\x98\x80")},
    {TEXT("\xf1\x80\x80\xe1\x80\xc2"), TEXT(R R R)}, /* from Unicode, table 3-8 */
};

static void
replaces_each_maximal_subpart_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *copy = exact(table[i].in, table[i].in.n);
		struct slice in = {copy, table[i].in.n};
		struct buf out;

		buf_init(&out, 0);
		utf8_sanitize(&out, in);
		assert_slice(buf_slice(&out), table[i].out, table[i].in);
		assert_true(utf8_valid(buf_slice(&out)));
		assert_int_equal(utf8_valid(in), slice_equal(in, table[i].out));
		buf_free(&out);
		free(copy);
	}
}

/* ASCII is skipped eight bytes at a time: other bytes are seen at every offset. */
static void
no_byte_is_overlooked(void **state)
{
	struct slice plain = SLICE("abcdefghijklmnopqrst");

	(void)state;
	assert_true(utf8_valid(plain));
	for (size_t at = 0; at <= plain.n - 2; at++) {
		char *copy = exact(plain, plain.n);
		struct slice text = {copy, plain.n};

		memcpy(copy + at, "\xc3\xa9", 2);
		assert_true(utf8_valid(text));
		memcpy(copy + at, "\xff", 1);
		assert_false(utf8_valid(text));
		free(copy);
	}
}

static void
any_cut_gives_valid_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (size_t n = 0; n <= table[i].in.n; n++) {
			char *copy = exact(table[i].in, n);
			struct buf out;

			buf_init(&out, 0);
			utf8_sanitize(&out, (struct slice){copy, n});
			assert_true(utf8_valid(buf_slice(&out)));
			assert_false(out.failed);
			buf_free(&out);
			free(copy);
		}
	}
}

static void
every_two_bytes_are_judged_as_the_unicode_table_does(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char text[] = {(char)a, (char)b};
			bool want = (a < 0x80 && b < 0x80) ||
			            (a >= 0xc2 && a <= 0xdf && (b & 0xc0) == 0x80);

			assert_int_equal(utf8_valid((struct slice){text, 2}), want);
		}
	}
}

static void
counts_utf16_units(void **state)
{
	(void)state;
	assert_int_equal(utf8_utf16_length(SLICE("")), 0);
	assert_int_equal(utf8_utf16_length((struct slice){NULL, 0}), 0);
	assert_int_equal(utf8_utf16_length(SLICE("3:::one")), 7);
	assert_int_equal(utf8_utf16_length(SLICE("3:::tw\xc3\xb6")), 7);
	assert_int_equal(utf8_utf16_length(SLICE("3:::\xe2\x98\x83")), 5);
	assert_int_equal(utf8_utf16_length(SLICE("3:::\xf0\x9f\x98\x80")), 6);
	assert_int_equal(utf8_utf16_length(SLICE(R "\0")), 2);
}

static void
prefixes_end_between_characters(void **state)
{
	/* a, 2 bytes, 3 bytes, 4 bytes, b: units 1 1 1 2 1 */
	struct slice text = SLICE("a\xc3\xa9\xe2\x98\x83\xf0\x9f\x98\x80"
				  "b");
	static const size_t units[] = {0, 1, 3, 6, (size_t)-1, 10, 11, (size_t)-1, (size_t)-1};
	static const size_t points[] = {0, 1, 3, 6, 10, 11, (size_t)-1, (size_t)-1, (size_t)-1};
	char *copy = exact(text, text.n);

	(void)state;
	for (size_t n = 0; n < COUNT(units); n++) {
		struct slice in = {copy, text.n};

		assert_int_equal(utf8_utf16_prefix(in, n), units[n]);
		assert_int_equal(utf8_codepoint_prefix(in, n), points[n]);
	}
	assert_int_equal(utf8_utf16_prefix((struct slice){NULL, 0}, 0), 0);
	assert_int_equal(utf8_utf16_prefix((struct slice){NULL, 0}, 1), (size_t)-1);
	assert_int_equal(utf8_utf16_prefix(text, SIZE_MAX), (size_t)-1);
	free(copy);
}

static void
the_front_of_arriving_text_ends_with_its_last_whole_character(void **state)
{
	static const struct {
		struct slice text;
		size_t front;
		bool cut;
	} rows[] = {
	    {TEXT(""), 0, true}, {TEXT("abc"), 3, true}, {TEXT("a\xc3"), 1, true},
	    {TEXT("a\xe2"), 1, true}, {TEXT("a\xe2\x98"), 1, true},
	    {TEXT("a\xe2\x98\x83"), 4, true}, {TEXT("\xf0\x9f\x98"), 0, true},
	    {TEXT("\xf4\x8f\xbf"), 0, true},
	    {TEXT("a\x80"), 1, false},      /* a stray continuation byte */
	    {TEXT("a\xc1"), 1, false},      /* overlong, whatever comes */
	    {TEXT("a\xf5"), 1, false},      /* past U+10FFFF, whatever comes */
	    {TEXT("a\xe0\x80"), 1, false},  /* overlong */
	    {TEXT("a\xed\xa0"), 1, false},  /* a surrogate */
	    {TEXT("a\xf4\x90"), 1, false},  /* past U+10FFFF */
	    {TEXT("a\xe2(\xa1"), 1, false}, /* followed by a letter */
	    {TEXT("a\xc3"
		  "b\xc3"),
		1, false}, /* the first fault counts */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *copy = exact(rows[i].text, rows[i].text.n);
		bool cut = false;
		size_t front = utf8_front((struct slice){copy, rows[i].text.n}, &cut);

		if (front != rows[i].front || cut != rows[i].cut)
			fail_msg("row %zu: %zu, %d", i, front, cut);
		free(copy);
	}
	assert_int_equal(utf8_front((struct slice){NULL, 0}, &(bool){false}), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replaces_each_maximal_subpart_once),
	    cmocka_unit_test(no_byte_is_overlooked),
	    cmocka_unit_test(any_cut_gives_valid_text),
	    cmocka_unit_test(every_two_bytes_are_judged_as_the_unicode_table_does),
	    cmocka_unit_test(the_front_of_arriving_text_ends_with_its_last_whole_character),
	    cmocka_unit_test(counts_utf16_units),
	    cmocka_unit_test(prefixes_end_between_characters),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
