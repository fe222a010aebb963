/* Answers to requests with an Idempotency-Key, among the nodes of a cluster: two servers, whose rows
 * for one another are carried by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/config.h"
#include "shared/hub/hub.h"
#include "shared/link/frame.h"
#include "shared/store/idempotency.h"
#include "shared/store/link_out.h"
#include "shared/store/slots.h"
#include "shared/transport/publish_done.h"
#include "shared/transport/server.h"
#include "tests/unit/folder.h"

#define NOW 1000000
#define DAY 86400000

struct machine {
	char folder[64];
	struct config cfg;
	struct server *sv;
};

struct machines {
	struct machine a, b;
};

static void
open_machine(struct machine *m)
{
	snprintf(m->folder, sizeof(m->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(m->folder));
	config_default(&m->cfg);
	snprintf(m->cfg.data, sizeof(m->cfg.data), "%s", m->folder);
	snprintf(m->cfg.cluster_redis, sizeof(m->cfg.cluster_redis), "redis://127.0.0.1:1");
	m->sv = server_open(&m->cfg, SERVER_WSD);
	assert_non_null(m->sv);
	server_begin(m->sv, NOW);
}

static void
close_machine(struct machine *m)
{
	server_close(m->sv);
	delete_folder(m->folder);
}

static int
open_machines(void **state)
{
	struct machines *both = calloc(1, sizeof(*both));

	open_machine(&both->a);
	open_machine(&both->b);
	*state = both;
	return 0;
}

static int
close_machines(void **state)
{
	struct machines *both = *state;

	close_machine(&both->a);
	close_machine(&both->b);
	free(both);
	return 0;
}

static struct store *
store_of(struct machine *m)
{
	return hub_store(server_hub(m->sv));
}

static void
other_lives(struct machine *m)
{
	slots_link_set_lives(store_slots(store_of(m)), 9, true);
}

static void
remember(struct machine *m, const char *key)
{
	assert_int_equal(transaction_open(server_hub(m->sv)), 0);
	publish_done_remember(m->sv, slice_of(key), SLICE("{\"ok\":true}"));
}

static int
end_turn(struct machine *m)
{
	int64_t next;
	int result = server_settle(m->sv, &next);

	server_begin(m->sv, NOW);
	return result;
}

/* What waits for other nodes, as it would arrive. */
struct carried {
	int n;
	struct buf body;
};

static bool
carry(void *arg, const struct link_row *row)
{
	struct carried *carried = arg;

	carried->n++;
	assert_int_equal(row->node, LINK_ALL);
	assert_int_equal(row->kind, LINK_DONE);
	buf_add_slice(&carried->body, row->body);
	return true;
}

static struct carried
carried_from(struct machine *m)
{
	struct carried carried = {.n = 0};

	assert_true(link_out_list(store_of(m), 0, 10, carry, &carried) >= 0);
	return carried;
}

static void
assert_repeats(struct machine *m, const char *key, int64_t now, const char *expected)
{
	char *answer = idempotency_find(store_of(m), slice_of(key), now);

	if (expected == NULL)
		assert_null(answer);
	else
		assert_string_equal(answer, expected);
	free(answer);
}

static void
an_answer_is_repeated_by_all_nodes_for_a_day(void **state)
{
	struct machines *both = *state;
	struct carried carried;

	other_lives(&both->a);
	remember(&both->a, "web\norder-7");
	assert_int_equal(end_turn(&both->a), 0);
	carried = carried_from(&both->a);
	assert_int_equal(carried.n, 1);
	assert_int_equal(publish_done_take(both->b.sv, buf_slice(&carried.body)), 0);
	assert_int_equal(end_turn(&both->b), 0);
	assert_repeats(&both->b, "web\norder-7", NOW + DAY - 1, "{\"ok\":true}");
	assert_repeats(&both->b, "web\norder-7", NOW + DAY, NULL);
	assert_repeats(&both->b, "web\norder-8", NOW, NULL);
	/* what was heard is not passed on */
	buf_free(&carried.body);
	assert_int_equal(carried_from(&both->b).n, 0);
}

static void
a_node_without_others_tells_nobody(void **state)
{
	struct machines *both = *state;

	remember(&both->a, "web\norder-7");
	assert_int_equal(end_turn(&both->a), 0);
	assert_int_equal(carried_from(&both->a).n, 0);
	assert_repeats(&both->a, "web\norder-7", NOW, "{\"ok\":true}");
}

static void
what_is_rolled_back_is_not_told(void **state)
{
	struct machines *both = *state;

	other_lives(&both->a);
	remember(&both->a, "web\norder-7");
	transaction_fail(server_hub(both->a.sv));
	assert_int_equal(end_turn(&both->a), -1);
	assert_int_equal(carried_from(&both->a).n, 0);
	assert_repeats(&both->a, "web\norder-7", NOW, NULL);
}

static void
what_is_malformed_or_too_long_is_not_taken(void **state)
{
	struct machines *both = *state;
	char text[5000];
	struct buf body = {.p = NULL};

	assert_int_equal(publish_done_take(both->b.sv, SLICE("")), 1);
	assert_int_equal(publish_done_take(both->b.sv, SLICE("\1\0\0\0k")), 1);
	memset(text, 'x', sizeof(text));
	frame_pack_done(
	    &body, &(struct link_done){
		       .key = {text, sizeof(text)}, .answer = SLICE("{}"), .left_ms = 1000});
	assert_int_equal(publish_done_take(both->b.sv, buf_slice(&body)), 1);
	buf_clear(&body);
	/* nobody is to be remembered for longer than a day */
	frame_pack_done(
	    &body, &(struct link_done){
		       .key = SLICE("web\nlong"), .answer = SLICE("{}"), .left_ms = INT64_MAX});
	assert_int_equal(publish_done_take(both->b.sv, buf_slice(&body)), 0);
	assert_int_equal(end_turn(&both->b), 0);
	assert_repeats(&both->b, "web\nlong", NOW + DAY, NULL);
	buf_free(&body);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_machines, close_machines)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(an_answer_is_repeated_by_all_nodes_for_a_day),
	    T(a_node_without_others_tells_nobody),
	    T(what_is_rolled_back_is_not_told),
	    T(what_is_malformed_or_too_long_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
