/* What is due by the clock: sio_every(), and the timers of sessions. */
#include "shared/action/action.h"
#include "shared/store/timekeeper.h"
#include "shared/store/timer_row.h"
#include "tests/unit/testapp.h"

/* --- ticks ----------------------------------------------------------------------------------- */

static void
on_tick(sio_app *app, void *user)
{
	struct world *w = user;

	note(w, "tick%d", app == w->app[1]);
	assert_int_equal(sio_send_to(sio_ns_in(sio_of(app, ""), "lobby"), "tick", 4), 0);
	assert_int_equal(sio_every(app, 100, on_tick, user), -EINVAL); /* only in pollux_app() */
}

static void
on_slow_tick(sio_app *app, void *user)
{
	(void)app;
	usleep(15000);
	note(user, "slow");
}

static void
set_up_with_ticks(sio_app *app, struct world *w)
{
	set_up(app, w);
	assert_int_equal(sio_every(app, 9, on_tick, w), -EINVAL);
	assert_int_equal(sio_every(app, -1, on_tick, w), -EINVAL);
	assert_int_equal(sio_every(app, 100, NULL, w), -EINVAL);
	assert_int_equal(sio_every(app, 100, on_tick, w), 0);
	assert_int_equal(sio_every(app, 60000, on_slow_tick, w), 0);
}

static int
setup_ticks(void **state)
{
	*state = world_open(set_up_with_ticks);
	return 0;
}

static void
told(struct world *w, const char *expected)
{
	assert_string_equal(w->told, expected);
	w->told[0] = '\0';
}

/* A turn of a process that nobody woke; return how soon it wants the next one. */
static int64_t
idle(struct world *w, int i)
{
	int64_t next;

	begin(w, i);
	assert_int_equal(hub_turn_end(w->hub[i], &next), 0);
	return next - w->now;
}

/* A client, of whose coming nothing is told; process 0 keeps the time. */
static void
open_quietly(struct world *w, int i, struct client *c)
{
	pass(w, 0);
	open_stream(w, i, c);
	w->told[0] = '\0';
}

static void
one_process_ticks(void **state)
{
	struct world *w = *state;
	struct client c;
	int64_t wait;

	open_stream(w, 1, &c);
	w->told[0] = '\0';
	pass(w, 0);
	told(w, "");
	/* it wakes for it by itself */
	wait = idle(w, 1);
	assert_int_equal(wait, 100);
	assert_true(idle(w, 0) > 100);
	pass(w, wait);
	told(w, "tick1 ");
	assert_string_equal(c.sink.got, "3:::tick ");
	pass(w, 99);
	told(w, "");
	pass(w, 1);
	told(w, "tick1 ");
	/* one that is late comes once, and the rhythm stays */
	pass(w, 730);
	told(w, "tick1 ");
	assert_int_equal(idle(w, 1), 70);
	pass(w, 70);
	told(w, "tick1 ");
}

static void
another_process_goes_on(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	pass(w, 0);
	pass(w, 90);
	w->told[0] = '\0';
	hub_close(w->hub[0]);
	w->hub[0] = NULL;
	/* it was woken by the end of the first one, and keeps the time */
	wake(w, 1);
	assert_int_equal(idle(w, 1), 10);
	w->now += 10;
	wake(w, 1);
	told(w, "tick1 ");
	w->hub[0] = open_hub(w, w->application[0], false);
	pass(w, 100);
	told(w, "tick1 ");
}

/* Between them a FastCGI process lets the daemon be first, but goes on without it. */
static void
a_process_that_may_be_ended_waits_for_the_other(void **state)
{
	struct world *w = *state;
	struct hub_options options = {
	    .kind = 1, .prefers_kind = 2, .folder = w->folder, HUB_LIMITS};

	for (int i = 0; i < 2; i++)
		hub_close(w->hub[i]);
	for (int i = 0; i < 2; i++) {
		options.app = application_for_hub(w->application[i]);
		w->hub[i] = hub_open(&options);
		assert_non_null(w->hub[i]);
		application_set_hub(w->application[i], w->hub[i]);
		options.kind = 2;
		options.prefers_kind = 0;
	}
	idle(w, 0);
	assert_int_equal(idle(w, 1), 100);
	pass(w, 100);
	told(w, "tick1 ");
	hub_close(w->hub[1]);
	w->hub[1] = NULL;
	for (int i = 0; i < 11; i++) {
		w->now += 100;
		idle(w, 0);
	}
	assert_non_null(strstr(w->told, "tick0"));
}

static void
a_slow_tick_is_logged(void **state)
{
	struct world *w = *state;
	const char *file = log_into(w);

	pass(w, 0);
	pass(w, 60000);
	assert_non_null(strstr(w->told, "slow"));
	assert_non_null(strstr(log_said(file), "application: sio_every(60000) took "));
}

static void
there_are_at_most_32(void **state)
{
	struct application *app = module_open("", "");

	(void)state;
	for (int i = 0; i < TIMEKEEPER_TICKS; i++)
		assert_int_equal(sio_every(module_of(app), 10, on_tick, NULL), 0);
	assert_int_equal(sio_every(module_of(app), 10, on_tick, NULL), -ENOSPC);
	application_close(app);
}

static void
a_guest_does_not_tick(void **state)
{
	struct world *w = *state;
	struct hub *guest;
	int64_t next;

	hub_close(w->hub[0]);
	hub_close(w->hub[1]);
	w->hub[0] = w->hub[1] = NULL;
	guest = open_hub(w, w->application[0], true);
	for (int i = 0; i < 3; i++) {
		w->now += 1000;
		hub_turn_begin(guest, w->now);
		assert_int_equal(hub_turn_end(guest, &next), 0);
	}
	told(w, "");
	hub_close(guest);
}

/* --- timers of sessions ---------------------------------------------------------------------- */

static void
on_timer(sio_socket *s, const sio_event *e, void *user)
{
	struct world *w = user;

	assert_false(e->wants_ack);
	note(w, "%s%s%s", e->name, sio_endpoint(s), e->context == NULL ? "" : e->context);
	if (w->script != NULL)
		w->script(w, s, e);
}

static void
set_up_with_timers(sio_app *app, struct world *w)
{
	set_up(app, w);
	assert_int_equal(sio_on_timer(sio_of(app, ""), "turn", on_timer, w), 0);
	assert_int_equal(sio_on_timer(sio_of(app, ""), "dog", on_timer, w), 0);
	assert_int_equal(sio_on_timer(sio_of(app, "/chat"), "turn", on_timer, w), 0);
	assert_int_equal(sio_on_timer(sio_of(app, ""), NULL, on_timer, w), -EINVAL);
	assert_int_equal(sio_on_timer(NULL, "turn", on_timer, w), -EINVAL);
}

static int
setup_timers(void **state)
{
	*state = world_open(set_up_with_timers);
	return 0;
}

static void
set_two(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)e;
	w->script = NULL;
	assert_int_equal(sio_after(s, 300, "turn", "{\"of\":7}"), 0);
	assert_int_equal(sio_after(s, 120, "dog", NULL), 0);
	assert_int_equal(sio_after(s, -1, "turn", NULL), -EINVAL);
	assert_int_equal(sio_after(s, 5, NULL, NULL), -EINVAL);
	assert_int_equal(sio_after(s, 5, "turn", "{"), -EINVAL);
	assert_int_equal(sio_cancel(s, "never set"), 0);
	assert_int_equal(sio_cancel(s, NULL), -EINVAL);
}

static void
feed_dog(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)e;
	w->script = NULL;
	assert_int_equal(sio_after(s, 120, "dog", "\"fed\""), 0);
}

static void
drop_dog(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)e;
	w->script = NULL;
	assert_int_equal(sio_cancel(s, "dog"), 0);
}

/* Set in one process, it is handled in the one that keeps the time, which is woken for it. */
static void
a_timer_is_called_when_it_is_due(void **state)
{
	struct world *w = *state;
	struct client c;

	pass(w, 0); /* process 0 keeps the time */
	open_polling(w, 1, &c);
	w->told[0] = '\0';
	run(w, 1, &c, set_two);
	wake(w, 0);
	assert_true(idle(w, 0) <= 120);
	pass(w, 119);
	told(w, "");
	pass(w, 1);
	told(w, "dog ");
	pass(w, 150);
	assert_int_equal(idle(w, 0), 30);
	pass(w, 30);
	told(w, "turn{\"of\":7} ");
	pass(w, 5000);
	told(w, "");
}

static void
a_timer_of_the_same_name_is_replaced(void **state)
{
	struct world *w = *state;
	struct client c;

	open_quietly(w, 1, &c);
	run(w, 1, &c, feed_dog);
	pass(w, 100);
	run(w, 1, &c, feed_dog);
	pass(w, 100);
	told(w, "");
	pass(w, 20);
	told(w, "dog\"fed\" ");
	run(w, 1, &c, feed_dog);
	run(w, 1, &c, drop_dog);
	pass(w, 1000);
	told(w, "");
}

/* A handler may set its own again, and drop one that is due at the same time. */
static void
the_handler_may_change_timers(void **state)
{
	struct world *w = *state;
	struct client c;

	open_quietly(w, 0, &c);
	run(w, 0, &c, set_two);
	w->script = drop_dog;
	pass(w, 120);
	told(w, "dog ");
	w->script = feed_dog;
	pass(w, 200);
	told(w, "turn{\"of\":7} ");
	w->script = feed_dog;
	pass(w, 120);
	told(w, "dog\"fed\" ");
	pass(w, 120);
	told(w, "dog\"fed\" ");
}

static void
take_long(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)s;
	(void)e;
	w->script = NULL;
	usleep(40000);
}

/* Others get the store between two that take long. */
static void
a_slow_handler_does_not_hold_the_store_for_the_next(void **state)
{
	struct world *w = *state;
	struct client c;

	open_quietly(w, 0, &c);
	run(w, 0, &c, set_two);
	w->script = take_long;
	w->now += 300;
	assert_true(idle(w, 0) <= 0);
	told(w, "dog ");
	pass(w, 0);
	told(w, "turn{\"of\":7} ");
}

static void
a_timer_outlives_the_processes(void **state)
{
	struct world *w = *state;
	struct client c;

	open_polling(w, 1, &c);
	run(w, 1, &c, set_two);
	w->told[0] = '\0';
	for (int i = 0; i < 2; i++) {
		hub_close(w->hub[i]);
		w->hub[i] = NULL;
	}
	for (int i = 0; i < 2; i++)
		w->hub[i] = open_hub(w, w->application[i], false);
	pass(w, 1000);
	told(w, "dog turn{\"of\":7} ");
}

static void
a_timer_ends_with_its_session(void **state)
{
	struct world *w = *state;
	struct client c;
	int64_t next;

	pass(w, 0);
	open_stream(w, 0, &c);
	say(w, 0, &c, "1::/chat", NULL);
	w->script = set_two;
	say(w, 0, &c, DO_CHAT, NULL);
	w->script = set_two;
	say(w, 0, &c, DO, NULL);
	w->told[0] = '\0';
	/* those of the namespace that it leaves */
	say(w, 0, &c, "0::/chat", NULL);
	pass(w, 300);
	told(w, "disconnect/chat(packet) dog turn{\"of\":7} ");
	w->script = set_two;
	say(w, 0, &c, DO, NULL);
	say(w, 0, &c, "0::", NULL);
	pass(w, 1000);
	told(w, "disconnect(booted) ");
	assert_int_equal(timer_row_next(hub_store(w->hub[0]), &next), 0);
	assert_true(next == INT64_MAX);
}

static void
set_as_last_word(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	assert_int_equal(sio_after(s, 0, "turn", NULL), -EPIPE);
}

static void
who_leaves_gets_none(void **state)
{
	struct world *w = *state;
	struct client c;

	pass(w, 0);
	open_stream(w, 0, &c);
	w->last_words = set_as_last_word;
	say(w, 0, &c, "0::", NULL);
	w->told[0] = '\0';
	pass(w, 1000);
	told(w, "");
}

static void
set_too_many(struct world *w, sio_socket *s, const sio_event *e)
{
	static char context[65538];

	(void)e;
	w->script = NULL;
	for (int i = 0; i < 4; i++)
		assert_int_equal(sio_after(s, 100, sio_format(s, "t%d", i), NULL), 0);
	assert_int_equal(sio_after(s, 100, "turn", NULL), -EDQUOT);
	assert_int_equal(sio_after(s, 200, "t0", NULL), 0);
	assert_int_equal(sio_cancel(s, "t1"), 0);
	assert_int_equal(sio_after(s, 100, "turn", NULL), 0);
	memset(context, '1', sizeof(context) - 1);
	assert_int_equal(sio_after(s, 100, "turn", context), -EMSGSIZE);
}

/* Processes die one after another while they call it, and it is there again each time. */
static void
a_timer_that_kills_its_processes_is_dropped(void **state)
{
	struct world *w = *state;
	struct client c;
	const char *file;

	pass(w, 0);
	open_polling(w, 1, &c);
	run(w, 1, &c, feed_dog);
	w->told[0] = '\0';
	for (int n = 0; n < 3; n++) {
		timekeeper_set_calling(
		    hub_store(w->hub[0]), sid_key((struct slice){c.sid, SID_LENGTH}));
		for (int i = 0; i < 2; i++)
			hub_close(w->hub[i]);
		for (int i = 0; i < 2; i++)
			w->hub[i] = open_hub(w, w->application[i], false);
		if (n == 0)
			pass(w, 0);
		else
			wake(w, 0);
	}
	file = log_into(w);
	pass(w, 200);
	told(w, "");
	assert_non_null(strstr(
	    log_said(file), "timer \"dog\" of namespace \"\" is dropped: 3 processes have died"));
	run(w, 1, &c, feed_dog);
	pass(w, 200);
	told(w, "dog\"fed\" ");
}

static void
a_session_has_a_limited_number(void **state)
{
	struct world *w = *state;
	struct client c;
	const char *file;
	char *said;

	open_stream(w, 0, &c);
	file = log_into(w);
	run(w, 0, &c, set_too_many);
	pass(w, 100);
	said = log_said(file);
	assert_int_equal(count(said, "is at the limit timers_per_session"), 1);
	assert_non_null(strstr(said, "no sio_on_timer() handler \"t2\""));
}

/* --- actions --------------------------------------------------------------------------------- */

static void
act(struct world *w, const char *json, struct action_result *result)
{
	static const struct action_context nobody = {.count = true};
	struct action_list list;
	struct action_error error;

	begin(w, 1);
	assert_int_equal(action_parse(&list, slice_of(json), &nobody, &error), 0);
	assert_int_equal(action_run(w->application[1], &list, result, &error), 0);
	action_free(&list);
	settle(w, 1);
}

static void
actions_set_and_drop_timers(void **state)
{
	struct world *w = *state;
	struct action_result result;
	struct client a, b;

	pass(w, 0);
	open_stream(w, 0, &a);
	open_stream(w, 1, &b);
	w->told[0] = '\0';
	act(w,
	    "[{\"do\":\"after\",\"to\":{\"room\":\"lobby\"},\"ms\":50,\"name\":\"turn\","
	    "\"context\":[1.10]},"
	    "{\"do\":\"after\",\"to\":\"all\",\"ms\":50,\"name\":\"dog\"},"
	    "{\"do\":\"cancel\",\"to\":{\"ns\":\"\"},\"name\":\"dog\"}]",
	    &result);
	assert_int_equal(result.receivers, 6);
	pass(w, 49);
	told(w, "");
	pass(w, 1);
	told(w, "turn[1.10] turn[1.10] ");
	for (int i = 0; i < 5; i++) {
		char json[100];

		snprintf(json, sizeof(json),
		    "{\"do\":\"after\",\"to\":\"all\",\"ms\":50,\"name\":\"t%d\"}", i);
		act(w, json, &result);
		assert_int_equal(result.refused, i == 4 ? 2 : 0);
	}
	assert_non_null(strstr(result.refusal.message, "is at the limit timers_per_session"));
}

static void
wrong_actions_are_refused(void **state)
{
	static const struct {
		const char *json, *message;
	} wrong[] = {
	    {"{\"do\":\"after\",\"to\":\"all\",\"name\":\"x\"}", "\"ms\" is missing"},
	    {"{\"do\":\"after\",\"to\":\"all\",\"ms\":5}", "\"name\" is missing"},
	    {"{\"do\":\"after\",\"to\":\"all\",\"ms\":-5,\"name\":\"x\"}",
		"\"ms\" must be a number of milliseconds, at most 999999999"},
	    {"{\"do\":\"after\",\"to\":\"all\",\"ms\":1000000000,\"name\":\"x\"}",
		"\"ms\" must be a number of milliseconds, at most 999999999"},
	    {"{\"do\":\"after\",\"to\":\"all\",\"ms\":1.5,\"name\":\"x\"}",
		"\"ms\" must be a number of milliseconds, at most 999999999"},
	    {"{\"do\":\"after\",\"to\":\"all\",\"ms\":5,\"name\":\"x\\u0000\"}",
		"\"name\" contains U+0000"},
	    {"{\"do\":\"after\",\"ms\":5,\"name\":\"x\"}",
		"\"to\" is missing: there is no event to take the session from"},
	    {"{\"do\":\"cancel\",\"to\":\"all\"}", "\"name\" is missing"},
	    {"{\"do\":\"cancel\",\"to\":\"all\",\"name\":\"x\",\"ms\":5}",
		"\"ms\" is not a field of \"cancel\""},
	};
	static const struct action_context nobody = {.session = 0};
	struct action_list list;
	struct action_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(action_parse(&list, slice_of(wrong[i].json), &nobody, &error), -1);
		assert_string_equal(error.message, wrong[i].message);
		action_free(&list);
	}
}

#define TICKS(name)  cmocka_unit_test_setup_teardown(name, setup_ticks, teardown)
#define TIMERS(name) cmocka_unit_test_setup_teardown(name, setup_timers, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TICKS(one_process_ticks),
	    TICKS(another_process_goes_on),
	    TICKS(a_process_that_may_be_ended_waits_for_the_other),
	    TICKS(a_slow_tick_is_logged),
	    TICKS(a_guest_does_not_tick),
	    cmocka_unit_test(there_are_at_most_32),
	    TIMERS(a_timer_is_called_when_it_is_due),
	    TIMERS(a_timer_of_the_same_name_is_replaced),
	    TIMERS(the_handler_may_change_timers),
	    TIMERS(a_slow_handler_does_not_hold_the_store_for_the_next),
	    TIMERS(a_timer_outlives_the_processes),
	    TIMERS(a_timer_ends_with_its_session),
	    TIMERS(who_leaves_gets_none),
	    TIMERS(a_timer_that_kills_its_processes_is_dropped),
	    TIMERS(a_session_has_a_limited_number),
	    TIMERS(actions_set_and_drop_timers),
	    cmocka_unit_test(wrong_actions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
