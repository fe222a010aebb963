#include "shared/wire/hybi_frame.h"
#include "shared/wire/hybi_key.h"

#include "tests/unit/exact.h"

#define ROOM 100000

static const struct {
	struct slice head; /* the payload does not matter */
	uint64_t payload;
	enum hybi_frame_look look; /* once all announced bytes are there */
	size_t n;
} heads[] = {
    {TEXT("\x81\x00"), 0, HYBI_FRAME_WHOLE, 2}, {TEXT("\x81\x80kkkk"), 0, HYBI_FRAME_WHOLE, 6},
    {TEXT("\x81\x85kkkk"), 5, HYBI_FRAME_WHOLE, 11}, {TEXT("\x81\x7d"), 125, HYBI_FRAME_WHOLE, 127},
    {TEXT("\x81\xfe\x00\x7ekkkk"), 126, HYBI_FRAME_WHOLE, 134},
    {TEXT("\x81\xfe\xff\xffkkkk"), 65535, HYBI_FRAME_WHOLE, 65543},
    {TEXT("\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00kkkk"), 65536, HYBI_FRAME_WHOLE, 65550},
    {TEXT("\x81\xff\x00\x00\x00\x00\x00\x01\x86\xa0kkkk"), ROOM, HYBI_FRAME_WHOLE, ROOM + 14},
    {TEXT("\x81\xff\x00\x00\x00\x00\x00\x01\x86\xa1"), 0, HYBI_FRAME_LARGE, 0},
    {TEXT("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), 0, HYBI_FRAME_LARGE, 0},
    {TEXT("\x89\xfdkkkk"), 125, HYBI_FRAME_WHOLE, 131},
    /* heads that wslay refuses: their payload is not waited for */
    {TEXT("\x89\xfe"), 0, HYBI_FRAME_WHOLE, 2},         /* a long ping */
    {TEXT("\x88\xff"), 0, HYBI_FRAME_WHOLE, 2},         /* a longer close */
    {TEXT("\x81\xfe\x00\x7d"), 0, HYBI_FRAME_WHOLE, 4}, /* 125 in 16 bits */
    {TEXT("\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"), 0, HYBI_FRAME_WHOLE, 10}, /* 65535 in 64 */
    {TEXT("\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00"), 0, HYBI_FRAME_WHOLE,
	10}, /* the highest bit */
};

static void
a_frame_is_recognised_as_soon_as_it_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		size_t head = heads[i].head.n, whole = head + heads[i].payload;
		char *bytes = calloc(1, whole + 1);

		assert_non_null(bytes);
		memcpy(bytes, heads[i].head.p, head);
		for (size_t n = 0; n <= whole; n += n + 20 < head || n + 20 > whole ? 1 : 997) {
			char *copy = exact((struct slice){bytes, whole}, n);
			size_t used = 0;
			enum hybi_frame_look look =
			    hybi_frame_look((struct slice){copy, n}, ROOM, &used);

			if (look != (n < whole ? HYBI_FRAME_MORE : heads[i].look))
				fail_msg("row %zu: %d at %zu", i, look, n);
			assert_int_equal(used, look == HYBI_FRAME_WHOLE ? heads[i].n : 0);
			free(copy);
		}
		free(bytes);
	}
}

static const struct {
	struct slice payload;
	size_t doomed; /* bytes of it after which it cannot become valid; 0: it is valid */
} texts[] = {
    {TEXT("plain"), 0},
    {TEXT("\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80"), 0},
    {TEXT("a\x80"), 2},
    {TEXT("a\xed\xa0\x80z"), 3},
    {TEXT("ab\xf4\x90\x80\x80"), 4},
    {TEXT("\xce\xba\xff"), 3},
};

/* A masked frame that announces one byte more than `payload` has, and so is never whole. */
static struct slice
masked(char *to, unsigned char first, struct slice payload)
{
	static const char key[] = "\x37\xfa\x21\x3d";

	to[0] = (char)first;
	to[1] = (char)(0x80 | (payload.n + 1));
	memcpy(to + 2, key, 4);
	for (size_t i = 0; i < payload.n; i++)
		to[6 + i] = (char)(payload.p[i] ^ key[i % 4]);
	return (struct slice){to, 6 + payload.n};
}

static void
malformed_text_is_noticed_before_its_frame_is_whole(void **state)
{
	char room[64];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct slice in = masked(room, 0x81, texts[i].payload);
		size_t kept = 0;

		for (size_t n = 0; n <= in.n; n++) {
			bool doomed = texts[i].doomed > 0 && n >= 6 + texts[i].doomed;
			char *copy = exact(in, n);
			size_t fresh = 0;

			/* all at once, and as it arrives byte by byte */
			if (hybi_frame_text_valid((struct slice){copy, n}, &fresh) == doomed)
				fail_msg("text %zu at %zu", i, n);
			if (hybi_frame_text_valid((struct slice){copy, n}, &kept) == doomed)
				fail_msg("text %zu at %zu, grown", i, n);
			free(copy);
			assert_true(kept <= texts[i].payload.n);
		}
	}
}

static void
only_the_first_frame_of_a_text_is_judged(void **state)
{
	static const unsigned char first[] = {0x80, 0x00, 0x82, 0x89, 0x88, 0x91, 0xc1};
	char room[64];
	size_t seen = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(first); i++)
		assert_true(
		    hybi_frame_text_valid(masked(room, first[i], SLICE("\xff\xff")), &seen));
	assert_true(hybi_frame_text_valid(SLICE("\x81\x05\xff\xff"), &seen)); /* not masked */
	assert_int_equal(seen, 0);
	/* a first fragment is judged */
	assert_false(hybi_frame_text_valid(masked(room, 0x01, SLICE("\xff\xff")), &seen));
}

static void
a_long_text_is_judged_in_pieces(void **state)
{
	static char frame[8 + 5000];
	size_t seen = 0;

	(void)state;
	memcpy(frame, "\x81\xfe\x27\x10\0\0\0\0", 8); /* a key of zeros */
	for (size_t i = 8; i < sizeof(frame); i++)
		frame[i] = "\xe2\x98\x83"[(i - 8) % 3];
	assert_true(hybi_frame_text_valid((struct slice){frame, sizeof(frame)}, &seen));
	assert_int_equal(seen, 4998);
	frame[3000] = 'x';
	assert_true(hybi_frame_text_valid(
	    (struct slice){frame, sizeof(frame)}, &seen)); /* not judged again */
	seen = 0;
	assert_false(hybi_frame_text_valid((struct slice){frame, sizeof(frame)}, &seen));
}

static void
answers_websocket_keys(void **state)
{
	struct slice key = SLICE("dGhlIHNhbXBsZSBub25jZQ=="); /* RFC 6455, section 1.3 */
	char *copy = exact(key, key.n), accept[HYBI_KEY_ACCEPT_LENGTH + 1];
	char large[129];

	(void)state;
	assert_int_equal(hybi_key_accept(accept, (struct slice){copy, key.n}), 0);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	free(copy);

	memset(large, 'x', sizeof(large));
	assert_int_equal(hybi_key_accept(accept, (struct slice){large, 128}), 0);
	assert_int_equal(strlen(accept), HYBI_KEY_ACCEPT_LENGTH);
	assert_int_equal(hybi_key_accept(accept, (struct slice){large, 129}), -1);
	assert_int_equal(hybi_key_accept(accept, (struct slice){NULL, 0}), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_frame_is_recognised_as_soon_as_it_is_whole),
	    cmocka_unit_test(malformed_text_is_noticed_before_its_frame_is_whole),
	    cmocka_unit_test(only_the_first_frame_of_a_text_is_judged),
	    cmocka_unit_test(a_long_text_is_judged_in_pieces),
	    cmocka_unit_test(answers_websocket_keys),
	};

	return cmocka_run_group_tests_name("hybi", tests, NULL, NULL);
}
