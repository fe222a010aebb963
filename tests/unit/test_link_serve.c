/* Requests and websockets of other nodes, as the node that has their sessions serves them: the test
 * is the node that asks. */
#include "tests/unit/linknode.h"

#include "linkd/commands.h"
#include "shared/store/remote.h"
#include "shared/store/session_row.h"
#include "shared/transport/copied.h"
#include "shared/wire/sid.h"
#include "tests/unit/asked.h"

#define OURS   7
#define THEIRS 9
#define SLOT   3

static int
open_one(void **state)
{
	struct linknode *n = calloc(1, sizeof(*n));

	linknode_open(n, OURS);
	slots_link_set_lives(linknode_slots(n), THEIRS, true);
	*state = n;
	return 0;
}

static int
close_one(void **state)
{
	linknode_close(*state);
	free(*state);
	return 0;
}

/* --- asking --------------------------------------------------------------------------------- */

/* In a turn that has begun. */
static void
signal_in(struct linknode *n, enum link_kind kind, int64_t id, int64_t number, struct slice text)
{
	struct buf body = {.p = NULL};

	frame_pack_signal(
	    &body, &(struct link_signal){.slot = SLOT, .id = id, .number = number, .text = text});
	linknode_take(n, THEIRS, (unsigned char)kind, buf_slice(&body));
	buf_free(&body);
}

static void
signal_turn(struct linknode *n, enum link_kind kind, int64_t id, struct slice text)
{
	linknode_begin(n);
	signal_in(n, kind, id, 0, text);
	linknode_finish(n);
}

static int64_t name; /* of the requests */

static void
ask_as(struct linknode *n, enum link_kind kind, int64_t id, const char *method,
    const char *transport, const char *sid, const char *body)
{
	char target[128];
	struct buf bytes = {.p = NULL};
	struct exchange x = {
	    .method = slice_of(method),
	    .body = slice_of(body),
	    .address = SLICE("127.0.0.1"),
	    .header = asked_no_header,
	    .each_header = asked_no_headers,
	    .upgrades = asked_no_upgrade,
	    .name = name,
	};

	snprintf(target, sizeof(target), "/socket.io/1/%s/%s", transport, sid);
	x.target = slice_of(target);
	copied_pack(&bytes, &x);
	signal_turn(n, kind, id, buf_slice(&bytes));
	buf_free(&bytes);
}

static void
ask(struct linknode *n, int64_t id, const char *method, const char *transport, const char *sid,
    const char *body)
{
	ask_as(n, LINK_REQUEST, id, method, transport, sid, body);
}

/* --- what comes back ------------------------------------------------------------------------ */

struct told {
	char text[8192];
	int64_t last;
};

static void
add_words(struct told *t, const char *format, ...)
{
	size_t n = strlen(t->text);
	va_list args;

	va_start(args, format);
	vsnprintf(t->text + n, sizeof(t->text) - n, format, args);
	va_end(args);
}

/* "A5 200 [1::] " and the like; presence is left out. */
static bool
describe_row(void *arg, const struct link_row *row)
{
	struct told *t = arg;
	struct link_signal s;
	struct link_answer a;
	struct link_found f;

	t->last = row->id;
	switch (row->kind) {
	case LINK_PRESENCE:
		break;
	case LINK_ANSWER:
	case LINK_BEGIN:
		assert_true(frame_unpack_answer(row->body, &a));
		add_words(t, "%c%d %d [%.*s] ", row->kind, (int)a.id, (int)a.status,
		    a.body.n > 40 ? 4 : (int)a.body.n, slice_text(a.body));
		break;
	case LINK_FOUND:
		assert_true(frame_unpack_found(row->body, &f));
		add_words(t, "F%d %d@%d ", (int)f.id, f.verdict, (int)f.node);
		break;
	case LINK_GAP:
		add_words(t, "g ");
		break;
	default:
		assert_int_equal(row->node, THEIRS);
		assert_true(frame_unpack_signal(row->body, &s));
		add_words(t, "%c%d %d [%.*s] ", row->kind, (int)s.id, (int)s.number, (int)s.text.n,
		    slice_text(s.text));
	}
	return true;
}

/* What was told since the last call. */
static void
assert_told(struct linknode *n, const char *expected)
{
	struct told t = {.text = ""};

	assert_int_not_equal(link_out_list(hub_store(n->l.hub), 0, 1000, describe_row, &t), -1);
	assert_string_equal(t.text, expected);
	linknode_begin(n);
	assert_int_equal(link_out_delete(hub_store(n->l.hub), t.last), 0);
	linknode_finish(n);
}

/* --- sessions ------------------------------------------------------------------------------- */

static void
handshake(struct linknode *n, char sid[STORE_SID_SIZE])
{
	linknode_begin(n);
	assert_int_equal(
	    session_create(n->l.hub, "{\"issued\":5}", SLICE("::1"), sid), SESSION_CREATED);
	linknode_finish(n);
}

static void
say(struct linknode *n, const char *sid, const char *packet)
{
	struct session *s;

	linknode_begin(n);
	assert_int_equal(session_find(n->l.hub, slice_of(sid), &s), SESSION_LIVE);
	hub_publish_session(n->l.hub, s, slice_of(packet), false);
	linknode_finish(n);
}

static enum session_find_result
find(struct linknode *n, const char *sid)
{
	enum session_find_result found;
	struct session *s;

	linknode_begin(n);
	found = session_find(n->l.hub, slice_of(sid), &s);
	linknode_finish(n);
	return found;
}

/* A polling session; its first poll is answered. */
static void
connect_poll(struct linknode *n, char sid[STORE_SID_SIZE])
{
	handshake(n, sid);
	ask(n, 1, "GET", "xhr-polling", sid, "");
	assert_told(n, "A1 200 [1::] ");
}

/* --- requests ------------------------------------------------------------------------------- */

static void
polls_and_posts_are_answered(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];

	connect_poll(n, sid);
	ask(n, 2, "GET", "xhr-polling", sid, "");
	assert_told(n, "");
	say(n, sid, "3:::hi");
	assert_told(n, "A2 200 [3:::hi] ");
	ask(n, 3, "POST", "xhr-polling", sid, "3:::x");
	assert_told(n, "A3 200 [1] ");
	ask(n, 4, "GET", "xhr-polling", "00000000000000000000", "");
	assert_told(n, "A4 200 [7:::1+0] ");
}

static void
an_answer_that_did_not_arrive_is_given_again(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];

	connect_poll(n, sid);
	say(n, sid, "3:::one");
	ask(n, 2, "GET", "xhr-polling", sid, "");
	assert_told(n, "A2 200 [3:::one] ");
	signal_turn(n, LINK_UNDELIVERED, 2, SLICE(""));
	ask(n, 3, "GET", "xhr-polling", sid, "");
	assert_told(n, "A3 200 [3:::one] ");
	/* after ten seconds it counts as sent */
	linknode_pass(n, 10001);
	signal_turn(n, LINK_UNDELIVERED, 3, SLICE(""));
	ask(n, 4, "GET", "xhr-polling", sid, "");
	assert_told(n, "");
	say(n, sid, "3:::two");
	assert_told(n, "A4 200 [3:::two] ");
	/* what the other node has lost it asks for again, by the same name */
	name = 7;
	ask(n, 5, "GET", "xhr-polling", sid, "");
	say(n, sid, "3:::three");
	assert_told(n, "A5 200 [3:::three] ");
	ask(n, 6, "GET", "xhr-polling", sid, "");
	assert_told(n, "A6 200 [3:::three] ");
	name = 0;
}

static void
a_poll_that_its_client_has_left_lets_the_session_go(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];

	connect_poll(n, sid);
	ask(n, 2, "GET", "xhr-polling", sid, "");
	signal_turn(n, LINK_GONE, 2, SLICE(""));
	say(n, sid, "3:::hi");
	assert_told(n, "");
	ask(n, 3, "GET", "xhr-polling", sid, "");
	assert_told(n, "A3 200 [3:::hi] ");
	/* the same when all of the node is gone */
	ask(n, 4, "GET", "xhr-polling", sid, "");
	linknode_begin(n);
	dispatch_node_lost(&n->l, THEIRS, false);
	linknode_finish(n);
	say(n, sid, "3:::ho");
	assert_told(n, "");
	assert_int_equal(find(n, sid), SESSION_LIVE);
}

static void
streams_go_piece_by_piece(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];

	handshake(n, sid);
	ask(n, 1, "GET", "htmlfile", sid, "");
	assert_told(n, "B1 200 [<htm] D1 0 [<script>_(\"1::\");</script>] ");
	say(n, sid, "3:::hi");
	assert_told(n, "D1 0 [<script>_(\"3:::hi\");</script>] ");
	signal_turn(n, LINK_GONE, 1, SLICE(""));
	assert_told(n, "");
	assert_int_equal(find(n, sid), SESSION_UNKNOWN);
	/* superseded: it ends */
	handshake(n, sid);
	ask(n, 2, "GET", "htmlfile", sid, "");
	ask(n, 3, "GET", "htmlfile", sid, "");
	assert_told(n, "B2 200 [<htm] D2 0 [<script>_(\"1::\");</script>] "
		       "B3 200 [<htm] E2 0 [] ");
}

static void
a_turn_that_fails_says_nothing_and_is_done_again(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];

	connect_poll(n, sid);
	n->fails = true;
	ask(n, 2, "POST", "xhr-polling", sid, "3:::x");
	assert_told(n, "");
	n->fails = true;
	ask(n, 3, "GET", "xhr-polling", sid, "");
	linknode_pass(n, 2000);
	assert_told(n, "");
	ask(n, 2, "POST", "xhr-polling", sid, "3:::x");
	assert_told(n, "A2 200 [1] ");
	ask(n, 3, "GET", "xhr-polling", sid, "");
	say(n, sid, "3:::hi");
	assert_told(n, "A3 200 [3:::hi] ");
}

/* The commit of the row fails, not that of what it reports. */
static void
an_answer_outlives_a_turn_that_fails(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];
	struct session *s;
	int64_t next;

	connect_poll(n, sid);
	ask(n, 2, "GET", "xhr-polling", sid, "");
	linknode_begin(n);
	assert_int_equal(session_find(n->l.hub, slice_of(sid), &s), SESSION_LIVE);
	hub_publish_session(n->l.hub, s, SLICE("3:::hi"), false);
	dispatch_run(&n->l);
	assert_int_equal(server_settle(n->l.sv, &next), 0);
	dispatch_settled(&n->l, true);
	assert_true(dispatch_is_dirty(&n->l));
	n->fails = true;
	linknode_pass(n, 1);
	assert_told(n, "");
	assert_told(n, "A2 200 [3:::hi] ");
}

static void
a_process_that_is_gone_gets_nothing(void **state)
{
	struct linknode *n = *state;
	struct buf body = {.p = NULL};

	frame_pack_answer(&body, &(struct link_answer){.slot = 500, .id = 77, .status = 200});
	linknode_begin(n);
	linknode_take(n, THEIRS, LINK_ANSWER, buf_slice(&body));
	linknode_take(n, THEIRS, LINK_BEGIN, buf_slice(&body));
	linknode_finish(n);
	assert_told(n, "U77 0 [] G77 0 [] ");
	buf_free(&body);
}

/* --- locating ------------------------------------------------------------------------------- */

static void
a_session_is_found_or_moves(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE], polls[STORE_SID_SIZE];

	connect_poll(n, polls);
	handshake(n, sid);
	signal_turn(n, LINK_LOCATE, 1, slice_of(polls));
	assert_told(n, "F1 1@7 ");
	signal_turn(n, LINK_LOCATE, 2, slice_of(sid));
	assert_told(n, "F2 2@9 ");
	assert_int_equal(find(n, sid), SESSION_ELSEWHERE);
	/* whom it was given does not know of it any more */
	signal_turn(n, LINK_LOCATE, 3, slice_of(sid));
	assert_told(n, "F3 0@9 ");
	/* a node that has just started does not know everybody */
	signal_turn(n, LINK_LOCATE, 4, SLICE("BwBwBwBwBwBwBwBwBwBw"));
	assert_told(n, "");
	linknode_pass(n, 2000);
	slots_link_set_beat(store_slots(hub_store(n->l.hub)), n->l.now);
	signal_turn(n, LINK_LOCATE, 5, SLICE("BwBwBwBwBwBwBwBwBwBw"));
	assert_told(n, "F5 0@7 ");
}

static void
found_in(struct linknode *n, const struct link_found *f)
{
	struct buf body = {.p = NULL};

	frame_pack_found(&body, f);
	linknode_begin(n);
	linknode_take(n, THEIRS, LINK_FOUND, buf_slice(&body));
	linknode_finish(n);
	buf_free(&body);
}

static void
only_its_maker_gives_a_session(void **state)
{
	struct linknode *n = *state;
	char theirs[SID_LENGTH + 1], other[SID_LENGTH + 1], ours[STORE_SID_SIZE];
	struct link_found f = {
	    .verdict = LINK_MOVED, .left_ms = 5000, .address = SLICE(""), .handshake = SLICE("{}")};

	assert_int_equal(sid_generate(theirs), 0);
	sid_set_number(theirs, THEIRS);
	assert_int_equal(sid_generate(other), 0);
	sid_set_number(other, 11);
	handshake(n, ours);
	f.sid = slice_of(theirs);
	found_in(n, &f);
	assert_int_equal(find(n, theirs), SESSION_LIVE);
	found_in(n, &f); /* twice does no harm */
	assert_int_equal(find(n, theirs), SESSION_LIVE);
	f.sid = slice_of(other);
	found_in(n, &f);
	assert_int_equal(find(n, other), SESSION_UNKNOWN);
	f.sid = slice_of(ours);
	found_in(n, &f);
	assert_int_equal(find(n, ours), SESSION_LIVE);
	/* the next request goes straight there */
	sid_generate(theirs);
	sid_set_number(theirs, THEIRS);
	f = (struct link_found){.verdict = LINK_AT, .node = 12, .sid = slice_of(theirs)};
	found_in(n, &f);
	linknode_begin(n);
	assert_int_equal(link_place_of(n->l.hub, slice_of(theirs)).node, THEIRS);
	assert_int_equal(
	    session_find(n->l.hub, slice_of(theirs), &(struct session *){NULL}), SESSION_ELSEWHERE);
	assert_int_equal(link_place_of(n->l.hub, slice_of(theirs)).node, 12);
	linknode_finish(n);
}

/* --- websockets ----------------------------------------------------------------------------- */

static void
open_socket(struct linknode *n, int64_t id, char sid[STORE_SID_SIZE])
{
	handshake(n, sid);
	ask_as(n, LINK_WS_OPEN, id, "GET", "websocket", sid, "");
}

static void
websockets_speak_and_end(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];

	open_socket(n, 1, sid);
	assert_told(n, "M1 0 [1::] ");
	say(n, sid, "3:::hi");
	assert_told(n, "M1 0 [3:::hi] ");
	signal_turn(n, LINK_WS_TEXT, 1, SLICE("0::"));
	assert_told(n, "M1 0 [0::] Z1 1000 [] ");
	assert_int_equal(find(n, sid), SESSION_ENDED);
	open_socket(n, 2, sid);
	signal_turn(n, LINK_WS_CLOSE, 2, SLICE("socket error"));
	assert_told(n, "M2 0 [1::] ");
	assert_int_equal(find(n, sid), SESSION_UNKNOWN);
	ask_as(n, LINK_WS_OPEN, 3, "GET", "websocket", sid, "");
	assert_told(n, "M3 0 [7:::1+0] Z3 1000 [] ");
	/* frames of it may be missing */
	open_socket(n, 4, sid);
	linknode_begin(n);
	dispatch_gap(&n->l, THEIRS);
	linknode_finish(n);
	assert_told(n, "M4 0 [1::] g Z4 1011 [] ");
	assert_int_equal(find(n, sid), SESSION_UNKNOWN);
}

static void
a_websocket_takes_back_what_failed(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];

	handshake(n, sid);
	n->fails = true;
	ask_as(n, LINK_WS_OPEN, 1, "GET", "websocket", sid, "");
	assert_told(n, "");
	ask_as(n, LINK_WS_OPEN, 1, "GET", "websocket", sid, "");
	assert_told(n, "M1 0 [1::] ");
	n->fails = true;
	say(n, sid, "3:::lost");
	say(n, sid, "3:::kept");
	assert_told(n, "M1 0 [3:::kept] ");
}

/* --- commands ------------------------------------------------------------------------------- */

static void
a_session_without_a_transport_is_left_alone(void **state)
{
	struct linknode *n = *state;
	char sid[STORE_SID_SIZE];
	struct buf send = {.p = NULL}, end = {.p = NULL};

	handshake(n, sid);
	frame_pack_message(&send,
	    &(struct link_message){.to = sid_key(slice_of(sid)), .packet = SLICE("3:::early")});
	frame_pack_command(
	    &end, &(struct link_command){.what = LINK_END, .key = sid_key(slice_of(sid))});
	linknode_begin(n);
	linknode_take(n, THEIRS, LINK_SEND, buf_slice(&send));
	linknode_take(n, THEIRS, LINK_COMMAND, buf_slice(&end));
	linknode_finish(n);
	ask(n, 1, "GET", "xhr-polling", sid, "");
	assert_told(n, "A1 200 [1::] ");
	buf_free(&send);
	buf_free(&end);
}

static void
a_reason_is_text(void **state)
{
	char reason[6];

	(void)state;
	commands_copy_reason(reason, sizeof(reason), SLICE("timeout"));
	assert_string_equal(reason, "timeo");
	/* not half a character */
	commands_copy_reason(reason, sizeof(reason), SLICE("abc\xe2\x82\xac"));
	assert_string_equal(reason, "abc");
	commands_copy_reason(reason, sizeof(reason), SLICE("a\xff"));
	assert_string_equal(reason, "");
	commands_copy_reason(reason, sizeof(reason), (struct slice){NULL, 0});
	assert_string_equal(reason, "");
}

int
main(void)
{
#define NODE_TEST(f) cmocka_unit_test_setup_teardown(f, open_one, close_one)
	const struct CMUnitTest tests[] = {
	    NODE_TEST(polls_and_posts_are_answered),
	    NODE_TEST(an_answer_that_did_not_arrive_is_given_again),
	    NODE_TEST(a_poll_that_its_client_has_left_lets_the_session_go),
	    NODE_TEST(streams_go_piece_by_piece),
	    NODE_TEST(a_turn_that_fails_says_nothing_and_is_done_again),
	    NODE_TEST(an_answer_outlives_a_turn_that_fails),
	    NODE_TEST(a_process_that_is_gone_gets_nothing),
	    NODE_TEST(a_session_is_found_or_moves),
	    NODE_TEST(only_its_maker_gives_a_session),
	    NODE_TEST(websockets_speak_and_end),
	    NODE_TEST(a_websocket_takes_back_what_failed),
	    NODE_TEST(a_session_without_a_transport_is_left_alone),
	    cmocka_unit_test(a_reason_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
