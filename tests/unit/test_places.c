/* The places for held requests that processes share, and the clients that wait for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/store/lock.h"
#include "shared/store/places.h"
#include "shared/store/slots.h"
#include "shared/store/waiters.h"
#include "tests/unit/folder.h"

#define NOW 1000000

/* Two processes of one folder. */
struct table {
	char folder[64];
	int lock[2];
	struct slots *sl[2];
};

static void
open_process(struct table *t, int i)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/lock", t->folder);
	t->lock[i] = lock_open(path, 0600);
	assert_int_not_equal(t->lock[i], -1);
	snprintf(path, sizeof(path), "%s/slots", t->folder);
	t->sl[i] = slots_open(path, t->lock[i], 1, 1, 0600);
	assert_non_null(t->sl[i]);
}

/* As when it is killed, or ends: what it has in the table stays there. */
static void
close_process(struct table *t, int i)
{
	slots_close(t->sl[i]);
	close(t->lock[i]);
	t->sl[i] = NULL;
}

static int
setup(void **state)
{
	struct table *t = calloc(1, sizeof(*t));

	snprintf(t->folder, sizeof(t->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(t->folder));
	open_process(t, 0);
	open_process(t, 1);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct table *t = *state;

	for (int i = 0; i < 2; i++)
		if (t->sl[i] != NULL)
			close_process(t, i);
	delete_folder(t->folder);
	free(t);
	return 0;
}

static size_t
taken(const struct slots *sl, int64_t now)
{
	struct places_figures figures;

	places_figures(sl, PLACES_FCGI, now, &figures);
	return figures.taken;
}

/* --- places --------------------------------------------------------------------------------- */

static void
sessions_of_all_processes_share_the_places(void **state)
{
	struct table *t = *state;

	assert_int_not_equal(places_take(t->sl[0], PLACES_FCGI, 1, 2, NOW), 0);
	assert_int_not_equal(places_take(t->sl[1], PLACES_FCGI, 2, 2, NOW), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(places_take(t->sl[i], PLACES_FCGI, 3, 2, NOW), 0);
		assert_true(places_are_taken(t->sl[i], PLACES_FCGI, 2, NOW));
		assert_int_equal(taken(t->sl[i], NOW), 2);
	}
	/* however long they are held */
	assert_int_equal(places_take(t->sl[0], PLACES_FCGI, 3, 2, NOW + 1000000), 0);
	/* what pollux-wsd holds is counted by itself */
	assert_int_not_equal(places_take(t->sl[0], PLACES_WSD, 3, 1, NOW), 0);
	assert_int_equal(places_take(t->sl[0], PLACES_WSD, 4, 1, NOW), 0);
}

static void
a_place_is_kept_between_two_polls(void **state)
{
	struct table *t = *state;
	uint64_t ticket = places_take(t->sl[0], PLACES_FCGI, 1, 1, NOW);

	places_leave(t->sl[0], PLACES_FCGI, ticket, false, NOW);
	assert_int_equal(places_take(t->sl[0], PLACES_FCGI, 2, 1, NOW + PLACES_KEPT_MS - 1), 0);
	/* its session polls another process */
	ticket = places_take(t->sl[1], PLACES_FCGI, 1, 1, NOW + PLACES_KEPT_MS - 1);
	assert_int_not_equal(ticket, 0);
	places_leave(t->sl[1], PLACES_FCGI, ticket, false, NOW + 10000);
	assert_int_equal(taken(t->sl[0], NOW + 10000 + PLACES_KEPT_MS), 0);
	assert_int_not_equal(
	    places_take(t->sl[0], PLACES_FCGI, 2, 1, NOW + 10000 + PLACES_KEPT_MS), 0);
	/* and now the other one has to wait */
	assert_int_equal(places_take(t->sl[0], PLACES_FCGI, 1, 1, NOW + 10000 + PLACES_KEPT_MS), 0);
}

static void
a_session_that_has_ended_leaves_for_good(void **state)
{
	struct table *t = *state;
	uint64_t ticket = places_take(t->sl[0], PLACES_FCGI, 1, 1, NOW);

	places_leave(t->sl[0], PLACES_FCGI, ticket, true, NOW);
	assert_int_not_equal(places_take(t->sl[1], PLACES_FCGI, 2, 1, NOW), 0);
}

static void
a_superseded_poll_takes_nothing_from_the_newer_one(void **state)
{
	struct table *t = *state;
	uint64_t older = places_take(t->sl[0], PLACES_FCGI, 1, 2, NOW), newer;

	newer = places_take(t->sl[1], PLACES_FCGI, 1, 2, NOW + 10);
	assert_int_not_equal(newer, 0);
	assert_int_not_equal(newer, older);
	assert_int_equal(taken(t->sl[0], NOW + 10), 1); /* it is one session */
	places_leave(t->sl[0], PLACES_FCGI, older, true, NOW + 20);
	assert_int_equal(taken(t->sl[0], NOW + 1000000), 1);
	places_leave(t->sl[1], PLACES_FCGI, newer, true, NOW + 30);
	assert_int_equal(taken(t->sl[0], NOW + 30), 0);
	/* nor does a ticket of nothing */
	places_leave(t->sl[0], PLACES_FCGI, 0, true, NOW);
	places_leave(t->sl[0], PLACES_FCGI, UINT64_MAX, true, NOW);
}

static void
a_handshake_reserves_a_place_for_a_while(void **state)
{
	struct table *t = *state;

	assert_true(places_reserve(t->sl[0], PLACES_FCGI, 1, 1, NOW));
	assert_false(places_reserve(t->sl[1], PLACES_FCGI, 2, 1, NOW + PLACES_RESERVED_MS - 1));
	assert_int_not_equal(
	    places_take(t->sl[1], PLACES_FCGI, 1, 1, NOW + PLACES_RESERVED_MS - 1), 0);
	assert_int_equal(places_take(t->sl[0], PLACES_FCGI, 2, 1, NOW + 1000000), 0);
}

static void
a_reserved_place_gets_free_when_no_poll_comes(void **state)
{
	struct table *t = *state;

	assert_true(places_reserve(t->sl[0], PLACES_FCGI, 1, 1, NOW));
	assert_int_not_equal(places_take(t->sl[1], PLACES_FCGI, 2, 1, NOW + PLACES_RESERVED_MS), 0);
}

static void
a_process_that_died_keeps_no_place(void **state)
{
	struct table *t = *state;

	assert_int_not_equal(places_take(t->sl[0], PLACES_FCGI, 1, 2, NOW), 0);
	assert_int_not_equal(places_take(t->sl[1], PLACES_FCGI, 2, 2, NOW), 0);
	close_process(t, 1);
	/* it is found when all are taken; then its client comes first */
	assert_int_equal(places_take(t->sl[0], PLACES_FCGI, 3, 2, NOW + 1000), 0);
	assert_int_equal(places_take(t->sl[0], PLACES_FCGI, 3, 2, NOW + 2000), 0);
	assert_int_not_equal(places_take(t->sl[0], PLACES_FCGI, 2, 2, NOW + 2000), 0);
	/* the living are not touched */
	assert_int_equal(taken(t->sl[0], NOW + 1000000), 2);
}

static void
a_process_that_died_is_found_through_its_slot(void **state)
{
	struct table *t = *state;
	int slot = slots_own(t->sl[1]);

	assert_int_not_equal(places_take(t->sl[1], PLACES_FCGI, 2, 1, NOW), 0);
	close_process(t, 1);
	open_process(t, 1);
	assert_int_equal(slots_own(t->sl[1]), slot);
	places_forget_slot(t->sl[1], slot, NOW); /* as store_open() does */
	assert_int_equal(places_take(t->sl[1], PLACES_FCGI, 3, 1, NOW + PLACES_KEPT_MS - 1), 0);
	assert_int_not_equal(places_take(t->sl[1], PLACES_FCGI, 3, 1, NOW + PLACES_KEPT_MS), 0);
}

static void
processes_with_other_limits_use_the_same_places(void **state)
{
	struct table *t = *state;

	for (int64_t key = 1; key <= 5; key++)
		assert_int_not_equal(places_take(t->sl[0], PLACES_FCGI, key, 5, NOW), 0);
	assert_int_equal(places_take(t->sl[1], PLACES_FCGI, 6, 3, NOW), 0);
	/* who has one keeps it: the limit was lowered */
	assert_int_not_equal(places_take(t->sl[1], PLACES_FCGI, 5, 3, NOW), 0);
	assert_int_not_equal(places_take(t->sl[1], PLACES_FCGI, 6, 6, NOW), 0);
}

static void
all_places_can_be_taken_and_no_more(void **state)
{
	struct table *t = *state;

	for (int64_t key = 1; key <= PLACES_MAX; key++)
		assert_int_not_equal(places_take(t->sl[0], PLACES_FCGI, key, PLACES_MAX, NOW), 0);
	assert_int_equal(places_take(t->sl[0], PLACES_FCGI, 5000, PLACES_MAX, NOW), 0);
	assert_int_equal(places_take(t->sl[0], PLACES_FCGI, 5000, PLACES_MAX + 5, NOW), 0);
	assert_int_not_equal(places_take(t->sl[0], PLACES_FCGI, 1, PLACES_MAX, NOW), 0);
}

/* The clock began anew: what is kept until a time that is far away is not. */
static void
a_table_of_before_the_machine_started_keeps_nothing(void **state)
{
	struct table *t = *state;
	uint64_t ticket = places_take(t->sl[0], PLACES_FCGI, 1, 1, NOW);

	places_leave(t->sl[0], PLACES_FCGI, ticket, false, NOW);
	assert_int_not_equal(places_take(t->sl[0], PLACES_FCGI, 2, 1, 5000), 0);
	waiters_answer(t->sl[0], 7, 1, NOW);
	assert_int_equal(waiters_count(t->sl[0], 5000), 0);
	assert_false(waiters_is_due(t->sl[0], 7, 5000));
	places_count_refused(t->sl[0], PLACES_FCGI, NOW);
	assert_true(places_last_refused(t->sl[0], PLACES_FCGI, 5000) == INT64_MAX);
	assert_int_equal(places_count_refused(t->sl[0], PLACES_FCGI, 5000), 1);
}

static void
refusals_are_counted_and_told_once_a_minute_by_one_process(void **state)
{
	struct table *t = *state;
	struct places_figures figures;

	assert_true(places_last_refused(t->sl[0], PLACES_FCGI, NOW) == INT64_MAX);
	assert_int_equal(places_count_refused(t->sl[0], PLACES_FCGI, NOW), 1);
	assert_int_equal(places_count_refused(t->sl[1], PLACES_FCGI, NOW + 1), 0);
	assert_int_equal(places_count_refused(t->sl[0], PLACES_FCGI, NOW + 59999), 0);
	assert_int_equal(places_count_refused(t->sl[1], PLACES_FCGI, NOW + 60000), 3);
	assert_int_equal(places_count_refused(t->sl[0], PLACES_FCGI, NOW + 60000), 0);
	assert_int_equal(places_last_refused(t->sl[1], PLACES_FCGI, NOW + 60010), 10);
	places_set_limit(t->sl[0], PLACES_FCGI, 16);
	places_figures(t->sl[1], PLACES_FCGI, NOW, &figures);
	assert_int_equal(figures.limit, 16);
	assert_int_equal(figures.refused, 5);
	places_figures(t->sl[1], PLACES_WSD, NOW, &figures);
	assert_int_equal(figures.limit, 0);
	assert_int_equal(figures.refused, 0);
}

/* --- clients that wait ---------------------------------------------------------------------- */

/* The stock client's attempts, each of them a little late. */
static void
a_client_that_was_refused_waits_twice_as_long_each_time(void **state)
{
	struct table *t = *state;
	int64_t now = NOW;

	assert_false(waiters_is_due(t->sl[0], 7, now));
	for (int round = 0; round < 3; round++) {
		assert_int_equal(waiters_answer(t->sl[0], 7, now, now),
		    round > 0 ? WAITERS_CONNECT : WAITERS_SAY_AGAIN);
		for (int64_t delay = 500; delay < 8000; delay *= 2) {
			now += delay + 20;
			assert_true(waiters_is_due(t->sl[now % 2], 7, now));
			assert_int_equal(waiters_count(t->sl[0], now), 1);
		}
		/* it has waited for long enough: it is answered, and begins anew */
		now += 8020;
		assert_false(waiters_is_due(t->sl[0], 7, now));
		now += 40;
	}
}

static void
who_comes_at_another_time_is_another_client_or_a_page_loaded_again(void **state)
{
	static const int64_t others[] = {0, 100, 440, 900, 2000, 7000, 30000};
	struct table *t = *state;
	int64_t now = NOW;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++, now += 100000) {
		waiters_answer(t->sl[0], 7, now, now);
		assert_false(waiters_is_due(t->sl[0], 7, now + others[i]));
		assert_false(waiters_is_due(t->sl[0], 8, now + 500));
	}
}

/* A page sets its client's reconnection delay. */
static void
another_first_delay_is_learnt(void **state)
{
	struct table *t = *state;

	waiters_answer(t->sl[0], 7, 1, NOW);
	assert_false(waiters_is_due(t->sl[0], 7, NOW + 1510));
	assert_int_equal(waiters_answer(t->sl[0], 7, 2, NOW + 1520), WAITERS_CONNECT);
	assert_true(waiters_is_due(t->sl[0], 7, NOW + 1520 + 1500));
	assert_false(waiters_is_due(t->sl[0], 7, NOW + 1520 + 1500 + 1000));
	assert_true(waiters_is_due(t->sl[0], 7, NOW + 1520 + 1500 + 3000));
}

/* The client 0.8 polls on at once, by the same id. */
static void
a_client_that_does_not_understand_is_connected_and_fails(void **state)
{
	struct table *t = *state;

	assert_int_equal(waiters_answer(t->sl[0], 7, 1, NOW), WAITERS_SAY_AGAIN);
	assert_int_equal(waiters_answer(t->sl[1], 7, 1, NOW + 10), WAITERS_CONNECT);
	for (int i = 0; i < 5; i++)
		assert_int_equal(waiters_answer(t->sl[1], 7, 1, NOW + 20 + i), WAITERS_FAIL);
	/* it waits from the first error on */
	assert_true(waiters_is_due(t->sl[0], 7, NOW + 520));
	assert_int_equal(waiters_answer(t->sl[1], 7, 2, NOW + 600), WAITERS_CONNECT);
	assert_int_equal(waiters_answer(t->sl[0], 7, 2, NOW + 610), WAITERS_FAIL);
}

static void
a_client_that_found_a_place_or_gave_up_waits_no_more(void **state)
{
	struct table *t = *state;

	waiters_answer(t->sl[0], 7, 1, NOW);
	waiters_answer(t->sl[0], 8, 1, NOW);
	assert_int_equal(waiters_count(t->sl[0], NOW), 2);
	waiters_remove(t->sl[0], 7, NOW);
	assert_int_equal(waiters_count(t->sl[0], NOW), 1);
	assert_false(waiters_is_due(t->sl[0], 7, NOW + 500));
	assert_int_equal(waiters_count(t->sl[0], NOW + 60000), 0);
	assert_int_equal(waiters_answer(t->sl[0], 8, 2, NOW + 60000), WAITERS_SAY_AGAIN);
}

static void
a_full_table_forgets_those_who_came_first(void **state)
{
	struct table *t = *state;

	for (int64_t client = 1; client <= 5 * WAITERS_MAX; client++)
		waiters_answer(t->sl[0], client, 1, NOW + client);
	assert_int_equal(waiters_count(t->sl[0], NOW + 5 * WAITERS_MAX), WAITERS_MAX);
	assert_false(waiters_is_due(t->sl[0], 1, NOW + 1 + 500));
	assert_true(waiters_is_due(t->sl[0], 5 * WAITERS_MAX, NOW + 5 * WAITERS_MAX + 500));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sessions_of_all_processes_share_the_places),
	    TEST(a_place_is_kept_between_two_polls),
	    TEST(a_session_that_has_ended_leaves_for_good),
	    TEST(a_superseded_poll_takes_nothing_from_the_newer_one),
	    TEST(a_handshake_reserves_a_place_for_a_while),
	    TEST(a_reserved_place_gets_free_when_no_poll_comes),
	    TEST(a_process_that_died_keeps_no_place),
	    TEST(a_process_that_died_is_found_through_its_slot),
	    TEST(processes_with_other_limits_use_the_same_places),
	    TEST(all_places_can_be_taken_and_no_more),
	    TEST(a_table_of_before_the_machine_started_keeps_nothing),
	    TEST(refusals_are_counted_and_told_once_a_minute_by_one_process),
	    TEST(a_client_that_was_refused_waits_twice_as_long_each_time),
	    TEST(who_comes_at_another_time_is_another_client_or_a_page_loaded_again),
	    TEST(another_first_delay_is_learnt),
	    TEST(a_client_that_does_not_understand_is_connected_and_fails),
	    TEST(a_client_that_found_a_place_or_gave_up_waits_no_more),
	    TEST(a_full_table_forgets_those_who_came_first),
	};

	return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
