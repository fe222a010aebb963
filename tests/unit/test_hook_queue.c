/* The queue of the web hook: shares, what is sent alone, what is tried again and put aside. */
#include "tests/unit/damage.h"
#include "tests/unit/hookapp.h"

#include <poll.h>

#include <sqlite3.h>

#include "shared/hook/batch.h"
#include "shared/hook/lanes.h"
#include "shared/store/hook_listing.h"
#include "shared/store/session_data.h"
#include "shared/store/slots.h"

static void
test_full_queue(void **state)
{
	struct fixture *f = *state;
	char sid[STORE_SID_SIZE];
	struct rows rows;

	f->cfg.hook_queue_events = 3;
	receive_packet(f->hub, session(f), SLICE("3:::a"));
	receive_packet(f->hub, session(f), SLICE("3:::b"));
	receive_packet(f->hub, session(f), SLICE("3:::c"));
	rows = rows_of(f); /* connect a b disconnect */
	assert_int_equal(rows.n, 4);
	assert_string_equal(f->client.sink.got, "1:: LOST ");
	/* those who come have not filled it; but there is an end */
	assert_int_equal(session_create(f->hub, "{}", SLICE("127.0.0.1"), sid), SESSION_CREATED);
	slots_set_hook(store_slots(hub_store(f->hub)), 6, 0);
	assert_int_equal(session_create(f->hub, "{}", SLICE("127.0.0.1"), sid), SESSION_BUSY);
}

static void
test_share_of(void **state)
{
	(void)state;
	assert_int_equal(share_of(100000, 1000, 8, 0), 1000);
	assert_int_equal(share_of(100000, 1000, 8, 92000), 1000);
	assert_int_equal(share_of(100000, 1000, 8, 96000), 500);
	assert_int_equal(share_of(100000, 1000, 8, 99999), 8);
	assert_int_equal(share_of(100000, 1000, 8, 300000), 8);
	/* however many take all that they may, there is room for one more */
	for (int64_t used = 0, n = 0; n < 5000; n++) {
		assert_true(used < 100000);
		used += share_of(100000, 1000, 8, used) > 8 ? share_of(100000, 1000, 8, used) : 0;
	}
}

/* Send n messages as the client; return the rows there are then. */
static int64_t
send_messages(struct fixture *f, int n)
{
	int64_t events, bytes;

	while (n-- > 0)
		receive_packet(f->hub, session(f), SLICE("3:::x"));
	assert_int_equal(hook_queue_count(hub_store(f->hub), f->key, &events, &bytes), 0);
	assert_int_equal(bytes > 0, events > 0);
	return events;
}

static void
test_shares(void **state)
{
	struct fixture *f = *state;
	struct session *s;

	f->cfg.hook_session_events = 10;
	f->cfg.hook_max_in_flight = 0; /* nothing is delivered */
	assert_int_equal(send_messages(f, 8), 9);
	assert_false(application_slows(f->app, f->key));
	/* what comes in one turn is taken, and slows the client */
	assert_int_equal(send_messages(f, 10), 19);
	assert_true(application_slows(f->app, f->key));
	turn(f);
	assert_true(application_slows(f->app, f->key));
	assert_int_equal(
	    slots_slowed(store_slots(hub_store(f->hub)), slots_own(store_slots(hub_store(f->hub)))),
	    1);
	/* for two seconds, if its transport cannot be paused */
	f->now += 2100;
	hub_turn_begin(f->hub, f->now);
	turn(f);
	assert_false(application_slows(f->app, f->key));
	/* one that goes on is ended when it has twice its share */
	assert_int_equal(send_messages(f, 1), 20);
	assert_int_equal(session_find_key(f->hub, f->key, &s), SESSION_LIVE);
	receive_packet(f->hub, s, SLICE("3:::x"));
	assert_true(session_is_over(s));
	assert_false(application_slows(f->app, f->key));
	assert_string_equal(f->client.sink.got, "1:: LOST ");
}

/* Joining and leaving, over and over, when only the latter is reported. */
static void
test_leaving_has_a_share(void **state)
{
	struct fixture *f = *state;
	struct session *s;
	int64_t n = 0;

	snprintf(f->cfg.hook_events, sizeof(f->cfg.hook_events), "disconnect");
	f->cfg.hook_session_events = 5;
	f->cfg.hook_max_in_flight = 0;
	for (; n < 100 && session_find_key(f->hub, f->key, &s) == SESSION_LIVE; n++) {
		receive_packet(f->hub, s, SLICE("1::/chat"));
		receive_packet(f->hub, s, SLICE("0::/chat"));
		assert_int_equal(application_slows(f->app, f->key), n >= 3 && !session_is_over(s));
		turn(f);
	}
	assert_int_equal(n, 10); /* connect, nine of leaving, and the end */
	assert_int_equal(rows_of(f).n, 11);
}

static void
test_full_queue_spares_others(void **state)
{
	struct fixture *f = *state;
	struct slots *slots = store_slots(hub_store(f->hub));

	f->cfg.hook_max_in_flight = 0;
	turn(f);
	slots_set_hook(slots, (int64_t)f->cfg.hook_queue_events, 0); /* of other sessions */
	assert_int_equal(send_messages(f, 3), 4);
	assert_false(application_slows(f->app, f->key));
	assert_int_equal(send_messages(f, 3), 7);
	assert_false(session_is_over(session(f)));
}

/* Lanes that another leader has left: an event that is sent alone waits for the one before it. */
static void
test_alone_after_another_leader(void **state)
{
	struct fixture *f = *state;
	struct store *st = hub_store(f->hub);
	struct lanes lanes = {.hook = NULL};
	struct rows rows;
	struct batch *b;

	send_messages(f, 3);
	rows = rows_of(f); /* connect and three */
	assert_int_equal(rows.n, 4);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(
		    hook_queue_retry(st, rows.at[i].id,
			&(struct hook_retry){
			    .batch = -rows.at[i].id, .attempts = 2, .failed = 1, .due = 7}),
		    0);
	lanes_init(&lanes, f->hook);
	assert_int_equal(lanes_load(&lanes), 0);
	b = batch_fill(&lanes, &lanes.ready_queue, HOOK_BATCH);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->id, rows.at[0].id);
	lanes_forget(&lanes);
	/* without the first, the second is on its way, and the third waits for it */
	assert_int_equal(hook_queue_done(st, rows.at[0].id), 0);
	assert_int_equal(lanes_load(&lanes), 0);
	assert_true(TAILQ_EMPTY(&lanes.ready_queue));
	b = TAILQ_FIRST(&lanes.batches);
	assert_int_equal(b->id, -rows.at[1].id);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->attempts, 2);
	assert_int_equal(b->failed, 1);
	/* and when it is delivered, the third goes alone, too, and then the fourth */
	b->fate[0] = BATCH_GONE;
	batch_settle(b, true);
	for (size_t i = 2; i < 4; i++) {
		b = batch_fill(&lanes, &lanes.ready_queue, HOOK_BATCH);
		assert_int_equal(b->n, 1);
		assert_int_equal(b->id, i == 2 ? -rows.at[i].id : rows.at[i].id);
		b->fate[0] = BATCH_GONE;
		batch_settle(b, true);
	}
	assert_int_equal(lanes.events, 0);
	lanes_forget(&lanes);
}

/* An event must not be sent without its user and data, nor before one that could not be read. */
static void
test_rows_that_cannot_be_read(void **state)
{
	static const char *const hide[] = {"ALTER TABLE data RENAME TO data_away",
	    "ALTER TABLE hook_ended RENAME TO hook_ended_away"};
	static const char *const show[] = {"ALTER TABLE data_away RENAME TO data",
	    "ALTER TABLE hook_ended_away RENAME TO hook_ended"};
	struct fixture *f = *state;
	struct lanes lanes = {.hook = NULL};
	struct batch *b;
	int64_t next;

	session_data_set(hub_store(f->hub), f->key, SLICE("nick"), SLICE("1"), 1000);
	send_messages(f, 3);
	assert_int_equal(hub_turn_end(f->hub, &next), 0);
	lanes_init(&lanes, f->hook);
	for (size_t i = 0; i < sizeof(hide) / sizeof(hide[0]); i++) {
		assert_int_equal(lanes_load(&lanes), 0);
		change_database(f->folder, hide[i]);
		assert_null(batch_fill(&lanes, &lanes.ready_queue, HOOK_BATCH));
		assert_true(lanes.stale);
		assert_true(lanes.stale_until > f->now);
		change_database(f->folder, show[i]);
		lanes_forget(&lanes);
	}
	assert_int_equal(lanes_load(&lanes), 0);
	b = batch_fill(&lanes, &lanes.ready_queue, HOOK_BATCH);
	assert_int_equal(b->n, 4);
	assert_false(lanes.stale);
	lanes_forget(&lanes);
}

/* Turns until no request is under way. */
static void
until_idle(struct fixture *f)
{
	struct pollfd pfd = {.fd = application_fd(f->app), .events = POLLIN};

	turn(f);
	while (application_is_busy(f->app)) {
		assert_true(poll(&pfd, 1, 20) >= 0);
		turn(f);
	}
	turn(f);
}

static void
read_text(const struct fixture *f, const char *query, char text[256])
{
	char path[128];
	sqlite3 *db;
	sqlite3_stmt *q;

	snprintf(path, sizeof(path), "%s/pollux.db", f->folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	snprintf(text, 256, "%s", (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	sqlite3_close(db);
}

/* What the table of events that could not be delivered has: "COUNT LAST_ERROR". */
static void
read_dead_events(const struct fixture *f, char text[256])
{
	read_text(f, "SELECT count(*) || ' ' || max(error) FROM hook_dead", text);
}

/* What is left of a session that has ended goes with the last of its events, dropped by hand. */
static void
test_dropped_by_hand(void **state)
{
	static const char left[] = "SELECT (SELECT count(*) FROM data) || ' ' ||"
				   " (SELECT count(*) FROM hook_ended)";
	struct fixture *f = *state;
	struct store *st = hub_store(f->hub);
	struct rows rows;
	char text[256];
	int64_t next;

	assert_int_equal(session_data_set(st, f->key, SLICE("nick"), SLICE("1"), 1000), STORE_OK);
	session_end(f->hub, session(f), "booted", true);
	assert_int_equal(hub_turn_end(f->hub, &next), 0);
	read_text(f, left, text);
	assert_string_equal(text, "1 1");
	hub_turn_begin(f->hub, f->now);
	rows = rows_of(f);
	assert_int_equal(transaction_open(f->hub), 0);
	for (size_t i = 0; i < rows.n; i++)
		assert_int_equal(hook_listing_drop(st, rows.at[i].id, rows.at[i].key), 0);
	assert_int_equal(hub_turn_end(f->hub, &next), 0);
	read_text(f, left, text);
	assert_string_equal(text, "0 0");
}

static void
test_retries(void **state)
{
	struct fixture *f = *state;
	struct rows rows;
	int64_t id, next;
	char dead[256];
	int attempts = 0;

	f->cfg.hook_retry_for_ms = 60000;
	until_idle(f);
	rows = rows_of(f);
	assert_int_equal(rows.n, 1);
	id = rows.at[0].id;
	while (rows.n == 1) {
		assert_int_equal(rows.at[0].batch, id);
		assert_int_equal(rows.at[0].attempts, ++attempts);
		assert_true(rows.at[0].due > f->now);
		next = turn(f);
		assert_true(next > f->now && next <= rows.at[0].due + 5000);
		receive_packet(f->hub, session(f), SLICE("2::")); /* it lives on */
		f->now = rows.at[0].due + 5000; /* a tripped breaker waits as well */
		hub_turn_begin(f->hub, f->now);
		until_idle(f);
		rows = rows_of(f);
	}
	assert_true(attempts >= 4 && attempts <= 7);
	assert_true(f->now - 1000000 <= 120000);
	read_dead_events(f, dead);
	assert_memory_equal(dead, "1 Failed to connect", 19);
}

static void
put_aside(struct fixture *f, struct slice body)
{
	struct store *st = hub_store(f->hub);
	struct hook_row row = {.key = 1, .ns = SLICE(""), .body = SLICE("{}")};

	assert_int_equal(transaction_open(f->hub), 0);
	assert_int_equal(hook_queue_add(st, &row), 0);
	assert_int_equal(hook_queue_dead_letter(st, row.id, body, "no"), 0);
}

static void
test_dead_letters_are_bounded(void **state)
{
	struct fixture *f = *state;
	char *large = calloc(1, 9 << 20), dead[256];
	int64_t next;

	assert_non_null(large);
	memset(large, 'x', 9 << 20);
	for (int i = 0; i < 1003; i++)
		put_aside(f, SLICE("{}"));
	assert_int_equal(hub_turn_end(f->hub, &next), 0);
	read_dead_events(f, dead);
	assert_string_equal(dead, "1000 no");
	/* two of these are too much: the older one goes, and all before it */
	hub_turn_begin(f->hub, f->now);
	for (int i = 0; i < 2; i++)
		put_aside(f, (struct slice){large, 9 << 20});
	assert_int_equal(hub_turn_end(f->hub, &next), 0);
	read_dead_events(f, dead);
	assert_string_equal(dead, "1 no");
	free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_rows_that_cannot_be_read, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(
		test_dead_letters_are_bounded, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(test_full_queue, open_fixture, close_fixture),
	    cmocka_unit_test(test_share_of),
	    cmocka_unit_test_setup_teardown(test_shares, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(test_leaving_has_a_share, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(
		test_full_queue_spares_others, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(
		test_alone_after_another_leader, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(test_dropped_by_hand, open_fixture, close_fixture),
	    cmocka_unit_test_setup_teardown(test_retries, open_fixture, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
