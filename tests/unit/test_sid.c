#include "shared/wire/sid.h"

#include "tests/unit/exact.h"

static void
session_ids_are_base64url_and_differ(void **state)
{
	char last[SID_LENGTH + 1] = "", sid[SID_LENGTH + 1];

	(void)state;
	for (int i = 0; i < 10000; i++) { /* each of the 64 characters occurs about 3,000 times */
		assert_int_equal(sid_generate(sid), 0);
		assert_int_equal(strlen(sid), SID_LENGTH);
		if (!sid_well_formed(slice_of(sid)))
			fail_msg("%s", sid);
		assert_string_not_equal(sid, last);
		memcpy(last, sid, sizeof(sid));
	}
}

static void
malformed_session_ids_are_refused(void **state)
{
	static const struct slice bad[] = {
	    TEXT(""),
	    TEXT("4HORyPf2BtnJeOMqmPj"),
	    TEXT("4HORyPf2BtnJeOMqmPjQx"),
	    TEXT("4HORyPf2BtnJeOMqmPj:"),
	    TEXT("4HORyPf2BtnJeOMqmPj+"),
	    TEXT("4HORyPf2BtnJeOMqmPj\0"),
	    TEXT("4HORyPf2BtnJeOMqmPj\xe9"),
	};
	struct slice good = SLICE("-HORyPf2BtnJeOMqmPj_");
	char *copy = exact(good, good.n);

	(void)state;
	assert_true(sid_well_formed((struct slice){copy, good.n}));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(sid_well_formed(bad[i]));
	free(copy);
}

static void
keys_are_the_front_of_sha256(void **state)
{
	(void)state;
	/* SHA-256 of "abc" and of nothing: ba7816bf8f01cfea..., e3b0c44298fc1c14... */
	assert_int_equal(sid_key(SLICE("abc")), 0x3a7816bf8f01cfea);
	assert_int_equal(sid_key(SLICE("")), 0x63b0c44298fc1c14);
	assert_int_equal(sid_key((struct slice){NULL, 0}), 0x63b0c44298fc1c14);
}

static void
public_ids_are_read_back_as_their_keys(void **state)
{
	static const struct {
		int64_t key;
		const char *text;
	} ids[] = {
	    {1, "PAAAAAAAAAAB"},
	    {63, "PAAAAAAAAAA_"},
	    {64, "PAAAAAAAAABA"},
	    {INT64_MAX, "PH__________"},
	    {0x3a7816bf8f01cfea, "PDp4Fr-PAc_q"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		char text[SID_PUBLIC_LENGTH + 1];
		int64_t key = 0;

		sid_public_write(text, ids[i].key);
		assert_string_equal(text, ids[i].text);
		assert_int_equal(sid_public_read(slice_of(text), &key), 0);
		assert_int_equal(key, ids[i].key);
	}
}

static void
malformed_public_ids_are_refused(void **state)
{
	static const struct slice bad[] = {
	    TEXT(""),
	    TEXT("P"),
	    TEXT("PAAAAAAAAAAA"), /* zero */
	    TEXT("PI__________"), /* more than 63 bits */
	    TEXT("P___________"),
	    TEXT("QAAAAAAAAAAB"),
	    TEXT("PAAAAAAAAAA+"),
	    TEXT("PAAAAAAAAAAB="),
	    TEXT("PAAAAAAAAAA"),
	    TEXT("PAAAAAAAAAA\0"),
	};
	int64_t key;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char *copy = exact(bad[i], bad[i].n);

		assert_int_equal(sid_public_read((struct slice){copy, bad[i].n}, &key), -1);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(session_ids_are_base64url_and_differ),
	    cmocka_unit_test(malformed_session_ids_are_refused),
	    cmocka_unit_test(keys_are_the_front_of_sha256),
	    cmocka_unit_test(public_ids_are_read_back_as_their_keys),
	    cmocka_unit_test(malformed_public_ids_are_refused),
	};

	return cmocka_run_group_tests_name("sid", tests, NULL, NULL);
}
