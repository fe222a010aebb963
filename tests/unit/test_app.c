/* What an application in C may rely on (pollux.h): loading, sending and receiving, with two
 * processes and real clients' packets. */
#include "tests/unit/testapp.h"

#include <limits.h>
#include <math.h>
#include <time.h>

#include "shared/store/message_log.h"

/* --- loading --------------------------------------------------------------------------------- */

/* Modules are built beside this program. */
static void
module_path(char path[PATH_MAX], const char *name)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 64);
	char *slash;

	assert_true(n > 0);
	path[n] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash, 64, "/modules/%s.so", name);
}

static void
a_module_that_cannot_be_used_is_named_with_the_reason(void **state)
{
	static const struct {
		const char *name, *reason;
	} cases[] = {
	    {"missing", "No such file"},
	    {"other-abi", "compile it again"},
	    {"newer", "newer Pollux"},
	    {"fails", "its pollux_app() failed"},
	};
	struct world *w = *state;
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *log = log_into(w);
		char *said;

		module_path(path, cases[i].name);
		assert_null(module_open(path, ""));
		said = log_said(log);
		assert_non_null(strstr(said, path));
		assert_non_null(strstr(said, cases[i].reason));
	}
}

static void
a_library_that_is_no_application_is_refused(void **state)
{
	const char *log = log_into(*state);

	assert_null(module_open("libm.so.6", ""));
	assert_non_null(strstr(log_said(log), "is it a Pollux application?"));
}

static void
a_module_loads(void **state)
{
	char path[PATH_MAX];
	struct application *app;

	(void)state;
	module_path(path, "good");
	app = module_open(path, "");
	assert_non_null(app);
	application_close(app);
}

static void
a_handler_knows_its_node(void **state)
{
	struct application *alone = module_open("", "");
	struct application *node = module_open("", "node-1");

	(void)state;
	assert_string_equal(sio_node(module_of(alone)), "");
	assert_string_equal(sio_node(module_of(node)), "node-1");
	assert_string_equal(sio_node(sio_of(module_of(node), "")), "node-1");
	application_close(alone);
	application_close(node);
}

static void
nothing_is_set_up_later(void **state)
{
	struct world *w = *state;
	const char *log = log_into(w);

	assert_null(sio_of(w->app[0], "/later"));
	assert_int_equal(sio_on(sio_of(w->app[0], "/chat"), "late", on_do, w), -EINVAL);
	assert_int_equal(sio_on_ack(sio_of(w->app[0], ""), "late", on_do, w), -EINVAL);
	assert_int_equal(sio_authorization(w->app[0], authorize, NULL), -EINVAL);
	log_said(log);
}

static void
names_that_cannot_be_on_the_wire_are_refused(void **state)
{
	static const char *const bad[] = {"chat", "/", "/a:b", "/a?b", "/\xff"};
	struct application *app = module_open("", "");
	const char *log = log_into(*state);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sio_ns *none = sio_of(module_of(app), bad[i]);

		assert_null(none);
		assert_int_equal(sio_on(none, "say", on_do, NULL), -EINVAL);
	}
	log_said(log);
	application_close(app);
}

/* --- sending --------------------------------------------------------------------------------- */

static void
say_all(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_emit(s, "one", "[1.10,1E400,\"\\ud83d\"]"), 0);
	assert_int_equal(sio_emit_to(sio_in(s, "lobby"), "two", NULL), 0);
	assert_int_equal(sio_send(s, "th\0ree", 6), 0);
	assert_int_equal(sio_json(s, " {\"four\":4} "), 0);
	assert_int_equal(sio_emit_to(sio_in(s, NULL), "five", "[5]"), 0);
}

static void
what_is_sent_arrives_in_the_order_of_the_calls(void **state)
{
	static const char want[] =
	    "5:::{\"name\":\"one\",\"args\":[1.10,1E400,\"\\ud83d\"]} 5:::{\"name\":\"two\"} "
	    "3:::th";
	struct world *w = *state;
	struct client stream, poll;

	open_stream(w, 0, &stream);
	open_polling(w, 0, &poll);
	run(w, 0, &stream, say_all);
	assert_memory_equal(stream.sink.got, want, sizeof(want) - 1);
	poll_once(w, 1, &poll);
	assert_string_equal(
	    poll.sink.got, "5:::{\"name\":\"two\"} 5:::{\"name\":\"five\",\"args\":[5]} ");
	run(w, 1, &poll, say_all);
	poll_once(w, 0, &poll);
	assert_memory_equal(poll.sink.got, want, sizeof(want) - 1);
}

static void
say_wrong(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_emit(s, "x", "{}"), -EINVAL);
	assert_int_equal(sio_emit(s, "x", "[1"), -EINVAL);
	assert_int_equal(sio_emit(s, "\xff", NULL), -EINVAL);
	assert_int_equal(sio_emit(s, NULL, NULL), -EINVAL);
	assert_int_equal(sio_send(s, "\xc3(", 2), -EINVAL);
	assert_int_equal(sio_json(s, "nope"), -EINVAL);
	assert_int_equal(sio_json(s, NULL), -EINVAL);
	assert_int_equal(sio_join(s, "\xff"), -EINVAL);
	assert_int_equal(sio_set(s, "k", "nope"), -EINVAL);
	assert_int_equal(sio_emit_to(sio_to(s, "nobody"), "x", NULL), -EINVAL);
	assert_int_equal(sio_emit_to(sio_except(sio_in(s, NULL), "?"), "x", NULL), -EINVAL);
	assert_int_equal(sio_emit_to(sio_ns_in(NULL, NULL), "x", NULL), -EINVAL);
	assert_int_equal(sio_emit_ack(s, "x", NULL, "answer", "no json", 0), -EINVAL);
}

static void
what_is_wrong_is_refused_and_sends_nothing(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	run(w, 0, &c, say_wrong);
	assert_string_equal(c.sink.got, "");
}

static void
a_broadcast_leaves_the_sender_out_everywhere(void **state)
{
	struct world *w = *state;
	struct client a, b, c;

	open_stream(w, 0, &a);
	open_stream(w, 1, &b);
	open_polling(w, 0, &c);
	run(w, 0, &a, say_to_others);
	wake(w, 1);
	poll_once(w, 1, &c);
	assert_string_equal(a.sink.got, "");
	assert_string_equal(b.sink.got, "3:::others 3:::lobby ");
	assert_string_equal(c.sink.got, "3:::others 3:::lobby ");
	run(w, 1, &c, say_to_others);
	wake(w, 0);
	assert_string_equal(a.sink.got, "3:::others 3:::lobby ");
	poll_once(w, 0, &c);
	assert_string_equal(c.sink.got, "");
}

static struct client *left_out[3];

static void
say_except(struct world *w, sio_socket *s, const sio_event *e)
{
	sio_target t, fewer;

	(void)w;
	(void)e;
	/* any number, and a target that another one was made from stays as it was */
	t = sio_except(sio_in(s, "lobby"), left_out[0]->id);
	fewer = sio_except(t, left_out[1]->id);
	for (int i = 0; i < 1000; i++)
		t = sio_except(t, left_out[1 + i % 2]->id);
	assert_int_equal(sio_send_to(t, "except", 6), 0);
	assert_int_equal(sio_clients(t, NULL, NULL), 1);
	assert_int_equal(sio_clients(fewer, NULL, NULL), 2);
	assert_int_equal(
	    sio_clients(sio_except(sio_broadcast_to(s, "lobby"), left_out[0]->id), NULL, NULL), 2);
	assert_int_equal(sio_send_to(sio_except(t, "nobody"), "bad", 3), -EINVAL);
}

static void
several_sessions_are_left_out_of_one_message(void **state)
{
	struct world *w = *state;
	struct client here, there, poll, sender;
	int64_t before, after;

	open_stream(w, 0, &here);
	open_stream(w, 1, &there);
	open_polling(w, 1, &poll);
	open_stream(w, 0, &sender);
	left_out[0] = &here;
	left_out[1] = &there;
	left_out[2] = &poll;
	wake(w, 0);
	assert_int_equal(message_log_head(hub_store(w->hub[0]), &before), 0);
	run(w, 0, &sender, say_except);
	assert_int_equal(message_log_head(hub_store(w->hub[0]), &after), 0);
	assert_int_equal(after - before, 1);
	wake(w, 1);
	poll_once(w, 0, &poll);
	assert_string_equal(sender.sink.got, "3:::except ");
	assert_string_equal(here.sink.got, "");
	assert_string_equal(there.sink.got, "");
	assert_string_equal(poll.sink.got, "");
}

static void
say_volatile(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	sio_send_to(sio_volatile(sio_in(s, NULL)), "v", 1);
}

static void
volatile_is_lost_between_polls(void **state)
{
	struct world *w = *state;
	struct client stream, held, between;

	open_stream(w, 0, &stream);
	open_polling(w, 1, &held);
	open_polling(w, 1, &between);
	poll_once(w, 1, &held);
	run(w, 0, &stream, say_volatile);
	wake(w, 1);
	assert_string_equal(stream.sink.got, "3:::v ");
	assert_string_equal(held.sink.got, "3:::v ");
	poll_once(w, 0, &between);
	assert_string_equal(between.sink.got, "");
}

static void
say_elsewhere(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)s;
	(void)e;
	sio_send_to(sio_ns_in(sio_of(w->app[0], "/chat"), NULL), "x", 1);
	sio_send_to(sio_ns_in(sio_of(w->app[0], "/chat"), "lobby"), "room", 4);
}

static void
another_namespace_can_be_sent_to(void **state)
{
	struct world *w = *state;
	struct client a, b;

	open_stream(w, 0, &a);
	open_stream(w, 0, &b);
	say(w, 0, &b, "1::/chat", NULL);
	run(w, 0, &a, say_elsewhere);
	assert_string_equal(a.sink.got, "");
	assert_string_equal(b.sink.got, "1::/chat 3::/chat:x ");
}

static void
say_where_it_is(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_ptr_equal(sio_namespace(s), sio_of(w->app[0], sio_endpoint(s)));
	assert_int_equal(sio_json_to(sio_ns_in(sio_namespace(s), NULL), "{\"pi\":3.140}"), 0);
	assert_int_equal(sio_json_to(sio_in(s, NULL), "3.140}"), -EINVAL);
	sio_log(s, "a line of %s", "the application");
}

static void
a_namespace_hears_json_and_the_log_a_line(void **state)
{
	struct world *w = *state;
	struct client a;
	const char *log, *said;

	open_stream(w, 0, &a);
	say(w, 0, &a, "1::/chat", NULL);
	log = log_into(w);
	w->script = say_where_it_is;
	say(w, 0, &a, DO_CHAT, NULL);
	said = log_said(log);
	assert_string_equal(a.sink.got, "1::/chat 4::/chat:{\"pi\":3.140} ");
	assert_non_null(strstr(said, "a line of the application\n"));
}

/* In the reference a room "chat" of the default namespace is also the namespace /chat. */
static void
say_to_room_chat(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	sio_send_to(sio_in(s, "chat"), "x", 1);
	sio_send_to(sio_in(s, "/chat"), "y", 1);
}

static void
rooms_of_different_namespaces_are_different(void **state)
{
	struct world *w = *state;
	struct client a;

	open_stream(w, 0, &a);
	say(w, 0, &a, "1::/chat", NULL);
	run(w, 0, &a, say_to_room_chat);
	assert_string_equal(a.sink.got, "1::/chat ");
}

/* --- what is received ------------------------------------------------------------------------ */

static void
events_find_their_handlers_and_no_others(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	w->told[0] = '\0';
	say(w, 0, &c, "5:::{\"name\":\"message\",\"args\":[{\"b\":1}]}",
	    "5:::{\"name\":\"connection\",\"args\":[1]}", "5:::{\"name\":\"disconnect\"}",
	    "5:::{\"name\":\"*\"}", "5:::{\"name\":\"\"}",
	    "5:::{\"name\":\"message\",\"args\":[\"m\"]}", "3:::text", "4:::{\"a\":1.0}",
	    "3::/chat:not there", NULL);
	assert_string_equal(w->told,
	    "json:[{\"b\":1}] *connection[1] **[] *[] text:m text:text json:[{\"a\":1.0}] ");
}

static void
answer_twice(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	assert_int_equal(sio_ack(s, e, "[1"), e->wants_ack ? -EINVAL : 0);
	assert_int_equal(sio_ack(s, e, "[\"yes\"]"), 0);
	assert_int_equal(sio_ack(s, e, "[\"no\"]"), 0);
}

static void
an_event_is_answered_once_and_only_if_it_asks(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	w->script = answer_twice;
	say(w, 0, &c, "5:7+::{\"name\":\"do\"}", "5:8::{\"name\":\"do\"}", DO, NULL);
	assert_string_equal(c.sink.got, "6:::7+[\"yes\"] 6:::8 ");
}

static void
answer_later(struct world *w, sio_socket *s, const sio_event *e)
{
	static char kept[64];
	const char *later = sio_ack_later(s, e);

	assert_non_null(later);
	if (later[0] == '\0') { /* the client wants none: the second event answers the first */
		assert_int_equal(sio_answer(s, "", NULL), 0);
		assert_int_equal(sio_answer(w->app[0], kept, "[1"), -EINVAL);
		assert_int_equal(sio_answer(s, "nonsense", NULL), -EINVAL);
		assert_int_equal(sio_answer(s, NULL, NULL), -EINVAL);
		assert_int_equal(sio_answer(sio_namespace(s), kept, "[\"later\",1.10]"), 0);
		return;
	}
	assert_string_equal(later, sio_format(s, "%s:7:/chat", sio_id(s)));
	snprintf(kept, sizeof(kept), "%s", later);
}

static void
an_event_may_be_answered_later_by_any_process(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	c.sink.got[0] = '\0';
	w->script = answer_later;
	say(w, 0, &c, "5:7+:/chat:{\"name\":\"do\"}", NULL);
	assert_string_equal(c.sink.got, "");
	say(w, 1, &c, DO, NULL);
	wake(w, 0);
	assert_string_equal(c.sink.got, "6::/chat:7+[\"later\",1.10] ");
}

/* --- answers of the client ------------------------------------------------------------------- */

static void
ask_for_answer(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_emit_ack(s, "q", "[1]", "answer", "{\"n\":1.50}", 5000), 0);
	assert_int_equal(sio_emit_ack(s, "q", NULL, "answer", NULL, 0), 0);
}

static void
an_answer_finds_its_handler_in_any_process(void **state)
{
	struct world *w = *state;
	struct client c;

	open_polling(w, 0, &c);
	run(w, 0, &c, ask_for_answer);
	poll_once(w, 0, &c);
	assert_string_equal(
	    c.sink.got, "5:1+::{\"name\":\"q\",\"args\":[1]} 5:2+::{\"name\":\"q\"} ");
	w->told[0] = '\0';
	say(w, 1, &c, "6:::1+[\"a\",1.0]", "6:::1+[\"again\"]", "6:::3+[]", "6:::2", NULL);
	assert_string_equal(w->told, "answer[\"a\",1.0]{\"n\":1.50} answer[] ");
}

static void
ask_for_receipts(struct world *w, sio_socket *s, const sio_event *e)
{
	sio_target lobby = sio_in(s, "lobby");

	(void)w;
	(void)e;
	assert_int_equal(sio_send_ack(s, "hi", 2, "answer", "{\"n\":1}", 5000), 0);
	assert_int_equal(sio_json_ack(s, "[1.10]", "answer", NULL, 0), 0);
	assert_int_equal(sio_emit_ack_to(lobby, "q", NULL, "answer", "3", 0), 0);
	assert_int_equal(sio_send_ack_to(lobby, "all", 3, "answer", NULL, 0), 0);
	assert_int_equal(sio_json_ack_to(lobby, "1 2", "answer", NULL, 0), -EINVAL);
	assert_int_equal(
	    sio_emit_ack_to(sio_in(s, "nobody"), "q", "1", "answer", NULL, 0), -EINVAL);
	assert_int_equal(sio_send_ack(s, "\xff", 1, "answer", NULL, 0), -EINVAL);
	assert_int_equal(sio_send_ack(s, "x", 1, NULL, NULL, 0), -EINVAL);
	assert_int_equal(sio_send_ack(s, "x", 1, "answer", "x", 0), -EINVAL);
	assert_int_equal(sio_json_ack(s, "1", "answer", NULL, -1), -EINVAL);
	assert_int_equal(sio_send_ack_to(sio_volatile(lobby), "x", 1, "answer", NULL, 0), -EINVAL);
}

static void
a_message_is_acked_by_the_client_itself(void **state)
{
	struct world *w = *state;
	struct client c, other;

	open_stream(w, 0, &c);
	open_stream(w, 0, &other);
	run(w, 0, &c, ask_for_receipts);
	assert_string_equal(c.sink.got, "3:1::hi 4:2::[1.10] 5:3+::{\"name\":\"q\"} 3:4::all ");
	assert_string_equal(other.sink.got, "5:1+::{\"name\":\"q\"} 3:2::all ");
	w->told[0] = '\0';
	say(w, 0, &c, "6:::1", "6:::2", "6:::3+[5]", "6:::4", NULL);
	say(w, 0, &other, "6:::1", NULL);
	assert_string_equal(w->told, "answer[]{\"n\":1} answer[] answer[5]3 answer[] answer[]3 ");
}

static void
an_answer_that_does_not_come_is_told_once(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	run(w, 0, &c, ask_for_answer);
	w->told[0] = '\0';
	pass(w, 4000);
	assert_string_equal(w->told, "");
	pass(w, 2000);
	assert_string_equal(w->told, "late:answer[]{\"n\":1.50} ");
	say(w, 0, &c, "6:::1+[\"a\"]", NULL);
	pass(w, 2000);
	assert_string_equal(w->told, "late:answer[]{\"n\":1.50} ");
}

/* --- helpers --------------------------------------------------------------------------------- */

static void
arguments_are_built_by_letters(void **state)
{
	struct world *w = *state;
	sio_app *app = w->app[0];

	assert_string_equal(
	    sio_args(app, "sjildb", "a\"\n", "[1.10]", -3, (int64_t)1 << 40, 0.1, true),
	    "[\"a\\\"\\n\",[1.10],-3,1099511627776,0.1,true]");
	assert_string_equal(sio_args(app, ""), "[]");
	assert_string_equal(
	    sio_args(app, "sjd", (char *)NULL, (char *)NULL, (double)INFINITY), "[null,null,null]");
	assert_string_equal(sio_args(app, "d", 1e21 / 3), "[3.333333333333333e+20]");
	assert_null(sio_arg(app, sio_args(app, "x"), 0));
	assert_null(sio_arg(app, sio_args(app, "j", "1]"), 0));
	assert_null(sio_arg(app, sio_args(app, "s", "\xff"), 0));
	assert_string_equal(sio_arg(app, "[1, {\"a\":2} ,3]", 1), "{\"a\":2}");
	assert_null(sio_arg(app, "[1]", 1));
	assert_string_equal(sio_text(app, "\"\\u00e4\\n\""), "\xc3\xa4\n");
	assert_null(sio_text(app, "5"));
	assert_null(sio_text(app, "\"a\\u0000b\""));
	assert_null(sio_text(app, NULL));
	assert_string_equal(sio_quote(app, "a\"", 2), "\"a\\\"\"");
	assert_string_equal(sio_format(app, "[%d]", 5), "[5]");
}

static void
say_no_json(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_emit(s, "news", "1,2"), -EINVAL);
	assert_int_equal(sio_emit(s, "more", "1,2"), -EINVAL);
	assert_int_equal(sio_emit(s, "object", "{}"), -EINVAL);
	assert_int_equal(sio_emit(s, "b\xff", NULL), -EINVAL);
	assert_int_equal(sio_emit(s, NULL, NULL), -EINVAL);
}

static void
set_no_json(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	assert_int_equal(sio_set(s, "nick", "bob"), -EINVAL);
	assert_int_equal(sio_set(s, "age", NULL), -EINVAL);
	log_tick(INT64_MAX);
	assert_int_equal(sio_json(s, "nope"), -EINVAL);
	log_tick(INT64_MAX);
	assert_int_equal(sio_ack(s, e, "[1"), -EINVAL);
	log_tick(INT64_MAX);
	assert_int_equal(sio_emit(s, "args", sio_args(s, "j", "1]")), -EINVAL);
	log_tick(INT64_MAX);
	assert_int_equal(sio_emit_ack(s, "asked", "5", "answer", NULL, 0), -EINVAL);
	log_tick(INT64_MAX);
	assert_int_equal(sio_emit_ack(s, "asked", NULL, "answer", "ctx", 0), -EINVAL);
}

static void
what_is_not_json_is_named_in_the_log(void **state)
{
	struct world *w = *state;
	struct client c;
	const char *log, *said;

	open_stream(w, 0, &c);
	log = log_into(w);
	run(w, 0, &c, say_no_json);
	log_tick(INT64_MAX);
	said = log_said(log);
	assert_int_equal(
	    count(said, "warn: application: sio_emit \"news\": this is not JSON: 1,2\n"), 1);
	assert_int_equal(count(said, "this is not JSON: 1,2 (1 more like this since)\n"), 1);
	assert_int_equal(
	    count(said, "sio_emit \"object\": this is JSON, but not an array: {}\n"), 1);
	assert_int_equal(count(said, "the name is not UTF-8\n"), 1);
	assert_int_equal(count(said, "sio_emit: the event has no name\n"), 1);
	log = log_into(w);
	w->script = set_no_json;
	say(w, 0, &c, "5:1+::{\"name\":\"do\"}", NULL);
	said = log_said(log);
	assert_int_equal(count(said, "sio_set \"nick\": this is not JSON: bob\n"), 1);
	assert_int_equal(count(said, "sio_set \"age\": there is no JSON text\n"), 1);
	assert_int_equal(count(said, "sio_json \"\": this is not JSON: nope\n"), 1);
	assert_int_equal(count(said, "sio_ack \"do\": this is not JSON: [1\n"), 1);
	assert_int_equal(
	    count(said,
		"sio_emit \"args\": this is not JSON: (an argument of sio_args() is wrong)\n"),
	    1);
	assert_int_equal(
	    count(said, "sio_emit_ack \"asked\": this is JSON, but not an array: 5\n"), 1);
	assert_int_equal(
	    count(said, "sio_emit_ack, the context of \"asked\": this is not JSON: ctx\n"), 1);
}

static void
say_reserved(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	sio_emit(s, "error", NULL);
	sio_emit(s, "error", NULL);
	sio_emit(s, "connect", NULL);
	sio_emit(s, "news", NULL);
}

static void
a_reserved_name_is_warned_of_once(void **state)
{
	struct world *w = *state;
	struct client c;
	const char *log = log_into(w);
	char *said;

	open_stream(w, 0, &c);
	run(w, 0, &c, say_reserved);
	run(w, 0, &c, say_reserved);
	said = log_said(log);
	assert_int_equal(count(said, "\"error\""), 1);
	assert_int_equal(count(said, "\"connect\""), 1);
	assert_int_equal(count(said, "\"news\""), 0);
}

static void
take_long(struct world *w, sio_socket *s, const sio_event *e)
{
	struct timespec t = {.tv_nsec = 30000000};

	(void)w;
	(void)s;
	(void)e;
	nanosleep(&t, NULL); /* the time itself is what is tested */
}

static void
a_slow_handler_is_named(void **state)
{
	struct world *w = *state;
	struct client c;
	const char *log = log_into(w);
	char *said;

	open_stream(w, 0, &c);
	w->script = take_long;
	say(w, 0, &c, DO, DO, NULL);
	said = log_said(log);
	assert_int_equal(count(said, "handler \"do\" of namespace \"\" took"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_module_that_cannot_be_used_is_named_with_the_reason),
	    TEST(a_library_that_is_no_application_is_refused),
	    TEST(a_module_loads),
	    TEST(a_handler_knows_its_node),
	    TEST(nothing_is_set_up_later),
	    TEST(names_that_cannot_be_on_the_wire_are_refused),
	    TEST(what_is_sent_arrives_in_the_order_of_the_calls),
	    TEST(what_is_wrong_is_refused_and_sends_nothing),
	    TEST(a_broadcast_leaves_the_sender_out_everywhere),
	    TEST(several_sessions_are_left_out_of_one_message),
	    TEST(volatile_is_lost_between_polls),
	    TEST(another_namespace_can_be_sent_to),
	    TEST(a_namespace_hears_json_and_the_log_a_line),
	    TEST(rooms_of_different_namespaces_are_different),
	    TEST(events_find_their_handlers_and_no_others),
	    TEST(an_event_is_answered_once_and_only_if_it_asks),
	    TEST(an_event_may_be_answered_later_by_any_process),
	    TEST(a_message_is_acked_by_the_client_itself),
	    TEST(an_answer_finds_its_handler_in_any_process),
	    TEST(an_answer_that_does_not_come_is_told_once),
	    TEST(arguments_are_built_by_letters),
	    TEST(what_is_not_json_is_named_in_the_log),
	    TEST(a_reserved_name_is_warned_of_once),
	    TEST(a_slow_handler_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
