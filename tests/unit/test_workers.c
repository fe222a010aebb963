/* balance and worker: which worker takes the next connection, and its part of the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "wsd/balance.h"
#include "wsd/worker.h"

/* Three workers of which the first two accept. */
static struct balance *
make_balance(size_t a, size_t b)
{
	struct balance *made = balance_new(3);

	assert_non_null(made);
	balance_set(made, 0, a);
	balance_set(made, 1, b);
	return made;
}

static void
a_worker_that_is_ahead_leaves_the_next_to_the_others(void **state)
{
	static const struct {
		size_t own, other;
		bool full, is_anothers;
	} table[] = {
	    {0, 0, false, false},
	    {7, 0, false, false},
	    {8, 0, false, true}, /* eight more */
	    {500, 500, false, false},
	    {507, 500, false, false},
	    {516, 500, false, true},
	    {64100, 64000, false, false}, /* of many, a sixty-fourth */
	    {65100, 64000, false, true},
	    {0, 9, false, false},
	    {5, 4, true, true}, /* the other one need not close any */
	    {5, 5, true, false},
	    {5, 6, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct balance *b = make_balance(table[i].own, table[i].other);

		if (balance_is_anothers(b, 0, table[i].own, table[i].full) != table[i].is_anothers)
			fail_msg("%zu and %zu", table[i].own, table[i].other);
		balance_free(b);
	}
}

static void
a_worker_that_does_not_accept_is_left_nothing(void **state)
{
	struct balance *b = make_balance(100, 0);

	(void)state;
	assert_false(balance_accepts(b, 2));
	assert_true(balance_is_anothers(b, 0, 100, false));
	assert_int_equal(balance_sum(b), 100);
	assert_false(balance_is_alone(b, 0));
	balance_leave(b, 1);
	assert_true(balance_is_alone(b, 0));
	assert_false(balance_accepts(b, 1));
	assert_false(balance_is_anothers(b, 0, 100, false));
	assert_false(balance_is_anothers(b, 0, 100, true));
	balance_leave(b, 0);
	assert_int_equal(balance_sum(b), 0);
	balance_free(b);
	balance_free(NULL);
}

static void
a_child_tells_its_parent(void **state)
{
	struct balance *b = make_balance(0, 0);
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		balance_set(b, 2, 12);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(balance_accepts(b, 2));
	assert_int_equal(balance_sum(b), 12);
	balance_free(b);
}

static void
the_parts_of_a_limit_are_the_whole(void **state)
{
	static struct config cfg;
	size_t sum;

	(void)state;
	for (size_t connections = 0; connections < 20; connections++) {
		sum = 0;
		for (size_t i = 0; i < 4; i++) {
			const struct worker self = {.index = i, .n = 4};

			cfg.connections = connections;
			cfg.wsd_queue_memory = 4096;
			worker_divide(&self, &cfg);
			assert_int_equal(cfg.wsd_queue_memory, 1024);
			sum += cfg.connections;
		}
		/* 0 is no limit, so each has one at least */
		assert_int_equal(sum, connections == 0 || connections >= 4 ? connections : 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_worker_that_is_ahead_leaves_the_next_to_the_others),
	    cmocka_unit_test(a_worker_that_does_not_accept_is_left_nothing),
	    cmocka_unit_test(a_child_tells_its_parent),
	    cmocka_unit_test(the_parts_of_a_limit_are_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
