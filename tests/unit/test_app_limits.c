/* What the application may keep for one session: beyond it the call is refused, for that session
 * alone.  A session may be in 100 rooms, owe 100 acks and have 1 MiB of values (process.h). */
#include "shared/action/action.h"
#include "tests/unit/testapp.h"

#define ROOMS 100
#define ACKS  100

static const char *log_file;

static void
join_rooms(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	/* it is in "lobby" since its connection */
	for (int i = 1; i < ROOMS; i++)
		assert_int_equal(sio_join(s, sio_format(s, "room %d", i)), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sio_join(s, "one more"), -EDQUOT);
	assert_int_equal(sio_join(s, "lobby"), 0); /* it is there already */
	assert_int_equal(sio_rooms(s, NULL, NULL), ROOMS);
}

static void
change_rooms(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_join(s, "one more"), -EDQUOT);
	assert_int_equal(sio_leave(s, "room 50"), 0);
	assert_int_equal(sio_join(s, "one more"), 0);
	assert_int_equal(sio_join(s, "another"), -EDQUOT);
	assert_int_equal(sio_send_to(sio_in(s, "room 50"), "left", 4), 0);
	assert_int_equal(sio_send_to(sio_in(s, "another"), "never", 5), 0);
	assert_int_equal(sio_send_to(sio_in(s, "room 49"), "first", 5), 0);
	assert_int_equal(sio_send_to(sio_in(s, "one more"), "second", 6), 0);
}

static void
join_one(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_join(s, "one more"), 0);
}

static void
rooms_of_a_session_have_a_limit(void **state)
{
	struct world *w = *state;
	struct client full, other;
	char *said;

	open_stream(w, 0, &full);
	open_stream(w, 0, &other);
	log_file = log_into(w);
	run(w, 0, &full, join_rooms);
	said = log_said(log_file);
	assert_non_null(strstr(said, full.id));
	assert_int_equal(count(said, "is at the limit rooms_per_session"), 1);
	run(w, 0, &other, join_one);
	run(w, 0, &full, change_rooms);
	assert_string_equal(full.sink.got, "3:::first 3:::second ");
}

/* Its namespaces count together, and it is counted wherever its packets arrive. */
static void
rooms_are_counted_in_every_process(void **state)
{
	struct world *w = *state;
	struct client c;

	open_polling(w, 0, &c);
	run(w, 0, &c, join_rooms);
	say(w, 1, &c, "1::/chat", NULL);
	w->script = change_rooms;
	say(w, 1, &c, DO, NULL);
	poll_once(w, 0, &c);
	assert_string_equal(c.sink.got, "1::/chat 3:::first 3:::second ");
}

static void
come_and_go(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	for (int i = 0; i < 10 * ROOMS; i++) {
		assert_int_equal(sio_join(s, sio_format(s, "visited %d", i)), 0);
		assert_int_equal(sio_leave(s, sio_format(s, "visited %d", i)), 0);
	}
}

static void
come_and_go_with_messages(struct world *w, sio_socket *s, const sio_event *e)
{
	int refused = 0;

	(void)w;
	(void)e;
	for (int i = 0; i < 5 * ROOMS; i++) {
		const char *room = sio_format(s, "visited %d", i);
		int result = sio_join(s, room);

		assert_true(result == 0 || result == -EDQUOT);
		refused += result != 0;
		sio_send_to(sio_broadcast_to(s, "lobby"), "x", 1);
		assert_int_equal(sio_leave(s, room), 0);
	}
	/* its client has not polled since, and may have missed something in each */
	assert_int_equal(refused, 3 * ROOMS);
}

static void
rooms_that_were_left_are_kept_in_bounds(void **state)
{
	struct world *w = *state;
	struct client c;

	open_polling(w, 0, &c);
	run(w, 0, &c, come_and_go);
	run(w, 1, &c, come_and_go_with_messages);
	/* once it has, and the log is trimmed, it goes on */
	poll_once(w, 0, &c);
	for (int i = 0; i < 3; i++)
		pass(w, 1000);
	poll_once(w, 1, &c);
	run(w, 1, &c, come_and_go);
}

/* --- values ---------------------------------------------------------------------------------- */

static void
set_values(struct world *w, sio_socket *s, const sio_event *e)
{
	static char json[(1 << 20) / 4];

	(void)w;
	(void)e;
	memset(json, '1', sizeof(json) - 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sio_set(s, sio_format(s, "key %d", i), json), 0);
	/* a little more than the limit, by the keys and the 64 bytes of each */
	assert_int_equal(sio_set(s, "key 3", json), -EDQUOT);
	assert_null(sio_get(s, "key 3"));
	assert_int_equal(sio_set(s, "key 2", json), 0);
	/* the old value stays */
	assert_int_equal(sio_set(s, "small", "5"), 0);
	assert_int_equal(sio_set(s, "small", json), -EDQUOT);
	assert_string_equal(sio_get(s, "small"), "5");
	assert_int_equal(sio_set(s, "key 2", "1"), 0);
	assert_int_equal(sio_set(s, "small", json), 0);
	assert_int_equal(sio_del(s, "key 0"), 0);
	assert_int_equal(sio_del(s, "key 0"), 0);
	assert_int_equal(sio_set(s, "key 4", json), 0);
}

static void
set_small_values(struct world *w, sio_socket *s, const sio_event *e)
{
	int n = 0;

	(void)w;
	(void)e;
	while (sio_set(s, sio_format(s, "%d", n), "1") == 0)
		n++;
	assert_in_range(n, 14000, 16384);
}

static void
values_of_a_session_have_a_limit(void **state)
{
	struct world *w = *state;
	struct client c, other;

	open_stream(w, 0, &c);
	open_stream(w, 1, &other);
	run(w, 0, &c, set_values);
	run(w, 1, &other, set_small_values);
}

/* --- acks ------------------------------------------------------------------------------------ */

static void
ask(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	for (int i = 0; i < ACKS; i++)
		assert_int_equal(sio_emit_ack(s, "ask", NULL, "answer", NULL, 1000), 0);
	assert_int_equal(sio_emit_ack(s, "too much", NULL, "answer", NULL, 0), -EDQUOT);
	assert_int_equal(sio_emit(s, "free", NULL), 0);
}

static void
ask_once(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_emit_ack(s, "ask", NULL, "answer", NULL, 0), 0);
	assert_int_equal(sio_emit_ack(s, "ask", NULL, "answer", NULL, 0), -EDQUOT);
}

static void
acks_awaited_of_a_session_have_a_limit(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	run(w, 0, &c, ask);
	assert_null(strstr(c.sink.got, "too much"));
	assert_non_null(strstr(c.sink.got, "free"));
	/* an answer makes room for one more, and a second answer to the same does not */
	say(w, 0, &c, "6:::7", "6:::7", NULL);
	run(w, 0, &c, ask_once);
	/* those that were not answered in time make room too */
	pass(w, 2000);
	assert_int_equal(count(w->told, "late:answer"), ACKS - 1);
	w->told[0] = '\0';
	say(w, 0, &c, "6:::101", NULL);
	run(w, 0, &c, ask);
}

static void
ask_with_a_long_context(struct world *w, sio_socket *s, const sio_event *e)
{
	static char context[65538];

	(void)w;
	(void)e;
	memset(context, '1', sizeof(context) - 1);
	assert_int_equal(sio_emit_ack(s, "ask", NULL, "answer", context, 0), -EMSGSIZE);
	assert_int_equal(sio_emit_ack(s, "ask", NULL, "answer", context + 1, 0), 0);
}

static void
the_context_of_an_ack_has_a_limit(void **state)
{
	static const struct action_context nobody = {.session = 0};
	struct world *w = *state;
	struct client c;
	struct buf json = {.p = NULL};
	struct action_list list;
	struct action_error error;

	open_stream(w, 0, &c);
	run(w, 0, &c, ask_with_a_long_context);
	buf_puts(&json, "{\"do\":\"emit\",\"name\":\"x\",\"to\":{\"user\":\"a\"},\"ack\":\"h\","
			"\"context\":");
	for (int i = 0; i < 65537; i++)
		buf_add_char(&json, '1');
	buf_add_char(&json, '}');
	assert_int_equal(action_parse(&list, buf_slice(&json), &nobody, &error), -1);
	assert_string_equal(error.message, "\"context\" is longer than 65536 bytes");
	action_free(&list);
	buf_free(&json);
}

/* --- actions --------------------------------------------------------------------------------- */

static void
join_99(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	for (int i = 1; i < ROOMS; i++)
		sio_join(s, sio_format(s, "room %d", i));
}

/* Run actions in a turn that is committed; what was refused goes into `text`. */
static void
act(struct world *w, const char *json, struct action_result *result, struct buf *text)
{
	static const struct action_context nobody = {.count = true};
	struct action_list list;
	struct action_error error;

	begin(w, 0);
	assert_int_equal(action_parse(&list, slice_of(json), &nobody, &error), 0);
	assert_int_equal(action_run(w->application[0], &list, result, &error), 0);
	action_free(&list);
	settle(w, 0);
	buf_clear(text);
	action_result_write(text, result);
	buf_add_char(text, '\0');
}

/* One that is full costs the others nothing. */
static void
an_action_is_refused_for_those_at_the_limit_only(void **state)
{
	struct world *w = *state;
	struct client full, other;
	struct action_result result;
	struct buf text = {.p = NULL};
	char want[200];

	open_stream(w, 0, &full);
	open_stream(w, 0, &other);
	run(w, 0, &full, join_99);
	act(w,
	    "[{\"do\":\"send\",\"to\":\"all\",\"text\":\"a\"},"
	    "{\"do\":\"join\",\"to\":{\"room\":\"lobby\"},\"room\":\"new\"},"
	    "{\"do\":\"send\",\"to\":{\"room\":\"new\"},\"text\":\"b\"}]",
	    &result, &text);
	assert_int_equal(result.actions, 3);
	assert_int_equal(result.refused, 1);
	snprintf(want, sizeof(want),
	    ",\"refused\":1,\"error\":{\"code\":\"limit\",\"message\":"
	    "\"session %s is at the limit rooms_per_session\",\"index\":1}",
	    full.id);
	assert_string_equal(text.p, want);
	assert_string_equal(full.sink.got, "3:::a ");
	assert_string_equal(other.sink.got, "3:::a 3:::b ");
	act(w, "{\"do\":\"send\",\"to\":\"all\",\"text\":\"a\"}", &result, &text);
	assert_string_equal(text.p, "");
	buf_free(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(rooms_of_a_session_have_a_limit),
	    TEST(rooms_are_counted_in_every_process),
	    TEST(rooms_that_were_left_are_kept_in_bounds),
	    TEST(values_of_a_session_have_a_limit),
	    TEST(acks_awaited_of_a_session_have_a_limit),
	    TEST(the_context_of_an_ack_has_a_limit),
	    TEST(an_action_is_refused_for_those_at_the_limit_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
