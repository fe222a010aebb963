#include "shared/wire/handshake.h"

#include "tests/unit/exact.h"

static void
session_ids_are_base64url_and_differ(void **state)
{
	char last[SID_LENGTH + 1] = "", sid[SID_LENGTH + 1];

	(void)state;
	for (int i = 0; i < 10000; i++) { /* each of the 64 characters comes about 3,000 times */
		assert_int_equal(sid_generate(sid), 0);
		assert_int_equal(strlen(sid), SID_LENGTH);
		if (!sid_well_formed(slice_of(sid)))
			fail_msg("%s", sid);
		assert_string_not_equal(sid, last);
		memcpy(last, sid, sizeof(sid));
	}
}

static void
what_cannot_be_a_session_id_is_told(void **state)
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
public_ids_and_keys_belong_together(void **state)
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
		char text[PUBLIC_ID_LENGTH + 1];
		int64_t key = 0;

		public_id_write(text, ids[i].key);
		assert_string_equal(text, ids[i].text);
		assert_int_equal(public_id_read(slice_of(text), &key), 0);
		assert_int_equal(key, ids[i].key);
	}
}

static void
what_is_no_public_id_is_refused(void **state)
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

		assert_int_equal(public_id_read((struct slice){copy, bad[i].n}, &key), -1);
		free(copy);
	}
}

static void
writes_the_line_of_the_handshake(void **state)
{
	static const struct {
		int heartbeat, close;
		const char *line;
	} lines[] = {
	    {60, 60, "dyJYO-fSGE_kq9HqmPiK:60:60:websocket,xhr-polling"},
	    {15, 25, "dyJYO-fSGE_kq9HqmPiK:15:25:websocket,xhr-polling"},
	    {0, -5, "dyJYO-fSGE_kq9HqmPiK:1:1:websocket,xhr-polling"},
	    {2147484, 2147483647, "dyJYO-fSGE_kq9HqmPiK:2147483:2147483:websocket,xhr-polling"},
	};
	struct slice sid = SLICE("dyJYO-fSGE_kq9HqmPiK");
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	for (size_t i = 0; i < COUNT(lines); i++) {
		buf_clear(&out);
		handshake_write(
		    &out, sid, lines[i].heartbeat, lines[i].close, "websocket,xhr-polling");
		assert_slice(buf_slice(&out), slice_of(lines[i].line), sid);
	}
	/* the line of all six transports fits the buffer of the Arduino client */
	buf_clear(&out);
	handshake_write(&out, sid, 60, 60,
	    "websocket,flashsocket,htmlfile,xhr-polling,jsonp-polling,xhr-multipart");
	assert_true(out.n <= 118);
	buf_free(&out);
}

static void
accepts_websocket_keys(void **state)
{
	struct slice key = SLICE("dGhlIHNhbXBsZSBub25jZQ=="); /* RFC 6455, section 1.3 */
	char *copy = exact(key, key.n), accept[WEBSOCKET_ACCEPT_LENGTH + 1];
	char large[129];

	(void)state;
	assert_int_equal(websocket_accept(accept, (struct slice){copy, key.n}), 0);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	free(copy);

	memset(large, 'x', sizeof(large));
	assert_int_equal(websocket_accept(accept, (struct slice){large, 128}), 0);
	assert_int_equal(strlen(accept), WEBSOCKET_ACCEPT_LENGTH);
	assert_int_equal(websocket_accept(accept, (struct slice){large, 129}), -1);
	assert_int_equal(websocket_accept(accept, (struct slice){NULL, 0}), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(session_ids_are_base64url_and_differ),
	    cmocka_unit_test(what_cannot_be_a_session_id_is_told),
	    cmocka_unit_test(keys_are_the_front_of_sha256),
	    cmocka_unit_test(public_ids_and_keys_belong_together),
	    cmocka_unit_test(what_is_no_public_id_is_refused),
	    cmocka_unit_test(writes_the_line_of_the_handshake),
	    cmocka_unit_test(accepts_websocket_keys),
	};

	return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
