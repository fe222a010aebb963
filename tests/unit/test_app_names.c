/* Names that contain U+0000: never cut, so that no two of them, and none of them and a shorter one,
 * are the same room, key, event or user. */
#include "tests/unit/testapp.h"

/* A name with its length, NULs inside. */
#define N(literal) literal, sizeof(literal) - 1

#define DO_WITH(args) "5:::{\"name\":\"do\",\"args\":" args "}"

static void
add_name(void *arg, const char *room, size_t n)
{
	struct buf *names = arg;

	buf_add(names, room, n);
	buf_add_char(names, ';');
}

static void
add_c_name(void *arg, const char *room)
{
	add_name(arg, room, strlen(room));
}

/* --- rooms ----------------------------------------------------------------------------------- */

static void
join_by_length(struct world *w, sio_socket *s, const sio_event *e)
{
	struct buf names = {.p = NULL};
	size_t n;
	const char *name = sio_text_n(s, sio_arg(s, e->args, 0), &n);

	(void)w;
	assert_int_equal(sio_join_n(s, name, n), 0);
	assert_int_equal(sio_join_n(s, name, n), 0);
	assert_int_equal(sio_rooms_n(s, add_name, &names), 2);
	assert_int_equal(names.n, 4 + 6); /* a, NUL, b or c; lobby */
	buf_clear(&names);
	assert_int_equal(sio_rooms(s, add_c_name, &names), 1);
	assert_true(slice_is(buf_slice(&names), "lobby;"));
	buf_free(&names);
}

static void
send_to_rooms(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_send_to(sio_in(s, "a"), "cut", 3), 0);
	assert_int_equal(sio_send_to(sio_in_n(s, N("a\0b")), "b", 1), 0);
	assert_int_equal(sio_send_to(sio_in_n(s, N("a\0c")), "c", 1), 0);
	assert_int_equal(sio_send_to(sio_broadcast_to_n(s, N("a\0b")), "others", 6), 0);
	assert_int_equal(sio_send_to(sio_ns_in_n(sio_namespace(s), N("a\0")), "shorter", 7), 0);
	assert_int_equal(sio_clients(sio_in_n(s, N("a\0b")), NULL, NULL), 1);
	assert_int_equal(sio_leave(s, "a"), 0);
	assert_int_equal(sio_send_to(sio_in_n(s, N("a\0b")), "still", 5), 0);
	assert_int_equal(sio_leave_n(s, N("a\0b")), 0);
	assert_int_equal(sio_send_to(sio_in_n(s, N("a\0b")), "left", 4), 0);
}

static void
rooms_whose_names_differ_after_a_nul_are_two(void **state)
{
	struct world *w = *state;
	struct client b, c;

	open_stream(w, 0, &b);
	open_stream(w, 0, &c);
	w->script = join_by_length;
	say(w, 0, &b, DO_WITH("[\"a\\u0000b\"]"), NULL);
	say(w, 0, &c, DO_WITH("[\"a\\u0000c\"]"), NULL);
	run(w, 0, &b, send_to_rooms);
	assert_string_equal(b.sink.got, "3:::b 3:::still ");
	assert_string_equal(c.sink.got, "3:::c ");
}

/* In another process, that has the name from the log. */
static void
a_room_with_a_nul_is_joined_from_another_process(void **state)
{
	struct world *w = *state;
	struct client b;

	open_stream(w, 0, &b);
	w->script = join_by_length;
	say(w, 1, &b, DO_WITH("[\"a\\u0000b\"]"), NULL);
	wake(w, 0);
	run(w, 0, &b, send_to_rooms);
	assert_string_equal(b.sink.got, "3:::b 3:::still ");
}

static void
use_c_strings(struct world *w, sio_socket *s, const sio_event *e)
{
	static char longer[300];
	const char *json = sio_arg(s, e->args, 0), *name = sio_text(s, json);
	size_t n = 0;

	(void)w;
	assert_null(name);
	assert_int_equal(sio_join(s, name), -EINVAL);
	assert_int_equal(sio_leave(s, name), -EINVAL);
	assert_int_equal(sio_set(s, name, "1"), -EINVAL);
	assert_int_equal(sio_del(s, name), -EINVAL);
	assert_int_equal(sio_emit(s, name, NULL), -EINVAL);
	assert_int_equal(sio_send_to(sio_to_user(s, name), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_in_n(s, name, n), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_broadcast_to(s, name), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_broadcast_to_n(s, NULL, 0), "x", 1), -EINVAL);
	assert_int_equal(sio_rooms(s, NULL, NULL), 1);
	/* and what is no name at all */
	memset(longer, 'x', sizeof(longer));
	assert_int_equal(sio_join_n(s, longer, sizeof(longer)), -EINVAL);
	assert_int_equal(sio_send_to(sio_in_n(s, longer, 100000), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_in_n(s, longer, 300), "x", 1), -EINVAL);
	assert_int_equal(sio_join_n(s, N("\xff\0b")), -EINVAL);
	assert_null(sio_text_n(s, "5", &n));
	assert_string_equal(sio_text_n(s, "\"five\"", &n), "five");
	assert_int_equal(n, 4);
	/* without a NUL both spell the same room */
	assert_int_equal(sio_join_n(s, N("same")), 0);
	assert_int_equal(sio_send_to(sio_in(s, "same"), "same", 4), 0);
	assert_int_equal(sio_join(s, ""), 0);
	assert_int_equal(sio_send_to(sio_in_n(s, "anything", 0), "empty", 5), 0);
}

static void
c_strings_refuse_such_names(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	w->script = use_c_strings;
	say(w, 0, &c, DO_WITH("[\"lobby\\u0000b\"]"), NULL);
	assert_string_equal(c.sink.got, "3:::same 3:::empty ");
}

/* --- values ---------------------------------------------------------------------------------- */

static void
set_values(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_set_n(s, N("k\0b"), "1"), 0);
	assert_int_equal(sio_set_n(s, N("k\0c"), "2"), 0);
	assert_null(sio_get(s, "k"));
	assert_int_equal(sio_set(s, "k", "3"), 0);
	assert_string_equal(sio_get_n(s, N("k\0b")), "1");
	assert_string_equal(sio_get_n(s, N("k\0c")), "2");
	assert_int_equal(sio_del(s, "k"), 0);
	assert_int_equal(sio_del_n(s, N("k\0b")), 0);
	assert_null(sio_get_n(s, N("k\0b")));
	assert_string_equal(sio_get_n(s, N("k\0c")), "2");
}

static void
keys_that_differ_after_a_nul_are_two(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	run(w, 0, &c, set_values);
}

/* --- events and namespaces ------------------------------------------------------------------- */

static void
on_exact(sio_socket *s, const sio_event *e, void *user)
{
	(void)s;
	assert_int_equal(e->name_n, 4);
	assert_memory_equal(e->name, "do\0x", 5);
	note(user, "exact%s", e->args);
}

static void
set_up_exact(sio_app *app, struct world *w)
{
	set_up(app, w);
	assert_int_equal(sio_on_n(sio_of(app, ""), N("do\0x"), on_exact, w), 0);
}

static int
setup_exact(void **state)
{
	*state = world_open(set_up_exact);
	return 0;
}

static void
told_of_do(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)s;
	note(w, "do%s", e->args);
}

static void
an_event_goes_to_the_handler_of_its_whole_name(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	w->told[0] = '\0';
	w->script = told_of_do;
	say(w, 0, &c, "5:::{\"name\":\"do\\u0000x\",\"args\":[1]}",
	    "5:::{\"name\":\"do\\u0000y\",\"args\":[2]}",
	    "5:::{\"name\":\"do\\u0000\",\"args\":[3]}",
	    "5:::{\"name\":\"message\\u0000\",\"args\":[\"4\"]}",
	    "5:::{\"name\":\"other\\u0000\",\"args\":[5]}", "5:::{\"name\":\"do\",\"args\":[6]}",
	    "5:::{\"name\":\"other\",\"args\":[7]}", NULL);
	assert_string_equal(w->told, "exact[1] do[6] *other[7] ");
}

static void
a_namespace_is_not_joined_by_a_name_with_a_nul(void **state)
{
	static const char *const packets[] = {"1::/chat", "1::/chat?a", "1::/chat:?a"};
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	w->told[0] = '\0';
	for (size_t i = 0; i < 3; i++) {
		char text[32];
		size_t n = (size_t)snprintf(text, sizeof(text), "%s\1x", packets[i]);

		*strchr(text, '\1') = '\0';
		receive_packet(begin(w, 0), find_session(w, 0, &c), (struct slice){text, n});
		settle(w, 0);
	}
	assert_string_equal(w->told, "");
	assert_int_equal(count(c.sink.got, "7::/chat"), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(rooms_whose_names_differ_after_a_nul_are_two),
	    TEST(a_room_with_a_nul_is_joined_from_another_process),
	    TEST(c_strings_refuse_such_names),
	    TEST(keys_that_differ_after_a_nul_are_two),
	    cmocka_unit_test_setup_teardown(
		an_event_goes_to_the_handler_of_its_whole_name, setup_exact, teardown),
	    TEST(a_namespace_is_not_joined_by_a_name_with_a_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
