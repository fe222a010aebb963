#include "shared/wire/payload.h"

#include "shared/wire/utf8.h"
#include "tests/unit/exact.h"

#define F        UTF8_REPLACEMENT
#define SMILE    "\xf0\x9f\x98\x80"
#define SNOWMAN  "\xe2\x98\x83"
#define E_ACUTE  "\xc3\xa9"
#define MAX_READ 4

struct example {
	struct slice body;
	struct slice packets[MAX_READ]; /* up to the first without p */
	bool broken;
};

/* The table of PROTOCOL 6.1, and what follows from its rules. */
static const struct example examples[] = {
    {TEXT(""), {{NULL, 0}}, false},
    {TEXT("3:::a"), {TEXT("3:::a")}, false},
    {TEXT(F "5" F "3:::a"), {TEXT("3:::a")}, false},
    {TEXT(F "5" F "3:::a" F "5" F "3:::b" F "3" F "2::"),
	{TEXT("3:::a"), TEXT("3:::b"), TEXT("2::")}, false},
    {TEXT(F "7" F "3:::one" F "7" F "3:::tw\xc3\xb6" F "6" F "3:::" SMILE),
	{TEXT("3:::one"), TEXT("3:::tw\xc3\xb6"), TEXT("3:::" SMILE)}, false},
    {TEXT(F "05" F "3:::a" F "0005" F "3:::b"), {TEXT("3:::a"), TEXT("3:::b")}, false},

    /* U+FFFD inside a packet, and where a frame is not expected */
    {TEXT(F "5" F "3:::" F F "5" F "3:::b"), {TEXT("3:::" F), TEXT("3:::b")}, false},
    {TEXT(F "7" F "3:::a" F "b" F "5" F "3:::c"), {TEXT("3:::a" F "b"), TEXT("3:::c")}, false},
    {TEXT("3:::a" F "5" F "3:::b"), {TEXT("3:::a" F "5" F "3:::b")}, false},
    {TEXT(" " F "5" F "3:::a"), {TEXT(" " F "5" F "3:::a")}, false},
    {TEXT("\xef\xbb\xbf" F "5" F "3:::a"), {TEXT("\xef\xbb\xbf" F "5" F "3:::a")}, false},

    /* empty frames are skipped */
    {TEXT(F "0" F), {{NULL, 0}}, false},
    {TEXT(F "0" F F "0" F), {{NULL, 0}}, false},
    {TEXT(F "0" F F "5" F "3:::b"), {TEXT("3:::b")}, false},

    /* malformed heads */
    {TEXT(F), {{NULL, 0}}, true},
    {TEXT(F "5"), {{NULL, 0}}, true},
    {TEXT(F F), {{NULL, 0}}, true},
    {TEXT(F F "3:::a"), {{NULL, 0}}, true},
    {TEXT(F "-1" F "3:::a"), {{NULL, 0}}, true},
    {TEXT(F "+5" F "3:::a"), {{NULL, 0}}, true},
    {TEXT(F " 5" F "3:::a"), {{NULL, 0}}, true},
    {TEXT(F "5.0" F "3:::a"), {{NULL, 0}}, true},
    {TEXT(F "0x5" F "3:::a"), {{NULL, 0}}, true},
    {TEXT(F "5" F "3:::a" F), {TEXT("3:::a")}, true},
    {TEXT(F "5" F "3:::a" F "5"), {TEXT("3:::a")}, true},
    {TEXT(F "5" F "3:::a" F "x" F "3:::b"), {TEXT("3:::a")}, true},

    /* lengths that do not end at a frame */
    {TEXT(F "4" F "3:::a"), {{NULL, 0}}, true},
    {TEXT(F "6" F "3:::a" F "5" F "3:::b"), {{NULL, 0}}, true},
    {TEXT(F "5" F "3:::a3:::b"), {{NULL, 0}}, true},
    {TEXT(F "5" F "3:::aX5" F "3:::b"), {{NULL, 0}}, true},
    {TEXT(F "0" F "3:::a"), {{NULL, 0}}, true},
    {TEXT(F "1" F SMILE "x"), {{NULL, 0}}, true}, /* half a pair */

    /* lengths past the end take what is there */
    {TEXT(F "50" F "3:::a"), {TEXT("3:::a")}, false},
    {TEXT(F "99999999999999999999" F "3:::a"), {TEXT("3:::a")}, false},
    {TEXT(F "18446744073709551615" F "3:::a"), {TEXT("3:::a")}, false},
    {TEXT(F "5" F), {{NULL, 0}}, false},

    /* lengths in code points (Python) and in bytes (PHP) */
    {TEXT(F "5" F "3:::" SMILE F "5" F "3:::b"), {TEXT("3:::" SMILE), TEXT("3:::b")}, false},
    {TEXT(F "5" F "3:::" SMILE), {TEXT("3:::" SMILE)}, false},
    {TEXT(F "12" F "3:::" SMILE SMILE F "5" F "3:::b"), {TEXT("3:::" SMILE SMILE), TEXT("3:::b")},
	false},
    {TEXT(F "6" F "3:::" E_ACUTE F "5" F "3:::b"), {TEXT("3:::" E_ACUTE), TEXT("3:::b")}, false},
    {TEXT(F "8" F "3:::" E_ACUTE E_ACUTE), {TEXT("3:::" E_ACUTE E_ACUTE)}, false},
    {TEXT(F "11" F "3:::a" SNOWMAN SNOWMAN F "6" F "3:::bc"),
	{TEXT("3:::a" SNOWMAN SNOWMAN), TEXT("3:::bc")}, false},
    /* a reading that ends at the head of a frame wins over one that ends at any U+FFFD */
    {TEXT(F "9" F "3:::a" SMILE F "5" F "3:::b"), {TEXT("3:::a" SMILE), TEXT("3:::b")}, false},
};

static void
reads_each_body_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		const struct example *e = &examples[i];
		char *copy = exact(e->body, e->body.n);
		struct payload_reader r;
		struct slice packet;
		size_t n = 0;

		payload_read(&r, (struct slice){copy, e->body.n});
		while (payload_next(&r, &packet)) {
			assert_true(n < MAX_READ);
			assert_slice(packet, e->packets[n], e->body);
			n++;
		}
		if (n < MAX_READ && e->packets[n].p != NULL)
			fail_msg("example %zu: packet %zu is missing", i, n);
		if (r.broken != e->broken)
			fail_msg("example %zu: broken is %d", i, r.broken);
		assert_false(payload_next(&r, &packet)); /* the end stays the end */
		free(copy);
	}
}

static void
packets_of_any_cut_lie_inside_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		for (size_t n = 0; n <= examples[i].body.n; n++) {
			char *copy = exact(examples[i].body, n);
			const char *from = copy;
			struct payload_reader r;
			struct slice packet;

			payload_read(&r, (struct slice){copy, n});
			while (payload_next(&r, &packet)) {
				assert_true(packet.n > 0 && packet.p >= from);
				assert_true(packet.p + packet.n <= copy + n);
				from = packet.p + packet.n;
			}
			free(copy);
		}
	}
}

static void
what_is_framed_comes_back(void **state)
{
	static const struct slice packets[] = {TEXT("3:::one"), TEXT("3:::tw\xc3\xb6"),
	    TEXT("3:::" SMILE), TEXT("3:::a" F "5" F "b"), TEXT("3:::\0"), TEXT("2::")};
	struct slice packet,
	    measured = SLICE(F "7" F "3:::one" F "7" F "3:::tw\xc3\xb6" F "6" F "3:::" SMILE);
	struct payload_reader r;
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	for (size_t i = 0; i < COUNT(packets); i++)
		payload_add_framed(&out, packets[i]);
	assert_int_equal(measured.n, 44);
	assert_true(slice_starts(buf_slice(&out), measured));
	payload_read(&r, buf_slice(&out));
	for (size_t i = 0; i < COUNT(packets); i++) {
		assert_true(payload_next(&r, &packet));
		assert_slice(packet, packets[i], packets[i]);
	}
	assert_false(payload_next(&r, &packet));
	assert_false(r.broken);
	buf_free(&out);
}

static void
a_packet_with_a_replacement_character_goes_alone(void **state)
{
	(void)state;
	assert_true(payload_must_be_alone(SLICE("3:::a" F "b")));
	assert_true(payload_must_be_alone(SLICE(F)));
	assert_false(payload_must_be_alone(SLICE("3:::a\xef\xbf\xbe")));
	assert_false(payload_must_be_alone(SLICE("3:::\xef\xbf")));
	assert_false(payload_must_be_alone((struct slice){NULL, 0}));
}

/* A hostile megabyte: quadratic work would take minutes. */
static void
many_small_and_empty_frames_take_linear_time(void **state)
{
	struct payload_reader r;
	struct slice packet;
	struct buf out;
	size_t n = 0;

	(void)state;
	buf_init(&out, 0);
	for (int i = 0; i < 100000; i++)
		payload_add_framed(&out, i % 2 == 0 ? SLICE("3:::a") : SLICE(""));
	payload_read(&r, buf_slice(&out));
	while (payload_next(&r, &packet))
		n++;
	assert_int_equal(n, 50000);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_each_body_as_the_table_says),
	    cmocka_unit_test(packets_of_any_cut_lie_inside_it),
	    cmocka_unit_test(what_is_framed_comes_back),
	    cmocka_unit_test(a_packet_with_a_replacement_character_goes_alone),
	    cmocka_unit_test(many_small_and_empty_frames_take_linear_time),
	};

	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
