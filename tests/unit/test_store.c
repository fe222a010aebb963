/* The store by itself: two processes' handles on one folder, and the answers of functions that have
 * more than success and failure.  What the hub makes of them is in test_hub.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/address.h"
#include "shared/store/ack_row.h"
#include "shared/store/action_queue.h"
#include "shared/store/early_packet.h"
#include "shared/store/hook_queue.h"
#include "shared/store/idempotency.h"
#include "shared/store/maintenance.h"
#include "shared/store/message_log.h"
#include "shared/store/session_data.h"
#include "shared/store/session_row.h"
#include "shared/store/slots.h"
#include "shared/store/store.h"
#include "tests/unit/damage.h"
#include "tests/unit/folder.h"

#define KEY 7

struct stores {
	char folder[64];
	struct store *st, *other; /* of two processes */
};

static int
open_stores(void **state)
{
	struct stores *s = calloc(1, sizeof(*s));

	snprintf(s->folder, sizeof(s->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	s->st = store_open(s->folder, "", 1, false);
	s->other = store_open(s->folder, "", 1, false);
	assert_non_null(s->st);
	assert_non_null(s->other);
	assert_int_equal(store_begin(s->st, 1000), 0);
	*state = s;
	return 0;
}

static int
close_stores(void **state)
{
	struct stores *s = *state;

	store_close(s->st);
	store_close(s->other);
	delete_folder(s->folder);
	free(s);
	return 0;
}

static enum store_result
add_unused_session(struct store *st)
{
	return session_row_create(st, KEY, SLICE("sid"), 1000, SLICE("::1"), SLICE("{}"));
}

static void
a_session_is_found_once_created_and_its_key_is_taken(void **state)
{
	struct store *st = ((struct stores *)*state)->st;
	struct session_row row;

	assert_int_equal(session_row_load(st, KEY, &row), STORE_NOT_FOUND);
	assert_int_equal(add_unused_session(st), STORE_OK);
	assert_int_equal(add_unused_session(st), STORE_TAKEN);
	assert_int_equal(session_row_load(st, KEY, &row), STORE_OK);
	assert_string_equal(row.sid, "sid");
	assert_int_equal(row.state, STORE_NEW);
	assert_int_equal(row.owner, -1);
	assert_int_equal(row.inflight, -1);
}

static void
sessions_are_counted_by_network(void **state)
{
	static const struct {
		const char *address;
		bool counted;
	} table[] = {
	    {"2001:db8::1", true},
	    {"2001:db8::2:1", true},
	    {"2001:db8:0:1::1", false},
	    {"192.0.2.1", false},
	    {"", false},
	};
	struct store *st = ((struct stores *)*state)->st;
	struct address a;

	assert_true(address_parse(&a, SLICE("2001:db8::9")));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char sid[] = {(char)('a' + i), '\0'};

		assert_int_equal(session_row_create(st, KEY + (int64_t)i, slice_of(sid), 1000,
				     slice_of(table[i].address), SLICE("{}")),
		    STORE_OK);
	}
	assert_int_equal(session_row_count(st, address_network(&a), 10), 2);
	assert_int_equal(session_row_count(st, address_network(&a), 1), 1);
	/* one that has ended is remembered, but not counted */
	assert_int_equal(
	    session_row_end(st,
		&(struct session_row){
		    .key = KEY, .state = STORE_ENDED, .deadline = 2000, .inflight = -1}),
	    0);
	assert_int_equal(session_row_count(st, address_network(&a), 10), 1);
	assert_int_equal(session_row_delete(st, KEY + 1), 0);
	assert_int_equal(session_row_count(st, address_network(&a), 10), 0);
}

static void
only_the_newest_generation_reserves_a_response(void **state)
{
	static const enum session_row_state ends[] = {STORE_ENDED, STORE_MOVED};
	struct store *st = ((struct stores *)*state)->st;
	struct session_row row;

	add_unused_session(st);
	session_row_load(st, KEY, &row);
	row.gen++; /* a newer poll */
	assert_int_equal(session_row_save(st, &row), 0);
	assert_int_equal(session_row_reserve(st, KEY, row.gen - 1, 5, 2000), STORE_NOT_FOUND);
	assert_int_equal(session_row_reserve(st, KEY, row.gen, 5, 2000), STORE_OK);
	session_row_load(st, KEY, &row);
	assert_int_equal(row.inflight, 5);
	/* a session that has ended keeps its row until the deadline, for the last poll; that does
	 * not put the deadline off */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		row.state = ends[i];
		row.deadline = 3000;
		row.last = 7;
		assert_int_equal(session_row_end(st, &row), 0);
		assert_int_equal(
		    session_row_reserve(st, KEY, row.gen - 1, 6, 9000), STORE_NOT_FOUND);
		assert_int_equal(session_row_reserve(st, KEY, row.gen, 6, 9000), STORE_OK);
		assert_int_equal(session_row_load(st, KEY, &row), STORE_OK);
		assert_int_equal(row.state, ends[i]);
		assert_int_equal(row.last, 7);
		assert_int_equal(row.deadline, 3000);
	}
	assert_int_equal(session_row_delete(st, KEY), 0);
	assert_int_equal(session_row_load(st, KEY, &row), STORE_NOT_FOUND);
}

static void
an_ack_is_taken_once(void **state)
{
	struct store *st = ((struct stores *)*state)->st;
	struct ack_row ack;
	int64_t first, second;

	add_unused_session(st);
	assert_int_equal(
	    ack_row_add(st, KEY, SLICE("/chat"), SLICE("h"), (struct slice){NULL, 0}, 0, 2, &first),
	    STORE_OK);
	assert_int_equal(
	    ack_row_add(st, KEY, SLICE(""), SLICE("h"), SLICE(""), 0, 2, &second), STORE_OK);
	assert_int_equal(second, first + 1);
	assert_int_equal(ack_row_take(st, KEY, first, &ack), STORE_OK);
	assert_string_equal(ack.ns, "/chat");
	assert_null(ack.context); /* none is not the same as an empty one */
	ack_row_free(&ack);
	assert_int_equal(ack_row_take(st, KEY, first, &ack), STORE_NOT_FOUND);
	assert_int_equal(ack_row_take(st, KEY, second, &ack), STORE_OK);
	assert_string_equal(ack.context, "");
	ack_row_free(&ack);
}

static void
note_early(void *arg, struct slice packet, int64_t until)
{
	char *text = arg;

	snprintf(text + strlen(text), 64, "%.*s@%d ", (int)packet.n, packet.p, (int)until);
}

static void
note_due(void *arg, int64_t key, struct slice ns, int n)
{
	char *text = arg;

	assert_int_equal(key, KEY);
	snprintf(text + strlen(text), 64, "%.*s*%d ", (int)ns.n, ns.p, n);
}

static void
early_packets_wait_within_limits_and_until_they_are_due(void **state)
{
	struct store *st = ((struct stores *)*state)->st;
	const struct early_limits limits = {.packets = 3, .bytes = 10};
	struct slice chat = SLICE("/chat"), news = SLICE("/news");
	char text[256] = "";

	add_unused_session(st);
	assert_int_equal(
	    early_packet_add(st, KEY, chat, SLICE("0123456789a"), 500, &limits), STORE_NOT_FOUND);
	assert_int_equal(early_packet_add(st, KEY, chat, SLICE("a"), 500, &limits), STORE_OK);
	assert_int_equal(early_packet_add(st, KEY, news, SLICE("b"), 600, &limits), STORE_OK);
	assert_int_equal(early_packet_add(st, KEY, chat, SLICE("c"), 700, &limits), STORE_OK);
	assert_int_equal(
	    early_packet_add(st, KEY, news, SLICE("d"), 700, &limits), STORE_NOT_FOUND);
	assert_int_equal(early_packet_list(st, KEY, chat, note_early, text), 2);
	assert_int_equal(early_packet_list(st, KEY + 1, chat, note_early, text), 0);
	assert_string_equal(text, "a@500 c@700 ");
	text[0] = '\0';
	assert_int_equal(early_packet_list_due(st, 499, 10, note_due, text), 0);
	assert_int_equal(early_packet_list_due(st, 699, 10, note_due, text), 2);
	assert_string_equal(text, "/chat*1 /news*1 ");
	assert_int_equal(early_packet_delete_due(st, 699), 0);
	assert_int_equal(early_packet_add(st, KEY, news, SLICE("d"), 700, &limits), STORE_OK);
	/* left: nothing is kept, and that is not due */
	assert_int_equal(early_packet_delete(st, KEY, chat), 0);
	assert_int_equal(early_packet_shut(st, KEY, chat), 0);
	assert_int_equal(early_packet_delete_due(st, 1000), 0);
	assert_int_equal(
	    early_packet_add(st, KEY, chat, SLICE("e"), 2000, &limits), STORE_NOT_FOUND);
	assert_int_equal(early_packet_add(st, KEY, news, SLICE("e"), 2000, &limits), STORE_OK);
	/* nothing outlives the session */
	assert_int_equal(session_row_delete(st, KEY), 0);
	assert_int_equal(early_packet_list(st, KEY, chat, note_early, text), 0);
	assert_int_equal(early_packet_list(st, KEY, news, note_early, text), 0);
}

static void
note_row(void *arg, const struct hook_row *row)
{
	int64_t *key = arg;

	*key = row->key;
}

static void
data_outlives_a_session_while_events_of_it_wait(void **state)
{
	struct store *st = ((struct stores *)*state)->st;
	struct hook_row row = {.key = KEY, .ns = SLICE(""), .body = SLICE("\"type\":\"x\"")};
	int64_t key = 0;
	char *text;

	add_unused_session(st);
	session_row_set_user(st, KEY, SLICE("ann"));
	session_data_set(st, KEY, SLICE("name"), SLICE("\"value\""), 1000);
	assert_int_equal(hook_queue_add(st, &row), 0);
	assert_int_equal(session_row_delete(st, KEY), 0);
	assert_int_equal(hook_queue_user(st, KEY, &text), 0);
	assert_string_equal(text, "ann");
	free(text);
	text = session_data_get(st, KEY, SLICE("name"));
	assert_string_equal(text, "\"value\"");
	free(text);
	assert_int_equal(hook_queue_read(st, row.id, note_row, &key), STORE_OK);
	assert_int_equal(key, KEY);
	/* an event that cannot be delivered leaves the queue, and what it needed goes too */
	assert_int_equal(hook_queue_dead_letter(st, row.id, SLICE("{}"), "no answer"), 0);
	assert_int_equal(hook_queue_read(st, row.id, note_row, &key), STORE_NOT_FOUND);
	assert_int_equal(hook_queue_forget(st, KEY), 0);
	assert_int_equal(hook_queue_user(st, KEY, &text), 0);
	assert_null(text);
	assert_null(session_data_get(st, KEY, SLICE("name")));
}

static void
deferred_actions_are_taken_once(void **state)
{
	struct store *st = ((struct stores *)*state)->st;
	char *text;

	assert_int_equal(hook_queue_defer(st, KEY, SLICE("[1]")), 0);
	text = hook_queue_take_deferred(st, KEY);
	assert_string_equal(text, "[1]");
	free(text);
	assert_null(hook_queue_take_deferred(st, KEY));
}

static void
an_answer_is_remembered_until_it_expires(void **state)
{
	struct store *st = ((struct stores *)*state)->st;
	char *text;

	assert_int_equal(idempotency_remember(st, SLICE("k"), SLICE("ok"), 0, 100), 0);
	text = idempotency_find(st, SLICE("k"), 99);
	assert_string_equal(text, "ok");
	free(text);
	assert_null(idempotency_find(st, SLICE("k"), 100));
	assert_null(idempotency_find(st, SLICE("other"), 0));
}

static void
count_message(void *arg, const struct message_row *m)
{
	(void)m;
	++*(int *)arg;
}

static void
the_log_is_trimmed_in_parts_but_for_its_newest_row(void **state)
{
	struct store *st = ((struct stores *)*state)->st;
	struct message_row m = {.chan = -1, .payload = SLICE("3:::x")};
	struct message_span span;
	int64_t head;
	int rows = 0;

	for (int i = 0; i < 1500; i++)
		assert_int_equal(message_log_append(st, &m, 0), 0);
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(message_log_span(st, &span), 0);
	assert_int_equal(span.newest - span.oldest, 1500);
	assert_int_equal(span.bytes, 1500 * (5 + MESSAGE_ROW_BYTES));
	assert_int_equal(maintenance_trim(st, 10000), STORE_MORE);
	assert_int_equal(maintenance_trim(st, 10000), STORE_OK);
	assert_int_equal(message_log_span(st, &span), 0);
	assert_int_equal(span.bytes, 0);
	assert_int_equal(message_log_read(st, 0, count_message, &rows), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(message_log_head(st, &head), 0);
	assert_int_equal(head, m.id);
}

static void
one_process_leads_at_a_time(void **state)
{
	struct stores *s = *state;

	assert_int_not_equal(slots_own(store_slots(s->st)), slots_own(store_slots(s->other)));
	assert_true(maintenance_lead(s->st));
	assert_false(maintenance_lead(s->other));
	maintenance_resign(s->st);
	assert_true(maintenance_lead(s->other));
	assert_true(action_queue_lead(s->st));
	assert_false(action_queue_lead(s->other));
	assert_true(hook_queue_lead(s->st));
	assert_true(hook_queue_lead(s->st));
	assert_false(hook_queue_lead(s->other));
	assert_int_equal(slots_hook_leader(store_slots(s->other)), slots_own(store_slots(s->st)));
	hook_queue_resign(s->st);
	assert_int_equal(slots_hook_leader(store_slots(s->other)), -1);
	assert_true(hook_queue_lead(s->other));
}

static void
a_database_of_another_schema_is_replaced_under_running_processes(void **state)
{
	struct stores *s = *state;
	struct store *late;
	char epoch[32];

	assert_int_equal(store_commit(s->st), 0);
	snprintf(epoch, sizeof(epoch), "%s", store_epoch(s->st));
	change_database(s->folder, "UPDATE meta SET v = '0' WHERE k = 'schema'");
	assert_null(store_open(s->folder, "", 1, true)); /* replaces nothing */
	assert_false(store_was_replaced(s->st));
	late = store_open(s->folder, "", 1, false);
	assert_non_null(late);
	assert_true(store_was_replaced(s->st));
	assert_int_equal(store_reopen(s->st), 0);
	assert_false(store_was_replaced(s->st));
	assert_string_not_equal(store_epoch(s->st), epoch);
	assert_string_equal(store_epoch(s->st), store_epoch(late));
	store_close(late);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stores, close_stores)

/* Wait until the store's loop would wake up. */
static void
await_wake_up(struct store *st)
{
	struct pollfd wake = {.fd = store_wake_fd(st), .events = POLLIN};

	assert_int_equal(poll(&wake, 1, 10000), 1);
	store_empty_wake_fd(st);
}

static void
who_does_not_wait_for_the_lock_is_woken_when_it_is_free(void **state)
{
	struct stores *s = *state;

	assert_int_equal(store_try(s->other), STORE_TAKEN);
	assert_true(store_is_waiting(s->other));
	assert_false(store_must_poll(s->other));
	assert_int_equal(store_try(s->other), STORE_TAKEN);
	store_rollback(s->st);
	await_wake_up(s->other);
	/* it is kept for the one that has waited */
	assert_int_equal(store_try(s->st), STORE_TAKEN);
	assert_int_equal(store_try(s->other), STORE_OK);
	assert_false(store_is_waiting(s->other));
	assert_int_equal(store_commit(s->other), 0);
	await_wake_up(s->st);
	assert_int_equal(store_begin(s->st, 0), 0);
	/* closed while it waits, which takes the lock from nobody */
	assert_int_equal(store_try(s->other), STORE_TAKEN);
	store_close(s->other);
	store_rollback(s->st);
	assert_int_equal(store_begin(s->st, 0), 0);
	store_rollback(s->st);
	s->other = store_open(s->folder, "", 1, false);
	assert_non_null(s->other);
}

static void
a_lock_of_sqlite_is_tried_again(void **state)
{
	struct stores *s = *state;
	char path[96];
	sqlite3 *db;

	store_rollback(s->st);
	snprintf(path, sizeof(path), "%s/pollux.db", s->folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_try(s->st), STORE_TAKEN);
	assert_true(store_must_poll(s->st));
	assert_int_equal(store_try(s->st), STORE_TAKEN);
	assert_int_equal(store_begin(s->st, 20), -1);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_try(s->st), STORE_OK);
	sqlite3_close(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_session_is_found_once_created_and_its_key_is_taken),
	    TEST(sessions_are_counted_by_network),
	    TEST(only_the_newest_generation_reserves_a_response),
	    TEST(an_ack_is_taken_once),
	    TEST(early_packets_wait_within_limits_and_until_they_are_due),
	    TEST(data_outlives_a_session_while_events_of_it_wait),
	    TEST(deferred_actions_are_taken_once),
	    TEST(an_answer_is_remembered_until_it_expires),
	    TEST(who_does_not_wait_for_the_lock_is_woken_when_it_is_free),
	    TEST(a_lock_of_sqlite_is_tried_again),
	    TEST(the_log_is_trimmed_in_parts_but_for_its_newest_row),
	    TEST(one_process_leads_at_a_time),
	    TEST(a_database_of_another_schema_is_replaced_under_running_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
