/* Two nodes, each with a server for clients and with what pollux-linkd does: every request of a
 * client reaches the other node.  The test carries the rows. */
#include "tests/unit/linknode.h"

#include "shared/base/container.h"
#include "shared/hub/message.h"
#include "shared/transport/websocket.h"
#include "shared/wire/route.h"
#include "tests/unit/asked.h"

#define A 7
#define B 9

struct pair {
	struct linknode linkd[2];
	struct server *sv[2];
	char sid[32];
	int turn; /* which node gets the next request */
};

/* --- turns ---------------------------------------------------------------------------------- */

static void
turn(struct pair *p, int node)
{
	int64_t next;

	server_wake(p->sv[node]);
	assert_int_equal(server_settle(p->sv[node], &next), 0);
	server_begin(p->sv[node], p->linkd[node].l.now);
}

/* Until nothing more happens. */
static void
run(struct pair *p)
{
	for (int i = 0; i < 8; i++) {
		turn(p, 0);
		turn(p, 1);
		linknode_exchange(&p->linkd[0], &p->linkd[1]);
	}
	turn(p, 0);
	turn(p, 1);
}

static int
open_pair(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	for (int i = 0; i < 2; i++) {
		linknode_open(&p->linkd[i], i == 0 ? A : B);
		p->sv[i] = server_open(&p->linkd[i].cfg, SERVER_WSD);
		assert_non_null(p->sv[i]);
		server_begin(p->sv[i], p->linkd[i].l.now);
	}
	linknode_sees(&p->linkd[0], B, true);
	linknode_sees(&p->linkd[1], A, true);
	run(p);
	*state = p;
	return 0;
}

static int
close_pair(void **state)
{
	struct pair *p = *state;

	for (int i = 0; i < 2; i++) {
		server_close(p->sv[i]);
		linknode_close(&p->linkd[i]);
	}
	free(p);
	return 0;
}

/* --- a client whose every request reaches the other node ------------------------------------ */

static void
ask(struct pair *p, struct asked *a, const char *method, const char *transport, const char *body)
{
	char target[128];

	if (transport == NULL)
		snprintf(target, sizeof(target), "/socket.io/1/");
	else
		snprintf(target, sizeof(target), "/socket.io/1/%s/%s?i=3", transport, p->sid);
	asked_describe(a, method, target, body);
	assert_true(server_request(p->sv[p->turn], &a->x));
	a->x.method = a->x.target = a->x.body = (struct slice){NULL, 0};
	p->turn = 1 - p->turn;
	run(p);
}

static void
answered(struct asked *a, const char *body)
{
	assert_int_equal(a->status, 200);
	assert_true(a->over);
	assert_string_equal(a->body, body);
	asked_tell_fate(a, EXCHANGE_SENT);
}

static void
handshake(struct pair *p)
{
	struct asked a;

	ask(p, &a, "GET", NULL, "");
	assert_int_equal(a.status, 200);
	snprintf(p->sid, sizeof(p->sid), "%.20s", a.body);
}

/* The session ends; the poll that is held, wherever that is, says so. */
static void
disconnect(struct pair *p, const char *transport)
{
	struct asked a, poll;
	char target[128];

	ask(p, &poll, "GET", transport, "");
	assert_int_equal(poll.status, 0);
	snprintf(target, sizeof(target), "/socket.io/1/%s/%s?disconnect=1", transport, p->sid);
	asked_describe(&a, "GET", target, "");
	assert_true(server_request(p->sv[p->turn], &a.x));
	run(p);
	answered(&a, "");
	assert_non_null(strstr(poll.body, "0::"));
	asked_tell_fate(&poll, EXCHANGE_SENT);
}

static void
polls_and_posts(struct pair *p, const char *transport, const char *first, const char *post)
{
	struct asked a, poll;

	handshake(p);
	ask(p, &a, "GET", transport, "");
	answered(&a, first);
	for (int i = 0; i < 4; i++) {
		ask(p, &poll, "GET", transport, "");
		assert_int_equal(poll.status, 0);
		ask(p, &a, "POST", transport, post);
		answered(&a, "1");
		/* the newer poll reaches the same node, or the other one */
		if (i % 2 == 0)
			p->turn = 1 - p->turn;
		ask(p, &a, "GET", transport, "");
		assert_non_null(strstr(poll.body, "8::"));
		asked_tell_fate(&poll, EXCHANGE_SENT);
		assert_int_equal(a.status, 0);
		asked_tell_fate(&a, EXCHANGE_GONE);
		run(p);
	}
	disconnect(p, transport);
}

static void
xhr_polling(void **state)
{
	polls_and_posts(*state, "xhr-polling", "1::", "2::");
}

static void
jsonp_polling(void **state)
{
	polls_and_posts(*state, "jsonp-polling", "io.j[3](\"1::\");", "d=2%3A%3A");
}

static void
htmlfile(void **state)
{
	struct pair *p = *state;
	struct asked stream, a;

	handshake(p);
	/* it moves to the node of its first transport */
	ask(p, &stream, "GET", "htmlfile", "");
	assert_non_null(strstr(stream.body, "1::"));
	ask(p, &a, "POST", "htmlfile", "2::");
	answered(&a, "1");
	/* a newer one, from the other node */
	p->turn = 0;
	ask(p, &a, "GET", "htmlfile", "");
	assert_true(stream.over);
	asked_tell_fate(&stream, EXCHANGE_SENT);
	assert_int_equal(a.status, 200);
	assert_false(a.over);
	ask(p, &stream, "GET", "xhr-polling", "");
	assert_true(a.over);
	asked_tell_fate(&a, EXCHANGE_SENT);
	asked_tell_fate(&stream, EXCHANGE_GONE);
	run(p);
}

static void
what_is_not_delivered_waits_for_the_next_poll(void **state)
{
	struct pair *p = *state;
	struct asked a;

	handshake(p);
	ask(p, &a, "POST", "xhr-polling", "2::"); /* it moves there, and 1:: waits */
	answered(&a, "1");
	ask(p, &a, "GET", "xhr-polling", ""); /* by way of the other node */
	assert_string_equal(a.body, "1::");
	asked_tell_fate(&a, EXCHANGE_FAILED);
	run(p);
	ask(p, &a, "GET", "xhr-polling", "");
	answered(&a, "1::");
}

/* --- websockets ----------------------------------------------------------------------------- */

struct socket {
	struct websocket ws;
	char got[256];
	int code;
};

static void
ws_send(struct websocket *ws, struct message *m)
{
	struct socket *s = container_of(ws, struct socket, ws);

	asked_note(s->got, sizeof(s->got), message_text(m));
	asked_note(s->got, sizeof(s->got), SLICE(" "));
}

static void
ws_close(struct websocket *ws, int code, const char *reason)
{
	(void)reason;
	container_of(ws, struct socket, ws)->code = code;
}

static void
ws_pause(struct websocket *ws)
{
	(void)ws;
}

static const struct websocket_ops ws_ops = {ws_send, ws_close, ws_pause};

static enum websocket_verdict
judge(struct pair *p, struct asked *a, struct route *route)
{
	const char *why;
	int status;

	route_parse(route, a->x.target, "socket.io");
	return websocket_judge(p->sv[p->turn], route, &a->x, &status, &why);
}

static void
open_socket(struct pair *p, struct socket *s)
{
	struct asked a;
	struct route route;
	enum websocket_verdict verdict;
	char target[128];

	*s = (struct socket){.ws.ops = &ws_ops};
	snprintf(target, sizeof(target), "/socket.io/1/websocket/%s", p->sid);
	asked_describe(&a, "GET", target, "");
	verdict = judge(p, &a, &route);
	if (verdict == WEBSOCKET_WAIT) {
		run(p);
		assert_true(a.judged);
		verdict = judge(p, &a, &route);
	}
	assert_int_equal(verdict, WEBSOCKET_GO);
	assert_int_equal(websocket_open(p->sv[p->turn], &s->ws, &route, &a.x), 0);
	assert_null(a.x.on_fate);
	run(p);
}

static void
websockets(void **state)
{
	struct pair *p = *state;
	struct socket first, second;

	/* the first moves its session, the second reaches it over the link */
	handshake(p);
	open_socket(p, &first);
	assert_string_equal(first.got, "1:: ");
	p->turn = 1 - p->turn;
	open_socket(p, &second);
	assert_int_equal(first.code, 1000);
	assert_int_equal(second.code, 0);
	assert_true(websocket_text(p->sv[p->turn], &second.ws, SLICE("2::")));
	run(p);
	assert_true(websocket_text(p->sv[p->turn], &second.ws, SLICE("1::/nowhere")));
	run(p);
	assert_non_null(strstr(second.got, "7::/nowhere"));
	assert_true(websocket_text(p->sv[p->turn], &second.ws, SLICE("0::")));
	run(p);
	assert_int_equal(second.code, 1000);
	websocket_gone(p->sv[p->turn], &second.ws, "socket end");
	websocket_gone(p->sv[1 - p->turn], &first.ws, "socket end");
	run(p);
	/* it is gone everywhere */
	for (int i = 0; i < 2; i++) {
		struct asked a;

		ask(p, &a, "GET", "xhr-polling", "");
		assert_string_not_equal(a.body, "");
		asked_tell_fate(&a, EXCHANGE_SENT);
	}
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
	    CASE(xhr_polling),
	    CASE(jsonp_polling),
	    CASE(htmlfile),
	    CASE(what_is_not_delivered_waits_for_the_next_poll),
	    CASE(websockets),
	};

	return cmocka_run_group_tests_name("relay nodes", tests, NULL, NULL);
}
