#include "shared/wire/hixie_frame.h"
#include "shared/wire/hixie_key.h"

#include "tests/unit/exact.h"

#define MOST ((size_t)8) /* bytes of content that a frame may have */

static void
a_key_is_its_digits_divided_by_its_blanks(void **state)
{
	static const struct {
		struct slice key;
		int64_t number; /* -1: not a key */
	} keys[] = {
	    {TEXT("4 @1  46546xW%0l 1 5"), 829309203}, /* from PROTOCOL and the draft */
	    {TEXT("12998 5 Y3 1  .P00"), 259970620},
	    {TEXT("18x 6]8vM;54 *(5:  {   U1]8  z [  8"), 155712099},
	    {TEXT("1_ tx7X d  <  nw  334J702) 7]o}` 0"), 173347027},
	    {TEXT("0 "), 0},
	    {TEXT(" 4294967295"), 4294967295},
	    {TEXT("8  589934590"), 4294967295}, /* needs 33 bits before the division */
	    {TEXT("5153960754   0            "), 3435973836},
	    {TEXT(" 4294967296"), -1},              /* 33 bits after it */
	    {TEXT("18446744073709551616 "), -1},    /* 65 bits */
	    {TEXT("99999999999999999999999 "), -1}, /* any number of digits */
	    {TEXT("12345"), -1},                    /* no blanks: a division by zero */
	    {TEXT("5  "), -1},                      /* a remainder */
	    {TEXT("a b c"), -1},
	    {TEXT("   "), -1},
	    {TEXT(""), -1},
	    {TEXT("1\t2"), -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		char *copy = exact(keys[i].key, keys[i].key.n);
		uint32_t number = 0;
		int r = hixie_key_number((struct slice){copy, keys[i].key.n}, &number);

		if ((r == 0 ? (int64_t)number : -1) != keys[i].number)
			fail_msg("\"%s\": %d, %u", keys[i].key.p, r, number);
		free(copy);
	}
}

static void
the_digest_answers_both_keys_and_the_proof(void **state)
{
	static const struct {
		struct slice key1, key2, proof;
		const char *digest;
	} table[] = {
	    {TEXT("4 @1  46546xW%0l 1 5"), TEXT("12998 5 Y3 1  .P00"), TEXT("^n:ds[4U"),
		"8jKS'y:G*Co,Wxa-"},
	    {TEXT("18x 6]8vM;54 *(5:  {   U1]8  z [  8"),
		TEXT("1_ tx7X d  <  nw  334J702) 7]o}` 0"), TEXT("Tm[K T2u"), "fQJ,fN/4F4!~K~MH"},
	};
	unsigned char digest[HIXIE_KEY_DIGEST_N];

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(
		    hixie_key_digest(digest, table[i].key1, table[i].key2, table[i].proof), 0);
		assert_memory_equal(digest, table[i].digest, sizeof(digest));
	}
	assert_int_equal(
	    hixie_key_digest(digest, table[0].key1, SLICE("no key"), table[0].proof), -1);
	assert_int_equal(hixie_key_digest(digest, SLICE(""), table[0].key2, table[0].proof), -1);
	assert_int_equal(
	    hixie_key_digest(digest, table[0].key1, table[0].key2, SLICE("^n:ds[4")), -1);
	assert_int_equal(
	    hixie_key_digest(digest, table[0].key1, table[0].key2, SLICE("^n:ds[4UU")), -1);
}

static const struct {
	struct slice in;
	enum hixie_frame_answer answer;
	enum hixie_frame_kind kind;
	size_t used;
	struct slice text;
} frames[] = {
    {TEXT("\x00hello\xff"), HIXIE_FRAME_WHOLE, HIXIE_FRAME_TEXT, 7, TEXT("hello")},
    {TEXT("\x00\xff"), HIXIE_FRAME_WHOLE, HIXIE_FRAME_TEXT, 2, TEXT("")},
    {TEXT("\x00\x00\x01\xff"), HIXIE_FRAME_WHOLE, HIXIE_FRAME_TEXT, 4, TEXT("\x00\x01")},
    {TEXT("\x00\xef\xbf\xbd\xff"), HIXIE_FRAME_WHOLE, HIXIE_FRAME_TEXT, 5, TEXT("\xef\xbf\xbd")},
    {TEXT("\x00"
	  "a\xff\x00"
	  "b\xff"),
	HIXIE_FRAME_WHOLE, HIXIE_FRAME_TEXT, 3, TEXT("a")},
    {TEXT("\x00"
	  "12345678\xff"),
	HIXIE_FRAME_WHOLE, HIXIE_FRAME_TEXT, 10, TEXT("12345678")},
    {TEXT("\x00"
	  "123456789"),
	HIXIE_FRAME_NEVER, HIXIE_FRAME_TEXT, 0, TEXT("")},
    {TEXT("\x01"
	  "abc\xff"),
	HIXIE_FRAME_WHOLE, HIXIE_FRAME_OTHER, 5, TEXT("")},
    {TEXT("\x7f"
	  "123456789"),
	HIXIE_FRAME_NEVER, HIXIE_FRAME_OTHER, 0, TEXT("")},
    {TEXT("\xff\x00"), HIXIE_FRAME_WHOLE, HIXIE_FRAME_CLOSE, 2, TEXT("")},
    {TEXT("\xff\x80\x00"), HIXIE_FRAME_WHOLE, HIXIE_FRAME_CLOSE, 3, TEXT("")},
    {TEXT("\x80\x00"), HIXIE_FRAME_WHOLE, HIXIE_FRAME_OTHER, 2, TEXT("")},
    {TEXT("\xff\x03"
	  "abc"),
	HIXIE_FRAME_WHOLE, HIXIE_FRAME_OTHER, 5, TEXT("")},
    {TEXT("\x80\x80\x80\x02\xff\xff"), HIXIE_FRAME_WHOLE, HIXIE_FRAME_OTHER, 6, TEXT("")},
    {TEXT("\x90\x08"
	  "12345678"),
	HIXIE_FRAME_WHOLE, HIXIE_FRAME_OTHER, 10, TEXT("")},
    {TEXT("\x90\x09"), HIXIE_FRAME_NEVER, HIXIE_FRAME_OTHER, 0, TEXT("")},
    {TEXT("\x90\x81\x00"), HIXIE_FRAME_NEVER, HIXIE_FRAME_OTHER, 0, TEXT("")}, /* 128 */
    {TEXT("\x90\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), HIXIE_FRAME_NEVER, HIXIE_FRAME_OTHER,
	0, TEXT("")},
};

/* The first `n` bytes of `frames[i]` are read like all of it, or are incomplete. */
static void
check_cut(size_t i, size_t n, size_t seen)
{
	char *copy = exact(frames[i].in, n);
	struct hixie_frame f = {HIXIE_FRAME_OTHER, {NULL, 0}, 0};
	enum hixie_frame_answer answer = hixie_frame_read(&f, (struct slice){copy, n}, seen, MOST);

	if (n < (frames[i].answer == HIXIE_FRAME_WHOLE ? frames[i].used : frames[i].in.n)) {
		if (answer != HIXIE_FRAME_MORE &&
		    !(answer == HIXIE_FRAME_NEVER && frames[i].answer == HIXIE_FRAME_NEVER))
			fail_msg("frame %zu cut at %zu: answer %d", i, n, answer);
	} else {
		if (answer != frames[i].answer)
			fail_msg("frame %zu, %zu bytes: answer %d", i, n, answer);
		if (answer == HIXIE_FRAME_WHOLE) {
			assert_int_equal(f.kind, frames[i].kind);
			assert_int_equal(f.used, frames[i].used);
		}
		if (answer == HIXIE_FRAME_WHOLE && f.kind == HIXIE_FRAME_TEXT)
			assert_slice(f.text, frames[i].text, frames[i].in);
	}
	free(copy);
}

static void
frames_come_out_whole_however_they_were_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(frames); i++)
		for (size_t n = 0; n <= frames[i].in.n; n++)
			check_cut(i, n, 0);
}

static void
bytes_seen_before_are_not_searched_again(void **state)
{
	static const char text[] = "\x00\xff\xff\xff"
				   "abc\xff";
	struct hixie_frame f;

	(void)state;
	/* a later call with what was seen gives the same answer */
	for (size_t i = 0; i < COUNT(frames); i++) {
		size_t whole =
		    frames[i].answer == HIXIE_FRAME_WHOLE ? frames[i].used : frames[i].in.n;

		for (size_t n = 1; n < whole; n++)
			check_cut(i, frames[i].in.n, n);
	}
	assert_int_equal(hixie_frame_read(&f, (struct slice){text, 8}, 4, MOST), HIXIE_FRAME_WHOLE);
	assert_int_equal(f.used, 8);
}

static void
limits_are_exact(void **state)
{
	struct hixie_frame f;

	(void)state;
	assert_int_equal(hixie_frame_read(&f, (struct slice){NULL, 0}, 0, MOST), HIXIE_FRAME_MORE);
	assert_int_equal(hixie_frame_read(&f, SLICE("\x00"), 0, 0), HIXIE_FRAME_MORE);
	assert_int_equal(hixie_frame_read(&f, SLICE("\x00\xff"), 0, 0), HIXIE_FRAME_WHOLE);
	assert_int_equal(hixie_frame_read(&f, SLICE("\x00x"), 0, 0), HIXIE_FRAME_NEVER);
	assert_int_equal(hixie_frame_read(&f, SLICE("\x00x"), 0, SIZE_MAX), HIXIE_FRAME_MORE);
	/* nine groups are 63 bits, the tenth would overflow */
	assert_int_equal(hixie_frame_read(&f, SLICE("\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
			     0, SIZE_MAX),
	    HIXIE_FRAME_NEVER);
	assert_int_equal(
	    hixie_frame_read(&f, SLICE("\x80\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), 0, SIZE_MAX),
	    HIXIE_FRAME_MORE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_is_its_digits_divided_by_its_blanks),
	    cmocka_unit_test(the_digest_answers_both_keys_and_the_proof),
	    cmocka_unit_test(frames_come_out_whole_however_they_were_cut),
	    cmocka_unit_test(bytes_seen_before_are_not_searched_again),
	    cmocka_unit_test(limits_are_exact),
	};

	return cmocka_run_group_tests_name("hixie", tests, NULL, NULL);
}
