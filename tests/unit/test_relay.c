/* Requests whose session lives on another node.  The test plays pollux-linkd and that node: it
 * reads what leaves from link_out, and writes what comes back to the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/base/container.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/hub/message.h"
#include "shared/hub/session_remote.h"
#include "shared/link/frame.h"
#include "shared/store/link_out.h"
#include "shared/store/remote.h"
#include "shared/store/slots.h"
#include "shared/transport/copied.h"
#include "shared/transport/server.h"
#include "shared/transport/websocket.h"
#include "shared/wire/route.h"
#include "shared/wire/sid.h"
#include "tests/unit/asked.h"
#include "tests/unit/folder.h"
#include "tests/unit/limits.h"

#define OURS   7
#define THEIRS 9
#define SID    "AJxxxxxxxxxxxxxxxxxx" /* THEIRS made it */
#define POLL   "/socket.io/1/xhr-polling/" SID
#define JSONP  "/socket.io/1/jsonp-polling/" SID "?i=3"
#define STREAM "/socket.io/1/htmlfile/" SID

struct world {
	char folder[64];
	struct config cfg;
	struct server *sv;
	struct hub *linkd;
	int64_t now;
	/* the last row that was taken */
	int node;
	struct link_signal signal;
	char text[4096];
};

/* --- asking --------------------------------------------------------------------------------- */

static void
one_header(const struct exchange *x, void (*each)(void *arg, struct slice name, struct slice value),
    void *arg)
{
	(void)x;
	each(arg, SLICE("user-agent"), SLICE("a browser"));
}

static void
ask(struct world *w, struct asked *a, const char *method, const char *target, const char *body)
{
	asked_describe(a, method, target, body);
	a->x.each_header = one_header;
	assert_true(server_request(w->sv, &a->x));
	a->x.method = a->x.target = a->x.origin = a->x.body = (struct slice){NULL, 0};
}

static void
answered(struct asked *a, int status, const char *body)
{
	assert_int_equal(a->status, status);
	assert_string_equal(a->body, body);
	assert_true(a->over);
}

/* --- turns ---------------------------------------------------------------------------------- */

static int
settle(struct world *w)
{
	int64_t next;
	int result = server_settle(w->sv, &next);

	server_begin(w->sv, w->now);
	return result;
}

static void
turn(struct world *w)
{
	server_wake(w->sv);
	assert_int_equal(settle(w), 0);
}

static void
pass(struct world *w, int64_t ms)
{
	w->now += ms;
	server_begin(w->sv, w->now);
	turn(w);
}

static void
fill_disk(bool full)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
linkd_begins(struct world *w)
{
	hub_turn_begin(w->linkd, w->now);
	assert_int_equal(transaction_open(w->linkd), 0);
}

static void
linkd_ends(struct world *w)
{
	int64_t next;

	assert_int_equal(hub_turn_end(w->linkd, &next), 0);
}

/* --- what leaves, and what comes back ------------------------------------------------------- */

struct taken {
	struct world *w;
	unsigned char kind;
	int64_t id;
};

static bool
keep_row(void *arg, const struct link_row *row)
{
	struct taken *t = arg;
	struct world *w = t->w;

	t->id = row->id;
	if (row->kind == LINK_PRESENCE)
		return true;
	t->kind = row->kind;
	w->node = row->node;
	assert_true(frame_unpack_signal(row->body, &w->signal));
	assert_true(w->signal.text.n < sizeof(w->text));
	if (w->signal.text.n > 0)
		memcpy(w->text, w->signal.text.p, w->signal.text.n);
	w->text[w->signal.text.n] = '\0';
	w->signal.text.p = w->text;
	return false;
}

/* The next row that has left, but presence; '\0': there is none. */
static unsigned char
left(struct world *w)
{
	struct taken t = {.w = w};

	assert_int_not_equal(link_out_list(hub_store(w->linkd), 0, 100, keep_row, &t), -1);
	if (t.kind == '\0')
		return '\0';
	linkd_begins(w);
	assert_int_equal(link_out_delete(hub_store(w->linkd), t.id), 0);
	linkd_ends(w);
	assert_int_equal(w->node, THEIRS);
	return t.kind;
}

static void
notify(struct world *w, enum link_kind kind, struct buf *body)
{
	linkd_begins(w);
	assert_int_equal(link_notify(w->linkd, w->signal.slot, kind, buf_slice(body)), 0);
	linkd_ends(w);
	buf_free(body);
	turn(w);
}

/* Something of the request that left last. */
static void
signal_back(struct world *w, enum link_kind kind, int64_t number, const char *text)
{
	struct buf body = {.p = NULL};

	frame_pack_signal(&body, &(struct link_signal){.slot = w->signal.slot,
				     .id = w->signal.id,
				     .number = number,
				     .text = slice_of(text)});
	notify(w, kind, &body);
}

static void
answer_back(struct world *w, enum link_kind kind, const char *headers, const char *text)
{
	struct buf body = {.p = NULL};

	frame_pack_answer(&body, &(struct link_answer){.slot = w->signal.slot,
				     .id = w->signal.id,
				     .status = 200,
				     .content_type = SLICE("text/plain"),
				     .headers = slice_of(headers),
				     .body = slice_of(text)});
	notify(w, kind, &body);
}

static void
found(struct world *w, enum link_verdict verdict)
{
	struct buf body = {.p = NULL};
	struct link_found f = {.slot = w->signal.slot,
	    .id = w->signal.id,
	    .verdict = (unsigned char)verdict,
	    .node = THEIRS,
	    .sid = SLICE(SID),
	    .address = SLICE("127.0.0.1"),
	    .handshake = SLICE("{\"issued\":5}"),
	    .left_ms = 60000};

	frame_pack_found(&body, &f);
	if (verdict == LINK_MOVED) {
		linkd_begins(w);
		assert_int_equal(session_remote_adopt(w->linkd, &f), 0);
		linkd_ends(w);
	}
	notify(w, LINK_FOUND, &body);
}

static void
set_alive(struct world *w, bool lives)
{
	linkd_begins(w);
	slots_link_set_lives(store_slots(hub_store(w->linkd)), THEIRS, lives);
	linkd_ends(w);
}

/* Its home has told us of it. */
static void
know_remote(struct world *w)
{
	linkd_begins(w);
	assert_int_equal(
	    remote_put(hub_store(w->linkd), &(struct remote_session){.key = sid_key(SLICE(SID)),
						.home = THEIRS,
						.transport = TRANSPORT_XHR_POLLING,
						.address = SLICE("127.0.0.1")}),
	    0);
	linkd_ends(w);
}

static int
open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct hub_options o = {HUB_LIMITS, .kind = SERVER_LINKD, .cluster = true, .no_app = true};

	snprintf(w->folder, sizeof(w->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	config_default(&w->cfg);
	snprintf(w->cfg.data, sizeof(w->cfg.data), "%s", w->folder);
	snprintf(w->cfg.cluster_redis, sizeof(w->cfg.cluster_redis), "redis://127.0.0.1");
	w->sv = server_open(&w->cfg, SERVER_WSD);
	assert_non_null(w->sv);
	o.folder = w->folder;
	w->linkd = hub_open(&o);
	assert_non_null(w->linkd);
	w->now = 1000000;
	server_begin(w->sv, w->now);
	slots_link_set_number(store_slots(hub_store(w->linkd)), OURS);
	slots_link_set_up(store_slots(hub_store(w->linkd)), true);
	set_alive(w, true);
	signal(SIGXFSZ, SIG_IGN);
	*state = w;
	return 0;
}

static int
close_world(void **state)
{
	struct world *w = *state;

	server_close(w->sv);
	hub_close(w->linkd);
	delete_folder(w->folder);
	free(w);
	return 0;
}

/* A request of a known session has left. */
static void
forward(struct world *w, struct asked *a, const char *method, const char *target, const char *body)
{
	know_remote(w);
	ask(w, a, method, target, body);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_REQUEST);
	assert_int_equal(a->status, 0);
}

/* --- requests ------------------------------------------------------------------------------- */

static void
a_session_that_only_its_maker_knows_is_asked_for(void **state)
{
	struct world *w = *state;
	struct asked a;
	struct copied c;

	ask(w, &a, "GET", POLL, "");
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	assert_string_equal(w->text, SID);
	found(w, LINK_AT);
	assert_int_equal(left(w), LINK_REQUEST);
	assert_int_equal(copied_open(&c, w->signal.text), COPIED_OK);
	assert_true(slice_is(c.x.target, POLL));
	assert_true(slice_is(c.x.header(&c.x, "user-agent"), "a browser"));
	copied_close(&c);
	assert_int_equal(a.status, 0);
	answer_back(w, LINK_ANSWER, "X-A: b\r\n", "5:::{}");
	answered(&a, 200, "5:::{}");
	assert_string_equal(a.type, "text/plain");
	assert_string_equal(a.headers, "X-A: b\r\n");
	asked_tell_fate(&a, EXCHANGE_SENT);
	pass(w, 10);
	assert_int_equal(left(w), '\0');
}

static void
a_session_that_moves_here_is_served_here(void **state)
{
	struct world *w = *state;
	struct asked a, post, next;

	ask(w, &a, "GET", JSONP, "");
	ask(w, &post, "POST", POLL, "3:::hello");
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	found(w, LINK_MOVED);
	answered(&a, 200, "io.j[3](\"1::\");");
	asked_tell_fate(&a, EXCHANGE_SENT);
	/* its maker has no session that it could give a second time */
	assert_int_equal(left(w), LINK_LOCATE);
	found(w, LINK_UNKNOWN);
	answered(&post, 200, "1");
	asked_tell_fate(&post, EXCHANGE_SENT);
	/* from now on it is one of ours */
	ask(w, &next, "GET", POLL, "");
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), '\0');
	pass(w, w->cfg.polling_duration_ms);
	answered(&next, 200, "8::");
	asked_tell_fate(&next, EXCHANGE_SENT);
}

static void
a_client_that_leaves_a_poll_served_from_a_copy_loses_nothing(void **state)
{
	struct world *w = *state;
	struct asked a, next;

	ask(w, &a, "GET", POLL, "");
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	found(w, LINK_MOVED);
	answered(&a, 200, "1::");
	asked_tell_fate(&a, EXCHANGE_FAILED);
	assert_int_equal(settle(w), 0);
	ask(w, &next, "GET", POLL, "");
	assert_int_equal(settle(w), 0);
	answered(&next, 200, "1::");
	asked_tell_fate(&next, EXCHANGE_SENT);
}

static void
sessions_that_are_nowhere_are_unknown(void **state)
{
	struct world *w = *state;
	struct asked poll, post, leave, gone;

	ask(w, &poll, "GET", POLL, "");
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	found(w, LINK_UNKNOWN);
	answered(&poll, 200, "7:::1+0");
	/* nobody answers */
	ask(w, &post, "POST", POLL, "3:::a");
	ask(w, &leave, "GET", POLL "?disconnect=1", "");
	pass(w, 1);
	assert_int_equal(post.status, 0);
	pass(w, 5000);
	answered(&post, 503, "server busy");
	answered(&leave, 200, "");
	/* its maker does not live */
	set_alive(w, false);
	ask(w, &gone, "GET", STREAM, "");
	assert_non_null(strstr(gone.body, "7:::1+0"));
	asked_tell_fate(&poll, EXCHANGE_SENT);
	asked_tell_fate(&post, EXCHANGE_SENT);
	asked_tell_fate(&leave, EXCHANGE_SENT);
}

static void
its_home_hears_of_clients_that_leave(void **state)
{
	struct world *w = *state;
	struct asked a;
	int64_t id;

	forward(w, &a, "GET", POLL, "");
	id = w->signal.id;
	asked_tell_fate(&a, EXCHANGE_GONE);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_GONE);
	assert_int_equal(w->signal.id, id);
	/* its answer was under way */
	answer_back(w, LINK_ANSWER, "", "3:::lost");
	pass(w, 10);
	assert_int_equal(left(w), LINK_UNDELIVERED);
	assert_int_equal(w->signal.id, id);
	/* and one that could not be written */
	forward(w, &a, "GET", POLL, "");
	id = w->signal.id;
	answer_back(w, LINK_ANSWER, "", "3:::lost");
	asked_tell_fate(&a, EXCHANGE_FAILED);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_UNDELIVERED);
	assert_int_equal(w->signal.id, id);
	pass(w, 10);
	assert_int_equal(left(w), '\0');
}

static void
streams_come_in_pieces(void **state)
{
	struct world *w = *state;
	struct asked a;

	forward(w, &a, "GET", STREAM, "");
	answer_back(w, LINK_BEGIN, "", "head ");
	signal_back(w, LINK_PIECE, 0, "one ");
	signal_back(w, LINK_PIECE, 0, "two");
	assert_string_equal(a.body, "head one two");
	assert_false(a.over);
	signal_back(w, LINK_FINISH, 0, NULL);
	assert_true(a.over);
	asked_tell_fate(&a, EXCHANGE_SENT);
	/* a home that is silent for longer than its heartbeats */
	forward(w, &a, "GET", STREAM, "");
	answer_back(w, LINK_BEGIN, "", "head ");
	pass(w, w->cfg.heartbeat_interval_ms);
	assert_false(a.over);
	pass(w, w->cfg.heartbeat_timeout_ms);
	assert_non_null(strstr(a.body, "7:::1+0"));
	assert_true(a.over);
	asked_tell_fate(&a, EXCHANGE_SENT);
	assert_int_equal(left(w), LINK_GONE);
}

static void
what_would_break_an_answers_head_is_refused(void **state)
{
	static const char *const bad[] = {
	    "A: b", "A: b\r\n\r\n", "\r\nA: b\r\n", "A: b\nC: d\r\n", "A: b\r\r\n"};
	struct world *w = *state;
	struct asked a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		forward(w, &a, "GET", POLL, "");
		answer_back(w, LINK_ANSWER, bad[i], "3:::a");
		answered(&a, 503, "server busy");
		asked_tell_fate(&a, EXCHANGE_SENT);
	}
}

/* --- faults --------------------------------------------------------------------------------- */

static void
after_a_restart_polls_are_asked_again(void **state)
{
	struct world *w = *state;
	struct asked poll, post, stream;
	struct copied c;
	int64_t id, name, again;

	forward(w, &post, "POST", POLL, "3:::a");
	forward(w, &stream, "GET", STREAM, "");
	forward(w, &poll, "GET", POLL, "");
	id = w->signal.id;
	assert_int_equal(copied_open(&c, w->signal.text), COPIED_OK);
	name = c.x.name;
	copied_close(&c);
	assert_int_not_equal(name, 0);
	signal_back(w, LINK_RESTARTED, THEIRS + 1, NULL);
	assert_int_equal(post.status, 0);
	signal_back(w, LINK_RESTARTED, THEIRS, NULL);
	answered(&post, 200, "1");
	assert_non_null(strstr(stream.body, "7:::+0"));
	assert_int_equal(poll.status, 0);
	pass(w, 10);
	/* the first request is not to be answered as well */
	assert_int_equal(left(w), LINK_GONE);
	assert_int_equal(w->signal.id, id);
	assert_int_equal(left(w), LINK_REQUEST);
	assert_int_not_equal(w->signal.id, id);
	assert_int_equal(copied_open(&c, w->signal.text), COPIED_OK);
	assert_int_equal(c.x.name, name);
	copied_close(&c);
	again = w->signal.id;
	assert_int_equal(left(w), LINK_GONE); /* the stream */
	w->signal.id = again;
	answer_back(w, LINK_ANSWER, "", "8::");
	answered(&poll, 200, "8::");
	/* the restarted one has found the first request still in its stream */
	w->signal.id = id;
	answer_back(w, LINK_ANSWER, "", "3:::x");
	pass(w, 10);
	assert_int_equal(left(w), LINK_UNDELIVERED);
	assert_int_equal(w->signal.id, id);
	asked_tell_fate(&post, EXCHANGE_SENT);
	asked_tell_fate(&stream, EXCHANGE_SENT);
	asked_tell_fate(&poll, EXCHANGE_SENT);
}

/* A process that is started anew gets the answers for the one that had its slot. */
static void
answers_for_a_process_that_has_died_go_back(void **state)
{
	struct world *w = *state;
	int64_t id = (int64_t)4711 << 12 | THEIRS;

	w->signal.id = id;
	w->signal.slot = slots_own(store_slots(hub_store(server_hub(w->sv))));
	pass(w, 10);
	answer_back(w, LINK_ANSWER, "", "3:::x");
	pass(w, 10);
	assert_int_equal(left(w), LINK_UNDELIVERED);
	assert_int_equal(w->signal.id, id);
	answer_back(w, LINK_BEGIN, "", "");
	pass(w, 10);
	assert_int_equal(left(w), LINK_GONE);
	/* what the web server repeats is answered here */
	know_remote(w);
	{
		struct asked a;

		asked_describe(&a, "GET", POLL, "");
		a.x.again = true;
		assert_true(server_request(w->sv, &a.x));
		answered(&a, 200, "8::");
	}
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), '\0');
}

static void
what_waits_for_a_dead_node_is_failed(void **state)
{
	struct world *w = *state;
	struct asked poll, post, stream;

	forward(w, &post, "POST", POLL, "3:::a");
	forward(w, &poll, "GET", JSONP, "");
	forward(w, &stream, "GET", STREAM, "");
	answer_back(w, LINK_BEGIN, "", "");
	set_alive(w, false);
	signal_back(w, LINK_LOST, THEIRS, NULL);
	pass(w, 10);
	answered(&post, 503, "server busy");
	answered(&poll, 200, "io.j[3](\"7:::1+0\");");
	assert_non_null(strstr(stream.body, "7:::1+0"));
	assert_true(stream.over);
	asked_tell_fate(&post, EXCHANGE_SENT);
	asked_tell_fate(&poll, EXCHANGE_SENT);
	asked_tell_fate(&stream, EXCHANGE_SENT);
}

static void
polls_wait_longer_than_their_home_holds_them(void **state)
{
	struct world *w = *state;
	struct asked a;
	int64_t waited;

	forward(w, &a, "GET", POLL, "");
	for (waited = 0; waited < w->cfg.polling_duration_ms + 5000; waited += 5000)
		pass(w, 5000);
	assert_int_equal(a.status, 0);
	pass(w, 5000);
	pass(w, 5000);
	pass(w, 1000); /* asked for the second time, it is told a moment later */
	answered(&a, 200, "7:::1+0");
	asked_tell_fate(&a, EXCHANGE_SENT);
	assert_int_equal(left(w), LINK_GONE);
	/* but not while nobody can be reached */
	slots_link_set_up(store_slots(hub_store(w->linkd)), false);
	forward(w, &a, "GET", "/socket.io/1/jsonp-polling/" SID, "");
	pass(w, 5000);
	pass(w, 1000);
	answered(&a, 200, "io.j[0](\"7:::1+0\");");
	asked_tell_fate(&a, EXCHANGE_SENT);
}

static void
what_a_turn_that_is_rolled_back_did_not_say_is_said_again(void **state)
{
	struct world *w = *state;
	struct asked a;

	know_remote(w);
	ask(w, &a, "GET", POLL, "");
	fill_disk(true);
	assert_int_equal(settle(w), -1);
	fill_disk(false);
	assert_int_equal(a.status, 0);
	assert_int_equal(left(w), '\0');
	pass(w, 1000);
	assert_int_equal(left(w), LINK_REQUEST);
	answer_back(w, LINK_ANSWER, "", "8::");
	asked_tell_fate(&a, EXCHANGE_FAILED);
	fill_disk(true);
	assert_int_equal(settle(w), -1);
	fill_disk(false);
	pass(w, 1000);
	assert_int_equal(left(w), LINK_UNDELIVERED);
}

static void
shutdown_answers_what_waits(void **state)
{
	struct world *w = *state;
	struct asked poll, stream, begun, post, locating;

	forward(w, &poll, "GET", JSONP, "");
	forward(w, &stream, "GET", STREAM, "");
	forward(w, &post, "POST", POLL, "3:::a");
	forward(w, &begun, "GET", STREAM, "");
	answer_back(w, LINK_BEGIN, "", "");
	ask(w, &locating, "POST", "/socket.io/1/xhr-polling/AJyyyyyyyyyyyyyyyyyy", "3:::a");
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	server_drain(w->sv);
	assert_int_equal(settle(w), 0);
	assert_int_equal(settle(w), 0);
	answered(&poll, 200, "io.j[3](\"8::\");");
	assert_non_null(strstr(stream.body, "7:::+0"));
	assert_non_null(strstr(begun.body, "7:::+0"));
	assert_true(begun.over);
	answered(&post, 200, "1"); /* its home has it */
	answered(&locating, 503, "server busy");
	for (int i = 0; i < 3; i++)
		assert_int_equal(left(w), LINK_GONE);
	assert_int_equal(left(w), '\0');
	asked_tell_fate(&poll, EXCHANGE_SENT);
	asked_tell_fate(&stream, EXCHANGE_SENT);
	asked_tell_fate(&begun, EXCHANGE_SENT);
	asked_tell_fate(&post, EXCHANGE_SENT);
	asked_tell_fate(&locating, EXCHANGE_SENT);
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
	struct socket *s = container_of(ws, struct socket, ws);

	s->code = code;
	asked_note(s->got, sizeof(s->got), slice_of(reason));
}

static void
ws_pause(struct websocket *ws)
{
	(void)ws;
}

static const struct websocket_ops ws_ops = {ws_send, ws_close, ws_pause};

#define SOCKET "/socket.io/1/websocket/" SID

static enum websocket_verdict
judge(struct world *w, struct asked *a, struct route *route)
{
	const char *why;
	int status;

	route_parse(route, a->x.target, "socket.io");
	return websocket_judge(w->sv, route, &a->x, &status, &why);
}

/* Open one whose session is at THEIRS. */
static void
open_socket(struct world *w, struct asked *a, struct socket *s)
{
	struct route route;

	know_remote(w);
	asked_describe(a, "GET", SOCKET, "");
	assert_int_equal(judge(w, a, &route), WEBSOCKET_GO);
	*s = (struct socket){.ws.ops = &ws_ops};
	assert_int_equal(websocket_open(w->sv, &s->ws, &route, &a->x), 0);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_WS_OPEN);
}

static void
upgrades_wait_until_their_session_is_found(void **state)
{
	struct world *w = *state;
	struct asked a;
	struct socket s = {.ws.ops = &ws_ops};
	struct route route;

	asked_describe(&a, "GET", SOCKET, "");
	assert_int_equal(judge(w, &a, &route), WEBSOCKET_WAIT);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	assert_false(a.judged);
	found(w, LINK_AT);
	assert_true(a.judged);
	assert_int_equal(judge(w, &a, &route), WEBSOCKET_GO);
	assert_int_equal(websocket_open(w->sv, &s.ws, &route, &a.x), 0);
	assert_null(a.x.on_fate);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_WS_OPEN);
	websocket_gone(w->sv, &s.ws, "socket end");
	pass(w, 10);
	assert_int_equal(left(w), LINK_WS_CLOSE);
	assert_string_equal(w->text, "socket end");
}

static void
upgrades_of_sessions_that_move_or_are_nowhere(void **state)
{
	struct world *w = *state;
	struct asked a;
	struct socket s = {.ws.ops = &ws_ops};
	struct route route;

	asked_describe(&a, "GET", SOCKET, "");
	assert_int_equal(judge(w, &a, &route), WEBSOCKET_WAIT);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	found(w, LINK_UNKNOWN);
	assert_true(a.judged);
	assert_int_equal(judge(w, &a, &route), WEBSOCKET_UNKNOWN);
	assert_null(a.x.on_fate);
	/* its client goes away meanwhile */
	asked_describe(&a, "GET", SOCKET, "");
	assert_int_equal(judge(w, &a, &route), WEBSOCKET_WAIT);
	asked_tell_fate(&a, EXCHANGE_GONE);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	found(w, LINK_AT);
	assert_false(a.judged);
	/* it moves here */
	asked_describe(&a, "GET", SOCKET, "");
	assert_int_equal(judge(w, &a, &route), WEBSOCKET_WAIT);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_LOCATE);
	found(w, LINK_MOVED);
	assert_int_equal(judge(w, &a, &route), WEBSOCKET_GO);
	assert_int_equal(websocket_open(w->sv, &s.ws, &route, &a.x), 0);
	assert_string_equal(s.got, "1:: ");
	websocket_gone(w->sv, &s.ws, "socket end");
	assert_int_equal(settle(w), 0);
}

static void
packets_pass_in_both_directions(void **state)
{
	struct world *w = *state;
	struct asked a;
	struct socket s;

	open_socket(w, &a, &s);
	signal_back(w, LINK_WS_MESSAGE, 0, "1::");
	assert_true(websocket_text(w->sv, &s.ws, SLICE("3:::a")));
	assert_true(websocket_text(w->sv, &s.ws, SLICE("3:::b")));
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_WS_TEXT);
	assert_string_equal(w->text, "3:::a");
	assert_int_equal(left(w), LINK_WS_TEXT);
	assert_string_equal(w->text, "3:::b");
	signal_back(w, LINK_WS_PAUSE, 1, NULL);
	assert_true(s.ws.paused);
	signal_back(w, LINK_WS_PAUSE, 0, NULL);
	assert_false(s.ws.paused);
	signal_back(w, LINK_WS_CLOSE, 1000, "bye");
	assert_string_equal(s.got, "1:: bye");
	assert_int_equal(s.code, 1000);
	assert_true(websocket_text(w->sv, &s.ws, SLICE("3:::c"))); /* ignored */
	websocket_gone(w->sv, &s.ws, "socket end");
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), '\0');
	/* it is not known here any more */
	signal_back(w, LINK_WS_MESSAGE, 0, "3:::d");
	pass(w, 10);
	assert_int_equal(left(w), LINK_WS_CLOSE);
}

static void
websockets_end_with_their_home(void **state)
{
	struct world *w = *state;
	struct asked a;
	struct socket s;

	open_socket(w, &a, &s);
	signal_back(w, LINK_RESTARTED, THEIRS, NULL);
	assert_string_equal(s.got, "7:::1+0 ");
	assert_int_equal(s.code, 1000);
	assert_int_equal(left(w), LINK_WS_CLOSE);
	/* a home that says nothing */
	open_socket(w, &a, &s);
	pass(w, w->cfg.heartbeat_interval_ms + w->cfg.heartbeat_timeout_ms);
	assert_string_equal(s.got, "7:::1+0 ");
	pass(w, 10);
	assert_int_equal(left(w), LINK_WS_CLOSE);
	/* a text that a rolled back turn lost */
	open_socket(w, &a, &s);
	assert_true(websocket_text(w->sv, &s.ws, SLICE("3:::a")));
	fill_disk(true);
	assert_int_equal(settle(w), -1);
	fill_disk(false);
	assert_int_equal(s.code, 1011);
	pass(w, 1000);
	assert_int_equal(left(w), LINK_WS_CLOSE);
	/* SIGTERM */
	open_socket(w, &a, &s);
	server_drain(w->sv);
	assert_int_equal(s.code, 1001);
	assert_int_equal(settle(w), 0);
	assert_int_equal(left(w), LINK_WS_CLOSE);
	assert_string_equal(w->text, "server shutdown");
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
	const struct CMUnitTest tests[] = {
	    CASE(a_session_that_only_its_maker_knows_is_asked_for),
	    CASE(a_session_that_moves_here_is_served_here),
	    CASE(a_client_that_leaves_a_poll_served_from_a_copy_loses_nothing),
	    CASE(sessions_that_are_nowhere_are_unknown),
	    CASE(its_home_hears_of_clients_that_leave),
	    CASE(streams_come_in_pieces),
	    CASE(what_would_break_an_answers_head_is_refused),
	    CASE(after_a_restart_polls_are_asked_again),
	    CASE(answers_for_a_process_that_has_died_go_back),
	    CASE(what_waits_for_a_dead_node_is_failed),
	    CASE(polls_wait_longer_than_their_home_holds_them),
	    CASE(what_a_turn_that_is_rolled_back_did_not_say_is_said_again),
	    CASE(shutdown_answers_what_waits),
	    CASE(upgrades_wait_until_their_session_is_found),
	    CASE(upgrades_of_sessions_that_move_or_are_nowhere),
	    CASE(packets_pass_in_both_directions),
	    CASE(websockets_end_with_their_home),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
