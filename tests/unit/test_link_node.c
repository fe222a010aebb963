/* What is known of the nodes of a cluster, and what they count of themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/store/link_figures.h"
#include "shared/store/link_node.h"
#include "shared/store/slots.h"
#include "shared/store/store.h"
#include "tests/unit/folder.h"

struct node_store {
	char folder[64];
	struct store *st;
	struct buf seen; /* the nodes as text, one a line */
};

static int
open_node_store(void **state)
{
	struct node_store *s = calloc(1, sizeof(*s));

	snprintf(s->folder, sizeof(s->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	s->st = store_open(s->folder, "", 1, false);
	assert_non_null(s->st);
	assert_int_equal(store_begin(s->st, 1000), 0);
	*state = s;
	return 0;
}

static int
close_node_store(void **state)
{
	struct node_store *s = *state;

	store_close(s->st);
	delete_folder(s->folder);
	buf_free(&s->seen);
	free(s);
	return 0;
}

static void
add_node_line(void *arg, const struct link_node *n)
{
	buf_printf(arg, "%d %.*s %s %d %.*s %.*s\n", n->number, (int)n->name.n, n->name.p,
	    n->lives ? "lives" : "lost", (int)n->since, (int)n->version.n, n->version.p,
	    (int)n->figures.n, n->figures.p);
}

static const char *
nodes_of(struct node_store *s)
{
	buf_clear(&s->seen);
	assert_int_equal(link_node_list(s->st, add_node_line, &s->seen), 0);
	buf_add_char(&s->seen, '\0');
	return s->seen.p;
}

static struct link_node
node_at(int number, const char *name, int64_t now)
{
	return (struct link_node){.number = number,
	    .name = slice_of(name),
	    .lives = true,
	    .since = now,
	    .version = SLICE("1")};
}

static void
a_node_is_known_since_it_appeared_whatever_it_tells_of_itself_later(void **state)
{
	struct node_store *s = *state;
	struct link_node n = node_at(7, "blue", 100);

	assert_int_equal(link_node_put(s->st, &n), 0);
	n.since = 200;
	n.figures = SLICE("{\"sessions\":3}");
	assert_int_equal(link_node_put(s->st, &n), 0);
	assert_string_equal(nodes_of(s), "7 blue lives 100 1 {\"sessions\":3}\n");
}

static void
a_lost_node_is_known_since_it_was_lost_and_lives_again_since_it_came_back(void **state)
{
	struct node_store *s = *state;
	struct link_node n = node_at(7, "blue", 100);

	assert_int_equal(link_node_put(s->st, &n), 0);
	assert_int_equal(link_node_lose(s->st, 7, 300), 0);
	assert_int_equal(link_node_lose(s->st, 7, 400), 0);
	assert_string_equal(nodes_of(s), "7 blue lost 300 1 {}\n");
	n.since = 500;
	assert_int_equal(link_node_put(s->st, &n), 0);
	assert_string_equal(nodes_of(s), "7 blue lives 500 1 {}\n");
	assert_int_equal(link_node_forget(s->st, 7), 0);
	assert_string_equal(nodes_of(s), "");
}

static void
lost_nodes_are_listed_last_and_forgotten_after_an_hour(void **state)
{
	struct node_store *s = *state;
	struct link_node n = node_at(1, "blue", 100);

	assert_int_equal(link_node_put(s->st, &n), 0);
	n = node_at(2, "red", 100);
	assert_int_equal(link_node_put(s->st, &n), 0);
	n = node_at(3, "green", 100);
	assert_int_equal(link_node_put(s->st, &n), 0);
	assert_int_equal(link_node_lose(s->st, 1, 1000), 0);
	assert_string_equal(
	    nodes_of(s), "2 red lives 100 1 {}\n3 green lives 100 1 {}\n1 blue lost 1000 1 {}\n");
	assert_int_equal(link_node_lose(s->st, 2, 1001 + 3600000), 0);
	assert_string_equal(nodes_of(s), "3 green lives 100 1 {}\n2 red lost 3601001 1 {}\n");
}

static void
a_number_that_goes_to_another_node_is_a_new_node(void **state)
{
	struct node_store *s = *state;
	struct link_node n = node_at(7, "blue", 100);

	assert_int_equal(link_node_put(s->st, &n), 0);
	n = node_at(7, "red", 900);
	assert_int_equal(link_node_put(s->st, &n), 0);
	assert_string_equal(nodes_of(s), "7 red lives 900 1 {}\n");
}

static void
of_two_nodes_of_one_name_the_living_one_is_found(void **state)
{
	struct node_store *s = *state;
	struct link_node n = node_at(9, "blue", 100);

	assert_int_equal(link_node_put(s->st, &n), 0);
	assert_int_equal(link_node_lose(s->st, 9, 800), 0);
	n = node_at(4, "blue", 300);
	assert_int_equal(link_node_put(s->st, &n), 0);
	assert_int_equal(link_node_find(s->st, SLICE("blue")), 4);
	assert_int_equal(link_node_find(s->st, SLICE("red")), -1);
}

/* --- figures -------------------------------------------------------------------------------- */

static void
figures_are_counted_a_second_and_read_back_from_json(void **state)
{
	struct node_store *s = *state;
	struct slots *sl = store_slots(s->st);
	struct link_rates last = {.at_ms = 0};
	struct link_figures f;
	struct buf json = {.p = NULL};

	slots_set_info(sl, &(struct slot_info){.received = 1000, .sent = 50});
	slots_set_sessions(sl, 3);
	f = link_figures_count(sl, &last, 10000);
	assert_int_equal(f.received, 0); /* nothing to compare with yet */
	slots_set_info(sl, &(struct slot_info){.received = 1500, .sent = 90});
	slots_link_set_counter(sl, LINK_GAUGE_QUEUED, 17);
	slots_link_set_counter(sl, LINK_GAUGE_LAG_MS, 250);
	f = link_figures_count(sl, &last, 12000);
	link_figures_write(&json, &f);
	f = link_figures_read(buf_slice(&json));
	assert_int_equal(f.sessions, 3);
	assert_int_equal(f.received, 250);
	assert_int_equal(f.sent, 20);
	assert_int_equal(f.queued, 17);
	assert_int_equal(f.lag_ms, 250);
	buf_free(&json);
}

static void
a_process_that_ends_takes_its_counters_along_and_the_rate_is_0(void **state)
{
	struct slots *sl = store_slots(((struct node_store *)*state)->st);
	struct link_rates last = {.at_ms = 1, .received = 1000000};

	assert_int_equal(link_figures_count(sl, &last, 1001).received, 0);
}

static void
figures_of_another_version_are_read_as_far_as_they_go(void **state)
{
	(void)state;
	assert_int_equal(link_figures_read(SLICE("{\"new\":[1],\"sessions\":8}")).sessions, 8);
	assert_int_equal(link_figures_read(SLICE("{\"sessions\":\"8\"}")).sessions, 0);
	assert_int_equal(link_figures_read(SLICE("{\"sessions\":1")).sessions, 0);
	assert_int_equal(link_figures_read(SLICE("[]")).sessions, 0);
	assert_int_equal(
	    link_figures_read(SLICE("{\"sessions\":123456789012345678901234}")).sessions, 0);
}

/* --- the link ------------------------------------------------------------------------------- */

static void
the_link_is_known_to_run_only_after_it_was_taken_and_is_down_then(void **state)
{
	struct slots *sl = store_slots(((struct node_store *)*state)->st);
	int64_t since;

	assert_false(slots_link_runs(sl));
	assert_int_equal(slots_link_since(sl), 0);
	slots_link_set_up(sl, true); /* as one that was killed has left it */
	slots_link_take(sl);
	assert_true(slots_link_runs(sl));
	assert_false(slots_link_is_up(sl));
	since = slots_link_since(sl);
	assert_true(since > 0);
	slots_link_set_up(sl, false);
	assert_int_equal(slots_link_since(sl), since);
}

static const char *
link_word(const struct slots *sl)
{
	return link_figures_state_name(link_figures_state(sl));
}

static void
the_link_has_a_word_for_each_way_to_fail(void **state)
{
	struct slots *sl = store_slots(((struct node_store *)*state)->st);

	assert_string_equal(link_word(sl), "absent");
	slots_link_take(sl);
	assert_string_equal(link_word(sl), "down");
	slots_link_set_up(sl, true);
	assert_string_equal(link_word(sl), "alone");
	slots_link_set_number(sl, 7);
	assert_string_equal(link_word(sl), "up");
	slots_link_set_counter(sl, LINK_GAUGE_LAG_MS, LINK_BEHIND_MS);
	assert_string_equal(link_word(sl), "up");
	slots_link_set_counter(sl, LINK_GAUGE_LAG_MS, LINK_BEHIND_MS + 1);
	assert_string_equal(link_word(sl), "behind");
	slots_link_set_counter(sl, LINK_GAUGE_LAG_MS, 0);
	slots_link_set_counter(sl, LINK_GAUGE_BEHIND_MS, LINK_BEHIND_MS + 1);
	assert_string_equal(link_word(sl), "behind");
	slots_link_set_counter(sl, LINK_GAUGE_BEHIND_MS, 0);
	slots_link_set_beat(sl, clock_ms());
	assert_string_equal(link_word(sl), "up");
	slots_link_set_beat(sl, clock_ms() - LINK_BEHIND_MS - 1);
	assert_string_equal(link_word(sl), "behind");
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_node_store, close_node_store)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_node_is_known_since_it_appeared_whatever_it_tells_of_itself_later),
	    T(a_lost_node_is_known_since_it_was_lost_and_lives_again_since_it_came_back),
	    T(lost_nodes_are_listed_last_and_forgotten_after_an_hour),
	    T(a_number_that_goes_to_another_node_is_a_new_node),
	    T(of_two_nodes_of_one_name_the_living_one_is_found),
	    T(figures_are_counted_a_second_and_read_back_from_json),
	    T(a_process_that_ends_takes_its_counters_along_and_the_rate_is_0),
	    T(figures_of_another_version_are_read_as_far_as_they_go),
	    T(the_link_has_a_word_for_each_way_to_fail),
	    T(the_link_is_known_to_run_only_after_it_was_taken_and_is_down_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
