/* What is counted in the memory that processes share (shared/store/counters.h), and how it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/store/counters.h"
#include "shared/store/figures.h"
#include "shared/store/slots.h"
#include "shared/store/store.h"
#include "tests/unit/folder.h"

struct counted {
	char folder[64];
	struct store *st[2]; /* as of two processes */
};

static int
open_counted(void **state)
{
	struct counted *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -1;
	snprintf(c->folder, sizeof(c->folder), "/tmp/pollux-counters-XXXXXX");
	if (mkdtemp(c->folder) == NULL)
		return -1;
	for (int i = 0; i < 2; i++) {
		c->st[i] = store_open(c->folder, "", 1, false);
		if (c->st[i] == NULL)
			return -1;
	}
	*state = c;
	return 0;
}

static int
close_counted(void **state)
{
	struct counted *c = *state;

	store_close(c->st[0]);
	store_close(c->st[1]);
	delete_folder(c->folder);
	free(c);
	return 0;
}

static struct counters
read_all(const struct counted *c)
{
	struct counters all;

	counters_read(store_slots(c->st[0]), &all);
	return all;
}

static void
no_counter_goes_back_when_a_process_ends(void **state)
{
	struct counted *c = *state;
	struct counters all;

	counters_add(store_slots(c->st[0]), COUNT_HANDSHAKES, 3);
	counters_add(store_slots(c->st[1]), COUNT_HANDSHAKES, 4);
	all = read_all(c);
	assert_int_equal(all.n[COUNT_HANDSHAKES], 7);
	store_close(c->st[1]);
	c->st[1] = NULL;
	all = read_all(c);
	assert_int_equal(all.n[COUNT_HANDSHAKES], 7);
	/* nor when another takes its slot */
	c->st[1] = store_open(c->folder, "", 1, false);
	assert_non_null(c->st[1]);
	counters_count(store_slots(c->st[1]), COUNT_HANDSHAKES);
	all = read_all(c);
	assert_int_equal(all.n[COUNT_HANDSHAKES], 8);
}

static void
a_reason_that_nobody_knows_is_other(void **state)
{
	struct counted *c = *state;
	struct counters all;

	counters_disconnect(store_slots(c->st[0]), "booted");
	counters_disconnect(store_slots(c->st[0]), "boot");
	counters_disconnect(store_slots(c->st[0]), "kicked \"out\"");
	all = read_all(c);
	assert_int_equal(all.n[COUNT_DISCONNECTED], 1);
	assert_int_equal(all.n[COUNT_DISCONNECTED + COUNTERS_REASONS - 1], 2);
	assert_int_equal(counters_sum(&all, "disconnects_total"), 3);
	assert_int_equal(counters_sum(&all, "no such"), 0);
}

static void
a_time_is_in_the_first_step_that_it_fits_into(void **state)
{
	struct counted *c = *state;
	struct slots *slots = store_slots(c->st[0]);
	struct counters all;

	counters_took(slots, COUNT_HOOK_EVENTS_TOOK, 5000);
	counters_took(slots, COUNT_HOOK_EVENTS_TOOK, 5001);
	counters_took(slots, COUNT_HOOK_EVENTS_TOOK, INT64_C(3600000000));
	counters_took(slots, COUNT_HOOK_EVENTS_TOOK, -1); /* a clock that went wrong */
	all = read_all(c);
	assert_int_equal(all.n[COUNT_HOOK_EVENTS_TOOK], 2);
	assert_int_equal(all.n[COUNT_HOOK_EVENTS_TOOK + 1], 1);
	assert_int_equal(all.n[COUNT_HOOK_EVENTS_TOOK + COUNTERS_STEPS - 1], 1);
	assert_int_equal(all.n[COUNT_HOOK_EVENTS_SUM], INT64_C(3600010001));
	assert_int_equal(counters_sum_took(&all, "hook_request_seconds"), 4);
	assert_string_equal(counters_step(COUNTERS_STEPS - 1), "+Inf");
}

static void
a_packet_counts_for_its_transport(void **state)
{
	struct counted *c = *state;
	struct slots *slots = store_slots(c->st[0]);
	struct counters_run run = {.transport = TRANSPORT_NONE};
	struct counters all;

	counters_packet(slots, COUNT_PACKETS_OUT, &run, TRANSPORT_XHR_POLLING, 12);
	counters_packet(slots, COUNT_PACKETS_OUT, &run, TRANSPORT_NONE, 12);
	counters_packet(slots, COUNT_PACKETS_OUT, &run, TRANSPORT_COUNT, 12);
	counters_packet(slots, COUNT_PACKETS_OUT, &run, TRANSPORT_WEBSOCKET, 5);
	counters_packet(slots, COUNT_PACKETS_OUT, &run, TRANSPORT_WEBSOCKET, 2);
	counters_settle(slots, COUNT_PACKETS_OUT, &run);
	counters_settle(slots, COUNT_PACKETS_OUT, &run);
	all = read_all(c);
	assert_int_equal(all.n[COUNT_PACKETS_OUT + TRANSPORT_XHR_POLLING], 1);
	assert_int_equal(all.n[COUNT_BYTES_OUT + TRANSPORT_XHR_POLLING], 12);
	assert_int_equal(all.n[COUNT_PACKETS_OUT + TRANSPORT_WEBSOCKET], 2);
	assert_int_equal(all.n[COUNT_BYTES_OUT + TRANSPORT_WEBSOCKET], 7);
	assert_int_equal(counters_sum(&all, "traffic_packets_total"), 3);
	assert_int_equal(counters_sum(&all, "traffic_bytes_total"), 19);
}

static void
a_lock_that_is_not_free_is_a_wait(void **state)
{
	struct counted *c = *state;
	struct counters all;

	assert_int_equal(store_begin(c->st[0], 100), 0);
	all = read_all(c);
	assert_int_equal(all.n[COUNT_LOCK_WAITS], 0);
	assert_int_equal(store_begin(c->st[1], 20), -1);
	all = read_all(c);
	assert_int_equal(all.n[COUNT_LOCK_WAITS], 1);
	assert_in_range(all.n[COUNT_LOCK_WAITED_US], 20000, 10000000);
	/* and for a loop that serves sockets: the time counts when it has the lock */
	assert_int_equal(store_try(c->st[1]), STORE_TAKEN);
	assert_int_equal(store_commit(c->st[0]), 0);
	while (store_try(c->st[1]) == STORE_TAKEN)
		usleep(1000);
	assert_int_equal(store_commit(c->st[1]), 0);
	all = read_all(c);
	assert_int_equal(all.n[COUNT_LOCK_WAITS], 2);
	assert_in_range(all.n[COUNT_LOCK_WAITED_US], 30000, 20000000);
	assert_int_equal(all.n[COUNT_COMMITS], 2);
}

static void
figures_know_sizes_and_memory(void **state)
{
	struct counted *c = *state;
	struct figures f;

	assert_int_equal(figures_collect(c->st[0], &f), 0);
	assert_true(f.database_bytes > 0 && f.hook_dead == 0 && f.log_bytes == 0);
	assert_true(figures_resident(getpid()) > 100000);
	assert_int_equal(figures_resident(0), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_counted, close_counted)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(no_counter_goes_back_when_a_process_ends),
	    TEST(a_reason_that_nobody_knows_is_other),
	    TEST(a_time_is_in_the_first_step_that_it_fits_into),
	    TEST(a_packet_counts_for_its_transport),
	    TEST(a_lock_that_is_not_free_is_a_wait),
	    TEST(figures_know_sizes_and_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
