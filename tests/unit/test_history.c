/* Room history: two hubs of one process on one folder, as two processes share it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/room_list.h"
#include "shared/hub/history.h"
#include "shared/hub/hub.h"
#include "shared/store/message_log.h"
#include "shared/store/room_history.h"
#include "shared/store/store.h"
#include "tests/unit/folder.h"
#include "tests/unit/limits.h"

struct world {
	char folder[64];
	struct hub_ns root;
	struct hub_options options;
	struct hub *hub[2];
	int64_t now;
};

static struct hub_ns *
find_root(void *arg, struct slice name)
{
	struct world *w = arg;

	return name.n == 0 ? &w->root : NULL;
}

static int
accept_all(void *arg, const char *handshake)
{
	(void)arg;
	(void)handshake;
	return 0;
}

static void
ignore_connected(void *arg, struct hub_ns *ns, struct session *s, struct slice query)
{
	(void)arg;
	(void)ns;
	(void)s;
	(void)query;
}

static void
ignore_disconnected(void *arg, struct hub_ns *ns, struct session *s, const char *reason)
{
	(void)arg;
	(void)ns;
	(void)s;
	(void)reason;
}

/* --- clients -------------------------------------------------------------------------------- */

struct client {
	char sid[STORE_SID_SIZE];
	int64_t key;
	char got[65536]; /* the data of messages, a blank behind each */
};

static void
add_message(void *sink, struct message *m)
{
	struct client *c = sink;
	size_t n = strlen(c->got);

	if (m->n > 4 && memcmp(m->text, "3:::", 4) == 0)
		snprintf(c->got + n, sizeof(c->got) - n, "%.*s ", (int)m->n - 4, m->text + 4);
}

static void
add_messages(void *sink, struct message *const *messages, size_t n, int64_t key, int64_t gen)
{
	(void)key;
	(void)gen;
	for (size_t i = 0; i < n; i++)
		add_message(sink, messages[i]);
}

static void
ignore_end(void *sink, enum sink_end why)
{
	(void)sink;
	(void)why;
}

static const struct sink_ops client_ops = {
    .send = add_message, .deliver = add_messages, .end = ignore_end};

static struct hub *
begin(struct world *w, int i)
{
	hub_turn_begin(w->hub[i], w->now);
	return w->hub[i];
}

static void
settle(struct world *w, int i)
{
	int64_t next;

	assert_int_equal(hub_turn_end(w->hub[i], &next), 0);
}

static void
wake(struct world *w, int i)
{
	hub_turn_wake(begin(w, i));
	settle(w, i);
}

static struct session *
look_up(struct world *w, int i, const struct client *c)
{
	struct session *s = NULL;

	assert_int_equal(session_find(w->hub[i], slice_of(c->sid), &s), SESSION_LIVE);
	return s;
}

static void
attach(struct world *w, int i, struct client *c, bool streams)
{
	struct hub *h = begin(w, i);

	assert_int_equal(
	    session_attach(h, look_up(w, i, c),
		streams ? TRANSPORT_WEBSOCKET : TRANSPORT_XHR_POLLING, streams, &client_ops, c),
	    0);
	settle(w, i);
}

static void
open_client(struct world *w, int i, struct client *c, bool streams)
{
	memset(c, 0, sizeof(*c));
	assert_int_equal(
	    session_create(begin(w, i), "{}", SLICE("127.0.0.1"), c->sid), SESSION_CREATED);
	c->key = session_key(look_up(w, i, c));
	settle(w, i);
	attach(w, i, c, streams);
}

/* Join by process `i`, without a look at the result. */
static void
join(struct world *w, int i, const struct client *c, const char *room, int history)
{
	struct hub *h = begin(w, i);

	assert_int_equal(
	    membership_join_history(h, look_up(w, i, c), &w->root, slice_of(room), history), 0);
	settle(w, i);
	wake(w, 1 - i);
}

static void
leave(struct world *w, int i, const struct client *c, const char *room)
{
	struct hub *h = begin(w, i);

	assert_int_equal(membership_leave(h, look_up(w, i, c), &w->root, slice_of(room)), 0);
	settle(w, i);
	wake(w, 1 - i);
}

/* As target_send() does, in an open turn. */
static void
publish(struct world *w, int i, const char *room, const char *text, const int64_t *except, size_t n,
    bool is_volatile)
{
	int64_t chan = message_log_channel(SLICE(""), slice_of(room));
	char packet[32768];

	snprintf(packet, sizeof(packet), "3:::%s", text);
	assert_int_not_equal(history_note(w->hub[i], SLICE(""), slice_of(room), chan, 0, NULL), -1);
	assert_int_equal(
	    hub_publish_except(w->hub[i], chan, except, n, slice_of(packet), is_volatile), 0);
}

static void
say(struct world *w, int i, const char *room, const char *text)
{
	begin(w, i);
	publish(w, i, room, text, NULL, 0, false);
	settle(w, i);
	wake(w, 1 - i);
}

/* What somebody who joins now gets. */
static void
history_is(struct world *w, const char *room, int history, const char *expected)
{
	struct client c;

	open_client(w, 1, &c, true);
	join(w, 1, &c, room, history);
	assert_string_equal(c.got, expected);
	session_end(begin(w, 1), look_up(w, 1, &c), "booted", true);
	settle(w, 1);
}

static void
open_hubs(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		w->hub[i] = hub_open(&w->options);
		assert_non_null(w->hub[i]);
	}
}

static void
reload(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		hub_reload(w->hub[i], &w->options);
		/* chores, twice: the second time the change is seen to be done */
		for (int k = 0; k < 3; k++) {
			w->now += 3000;
			begin(w, i);
			settle(w, i);
		}
	}
}

static void
close_hubs(struct world *w)
{
	for (int i = 0; i < 2; i++)
		hub_close(w->hub[i]);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->folder, sizeof(w->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	w->root =
	    (struct hub_ns){SLICE(""), message_log_channel(SLICE(""), (struct slice){NULL, 0})};
	w->now = 1000000;
	w->options = (struct hub_options){
	    HUB_LIMITS,
	    .kind = 1,
	    .folder = w->folder,
	    .app = {.arg = w,
		.find = find_root,
		.authorize = accept_all,
		.connected = ignore_connected,
		.disconnected = ignore_disconnected},
	    .history = "kept.*,3,five,5",
	};
	open_hubs(w);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	close_hubs(w);
	delete_folder(w->folder);
	free(w);
	return 0;
}

/* --- the tests ------------------------------------------------------------------------------ */

static void
names_are_matched_by_the_first_pattern_that_fits(void **state)
{
	static const char list[] =
	    "chat.*,20,/game:lobby,50,/game:den.*,7,off,0,room:*,5,/odd,9,*,10";
	static const struct {
		const char *ns, *room;
		unsigned n;
	} rows[] = {
	    {"", "chat.a", 20},
	    {"/game", "chat.a", 20},
	    {"", "chat", 10},
	    {"/game", "lobby", 50},
	    {"", "lobby", 10},
	    {"/game", "den.1", 7},
	    {"/game", "off", 0},
	    {"", "room:5", 5},
	    {"", "/odd", 9},
	    {"", "", 10},
	};
	static const struct {
		const char *list, *wrong;
	} bad[] = {{"a", "a"}, {"a,b", "b"}, {"a,1,b", "b"}, {"a,10001", "10001"}, {"a,-1", "-1"}};
	struct slice wrong;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
		    room_list_find(list, slice_of(rows[i].ns), slice_of(rows[i].room)), rows[i].n);
	assert_int_equal(room_list_find("", SLICE(""), SLICE("a")), 0);
	assert_true(room_list_is_valid(slice_of(list), &wrong));
	assert_true(room_list_is_valid(SLICE(""), &wrong));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(room_list_is_valid(slice_of(bad[i].list), &wrong));
		assert_true(slice_is(wrong, bad[i].wrong));
	}
}

static void
the_last_messages_come_with_the_join(void **state)
{
	struct world *w = *state;

	/* nobody is in the room */
	for (int i = 0; i < 5; i++)
		say(w, i % 2, "kept.1", (const char *[]){"a", "b", "c", "d", "e"}[i]);
	begin(w, 0);
	publish(w, 0, "kept.1", "volatile", NULL, 0, true);
	settle(w, 0);
	history_is(w, "kept.1", -1, "c d e ");
	history_is(w, "kept.1", 2, "d e ");
	history_is(w, "kept.1", 0, "");
	history_is(w, "kept.2", -1, "");
	say(w, 0, "other", "x");
	history_is(w, "other", -1, "");
}

static void
a_join_that_asks_has_the_room_kept_from_then_on(void **state)
{
	struct world *w = *state;

	say(w, 0, "den", "before");
	history_is(w, "den", 2, "");
	for (int i = 0; i < 4; i++)
		say(w, i % 2, "den", (const char *[]){"a", "b", "c", "d"}[i]);
	history_is(w, "den", 2, "c d ");
	history_is(w, "den", 1, "d ");
	/* it was two that were asked for, and is four from now on */
	history_is(w, "den", 4, "c d ");
	say(w, 0, "den", "e");
	say(w, 0, "den", "f");
	history_is(w, "den", 4, "c d e f ");
	/* who does not ask gets none */
	history_is(w, "den", -1, "");
}

static void
who_is_in_the_room_and_who_was_left_out_get_nothing(void **state)
{
	struct world *w = *state;
	struct client c, d;
	int64_t except[2];

	open_client(w, 0, &c, true);
	open_client(w, 0, &d, true);
	except[0] = d.key;
	except[1] = c.key;
	say(w, 0, "five", "a");
	begin(w, 0);
	publish(w, 0, "five", "one", except, 1, false);
	publish(w, 0, "five", "two", except, 2, false);
	publish(w, 0, "five", "none", NULL, 0, false);
	settle(w, 0);
	join(w, 0, &c, "five", -1);
	assert_string_equal(c.got, "a one none ");
	join(w, 1, &d, "five", -1);
	assert_string_equal(d.got, "a none ");
	join(w, 0, &c, "five", 5);
	join(w, 1, &c, "five", 5);
	assert_string_equal(c.got, "a one none ");
	/* a new stay begins with the history, too */
	leave(w, 0, &c, "five");
	join(w, 0, &c, "five", 1);
	assert_string_equal(c.got, "a one none none ");
}

/* A message comes by the history or by the room, wherever and however the client is, joins, and is
 * sent to. */
static void
nothing_is_lost_or_doubled_while_others_speak(void **state)
{
	struct world *w = *state;

	for (int kind = 0; kind < 16; kind++) {
		bool streams = (kind & 1) != 0, waits = (kind & 2) != 0;
		int by = kind >> 2 & 1, from = kind >> 3 & 1;
		char room[32], text[8], want[128] = "";
		struct client c, other;
		struct hub *h;

		snprintf(room, sizeof(room), "kept.%d", kind);
		/* who is in the room has the message go through the log */
		open_client(w, 1, &other, true);
		join(w, 1, &other, room, 0);
		open_client(w, 0, &c, streams);
		if (!streams && waits)
			attach(w, 0, &c, false);
		for (int i = 0; i < 9; i++) {
			snprintf(text, sizeof(text), "%d", i);
			h = begin(w, from);
			publish(w, from, room, text, NULL, 0, false);
			if (i == 4 && by == from)
				/* in the same transaction, between two */
				assert_int_equal(membership_join_history(h, look_up(w, from, &c),
						     &w->root, slice_of(room), -1),
				    0);
			snprintf(text, sizeof(text), "%d'", i);
			publish(w, from, room, text, NULL, 0, false);
			settle(w, from);
			if (i == 4 && by != from) {
				/* the other process has not read of it yet */
				h = begin(w, by);
				assert_int_equal(membership_join_history(h, look_up(w, by, &c),
						     &w->root, slice_of(room), -1),
				    0);
				settle(w, by);
			}
		}
		strcat(want, by == from ? "3 3' 4 4' " : "3' 4 4' ");
		for (int i = 5; i < 9; i++)
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "%d %d' ", i, i);
		wake(w, 0);
		wake(w, 1);
		for (int i = 0; !streams && i < 3; i++)
			attach(w, 0, &c, false);
		assert_string_equal(c.got, want);
		assert_int_equal(strlen(other.got), 9 * 5);
	}
}

/* A poll that is sent more than its queue holds would be the end of its session, each time it comes
 * back. */
static void
a_history_fits_in_the_queue_of_who_joins(void **state)
{
	struct world *w = *state;
	static char text[1024];
	struct client c;

	w->options.history = "*,50";
	w->options.queue_packets = 20;
	w->options.queue_bytes = 3000;
	reload(w);
	memset(text, 'x', 1000);
	for (int i = 0; i < 30; i++) {
		char number[8];

		snprintf(number, sizeof(number), "%d", i);
		say(w, 0, "many", number);
		say(w, 0, "long", text);
	}
	open_client(w, 0, &c, false);
	join(w, 1, &c, "many", -1);
	attach(w, 0, &c, false);
	attach(w, 0, &c, false);
	assert_string_equal(c.got, "20 21 22 23 24 25 26 27 28 29 ");
	c.got[0] = '\0';
	join(w, 1, &c, "long", -1);
	attach(w, 0, &c, false);
	attach(w, 0, &c, false);
	assert_int_equal(strlen(c.got), 1001);
}

static void
a_room_has_no_more_than_its_limits(void **state)
{
	struct world *w = *state;
	static char text[4096];

	w->options.history = "*,100";
	w->options.history_messages = 4;
	w->options.queue_bytes = 100000;
	reload(w);
	for (int i = 0; i < 6; i++)
		say(w, 0, "a", (const char *[]){"1", "2", "3", "4", "5", "6"}[i]);
	history_is(w, "a", -1, "3 4 5 6 ");
	/* three of them take more than 10,000 bytes */
	memset(text, 'x', 4000);
	for (int i = 0; i < 3; i++) {
		text[0] = (char)('0' + i);
		say(w, 0, "a", text);
	}
	say(w, 0, "a", "end");
	text[0] = '1';
	{
		static char want[16384];

		snprintf(want, sizeof(want), "%s 2%s end ", text, text + 1);
		history_is(w, "a", -1, want);
	}
	/* one that is too long alone drops no other */
	w->options.history_bytes = 1000;
	reload(w);
	say(w, 0, "a", text);
	say(w, 0, "b", "b");
	say(w, 0, "b", text);
	history_is(w, "b", -1, "b ");
}

static void
rooms_used_the_longest_ago_go_when_all_take_too_much(void **state)
{
	struct world *w = *state;
	static char text[1024];
	struct client c;
	char room[16];

	w->options.history = "*,5";
	w->options.history_total_bytes = 3500;
	reload(w);
	memset(text, 'x', 1000);
	open_client(w, 0, &c, true);
	join(w, 0, &c, "r0", 3);
	for (int i = 0; i < 5; i++) {
		snprintf(room, sizeof(room), "r%d", i);
		say(w, 0, room, text);
		usleep(2000); /* times are milliseconds */
	}
	w->now += 3000;
	wake(w, 0);
	history_is(w, "r0", -1, "");
	history_is(w, "r1", -1, "");
	snprintf(text + 1000, sizeof(text) - 1000, " ");
	history_is(w, "r2", -1, text);
	history_is(w, "r4", -1, text);
	/* somebody is in it: it is still kept, even with another configuration */
	w->options.history = "";
	reload(w);
	say(w, 0, "r0", "again");
	history_is(w, "r0", 3, "again ");
	history_is(w, "r2", 3, "");
}

static void
a_room_too_many_takes_the_place_of_one_that_nobody_is_in(void **state)
{
	struct world *w = *state;
	struct client c;

	w->options.history = "*,5";
	w->options.history_rooms = 2;
	reload(w);
	open_client(w, 0, &c, true);
	join(w, 0, &c, "first", -1);
	say(w, 0, "first", "1");
	usleep(2000);
	say(w, 0, "second", "2");
	usleep(2000);
	say(w, 0, "third", "3");
	history_is(w, "first", -1, "1 ");
	history_is(w, "third", -1, "3 ");
	history_is(w, "second", -1, "");
	/* all are in use */
	say(w, 0, "third", "3");
	join(w, 0, &c, "third", 0);
	say(w, 0, "fourth", "4");
	history_is(w, "fourth", -1, "");
	history_is(w, "third", -1, "3 ");
	/* not at once: whether there is a place is looked at once a second */
	leave(w, 0, &c, "first");
	w->now += 1000;
	say(w, 0, "fourth", "4");
	history_is(w, "fourth", -1, "4 ");
	history_is(w, "third", -1, "3 ");
}

static void
the_history_of_a_room_that_nobody_is_in_ends_after_a_time(void **state)
{
	struct world *w = *state;
	struct client c;

	w->options.history_time_ms = 1;
	reload(w);
	open_client(w, 0, &c, true);
	join(w, 0, &c, "kept.used", -1);
	say(w, 0, "kept.used", "a");
	say(w, 0, "kept.unused", "b");
	for (int i = 0; i < 4; i++) {
		usleep(3000);
		w->now += 70000;
		wake(w, i % 2);
	}
	w->options.history_time_ms = 3600000;
	reload(w);
	history_is(w, "kept.used", -1, "a ");
	history_is(w, "kept.unused", -1, "");
}

static void
a_rollback_takes_the_message_back(void **state)
{
	struct world *w = *state;
	int64_t next;

	say(w, 0, "kept.1", "a");
	begin(w, 0);
	publish(w, 0, "kept.1", "b", NULL, 0, false);
	transaction_fail(w->hub[0]);
	assert_int_equal(hub_turn_end(w->hub[0], &next), -1);
	say(w, 0, "kept.1", "c");
	history_is(w, "kept.1", -1, "a c ");
}

/* Have the database belong to an earlier boot, or damage it so that it has rows of messages whose
 * rooms it does not have. */
static void
change_database(struct world *w, const char *sql)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/pollux.db", w->folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
it_outlives_processes_and_the_boot(void **state)
{
	struct world *w = *state;

	say(w, 0, "kept.1", "a");
	history_is(w, "den", 2, "");
	say(w, 1, "kept.1", "b");
	say(w, 1, "den", "c");
	close_hubs(w);
	open_hubs(w);
	history_is(w, "kept.1", -1, "a b ");
	close_hubs(w);
	change_database(w, "UPDATE meta SET v = 'earlier' WHERE k = 'boot'");
	open_hubs(w);
	history_is(w, "kept.1", -1, "a b ");
	history_is(w, "den", 2, "c ");
	say(w, 1, "den", "d");
	history_is(w, "den", 2, "c d ");
	close_hubs(w);
	change_database(w, "UPDATE meta SET v = 'earlier' WHERE k = 'boot';"
			   "DELETE FROM history_room WHERE room = 'den'");
	open_hubs(w);
	history_is(w, "den", 2, "");
	say(w, 0, "den", "e");
	history_is(w, "den", 2, "e ");
	history_is(w, "kept.1", -1, "a b ");
}

/* Nothing is written for it, not even a transaction opened. */
static void
a_room_that_is_not_kept_needs_no_store(void **state)
{
	struct world *w = *state;
	struct client c;
	unsigned opens;

	say(w, 0, "kept.1", "a");
	open_client(w, 0, &c, true);
	join(w, 0, &c, "plain", -1);
	begin(w, 0);
	opens = hub_opens(w->hub[0]);
	publish(w, 0, "plain", "x", NULL, 0, false);
	assert_int_equal(hub_opens(w->hub[0]), opens);
	assert_false(store_in_transaction(hub_store(w->hub[0])));
	publish(w, 0, "kept.1", "b", NULL, 0, false);
	assert_true(store_in_transaction(hub_store(w->hub[0])));
	settle(w, 0);
	assert_string_equal(c.got, "x ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_matched_by_the_first_pattern_that_fits),
	    TEST(the_last_messages_come_with_the_join),
	    TEST(a_join_that_asks_has_the_room_kept_from_then_on),
	    TEST(who_is_in_the_room_and_who_was_left_out_get_nothing),
	    TEST(nothing_is_lost_or_doubled_while_others_speak),
	    TEST(a_history_fits_in_the_queue_of_who_joins),
	    TEST(a_room_has_no_more_than_its_limits),
	    TEST(rooms_used_the_longest_ago_go_when_all_take_too_much),
	    TEST(a_room_too_many_takes_the_place_of_one_that_nobody_is_in),
	    TEST(the_history_of_a_room_that_nobody_is_in_ends_after_a_time),
	    TEST(a_rollback_takes_the_message_back),
	    TEST(it_outlives_processes_and_the_boot),
	    TEST(a_room_that_is_not_kept_needs_no_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
