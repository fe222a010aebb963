/* The transports between an exchange and the hub, driven turn by turn: what a client is told when
 * the server cannot do what it asks, or stops.  The rest is tests/wire's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/transport/server.h"
#include "tests/unit/asked.h"
#include "tests/unit/damage.h"
#include "tests/unit/folder.h"

struct world {
	char folder[64];
	struct config cfg;
	struct server *sv;
	int64_t now;
};

/* --- asking --------------------------------------------------------------------------------- */

static void
put(struct world *w, struct asked *a)
{
	server_request(w->sv, &a->x);
	a->x.method = a->x.target = a->x.origin = a->x.body = (struct slice){NULL, 0};
}

/* Ask; the answer comes into `*a`, which must live until its fate is told. */
static void
ask(struct world *w, struct asked *a, const char *method, const char *target, const char *body)
{
	asked_describe(a, method, target, body);
	put(w, a);
}

/* The web server repeats a GET, since the process that had it died. */
static void
repeat(struct world *w, struct asked *a, const char *target)
{
	asked_describe(a, "GET", target, "");
	a->x.again = true;
	put(w, a);
}

/* It was answered like this, and the answer was written. */
static void
answered(struct asked *a, int status, const char *body)
{
	assert_int_equal(a->status, status);
	assert_string_equal(a->body, body);
	assert_true(a->over);
	assert_non_null(strstr(a->headers, "Access-Control-Allow-Origin: " ASKED_ORIGIN "\r\n"));
	asked_tell_fate(a, EXCHANGE_SENT);
}

static int
settle(struct world *w)
{
	int64_t next;
	int result = server_settle(w->sv, &next);

	server_begin(w->sv, w->now);
	return result;
}

/* The loop wakes `ms` later. */
static void
pass(struct world *w, int64_t ms)
{
	w->now += ms;
	server_begin(w->sv, w->now);
	assert_int_equal(settle(w), 0);
}

/* --- a server, and what goes wrong with it -------------------------------------------------- */

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->folder, sizeof(w->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	config_default(&w->cfg);
	snprintf(w->cfg.data, sizeof(w->cfg.data), "%s", w->folder);
	w->sv = server_open(&w->cfg, SERVER_WSD);
	assert_non_null(w->sv);
	w->now = 1000000;
	server_begin(w->sv, w->now);
	signal(SIGXFSZ, SIG_IGN);
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

/* Make a session. */
static void
handshake(struct world *w, char *sid, size_t size)
{
	struct asked a;

	ask(w, &a, "GET", "/socket.io/1/", "");
	assert_int_equal(a.status, 0); /* not before the commit */
	assert_int_equal(settle(w), 0);
	assert_int_equal(a.status, 200);
	snprintf(sid, size, "%.20s", a.body);
}

static const char *
target(char *text, size_t size, const char *transport, const char *sid)
{
	snprintf(text, size, "/socket.io/1/%s/%s?i=7", transport, sid);
	return text;
}

/* While the disk is full no file may grow: commits fail. */
static void
fill_disk(bool full)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#define HEAD                                                                                       \
	"<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>"      \
	"                                                                                        " \
	"                                                                                     "

static const struct {
	const char *transport, *first, *again, *come_back, *refused;
} rows[] = {
    {"xhr-polling", "1::", "8::", "8::", "7:::1+0"},
    {"jsonp-polling", "io.j[7](\"1::\");", "io.j[7](\"8::\");", "io.j[7](\"8::\");",
	"io.j[7](\"7:::1+0\");"},
    {"htmlfile", HEAD "<script>_(\"1::\");</script>", NULL, HEAD "<script>_(\"7:::+0\");</script>",
	HEAD "<script>_(\"7:::1+0\");</script>"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* --- the tests ------------------------------------------------------------------------------ */

static void
answers_that_report_a_commit_wait_for_it(void **state)
{
	struct world *w = *state;
	struct asked a, poll;
	char sid[32], text[128];

	handshake(w, sid, sizeof(sid));
	ask(w, &poll, "GET", target(text, sizeof(text), "xhr-polling", sid), "");
	ask(w, &a, "POST", target(text, sizeof(text), "xhr-polling", sid), "3:::x");
	assert_int_equal(poll.status, 0);
	assert_int_equal(a.status, 0);
	assert_int_equal(settle(w), 0);
	answered(&poll, 200, "1::");
	answered(&a, 200, "1");
	ask(w, &a, "GET", target(text, sizeof(text), "xhr-polling", sid), "");
	ask(w, &poll, "GET", "/socket.io/1/xhr-polling/00000000000000000000", "");
	answered(&poll, 200, "7:::1+0"); /* reports nothing */
	assert_int_equal(settle(w), 0);
	assert_int_equal(a.status, 0);
	ask(w, &poll, "GET", target(text, sizeof(text), "xhr-polling", sid), "");
	answered(&a, 200, "8::");
	asked_tell_fate(&poll, EXCHANGE_GONE);
}

/* The client 0.8 polls again at once, without end. */
static void
a_poll_for_an_unknown_session_is_held_when_it_is_repeated(void **state)
{
	struct world *w = *state;
	struct asked first, again, other;
	char text[64];

	for (int i = 0; i < 2; i++) {
		ask(w, &first, "GET", "/socket.io/1/xhr-polling/gone?t=1", "");
		answered(&first, 200, "7:::1+0");
		ask(w, &again, "GET", "/socket.io/1/jsonp-polling/gone?t=2&i=7", "");
		pass(w, 999);
		assert_int_equal(again.status, 0);
		ask(w, &other, "GET", "/socket.io/1/xhr-polling/other?t=1", "");
		if (i == 0)
			answered(&other, 200, "7:::1+0");
		pass(w, 1);
		answered(&again, 200, "io.j[7](\"7:::1+0\");");
		if (i == 1) { /* its client leaves */
			assert_int_equal(other.status, 0);
			asked_tell_fate(&other, EXCHANGE_GONE);
		}
		if (i == 0) /* then it is new again, and the other is not */
			for (int s = 0; s < 10; s++) {
				ask(w, &other, "GET", "/socket.io/1/xhr-polling/other?t=2", "");
				pass(w, 1000);
				answered(&other, 200, "7:::1+0");
			}
	}
	/* however many there are, none is kept waiting for the others */
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "/socket.io/1/xhr-polling/flood%d", i);
		ask(w, &first, "GET", text, "");
		answered(&first, 200, "7:::1+0");
	}
	ask(w, &first, "GET", "/socket.io/1/xhr-polling/flood999", "");
	answered(&first, 200, "7:::1+0");
}

static void
a_failed_commit_is_told_to_a_handshake_and_a_post(void **state)
{
	struct world *w = *state;
	struct asked plain, script, post, leave;
	char sid[32], text[128];

	handshake(w, sid, sizeof(sid));
	fill_disk(true);
	ask(w, &plain, "GET", "/socket.io/1/", "");
	ask(w, &script, "GET", "/socket.io/1/?jsonp=3", "");
	ask(w, &post, "POST", target(text, sizeof(text), "jsonp-polling", sid), "d=3:::x");
	snprintf(text, sizeof(text), "/socket.io/1//%s/?disconnect=1", sid);
	ask(w, &leave, "GET", text, "");
	assert_int_equal(settle(w), -1);
	fill_disk(false);
	answered(&plain, 503, "server busy");
	answered(&script, 200, "io.j[3](new Error(\"server busy\"));");
	assert_string_equal(script.type, "application/javascript");
	answered(&post, 503, "server busy");
	answered(&leave, 503, "server busy");
	/* and the session is as it was */
	ask(w, &post, "GET", target(text, sizeof(text), "jsonp-polling", sid), "");
	assert_int_equal(settle(w), 0);
	answered(&post, 200, "io.j[7](\"1::\");");
}

static void
a_failed_commit_keeps_polls_waiting_and_streams_come_again(void **state)
{
	struct world *w = *state;
	struct asked a[ROWS];
	char sid[ROWS][32], text[128];

	for (size_t i = 0; i < ROWS; i++)
		handshake(w, sid[i], sizeof(sid[i]));
	fill_disk(true);
	for (size_t i = 0; i < ROWS; i++)
		ask(w, &a[i], "GET", target(text, sizeof(text), rows[i].transport, sid[i]), "");
	assert_int_equal(settle(w), -1);
	fill_disk(false);
	/* the page had begun: after its first packet comes one that tells the client to reconnect */
	assert_int_equal(a[2].status, 200);
	assert_non_null(strstr(a[2].body, "<script>_(\"7:::+0\");</script>"));
	assert_true(a[2].over);
	asked_tell_fate(&a[2], EXCHANGE_SENT);
	pass(w, 900);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(a[i].status, 0);
	pass(w, 200);
	for (size_t i = 0; i < 2; i++) {
		answered(&a[i], 200, rows[i].again);
		ask(w, &a[i], "GET", target(text, sizeof(text), rows[i].transport, sid[i]), "");
	}
	assert_int_equal(settle(w), 0);
	for (size_t i = 0; i < 2; i++)
		answered(&a[i], 200, rows[i].first);
}

/* A page that is open, and a POST of its client that has an answer on the page. */
static void
a_page_gets_nothing_of_what_is_answered_503(void **state)
{
	struct world *w = *state;
	struct asked page, post;
	char sid[32], text[128], told[1024];

	handshake(w, sid, sizeof(sid));
	ask(w, &page, "GET", target(text, sizeof(text), "htmlfile", sid), "");
	assert_int_equal(settle(w), 0);
	assert_string_equal(page.body, rows[2].first);
	fill_disk(true);
	ask(w, &post, "POST", target(text, sizeof(text), "htmlfile", sid), "1::/nowhere");
	assert_int_equal(settle(w), -1);
	fill_disk(false);
	answered(&post, 503, "server busy");
	assert_string_equal(page.body, rows[2].first);
	ask(w, &post, "POST", target(text, sizeof(text), "htmlfile", sid), "1::/nowhere");
	assert_string_equal(page.body, rows[2].first); /* not before the commit */
	assert_int_equal(settle(w), 0);
	answered(&post, 200, "1");
	snprintf(told, sizeof(told), "%s<script>_(\"7::\\/nowhere:2\");</script>", rows[2].first);
	assert_string_equal(page.body, told);
	assert_false(page.over);
	asked_tell_fate(&page, EXCHANGE_GONE);
}

static void
a_store_that_cannot_be_read(void **state)
{
	struct world *w = *state;
	struct asked a[ROWS], post, script;
	char sid[32], text[128];

	handshake(w, sid, sizeof(sid));
	change_database(w->folder, "ALTER TABLE session RENAME TO hidden");
	for (size_t i = 0; i < ROWS; i++)
		ask(w, &a[i], "GET", target(text, sizeof(text), rows[i].transport, sid), "");
	ask(w, &post, "POST", target(text, sizeof(text), "xhr-polling", sid), "3:::x");
	ask(w, &script, "GET", "/socket.io/1/?jsonp=3", "");
	assert_int_equal(settle(w), -1);
	change_database(w->folder, "ALTER TABLE hidden RENAME TO session");
	answered(&a[2], 200, rows[2].come_back);
	answered(&post, 503, "server busy");
	answered(&script, 200, "io.j[3](new Error(\"server busy\"));");
	assert_int_equal(a[0].status, 0);
	asked_tell_fate(&a[0], EXCHANGE_GONE); /* a client that leaves meanwhile is forgotten */
	pass(w, 1100);
	answered(&a[1], 200, rows[1].come_back);
}

static void
draining_ends_what_is_held_and_holds_nothing(void **state)
{
	struct world *w = *state;
	struct asked held[ROWS], late;
	char sid[ROWS][32], text[128];

	for (size_t i = 0; i < ROWS; i++) {
		handshake(w, sid[i], sizeof(sid[i]));
		ask(w, &held[i], "GET", target(text, sizeof(text), rows[i].transport, sid[i]), "");
		assert_int_equal(settle(w), 0);
		if (rows[i].again == NULL)
			continue; /* a page stays open */
		answered(&held[i], 200, rows[i].first);
		ask(w, &held[i], "GET", target(text, sizeof(text), rows[i].transport, sid[i]), "");
		assert_int_equal(settle(w), 0);
		assert_int_equal(held[i].status, 0);
	}
	assert_int_equal(server_held(w->sv), ROWS);
	server_drain(w->sv);
	assert_int_equal(settle(w), 0);
	assert_int_equal(server_held(w->sv), 0);
	for (size_t i = 0; i < 2; i++)
		answered(&held[i], 200, rows[i].come_back);
	answered(&held[2], 200, HEAD "<script>_(\"1::\");</script><script>_(\"7:::+0\");</script>");
	for (size_t i = 0; i < ROWS; i++) {
		ask(w, &late, "GET", target(text, sizeof(text), rows[i].transport, sid[i]), "");
		answered(&late, 200, rows[i].come_back);
	}
	ask(w, &late, "GET", "/socket.io/1/?jsonp=0", "");
	answered(&late, 200, "io.j[0](new Error(\"server busy\"));");
	assert_int_equal(settle(w), 0);
}

/* lighttpd also repeats a poll that its client has left: such a ghost must not supersede the
 * client's next one. */
static void
a_request_that_the_web_server_repeats_takes_nothing_over(void **state)
{
	struct world *w = *state;
	struct asked held[ROWS], ghost;
	char sid[32], text[128];

	for (size_t i = 0; i < ROWS; i++) {
		handshake(w, sid, sizeof(sid));
		ask(w, &held[i], "GET", target(text, sizeof(text), "xhr-polling", sid), "");
		assert_int_equal(settle(w), 0);
		answered(&held[i], 200, "1::");
		ask(w, &held[i], "GET", target(text, sizeof(text), "xhr-polling", sid), "");
		assert_int_equal(settle(w), 0);
		repeat(w, &ghost, target(text, sizeof(text), rows[i].transport, sid));
		answered(&ghost, 200, rows[i].come_back);
		assert_int_equal(settle(w), 0);
		assert_int_equal(held[i].status, 0);
		ask(w, &ghost, "POST", target(text, sizeof(text), "xhr-polling", sid), "0::");
		assert_int_equal(settle(w), 0);
		answered(&held[i], 200, "0::");
	}
}

static void
a_page_whose_client_leaves_before_the_commit(void **state)
{
	struct world *w = *state;
	struct asked page, later;
	char sid[32], text[128];

	handshake(w, sid, sizeof(sid));
	ask(w, &page, "GET", target(text, sizeof(text), "htmlfile", sid), "");
	asked_tell_fate(&page, EXCHANGE_FAILED);
	assert_int_equal(settle(w), 0);
	assert_int_equal(server_held(w->sv), 0);
	ask(w, &later, "GET", target(text, sizeof(text), "htmlfile", sid), "");
	answered(&later, 200, rows[2].refused);
	assert_int_equal(settle(w), 0);
}

/* Ask for the welcome page with this Origin; its headers. */
static const char *
headers_for(struct world *w, struct asked *a, struct slice origin)
{
	asked_describe(a, "GET", "/socket.io/", "");
	a->x.origin = origin;
	put(w, a);
	assert_int_equal(a->status, 200);
	return a->headers;
}

static void
an_origin_is_echoed_unless_it_could_add_a_header(void **state)
{
	struct world *w = *state;
	struct asked a;

	assert_non_null(strstr(headers_for(w, &a, SLICE("null")),
	    "Access-Control-Allow-Origin: null\r\nAccess-Control-Allow-Credentials: true\r\n"));
	assert_null(strstr(headers_for(w, &a, SLICE("")), "Access-Control"));
	assert_null(strstr(headers_for(w, &a, SLICE("http://a\r\nX-Evil: 1")), "Access-Control"));
	assert_null(strstr(headers_for(w, &a, SLICE("http://a\x7f")), "Access-Control"));
	assert_int_equal(settle(w), 0);
}

static void
a_stream_lives_as_long_as_its_heartbeats_are_answered(void **state)
{
	struct world *w = *state;
	struct asked page, post;
	char sid[32], text[128];
	size_t n;

	handshake(w, sid, sizeof(sid));
	ask(w, &page, "GET", target(text, sizeof(text), "htmlfile", sid), "");
	assert_int_equal(settle(w), 0);
	for (int i = 0; i < 3; i++) {
		n = strlen(page.body);
		pass(w, w->cfg.heartbeat_interval_ms);
		assert_string_equal(page.body + n, "<script>_(\"2::\");</script>");
		pass(w, w->cfg.heartbeat_timeout_ms - 1);
		ask(w, &post, "POST", target(text, sizeof(text), "htmlfile", sid), "2::");
		assert_int_equal(settle(w), 0);
		answered(&post, 200, "1");
	}
	pass(w, w->cfg.heartbeat_interval_ms);
	pass(w, w->cfg.heartbeat_timeout_ms);
	assert_true(page.over);
	assert_int_equal(server_held(w->sv), 0);
	asked_tell_fate(&page, EXCHANGE_SENT);
	ask(w, &post, "GET", target(text, sizeof(text), "htmlfile", sid), "");
	answered(&post, 200, rows[2].refused);
	assert_int_equal(settle(w), 0);
}

static void
a_newer_poll_ends_the_older_and_gets_what_it_did_not_deliver(void **state)
{
	struct world *w = *state;
	struct asked older, newer;
	char sid[32], text[128];

	handshake(w, sid, sizeof(sid));
	ask(w, &older, "GET", target(text, sizeof(text), "xhr-polling", sid), "");
	assert_int_equal(settle(w), 0);
	assert_string_equal(older.body, "1::");
	asked_tell_fate(&older, EXCHANGE_FAILED); /* 1:: is lost, and comes again */
	ask(w, &newer, "GET", target(text, sizeof(text), "xhr-polling", sid), "");
	assert_int_equal(settle(w), 0);
	answered(&newer, 200, "1::");
	ask(w, &older, "GET", target(text, sizeof(text), "xhr-polling", sid), "");
	assert_int_equal(settle(w), 0);
	ask(w, &newer, "GET", target(text, sizeof(text), "xhr-polling", sid), "");
	answered(&older, 200, "8::");
	assert_int_equal(settle(w), 0);
	assert_int_equal(newer.status, 0);
	assert_int_equal(server_held(w->sv), 1);
	pass(w, w->cfg.polling_duration_ms);
	answered(&newer, 200, "8::");
	assert_int_equal(server_held(w->sv), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(answers_that_report_a_commit_wait_for_it),
	    TEST(a_poll_for_an_unknown_session_is_held_when_it_is_repeated),
	    TEST(a_failed_commit_is_told_to_a_handshake_and_a_post),
	    TEST(a_failed_commit_keeps_polls_waiting_and_streams_come_again),
	    TEST(a_page_gets_nothing_of_what_is_answered_503),
	    TEST(a_store_that_cannot_be_read),
	    TEST(draining_ends_what_is_held_and_holds_nothing),
	    TEST(a_request_that_the_web_server_repeats_takes_nothing_over),
	    TEST(a_page_whose_client_leaves_before_the_commit),
	    TEST(an_origin_is_echoed_unless_it_could_add_a_header),
	    TEST(a_stream_lives_as_long_as_its_heartbeats_are_answered),
	    TEST(a_newer_poll_ends_the_older_and_gets_what_it_did_not_deliver),
	};

	return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
