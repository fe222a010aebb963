/* The hub with its store, as two processes share it: here two hubs of one process on one folder,
 * driven turn by turn with a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/hub/drain.h"
#include "shared/hub/hub.h"
#include "shared/hub/mail.h"
#include "shared/store/mailbox.h"
#include "shared/store/message_log.h"
#include "shared/store/slots.h"
#include "shared/wire/sid.h"
#include "tests/unit/damage.h"
#include "tests/unit/folder.h"
#include "tests/unit/limits.h"

/* --- an application that notes what it is told ---------------------------------------------------
 */

struct world {
	char folder[64];
	struct hub_ns root, chat;
	struct hub *hub[2];
	int64_t now;
	char told[4096];         /* one word per event */
	struct hub *speaking;    /* the hub in which handlers send */
	int verdict;             /* on who wants to join a namespace */
	bool turns_away;         /* whoever connects is told "me" and kicked */
	struct queue *queues[4]; /* of hub[0] */
};

static struct hub_ns *
find(void *arg, struct slice name)
{
	struct world *w = arg;

	if (name.n == 0)
		return &w->root;
	return slice_is(name, "/chat") ? &w->chat : NULL;
}

static void
note(struct world *w, const char *text)
{
	strncat(w->told, text, sizeof(w->told) - strlen(w->told) - 1);
	strncat(w->told, " ", sizeof(w->told) - strlen(w->told) - 1);
}

static int
authorize(void *arg, const char *handshake)
{
	(void)arg;
	return strstr(handshake, "refuse") != NULL ? -EACCES : 0;
}

static int
authorize_ns(
    void *arg, struct hub_ns *ns, struct session *s, struct slice endpoint, struct slice query)
{
	struct world *w = arg;

	(void)endpoint;
	(void)ns;
	(void)s;
	(void)query;
	return w->verdict;
}

static void
connected(void *arg, struct hub_ns *ns, struct session *s, struct slice query)
{
	struct world *w = arg;

	(void)query;
	note(w, ns->name.n == 0 ? "connect" : "connect/chat");
	if (w->turns_away) {
		hub_publish_session(w->speaking, s, SLICE("3:::me"), false);
		session_end(w->speaking, s, "booted", true);
	}
}

static void
disconnected(void *arg, struct hub_ns *ns, struct session *s, const char *reason)
{
	char text[64];

	(void)s;
	snprintf(text, sizeof(text), "disconnect%s(%s)", ns->name.n == 0 ? "" : "/chat", reason);
	note(arg, text);
}

/* "join", "leave", "all", "kick" are commands; anything else is noted. */
static void
received(void *arg, struct hub_ns *ns, struct session *s, const struct packet *pk)
{
	struct world *w = arg;
	char text[64];

	if (slice_is(pk->data, "join"))
		assert_int_equal(membership_join(w->speaking, s, ns, SLICE("room")), 0);
	else if (slice_is(pk->data, "leave"))
		assert_int_equal(membership_leave(w->speaking, s, ns, SLICE("room")), 0);
	else if (slice_is(pk->data, "all"))
		hub_publish_channel(w->speaking, ns->chan, 0, SLICE("3:::all"), false);
	else if (slice_is(pk->data, "others"))
		hub_publish_channel(
		    w->speaking, ns->chan, session_key(s), SLICE("3:::others"), false);
	else if (slice_is(pk->data, "room"))
		hub_publish_channel(w->speaking, message_log_channel(ns->name, SLICE("room")), 0,
		    SLICE("3:::room"), false);
	else if (slice_is(pk->data, "volatile"))
		hub_publish_channel(w->speaking, ns->chan, 0, SLICE("3:::volatile"), true);
	else if (slice_is(pk->data, "me"))
		hub_publish_session(w->speaking, s, SLICE("3:::me"), false);
	else if (slice_is(pk->data, "kick"))
		session_end(w->speaking, s, "booted", true);
	snprintf(text, sizeof(text), "%.*s", (int)pk->data.n, pk->data.p);
	note(w, text);
}

static void
answered(
    void *arg, struct hub_ns *ns, struct session *s, const struct ack_row *ack, struct slice args)
{
	(void)ns;
	(void)s;
	(void)args;
	note(arg, ack->handler);
}

static void
user_changed(void *arg, int64_t key, struct slice user, bool arrives)
{
	char text[64];

	assert_true(key > 0);
	snprintf(text, sizeof(text), "%c%.*s", arrives ? '+' : '-', (int)user.n, user.p);
	note(arg, text);
}

/* --- a sink that writes down what it gets -------------------------------------------------------
 */

struct sink {
	char got[4096]; /* packets, a blank behind each */
	bool done;      /* a poll: answered */
	int64_t key, gen;
};

static void
append(struct sink *k, struct slice text)
{
	size_t n = strlen(k->got);

	snprintf(k->got + n, sizeof(k->got) - n, "%.*s ", (int)text.n, text.p);
}

static void
sink_send(void *sink, struct message *m)
{
	append(sink, message_text(m));
}

static void
sink_deliver(void *sink, struct message *const *messages, size_t n, int64_t key, int64_t gen)
{
	struct sink *k = sink;

	for (size_t i = 0; i < n; i++)
		append(k, message_text(messages[i]));
	k->done = true;
	k->key = key;
	k->gen = gen;
}

static void
sink_end(void *sink, enum sink_end why)
{
	struct sink *k = sink;

	append(k, why == SINK_SUPERSEDED ? SLICE("SUPERSEDED")
		  : why == SINK_LOST     ? SLICE("LOST")
		  : why == SINK_FAILED   ? SLICE("FAILED")
		  : why == SINK_MOVED    ? SLICE("MOVED")
					 : SLICE("DISCONNECTED"));
	k->done = true;
}

static void
sink_heard(void *sink)
{
	append(sink, SLICE("HEARD"));
}

static const struct sink_ops ops = {
    .send = sink_send, .deliver = sink_deliver, .end = sink_end, .heard = sink_heard};

/* --- a stream that queues what it gets, as a program does ---------------------------------------
 */

struct queue {
	struct message *m[16];
	size_t n;
	int ended; /* enum sink_end, or -1 */
};

static void
queue_send(void *sink, struct message *m)
{
	struct queue *q = sink;

	assert_true(q->n < sizeof(q->m) / sizeof(q->m[0]));
	q->m[q->n++] = message_keep(m);
}

static void
queue_end(void *sink, enum sink_end why)
{
	struct queue *q = sink;

	q->ended = (int)why;
}

static const struct sink_ops queue_ops = {.send = queue_send, .end = queue_end};

static void
take_back(void *arg)
{
	struct world *w = arg;

	for (size_t i = 0; i < sizeof(w->queues) / sizeof(w->queues[0]); i++) {
		struct queue *q = w->queues[i];
		size_t n = 0;

		for (size_t k = 0; q != NULL && k < q->n; k++)
			if (part_takes_back(w->hub[0], q->m[k]))
				message_release(q->m[k]);
			else
				q->m[n++] = q->m[k];
		if (q != NULL)
			q->n = n;
	}
}

/* Write what is queued. */
static void
written(struct queue *q, const char *expected)
{
	char text[256] = "";

	for (size_t i = 0; i < q->n; i++) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%.*s ", (int)q->m[i]->n, q->m[i]->text);
		message_release(q->m[i]);
	}
	q->n = 0;
	assert_string_equal(text, expected);
}

/* While the disk is full no file may grow: commits fail. */
static void
fill_disk(bool full)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* --- driving ------------------------------------------------------------------------------------
 */

static struct hub *
open_hub(struct world *w)
{
	struct hub_options options = {
	    .kind = 1,
	    .folder = w->folder,
	    .app = {.arg = w,
		.find = find,
		.authorize = authorize,
		.authorize_ns = authorize_ns,
		.connected = connected,
		.disconnected = disconnected,
		.received = received,
		.answered = answered,
		.user_changed = user_changed},
	    HUB_LIMITS,
	    .early_packets = 3,
	    .early_bytes = 60,
	    .early_timeout_ms = 5000,
	    .rolled_back = take_back,
	    .rolled_back_arg = w,
	};

	return hub_open(&options);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->folder, sizeof(w->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	w->root =
	    (struct hub_ns){SLICE(""), message_log_channel(SLICE(""), (struct slice){NULL, 0})};
	w->chat = (struct hub_ns){
	    SLICE("/chat"), message_log_channel(SLICE("/chat"), (struct slice){NULL, 0})};
	w->now = 1000000;
	for (int i = 0; i < 2; i++) {
		w->hub[i] = open_hub(w);
		assert_non_null(w->hub[i]);
	}
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	hub_close(w->hub[0]);
	hub_close(w->hub[1]);
	delete_folder(w->folder);
	free(w);
	return 0;
}

static struct hub *
begin(struct world *w, int i)
{
	hub_turn_begin(w->hub[i], w->now);
	w->speaking = w->hub[i];
	return w->hub[i];
}

static void
settle(struct world *w, int i)
{
	int64_t next;

	assert_int_equal(hub_turn_end(w->hub[i], &next), 0);
}

/* The other process was woken: let it look. */
static void
wake(struct world *w, int i)
{
	hub_turn_wake(begin(w, i));
	settle(w, i);
}

static void
handshake(struct world *w, int i, char sid[STORE_SID_SIZE])
{
	assert_int_equal(
	    session_create(begin(w, i), "{}", SLICE("127.0.0.1"), sid), SESSION_CREATED);
	settle(w, i);
}

static struct session *
find_session(struct world *w, int i, const char *sid)
{
	struct session *s = NULL;

	assert_int_equal(session_find(w->hub[i], slice_of(sid), &s), SESSION_LIVE);
	return s;
}

/* Open a poll and end the turn. */
static void
poll_once(struct world *w, int i, const char *sid, struct sink *k)
{
	struct hub *h = begin(w, i);

	*k = (struct sink){.done = false};
	assert_int_equal(
	    session_attach(h, find_session(w, i, sid), TRANSPORT_XHR_POLLING, false, &ops, k), 0);
	settle(w, i);
}

static void
open_stream(struct world *w, int i, const char *sid, struct sink *k)
{
	struct hub *h = begin(w, i);

	*k = (struct sink){.done = false};
	assert_int_equal(
	    session_attach(h, find_session(w, i, sid), TRANSPORT_WEBSOCKET, true, &ops, k), 0);
	settle(w, i);
}

static void
post(struct world *w, int i, const char *sid, const char *packet)
{
	struct hub *h = begin(w, i);
	struct session *s = find_session(w, i, sid);

	assert_int_equal(session_connect(h, s, TRANSPORT_XHR_POLLING), 0);
	receive_packet(h, s, slice_of(packet));
	settle(w, i);
}

/* --- the tests -----------------------------------------------------------------------------------
 */

static void
first_poll_connects_and_is_answered_at_once(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	poll_once(w, 1, sid, &k);
	assert_true(k.done);
	assert_string_equal(k.got, "1:: ");
	assert_string_equal(w->told, "connect ");
	poll_once(w, 0, sid, &k);
	assert_false(k.done);
	assert_int_equal(hub_held(w->hub[0]), 1);
}

static void
a_refused_handshake_makes_no_session(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];

	assert_int_equal(
	    session_create(begin(w, 0), "{\"refuse\":1}", SLICE(""), sid), SESSION_UNAUTHORIZED);
	settle(w, 0);
}

static void
a_message_reaches_a_poll_held_by_another_process(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &k);
	poll_once(w, 0, sid, &k);
	post(w, 1, sid, "3:7::me");
	assert_false(k.done);
	wake(w, 0);
	assert_true(k.done);
	assert_string_equal(k.got, "6:::7 3:::me ");
}

/* The process that held the poll before learns of that only when its client comes back to it. */
static void
a_poll_that_comes_back_ends_the_one_between(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink first, second, third;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &first);
	poll_once(w, 0, sid, &first);
	poll_once(w, 1, sid, &second);
	poll_once(w, 0, sid, &third);
	assert_true(first.done);
	wake(w, 1);
	assert_true(second.done);
	assert_false(third.done);
	post(w, 1, sid, "3:::me");
	wake(w, 0);
	assert_string_equal(third.got, "3:::me ");
	assert_string_equal(second.got, "SUPERSEDED ");
}

static void
what_comes_between_polls_waits(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &k);
	post(w, 1, sid, "3:::me");
	post(w, 0, sid, "3:::all");
	poll_once(w, 1, sid, &k);
	assert_string_equal(k.got, "3:::me 3:::all ");
	poll_once(w, 0, sid, &k);
	assert_string_equal(k.got, "");
}

static void
a_response_that_was_not_written_comes_again(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &k);
	poll_once(w, 0, sid, &k);
	post(w, 0, sid, "3:::me");
	assert_string_equal(k.got, "3:::me ");
	begin(w, 0);
	session_undelivered(w->hub[0], k.key, k.gen);
	settle(w, 0);
	poll_once(w, 1, sid, &k);
	assert_string_equal(k.got, "3:::me ");
	poll_once(w, 0, sid, &k); /* this poll says that it arrived */
	assert_string_equal(k.got, "");
}

/* The same of a poll that has a name. */
static void
poll_named(struct world *w, int i, const char *sid, int64_t name, struct sink *k)
{
	struct hub *h = begin(w, i);
	struct session *s = find_session(w, i, sid);

	*k = (struct sink){.done = false};
	session_attach_name(s, name);
	assert_int_equal(session_attach(h, s, TRANSPORT_XHR_POLLING, false, &ops, k), 0);
	settle(w, i);
}

static void
a_poll_that_is_repeated_gets_the_same_again(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	for (int i = 0; i < 2; i++) {
		poll_named(w, i, sid, 1, &k);
		assert_string_equal(k.got, "1:: ");
	}
	post(w, 1, sid, "3:::me");
	poll_named(w, 0, sid, 2, &k);
	assert_string_equal(k.got, "3:::me ");
	post(w, 0, sid, "3:::me");
	for (int i = 0; i < 2; i++) {
		poll_named(w, i, sid, 2, &k);
		assert_string_equal(k.got, "3:::me 3:::me ");
	}
	/* another transport has got it all the same */
	open_stream(w, 1, sid, &k);
	assert_string_equal(k.got, "");
}

static void
a_new_poll_ends_the_older_one_wherever_it_is(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink first, second, third;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &first);
	poll_once(w, 0, sid, &first);
	poll_once(w, 0, sid, &second);
	assert_string_equal(first.got, "SUPERSEDED ");
	poll_once(w, 1, sid, &third);
	wake(w, 0);
	assert_string_equal(second.got, "SUPERSEDED ");
	assert_false(third.done);
	post(w, 0, sid, "3:::me");
	wake(w, 1);
	assert_string_equal(third.got, "3:::me ");
}

static void
streams_talk_to_polls_and_back(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink stream, poll;

	handshake(w, 0, a);
	handshake(w, 0, b);
	open_stream(w, 0, a, &stream);
	assert_string_equal(stream.got, "1:: ");
	poll_once(w, 1, b, &poll);
	poll_once(w, 1, b, &poll);
	post(w, 0, a, "3:::others"); /* as if it came by the socket */
	assert_string_equal(stream.got, "1:: ");
	wake(w, 1);
	assert_string_equal(poll.got, "3:::others ");
	post(w, 1, b, "3:::all");
	wake(w, 0);
	assert_string_equal(stream.got, "1:: 3:::all ");
}

static void
streams_of_one_process_need_no_log(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink first, second;
	struct session *s;
	int64_t before, after;

	handshake(w, 0, a);
	handshake(w, 0, b);
	open_stream(w, 0, a, &first);
	open_stream(w, 0, b, &second);
	post(w, 0, a, "3:::hello"); /* the first packet of a session is noted in the store */
	assert_int_equal(message_log_head(hub_store(w->hub[0]), &before), 0);
	begin(w, 0);
	s = find_session(w, 0, a);
	receive_packet(w->hub[0], s, SLICE("3:::all"));
	receive_packet(w->hub[0], s, SLICE("3:::me"));
	settle(w, 0);
	assert_int_equal(message_log_head(hub_store(w->hub[0]), &after), 0);
	assert_int_equal(before, after);
	assert_string_equal(first.got, "1:: 3:::all 3:::me ");
	assert_string_equal(second.got, "1:: 3:::all ");
}

static void
a_room_joined_by_a_post_elsewhere_is_heard_by_the_held_poll(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink ka, kb;

	handshake(w, 0, a);
	handshake(w, 0, b);
	poll_once(w, 0, a, &ka);
	poll_once(w, 0, a, &ka);
	poll_once(w, 1, b, &kb);
	post(w, 1, a, "3:::join");
	post(w, 1, b, "3:::room");
	wake(w, 0);
	assert_string_equal(ka.got, "3:::room ");
	post(w, 0, b, "3:::room");
	post(w, 1, a, "3:::leave");
	post(w, 0, b, "3:::room");
	poll_once(
	    w, 1, a, &ka); /* what was sent before the leave still arrives, what came after not */
	assert_string_equal(ka.got, "3:::room ");
	poll_once(w, 1, b, &kb);
	assert_string_equal(kb.got, "");
}

/* A handler on a stream leaves a room; on the way its process reads that another one has made the
 * session join and leave others. */
static void
a_room_is_left_while_others_are_joined_elsewhere(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], room[16];
	struct sink k;
	struct hub *h;
	struct session *s;
	int64_t key;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	post(w, 0, sid, "3:::join");
	h = begin(w, 1);
	s = find_session(w, 1, sid);
	key = session_key(s);
	for (int i = 0; i < 20; i++) {
		snprintf(room, sizeof(room), "room %d", i);
		assert_int_equal(membership_join(h, s, &w->root, slice_of(room)), 0);
	}
	settle(w, 1);
	h = begin(w, 0);
	s = session_stream_here(h, key);
	assert_non_null(s);
	assert_int_equal(membership_leave(h, s, &w->root, SLICE("room")), 0);
	hub_publish_channel(
	    h, message_log_channel(SLICE(""), SLICE("room")), 0, SLICE("3:::left"), false);
	hub_publish_channel(
	    h, message_log_channel(SLICE(""), SLICE("room 7")), 0, SLICE("3:::in"), false);
	settle(w, 0);
	assert_string_equal(k.got, "1:: 3:::in ");
}

/* So many that they have an index, left in another order than joined. */
static void
each_of_many_rooms_is_heard_until_it_is_left(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], text[16], want[1000] = "1:: ";
	struct sink k;
	struct hub *h;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	for (int turn = 0; turn < 3; turn++) {
		h = begin(w, 0);
		for (int i = 0; i < 90; i++) {
			snprintf(text, sizeof(text), "%d", i);
			assert_int_equal(
			    membership_join(h, find_session(w, 0, sid), &w->root, slice_of(text)),
			    0);
		}
		for (int i = 89; i >= 0; i -= 2 + turn) {
			snprintf(text, sizeof(text), "%d", i);
			assert_int_equal(
			    membership_leave(h, find_session(w, 0, sid), &w->root, slice_of(text)),
			    0);
		}
		settle(w, 0);
	}
	for (int i = 0; i < 90; i++) {
		snprintf(text, sizeof(text), "%d", i);
		hub_publish_channel(begin(w, 1), message_log_channel(SLICE(""), slice_of(text)), 0,
		    slice_of(text), false);
		settle(w, 1);
		wake(w, 0);
		if ((89 - i) % 4 != 0) {
			strcat(want, text);
			strcat(want, " ");
		}
	}
	assert_string_equal(k.got, want);
}

static void
a_room_joined_in_two_processes_at_once_is_joined_once(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;
	struct hub *h;
	struct session *s;
	int64_t key;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	h = begin(w, 1);
	s = find_session(w, 1, sid);
	key = session_key(s);
	assert_int_equal(membership_join(h, s, &w->root, SLICE("room")), 0);
	settle(w, 1);
	h = begin(w, 0);
	s = session_stream_here(h, key);
	assert_non_null(s);
	assert_int_equal(membership_join(h, s, &w->root, SLICE("room")), 0);
	hub_publish_channel(
	    h, message_log_channel(SLICE(""), SLICE("room")), 0, SLICE("3:::once"), false);
	settle(w, 0);
	assert_string_equal(k.got, "1:: 3:::once ");
}

static void
volatile_is_only_for_those_who_listen(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink ka, kb;

	handshake(w, 0, a);
	handshake(w, 0, b);
	poll_once(w, 0, a, &ka);
	poll_once(w, 0, b, &kb);
	poll_once(w, 0, b, &kb);
	post(w, 0, a, "3:::volatile");
	assert_string_equal(kb.got, "3:::volatile ");
	poll_once(w, 0, a, &ka);
	assert_string_equal(ka.got, "");
}

static void
a_namespace_has_its_own_life(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	post(w, 0, sid, "1::/chat");
	post(w, 0, sid, "1::/chat");
	post(w, 0, sid, "1::/nope");
	post(w, 0, sid, "3::/chat:hi");
	post(w, 0, sid, "0::/chat");
	post(w, 0, sid, "3::/chat:lost");
	assert_string_equal(k.got, "1:: 1::/chat 1::/chat 7::/nope:2 ");
	assert_string_equal(w->told, "connect connect/chat hi disconnect/chat(packet) ");
}

static void
an_endpoint_with_a_query_keeps_its_spelling(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	post(w, 0, sid, "1::/chat?x=1");
	begin(w, 1);
	hub_publish_channel(w->hub[1], w->chat.chan, 0, SLICE("3::/chat:hi"), false);
	settle(w, 1);
	wake(w, 0);
	assert_string_equal(k.got, "1:: 1::/chat?x=1 3::/chat?x=1:hi ");
}

static void
packets_for_a_namespace_that_is_joined_later_wait(void **state)
{
	struct world *w = *state;
	char polls[STORE_SID_SIZE], streams[STORE_SID_SIZE];
	struct sink k, stream;

	/* each in a request of its own, to another process */
	handshake(w, 0, polls);
	poll_once(w, 0, polls, &k);
	post(w, 0, polls, "3:1:/chat:a");
	post(w, 1, polls, "3:2:/chat:b");
	poll_once(w, 0, polls, &k);
	assert_false(k.done); /* not acknowledged before the application has it */
	post(w, 1, polls, "1::/chat");
	wake(w, 0);
	assert_string_equal(k.got, "1::/chat 6::/chat:1 6::/chat:2 ");
	assert_string_equal(w->told, "connect connect/chat a b ");
	post(w, 1, polls, "3::/chat:c");
	assert_string_equal(w->told, "connect connect/chat a b c ");
	/* all on one socket; the application answers later, in another process */
	w->told[0] = '\0';
	w->verdict = -EINPROGRESS;
	handshake(w, 0, streams);
	open_stream(w, 0, streams, &stream);
	begin(w, 0);
	receive_packet(w->hub[0], find_session(w, 0, streams), SLICE("3:1:/chat?x=1:a"));
	receive_packet(w->hub[0], find_session(w, 0, streams), SLICE("1::/chat?x=1"));
	receive_packet(w->hub[0], find_session(w, 0, streams), SLICE("3::/chat?x=1:b"));
	settle(w, 0);
	assert_string_equal(stream.got, "1:: ");
	begin(w, 1);
	membership_accept(
	    w->hub[1], find_session(w, 1, streams), &w->chat, SLICE("/chat?x=1"), SLICE("x=1"));
	settle(w, 1);
	wake(w, 0);
	assert_string_equal(stream.got, "1:: 1::/chat?x=1 6::/chat?x=1:1 ");
	assert_string_equal(w->told, "connect connect/chat a b ");
}

static void
packets_for_a_namespace_that_is_not_joined_are_dropped(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	/* not in time; the two processes do not agree on who looks */
	post(w, 1, sid, "3:1:/chat:late");
	w->now += 5000;
	post(w, 0, sid, "1::/chat");
	assert_string_equal(w->told, "connect connect/chat ");
	/* left, and joined again */
	post(w, 0, sid, "0::/chat");
	post(w, 0, sid, "3:2:/chat:left");
	post(w, 1, sid, "3:3:/chat:left");
	post(w, 1, sid, "1::/chat");
	wake(w, 0);
	assert_string_equal(w->told, "connect connect/chat disconnect/chat(packet) connect/chat ");
	/* beyond the limits */
	w->told[0] = '\0';
	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	post(w, 0, sid, "3::/chat:a-packet-of-more-than-sixty-bytes-which-is-more-than-allowed");
	w->now += 5000; /* until then this process remembers that it is full */
	for (int i = 0; i < 5; i++)
		post(w, 0, sid, i < 3 ? "3:4:/chat:kept" : "3:5:/chat:over");
	post(w, 0, sid, "1::/chat");
	assert_string_equal(w->told, "connect connect/chat kept kept kept ");
	assert_string_equal(k.got, "1:: 1::/chat 6::/chat:4 6::/chat:4 6::/chat:4 ");
	/* refused, and let in later */
	w->told[0] = '\0';
	w->verdict = -EACCES;
	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	post(w, 0, sid, "3:6:/chat:refused");
	post(w, 0, sid, "1::/chat");
	w->verdict = 0;
	post(w, 0, sid, "1::/chat");
	assert_string_equal(w->told, "connect connect/chat ");
	assert_string_equal(k.got, "1:: 7::/chat:2 1::/chat ");
	/* of a namespace that does not exist */
	post(w, 0, sid, "3:7:/nope:x");
	assert_string_equal(k.got, "1:: 7::/chat:2 1::/chat ");
}

static void
disconnect_is_told_once_and_remembered(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;
	struct session *s;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	post(w, 0, sid, "1::/chat");
	begin(w, 1); /* the other process is told to disconnect it */
	session_end(w->hub[1], find_session(w, 1, sid), "booted", true);
	settle(w, 1);
	wake(w, 0);
	assert_string_equal(k.got, "1:: 1::/chat DISCONNECTED ");
	assert_string_equal(
	    w->told, "connect connect/chat disconnect/chat(booted) disconnect(booted) ");
	begin(w, 0);
	assert_int_equal(session_find(w->hub[0], slice_of(sid), &s), SESSION_ENDED);
	settle(w, 0);
	w->now += 61000;
	begin(w, 0);
	settle(w, 0);
	begin(w, 0);
	assert_int_equal(session_find(w->hub[0], slice_of(sid), &s), SESSION_UNKNOWN);
	settle(w, 0);
}

/* A poll of a session that has ended. */
static void
poll_ended(struct world *w, int i, const char *sid, struct sink *k)
{
	struct session *s;

	*k = (struct sink){.done = false};
	begin(w, i);
	assert_int_equal(session_find(w->hub[i], slice_of(sid), &s), SESSION_ENDED);
	assert_int_equal(session_attach(w->hub[i], s, TRANSPORT_XHR_POLLING, false, &ops, k), 0);
	settle(w, i);
	assert_true(k->done);
}

static void
the_last_response_has_what_was_sent_before_the_end(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k, next;
	struct hub *h;
	struct session *s;

	for (int kicker = 0; kicker < 2; kicker++) {
		handshake(w, 0, sid);
		poll_once(w, 0, sid, &k);
		poll_once(w, 0, sid, &k);
		h = begin(w, kicker); /* the poll is held by hub 0 */
		s = find_session(w, kicker, sid);
		receive_packet(h, s, SLICE("3:::me"));
		receive_packet(h, s, SLICE("3:::all"));
		receive_packet(h, s, SLICE("3:::kick"));
		receive_packet(h, s, SLICE("3:::me"));
		hub_publish_channel(h, w->root.chan, 0, SLICE("3:::late"), false);
		settle(w, kicker);
		wake(w, 0);
		assert_string_equal(k.got, "3:::me 3:::all 0:: ");
		assert_int_equal(hub_held(w->hub[0]), 0);
		/* it did not arrive: the client asks again, whichever process */
		begin(w, 1);
		session_undelivered(w->hub[1], k.key, k.gen);
		settle(w, 1);
		poll_ended(w, 1, sid, &next);
		assert_string_equal(next.got, "3:::me 3:::all 0:: ");
		poll_ended(w, 0, sid, &next);
		assert_string_equal(next.got, "DISCONNECTED ");
	}
}

static void
a_session_that_moves_is_told_so_after_what_was_sent(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k, next;
	struct hub *h;
	struct session *s;

	for (int mover = 0; mover < 2; mover++) {
		handshake(w, 0, sid);
		poll_once(w, 0, sid, &k);
		poll_once(w, 0, sid, &k);
		h = begin(w, mover); /* the poll is held by hub 0 */
		s = find_session(w, mover, sid);
		receive_packet(h, s, SLICE("3:::me"));
		session_move(h, s, "server shutdown");
		session_move(h, s, "server shutdown");
		hub_publish_channel(h, w->root.chan, 0, SLICE("3:::late"), false);
		settle(w, mover);
		wake(w, 0);
		assert_string_equal(k.got, "3:::me 7:::+0 ");
		assert_int_equal(hub_held(w->hub[0]), 0);
		/* it did not arrive: the client asks again, whichever process */
		begin(w, 1);
		session_undelivered(w->hub[1], k.key, k.gen);
		settle(w, 1);
		poll_ended(w, 1, sid, &next);
		assert_string_equal(next.got, "3:::me 7:::+0 ");
		/* who has got it and asks again is not kept away, as after 0:: */
		begin(w, 0);
		assert_int_equal(session_find(w->hub[0], slice_of(sid), &s), SESSION_UNKNOWN);
		settle(w, 0);
		/* a stream, of which nothing is kept */
		handshake(w, 0, sid);
		open_stream(w, 0, sid, &k);
		begin(w, mover);
		session_move(w->hub[mover], find_session(w, mover, sid), "server shutdown");
		settle(w, mover);
		wake(w, 0);
		assert_string_equal(k.got, "1:: MOVED ");
		begin(w, 1);
		assert_int_equal(session_find(w->hub[1], slice_of(sid), &s), SESSION_UNKNOWN);
		settle(w, 1);
	}
	assert_string_equal(w->told,
	    "connect me disconnect(server shutdown) connect disconnect(server shutdown) "
	    "connect me disconnect(server shutdown) connect disconnect(server shutdown) ");
}

/* Let time pass, with a turn of both processes every 10 ms. */
static void
pass_time(struct world *w, int ms)
{
	for (int64_t end = w->now + ms; w->now < end;) {
		w->now += 10;
		for (int i = 0; i < 2; i++)
			wake(w, i);
	}
}

static int
count_done(const struct sink *k, int n)
{
	int done = 0;

	for (int i = 0; i < n; i++)
		done += k[i].done;
	return done;
}

static void
a_drain_ends_so_many_in_a_second_and_begins_none(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], path[80];
	struct sink k[40], late;

	for (int i = 0; i < 40; i++) {
		handshake(w, i % 2, sid);
		open_stream(w, i % 2, sid, &k[i]);
	}
	w->told[0] = '\0';
	assert_int_equal(drain_start(w->hub[0], 20), 0);
	assert_int_equal(drain_left(w->hub[1]), 40);
	pass_time(w, 1000);
	/* two at a time, every 50 to 150 ms */
	assert_in_range(count_done(k, 40), 12, 40);
	assert_int_equal(drain_left(w->hub[1]), 40 - count_done(k, 40));
	/* one that begins meanwhile: the application is not told */
	w->told[0] = '\0';
	handshake(w, 1, sid);
	open_stream(w, 1, sid, &late);
	assert_string_equal(w->told, "");
	assert_int_equal(drain_left(w->hub[1]), 40 - count_done(k, 40));
	pass_time(w, 1500);
	assert_string_equal(late.got, "1:: ");
	pass_time(w, 2000);
	assert_string_equal(late.got, "1:: MOVED ");
	assert_int_equal(count_done(k, 40), 40);
	for (int i = 0; i < 40; i++)
		assert_string_equal(k[i].got, "1:: MOVED ");
	assert_int_equal(drain_left(w->hub[1]), 0);
	/* a slot table that is made anew has it from the file */
	hub_close(w->hub[0]);
	hub_close(w->hub[1]);
	snprintf(path, sizeof(path), "%s/slots", w->folder);
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < 2; i++)
		w->hub[i] = open_hub(w);
	assert_true(drain_is_on(w->hub[1]));
	assert_int_equal(drain_stop(w->hub[1]), 0);
	assert_false(drain_is_on(w->hub[0]));
	handshake(w, 0, sid);
	w->told[0] = '\0';
	open_stream(w, 0, sid, &late);
	assert_string_equal(w->told, "connect ");
	pass_time(w, 3000);
	assert_string_equal(late.got, "1:: ");
}

/* A process without a descriptor, or of another user, must not put the machine back in service. */
static void
a_process_that_cannot_read_the_drain_file_changes_nothing(void **state)
{
	struct world *w = *state;
	char path[80];

	assert_int_equal(drain_start(w->hub[0], 20), 0);
	hub_close(w->hub[1]);
	snprintf(path, sizeof(path), "%s/drain", w->folder);
	assert_int_equal(unlink(path), 0);
	/* root can read everything but this */
	assert_int_equal(symlink("drain", path), 0);
	w->hub[1] = open_hub(w);
	assert_true(drain_is_on(w->hub[0]));
	assert_int_equal(drain_stop(w->hub[1]), 0);
	assert_false(drain_is_on(w->hub[0]));
}

static void
a_stream_gets_what_a_poll_did_not_fetch_before_the_end(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;
	struct session *s;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &k);
	post(w, 1, sid, "3:::me");
	post(w, 1, sid, "3:::kick");
	for (int i = 0; i < 2; i++) {
		k = (struct sink){.done = false};
		begin(w, i);
		assert_int_equal(session_find(w->hub[i], slice_of(sid), &s), SESSION_ENDED);
		assert_int_equal(
		    session_attach(w->hub[i], s, TRANSPORT_HTMLFILE, true, &ops, &k), 0);
		settle(w, i);
		assert_string_equal(k.got, i == 0 ? "3:::me 0:: SUPERSEDED " : "DISCONNECTED ");
		assert_int_equal(hub_held(w->hub[i]), 0);
	}
	poll_ended(w, 0, sid, &k);
	assert_string_equal(k.got, "DISCONNECTED ");
}

static void
what_was_sent_between_polls_comes_before_the_end(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k, other;
	struct hub *h;
	struct session *s;
	int64_t next;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &k);
	post(w, 1, sid, "3:::join");
	h = begin(w, 1);
	hub_publish_channel(
	    h, message_log_channel(SLICE(""), SLICE("room")), 0, SLICE("3:::room"), false);
	receive_packet(h, find_session(w, 1, sid), SLICE("3:::me"));
	receive_packet(h, find_session(w, 1, sid), SLICE("3:::kick"));
	hub_publish_channel(h, w->root.chan, 0, SLICE("3:::late"), false);
	settle(w, 1);
	/* nobody has it yet, so it is not trimmed */
	for (int i = 0; i < 3; i++) {
		w->now += 1000;
		wake(w, 0);
	}
	/* of two polls at once the newer gets it */
	k = other = (struct sink){.done = false};
	h = begin(w, 0);
	assert_int_equal(session_find(h, slice_of(sid), &s), SESSION_ENDED);
	assert_int_equal(session_attach(h, s, TRANSPORT_XHR_POLLING, false, &ops, &k), 0);
	assert_int_equal(session_find(h, slice_of(sid), &s), SESSION_ENDED);
	assert_int_equal(session_attach(h, s, TRANSPORT_XHR_POLLING, false, &ops, &other), 0);
	assert_int_equal(hub_turn_end(h, &next), 0);
	assert_string_equal(k.got, "SUPERSEDED ");
	assert_string_equal(other.got, "3:::room 3:::me 0:: ");
	/* polling does not keep it from being forgotten */
	w->now += 57500;
	begin(w, 0);
	assert_int_equal(session_find(w->hub[0], slice_of(sid), &s), SESSION_UNKNOWN);
	settle(w, 0);
}

static void
who_is_turned_away_by_the_connection_event_reads_why(void **state)
{
	struct world *w = *state;
	char polls[STORE_SID_SIZE], posts[STORE_SID_SIZE];
	struct sink k;

	w->turns_away = true;
	handshake(w, 0, polls);
	poll_once(w, 0, polls, &k);
	assert_string_equal(k.got, "1:: 3:::me 0:: ");
	handshake(w, 0, posts);
	post(w, 0, posts, "3:::x");
	poll_ended(w, 1, posts, &k);
	assert_string_equal(k.got, "1:: 3:::me 0:: ");
	assert_string_equal(w->told, "connect disconnect(booted) connect disconnect(booted) ");
}

/* More than fits into one response: the end comes with the last of it. */
static void
a_long_queue_is_read_to_the_end(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &k);
	poll_once(w, 0, sid, &k);
	begin(w, 0);
	hub_publish_session(
	    w->hub[0], find_session(w, 0, sid), SLICE("3:::\xef\xbf\xbd"), false); /* comes alone */
	receive_packet(w->hub[0], find_session(w, 0, sid), SLICE("3:::me"));
	receive_packet(w->hub[0], find_session(w, 0, sid), SLICE("3:::kick"));
	settle(w, 0);
	assert_string_equal(k.got, "3:::\xef\xbf\xbd ");
	poll_ended(w, 1, sid, &k);
	assert_string_equal(k.got, "3:::me 0:: ");
}

static void
who_was_kicked_and_lost_messages_gets_none_of_them(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], other[STORE_SID_SIZE], text[1024];
	struct sink k;

	memset(text, 'x', sizeof(text));
	memcpy(text, "3:::", 4);
	handshake(w, 0, sid);
	handshake(w, 0, other);
	poll_once(w, 0, sid, &k);
	poll_once(w, 0, other, &k);
	post(w, 1, sid, "3:::me");
	begin(w, 1);
	for (int i = 0; i < 3000; i++) /* log_bytes is 1 MiB */
		hub_publish_session(w->hub[1], find_session(w, 1, other),
		    (struct slice){text, sizeof(text)}, false);
	receive_packet(w->hub[1], find_session(w, 1, sid), SLICE("3:::me"));
	receive_packet(w->hub[1], find_session(w, 1, sid), SLICE("3:::kick"));
	settle(w, 1);
	for (int i = 0; i < 3; i++) {
		w->now += 1000;
		wake(w, 0);
		wake(w, 1);
	}
	poll_ended(w, 0, sid, &k);
	assert_string_equal(k.got, "DISCONNECTED ");
}

static void
sessions_end_by_their_deadlines(void **state)
{
	struct world *w = *state;
	char unused[STORE_SID_SIZE], idle[STORE_SID_SIZE], streaming[STORE_SID_SIZE];
	struct sink k, stream;
	struct session *s;

	handshake(w, 0, unused);
	handshake(w, 0, idle);
	handshake(w, 0, streaming);
	poll_once(w, 0, idle, &k);
	open_stream(w, 0, streaming, &stream);
	w->now += 59000;
	begin(w, 1);
	settle(w, 1);
	assert_string_equal(w->told, "connect connect ");
	w->now += 2000;
	begin(w, 1);
	settle(w, 1);
	assert_string_equal(w->told, "connect connect disconnect(close timeout) ");
	begin(w, 1);
	assert_int_equal(session_find(w->hub[1], slice_of(unused), &s), SESSION_UNKNOWN);
	assert_int_equal(session_find(w->hub[1], slice_of(idle), &s), SESSION_UNKNOWN);
	assert_int_equal(session_find(w->hub[1], slice_of(streaming), &s), SESSION_LIVE);
	settle(w, 1);
}

/* Nothing here waits for maintenance. */
static void
a_session_past_its_deadline_is_found_no_more(void **state)
{
	struct world *w = *state;
	char idle[STORE_SID_SIZE], kicked[STORE_SID_SIZE];
	struct sink k;
	struct session *s;
	int64_t next;

	handshake(w, 0, idle);
	handshake(w, 0, kicked);
	poll_once(w, 0, idle, &k);
	begin(w, 0);
	session_end(w->hub[0], find_session(w, 0, kicked), "booted", true);
	settle(w, 0);
	begin(w, 1);
	settle(w, 1); /* and ticks: the next time is in a second */
	w->now += 59500;
	hub_turn_begin(w->hub[1], w->now);
	assert_int_equal(session_find(w->hub[1], slice_of(idle), &s), SESSION_LIVE);
	assert_int_equal(session_find(w->hub[1], slice_of(kicked), &s), SESSION_ENDED);
	assert_int_equal(hub_turn_end(w->hub[1], &next), 0);
	w->now += 500;
	begin(w, 1);
	for (int i = 0; i < 2; i++) { /* the second time in the same turn, too */
		assert_int_equal(session_find(w->hub[1], slice_of(idle), &s), SESSION_UNKNOWN);
		assert_int_equal(session_find(w->hub[1], slice_of(kicked), &s), SESSION_UNKNOWN);
	}
	assert_string_equal(w->told, "connect disconnect(close timeout) ");
	settle(w, 1);
}

static void
streams_of_a_process_that_is_replaced_have_ended(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink stream, poll;
	struct session *s;

	handshake(w, 0, a);
	handshake(w, 0, b);
	open_stream(w, 0, a, &stream);
	poll_once(w, 0, b, &poll);
	poll_once(w, 0, b, &poll);
	hub_close(w->hub[0]);    /* without a word, as a process that is killed */
	w->hub[0] = open_hub(w); /* and its successor has the same slot */
	assert_non_null(w->hub[0]);
	begin(w, 1);
	assert_int_equal(session_find(w->hub[1], slice_of(a), &s), SESSION_UNKNOWN);
	assert_int_equal(session_find(w->hub[1], slice_of(b), &s), SESSION_LIVE);
	settle(w, 1);
	assert_string_equal(w->told, "connect connect disconnect(socket end) ");
	w->now += 90000; /* its client does not come back */
	begin(w, 1);
	settle(w, 1);
	assert_string_equal(
	    w->told, "connect connect disconnect(socket end) disconnect(close timeout) ");
}

static void
a_stream_is_told_of_its_clients_posts_wherever_they_arrive(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], polling[STORE_SID_SIZE];
	struct sink stream, poll;

	handshake(w, 0, sid);
	handshake(w, 0, polling);
	open_stream(w, 0, sid, &stream);
	poll_once(w, 0, polling, &poll);
	for (int i = 0; i < 2; i++) {
		begin(w, i);
		session_heard(w->hub[i], find_session(w, i, sid));
		session_heard(w->hub[i], find_session(w, i, polling)); /* of no interest */
		settle(w, i);
	}
	assert_string_equal(stream.got, "1:: HEARD ");
	wake(w, 0);
	assert_string_equal(stream.got, "1:: HEARD HEARD ");
	assert_string_equal(poll.got, "1:: ");
}

/* A file may not grow any more: the commit fails. */
static void
a_turn_that_cannot_be_committed_is_taken_back(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE], c[STORE_SID_SIZE];
	struct sink old, new, stream;
	struct rlimit before, none;
	int64_t next;

	handshake(w, 0, a);
	handshake(w, 0, b);
	handshake(w, 0, c);
	poll_once(w, 0, a, &old);
	poll_once(w, 0, a, &old);
	open_stream(w, 0, c, &stream);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	begin(w, 0);
	new = (struct sink){.done = false};
	assert_int_equal(
	    session_attach(w->hub[0], find_session(w, 0, b), TRANSPORT_HTMLFILE, true, &ops, &new),
	    0);
	receive_packet(w->hub[0], find_session(w, 0, c), SLICE("3:::all"));
	assert_int_equal(hub_turn_end(w->hub[0], &next), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_string_equal(new.got, "1:: 3:::all FAILED ");
	assert_string_equal(old.got, "FAILED ");
	poll_once(w, 0, b, &new);
	assert_string_equal(new.got, "1:: ");
	poll_once(w, 0, a, &old);
	assert_false(old.done);
	post(w, 0, a, "3:::me");
	assert_string_equal(old.got, "3:::me ");
}

/* A session whose stream has spoken, so that what it says next needs the store only for its effect.
 */
static struct session *
open_queue(struct world *w, struct queue *q, char sid[STORE_SID_SIZE])
{
	struct session *s;

	handshake(w, 0, sid);
	begin(w, 0);
	s = find_session(w, 0, sid);
	*q = (struct queue){.ended = -1};
	assert_int_equal(session_attach(w->hub[0], s, TRANSPORT_WEBSOCKET, true, &queue_ops, q), 0);
	receive_from_stream(w->hub[0], s, SLICE("2::"));
	settle(w, 0);
	written(q, "1:: ");
	return s;
}

static void
processes_share_the_rounds_of_maintenance(void **state)
{
	struct world *w = *state;
	struct slots *sl = store_slots(hub_store(w->hub[0]));
	int64_t due;

	w->now += 5000;
	for (int i = 0; i < 2; i++) {
		begin(w, i);
		settle(w, i);
	}
	w->now += 1000;
	begin(w, 1);
	settle(w, 1);
	due = slots_chores_due(sl);
	assert_true(due > w->now && due < w->now + 1000);
	w->now += 100;
	begin(w, 0);
	settle(w, 0);
	/* it was done a moment ago */
	assert_int_equal(slots_chores_due(sl), due);
	/* a machine that was started anew begins its clock at 0 */
	slots_set_chores_due(sl, w->now + 1000000);
	w->now += 1000;
	begin(w, 0);
	settle(w, 0);
	assert_true(slots_chores_due(sl) < w->now + 1000);
}

static void
a_turn_that_fails_takes_back_what_streams_were_sent_by_it(void **state)
{
	struct world *w = *state;
	struct queue talker = {.n = 0}, poster = {.n = 0}, joiner = {.n = 0};
	char sid[3][STORE_SID_SIZE];
	struct session *s[3];
	int64_t next;

	s[0] = open_queue(w, &talker, sid[0]);
	s[1] = open_queue(w, &poster, sid[1]);
	s[2] = open_queue(w, &joiner, sid[2]);
	w->queues[0] = &talker;
	w->queues[1] = &poster;
	w->queues[2] = &joiner;
	for (int full = 1; full >= 0; full--) {
		fill_disk(full);
		w->told[0] = '\0';
		begin(w, 0);
		/* it used nothing of the store, so nothing of it can fail */
		receive_from_stream(w->hub[0], s[0], SLICE("3:::me"));
		/* a POST: it is answered 503, and its client sends it again */
		receive_packet(w->hub[0], find_session(w, 0, sid[1]), SLICE("3:::others"));
		if (full) {
			receive_from_stream(w->hub[0], s[2], SLICE("3:::join"));
			/* uses nothing either, but must not be heard without the packet before it */
			receive_from_stream(w->hub[0], s[2], SLICE("3:::all"));
		}
		receive_from_stream(w->hub[0], s[0], SLICE("3:::all"));
		assert_int_equal(hub_turn_end(w->hub[0], &next), full ? -1 : 0);
		fill_disk(false);
		assert_string_equal(w->told, full ? "me others join all all " : "me others all ");
		written(&talker, full ? "3:::me 3:::all " : "3:::me 3:::others 3:::all ");
		written(&poster, "3:::all ");
		/* nobody else can tell its client that it has not joined */
		assert_int_equal(joiner.ended, full ? (int)SINK_FAILED : -1);
		assert_int_equal(talker.ended, -1);
		assert_int_equal(poster.ended, -1);
		written(&joiner, full ? "3:::all " : "3:::others 3:::all ");
		if (full) {
			w->told[0] = '\0';
			w->now += 1000;
			begin(w, 0);
			settle(w, 0);
			assert_string_equal(w->told, "disconnect(socket end) ");
			s[2] = open_queue(w, &joiner, sid[2]);
		}
	}
}

static void
a_stream_is_taken_back_what_it_was_sent_through_the_log(void **state)
{
	struct world *w = *state;
	struct queue stream = {.n = 0};
	char sid[STORE_SID_SIZE], other[STORE_SID_SIZE];
	struct sink poll;
	struct session *s;
	int64_t next;

	handshake(w, 1, other);
	poll_once(w, 1, other, &poll);
	s = open_queue(w, &stream, sid);
	w->queues[0] = &stream;
	/* what another process has committed stays, though it is read in a turn that fails */
	post(w, 1, other, "3:::all");
	fill_disk(true);
	begin(w, 0);
	receive_packet(w->hub[0], find_session(w, 0, sid), SLICE("3:::volatile"));
	assert_int_equal(hub_turn_end(w->hub[0], &next), -1);
	fill_disk(false);
	written(&stream, "3:::all ");
	begin(w, 0);
	receive_from_stream(w->hub[0], s, SLICE("3:::all"));
	settle(w, 0);
	written(&stream, "3:::all ");
}

static void
an_end_that_cannot_be_written_is_tried_again(void **state)
{
	struct world *w = *state;
	char stays[STORE_SID_SIZE], leaves[STORE_SID_SIZE], kicked[STORE_SID_SIZE];
	struct sink k[3];
	struct session *s;
	int64_t next;

	handshake(w, 0, stays);
	open_stream(w, 0, stays, &k[0]);
	handshake(w, 0, leaves);
	open_stream(w, 0, leaves, &k[1]);
	handshake(w, 0, kicked);
	open_stream(w, 0, kicked, &k[2]);
	fill_disk(true);
	for (int i = 0; i < 3; i++) {
		begin(w, 0);
		if (i == 0) {
			s = find_session(w, 0, leaves);
			session_detach(w->hub[0], s);
			session_end(w->hub[0], s, "socket end", false);
			session_end(w->hub[0], find_session(w, 0, kicked), "booted", true);
		}
		(void)hub_turn_end(w->hub[0], &next);
		w->now += 1000; /* it is tried in vain */
	}
	fill_disk(false);
	w->told[0] = '\0';
	begin(w, 0);
	settle(w, 0);
	assert_string_equal(w->told, "disconnect(socket end) disconnect(socket end) ");
	begin(w, 0);
	assert_int_equal(session_find(w->hub[0], slice_of(leaves), &s), SESSION_UNKNOWN);
	assert_int_equal(session_find(w->hub[0], slice_of(kicked), &s), SESSION_UNKNOWN);
	assert_int_equal(session_find(w->hub[0], slice_of(stays), &s), SESSION_LIVE);
	settle(w, 0);
	assert_string_equal(k[0].got, "1:: ");
	/* once */
	w->now += 1000;
	begin(w, 0);
	settle(w, 0);
	assert_string_equal(w->told, "disconnect(socket end) disconnect(socket end) ");
}

/* The process only reads, then a turn fails: what it had read and handed on does not come again. */
static void
a_turn_that_fails_hands_nothing_on_twice(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink stream, other;
	int64_t next;

	handshake(w, 0, a);
	handshake(w, 1, b);
	open_stream(w, 0, a, &stream);
	open_stream(w, 1, b, &other);
	post(w, 1, b, "3:::all");
	wake(w, 0);
	assert_string_equal(stream.got, "1:: 3:::all ");
	transaction_fail(begin(w, 0));
	assert_int_equal(hub_turn_end(w->hub[0], &next), -1);
	wake(w, 0);
	assert_string_equal(stream.got, "1:: 3:::all ");
}

/* Memory has a membership then, or misses one, that the store does not. */
static void
a_turn_that_fails_ends_streams_that_joined_or_left_in_it(void **state)
{
	struct world *w = *state;
	static const char *const commands[] = {"3:::join", "3:::leave", "1::/chat", "0::/chat"};
	char sid[STORE_SID_SIZE];
	struct sink stream;
	int64_t next;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		handshake(w, 0, sid);
		open_stream(w, 0, sid, &stream);
		if (i % 2 == 1)
			post(w, 0, sid, commands[i - 1]);
		assert_null(strstr(stream.got, "FAILED"));
		begin(w, 0);
		receive_packet(w->hub[0], find_session(w, 0, sid), slice_of(commands[i]));
		transaction_fail(w->hub[0]);
		assert_int_equal(hub_turn_end(w->hub[0], &next), -1);
		assert_non_null(strstr(stream.got, "FAILED"));
	}
}

/* The same for what it had sent itself in an earlier turn. */
static void
a_turn_that_fails_does_not_undo_an_earlier_one(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink stream, poll;
	int64_t next;

	handshake(w, 0, a);
	handshake(w, 1, b);
	open_stream(w, 0, a, &stream);
	poll_once(w, 1, b, &poll);
	post(w, 0, a, "3:::all"); /* logged for the poll elsewhere */
	assert_string_equal(stream.got, "1:: 3:::all ");
	transaction_fail(begin(w, 0));
	assert_int_equal(hub_turn_end(w->hub[0], &next), -1);
	wake(w, 0);
	assert_string_equal(stream.got, "1:: 3:::all ");
}

static void
too_many_bad_packets_end_the_session(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	for (int i = 0; i < 5; i++)
		post(w, 0, sid, "nonsense");
	assert_string_equal(k.got, "1:: ");
	post(w, 0, sid, "nonsense");
	assert_string_equal(k.got, "1:: LOST ");
}

static void
a_queue_that_grows_too_long_ends_the_session(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &k);
	for (int i = 0; i < 101; i++)
		post(w, 1, sid, "3:::me");
	poll_once(w, 0, sid, &k);
	assert_string_equal(k.got, "LOST ");
}

/* --- a log that is too large; log_bytes is 1 MiB ------------------------------------------------
 */

/* Send 1 KiB to the channel, so many times, from process 1. */
static void
flood(struct world *w, int64_t chan, int64_t except_key, int times)
{
	char text[1024];

	memset(text, 'x', sizeof(text));
	memcpy(text, "3:::", 4);
	begin(w, 1);
	for (int i = 0; i < times; i++)
		hub_publish_channel(
		    w->hub[1], chan, except_key, (struct slice){text, sizeof(text)}, false);
	settle(w, 1);
}

static int64_t
room_of_root(void)
{
	return message_log_channel(SLICE(""), SLICE("room"));
}

/* A second passes in both processes. */
static void
second(struct world *w)
{
	w->now += 1000;
	wake(w, 0);
	wake(w, 1);
}

static int64_t
log_size(struct world *w)
{
	struct message_span span;

	assert_int_equal(message_log_span(hub_store(w->hub[0]), &span), 0);
	return span.bytes;
}

static enum session_find_result
look_up(struct world *w, const char *sid)
{
	struct session *s;
	enum session_find_result result;

	begin(w, 0);
	result = session_find(w->hub[0], slice_of(sid), &s);
	settle(w, 0);
	return result;
}

/* A client that did not come for so long that the log could not wait. */
static void
who_has_missed_messages_is_ended_and_not_deceived(void **state)
{
	struct world *w = *state;
	char missed[STORE_SID_SIZE], sees[STORE_SID_SIZE];
	struct sink k, stream;

	handshake(w, 0, missed);
	handshake(w, 0, sees);
	poll_once(w, 0, missed, &k);
	open_stream(w, 0, sees, &stream);
	for (int i = 0; i < 3; i++) {
		flood(w, w->root.chan, 0, 700);
		second(w);
	}
	assert_string_equal(w->told, "connect connect disconnect(queue overflow) ");
	assert_int_equal(look_up(w, missed), SESSION_UNKNOWN);
	assert_int_equal(look_up(w, sees), SESSION_LIVE);
	assert_true(log_size(w) <= 1 << 20);
}

static void
a_session_lives_on_when_what_it_has_not_read_is_not_for_it(void **state)
{
	struct world *w = *state;
	char in[STORE_SID_SIZE], author[STORE_SID_SIZE], left[STORE_SID_SIZE], out[STORE_SID_SIZE];
	char *all[] = {in, author, left, out};
	struct sink k;
	int64_t key = 0;

	for (int i = 0; i < 4; i++) {
		handshake(w, 0, all[i]);
		poll_once(w, 0, all[i], &k);
		if (all[i] != out)
			post(w, 0, all[i], "3:::join");
	}
	post(w, 0, left, "3:::leave");
	begin(w, 0);
	key = session_key(find_session(w, 0, author));
	settle(w, 0);
	w->told[0] = '\0';
	for (int i = 0; i < 3; i++) {
		flood(w, room_of_root(), key, 700);
		second(w);
	}
	assert_string_equal(w->told, "disconnect(queue overflow) ");
	assert_int_equal(look_up(w, in), SESSION_UNKNOWN);
	assert_int_equal(look_up(w, author), SESSION_LIVE);
	assert_int_equal(look_up(w, left), SESSION_LIVE);
	assert_int_equal(look_up(w, out), SESSION_LIVE);
	/* and what was for nobody is not missed */
	poll_once(w, 0, out, &k);
	assert_string_equal(k.got, "");
	post(w, 1, out, "3:::me");
	wake(w, 0);
	assert_string_equal(k.got, "3:::me ");
}

static void
who_left_a_room_and_has_not_collected_what_came_before_ends(void **state)
{
	struct world *w = *state;
	char left[STORE_SID_SIZE];
	struct sink k;

	handshake(w, 0, left);
	poll_once(w, 0, left, &k);
	post(w, 0, left, "3:::join");
	post(w, 0, left, "3:::room"); /* for itself */
	post(w, 0, left, "3:::leave");
	for (int i = 0; i < 3; i++) {
		flood(w, room_of_root(), 0, 700);
		second(w);
	}
	assert_non_null(strstr(w->told, "disconnect(queue overflow) "));
}

/* The handshakes are larger than the log may be, but they are not in the log. */
static void
handshakes_end_no_session(void **state)
{
	struct world *w = *state;
	char polls[STORE_SID_SIZE], sid[STORE_SID_SIZE], text[8192];
	struct sink k;

	handshake(w, 0, polls);
	poll_once(w, 0, polls, &k);
	memset(text, ' ', sizeof(text));
	text[0] = '{';
	memcpy(text + sizeof(text) - 2, "}", 2);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(
		    session_create(begin(w, 1), text, SLICE("127.0.0.2"), sid), SESSION_CREATED);
		settle(w, 1);
	}
	for (int i = 0; i < 3; i++)
		second(w);
	assert_int_equal(look_up(w, polls), SESSION_LIVE);
	assert_int_equal(look_up(w, sid), SESSION_LIVE);
	assert_string_equal(w->told, "connect ");
}

static void
held_polls_do_not_keep_the_log_from_being_trimmed(void **state)
{
	struct world *w = *state;
	char polls[STORE_SID_SIZE], streams[STORE_SID_SIZE];
	struct sink k, stream;

	handshake(w, 0, polls);
	handshake(w, 0, streams);
	poll_once(w, 0, polls, &k);
	poll_once(w, 0, polls, &k);
	open_stream(w, 0, streams, &stream);
	post(w, 0, streams, "3:::join");
	for (int i = 0; i < 8; i++) { /* 2 MiB in all */
		flood(w, room_of_root(), 0, 256);
		second(w);
	}
	second(w);
	assert_true(log_size(w) < 1 << 19);
	assert_false(k.done);
	assert_null(strstr(w->told, "overflow"));
	/* nothing is passed over */
	post(w, 1, polls, "3:::me");
	wake(w, 0);
	assert_string_equal(k.got, "3:::me ");
}

/* It was stopped, say; what its streams have missed cannot be found out. */
static void
a_process_that_missed_rows_ends_its_streams(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], polls[STORE_SID_SIZE];
	struct sink stream, k;
	int64_t key;

	handshake(w, 0, sid);
	open_stream(w, 0, sid, &stream);
	handshake(w, 0, polls);
	poll_once(w, 0, polls, &k);
	begin(w, 0);
	key = session_key(find_session(w, 0, polls));
	settle(w, 0);
	poll_once(w, 0, polls, &k);
	for (int i = 0; i < 3; i++) {
		w->now += 1000;
		flood(w, w->root.chan, key, 700);
	}
	wake(w, 0);
	assert_string_equal(w->told, "connect connect disconnect(queue overflow) ");
	assert_true(stream.done);
	/* the poll has missed nothing that was for it, but comes again */
	assert_string_equal(k.got, "SUPERSEDED ");
	assert_int_equal(look_up(w, polls), SESSION_LIVE);
	assert_int_equal(look_up(w, sid), SESSION_UNKNOWN);
}

static void
a_log_that_is_far_behind_is_read_from_the_store(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink ka, kb;

	handshake(w, 0, a);
	handshake(w, 0, b);
	poll_once(w, 0, a, &ka);
	poll_once(w, 1, b, &kb);
	post(w, 1, a, "3:::me");
	for (int i = 0; i < 50; i++)
		post(w, 1, b, "3:::me");
	for (int i = 0; i < 3; i++) { /* hub 0 holds nobody and skips ahead */
		w->now += 1000;
		begin(w, 0);
		settle(w, 0);
	}
	poll_once(w, 0, a, &ka);
	assert_string_equal(ka.got, "3:::me ");
}

static void
a_replaced_database_ends_what_was_there(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], path[128];
	struct sink k;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &k);
	poll_once(w, 0, sid, &k);
	snprintf(path, sizeof(path), "%s/pollux.db", w->folder);
	assert_int_equal(unlink(path), 0);
	w->now += 2000;
	begin(w, 0);
	settle(w, 0);
	assert_string_equal(k.got, "LOST ");
	handshake(w, 0, sid);
	w->now += 2000;
	begin(w, 1);
	settle(w, 1);
	poll_once(w, 1, sid, &k);
	assert_string_equal(k.got, "1:: ");
}

static void
an_older_poll_cannot_take_messages_of_a_newer_one(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink old, fresh;

	handshake(w, 0, sid);
	poll_once(w, 0, sid, &old);
	poll_once(w, 0, sid, &old);
	poll_once(w, 1, sid, &fresh);
	/* process 0 has not looked yet when a message comes by itself */
	post(w, 0, sid, "3:::me");
	assert_string_equal(old.got, "SUPERSEDED ");
	wake(w, 1);
	assert_string_equal(fresh.got, "3:::me ");
}

/* --- users ---------------------------------------------------------------------------------------
 */

/* A session that has this user from its handshake on. */
static void
handshake_as(struct world *w, int i, const char *user, char sid[STORE_SID_SIZE])
{
	handshake(w, i, sid);
	begin(w, i);
	assert_int_equal(
	    quota_set_user(w->hub[i], sid_key((struct slice){sid, SID_LENGTH}), slice_of(user)), 0);
	settle(w, i);
}

static void
change_user(struct world *w, int i, const char *sid, const char *user)
{
	begin(w, i);
	assert_int_equal(quota_set_user(w->hub[i], session_key(find_session(w, i, sid)),
			     user == NULL ? (struct slice){NULL, 0} : slice_of(user)),
	    0);
	settle(w, i);
}

static void
end_session(struct world *w, int i, const char *sid)
{
	begin(w, i);
	session_end(w->hub[i], find_session(w, i, sid), "booted", true);
	settle(w, i);
}

static void
told(struct world *w, const char *expected)
{
	assert_string_equal(w->told, expected);
	w->told[0] = '\0';
}

static void
a_user_comes_with_the_first_session_and_goes_with_the_last(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE], none[STORE_SID_SIZE];
	struct sink ka, kb, kn;
	struct hub *h;

	handshake_as(w, 0, "42", a);
	handshake_as(w, 0, "42", b);
	told(w, ""); /* neither has connected */
	handshake(w, 0, none);
	open_stream(w, 0, none, &kn);
	told(w, "connect ");
	/* both in one turn: the first one counts */
	h = begin(w, 0);
	ka = kb = (struct sink){.done = false};
	assert_int_equal(
	    session_attach(h, find_session(w, 0, a), TRANSPORT_WEBSOCKET, true, &ops, &ka), 0);
	assert_int_equal(
	    session_attach(h, find_session(w, 0, b), TRANSPORT_XHR_POLLING, false, &ops, &kb), 0);
	settle(w, 0);
	told(w, "+42 connect connect ");
	/* another process ends one of them, then the other one */
	end_session(w, 1, a);
	told(w, "disconnect(booted) ");
	wake(w, 0);
	end_session(w, 1, b);
	told(w, "disconnect(booted) -42 ");
}

static void
a_session_that_changes_its_user_is_the_end_of_one_and_the_beginning_of_another(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink ka, kb;

	handshake_as(w, 0, "42", a);
	open_stream(w, 0, a, &ka);
	handshake(w, 1, b);
	open_stream(w, 1, b, &kb);
	told(w, "+42 connect connect ");
	change_user(w, 1, b, "42");
	told(w, "");
	change_user(w, 1, b, "43");
	told(w, "+43 ");
	change_user(w, 1, b, "43");
	told(w, "");
	change_user(w, 0, a, "43");
	told(w, "-42 ");
	change_user(w, 1, b, NULL);
	told(w, "");
	change_user(w, 0, a, "44");
	told(w, "-43 +44 ");
	change_user(w, 0, a, NULL);
	told(w, "-44 ");
}

static void
the_user_of_a_process_that_was_killed_goes(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE];
	struct sink stream, poll;

	handshake_as(w, 0, "42", a);
	handshake_as(w, 0, "42", b);
	open_stream(w, 0, a, &stream);
	poll_once(w, 0, b, &poll);
	poll_once(w, 0, b, &poll);
	hub_close(w->hub[0]);
	w->hub[0] = open_hub(w);
	assert_non_null(w->hub[0]);
	w->now += 90000; /* the poll's client does not come back */
	begin(w, 1);
	settle(w, 1);
	assert_string_equal(strstr(w->told, "disconnect"),
	    strstr(w->told, "end) disc") != NULL
		? "disconnect(socket end) disconnect(close timeout) -42 "
		: "disconnect(close timeout) disconnect(socket end) -42 ");
}

static void
what_happens_without_an_application_is_told_by_a_process_that_has_one(void **state)
{
	struct world *w = *state;
	struct hub_options o = {
	    .kind = 1,
	    .folder = w->folder,
	    .app = {.arg = w, .find = find},
	    HUB_LIMITS,
	    .no_app = true,
	};
	struct hub *guest = hub_open(&o);
	char a[STORE_SID_SIZE];
	struct sink k;
	int64_t next;

	assert_non_null(guest);
	handshake_as(w, 0, "42", a);
	open_stream(w, 0, a, &k);
	told(w, "+42 connect ");
	hub_turn_begin(guest, w->now);
	assert_int_equal(
	    quota_set_user(guest, sid_key((struct slice){a, SID_LENGTH}), SLICE("43")), 0);
	assert_int_equal(hub_turn_end(guest, &next), 0);
	told(w, "");
	wake(w, 1);
	wake(w, 1);
	told(w, "-42 +43 ");
	hub_close(guest);
}

/* --- mail ----------------------------------------------------------------------------------------
 */

static void
mail(struct world *w, int i, const char *user, const char *ns, const char *packet)
{
	bool kept;

	begin(w, i);
	assert_int_equal(
	    mail_keep(w->hub[i], slice_of(user), slice_of(ns), slice_of(packet), 3600, &kept), 0);
	assert_true(kept);
	settle(w, i);
}

static void
the_first_session_of_a_user_gets_the_mail_before_anything_else(void **state)
{
	struct world *w = *state;
	char a[STORE_SID_SIZE], b[STORE_SID_SIZE], c[STORE_SID_SIZE];
	struct sink ka, kb, kc;

	mail(w, 0, "42", "", "3:::one");
	mail(w, 1, "42", "", "3:::two");
	mail(w, 0, "42", "/chat", "3::/chat:three");
	mail(w, 0, "43", "", "3:::other");
	handshake_as(w, 0, "42", a);
	handshake_as(w, 0, "42", b);
	handshake(w, 0, c);
	open_stream(w, 0, c, &kc);
	assert_string_equal(kc.got, "1:: ");
	/* the connect handler says "me" to everyone who connects, and is done with them */
	w->turns_away = true;
	poll_once(w, 1, a, &ka);
	assert_string_equal(ka.got, "1:: 3:::one 3:::two 3:::me 0:: ");
	w->turns_away = false;
	open_stream(w, 0, b, &kb);
	assert_string_equal(kb.got, "1:: ");
	begin(w, 0);
	receive_packet(w->hub[0], find_session(w, 0, b), SLICE("1::/chat"));
	settle(w, 0);
	assert_string_equal(kb.got, "1:: 1::/chat 3::/chat:three ");
}

static void
a_poll_that_is_lost_gets_its_mail_again(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	mail(w, 0, "42", "", "3:::one");
	handshake_as(w, 0, "42", sid);
	poll_once(w, 0, sid, &k);
	assert_string_equal(k.got, "1:: 3:::one ");
	begin(w, 0);
	session_undelivered(w->hub[0], k.key, k.gen);
	settle(w, 0);
	poll_once(w, 1, sid, &k);
	assert_string_equal(k.got, "1:: 3:::one ");
	poll_once(w, 0, sid, &k);
	assert_string_equal(k.got, "");
}

/* The client comes back, to this machine or another, and is told 1:: only until then. */
static void
who_comes_while_the_machine_is_drained_is_no_user_and_leaves_the_mail(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;

	mail(w, 0, "42", "", "3:::one");
	assert_int_equal(drain_start(w->hub[0], 20), 0);
	handshake_as(w, 0, "42", sid);
	open_stream(w, 0, sid, &k);
	pass_time(w, 4000);
	assert_string_equal(k.got, "1:: MOVED ");
	assert_null(strstr(w->told, "42"));
	assert_int_equal(drain_stop(w->hub[0]), 0);
	handshake_as(w, 0, "42", sid);
	open_stream(w, 0, sid, &k);
	assert_string_equal(k.got, "1:: 3:::one ");
}

static void
a_session_that_becomes_a_users_gets_the_mail(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE], poll[STORE_SID_SIZE];
	struct sink k, kp;

	mail(w, 0, "42", "", "3:::one");
	mail(w, 0, "42", "/chat", "3::/chat:two");
	handshake(w, 0, sid);
	open_stream(w, 0, sid, &k);
	begin(w, 0);
	receive_packet(w->hub[0], find_session(w, 0, sid), SLICE("1::/chat"));
	settle(w, 0);
	k.got[0] = '\0';
	change_user(w, 1, sid, "42"); /* by another process */
	wake(w, 0);
	assert_true(strcmp(k.got, "3:::one 3::/chat:two ") == 0 ||
		    strcmp(k.got, "3::/chat:two 3:::one ") == 0);
	/* one whose first transport is yet to come */
	mail(w, 0, "43", "", "3:::three");
	handshake_as(w, 1, "43", poll);
	poll_once(w, 0, poll, &kp);
	assert_string_equal(kp.got, "1:: 3:::three ");
}

static void
mail_of_a_turn_that_fails_is_still_there(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k = {.done = false};
	struct hub *h;
	int64_t next;

	mail(w, 0, "42", "", "3:::one");
	handshake_as(w, 0, "42", sid);
	h = begin(w, 0);
	assert_int_equal(
	    session_attach(h, find_session(w, 0, sid), TRANSPORT_XHR_POLLING, false, &ops, &k), 0);
	transaction_fail(h);
	assert_int_equal(hub_turn_end(h, &next), -1);
	assert_string_equal(k.got, "FAILED ");
	poll_once(w, 1, sid, &k);
	assert_string_equal(k.got, "1:: 3:::one ");
}

static void
mail_is_kept_no_longer_than_the_setting_allows(void **state)
{
	struct world *w = *state;
	struct store *st = hub_store(w->hub[0]);

	mail(w, 0, "42", "", "3:::one"); /* an hour, but a minute is allowed */
	begin(w, 0);
	assert_int_equal(transaction_open(w->hub[0]), 0);
	assert_int_equal(mailbox_is_old(st, clock_wall_ms() + 50000), 0);
	assert_int_equal(mailbox_is_old(st, clock_wall_ms() + 70000), 1);
	settle(w, 0);
}

static void
a_full_mailbox_drops_its_oldest_and_time_ends_it(void **state)
{
	struct world *w = *state;
	char sid[STORE_SID_SIZE];
	struct sink k;
	struct store *st = hub_store(w->hub[0]);
	int64_t messages, bytes;

	for (int i = 0; i < 6; i++) {
		char text[] = "3:::0";

		text[4] = (char)('0' + i);
		mail(w, 0, "42", "", text);
	}
	handshake_as(w, 0, "42", sid);
	poll_once(w, 0, sid, &k);
	assert_string_equal(k.got, "1:: 3:::2 3:::3 3:::4 3:::5 ");
	mail(w, 0, "43", "", "3:::late");
	change_database(w->folder, "UPDATE mailbox SET until = 5");
	w->now += 5000;
	begin(w, 1);
	settle(w, 1);
	begin(w, 0);
	assert_int_equal(transaction_open(w->hub[0]), 0);
	assert_int_equal(mailbox_total(st, &messages, &bytes), 0);
	assert_true(messages == 0 && bytes == 0);
	settle(w, 0);
}

static void
a_mailbox_is_half_a_queue_at_most(void **state)
{
	struct world *w = *state;
	struct hub_options options = {
	    HUB_LIMITS, .early_packets = 3, .early_bytes = 60, .early_timeout_ms = 5000};
	char sid[STORE_SID_SIZE];
	struct sink k;

	options.queue_packets = 5;
	hub_reload(w->hub[0], &options);
	mail(w, 0, "42", "", "3:::one");
	mail(w, 0, "42", "", "3:::two");
	mail(w, 0, "42", "", "3:::three");
	handshake_as(w, 0, "42", sid);
	open_stream(w, 0, sid, &k);
	assert_string_equal(k.got, "1:: 3:::two 3:::three ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(first_poll_connects_and_is_answered_at_once),
	    TEST(a_refused_handshake_makes_no_session),
	    TEST(a_message_reaches_a_poll_held_by_another_process),
	    TEST(a_poll_that_comes_back_ends_the_one_between),
	    TEST(what_comes_between_polls_waits),
	    TEST(a_response_that_was_not_written_comes_again),
	    TEST(a_poll_that_is_repeated_gets_the_same_again),
	    TEST(a_new_poll_ends_the_older_one_wherever_it_is),
	    TEST(streams_talk_to_polls_and_back),
	    TEST(streams_of_one_process_need_no_log),
	    TEST(a_room_joined_by_a_post_elsewhere_is_heard_by_the_held_poll),
	    TEST(a_room_is_left_while_others_are_joined_elsewhere),
	    TEST(each_of_many_rooms_is_heard_until_it_is_left),
	    TEST(a_room_joined_in_two_processes_at_once_is_joined_once),
	    TEST(volatile_is_only_for_those_who_listen),
	    TEST(a_namespace_has_its_own_life),
	    TEST(an_endpoint_with_a_query_keeps_its_spelling),
	    TEST(packets_for_a_namespace_that_is_joined_later_wait),
	    TEST(packets_for_a_namespace_that_is_not_joined_are_dropped),
	    TEST(disconnect_is_told_once_and_remembered),
	    TEST(the_last_response_has_what_was_sent_before_the_end),
	    TEST(a_session_that_moves_is_told_so_after_what_was_sent),
	    TEST(a_drain_ends_so_many_in_a_second_and_begins_none),
	    TEST(a_process_that_cannot_read_the_drain_file_changes_nothing),
	    TEST(a_stream_gets_what_a_poll_did_not_fetch_before_the_end),
	    TEST(what_was_sent_between_polls_comes_before_the_end),
	    TEST(who_is_turned_away_by_the_connection_event_reads_why),
	    TEST(a_long_queue_is_read_to_the_end),
	    TEST(who_was_kicked_and_lost_messages_gets_none_of_them),
	    TEST(sessions_end_by_their_deadlines),
	    TEST(a_session_past_its_deadline_is_found_no_more),
	    TEST(streams_of_a_process_that_is_replaced_have_ended),
	    TEST(a_stream_is_told_of_its_clients_posts_wherever_they_arrive),
	    TEST(a_turn_that_cannot_be_committed_is_taken_back),
	    TEST(a_turn_that_fails_takes_back_what_streams_were_sent_by_it),
	    TEST(a_stream_is_taken_back_what_it_was_sent_through_the_log),
	    TEST(an_end_that_cannot_be_written_is_tried_again),
	    TEST(processes_share_the_rounds_of_maintenance),
	    TEST(a_turn_that_fails_hands_nothing_on_twice),
	    TEST(a_turn_that_fails_does_not_undo_an_earlier_one),
	    TEST(a_turn_that_fails_ends_streams_that_joined_or_left_in_it),
	    TEST(too_many_bad_packets_end_the_session),
	    TEST(a_queue_that_grows_too_long_ends_the_session),
	    TEST(who_has_missed_messages_is_ended_and_not_deceived),
	    TEST(a_session_lives_on_when_what_it_has_not_read_is_not_for_it),
	    TEST(who_left_a_room_and_has_not_collected_what_came_before_ends),
	    TEST(handshakes_end_no_session),
	    TEST(held_polls_do_not_keep_the_log_from_being_trimmed),
	    TEST(a_process_that_missed_rows_ends_its_streams),
	    TEST(a_log_that_is_far_behind_is_read_from_the_store),
	    TEST(a_replaced_database_ends_what_was_there),
	    TEST(an_older_poll_cannot_take_messages_of_a_newer_one),
	    TEST(a_user_comes_with_the_first_session_and_goes_with_the_last),
	    TEST(a_session_that_changes_its_user_is_the_end_of_one_and_the_beginning_of_another),
	    TEST(the_user_of_a_process_that_was_killed_goes),
	    TEST(what_happens_without_an_application_is_told_by_a_process_that_has_one),
	    TEST(the_first_session_of_a_user_gets_the_mail_before_anything_else),
	    TEST(a_poll_that_is_lost_gets_its_mail_again),
	    TEST(who_comes_while_the_machine_is_drained_is_no_user_and_leaves_the_mail),
	    TEST(a_session_that_becomes_a_users_gets_the_mail),
	    TEST(mail_of_a_turn_that_fails_is_still_there),
	    TEST(mail_is_kept_no_longer_than_the_setting_allows),
	    TEST(a_full_mailbox_drops_its_oldest_and_time_ends_it),
	    TEST(a_mailbox_is_half_a_queue_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
