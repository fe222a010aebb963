/* The hub of a node in a cluster: what it tells other nodes, and what becomes of sessions that live
 * there.  The test plays pollux-linkd: it reads the rows of link_out and writes what is known of
 * others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/hub/session_remote.h"
#include "shared/hub/user_presence.h"
#include "shared/link/frame.h"
#include "shared/link/pack.h"
#include "shared/store/link_out.h"
#include "shared/store/message_log.h"
#include "shared/store/remote.h"
#include "shared/store/session_data.h"
#include "shared/store/slots.h"
#include "shared/store/subscription.h"
#include "shared/wire/sid.h"
#include "tests/unit/folder.h"
#include "tests/unit/limits.h"

#define OURS   7
#define THEIRS 9

struct node {
	char folder[64];
	struct hub_ns root;
	struct hub *hub;
	struct slots *slots;
	int64_t now;
	char told[512];  /* the application: one word per event */
	char heard[512]; /* hub_options.linked */
	int asked_for_ticks;
};

static struct hub_ns *
find_root(void *arg, struct slice name)
{
	struct node *node = arg;

	return name.n == 0 ? &node->root : NULL;
}

static int
accept_all(void *arg, const char *handshake)
{
	(void)arg;
	(void)handshake;
	return 0;
}

static void
note_connected(void *arg, struct hub_ns *ns, struct session *s, struct slice query)
{
	struct node *node = arg;

	(void)ns;
	(void)s;
	(void)query;
	strncat(node->told, "connect ", sizeof(node->told) - strlen(node->told) - 1);
}

static void
note_disconnected(void *arg, struct hub_ns *ns, struct session *s, const char *reason)
{
	struct node *node = arg;
	size_t n = strlen(node->told);

	(void)ns;
	(void)s;
	snprintf(node->told + n, sizeof(node->told) - n, "disconnect(%s) ", reason);
}

static void
note_user(void *arg, int64_t key, struct slice user, bool arrives)
{
	struct node *node = arg;
	size_t n = strlen(node->told);

	(void)key;
	snprintf(node->told + n, sizeof(node->told) - n, "%c%.*s ", arrives ? '+' : '-',
	    (int)user.n, user.p);
}

/* Nothing is ever due. */
static bool
count_tick(void *arg, int64_t *next_ms)
{
	struct node *node = arg;

	node->asked_for_ticks++;
	*next_ms = INT64_MAX;
	return false;
}

static void
note_linked(void *arg, unsigned char kind, struct slice body)
{
	struct node *node = arg;
	size_t n = strlen(node->heard);

	snprintf(node->heard + n, sizeof(node->heard) - n, "%c:%.*s ", kind, (int)body.n,
	    slice_text(body));
}

static int
open_node(void **state)
{
	struct node *node = calloc(1, sizeof(*node));
	struct hub_options o = {
	    HUB_LIMITS,
	    .kind = 1,
	    .cluster = true,
	    .link_bytes = 4096,
	    .link_timeout_ms = 10000,
	    .linked = note_linked,
	    .linked_arg = node,
	    .app = {.arg = node,
		.find = find_root,
		.authorize = accept_all,
		.connected = note_connected,
		.disconnected = note_disconnected,
		.user_changed = note_user,
		.tick = count_tick},
	};

	snprintf(node->folder, sizeof(node->folder), "/tmp/pollux-test.XXXXXX");
	assert_non_null(mkdtemp(node->folder));
	node->root = (struct hub_ns){
	    .name = SLICE(""), .chan = message_log_channel(SLICE(""), (struct slice){NULL, 0})};
	o.folder = node->folder;
	node->hub = hub_open(&o);
	assert_non_null(node->hub);
	node->slots = store_slots(hub_store(node->hub));
	node->now = 1000000;
	slots_link_set_number(node->slots, OURS);
	*state = node;
	return 0;
}

static int
close_node(void **state)
{
	struct node *node = *state;

	hub_close(node->hub);
	delete_folder(node->folder);
	free(node);
	return 0;
}

/* Open a turn with its transaction. */
static void
begin(struct node *node)
{
	hub_turn_begin(node->hub, node->now += 10);
	assert_int_equal(transaction_open(node->hub), 0);
}

static void
finish(struct node *node)
{
	int64_t next;

	assert_int_equal(hub_turn_end(node->hub, &next), 0);
}

/* --- what leaves ---------------------------------------------------------------------------- */

struct rows {
	char text[4096];
	int64_t last;
};

static void
describe_presence(char *out, size_t size, struct slice body)
{
	struct link_presence p;
	bool failed;

	while (frame_unpack_presence(&body, &p, &failed)) {
		size_t n = strlen(out);

		snprintf(out + n, size - n, "%c%.*s%s%.*s,", p.what, (int)p.room.n,
		    slice_text(p.room), p.value.p == NULL ? "" : "=", (int)p.value.n,
		    slice_text(p.value));
	}
	assert_false(failed);
}

/* "P-1[cj] C-1[3:::hi] S9[..] X9[jroom]" */
static bool
describe_row(void *arg, const struct link_row *row)
{
	struct rows *rows = arg;
	struct link_message m;
	struct link_command c;
	size_t n = strlen(rows->text);

	snprintf(rows->text + n, sizeof(rows->text) - n, "%c%d[", row->kind, row->node);
	n = strlen(rows->text);
	switch (row->kind) {
	case LINK_PRESENCE:
		describe_presence(rows->text, sizeof(rows->text), row->body);
		break;
	case LINK_CHANNEL:
	case LINK_SEND:
		assert_true(frame_unpack_message(row->body, &m));
		snprintf(rows->text + n, sizeof(rows->text) - n, "%.*s/%zu", (int)m.packet.n,
		    m.packet.p, m.except.n / 8);
		break;
	case LINK_COMMAND:
		assert_true(frame_unpack_command(row->body, &c));
		snprintf(rows->text + n, sizeof(rows->text) - n, "%c%.*s%.*s", c.what,
		    (int)c.name.n, slice_text(c.name), (int)c.text.n, slice_text(c.text));
		break;
	}
	n = strlen(rows->text);
	snprintf(rows->text + n, sizeof(rows->text) - n, "] ");
	rows->last = row->id;
	return true;
}

/* What has left since the last call. */
static void
assert_left(struct node *node, const char *expected)
{
	struct rows rows = {.text = ""};

	assert_int_not_equal(link_out_list(hub_store(node->hub), 0, 1000, describe_row, &rows), -1);
	assert_string_equal(rows.text, expected);
	begin(node);
	assert_int_equal(link_out_delete(hub_store(node->hub), rows.last), 0);
	finish(node);
}

static void
peer_lives(struct node *node, bool lives)
{
	begin(node);
	slots_link_set_lives(node->slots, THEIRS, lives);
	finish(node);
}

static void
sink_nothing(void *sink, struct message *m)
{
	(void)sink;
	(void)m;
}

static void
sink_ends(void *sink, enum sink_end why)
{
	(void)sink;
	(void)why;
}

static const struct sink_ops stream = {.send = sink_nothing, .end = sink_ends};

/* A session of ours on a stream. */
static int64_t
connect_one(struct node *node)
{
	char sid[STORE_SID_SIZE];
	struct session *s;
	static int sink;

	begin(node);
	assert_int_equal(
	    session_create(node->hub, "{\"issued\":5}", SLICE("::1"), sid), SESSION_CREATED);
	assert_int_equal(sid_number(slice_of(sid)), OURS);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_LIVE);
	assert_int_equal(
	    session_attach(node->hub, s, TRANSPORT_WEBSOCKET, true, &stream, &sink), 0);
	finish(node);
	return sid_key(slice_of(sid));
}

static struct session *
look_up(struct node *node, int64_t key)
{
	struct session *s;

	assert_int_equal(session_find_key(node->hub, key, &s), SESSION_LIVE);
	return s;
}

static void
alone_nothing_leaves(void **state)
{
	struct node *node = *state;
	int64_t key = connect_one(node);

	begin(node);
	membership_join(node->hub, look_up(node, key), &node->root, SLICE("room"));
	hub_publish_channel(node->hub, node->root.chan, 0, SLICE("3:::hi"), false);
	finish(node);
	assert_left(node, "");
}

static void
others_are_told_of_sessions(void **state)
{
	struct node *node = *state;
	int64_t key;

	peer_lives(node, true);
	key = connect_one(node);
	assert_left(node, "P-1[c,j,] ");
	begin(node);
	quota_set_value(node->hub, key, SLICE("nick"), SLICE("\"bob\""));
	quota_set_user(node->hub, key, SLICE("42"));
	membership_join(node->hub, look_up(node, key), &node->root, SLICE("room"));
	membership_leave(node->hub, look_up(node, key), &node->root, SLICE("room"));
	quota_delete_value(node->hub, key, SLICE("nick"));
	finish(node);
	assert_left(node, "P-1[vnick=\"bob\",u,jroom,lroom,vnick,] ");
	begin(node);
	session_end(node->hub, look_up(node, key), "booted", true);
	finish(node);
	assert_left(node, "P-1[e,] ");
}

static void
a_turn_that_fails_tells_nothing(void **state)
{
	struct node *node = *state;
	int64_t key, next;

	peer_lives(node, true);
	key = connect_one(node);
	assert_left(node, "P-1[c,j,] ");
	begin(node);
	quota_set_user(node->hub, key, SLICE("42"));
	transaction_fail(node->hub);
	assert_int_equal(hub_turn_end(node->hub, &next), -1);
	assert_left(node, "");
}

static void
publish_to_room(struct node *node)
{
	int64_t except[2] = {1, 2};

	begin(node);
	hub_publish_except(node->hub, message_log_channel(SLICE(""), SLICE("room")), except, 2,
	    SLICE("3:::hi"), false);
	finish(node);
}

static void
messages_leave_for_rooms_of_others_and_new_rooms(void **state)
{
	struct node *node = *state;
	int64_t chan = message_log_channel(SLICE(""), SLICE("room"));

	int64_t key = connect_one(node);

	peer_lives(node, true);
	/* it has no members here, and may have one there that is not known yet */
	publish_to_room(node);
	assert_left(node, "C-1[3:::hi/2] ");
	/* the same if another process here may listen, which is said too often */
	filter_add(slots_waiting(node->slots), chan);
	publish_to_room(node);
	assert_left(node, "C-1[3:::hi/2] ");
	/* somebody joins here: another may join there, and that is not known yet */
	begin(node);
	membership_join(node->hub, look_up(node, key), &node->root, SLICE("room"));
	finish(node);
	assert_left(node, "P-1[jroom,] ");
	publish_to_room(node);
	assert_left(node, "C-1[3:::hi/2] ");
	slots_link_rotate_young(node->slots);
	publish_to_room(node);
	assert_left(node, "C-1[3:::hi/2] ");
	slots_link_rotate_young(node->slots);
	publish_to_room(node);
	assert_left(node, "");
	filter_wide_add(slots_link_remote(node->slots), chan);
	publish_to_room(node);
	assert_left(node, "C-1[3:::hi/2] ");
	/* what another node has sent goes no further */
	begin(node);
	hub_publish_here(node->hub, chan, NULL, 0, SLICE("3:::theirs"), false);
	finish(node);
	assert_left(node, "");
	peer_lives(node, false);
	publish_to_room(node);
	assert_left(node, "");
}

/* --- sessions that live elsewhere ----------------------------------------------------------- */

/* Make a remote session in the room "den"; its secret id goes to `sid`. */
static int64_t
know_remote(struct node *node, char sid[STORE_SID_SIZE])
{
	struct store *st = hub_store(node->hub);
	struct subscription sub = {.until = INT64_MAX, .ns = SLICE("")};
	int64_t key;

	assert_int_equal(sid_generate(sid), 0);
	sid_set_number(sid, THEIRS);
	key = sid_key(slice_of(sid));
	begin(node);
	assert_int_equal(remote_put(st, &(struct remote_session){.key = key,
					    .home = THEIRS,
					    .transport = TRANSPORT_WEBSOCKET,
					    .user = SLICE("42"),
					    .issued = 5}),
	    0);
	sub.chan = node->root.chan;
	assert_int_equal(subscription_add(st, key, &sub), 0);
	sub.room = SLICE("den");
	sub.chan = message_log_channel(SLICE(""), sub.room);
	assert_int_equal(subscription_add(st, key, &sub), 0);
	finish(node);
	return key;
}

static void
what_is_done_to_remote_sessions_goes_home(void **state)
{
	struct node *node = *state;
	char sid[STORE_SID_SIZE];
	int64_t key = know_remote(node, sid);
	struct session *s;

	assert_int_equal(sid_key_number(key), THEIRS);
	peer_lives(node, true);
	begin(node);
	s = look_up(node, key);
	assert_true(session_is_remote(s));
	assert_true(membership_hears(s, &node->root));
	hub_publish_session(node->hub, s, SLICE("3:::hi"), false);
	membership_join(node->hub, s, &node->root, SLICE("room"));
	/* known to be in it only when its home has told us */
	hub_publish_channel(
	    node->hub, message_log_channel(SLICE(""), SLICE("room")), 0, SLICE("3:::r"), false);
	membership_leave(node->hub, s, &node->root, SLICE("den"));
	quota_set_value(node->hub, key, SLICE("nick"), SLICE("1"));
	quota_delete_value(node->hub, key, SLICE("nick"));
	quota_set_user(node->hub, key, SLICE("43"));
	quota_set_timer(
	    node->hub, key, &(struct quota_timer){SLICE(""), SLICE("turn"), SLICE("7"), 500});
	quota_drop_timer(node->hub, key, SLICE(""), SLICE("turn"));
	membership_kick(node->hub, s, &node->root, "booted");
	session_end(node->hub, s, "booted", true);
	session_end(node->hub, s, "booted", true);
	finish(node);
	assert_left(node,
	    "S9[3:::hi/0] X9[jroom] C-1[3:::r/0] X9[lden] X9[vnick1] X9[dnick] X9[u43] "
	    "X9[aturn] X9[cturn] X9[kbooted] X9[ebooted] ");
	assert_string_equal(node->told, "");
}

/* --- ticks ---------------------------------------------------------------------------------- */

static bool
has_ticks(struct node *node)
{
	node->asked_for_ticks = 0;
	begin(node);
	finish(node);
	return node->asked_for_ticks > 0;
}

static void
the_lowest_living_node_ticks(void **state)
{
	struct node *node = *state;

	/* it knows nothing of the others yet */
	slots_link_set_beat(node->slots, node->now);
	assert_false(has_ticks(node));
	slots_link_set_knows_all(node->slots, true);
	assert_true(has_ticks(node));
	/* a node that comes and goes is no reason to stop, unless it comes before this one */
	slots_link_set_knows_all(node->slots, false);
	peer_lives(node, true);
	assert_true(has_ticks(node));
	slots_link_set_lives(node->slots, 1, true);
	assert_false(has_ticks(node));
	slots_link_set_lives(node->slots, 1, false);
	assert_false(has_ticks(node));
	slots_link_set_knows_all(node->slots, true);
	assert_true(has_ticks(node));
	/* the others may take it for dead */
	node->now += 9000;
	assert_true(has_ticks(node));
	node->now += 1000;
	assert_false(has_ticks(node));
	slots_link_set_beat(node->slots, node->now);
	assert_true(has_ticks(node));
	slots_link_set_number(node->slots, LINK_NOBODY);
	assert_false(has_ticks(node));
}

static void
a_node_that_dies_takes_its_sessions(void **state)
{
	struct node *node = *state;
	char sid[STORE_SID_SIZE];
	int64_t told = know_remote(node, sid), silent = know_remote(node, sid);
	struct session *s;

	begin(node);
	assert_int_equal(session_remote_lose(node->hub, told, true, "node lost"), 0);
	assert_int_equal(session_remote_lose(node->hub, silent, false, "node lost"), 0);
	assert_int_equal(session_find_key(node->hub, told, &s), SESSION_UNKNOWN);
	assert_int_equal(session_find_key(node->hub, silent, &s), SESSION_UNKNOWN);
	finish(node);
	assert_string_equal(node->told, "disconnect(node lost) ");
	/* the last one of the user */
	node->told[0] = '\0';
	told = know_remote(node, sid);
	begin(node);
	assert_int_equal(session_remote_lose(node->hub, told, true, "node lost"), 0);
	finish(node);
	assert_string_equal(node->told, "disconnect(node lost) -42 ");
}

/* Its home tells that the remote session has ended, and whether the user was told to be gone. */
static void
hear_end(struct node *node, int64_t key, bool told)
{
	begin(node);
	session_remote_forget(node->hub, key);
	assert_int_equal(remote_end(hub_store(node->hub), key, 0), 0);
	user_presence_heard(node->hub, key, SLICE("42"), told);
	finish(node);
}

static int64_t
connect_user(struct node *node)
{
	int64_t key = connect_one(node);

	begin(node);
	quota_set_user(node->hub, key, SLICE("42"));
	finish(node);
	return key;
}

static void
told(struct node *node, const char *expected)
{
	assert_string_equal(node->told, expected);
	node->told[0] = '\0';
}

static void
users_come_and_go_across_nodes(void **state)
{
	struct node *node = *state;
	char sid[STORE_SID_SIZE];
	int64_t theirs = know_remote(node, sid), ours = connect_user(node);

	peer_lives(node, true);
	told(node, "connect "); /* the user is there already */
	hear_end(node, theirs, false);
	told(node, "");
	begin(node);
	session_end(node->hub, look_up(node, ours), "booted", false);
	finish(node);
	told(node, "disconnect(booted) -42 ");
	/* the other way round: their node tells */
	theirs = know_remote(node, sid);
	ours = connect_user(node);
	begin(node);
	session_end(node->hub, look_up(node, ours), "booted", false);
	finish(node);
	hear_end(node, theirs, true);
	told(node, "connect disconnect(booted) ");
}

static void
nodes_that_decide_at_the_same_time_correct_each_other(void **state)
{
	struct node *node = *state;
	char sid[STORE_SID_SIZE];
	int64_t theirs = know_remote(node, sid), ours = connect_user(node);

	/* both end, each where the other is still known: the lowest node tells, which is ours */
	peer_lives(node, true);
	begin(node);
	session_end(node->hub, look_up(node, ours), "booted", false);
	finish(node);
	told(node, "connect disconnect(booted) ");
	hear_end(node, theirs, false);
	told(node, "-42 ");
	/* now it is not */
	theirs = know_remote(node, sid);
	begin(node);
	slots_link_set_lives(node->slots, 1, true);
	finish(node);
	hear_end(node, theirs, false);
	told(node, "");
	/* theirs ends, and its node tells so, while ours comes */
	theirs = know_remote(node, sid);
	(void)connect_user(node);
	told(node, "connect ");
	hear_end(node, theirs, true);
	told(node, "+42 ");
	/* a node is lost, and its user is here */
	theirs = know_remote(node, sid);
	begin(node);
	assert_int_equal(session_remote_lose(node->hub, theirs, true, "node lost"), 0);
	finish(node);
	told(node, "disconnect(node lost) ");
}

static void
what_is_posted_to_a_session_of_a_node_that_died_is_not_taken(void **state)
{
	struct node *node = *state;
	struct remote_session r = {.home = THEIRS, .transport = TRANSPORT_HTMLFILE};
	char sid[STORE_SID_SIZE];
	struct session *s;

	/* handshaken here, but its transport opened there */
	assert_int_equal(sid_generate(sid), 0);
	sid_set_number(sid, OURS);
	r.key = sid_key(slice_of(sid));
	begin(node);
	slots_link_set_knows_all(node->slots, true);
	slots_link_set_beat(node->slots, node->now);
	assert_true(link_rules_out(node->hub, slice_of(sid)));
	assert_int_equal(remote_put(hub_store(node->hub), &r), 0);
	assert_int_equal(session_remote_lose(node->hub, r.key, false, "node lost"), 0);
	finish(node);
	begin(node);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_ELSEWHERE);
	assert_false(link_rules_out(node->hub, slice_of(sid)));
	finish(node);
	/* when the node is back it can be asked itself */
	peer_lives(node, true);
	begin(node);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_ELSEWHERE);
	assert_true(link_rules_out(node->hub, slice_of(sid)));
	finish(node);
}

static void
a_node_that_was_taken_for_dead_begins_anew(void **state)
{
	struct node *node = *state;
	char sid[STORE_SID_SIZE];
	int64_t ours = connect_one(node), theirs = know_remote(node, sid);
	struct session *s;

	begin(node);
	assert_int_equal(session_remote_begin_anew(node->hub), 0);
	finish(node);
	/* nothing that a client sends is handled any more */
	begin(node);
	assert_int_equal(hub_held(node->hub), 0);
	assert_int_equal(session_find_key(node->hub, ours, &s), SESSION_UNKNOWN);
	assert_int_equal(session_find_key(node->hub, theirs, &s), SESSION_LIVE);
	finish(node);
	assert_string_equal(node->told, "connect ");
}

static void
requests_are_for_the_home_or_the_maker(void **state)
{
	struct node *node = *state;
	char sid[STORE_SID_SIZE];
	int64_t key = know_remote(node, sid);
	struct session *s;
	struct link_place place;

	begin(node);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_ELSEWHERE);
	place = link_place_of(node->hub, slice_of(sid));
	assert_int_equal(place.node, THEIRS);
	assert_true(place.is_certain);
	finish(node);
	/* it has ended there: still its home knows what its client is to be told, for a while */
	begin(node);
	assert_int_equal(remote_end(hub_store(node->hub), key, node->now + 1000), 0);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_ELSEWHERE);
	assert_int_equal(session_find_key(node->hub, key, &s), SESSION_UNKNOWN);
	finish(node);
	node->now += 2000;
	begin(node);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_UNKNOWN);
	finish(node);
	/* an id that nobody has told us of */
	assert_int_equal(sid_generate(sid), 0);
	sid_set_number(sid, THEIRS);
	begin(node);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_UNKNOWN);
	finish(node);
	peer_lives(node, true);
	begin(node);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_ELSEWHERE);
	assert_false(link_place_of(node->hub, slice_of(sid)).is_certain);
	sid_set_number(sid, OURS);
	assert_int_equal(session_find(node->hub, slice_of(sid), &s), SESSION_UNKNOWN);
	finish(node);
}

static void
what_is_not_known_is_ruled_out_by_who_knows_all(void **state)
{
	struct node *node = *state;
	char sid[STORE_SID_SIZE];

	assert_int_equal(sid_generate(sid), 0);
	sid_set_number(sid, THEIRS);
	begin(node);
	slots_link_set_beat(node->slots, node->now);
	assert_false(link_rules_out(node->hub, slice_of(sid)));
	slots_link_set_knows_all(node->slots, true);
	assert_true(link_rules_out(node->hub, slice_of(sid)));
	finish(node);
	/* without Redis it is not told of new ones; and a node that has died may have had it */
	node->now += 20000;
	begin(node);
	assert_false(link_rules_out(node->hub, slice_of(sid)));
	slots_link_set_beat(node->slots, node->now);
	assert_true(link_rules_out(node->hub, slice_of(sid)));
	slots_link_set_lives(node->slots, THEIRS, true);
	slots_link_set_lives(node->slots, THEIRS, false);
	assert_false(link_rules_out(node->hub, slice_of(sid)));
	finish(node);
}

static void
living_nodes_are_walked(void **state)
{
	static const int numbers[] = {0, 63, 64, 4095};
	struct node *node = *state;
	int at = -1;

	begin(node);
	assert_int_equal(slots_link_next(node->slots, 0), -1);
	for (size_t i = 0; i < 4; i++)
		slots_link_set_lives(node->slots, numbers[i], true);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(at = slots_link_next(node->slots, at + 1), numbers[i]);
	assert_int_equal(slots_link_next(node->slots, at + 1), -1);
	finish(node);
}

static void
a_session_moves_with_all_it_has(void **state)
{
	struct node *node = *state;
	struct hub *h = node->hub;
	struct link_found f = {.slot = 3, .id = 4}, got;
	struct buf texts = {.p = NULL}, body = {.p = NULL};
	char sid[STORE_SID_SIZE], *value;
	struct session *s;
	int64_t key;

	begin(node);
	assert_int_equal(session_create(h, "{\"issued\":5}", SLICE("::1"), sid), SESSION_CREATED);
	key = sid_key(slice_of(sid));
	quota_set_user(h, key, SLICE("42"));
	quota_set_value(h, key, SLICE("nick"), SLICE("\"bob\""));
	s = look_up(node, key);
	assert_int_equal(session_remote_give(h, s, THEIRS, &f, &texts), 0);
	assert_int_equal(session_remote_give(h, s, THEIRS, &f, &texts), -EBUSY);
	assert_int_equal(session_find(h, slice_of(sid), &s), SESSION_ELSEWHERE);
	finish(node);
	begin(node);
	assert_int_equal(session_find(h, slice_of(sid), &s), SESSION_ELSEWHERE);
	finish(node);

	frame_pack_found(&body, &f);
	assert_true(frame_unpack_found(buf_slice(&body), &got));
	assert_int_equal(got.verdict, LINK_MOVED);
	begin(node);
	assert_int_equal(session_remote_adopt(h, &got), 0);
	assert_int_equal(session_find(h, slice_of(sid), &s), SESSION_LIVE);
	assert_false(session_is_remote(s));
	assert_false(session_is_connected(s));
	finish(node);
	value = session_data_get(hub_store(h), key, SLICE("nick"));
	assert_string_equal(value, "\"bob\"");
	free(value);
	value = session_row_user(hub_store(h), key);
	assert_string_equal(value, "42");
	free(value);
	buf_free(&texts);
	buf_free(&body);
}

/* --- within the node ------------------------------------------------------------------------ */

static void
processes_hear_what_is_for_them(void **state)
{
	struct node *node = *state;
	int own = slots_own(node->slots);

	link_await(node->hub, 1);
	begin(node);
	link_notify(node->hub, own, LINK_FOUND, SLICE("one"));
	link_notify(node->hub, own + 1, LINK_FOUND, SLICE("another's"));
	link_notify(node->hub, -1, LINK_LOST, SLICE("all"));
	finish(node);
	/* our own rows are not read again; those of a process that came before us are */
	link_hear(node->hub);
	assert_string_equal(node->heard, "");
}

static void
what_waits_for_others_is_bounded(void **state)
{
	struct node *node = *state;
	struct link_span span;
	char body[1000] = "";

	peer_lives(node, true);
	begin(node);
	for (int i = 0; i < 20; i++)
		link_tell(node->hub, THEIRS, LINK_PIECE, (struct slice){body, sizeof(body)});
	finish(node);
	/* the chores of the next second */
	node->now += 2000;
	begin(node);
	finish(node);
	assert_int_equal(link_out_span(hub_store(node->hub), &span), 0);
	assert_in_range(span.rows, 1, 4);
	assert_int_equal(
	    slots_link_counter(node->slots, LINK_COUNT_DROPPED), 20 - (uint64_t)span.rows);
	assert_true(span.newest > 0);
	begin(node);
	link_out_delete(hub_store(node->hub), span.newest);
	finish(node);
	assert_int_equal(link_out_span(hub_store(node->hub), &span), 0);
	assert_true(span.rows == 0 && span.newest == 0 && span.bytes == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(living_nodes_are_walked, open_node, close_node),
	    cmocka_unit_test_setup_teardown(
		what_is_not_known_is_ruled_out_by_who_knows_all, open_node, close_node),
	    cmocka_unit_test_setup_teardown(
		a_node_that_was_taken_for_dead_begins_anew, open_node, close_node),
	    cmocka_unit_test_setup_teardown(alone_nothing_leaves, open_node, close_node),
	    cmocka_unit_test_setup_teardown(others_are_told_of_sessions, open_node, close_node),
	    cmocka_unit_test_setup_teardown(a_turn_that_fails_tells_nothing, open_node, close_node),
	    cmocka_unit_test_setup_teardown(
		messages_leave_for_rooms_of_others_and_new_rooms, open_node, close_node),
	    cmocka_unit_test_setup_teardown(
		what_is_done_to_remote_sessions_goes_home, open_node, close_node),
	    cmocka_unit_test_setup_teardown(the_lowest_living_node_ticks, open_node, close_node),
	    cmocka_unit_test_setup_teardown(
		a_node_that_dies_takes_its_sessions, open_node, close_node),
	    cmocka_unit_test_setup_teardown(users_come_and_go_across_nodes, open_node, close_node),
	    cmocka_unit_test_setup_teardown(
		nodes_that_decide_at_the_same_time_correct_each_other, open_node, close_node),
	    cmocka_unit_test_setup_teardown(
		what_is_posted_to_a_session_of_a_node_that_died_is_not_taken, open_node,
		close_node),
	    cmocka_unit_test_setup_teardown(
		requests_are_for_the_home_or_the_maker, open_node, close_node),
	    cmocka_unit_test_setup_teardown(a_session_moves_with_all_it_has, open_node, close_node),
	    cmocka_unit_test_setup_teardown(processes_hear_what_is_for_them, open_node, close_node),
	    cmocka_unit_test_setup_teardown(
		what_waits_for_others_is_bounded, open_node, close_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
