/* What an application in C may rely on (pollux.h): sessions, their rooms, values and ends, who they
 * are, and other sessions than the handler's own. */
#include "shared/action/namespace.h"
#include "shared/action/target.h"
#include "tests/unit/testapp.h"

/* --- rooms and values ------------------------------------------------------------------------ */

static void
leave_lobby(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_join(s, "lobby"), 0);
	assert_int_equal(sio_leave(s, "lobby"), 0);
	assert_int_equal(sio_leave(s, "lobby"), 0);
	assert_int_equal(sio_leave(s, "never in"), 0);
}

static void
who_has_left_a_room_hears_nothing_more(void **state)
{
	struct world *w = *state;
	struct client a, b, c;

	open_stream(w, 0, &a);
	open_stream(w, 1, &b);
	open_polling(w, 1, &c);
	run(w, 1, &b, leave_lobby);
	run(w, 0, &c, leave_lobby);
	run(w, 0, &a, say_to_others);
	wake(w, 1);
	poll_once(w, 1, &c);
	assert_string_equal(b.sink.got, "3:::others ");
	assert_string_equal(c.sink.got, "3:::others ");
}

static char listed[256];

static void
list(void *arg, const char *name)
{
	(void)arg;
	strcat(strcat(listed, name), " ");
}

static void
list_rooms(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	listed[0] = '\0';
	assert_int_equal(sio_join(s, "lobby"), 0);
	assert_int_equal(sio_join(s, "den"), 0);
	assert_int_equal(sio_join(s, "attic"), 0);
	assert_int_equal(sio_leave(s, "attic"), 0);
	assert_int_equal(sio_rooms(s, NULL, NULL), 2);
	assert_int_equal(sio_rooms(s, list, NULL), 2);
}

static void
a_socket_knows_its_rooms(void **state)
{
	struct world *w = *state;
	struct client c;

	open_polling(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	run(w, 0, &c, list_rooms);
	assert_true(strcmp(listed, "lobby den ") == 0 || strcmp(listed, "den lobby ") == 0);
}

static void
join_with_history(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_join_history(s, "den", -1), -EINVAL);
	assert_int_equal(sio_join_history(s, NULL, 1), -EINVAL);
	assert_int_equal(sio_join_history_n(s, "d\0n", 3, 2), 0);
	assert_int_equal(sio_join_history(s, "den", 2), 0);
	assert_int_equal(sio_send_to(sio_in(s, "den"), "a", 1), 0);
	assert_int_equal(sio_send_to(sio_broadcast_to(s, "den"), "b", 1), 0);
	assert_int_equal(sio_send_to(sio_in(s, "den"), "c", 1), 0);
	assert_int_equal(sio_send_to(sio_volatile(sio_in(s, "den")), "d", 1), 0);
	assert_int_equal(sio_send_to(sio_in_n(s, "d\0n", 3), "e", 1), 0);
}

static void
a_socket_joins_with_a_history(void **state)
{
	struct world *w = *state;
	struct client a, b;

	open_stream(w, 0, &a);
	open_polling(w, 1, &b);
	run(w, 0, &a, join_with_history);
	assert_string_equal(a.sink.got, "3:::a 3:::c 3:::d 3:::e ");
	run(w, 1, &b, join_with_history);
	poll_once(w, 1, &b);
	assert_string_equal(b.sink.got, "3:::e 3:::b 3:::c 3:::a 3:::c 3:::e ");
}

static void
keep_values(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)e;
	if (sio_endpoint(s)[0] != '\0') {
		note(w, "%s", sio_get(s, "k"));
		return;
	}
	assert_null(sio_get(s, "k"));
	assert_false(sio_has(s, "k"));
	assert_int_equal(sio_set(s, "k", "{\"n\":1.10}"), 0);
	assert_int_equal(sio_set(s, "gone", "null"), 0);
	assert_string_equal(sio_get(s, "gone"), "null");
	assert_true(sio_has(s, "gone"));
	assert_int_equal(sio_del(s, "gone"), 0);
	assert_null(sio_get(s, "gone"));
}

static void
values_are_shared_by_the_namespaces_of_a_session(void **state)
{
	struct world *w = *state;
	struct client c, other;

	open_polling(w, 0, &c);
	open_polling(w, 0, &other);
	say(w, 0, &c, "1::/chat", NULL);
	w->script = keep_values;
	say(w, 0, &c, DO, NULL);
	w->told[0] = '\0';
	say(w, 1, &c, DO_CHAT, NULL);
	assert_string_equal(w->told, "{\"n\":1.10} ");
	say(w, 1, &other, DO, NULL); /* its own are empty */
}

/* --- the end of a session -------------------------------------------------------------------- */

static void
leave_altogether(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_false(sio_disconnected(s));
	sio_send(s, "bye", 3);
	sio_disconnect_session(s);
	assert_true(sio_disconnected(s));
	assert_int_equal(sio_send(s, "x", 1), -EPIPE);
	assert_int_equal(sio_join(s, "x"), -EPIPE);
	assert_int_equal(sio_set(s, "x", "1"), -EPIPE);
	assert_int_equal(sio_disconnect(s), 0);
}

static void
a_session_that_ends_itself_hears_of_it_once_per_namespace(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	w->told[0] = c.sink.got[0] = '\0';
	w->script = leave_altogether;
	say(w, 0, &c, DO_CHAT, "3:::more", "1::/chat", "5:9+::{\"name\":\"do\"}", NULL);
	assert_string_equal(w->told, "disconnect/chat(booted) disconnect(booted) ");
	assert_string_equal(c.sink.got, "3::/chat:bye DISCONNECTED ");
	pass(w, 70000);
	assert_string_equal(w->told, "disconnect/chat(booted) disconnect(booted) ");
}

static void
leave_chat(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_join(s, "den"), 0);
	sio_disconnect(s);
	assert_true(sio_disconnected(s));
	assert_int_equal(sio_send(s, "x", 1), -EPIPE);
	assert_int_equal(sio_join(s, "x"), -EPIPE);
	sio_disconnect(s);
	sio_send_to(sio_in(s, "den"), "den", 3);
}

static void
a_namespace_is_left_alone(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	w->told[0] = c.sink.got[0] = '\0';
	w->script = leave_chat;
	say(w, 0, &c, DO_CHAT, "3::/chat:lost", "3:::more", NULL);
	assert_string_equal(w->told, "disconnect/chat(booted) text:more ");
	assert_string_equal(c.sink.got, "0::/chat ");
}

static void
say_goodbye(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_true(sio_disconnected(s));
	assert_int_equal(sio_emit(s, "bye", NULL), -EPIPE);
	assert_int_equal(
	    sio_emit_to(sio_broadcast_to(s, "lobby"), "left", sio_args(s, "s", sio_id(s))), 0);
	sio_disconnect_session(s);
}

static void
a_disconnect_handler_can_tell_the_others(void **state)
{
	struct world *w = *state;
	struct client a, b;
	char want[128];

	open_stream(w, 0, &a);
	open_stream(w, 1, &b);
	w->told[0] = '\0';
	w->last_words = say_goodbye;
	say(w, 0, &a, "0::", NULL);
	wake(w, 1);
	snprintf(want, sizeof(want), "5:::{\"name\":\"left\",\"args\":[\"%s\"]} ", a.id);
	assert_string_equal(a.sink.got, "DISCONNECTED ");
	assert_string_equal(b.sink.got, want);
	assert_string_equal(w->told, "disconnect(booted) ");
}

static void
leaving_a_namespace_may_end_the_session(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	w->told[0] = c.sink.got[0] = '\0';
	w->last_words = say_goodbye;
	say(w, 0, &c, "0::/chat", NULL);
	assert_string_equal(w->told, "disconnect/chat(packet) disconnect(booted) ");
	assert_string_equal(c.sink.got, "DISCONNECTED ");
}

/* A namespace left in one process is left in the other, with its rooms. */
static void
a_namespace_is_left_from_another_process(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	w->script = leave_chat;
	c.sink.got[0] = '\0';
	say(w, 1, &c, DO_CHAT, NULL);
	wake(w, 0);
	assert_string_equal(c.sink.got, "0::/chat ");
	begin(w, 1);
	sio_send_to(sio_ns_in(sio_of(w->app[1], "/chat"), "den"), "x", 1);
	settle(w, 1);
	wake(w, 0);
	assert_string_equal(c.sink.got, "0::/chat ");
}

/* --- authorization --------------------------------------------------------------------------- */

static void
see_bob(struct world *w, sio_socket *s, const sio_event *e)
{
	const sio_handshake *h = sio_socket_handshake(s);

	(void)w;
	(void)e;
	assert_string_equal(sio_user(s), "42");
	assert_string_equal(sio_get(s, "nick"), "\"bob\"");
	assert_string_equal(sio_get(s, "pi"), "3.140");
	assert_string_equal(sio_query(h, "token"), "bob");
	assert_string_equal(sio_header(h, "user-agent"), "Mozilla");
	assert_null(sio_header(h, "cookie"));
	assert_string_equal(sio_url(h), "/socket.io/1/?token=bob");
	assert_string_equal(sio_address(h), "203.0.113.9");
	assert_int_equal(sio_port(h), 51234);
	assert_string_equal(sio_time(h), "Mon Nov 23 2026 04:17:19 GMT");
	assert_int_equal(sio_issued(h), 1795407439000);
	assert_true(sio_xdomain(h));
	assert_false(sio_secure(h));
	assert_string_equal(sio_handshake_field(h, "issued"), "1795407439000");
	assert_null(sio_handshake_field(h, "nobody"));
	assert_string_equal(sio_handshake_field(h, "nick"), "\"bob\"");
	assert_string_equal(sio_handshake_field(h, "pi"), "3.140");
	assert_null(sio_verdict_later(h)); /* not here */
	assert_string_equal(sio_query_json(h), "{\"token\":\"bob\"}");
	assert_string_equal(sio_transport(s), "websocket");
	assert_int_equal(sio_accept(h, "x", NULL), -EINVAL); /* not here */
}

static void
a_handshake_is_accepted_with_a_user_and_data(void **state)
{
	struct world *w = *state;
	struct client c;

	assert_int_equal(
	    shake_hands(w, 0, &c,
		"{\"headers\":{\"user-agent\":\"Mozilla\"},\"query\":{\"token\":\"bob\"},"
		"\"address\":{\"address\":\"203.0.113.9\",\"port\":51234},"
		"\"time\":\"Mon Nov 23 2026 04:17:19 GMT\",\"issued\":1795407439000,"
		"\"xdomain\":true,\"secure\":false,\"url\":\"/socket.io/1/?token=bob\"}"),
	    SESSION_CREATED);
	attach(w, 1, &c, true);
	run(w, 1, &c, see_bob);
}

static void
a_handshake_is_refused(void **state)
{
	struct world *w = *state;
	struct client c;
	const char *log = log_into(w);
	char *said;

	assert_int_equal(
	    shake_hands(w, 0, &c, "{\"query\":{\"token\":\"evil\"}}"), SESSION_UNAUTHORIZED);
	assert_int_equal(
	    shake_hands(w, 0, &c, "{\"query\":{\"token\":\"error\"}}"), SESSION_APP_ERROR);
	assert_int_equal(
	    shake_hands(w, 0, &c, "{\"query\":{\"token\":\"broken\"}}"), SESSION_APP_ERROR);
	said = log_said(log);
	assert_non_null(strstr(said, "a bad token"));
	assert_int_equal(shake_hands(w, 0, &c, "{}"), SESSION_CREATED); /* nothing of it is left */
}

static void
ban(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_set(s, "banned", "true"), 0);
}

static void
see_alice(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_string_equal(sio_user(s), "alice");
	assert_true(sio_has(s, "seen"));
}

static void
a_namespace_has_an_authorization_of_its_own(void **state)
{
	struct world *w = *state;
	struct client good, bad;
	const char *log = log_into(w);

	open_stream(w, 0, &good);
	open_stream(w, 0, &bad);
	run(w, 0, &bad, ban);
	say(w, 0, &bad, "1::/private", "3::/private:x", NULL);
	assert_string_equal(bad.sink.got, "7::/private:2 ");
	assert_non_null(strstr(log_said(log), "banned"));
	say(w, 0, &good, "1::/private?as=alice", NULL);
	assert_string_equal(good.sink.got, "1::/private?as=alice ");
	run(w, 0, &good, see_alice);
}

static void
note_verdict(void *arg, int verdict, struct slice transports)
{
	assert_null(transports.p);
	*(int *)arg = verdict;
}

/* Without sio_verdict_later() nobody could decide. */
static void
a_verdict_may_come_later(void **state)
{
	struct world *w = *state;
	struct application *app = w->application[0];
	struct client c;
	int verdict = 1;

	app->verdict_timeout_ms = 1000;
	assert_int_equal(
	    shake_hands(w, 0, &c, "{\"query\":{\"token\":\"unnamed\"}}"), SESSION_APP_ERROR);
	assert_int_equal(shake_hands(w, 0, &c, "{\"query\":{\"token\":\"later\"}}"), SESSION_ASKED);
	assert_non_null(application_ask(app, "{}", 1, note_verdict, &verdict));
	begin(w, 0);
	assert_int_equal(sio_verdict_accept(w->app[0], "V", NULL, NULL), -EINVAL);
	assert_int_equal(sio_verdict_accept(w->app[0], asked_later, NULL, "[]"), -EINVAL);
	assert_int_equal(sio_verdict_accept(w->app[0], asked_later, "u", "{\"a\":1}"), 0);
	assert_int_equal(sio_verdict_refuse(w->app[0], asked_later, NULL), -EPIPE);
	assert_int_equal(verdict, 1); /* not in the middle of a handler */
	assert_int_equal(application_settled(app, true), w->now);
	application_run(app);
	assert_int_equal(verdict, 0);
	assert_int_equal(application_settled(app, true), INT64_MAX);
	settle(w, 0);
	/* a client that leaves, and one for whom nobody decides */
	assert_int_equal(shake_hands(w, 0, &c, "{\"query\":{\"token\":\"later\"}}"), SESSION_ASKED);
	application_cancel(application_ask(app, "{}", 1, note_verdict, &verdict));
	assert_int_equal(sio_verdict_accept(w->app[0], asked_later, NULL, NULL), -EPIPE);
	assert_int_equal(shake_hands(w, 0, &c, "{\"query\":{\"token\":\"later\"}}"), SESSION_ASKED);
	assert_non_null(application_ask(app, "{}", 1, note_verdict, &verdict));
	assert_null(application_ask(app, "{}", 1, note_verdict, &verdict));
	assert_int_equal(application_settled(app, true), w->now + 1000);
	pass(w, 1000);
	application_run(app);
	assert_int_equal(verdict, -ETIMEDOUT);
}

/* So many that clients are told to come again: memory is theirs to fill. */
static void
questions_have_a_limit(void **state)
{
	struct world *w = *state;
	struct client c;

	w->application[0]->verdict_timeout_ms = 1000;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
		    shake_hands(w, 0, &c, "{\"query\":{\"token\":\"later\"}}"), SESSION_ASKED);
	assert_int_equal(shake_hands(w, 0, &c, "{\"query\":{\"token\":\"later\"}}"), SESSION_BUSY);
	application_stop(w->application[0]);
}

/* --- other sessions -------------------------------------------------------------------------- */

static struct client *other;

static void
see_clients(struct world *w, sio_socket *s, const sio_event *e)
{
	char want[2][64];

	(void)w;
	(void)e;
	listed[0] = '\0';
	sio_join(s, "lobby");
	assert_int_equal(sio_clients(sio_in(s, "lobby"), list, NULL), 2);
	snprintf(want[0], 64, "%s %s ", sio_id(s), other->id);
	snprintf(want[1], 64, "%s %s ", other->id, sio_id(s));
	assert_true(strcmp(listed, want[0]) == 0 || strcmp(listed, want[1]) == 0);
	assert_int_equal(sio_clients(sio_broadcast(s), NULL, NULL), 1);
	assert_int_equal(sio_clients(sio_in(s, "empty"), NULL, NULL), 0);
	assert_int_equal(sio_clients(sio_in(s, NULL), NULL, NULL), 2);
}

static void
the_clients_of_a_room_are_listed_once(void **state)
{
	struct world *w = *state;
	struct client a, b, left;

	open_polling(w, 0, &a);
	open_stream(w, 1, &b);
	open_stream(w, 1, &left);
	say(w, 1, &left, "0::", NULL);
	run(w, 1, &b, leave_lobby);
	other = &b;
	begin(w, 1);
	assert_int_equal(sio_join(sio_ns_find(sio_of(w->app[1], ""), b.id), "lobby"), 0);
	settle(w, 1);
	run(w, 0, &a, see_clients);
}

static void
list_client(void *arg, const sio_client *c)
{
	struct buf *seen = arg;

	buf_printf(seen, "%s %s %s;", c->id, c->user == NULL ? "-" : c->user, c->data);
}

static void
list_room(void *arg, const char *room, int sessions)
{
	buf_printf(arg, "%s %d;", room, sessions);
}

static void
list_room_n(void *arg, const char *room, size_t n, int sessions)
{
	assert_int_equal(strlen(room) <= n, 1);
	buf_printf(arg, "%zu %d;", n, sessions);
}

static void
see_all(struct world *w, sio_socket *s, const sio_event *e)
{
	struct buf seen = {.p = NULL};
	char many[80], *want;

	(void)w;
	(void)e;
	assert_int_equal(sio_join_n(s, "a\0b", 3), 0);
	assert_int_equal(sio_set(s, "nick", "\"al\""), 0);
	assert_int_equal(sio_set(s, "pi", "3.140"), 0);
	assert_int_equal(sio_set_user(s, "alice"), 0);
	assert_int_equal(sio_clients_data(sio_self(s), "pi,none,nick", list_client, &seen), 1);
	assert_int_equal(sio_clients_data(sio_broadcast(s), NULL, list_client, &seen), 1);
	assert_int_equal(sio_clients_data(sio_in(s, "lobby"), "nick", NULL, NULL), 1);
	buf_add_char(&seen, '\0');
	assert_true(asprintf(&want, "%s alice {\"pi\":3.140,\"nick\":\"al\"};%s - {};", sio_id(s),
			other->id) > 0);
	assert_string_equal(seen.p, want);
	free(want);
	memset(many, ',', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	assert_int_equal(sio_clients_data(sio_self(s), many, list_client, &seen), -EINVAL);
	assert_int_equal(sio_clients_data(sio_in(s, many), "x", list_client, &seen), 0);

	buf_clear(&seen);
	assert_int_equal(sio_ns_rooms(sio_namespace(s), list_room, &seen), 2);
	assert_int_equal(sio_ns_rooms_n(sio_namespace(s), list_room_n, &seen), 3);
	assert_int_equal(sio_ns_rooms(sio_namespace(s), NULL, NULL), 2);
	assert_int_equal(sio_rooms(sio_find(s, other->id), NULL, NULL), 1);
	buf_add_char(&seen, '\0');
	assert_string_equal(seen.p, "den 1;lobby 1;3 1;3 1;5 1;");
	buf_free(&seen);
}

static void
join_den(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_leave(s, "lobby"), 0);
	assert_int_equal(sio_join(s, "den"), 0);
}

/* In one call, those of another process too. */
static void
users_values_and_rooms_of_all_are_seen(void **state)
{
	struct world *w = *state;
	struct client a, b;

	open_polling(w, 0, &a);
	open_stream(w, 1, &b);
	run(w, 1, &b, join_den);
	other = &b;
	run(w, 0, &a, see_all);
}

static void
use_other(struct world *w, sio_socket *s, const sio_event *e)
{
	sio_socket *found = sio_find(s, other->id);

	(void)w;
	assert_non_null(found);
	assert_string_equal(sio_id(found), other->id);
	assert_int_equal(sio_emit(found, "psst", sio_args(found, "s", sio_id(s))), 0);
	assert_int_equal(sio_send_to(sio_to(s, other->id), "again", 5), 0);
	assert_int_equal(sio_set(found, "k", "1"), 0);
	assert_string_equal(sio_get(found, "k"), "1");
	assert_int_equal(sio_join(found, "den"), 0);
	assert_int_equal(sio_send_to(sio_in(s, "den"), "den", 3), 0);
	assert_int_equal(sio_ack(found, e, NULL), -EINVAL);
	assert_null(sio_find(s, "Pnobodynobod"));
	assert_null(sio_ns_find(sio_of(w->app[0], "/chat"), other->id)); /* not in there */
	assert_int_equal(
	    sio_send_to(sio_ns_to(sio_of(w->app[0], "/chat"), other->id), "x", 1), -EPIPE);
	assert_int_equal(sio_disconnect(found), 0);
	assert_null(sio_find(s, other->id));
	assert_int_equal(sio_clients(sio_to(s, other->id), NULL, NULL), 0);
	assert_int_equal(sio_clients(sio_self(s), NULL, NULL), 1);
}

static void
fail_each(void *arg, const char *room)
{
	(void)arg;
	(void)room;
	fail();
}

/* As a handler does that does not look at what sio_find() returned. */
static void
use_nobody(struct world *w, sio_socket *s, const sio_event *e)
{
	sio_socket *nobody = sio_find(s, "PAAAAAAAAAAB");
	const sio_handshake *h = sio_socket_handshake(nobody);
	size_t n = 1;
	double number;
	bool is;

	(void)w;
	assert_null(nobody);
	assert_true(sio_disconnected(nobody));
	assert_int_equal(sio_emit(nobody, "psst", sio_args(nobody, "s", sio_id(s))), -EPIPE);
	assert_int_equal(sio_emit(s, "psst", sio_args(nobody, "s", sio_id(s))), -EINVAL);
	assert_int_equal(sio_emit(s, "psst", sio_built(sio_build(nobody))), -EINVAL);
	assert_int_equal(sio_emit_ack(nobody, "x", NULL, "answer", NULL, 0), -EPIPE);
	assert_int_equal(sio_send(nobody, "x", 1), -EPIPE);
	assert_int_equal(sio_send_ack(nobody, "x", 1, "answer", NULL, 0), -EPIPE);
	assert_int_equal(sio_json(nobody, "1"), -EPIPE);
	assert_int_equal(sio_json_ack(nobody, "1", "answer", NULL, 0), -EPIPE);
	assert_int_equal(sio_send_to(sio_self(nobody), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_in(nobody, NULL), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_in_n(nobody, "den", 3), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_broadcast(nobody), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_broadcast_to(nobody, "den"), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_broadcast_to_n(nobody, "den", 3), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_to(nobody, sio_id(s)), "x", 1), -EINVAL);
	assert_int_equal(sio_send_to(sio_to_user(nobody, "42"), "x", 1), -EINVAL);
	assert_int_equal(
	    sio_send_to(sio_except(sio_in(nobody, "den"), sio_id(s)), "x", 1), -EINVAL);
	assert_int_equal(sio_clients(sio_self(nobody), NULL, NULL), -EINVAL);
	assert_int_equal(sio_ack(nobody, e, NULL), -EPIPE);
	assert_int_equal(sio_ack(s, NULL, NULL), -EINVAL);
	assert_string_equal(sio_ack_later(nobody, e), "");
	assert_string_equal(sio_ack_later(s, NULL), "");
	assert_int_equal(sio_answer(nobody, "", NULL), -EINVAL);
	assert_int_equal(sio_join(nobody, "den"), -EPIPE);
	assert_int_equal(sio_join_history(nobody, "den", 1), -EPIPE);
	assert_int_equal(sio_leave(nobody, "den"), -EPIPE);
	assert_int_equal(sio_rooms(nobody, fail_each, NULL), -EPIPE);
	assert_int_equal(sio_rooms_n(nobody, NULL, NULL), -EPIPE);
	assert_int_equal(sio_set(nobody, "k", "1"), -EPIPE);
	assert_null(sio_get(nobody, "k"));
	assert_false(sio_has(nobody, "k"));
	assert_int_equal(sio_del(nobody, "k"), -EPIPE);
	assert_int_equal(sio_after(nobody, 1, "t", NULL), -EPIPE);
	assert_int_equal(sio_cancel(nobody, "t"), -EPIPE);
	assert_int_equal(sio_set_user(nobody, "42"), -EPIPE);
	assert_null(sio_user(nobody));
	assert_int_equal(sio_disconnect(nobody), -EPIPE);
	assert_int_equal(sio_disconnect_session(nobody), -EPIPE);
	assert_string_equal(sio_id(nobody), "");
	assert_string_equal(sio_transport(nobody), "");
	assert_string_equal(sio_endpoint(nobody), "");
	assert_null(sio_namespace(nobody));
	assert_null(sio_find(nobody, sio_id(s)));
	assert_null(sio_header(h, "cookie"));
	assert_null(sio_cookie(h, "sid"));
	assert_null(sio_address(h));
	assert_int_equal(sio_port(h), 0);
	assert_string_equal(sio_query_json(h), "{}");
	assert_null(sio_handshake_socket(h));
	assert_null(sio_arg(nobody, e->args, 0));
	assert_null(sio_text(nobody, "\"x\""));
	assert_null(sio_text_n(nobody, "\"x\"", &n));
	assert_int_equal(n, 0);
	n = 1;
	assert_null(sio_text_n(s, "1", &n)); /* not a string */
	assert_int_equal(n, 0);
	assert_int_equal(sio_send(s, NULL, 1), -EINVAL);
	assert_int_equal(sio_kind(nobody, "1"), SIO_NOT_JSON);
	assert_false(sio_number(nobody, "1", &number));
	assert_false(sio_bool(nobody, "true", &is));
	n = 1;
	assert_null(sio_elements(nobody, "[]", &n));
	assert_int_equal(n, 0);
	assert_null(sio_member(nobody, "{\"a\":1}", "a"));
	assert_string_equal(sio_node(nobody), "");
}

static void
a_session_that_is_not_found_is_as_one_that_has_ended(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	run(w, 0, &c, use_nobody);
	assert_string_equal(c.sink.got, "");
}

static void
another_session_is_used_by_its_public_id(void **state)
{
	struct world *w = *state;
	struct client a, stream, poll, here;
	char want[256];

	open_stream(w, 0, &a);
	open_stream(w, 1, &stream);
	open_polling(w, 1, &poll);
	open_stream(w, 0, &here);
	snprintf(want, sizeof(want),
	    "5:::{\"name\":\"psst\",\"args\":[\"%s\"]} 3:::again 3:::den DISCONNECTED ", a.id);
	w->told[0] = '\0';
	other = &stream;
	run(w, 0, &a, use_other);
	wake(w, 1);
	assert_string_equal(stream.sink.got, want);
	other = &here;
	run(w, 0, &a, use_other);
	assert_string_equal(here.sink.got, want);
	other = &poll;
	run(w, 0, &a, use_other);
	assert_string_equal(w->told, "disconnect(booted) disconnect(booted) disconnect(booted) ");
}

static void
be_alice(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_null(sio_user(s));
	assert_int_equal(sio_set_user(s, "alice"), 0);
	assert_string_equal(sio_user(s), "alice");
}

static void
call_alice(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)e;
	sio_send_to(sio_to_user(s, "alice"), "hi", 2);
	sio_send_to(sio_ns_to_user(sio_of(w->app[0], "/chat"), "alice"), "chat", 4);
	assert_int_equal(sio_clients(sio_to_user(s, "alice"), NULL, NULL), 2);
	assert_int_equal(sio_send_to(sio_to_user(s, "bob"), "x", 1), 0);
}

static void
all_sessions_of_a_person_are_reached(void **state)
{
	struct world *w = *state;
	struct client stream, poll, third;

	open_stream(w, 1, &stream);
	open_polling(w, 0, &poll);
	open_stream(w, 0, &third);
	run(w, 1, &stream, be_alice);
	run(w, 1, &poll, be_alice);
	say(w, 1, &stream, "1::/chat", NULL);
	stream.sink.got[0] = '\0';
	run(w, 0, &third, call_alice);
	wake(w, 1);
	poll_once(w, 0, &poll);
	assert_string_equal(stream.sink.got, "3:::hi 3::/chat:chat ");
	assert_string_equal(poll.sink.got, "3:::hi ");
	assert_string_equal(third.sink.got, "");
}

/* --- a program without an application --------------------------------------------------------- */

static void
a_guest_sends_and_its_ends_are_carried_out_by_others(void **state)
{
	struct world *w = *state;
	struct client stream, poll;
	struct application *app = application_open_none();
	struct hub *guest = open_hub(w, app, true);
	struct target lobby = {.ns = &namespace_find(app, SLICE(""))->hub, .room = SLICE("lobby")};
	struct packet hello = {.type = PACKET_MESSAGE, .data = SLICE("hello")};
	struct session *s;
	int64_t next;

	open_stream(w, 0, &stream);
	say(w, 0, &stream, "1::/chat", NULL);
	open_polling(w, 1, &poll);
	w->told[0] = stream.sink.got[0] = '\0';
	hub_turn_begin(guest, w->now);
	assert_int_equal(target_send(app, &lobby, &hello), 0);
	assert_int_equal(session_find(guest, slice_of(stream.sid), &s), SESSION_LIVE);
	assert_non_null(application_for_hub(app).find(app, SLICE("/chat")));
	membership_kick(guest, s, application_for_hub(app).find(app, SLICE("/chat")), "kicked");
	assert_int_equal(session_find(guest, slice_of(poll.sid), &s), SESSION_LIVE);
	session_end(guest, s, "kicked", true);
	assert_int_equal(hub_turn_end(guest, &next), 0);
	assert_string_equal(w->told, "");
	wake(w, 0);
	assert_string_equal(stream.sink.got, "3:::hello 0::/chat ");
	assert_true(strstr(w->told, "disconnect/chat(kicked) ") != NULL &&
		    strstr(w->told, "disconnect(kicked) ") != NULL);
	begin(w, 1);
	assert_int_equal(session_find(w->hub[1], slice_of(poll.sid), &s), SESSION_ENDED);
	settle(w, 1);
	hub_close(guest);
	application_close(app);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* --- what a user who is away has missed ------------------------------------------------------ */

static void
write_to_alice(struct world *w, sio_socket *s, const sio_event *e)
{
	sio_target alice = sio_mailbox(sio_to_user(s, "alice"), 60);

	(void)w;
	(void)e;
	assert_int_equal(sio_emit_to(alice, "news", "[1]"), 0);
	assert_int_equal(sio_send_to(alice, "hi", 2), 0);
	assert_int_equal(sio_json_to(sio_except(alice, sio_id(s)), "{\"x\":1.10}"), 0);
	/* it has no meaning for others, nor with these */
	assert_int_equal(sio_emit_to(sio_mailbox(sio_in(s, "lobby"), 60), "x", NULL), -EINVAL);
	assert_int_equal(sio_emit_to(sio_mailbox(sio_self(s), 60), "x", NULL), -EINVAL);
	assert_int_equal(sio_emit_to(sio_mailbox(sio_to_user(s, "alice"), 0), "x", NULL), -EINVAL);
	assert_int_equal(sio_emit_to(sio_volatile(alice), "x", NULL), -EINVAL);
	assert_int_equal(sio_emit_ack_to(alice, "x", NULL, "answer", NULL, 0), -EINVAL);
}

static void
a_user_who_is_away_gets_it_later_once_and_one_who_is_there_now(void **state)
{
	struct world *w = *state;
	struct client bob, alice, tab;
	static const char mail[] = "5:::{\"name\":\"news\",\"args\":[1]} 3:::hi 4:::{\"x\":1.10} ";

	open_stream(w, 1, &bob);
	bob.sink.got[0] = '\0';
	run(w, 1, &bob, write_to_alice);
	open_stream(w, 0, &alice);
	alice.sink.got[0] = '\0';
	run(w, 0, &alice, be_alice);
	assert_string_equal(alice.sink.got, mail);
	open_stream(w, 0, &tab);
	tab.sink.got[0] = '\0';
	run(w, 0, &tab, be_alice);
	assert_string_equal(tab.sink.got, "");
	/* both are there */
	alice.sink.got[0] = '\0';
	run(w, 1, &bob, write_to_alice);
	wake(w, 0);
	assert_string_equal(alice.sink.got, mail);
	assert_string_equal(tab.sink.got, mail);
	/* whoever writes to himself, and leaves himself out, is there */
	alice.sink.got[0] = '\0';
	say(w, 0, &tab, "0::", NULL);
	run(w, 0, &alice, write_to_alice);
	assert_string_equal(alice.sink.got, "5:::{\"name\":\"news\",\"args\":[1]} 3:::hi ");
	say(w, 0, &alice, "0::", NULL);
	open_stream(w, 0, &tab);
	tab.sink.got[0] = '\0';
	run(w, 0, &tab, be_alice);
	assert_string_equal(tab.sink.got, "");
	assert_string_equal(bob.sink.got, "");
}

/* --- users coming and going ------------------------------------------------------------------ */

static void
on_user_connect(sio_app *app, const char *user, const char *id, void *arg)
{
	sio_ns *root = sio_of(app, "");

	note(arg, "+%s", user);
	/* the session is there, and can be sent to before its connection handler runs */
	assert_non_null(sio_ns_find(root, id));
	assert_int_equal(sio_emit_to(sio_ns_to_user(root, user), "hello", NULL), 0);
}

static void
on_user_disconnect(sio_app *app, const char *user, const char *id, void *arg)
{
	(void)app;
	assert_int_equal(strlen(id), 12);
	note(arg, "-%s", user);
}

static void
set_up_with_users(sio_app *app, struct world *w)
{
	set_up(app, w);
	assert_int_equal(sio_on_user_connect(app, NULL, w), -EINVAL);
	assert_int_equal(sio_on_user_connect(app, on_user_connect, w), 0);
	assert_int_equal(sio_on_user_disconnect(app, on_user_disconnect, w), 0);
}

static void
be_nobody(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_set_user(s, NULL), 0);
}

static void
the_application_is_told_when_a_user_comes_and_goes(void **state)
{
	struct world *w = world_open(set_up_with_users);
	struct client bob, alice;

	(void)state;
	assert_int_equal(
	    shake_hands(w, 0, &bob, "{\"query\":{\"token\":\"bob\"}}"), SESSION_CREATED);
	attach(w, 1, &bob, true);
	assert_string_equal(w->told, "+42 connection() ");
	assert_string_equal(bob.sink.got, "1:: 5:::{\"name\":\"hello\"} ");
	open_stream(w, 0, &alice);
	w->told[0] = '\0';
	run(w, 0, &alice, be_alice);
	run(w, 0, &alice, be_nobody);
	assert_string_equal(w->told, "+alice -alice ");
	w->told[0] = '\0';
	say(w, 1, &bob, "0::", NULL);
	assert_string_equal(w->told, "disconnect(booted) -42 ");
	/* only in pollux_app() */
	assert_int_equal(sio_on_user_connect(w->app[0], on_user_connect, w), -EINVAL);
	world_close(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(who_has_left_a_room_hears_nothing_more),
	    TEST(a_socket_knows_its_rooms),
	    TEST(a_socket_joins_with_a_history),
	    TEST(values_are_shared_by_the_namespaces_of_a_session),
	    TEST(a_session_that_ends_itself_hears_of_it_once_per_namespace),
	    TEST(a_namespace_is_left_alone),
	    TEST(a_disconnect_handler_can_tell_the_others),
	    TEST(leaving_a_namespace_may_end_the_session),
	    TEST(a_namespace_is_left_from_another_process),
	    TEST(a_handshake_is_accepted_with_a_user_and_data),
	    TEST(a_handshake_is_refused),
	    TEST(a_namespace_has_an_authorization_of_its_own),
	    TEST(a_user_who_is_away_gets_it_later_once_and_one_who_is_there_now),
	    TEST(a_verdict_may_come_later),
	    TEST(questions_have_a_limit),
	    cmocka_unit_test(the_application_is_told_when_a_user_comes_and_goes),
	    TEST(the_clients_of_a_room_are_listed_once),
	    TEST(users_values_and_rooms_of_all_are_seen),
	    TEST(a_session_that_is_not_found_is_as_one_that_has_ended),
	    TEST(another_session_is_used_by_its_public_id),
	    TEST(all_sessions_of_a_person_are_reached),
	    TEST(a_guest_sends_and_its_ends_are_carried_out_by_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
