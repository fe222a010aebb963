/* Lists and totals when some sessions live on other nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/address.h"
#include "shared/store/link_node.h"
#include "shared/store/listing.h"
#include "shared/store/message_log.h"
#include "shared/store/remote.h"
#include "shared/store/session_data.h"
#include "shared/store/session_row.h"
#include "shared/store/slots.h"
#include "shared/store/store.h"
#include "shared/store/subscription.h"
#include "tests/unit/folder.h"

#define OWN_NUMBER 5
#define OWN        1
#define OWN_NEW    2
#define RED        101 /* two sessions of the node red, number 9 */
#define RED_TOO    102
#define GREEN      201 /* one of number 12, whose name nobody knows */

struct listed_store {
	char folder[64];
	struct store *st;
	struct buf seen;
};

static void
put_remote_session(struct store *st, int64_t key, int home, struct slice user)
{
	const struct remote_session s = {.key = key,
	    .home = home,
	    .transport = TRANSPORT_WEBSOCKET,
	    .address = SLICE("192.0.2.1"),
	    .user = user,
	    .issued = 1000};

	assert_int_equal(remote_put(st, &s), 0);
}

static void
join_room(struct store *st, int64_t key, const char *room)
{
	const struct subscription sub = {.chan = message_log_channel(SLICE(""), slice_of(room)),
	    .until = INT64_MAX,
	    .ns = SLICE(""),
	    .room = slice_of(room)};

	assert_int_equal(subscription_add(st, key, &sub), 0);
}

static void
open_own_session(struct store *st, int64_t key)
{
	struct session_row row;

	assert_int_equal(
	    session_row_create(st, key, SLICE("sid"), 100000, SLICE("::1"), SLICE("{}")), STORE_OK);
	if (key == OWN_NEW)
		return;
	assert_int_equal(session_row_load(st, key, &row), STORE_OK);
	row.state = STORE_OPEN;
	row.transport = TRANSPORT_XHR_POLLING;
	assert_int_equal(session_row_save(st, &row), 0);
}

static int
open_listed_store(void **state)
{
	struct listed_store *s = calloc(1, sizeof(*s));
	const struct link_node red = {
	    .number = 9, .name = SLICE("red"), .lives = true, .version = SLICE("1")};
	const struct link_node blue = {
	    .number = OWN_NUMBER, .name = SLICE("12"), .lives = true, .version = SLICE("1")};

	snprintf(s->folder, sizeof(s->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	s->st = store_open(s->folder, "", 1, false);
	assert_non_null(s->st);
	slots_link_set_number(store_slots(s->st), OWN_NUMBER);
	assert_int_equal(store_begin(s->st, 1000), 0);
	open_own_session(s->st, OWN);
	open_own_session(s->st, OWN_NEW);
	put_remote_session(s->st, RED, 9, SLICE("alice"));
	put_remote_session(s->st, RED_TOO, 9, (struct slice){NULL, 0});
	put_remote_session(s->st, GREEN, 12, SLICE("alice"));
	assert_int_equal(remote_note(s->st, 103, 9, 100000), 0); /* of which nothing is known */
	join_room(s->st, OWN, "tea");
	join_room(s->st, RED, "tea");
	join_room(s->st, RED_TOO, "tea");
	join_room(s->st, RED, "milk");
	assert_int_equal(session_data_set(s->st, RED, SLICE("name"), SLICE("1"), 1000), STORE_OK);
	assert_int_equal(link_node_put(s->st, &red), 0);
	assert_int_equal(link_node_put(s->st, &blue), 0);
	*state = s;
	return 0;
}

static int
close_listed_store(void **state)
{
	struct listed_store *s = *state;

	store_close(s->st);
	delete_folder(s->folder);
	buf_free(&s->seen);
	free(s);
	return 0;
}

static void
add_seen_session(void *arg, const struct listing_session *s)
{
	struct slice transport = listing_transport(s);

	buf_printf(arg, "%" PRId64 " %.*s %.*s\n", s->key, (int)transport.n, transport.p,
	    s->node.p == NULL ? 3 : (int)s->node.n, s->node.p == NULL ? "---" : s->node.p);
}

static const char *
sessions_of(struct listed_store *s, struct listing_filter filter)
{
	filter.limit = 100;
	buf_clear(&s->seen);
	assert_int_equal(listing_sessions(s->st, &filter, add_seen_session, &s->seen), 0);
	buf_add_char(&s->seen, '\0');
	return s->seen.p;
}

static const struct listing_node red_node = {true, 9};

/* --- sessions ------------------------------------------------------------------------------- */

static void
sessions_of_all_nodes_are_listed_with_the_name_or_number_of_theirs(void **state)
{
	assert_string_equal(sessions_of(*state, (struct listing_filter){.names_nodes = true}),
	    "1 xhr-polling 12\n"
	    "2 - 12\n"
	    "101 websocket red\n"
	    "102 websocket red\n"
	    "201 websocket 12\n");
}

static void
the_node_is_named_only_when_asked_for(void **state)
{
	assert_string_equal(sessions_of(*state, (struct listing_filter){.of = LISTING_HERE}),
	    "1 xhr-polling ---\n2 - ---\n");
}

static void
sessions_of_one_node_are_listed_alone(void **state)
{
	struct listing_filter filter = {.of = red_node, .names_nodes = true};

	assert_string_equal(sessions_of(*state, filter), "101 websocket red\n102 websocket red\n");
	filter.user = SLICE("alice");
	assert_string_equal(sessions_of(*state, filter), "101 websocket red\n");
	filter.of = LISTING_EVERYWHERE;
	assert_string_equal(sessions_of(*state, filter), "101 websocket red\n201 websocket 12\n");
	filter.user.p = NULL;
	filter.chan = message_log_channel(SLICE(""), SLICE("tea"));
	filter.after = OWN;
	assert_string_equal(sessions_of(*state, filter), "101 websocket red\n102 websocket red\n");
}

static void
write_session(void *arg, const struct listing_session *s)
{
	listing_json_session(arg, s, 500); /* a clock that is behind that of the other node */
}

static void
a_session_of_another_node_is_open_has_no_process_and_is_of_no_negative_age(void **state)
{
	struct listed_store *s = *state;
	const struct listing_filter filter = {.key = RED, .names_nodes = true, .limit = 1};

	assert_int_equal(listing_sessions(s->st, &filter, write_session, &s->seen), 0);
	buf_add_char(&s->seen, '\0');
	assert_string_equal(s->seen.p,
	    "{\"id\":\"PAAAAAAAAABl\",\"state\":\"open\",\"transport\":\"websocket\","
	    "\"address\":\"192.0.2.1\",\"user\":\"alice\",\"age\":0,\"process\":null,"
	    "\"namespaces\":[],\"node\":\"red\"}");
}

static void
add_seen_data(void *arg, const struct listing_session *s)
{
	assert_non_null(s->data.p);
	buf_printf(arg, "%" PRId64 " %.*s\n", s->key, (int)s->data.n, s->data.p);
}

static void
values_that_were_asked_for_come_with_each_session(void **state)
{
	struct listed_store *s = *state;
	const struct listing_filter filter = {
	    .user = SLICE("alice"), .data = SLICE("none,name,,last"), .limit = 9};

	assert_int_equal(
	    session_data_set(s->st, RED, SLICE("last"), SLICE("1.10"), 1000), STORE_OK);
	assert_int_equal(session_data_set(s->st, RED, SLICE("more"), SLICE("2"), 1000), STORE_OK);
	assert_int_equal(listing_sessions(s->st, &filter, add_seen_data, &s->seen), 0);
	buf_add_char(&s->seen, '\0');
	assert_string_equal(s->seen.p, "101 {\"name\":1,\"last\":1.10}\n201 {}\n");
}

/* --- rooms and totals ----------------------------------------------------------------------- */

static void
add_seen_room(void *arg, struct slice ns, struct slice room, int64_t sessions)
{
	(void)ns;
	buf_printf(arg, "%.*s %" PRId64 "\n", (int)room.n, room.p, sessions);
}

static const char *
rooms_of(struct listed_store *s, struct listing_node of)
{
	buf_clear(&s->seen);
	assert_int_equal(
	    listing_rooms(s->st, &(struct listing_room_filter){.of = of}, add_seen_room, &s->seen),
	    0);
	buf_add_char(&s->seen, '\0');
	return s->seen.p;
}

static void
rooms_count_their_members_everywhere_or_on_one_node(void **state)
{
	assert_string_equal(rooms_of(*state, LISTING_EVERYWHERE), "milk 1\ntea 3\n");
	assert_string_equal(rooms_of(*state, LISTING_HERE), "tea 1\n");
	assert_string_equal(rooms_of(*state, red_node), "milk 1\ntea 2\n");
}

static void
rooms_of_one_session_or_namespace_are_listed_alone(void **state)
{
	struct listed_store *s = *state;
	struct listing_room_filter filter = {.key = RED_TOO};

	assert_int_equal(listing_rooms(s->st, &filter, add_seen_room, &s->seen), 0);
	filter.ns = SLICE("");
	assert_int_equal(listing_rooms(s->st, &filter, add_seen_room, &s->seen), 0);
	filter.ns = SLICE("/chat");
	assert_int_equal(listing_rooms(s->st, &filter, add_seen_room, &s->seen), 0);
	filter = (struct listing_room_filter){.ns = SLICE("/chat")};
	assert_int_equal(listing_rooms(s->st, &filter, add_seen_room, &s->seen), 0);
	buf_add_char(&s->seen, '\0');
	assert_string_equal(s->seen.p, "tea 3\ntea 3\n");
}

static void
totals_are_of_one_node_or_of_all(void **state)
{
	struct store *st = ((struct listed_store *)*state)->st;
	struct listing_totals t;

	assert_int_equal(listing_totals(st, LISTING_HERE, &t), 0);
	assert_int_equal(t.fresh, 1);
	assert_int_equal(t.by_transport[TRANSPORT_XHR_POLLING], 1);
	assert_int_equal(t.by_transport[TRANSPORT_WEBSOCKET], 0);
	assert_int_equal(t.memberships, 1);
	assert_int_equal(t.values, 0);
	assert_int_equal(listing_totals(st, red_node, &t), 0);
	assert_int_equal(t.fresh, 0);
	assert_int_equal(t.by_transport[TRANSPORT_WEBSOCKET], 2);
	assert_int_equal(t.rooms, 2);
	assert_int_equal(t.memberships, 3);
	assert_int_equal(t.values, 1);
	assert_int_equal(listing_totals(st, LISTING_EVERYWHERE, &t), 0);
	assert_int_equal(t.by_transport[TRANSPORT_WEBSOCKET], 3);
	assert_int_equal(t.memberships, 4);
}

static void
add_seen_home(void *arg, int node, int64_t sessions)
{
	buf_printf(arg, "%d %" PRId64 "\n", node, sessions);
}

static void
sessions_are_counted_by_their_node_without_those_that_are_only_noted(void **state)
{
	struct listed_store *s = *state;

	assert_int_equal(listing_homes(s->st, add_seen_home, &s->seen), 0);
	buf_add_char(&s->seen, '\0');
	assert_string_equal(s->seen.p, "9 2\n12 1\n");
}

/* --- nodes ---------------------------------------------------------------------------------- */

static void
a_node_is_found_by_its_name_first_and_then_by_its_number(void **state)
{
	struct store *st = ((struct listed_store *)*state)->st;
	struct listing_node of = LISTING_EVERYWHERE;

	assert_true(listing_find_node(st, SLICE("red"), &of));
	assert_int_equal(of.number, 9);
	assert_true(of.is_one);
	/* this node is called 12: its name counts, not the number of the other one */
	assert_true(listing_find_node(st, SLICE("12"), &of));
	assert_int_equal(of.number, -1);
	assert_true(listing_find_node(st, SLICE("9"), &of));
	assert_int_equal(of.number, 9);
	assert_true(listing_find_node(st, SLICE("5"), &of));
	assert_int_equal(of.number, -1);
	assert_false(listing_find_node(st, SLICE("7"), &of));
	assert_false(listing_find_node(st, SLICE("blue"), &of));
	assert_false(listing_find_node(st, SLICE(""), &of));
	assert_false(listing_find_node(st, SLICE("99999999999999999999"), &of));
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_listed_store, close_listed_store)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(sessions_of_all_nodes_are_listed_with_the_name_or_number_of_theirs),
	    T(the_node_is_named_only_when_asked_for),
	    T(sessions_of_one_node_are_listed_alone),
	    T(a_session_of_another_node_is_open_has_no_process_and_is_of_no_negative_age),
	    T(values_that_were_asked_for_come_with_each_session),
	    T(rooms_count_their_members_everywhere_or_on_one_node),
	    T(rooms_of_one_session_or_namespace_are_listed_alone),
	    T(totals_are_of_one_node_or_of_all),
	    T(sessions_are_counted_by_their_node_without_those_that_are_only_noted),
	    T(a_node_is_found_by_its_name_first_and_then_by_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
