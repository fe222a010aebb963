/* The web hook: signatures, JSON out and in, and what a turn queues. */
#include "tests/unit/hookapp.h"

#include <errno.h>

#include "shared/store/session_data.h"

#define BODY   "{\"v\":1,\"hook\":\"events\",\"events\":[]}"
#define VECTOR "v1,u5793JlqqEbGkWtHMbaREG5JRERxtMZRc5OgP2ZhOI8="

static const struct slice none = {NULL, 0};

/* --- pure --------------------------------------------------------------------------------------
 */

static void
test_signature(void **state)
{
	static const char *const bad[] = {
	    "", "whsec_", "cG9s", "whsec_?", "whsec_cG9sbA=", SECRET ",", SECRET ",x"};
	struct buf out = {.p = NULL};

	(void)state;
	assert_int_equal(hook_sign(&out, SECRET, "evt_0001", 1700000000, SLICE(BODY)), 0);
	assert_true(slice_is(buf_slice(&out), VECTOR));
	buf_clear(&out);
	assert_int_equal(
	    hook_sign(&out, SECRET ",whsec_AAAA", "evt_0001", 1700000000, SLICE(BODY)), 0);
	assert_true(slice_starts(buf_slice(&out), SLICE(VECTOR " v1,")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hook_sign(&out, bad[i], "x", 1, SLICE("")), -1);
	buf_free(&out);
}

static void
test_filter(void **state)
{
	static const struct {
		const char *list, *type, *name;
		bool wanted;
	} cases[] = {
	    {"", "connect", NULL, true},
	    {"", "event", "x", true},
	    {"connect,message", "connect", NULL, true},
	    {"connect,message", "disconnect", NULL, false},
	    {"connect", "event", "connect", false},
	    {"event", "event", "anything", true},
	    {"event:say", "event", "say", true},
	    {"event:say", "event", "says", false},
	    {"event:say,event:order.*", "event", "order.new", true},
	    {"event:order.*", "event", "order.", true},
	    {"event:order.*", "event", "order", false},
	    {"event:a:b", "event", "a:b", true},
	    {"event:*", "event", "", true},
	    {"event:", "event", "", true},
	    {"event:", "event", "x", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    hook_event_is_wanted(cases[i].list, cases[i].type, slice_of(cases[i].name)),
		    cases[i].wanted);
}

static void
test_event_list(void **state)
{
	static const char *const good[] = {"", "connect", "ack,json,message,disconnect,event",
	    "event:say,event:order.*", "event:*", "event:", "event:a:b",
	    "user_connect,user_disconnect"};
	static const struct {
		const char *list, *wrong;
	} bad[] = {
	    {"events", "events"},
	    {"connect,say", "say"},
	    {"connect:x,ack", "connect:x"},
	    {"Connect", "Connect"},
	    {"event,message:*", "message:*"},
	    {"user_connect:42", "user_connect:42"},
	};
	struct slice wrong;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(hook_event_list_is_valid(good[i], &wrong));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(hook_event_list_is_valid(bad[i].list, &wrong));
		assert_true(slice_is(wrong, bad[i].wrong));
	}
}

static void
test_row(void **state)
{
	struct buf body = {.p = NULL}, out = {.p = NULL};
	struct hook_row row = {.id = 255,
	    .key = 1,
	    .ns = SLICE("/c\"hat"),
	    .ack = SLICE("007"),
	    .time = 1795407440123};
	char session[SID_PUBLIC_LENGTH + 1], want[512];

	(void)state;
	sid_public_write(session, 1);
	hook_event_write_named(&body, SLICE("s\"y"), SLICE("[\"hi\", 1.10,1E400,\"\\ud83d\"]"));
	row.body = buf_slice(&body);
	hook_body_write_event(&out, "6b1f", &row, "4\"2", SLICE("\"nick\":\"bob\""));
	snprintf(want, sizeof(want),
	    "{\"id\":\"evt_6b1f_ff\",\"time\":1795407440123,\"session\":\"%s\",\"ns\":\"/"
	    "c\\\"hat\","
	    "\"user\":\"4\\\"2\",\"data\":{\"nick\":\"bob\"},\"ack\":7,\"type\":\"event\","
	    "\"name\":\"s\\\"y\",\"args\":[\"hi\", 1.10,1E400,\"\\ud83d\"]}",
	    session);
	assert_true(slice_is(buf_slice(&out), want));
	buf_clear(&out);
	buf_clear(&body);
	hook_event_write_message(&body, SLICE("a\xff\n"));
	row = (struct hook_row){.id = 1, .key = 1, .ns = SLICE(""), .ack = none, .body = none};
	row.body = buf_slice(&body);
	hook_body_write_event(&out, "e", &row, NULL, none);
	snprintf(want, sizeof(want),
	    "{\"id\":\"evt_e_1\",\"time\":0,\"session\":\"%s\",\"ns\":\"\",\"type\":\"message\","
	    "\"text\":\"a\xef\xbf\xbd\\n\"}",
	    session);
	assert_true(slice_is(buf_slice(&out), want));
	buf_free(&out);
	buf_free(&body);
}

static void
test_timer(void **state)
{
	struct buf body = {.p = NULL};

	(void)state;
	hook_event_write_timer(&body, SLICE("tu\"rn"), SLICE("{\"of\":1.10}"));
	assert_true(slice_is(buf_slice(&body),
	    "\"type\":\"timer\",\"name\":\"tu\\\"rn\",\"context\":{\"of\":1.10}"));
	buf_clear(&body);
	hook_event_write_timer(&body, SLICE("turn"), none);
	assert_true(slice_is(buf_slice(&body), "\"type\":\"timer\",\"name\":\"turn\""));
	buf_free(&body);
}

static void
test_handshake(void **state)
{
	struct buf out = {.p = NULL};

	(void)state;
	hook_body_write_handshake(&out,
	    SLICE("{\"headers\":{\"host\":\"a\",\"cookie\":\"b=\\u00e9\",\"Cookie\":\"c\"},"
		  "\"query\":{\"t\":\"1\"},\"secure\":false}"),
	    "origin,cookie");
	assert_true(slice_is(buf_slice(&out),
	    "{\"headers\":{\"cookie\":\"b=\\u00e9\"},\"query\":{\"t\":\"1\"},\"secure\":false}"));
	buf_free(&out);
}

static void
test_description(void **state)
{
	char text[HOOK_EVENT_TEXT], name[300];
	struct buf body = {.p = NULL};

	(void)state;
	hook_event_write_named(&body, SLICE("s\na\"y \xe2\x98\x83"), SLICE("[]"));
	hook_event_describe(text, SLICE("/chat"), buf_slice(&body));
	assert_string_equal(text, "event \"s?a\"y \xe2\x98\x83\" of \"/chat\"");
	buf_clear(&body);
	hook_event_write_disconnect(&body, "x");
	hook_event_describe(text, SLICE(""), buf_slice(&body));
	assert_string_equal(text, "disconnect of \"\"");
	/* cut, but not in the middle of a character */
	for (size_t n = 0; n + 3 < sizeof(name); n += 3)
		memcpy(name + n, "\xe2\x98\x83", 4);
	for (size_t size = 1; size < 20; size++) {
		hook_event_plain(text, size, slice_of(name));
		assert_int_equal(strlen(text), (size - 1) / 3 * 3);
	}
	buf_free(&body);
}

/* --- with a hub ----------------------------------------------------------------------------------
 */

static void
test_events_stand_in_the_turn(void **state)
{
	struct fixture *f = *state;
	struct rows rows = rows_of(f);

	assert_int_equal(rows.n, 1); /* connect */
	receive_packet(f->hub, session(f), SLICE("5:1+::{\"name\":\"a\"}"));
	receive_packet(f->hub, session(f), SLICE("5:::{\"name\":\"disconnect\"}"));
	receive_packet(f->hub, session(f), SLICE("4:::{bad"));
	receive_packet(f->hub, session(f), SLICE("3:::x"));
	rows = rows_of(f);
	assert_int_equal(rows.n, 3);
	assert_false(rows.at[0].is_sync);
	assert_true(rows.at[1].is_sync);
	transaction_fail(f->hub);
	turn(f);
	rows = rows_of(f); /* the turn was rolled back, connect and all */
	assert_int_equal(rows.n, 0);
}

static void
test_data_outlives_the_session(void **state)
{
	struct fixture *f = *state;
	struct store *st = hub_store(f->hub);
	struct buf data = {.p = NULL};
	struct rows rows;
	char *user;

	assert_int_equal(
	    session_data_set(st, f->key, SLICE("nick"), SLICE("\"bob\""), 1000), STORE_OK);
	assert_int_equal(session_row_set_user(st, f->key, SLICE("42")), 0);
	session_end(f->hub, session(f), "test", false);
	rows = rows_of(f);
	assert_int_equal(rows.n, 3);
	/* that of the user is none of the session's */
	assert_true(rows.at[--rows.n].key < 0);
	for (size_t i = 0; i <= rows.n; i++) {
		bool kept = i < rows.n;

		buf_clear(&data);
		assert_int_equal(hook_body_write_values(&data, f->hook, f->key), 0);
		assert_true(slice_is(buf_slice(&data), kept ? "\"nick\":\"bob\"" : ""));
		assert_int_equal(hook_queue_user(st, f->key, &user), 0);
		assert_true(slice_is(slice_of(user), kept ? "42" : ""));
		free(user);
		if (!kept)
			break;
		assert_int_equal(hook_queue_done(st, rows.at[i].id), 0);
		assert_int_equal(hook_queue_forget(st, f->key), 0);
	}
	buf_free(&data);
}

static int
reply(struct fixture *f, const char *format, char error[HOOK_ERROR_MAX])
{
	struct hook_sent sent = {
	    .id = 1, .key = f->key, .ns = &namespace_find(f->app, SLICE(""))->hub, .ack = "07"};
	char id[HOOK_ID_MAX], text[1024];

	event_id_write(id, store_epoch(hub_store(f->hub)), 1);
	snprintf(text, sizeof(text), "%s", format);
	for (char *at; (at = strstr(text, "ID")) != NULL;) {
		char rest[1024];

		snprintf(rest, sizeof(rest), "%s", at + 2);
		snprintf(at, sizeof(text) - (size_t)(at - text), "%s%s", id, rest);
	}
	f->client.sink.got[0] = '\0';
	error[0] = '\0';
	free(f->thrown);
	return hook_reply_run(f->hook, &sent, 1, slice_of(text), &f->thrown, error);
}

static void
test_reply(void **state)
{
	static const struct {
		const char *text, *got; /* NULL: it is wrong */
	} cases[] = {
	    {"", ""},
	    {"{}", ""},
	    {"{\"results\":[],\"actions\":[],\"more\":1}", ""},
	    {"{\"results\":[{\"id\":\"ID\",\"ack\":[1.10]}]}", "6:::07+[1.10] "},
	    {"{\"results\":[{\"ack\":[2],\"actions\":[{\"do\":\"send\",\"text\":\"x\"}],\"id\":"
	     "\"ID\"}]}",
		"3:::x 6:::07+[2] "},
	    {"{\"results\":[{\"id\":\"ID\",\"ack\":[1],\"actions\":[{\"do\":\"ack\",\"args\":[2]},"
	     "{\"do\":\"ack\",\"id\":7,\"args\":[3]}]}]}",
		"6:::07+[2] "},
	    {"{\"results\":[{\"id\":\"another\",\"ack\":[1]},{\"id\":\"ID\"}]}", ""},
	    {"{\"results\":[{\"id\":\"ID\",\"actions\":[]}],\"actions\":[{\"do\":\"send\",\"to\":"
	     "\"all\",\"text\":\"x\"}]}",
		"3:::x "},
	    {"{\"results\":{}}", NULL},
	    {"{\"results\":[1]}", NULL},
	    {"{\"results\":[{\"ack\":[1]}]}", NULL},
	    {"{\"results\":[{\"id\":\"ID\",\"ack\":[1]}],\"actions\":[{\"do\":\"fly\"}]}", NULL},
	    {"{\"actions\":[{\"do\":\"send\",\"text\":\"x\"}]}", NULL},
	    {"{\"results\":[{\"id\":\"ID\",\"error\":\"x\"}],\"actions\":[1]}", NULL},
	    {"{\"results\":[{\"id\":\"ID\",\"ack\":[1],\"error\":null}]}", "6:::07+[1] "},
	};
	struct fixture *f = *state;
	char error[HOOK_ERROR_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int result = reply(f, cases[i].text, error);

		assert_int_equal(result, cases[i].got == NULL ? -1 : 0);
		assert_int_equal(error[0] == '\0', cases[i].got != NULL);
		transaction_open(f->hub);
		assert_string_equal(f->client.sink.got, cases[i].got == NULL ? "" : cases[i].got);
	}
}

/* Such an event is in a lane of the user's: it says itself which session it is about, and a result
 * must say for whom its actions are. */
static void
test_events_of_a_user(void **state)
{
	struct fixture *f = *state;
	struct buf out = {.p = NULL}, all = {.p = NULL};
	struct hook_row row = {.id = 255, .key = -5, .ns = SLICE(""), .ack = none, .time = 7};
	struct hook_sent sent = {.id = 1, .key = -5, .ns = &namespace_find(f->app, SLICE(""))->hub};
	char session[SID_PUBLIC_LENGTH + 1], want[512], text[512], error[HOOK_ERROR_MAX];
	char id[HOOK_ID_MAX];

	sid_public_write(session, 1);
	hook_event_write_user(&out, 1, SLICE("4\"2"), true, SLICE("\"nick\":\"bob\""));
	row.body = buf_slice(&out);
	hook_body_write_event(&all, "6b1f", &row, NULL, none);
	snprintf(want, sizeof(want),
	    "{\"id\":\"evt_6b1f_ff\",\"time\":7,\"ns\":\"\",\"type\":\"user_connect\","
	    "\"session\":\"%s\",\"user\":\"4\\\"2\",\"data\":{\"nick\":\"bob\"}}",
	    session);
	assert_true(slice_is(buf_slice(&all), want));
	buf_clear(&out);
	hook_event_write_user(&out, 1, SLICE("42"), false, none);
	assert_true(slice_starts(buf_slice(&out), SLICE("\"type\":\"user_disconnect\"")));
	event_id_write(id, store_epoch(hub_store(f->hub)), 1);
	snprintf(text, sizeof(text),
	    "{\"results\":[{\"id\":\"%s\",\"actions\":[{\"do\":\"send\",\"text\":\"x\"}]}]}", id);
	free(f->thrown);
	assert_int_equal(hook_reply_run(f->hook, &sent, 1, slice_of(text), &f->thrown, error), 0);
	assert_non_null(strstr(f->thrown, "\"to\" is missing"));
	buf_free(&out);
	buf_free(&all);
}

static void
test_error_in_a_reply(void **state)
{
	static const char *const wrong[] = {
	    "{\"results\":[{\"id\":\"ID\",\"ack\":1}]}",
	    "{\"results\":[{\"id\":\"ID\",\"actions\":{}}]}",
	    "{\"results\":[{\"id\":\"ID\",\"error\":1}]}",
	    "{\"results\":[{\"id\":\"ID\",\"ack\":[1],\"actions\":[{\"do\":\"emit\",\"to\":"
	    "{\"ns\":\"/nowhere\"},\"name\":\"x\"}]}]}",
	};
	struct fixture *f = *state;
	char error[HOOK_ERROR_MAX];

	/* of the event nothing is done, of the rest everything */
	assert_int_equal(
	    reply(f,
		"{\"results\":[{\"id\":\"ID\",\"ack\":[1],\"actions\":[{\"do\":\"fly\"}],"
		"\"error\":\"Type\\nError\"}],\"actions\":[{\"do\":\"send\",\"to\":\"all\","
		"\"text\":\"x\"}]}",
		error),
	    0);
	assert_string_equal(f->thrown, "Type?Error");
	assert_int_equal(transaction_open(f->hub), 0);
	assert_string_equal(f->client.sink.got, "3:::x ");
	/* a result that is wrong costs its event only */
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(reply(f, wrong[i], error), 0);
		assert_string_equal(error, f->thrown);
		assert_string_equal(f->client.sink.got, "");
	}
	/* wherever else that has a result */
	assert_int_equal(
	    reply(f,
		"{\"results\":[{\"id\":\"ID\",\"actions\":[{\"do\":\"send\",\"text\":\"no\"}]},"
		"{\"id\":\"ID\",\"actions\":[{\"do\":\"join\",\"room\":\"a\\u0000b\"}]}],"
		"\"actions\":[{\"do\":\"send\",\"to\":\"all\",\"text\":\"y\"}]}",
		error),
	    0);
	assert_string_equal(f->thrown, "action 0: \"room\" contains U+0000");
	assert_string_equal(error, f->thrown);
	assert_string_equal(f->client.sink.got, "3:::y ");
	/* a wrong reply has no texts */
	assert_int_equal(reply(f, "{\"results\":[{\"id\":\"ID\",\"error\":\"x\"},1]}", error), -1);
	assert_null(f->thrown);
}

static void
test_good_replies(void **state)
{
	(void)state;
	assert_true(hook_reply_is_good(SLICE("")));
	assert_true(hook_reply_is_good(SLICE(" \r\n")));
	assert_true(hook_reply_is_good(SLICE(" {\"a\":[]}\n")));
	assert_false(hook_reply_is_good(SLICE("[]")));
	assert_false(hook_reply_is_good(SLICE("{}x")));
	assert_false(hook_reply_is_good(SLICE("<html>")));
}

static void
test_verdicts(void **state)
{
	static const struct {
		const char *text;
		int verdict;
	} cases[] = {
	    {"", 0},
	    {"{\"accept\":true}", 0},
	    {"{\"accept\":false,\"reason\":\"\\u0007banned\"}", -EACCES},
	    {"{}", -EPROTO},
	    {"{\"accept\":1}", -EPROTO},
	    {"{\"accept\":true,\"user\":7}", -EPROTO},
	    {"{\"accept\":true,\"user\":\"42\\u0000x\"}", -EPROTO},
	    {"{\"accept\":true,\"data\":{\"k\\u0000x\":1}}", -EPROTO},
	    {"{\"accept\":true,\"transports\":[\"websocket\\u0000\"]}", -EPROTO},
	    {"{\"accept\":true,\"actions\":[{\"do\":\"join\",\"room\":\"a\\u0000\"}]}", -EPROTO},
	    {"{\"accept\":true,\"data\":[]}", -EPROTO},
	    {"{\"accept\":true,\"actions\":{}}", -EPROTO},
	    {"{\"accept\":true,\"actions\":[{\"do\":\"join\"}]}", -EPROTO},
	    {"{\"accept\":true,\"transports\":\"x\"}", -EPROTO},
	};
	struct fixture *f = *state;
	struct hook_admission a = {.actions = NULL};
	char error[HOOK_ERROR_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(hook_reply_verdict(f->hook, f->key, SLICE(""),
				     slice_of(cases[i].text), &a, error),
		    cases[i].verdict);
		hook_reply_free_admission(&a);
	}
	assert_int_equal(
	    hook_reply_verdict(f->hook, f->key, SLICE(""),
		SLICE("{\"accept\":true,\"user\":\"42\",\"data\":{\"pi\":3.140},\"actions\":[{"
		      "\"do\":\"join\",\"room\":\"r\"}],\"transports\":[\"websocket\",\"x\"]}"),
		&a, error),
	    0);
	assert_string_equal(a.words.user, "42");
	assert_string_equal(a.words.data, "{\"pi\":3.140}");
	assert_string_equal(a.actions, "[{\"do\":\"join\",\"room\":\"r\"}]");
	assert_string_equal(a.transports, "websocket,x");
	hook_reply_free_admission(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_signature),
	    cmocka_unit_test(test_filter),
	    cmocka_unit_test(test_event_list),
	    cmocka_unit_test(test_row),
	    cmocka_unit_test(test_timer),
	    cmocka_unit_test(test_handshake),
	    cmocka_unit_test(test_description),
	    cmocka_unit_test(test_good_replies),
	    cmocka_unit_test_setup_teardown(
		test_events_stand_in_the_turn, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(
		test_data_outlives_the_session, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(test_reply, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(test_events_of_a_user, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(test_error_in_a_reply, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(test_verdicts, open_fixture, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
