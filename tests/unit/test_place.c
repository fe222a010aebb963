/* What clients are told when all places for held requests are taken, turn by turn.  With a web
 * server in front: wire/budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/store/places.h"
#include "shared/transport/server.h"
#include "tests/unit/asked.h"
#include "tests/unit/folder.h"

struct world {
	char folder[64];
	struct config cfg;
	struct server *sv;
	int64_t now;
};

static void
ask(struct world *w, struct asked *a, const char *method, const char *target, const char *body)
{
	asked_describe(a, method, target, body);
	assert_true(server_request(w->sv, &a->x));
	a->x.method = a->x.target = a->x.origin = a->x.body = (struct slice){NULL, 0};
}

/* The loop wakes `ms` later. */
static void
pass(struct world *w, int64_t ms)
{
	int64_t next;

	assert_int_equal(server_settle(w->sv, &next), 0);
	w->now += ms;
	server_begin(w->sv, w->now);
	assert_int_equal(server_settle(w->sv, &next), 0);
	server_begin(w->sv, w->now);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->folder, sizeof(w->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	config_default(&w->cfg);
	snprintf(w->cfg.data, sizeof(w->cfg.data), "%s", w->folder);
	w->cfg.wsd_max_held_requests = 1;
	w->sv = server_open(&w->cfg, SERVER_WSD);
	assert_non_null(w->sv);
	w->now = 1000000;
	server_begin(w->sv, w->now);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	server_close(w->sv);
	delete_folder(w->folder);
	free(w);
	return 0;
}

/* --- clients -------------------------------------------------------------------------------- */

struct client {
	char sid[32];
	struct asked get, post;
};

static void
shake_hands(struct world *w, struct client *c)
{
	struct asked a;

	ask(w, &a, "GET", "/socket.io/1/", "");
	pass(w, 0);
	assert_int_equal(a.status, 200);
	snprintf(c->sid, sizeof(c->sid), "%.20s", a.body);
}

static void
poll_by(struct world *w, struct client *c, const char *transport)
{
	char target[128];

	snprintf(target, sizeof(target), "/socket.io/1/%s/%s?i=7", transport, c->sid);
	ask(w, &c->get, "GET", target, "");
	pass(w, 0);
}

static void
post(struct world *w, struct client *c, const char *body)
{
	char target[128];

	snprintf(target, sizeof(target), "/socket.io/1/xhr-polling/%s", c->sid);
	ask(w, &c->post, "POST", target, body);
	pass(w, 0);
	assert_int_equal(c->post.status, 200);
	asked_tell_fate(&c->post, EXCHANGE_SENT);
}

/* Its poll was answered like this. */
static void
heard(struct client *c, const char *body)
{
	assert_int_equal(c->get.status, 200);
	assert_string_equal(c->get.body, body);
	assert_true(c->get.over);
	asked_tell_fate(&c->get, EXCHANGE_SENT);
}

/* A client that has a place, and holds a poll. */
static void
come_in(struct world *w, struct client *c)
{
	shake_hands(w, c);
	poll_by(w, c, "xhr-polling");
	heard(c, "1::");
	poll_by(w, c, "xhr-polling");
	assert_int_equal(c->get.status, 0);
}

/* A client that finds no place. */
static void
stay_out(struct world *w, struct client *c)
{
	shake_hands(w, c);
	assert_memory_equal(c->sid, "no-place", 8);
}

static void
leave(struct world *w, struct client *c)
{
	post(w, c, "3:::a sign of life");
	post(w, c, "0::");
	heard(c, "0::");
	pass(w, 0);
}

#define HEAD                                                                                       \
	"<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>"      \
	"                                                                                        " \
	"                                                                                     "

static const struct {
	const char *transport, *first, *later;
} told[] = {
    {"xhr-polling", "7:::1+0", "1::"},
    {"jsonp-polling", "io.j[7](\"7:::1+0\");", "io.j[7](\"1::\");"},
    {"htmlfile", HEAD "<script>_(\"7:::1+0\");</script>",
	HEAD "<script>_(\"1::\");</script><script>_(\"7:::1+0\");</script>"},
};
#define TOLD (sizeof(told) / sizeof(told[0]))

/* --- the tests ------------------------------------------------------------------------------ */

static void
a_client_without_a_place_is_told_to_come_again_and_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct client in, out;

	come_in(w, &in);
	for (size_t i = 0; i < TOLD; i++) {
		stay_out(w, &out);
		poll_by(w, &out, told[i].transport);
		assert_true(out.get.closes);
		heard(&out, told[i].first);
		assert_int_equal(server_held(w->sv), 1);
		pass(w, 100000); /* the server has forgotten it */
		heard(&in, "8::");
		poll_by(w, &in, "xhr-polling");
	}
	leave(w, &in);
	come_in(w, &out);
	leave(w, &out);
}

/* A second 7:::1+0 would make it wait twice, if nothing told it to forget the first. */
static void
a_client_that_may_be_waiting_is_connected_for_a_moment(void **state)
{
	struct world *w = *state;
	struct client in, out;

	come_in(w, &in);
	stay_out(w, &out);
	poll_by(w, &out, "xhr-polling");
	heard(&out, told[0].first);
	for (size_t i = 0; i < TOLD; i++) {
		pass(w, 100 + 1400 * (int64_t)i * (int64_t)i);
		stay_out(w, &out);
		poll_by(w, &out, told[i].transport);
		assert_true(out.get.closes);
		heard(&out, told[i].later);
		poll_by(w, &out, told[i].transport);
		assert_int_equal(out.get.status, 503);
	}
	leave(w, &in);
}

/* The client 0.8 polls on for the session that it does not have, without end. */
static void
a_client_that_polls_on_gets_an_error_at_last(void **state)
{
	struct world *w = *state;
	struct client in, out;

	come_in(w, &in);
	stay_out(w, &out);
	poll_by(w, &out, "xhr-polling");
	heard(&out, told[0].first);
	poll_by(w, &out, "xhr-polling");
	heard(&out, told[0].later);
	poll_by(w, &out, "xhr-polling");
	assert_int_equal(out.get.status, 503);
	leave(w, &in);
}

static void
a_client_that_waits_gets_503_until_there_is_a_place(void **state)
{
	struct world *w = *state;
	struct client in, out;
	struct asked a;

	come_in(w, &in);
	stay_out(w, &out);
	poll_by(w, &out, "xhr-polling");
	heard(&out, told[0].first);
	for (int64_t delay = 500; delay < 4000; delay *= 2) {
		pass(w, delay);
		ask(w, &a, "GET", "/socket.io/1/", "");
		assert_int_equal(a.status, 503);
		assert_true(a.closes);
	}
	leave(w, &in);
	pass(w, 4000);
	come_in(w, &out);
	/* what the client 0.9 has left of the session that it was refused */
	post(w, &out, "0::");
	pass(w, 0);
	assert_int_equal(out.get.status, 0);
	assert_int_equal(server_held(w->sv), 1);
	leave(w, &out);
}

static void
a_place_is_kept_from_the_handshake_to_the_first_poll_and_between_two(void **state)
{
	struct world *w = *state;
	struct client in, out;

	shake_hands(w, &in);
	pass(w, PLACES_RESERVED_MS - 1);
	stay_out(w, &out);
	poll_by(w, &in, "xhr-polling");
	heard(&in, "1::");
	pass(w, PLACES_KEPT_MS - 1);
	stay_out(w, &out);
	poll_by(w, &in, "xhr-polling");
	assert_int_equal(in.get.status, 0);
	asked_tell_fate(&in.get, EXCHANGE_GONE);
	pass(w, PLACES_KEPT_MS - 1);
	stay_out(w, &out);
	pass(w, 1);
	come_in(w, &out);
	leave(w, &out);
}

static void
who_leaves_without_a_word_is_believed(void **state)
{
	struct world *w = *state;
	struct client in, out;

	come_in(w, &in);
	stay_out(w, &out);
	poll_by(w, &out, "xhr-polling");
	heard(&out, told[0].first);
	pass(w, 10000);
	post(w, &in, "0::");
	heard(&in, "0::");
	assert_int_equal(server_held(w->sv), 0);
	pass(w, 0); /* and its place is free at once */
	come_in(w, &out);
	leave(w, &out);
}

/* It was away for too long, and another has its place. */
static void
a_session_that_lost_its_place_gets_what_waits_for_it_first(void **state)
{
	struct world *w = *state;
	struct client in, out;

	come_in(w, &in);
	asked_tell_fate(&in.get, EXCHANGE_GONE);
	pass(w, PLACES_KEPT_MS);
	come_in(w, &out);
	/* an answer waits for it */
	post(w, &in, "1::/nowhere");
	poll_by(w, &in, "xhr-polling");
	heard(&in, "7::/nowhere:2");
	poll_by(w, &in, "xhr-polling");
	assert_true(in.get.closes);
	heard(&in, "7:::1+0");
	poll_by(w, &in, "xhr-polling");
	heard(&in, "7:::1+0"); /* it is gone */
	assert_int_equal(server_held(w->sv), 1);
	leave(w, &out);
}

static void
a_stream_has_a_place_too(void **state)
{
	struct world *w = *state;
	struct client in, out;

	shake_hands(w, &in);
	poll_by(w, &in, "htmlfile");
	assert_int_equal(in.get.status, 200);
	pass(w, 60000);
	stay_out(w, &out);
	asked_tell_fate(&in.get, EXCHANGE_GONE); /* and the session ends */
	pass(w, 0);
	come_in(w, &out);
	leave(w, &out);
}

static bool
upgrades(const struct exchange *x)
{
	(void)x;
	return true;
}

/* Then the client may open a websocket, which needs no place. */
static void
where_websocket_is_offered_the_first_poll_is_refused_and_ends_the_session(void **state)
{
	struct world *w = *state;
	struct client in, out;
	struct asked a;

	come_in(w, &in);
	asked_describe(&a, "GET", "/socket.io/1/", "");
	a.x.upgrades = upgrades;
	assert_true(server_request(w->sv, &a.x));
	pass(w, 0);
	assert_int_equal(a.status, 200);
	snprintf(out.sid, sizeof(out.sid), "%.20s", a.body);
	assert_memory_not_equal(out.sid, "no-place", 8);
	pass(w, 1000);
	poll_by(w, &out, "xhr-polling");
	assert_true(out.get.closes);
	heard(&out, "7:::1+0");
	pass(w, 100);
	poll_by(w, &out, "xhr-polling");
	heard(&out, "7:::1+0");
	assert_false(out.get.closes); /* as every session that is unknown */
	leave(w, &in);
}

/* A process that the web server has started for a burst of POSTs. */
static void
a_process_that_holds_nothing_leaves_when_places_run_short(void **state)
{
	struct world *w = *state, fcgi[5];
	struct client in;

	w->cfg.fcgi_max_held_polls = 3;
	for (int i = 0; i < 5; i++) {
		fcgi[i].now = w->now;
		fcgi[i].sv = server_open(&w->cfg, SERVER_FCGI);
		assert_non_null(fcgi[i].sv);
		server_begin(fcgi[i].sv, w->now);
		pass(&fcgi[i], 0);
	}
	for (int i = 0; i < 5; i++)
		assert_false(server_is_spare(fcgi[i].sv));
	come_in(&fcgi[0], &in);
	for (int i = 0; i < 5; i++) /* three are kept */
		assert_true(server_is_spare(fcgi[i].sv) == (i == 4));
	assert_false(server_is_spare(w->sv)); /* it is pollux-wsd */
	leave(&fcgi[0], &in);
	for (int i = 0; i < 5; i++) {
		assert_false(server_is_spare(fcgi[i].sv));
		server_close(fcgi[i].sv);
	}
}

static void
without_a_limit_nothing_is_counted(void **state)
{
	struct world *w = *state;
	struct client clients[20];

	w->cfg.wsd_max_held_requests = 0;
	for (int i = 0; i < 20; i++)
		come_in(w, &clients[i]);
	assert_int_equal(server_held(w->sv), 20);
	/* and a client that ends its session at once does so */
	for (int i = 0; i < 20; i++)
		leave(w, &clients[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_client_without_a_place_is_told_to_come_again_and_leaves_nothing),
	    TEST(a_client_that_may_be_waiting_is_connected_for_a_moment),
	    TEST(a_client_that_polls_on_gets_an_error_at_last),
	    TEST(a_client_that_waits_gets_503_until_there_is_a_place),
	    TEST(a_place_is_kept_from_the_handshake_to_the_first_poll_and_between_two),
	    TEST(who_leaves_without_a_word_is_believed),
	    TEST(a_session_that_lost_its_place_gets_what_waits_for_it_first),
	    TEST(a_stream_has_a_place_too),
	    TEST(where_websocket_is_offered_the_first_poll_is_refused_and_ends_the_session),
	    TEST(a_process_that_holds_nothing_leaves_when_places_run_short),
	    TEST(without_a_limit_nothing_is_counted),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
