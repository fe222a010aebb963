/* Actions (shared/action/action.h): what is refused and why, and what the accepted ones do. */
#include "tests/unit/testapp.h"

#include "shared/action/action.h"
#include "tests/unit/exact.h"

/* --- reading --------------------------------------------------------------------------------- */

static const struct action_context nobody = {.session = 0};

static const struct {
	const char *json, *code;
	int index;
	const char *field, *message;
} bad[] = {
    /* clang-format off */
	{"", "bad_json", -1, "", "not JSON"},
	{"{", "bad_json", -1, "", "not JSON"},
	{"[1,]", "bad_json", -1, "", "not JSON"},
	{"{\"do\":\"emit\"} x", "bad_json", -1, "", "not JSON"},
	{"\"\xff\"", "bad_json", -1, "", "not JSON"},
	{"1", "bad_action", 0, "", "an object"},
	{"null", "bad_action", 0, "", "an object"},
	{"[[]]", "bad_action", 0, "", "an object"},
	{"{}", "bad_action", 0, "do", "missing"},
	{"{\"do\":\"join\",\"room\":\"a\",\"history\":-1,\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "history", "number of messages"},
	{"{\"do\":\"join\",\"room\":\"a\",\"history\":\"9\",\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "history", "number of messages"},
	{"{\"do\":\"leave\",\"room\":\"a\",\"history\":1,\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "history", "not a field"},
	{"{\"do\":\"fly\"}", "bad_action", 0, "do", "\"fly\" is not an action"},
	{"{\"do\":5}", "bad_action", 0, "do", "not an action"},
	{"{\"do\":\"emit\",\"do\":\"send\"}", "bad_action", 0, "do", "twice"},
	{"{\"do\":\"accept\"}", "bad_action", 0, "later", "\"later\" is missing"},
	{"{\"do\":\"accept\",\"later\":\"\"}", "bad_action", 0, "later", "the authorizer"},
	{"{\"do\":\"accept\",\"later\":\"V1:2\"}", "bad_action", 0, "later", "the authorizer"},
	{"{\"do\":\"accept\",\"later\":\"V1:2:3:4\"}", "bad_action", 0, "later", "the authorizer"},
	{"{\"do\":\"refuse\",\"later\":\"Vx:2:3\"}", "bad_action", 0, "later", "the authorizer"},
	{"{\"do\":\"refuse\",\"later\":\"V-:-2:3\"}", "bad_action", 0, "later", "the authorizer"},
	{"{\"do\":\"refuse\",\"later\":\"V-:2:1234567890123456789\"}", "bad_action", 0, "later", "the authorizer"},
	{"{\"do\":\"refuse\",\"later\":\"V-:2:3\",\"user\":\"x\"}", "bad_action", 0, "user", "not a field of \"refuse\""},
	{"{\"do\":\"accept\",\"later\":\"V-:2:3\",\"data\":[]}", "bad_action", 0, "data", "an object"},
	{"{\"do\":\"accept\",\"later\":\"V-:2:3\",\"data\":{\"a\\u0000\":1}}", "bad_action", 0, "data", "an object"},
	{"{\"do\":\"accept\",\"later\":\"V-:2:3\",\"to\":\"all\"}", "bad_action", 0, "to", "not a field of \"accept\""},
	{"{\"do\":\"emit\"}", "bad_action", 0, "name", "\"name\" is missing"},
	{"{\"do\":\"emit\",\"name\":\"x\"}", "bad_action", 0, "to", "no event"},
	{"{\"do\":\"emit\",\"name\":5,\"to\":\"all\"}", "bad_action", 0, "name", "a string"},
	{"{\"do\":\"emit\",\"nam\":\"x\",\"to\":\"all\"}", "bad_action", 0, "", "\"nam\" is not a field of \"emit\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"text\":\"x\",\"to\":\"all\"}", "bad_action", 0, "text", "not a field of \"emit\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":\"all\",\"args\":{}}", "bad_action", 0, "args", "an array"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":\"all\",\"args\":null}", "bad_action", 0, "args", "an array"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":\"all\",\"volatile\":1}", "bad_action", 0, "volatile", "true or false"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"user\":\"a\"},\"mailbox\":\"1\"}", "bad_action", 0, "mailbox", "seconds"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"user\":\"a\"},\"mailbox\":0}", "bad_action", 0, "mailbox", "seconds"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"room\":\"a\"},\"mailbox\":1}", "bad_action", 0, "mailbox", "with \"user\""},
	{"{\"do\":\"send\",\"text\":\"x\",\"to\":{\"user\":\"a\"},\"mailbox\":1,\"volatile\":true}", "bad_action", 0, "mailbox", "excludes"},
	{"{\"do\":\"json\",\"value\":1,\"to\":{\"user\":\"a\"},\"mailbox\":1,\"ack\":\"b\"}", "bad_action", 0, "mailbox", "excludes"},
	{"{\"do\":\"join\",\"room\":\"x\",\"to\":{\"user\":\"a\"},\"mailbox\":1}", "bad_action", 0, "mailbox", "not a field of \"join\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":\"everyone\"}", "bad_action", 0, "to", "an object or \"all\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":[]}", "bad_action", 0, "to", "an object or \"all\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{}}", "bad_action", 0, "to", "a target must name"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"rooms\":[]}}", "bad_action", 0, "to", "not a field of a target"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"room\":\"a\",\"room\":\"b\"}}", "bad_action", 0, "to", "twice"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"room\":\"a\",\"user\":\"b\"}}", "bad_action", 0, "to", "not several"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"room\":5}}", "bad_action", 0, "room", "a string"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"room\":\"a\\u0000\"}}", "bad_action", 0, "room", "contains U+0000"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"user\":\"a\\u0000\"}}", "bad_action", 0, "user", "contains U+0000"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"ns\":\"/a\\u0000\"}}", "bad_action", 0, "ns", "contains U+0000"},
	{"{\"do\":\"emit\",\"name\":\"x\\u0000y\",\"to\":\"all\"}", "bad_action", 0, "name", "contains U+0000"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"ack\":\"a\\u0000\",\"to\":{\"user\":\"a\"}}", "bad_action", 0, "ack", "contains U+0000"},
	{"{\"do\":\"join\",\"room\":\"\\u0000\",\"to\":\"all\"}", "bad_action", 0, "room", "contains U+0000"},
	{"{\"do\":\"leave\",\"room\":\"a\\u0000\",\"to\":\"all\"}", "bad_action", 0, "room", "contains U+0000"},
	{"{\"do\":\"set\",\"key\":\"a\\u0000\",\"value\":1,\"to\":\"all\"}", "bad_action", 0, "key", "contains U+0000"},
	{"{\"do\":\"del\",\"key\":\"a\\u0000\",\"to\":\"all\"}", "bad_action", 0, "key", "contains U+0000"},
	{"{\"do\":\"user\",\"user\":\"a\\u0000\",\"to\":\"all\"}", "bad_action", 0, "user", "contains U+0000"},
	{"{\"do\":\"disconnect\",\"reason\":\"a\\u0000\",\"to\":\"all\"}", "bad_action", 0, "reason", "contains U+0000"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"ns\":\"chat\"}}", "bad_action", 0, "ns", "like \"/chat\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"ns\":\"/\"}}", "bad_action", 0, "ns", "like \"/chat\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"ns\":\"/a:b\"}}", "bad_action", 0, "ns", "like \"/chat\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"session\":\"secret\"}}", "bad_action", 0, "session", "public id"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"session\":\"PAAAAAAAAAAB\",\"except\":[\"PAAAAAAAAAAB\"]}}", "bad_action", 0, "except", "cannot be used"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"room\":\"a\",\"except\":\"P\"}}", "bad_action", 0, "except", "an array"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"room\":\"a\",\"except\":[5]}}", "bad_action", 0, "except", "a string"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":\"all\",\"context\":1}", "bad_action", 0, "ack", "go with \"ack\""},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":\"all\",\"ack\":\"h\",\"volatile\":true}", "bad_action", 0, "volatile", "exclude each other"},
	{"{\"do\":\"send\",\"text\":\"x\",\"to\":\"all\",\"timeout_ms\":5}", "bad_action", 0, "ack", "go with \"ack\""},
	{"{\"do\":\"json\",\"value\":1,\"to\":\"all\",\"ack\":5}", "bad_action", 0, "ack", "must be a string"},
	{"{\"do\":\"ack\",\"later\":\"PAAAAAAAAAAB:5:\",\"id\":5}", "bad_action", 0, "later", "stands for"},
	{"{\"do\":\"ack\",\"ns\":\"\",\"later\":\"PAAAAAAAAAAB:5:\"}", "bad_action", 0, "later", "stands for"},
	{"{\"do\":\"ack\",\"later\":\"PAAAAAAAAAAB:5\"}", "bad_action", 0, "later", "that the event gave"},
	{"{\"do\":\"ack\",\"later\":\"PAAAAAAAAAAB::\"}", "bad_action", 0, "later", "that the event gave"},
	{"{\"do\":\"ack\",\"later\":\"PAAAAAAAAAAB:5x:\"}", "bad_action", 0, "later", "that the event gave"},
	{"{\"do\":\"ack\",\"later\":\"PAAAAAAAAAAB:5:chat\"}", "bad_action", 0, "later", "that the event gave"},
	{"{\"do\":\"ack\",\"later\":\"PAAAAAAAAAAB:5:/a:b\"}", "bad_action", 0, "later", "that the event gave"},
	{"{\"do\":\"ack\",\"later\":\"PAAAAAAAAAAB:123456789012345678901:\"}", "bad_action", 0, "later", "that the event gave"},
	{"{\"do\":\"ack\",\"later\":\"AAAAAAAAAAB:5:\"}", "bad_action", 0, "later", "that the event gave"},
	{"{\"do\":\"ack\",\"later\":null}", "bad_action", 0, "later", "must be a string"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"user\":\"a\"},\"ack\":\"h\",\"timeout_ms\":1.5}", "bad_action", 0, "timeout_ms", "milliseconds"},
	{"{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"user\":\"a\"},\"ack\":\"h\",\"timeout_ms\":-1}", "bad_action", 0, "timeout_ms", "milliseconds"},
	{"{\"do\":\"send\",\"to\":\"all\"}", "bad_action", 0, "text", "missing"},
	{"{\"do\":\"send\",\"to\":\"all\",\"text\":{}}", "bad_action", 0, "text", "a string"},
	{"{\"do\":\"json\",\"to\":\"all\"}", "bad_action", 0, "value", "missing"},
	{"{\"do\":\"ack\",\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "id", "no event that waits"},
	{"{\"do\":\"ack\",\"session\":\"PAAAAAAAAAAB\",\"id\":-5}", "bad_action", 0, "id", "ack id"},
	{"{\"do\":\"ack\",\"session\":\"PAAAAAAAAAAB\",\"id\":1.0}", "bad_action", 0, "id", "ack id"},
	{"{\"do\":\"ack\",\"session\":\"PAAAAAAAAAAB\",\"id\":\"\"}", "bad_action", 0, "id", "ack id"},
	{"{\"do\":\"ack\",\"id\":5}", "bad_action", 0, "session", "missing"},
	{"{\"do\":\"ack\",\"id\":5,\"to\":\"all\"}", "bad_action", 0, "to", "not a field of \"ack\""},
	{"{\"do\":\"join\",\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "room", "missing"},
	{"{\"do\":\"join\",\"room\":\"r\"}", "bad_action", 0, "to", "missing"},
	{"{\"do\":\"join\",\"room\":\"r\",\"ns\":\"/a\",\"to\":\"all\"}", "bad_action", 0, "to", "go into \"to\""},
	{"{\"do\":\"set\",\"key\":\"k\",\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "value", "missing"},
	{"{\"do\":\"set\",\"value\":1,\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "key", "missing"},
	{"{\"do\":\"user\",\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "user", "missing"},
	{"{\"do\":\"user\",\"session\":\"PAAAAAAAAAAB\",\"user\":42}", "bad_action", 0, "user", "a string"},
	{"{\"do\":\"error\",\"session\":\"PAAAAAAAAAAB\"}", "bad_action", 0, "reason", "\"reason\", \"advice\""},
	{"{\"do\":\"error\",\"session\":\"PAAAAAAAAAAB\",\"reason\":\"bored\"}", "bad_action", 0, "reason", "unauthorized"},
	{"{\"do\":\"error\",\"session\":\"PAAAAAAAAAAB\",\"advice\":\"sleep\"}", "bad_action", 0, "advice", "reconnect"},
	{"[{\"do\":\"emit\",\"name\":\"x\",\"to\":\"all\"},{\"do\":\"x\"}]", "bad_action", 1, "do", "not an action"},
	{"{\"actions\":[],\"more\":1}", "bad_action", -1, "", "beside \"actions\""},
	{"{\"actions\":5}", "bad_action", -1, "", "\"actions\""},
	{"{\"actions\":[],\"strict\":\"yes\"}", "bad_action", -1, "", "\"strict\""},
	{"{\"actions\":[],\"actions\":[]}", "bad_action", -1, "", "\"actions\""},
	{"{\"do\":\"x\",\"actions\":[]}", "bad_action", -1, "", "\"do\""},
    /* clang-format on */
};

static void
what_is_wrong_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct action_list list;
		struct action_error error = {.code = ""};

		if (action_parse(&list, slice_of(bad[i].json), &nobody, &error) != -1)
			fail_msg("accepted: %s", bad[i].json);
		if (strcmp(error.code, bad[i].code) != 0 || error.index != bad[i].index ||
		    strcmp(error.field, bad[i].field) != 0 ||
		    strstr(error.message, bad[i].message) == NULL)
			fail_msg("%s: %s %d \"%s\": %s", bad[i].json, error.code, error.index,
			    error.field, error.message);
		action_free(&list);
	}
}

static void
names_and_lists_have_their_limits(void **state)
{
	static char text[ACTION_BYTES_MAX + 16];
	struct action_list list;
	struct action_error error;
	size_t n;

	(void)state;
	memset(text, ' ', sizeof(text));
	assert_int_equal(
	    action_parse(&list, (struct slice){text, ACTION_BYTES_MAX + 1}, &nobody, &error), -1);
	assert_string_equal(error.code, "too_large");
	action_free(&list);

	n = (size_t)snprintf(text, sizeof(text), "[");
	for (int i = 0; i <= ACTIONS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "%s{\"do\":\"emit\",\"to\":\"all\",\"name\":\"x\"}", i == 0 ? "" : ",");
	text[n++] = ']';
	assert_int_equal(action_parse(&list, (struct slice){text, n}, &nobody, &error), -1);
	assert_string_equal(error.code, "too_many");
	assert_int_equal(error.index, ACTIONS_MAX);
	action_free(&list);

	n = (size_t)snprintf(text, sizeof(text), "{\"do\":\"join\",\"to\":\"all\",\"room\":\"");
	memset(text + n, 'r', 256);
	n += 256;
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\"}");
	assert_int_equal(action_parse(&list, (struct slice){text, n}, &nobody, &error), -1);
	assert_string_equal(error.field, "room");
	action_free(&list);
}

/* Whatever fits into the text; the list is sorted, for it is looked through for each receiver. */
static void
any_number_of_sessions_is_left_out(void **state)
{
	enum {
		SESSIONS = 60000
	};
	struct action_list list;
	struct action_error error;
	struct buf text = {.p = NULL};
	char id[SID_PUBLIC_LENGTH + 1];
	const int64_t *keys;

	(void)state;
	buf_puts(&text, "[{\"do\":\"send\",\"text\":\"\",\"to\":{\"ns\":\"\",\"except\":[");
	for (int i = SESSIONS; i > 0; i--) {
		sid_public_write(id, i * INT64_C(7919));
		buf_printf(&text, "\"%s\"%s", id, i == 1 ? "]}}," : ",");
	}
	buf_puts(&text, "{\"do\":\"send\",\"text\":\"\",\"to\":{\"ns\":\"\","
			"\"except\":[\"PAAAAAAAAAAC\",\"PAAAAAAAAAAB\"]}}]");
	assert_int_equal(action_parse(&list, buf_slice(&text), &nobody, &error), 0);
	assert_int_equal(list.actions[0].except_n, SESSIONS);
	keys = (const int64_t *)(const void *)list.except.p;
	for (int i = 0; i < SESSIONS; i++)
		assert_int_equal(keys[i], (i + 1) * INT64_C(7919));
	keys += list.actions[1].except_at;
	assert_int_equal(list.actions[1].except_n, 2);
	assert_true(keys[0] < keys[1]);
	action_free(&list);
	buf_free(&text);
}

/* Every cut and every changed byte gives an answer, and slices stay inside what they borrow. */
static void
nothing_that_is_cut_or_changed_does_harm(void **state)
{
	static const char text[] =
	    "{\"strict\":true,\"actions\":[{\"do\":\"emit\",\"to\":{\"room\":\"a\\u0041\","
	    "\"ns\":\"/chat\",\"except\":[\"PAAAAAAAAAAB\"]},\"name\":\"x\",\"args\":[1.10]},"
	    "{\"do\":\"set\",\"session\":\"PAAAAAAAAAAB\",\"key\":\"k\",\"value\":{\"a\":1}}]}";
	static const char bytes[] = "\0\"\\{}[],:x1\xff";
	struct action_list list;
	struct action_error error;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *cut = exact(SLICE(text), n);

		assert_int_equal(action_parse(&list, (struct slice){cut, n}, &nobody, &error), -1);
		action_free(&list);
		for (size_t i = 0; i < sizeof(bytes); i++) {
			char *changed = exact(SLICE(text), sizeof(text) - 1);
			struct buf out = {.p = NULL};

			changed[n] = bytes[i];
			if (action_parse(&list, (struct slice){changed, sizeof(text) - 1}, &nobody,
				&error) == -1)
				action_error_write(&out, &error);
			for (size_t a = 0; a < list.n; a++) {
				struct slice json = list.actions[a].json;

				assert_true(json.n == 0 ||
					    (json.p >= changed &&
						json.p + json.n <= changed + sizeof(text) - 1));
			}
			action_free(&list);
			buf_free(&out);
			free(changed);
		}
		free(cut);
	}
}

static void
an_error_is_told_as_json(void **state)
{
	struct action_list list;
	struct action_error error;
	struct buf out = {.p = NULL};

	(void)state;
	assert_int_equal(action_parse(&list, SLICE("[{\"do\":\"emit\"}]"), &nobody, &error), -1);
	action_free(&list);
	action_error_write(&out, &error);
	buf_add_char(&out, '\0');
	assert_string_equal(out.p, "{\"error\":{\"code\":\"bad_action\",\"message\":"
				   "\"\\\"name\\\" is missing\",\"index\":0,\"field\":\"name\"}}");
	buf_free(&out);
}

/* --- running --------------------------------------------------------------------------------- */

/* Run actions in process `i`; %s in them stand for the ids that follow.  Return what it returned.
 */
static struct action_result done;
static struct action_error refused;

static int __attribute__((format(printf, 4, 5)))
act(struct world *w, int i, const struct action_context *ctx, const char *format, ...)
{
	struct action_list list;
	char json[2048];
	va_list ids;
	int result;

	va_start(ids, format);
	vsnprintf(json, sizeof(json), format, ids);
	va_end(ids);
	begin(w, i);
	result = action_parse(&list, slice_of(json), ctx, &refused);
	if (result == -1)
		print_error("%s\n", refused.message);
	assert_int_equal(result, 0);
	result = action_run(w->application[i], &list, &done, &refused);
	action_free(&list);
	settle(w, i);
	return result;
}

static void
packets_go_where_they_are_told(void **state)
{
	struct world *w = *state;
	const struct action_context counting = {.count = true};
	struct client a, b, poll;

	open_stream(w, 0, &a);
	open_stream(w, 1, &b);
	open_polling(w, 1, &poll);
	assert_int_equal(
	    act(w, 0, &counting,
		"[{\"do\":\"emit\",\"to\":{\"room\":\"lobby\"},\"name\":\"n\\u00e9\","
		"\"args\":[ 1.10,1E400, \"\\ud83d\"]},"
		"{\"do\":\"send\",\"to\":{\"session\":\"%s\"},\"text\":\"a\\nb\"},"
		"{\"do\":\"json\",\"to\":\"all\",\"value\":{\"k\":12345678901234567890}},"
		"{\"do\":\"emit\",\"to\":{\"ns\":\"\",\"except\":[\"%s\",\"%s\"]},"
		"\"name\":\"rest\"}]",
		b.id, a.id, b.id),
	    0);
	assert_int_equal(done.actions, 4);
	assert_int_equal(done.receivers, 3 + 1 + 3 + 1);
	wake(w, 1);
	poll_once(w, 0, &poll);
	assert_string_equal(a.sink.got, "5:::{\"name\":\"n\xc3\xa9\",\"args\":[ 1.10,1E400, "
					"\"\\ud83d\"]} 4:::{\"k\":12345678901234567890} ");
	assert_string_equal(b.sink.got,
	    "5:::{\"name\":\"n\xc3\xa9\",\"args\":[ 1.10,1E400, \"\\ud83d\"]} 3:::a\nb "
	    "4:::{\"k\":12345678901234567890} ");
	assert_string_equal(poll.sink.got,
	    "5:::{\"name\":\"n\xc3\xa9\",\"args\":[ 1.10,1E400, \"\\ud83d\"]} "
	    "4:::{\"k\":12345678901234567890} 5:::{\"name\":\"rest\"} ");
}

static void
what_is_not_said_is_the_events_own(void **state)
{
	struct world *w = *state;
	struct client c;
	struct action_context ctx = {.ns = SLICE("/chat"), .ack_id = SLICE("17")};

	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	c.sink.got[0] = '\0';
	assert_int_equal(sid_public_read(slice_of(c.id), &ctx.session), 0);
	assert_int_equal(
	    act(w, 1, &ctx,
		"[{\"do\":\"ack\",\"args\":[\"ok\"]},{\"do\":\"join\",\"room\":\"r\"},"
		"{\"do\":\"send\",\"text\":\"own\"},"
		"{\"do\":\"send\",\"to\":{\"room\":\"r\"},\"text\":\"room\"},"
		"{\"do\":\"leave\",\"room\":\"r\"},"
		"{\"do\":\"send\",\"to\":{\"room\":\"r\"},\"text\":\"lost\"},"
		"{\"do\":\"set\",\"key\":\"k\",\"value\":1.10},"
		"{\"do\":\"user\",\"user\":\"bob\"},"
		"{\"do\":\"send\",\"to\":{\"user\":\"bob\"},\"text\":\"user\"},"
		"{\"do\":\"error\",\"reason\":\"unauthorized\",\"advice\":\"reconnect\"},"
		"{\"do\":\"disconnect\"}]"),
	    0);
	assert_int_equal(done.actions, 11);
	wake(w, 0);
	assert_string_equal(c.sink.got, "6::/chat:17+[\"ok\"] 3::/chat:own 3::/chat:room "
					"3::/chat:user 7::/chat:2+0 0::/chat ");
	begin(w, 1);
	assert_string_equal(sio_get(sio_ns_find(sio_of(w->app[1], ""), c.id), "k"), "1.10");
	settle(w, 1);
}

static void
an_ack_of_another_session_needs_its_own_id(void **state)
{
	static const char *const wrong[] = {
	    "{\"do\":\"ack\",\"session\":\"PAAAAAAAAAAB\"}", "{\"do\":\"ack\",\"ns\":\"\"}"};
	const struct action_context ctx = {
	    .session = 5, .ns = SLICE("/chat"), .ack_id = SLICE("17")};
	struct action_list list;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(action_parse(&list, slice_of(wrong[i]), &ctx, &refused), -1);
		assert_string_equal(refused.field, "id");
		action_free(&list);
	}
}

static void
values_persons_and_ends_of_others(void **state)
{
	struct world *w = *state;
	struct client a, b;
	sio_socket *s;

	open_stream(w, 0, &a);
	open_polling(w, 0, &b);
	w->told[0] = '\0';
	assert_int_equal(
	    act(w, 1, &nobody,
		"[{\"do\":\"user\",\"user\":\"bob\",\"to\":{\"room\":\"lobby\"}},"
		"{\"do\":\"user\",\"user\":null,\"session\":\"%s\"},"
		"{\"do\":\"set\",\"key\":\"k\",\"value\":[1],\"to\":\"all\"},"
		"{\"do\":\"del\",\"key\":\"k\",\"session\":\"%s\"},"
		"{\"do\":\"disconnect\",\"reason\":\"out\",\"to\":{\"user\":\"bob\"}}]",
		b.id, b.id),
	    0);
	assert_string_equal(w->told, "disconnect(out) ");
	wake(w, 0);
	assert_string_equal(a.sink.got, "DISCONNECTED ");
	begin(w, 0);
	s = sio_ns_find(sio_of(w->app[0], ""), b.id);
	assert_non_null(s);
	assert_null(sio_user(s));
	assert_null(sio_get(s, "k"));
	settle(w, 0);
}

static void
an_answer_comes_back_to_the_application(void **state)
{
	struct world *w = *state;
	struct client a, b;

	open_stream(w, 0, &a);
	open_stream(w, 1, &b);
	assert_int_equal(
	    act(w, 0, &nobody, "{\"do\":\"user\",\"user\":\"bob\",\"to\":{\"ns\":\"\"}}"), 0);
	assert_int_equal(
	    act(w, 0, &nobody,
		"{\"do\":\"emit\",\"to\":{\"user\":\"bob\"},\"name\":\"q\",\"ack\":\"answer\","
		"\"context\":{\"n\":1.50},\"timeout_ms\":5000}"),
	    0);
	wake(w, 1);
	assert_string_equal(a.sink.got, "5:1+::{\"name\":\"q\"} ");
	assert_string_equal(b.sink.got, "5:1+::{\"name\":\"q\"} ");
	w->told[0] = '\0';
	say(w, 1, &b, "6:::1+[true]", NULL);
	pass(w, 6000);
	assert_string_equal(w->told, "answer[true]{\"n\":1.50} late:answer[]{\"n\":1.50} ");
}

static void
everybody_in_a_room_answers_for_himself(void **state)
{
	struct world *w = *state;
	struct client a, b;

	open_stream(w, 0, &a);
	open_stream(w, 1, &b);
	assert_int_equal(act(w, 0, &nobody,
			     "[{\"do\":\"send\",\"to\":\"all\",\"text\":\"hi\",\"ack\":\"answer\","
			     "\"context\":1},"
			     "{\"do\":\"json\",\"to\":{\"room\":\"lobby\"},\"value\":[1.10],"
			     "\"ack\":\"answer\"}]"),
	    0);
	assert_int_equal((int)done.receivers, 4);
	wake(w, 1);
	assert_string_equal(a.sink.got, "3:1::hi 4:2::[1.10] ");
	assert_string_equal(b.sink.got, "3:1::hi 4:2::[1.10] ");
	w->told[0] = '\0';
	say(w, 1, &b, "6:::1", "6:::2", NULL);
	say(w, 0, &a, "6:::1", NULL);
	assert_string_equal(w->told, "answer[]1 answer[] answer[]1 ");
}

static void
an_ack_may_come_later(void **state)
{
	struct world *w = *state;
	const struct action_context strict = {.strict = true};
	struct client c;

	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	c.sink.got[0] = '\0';
	assert_int_equal(act(w, 1, &nobody,
			     "[{\"do\":\"ack\",\"later\":\"%s:17:/chat\",\"args\":[\"ok\",1.10]},"
			     "{\"do\":\"ack\",\"later\":\"\"}]",
			     c.id),
	    0);
	wake(w, 0);
	assert_string_equal(c.sink.got, "6::/chat:17+[\"ok\",1.10] ");
	assert_int_equal(act(w, 1, &strict, "{\"do\":\"ack\",\"later\":\"PAAAAAAAAAAB:1:\"}"), -1);
	assert_string_equal(refused.code, "unknown_session");
}

static void
a_join_asks_for_a_history(void **state)
{
	struct world *w = *state;
	struct client a, b;

	open_stream(w, 0, &a);
	open_stream(w, 1, &b);
	assert_int_equal(act(w, 0, &nobody,
			     "[{\"do\":\"join\",\"session\":\"%s\",\"room\":\"den\",\"history\":3},"
			     "{\"do\":\"send\",\"to\":{\"room\":\"den\"},\"text\":\"1\"},"
			     "{\"do\":\"json\",\"to\":{\"room\":\"den\"},\"value\":2},"
			     "{\"do\":\"emit\",\"to\":{\"room\":\"den\"},\"name\":\"3\"},"
			     "{\"do\":\"send\",\"to\":\"all\",\"text\":\"all\"},"
			     "{\"do\":\"send\",\"to\":{\"room\":\"den\"},\"text\":\"ask\","
			     "\"ack\":\"answer\"},"
			     "{\"do\":\"send\",\"to\":{\"session\":\"%s\"},\"text\":\"one\"}]",
			     a.id, a.id),
	    0);
	wake(w, 1);
	b.sink.got[0] = '\0';
	assert_int_equal(
	    act(w, 0, &nobody,
		"[{\"do\":\"join\",\"to\":{\"ns\":\"\"},\"room\":\"den\",\"history\":2},"
		"{\"do\":\"send\",\"to\":{\"room\":\"den\"},\"text\":\"new\"}]"),
	    0);
	wake(w, 1);
	assert_string_equal(
	    a.sink.got, "3:::1 4:::2 5:::{\"name\":\"3\"} 3:::all 3:1::ask 3:::one 3:::new ");
	assert_string_equal(b.sink.got, "4:::2 5:::{\"name\":\"3\"} 3:::new ");
}

static void
a_session_that_is_not_there_is_an_error_only_when_strict(void **state)
{
	static const char gone[] =
	    "[{\"do\":\"send\",\"to\":\"all\",\"text\":\"x\"},"
	    "{\"do\":\"send\",\"to\":{\"session\":\"PAAAAAAAAAAB\"},\"text\":\"x\"}]";
	struct world *w = *state;
	const struct action_context strict = {.strict = true};
	struct client c;

	open_stream(w, 0, &c);
	assert_int_equal(act(w, 0, &strict, gone), -1);
	assert_string_equal(refused.code, "unknown_session");
	assert_int_equal(refused.index, 1);
	assert_int_equal(act(w, 0, &nobody,
			     "{\"strict\":true,\"actions\":[{\"do\":\"join\",\"room\":\"r\","
			     "\"session\":\"%s\",\"ns\":\"/chat\"}]}",
			     c.id),
	    -1);
	assert_string_equal(refused.code, "unknown_session");
	assert_int_equal(act(w, 0, &nobody,
			     "{\"do\":\"del\",\"strict\":true,\"key\":\"k\","
			     "\"session\":\"PAAAAAAAAAAB\"}"),
	    -1);
	assert_string_equal(refused.code, "unknown_session");
	assert_string_equal(c.sink.got, ""); /* nothing of it was done */
	assert_int_equal(act(w, 0, &nobody, gone), 0);
	assert_string_equal(c.sink.got, "3:::x ");
}

static void
a_namespace_that_is_not_there_is_an_error(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	assert_int_equal(act(w, 0, &nobody,
			     "[{\"do\":\"send\",\"to\":\"all\",\"text\":\"x\"},"
			     "{\"do\":\"send\",\"to\":{\"ns\":\"/nope\"},"
			     "\"text\":\"x\"}]"),
	    -1);
	assert_string_equal(refused.code, "unknown_namespace");
	assert_int_equal(refused.index, 1);
	assert_string_equal(c.sink.got, "");
}

static void
a_program_without_an_application_acts_too(void **state)
{
	struct world *w = *state;
	struct application *app = application_open_none();
	struct hub *guest = open_hub(w, app, true);
	struct client c;
	struct action_list list;
	int64_t next;

	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	c.sink.got[0] = w->told[0] = '\0';
	hub_turn_begin(guest, w->now);
	assert_int_equal(
	    action_parse(&list,
		SLICE("[{\"do\":\"join\",\"to\":{\"ns\":\"/chat\"},\"room\":\"r\"},"
		      "{\"do\":\"send\",\"to\":{\"ns\":\"/chat\",\"room\":\"r\"},\"text\":\"x\"},"
		      "{\"do\":\"disconnect\",\"to\":\"all\"}]"),
		&nobody, &refused),
	    0);
	assert_int_equal(action_run(app, &list, &done, &refused), 0);
	action_free(&list);
	assert_int_equal(hub_turn_end(guest, &next), 0);
	assert_string_equal(w->told, "");
	wake(w, 0);
	assert_string_equal(c.sink.got, "3::/chat:x DISCONNECTED ");
	assert_string_equal(w->told, "disconnect/chat(booted) disconnect(booted) ");
	hub_close(guest);
	application_close(app);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(an_ack_of_another_session_needs_its_own_id),
	    cmocka_unit_test(names_and_lists_have_their_limits),
	    cmocka_unit_test(any_number_of_sessions_is_left_out),
	    cmocka_unit_test(nothing_that_is_cut_or_changed_does_harm),
	    cmocka_unit_test(an_error_is_told_as_json),
	    TEST(packets_go_where_they_are_told),
	    TEST(what_is_not_said_is_the_events_own),
	    TEST(values_persons_and_ends_of_others),
	    TEST(an_answer_comes_back_to_the_application),
	    TEST(everybody_in_a_room_answers_for_himself),
	    TEST(an_ack_may_come_later),
	    TEST(a_join_asks_for_a_history),
	    TEST(a_session_that_is_not_there_is_an_error_only_when_strict),
	    TEST(a_namespace_that_is_not_there_is_an_error),
	    TEST(a_program_without_an_application_acts_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
