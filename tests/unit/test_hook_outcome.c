/* What the end of a request to the web hook means: for its events, the next request, the log. */
#include "tests/unit/exact.h"

#include "shared/hook/breaker.h"
#include "shared/hook/outcome.h"

static void
test_outcomes(void **state)
{
	static const struct {
		struct hook_result result;
		enum outcome_kind kind;
		bool reached, counts;
	} cases[] = {
	    {{.status = 200, .body = {"{}", 2}}, OUTCOME_DONE, true, false},
	    {{.status = 204}, OUTCOME_DONE, true, false},
	    {{.status = 200, .body = {"<html>", 6}}, OUTCOME_FAILED, true, true},
	    {{.status = 500}, OUTCOME_FAILED, true, true},
	    {{.status = 500, .retry_after_s = 3}, OUTCOME_FAILED, true, true},
	    {{.status = 504}, OUTCOME_FAILED, true, true},
	    /* the hook behind a web server is not there: no event is to blame */
	    {{.status = 502}, OUTCOME_FAILED, true, false},
	    {{.status = 503, .retry_after_s = -1}, OUTCOME_FAILED, true, false},
	    {{.status = 503, .retry_after_s = 3}, OUTCOME_LATER, true, false},
	    {{.status = 429}, OUTCOME_LATER, true, false},
	    {{.status = 408}, OUTCOME_LATER, true, false},
	    {{.status = 425}, OUTCOME_LATER, true, false},
	    {{.status = 401}, OUTCOME_REFUSED, true, false},
	    {{.status = 410}, OUTCOME_REFUSED, true, false},
	    {{.status = 302}, OUTCOME_REFUSED, true, false},
	    {{.error = "refused", .unsent = true, .no_http = true}, OUTCOME_LATER, false, false},
	    {{.error = "reset", .no_http = true}, OUTCOME_FAILED, false, false},
	    {{.error = "timed out"}, OUTCOME_FAILED, true, true},
	};
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		outcome_judge(&o, &cases[i].result);
		assert_int_equal(o.kind, cases[i].kind);
		assert_int_equal(o.reached, cases[i].reached);
		assert_int_equal(o.is_answer, cases[i].reached);
		assert_int_equal(o.counts, cases[i].counts);
		assert_int_equal(o.error[0] == '\0', cases[i].kind == OUTCOME_DONE);
	}
}

static void
test_delay(void **state)
{
	static const int seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};

	(void)state;
	for (int i = 0; i < 9; i++)
		for (unsigned random = 0; random < 1000; random += 37) {
			int64_t ms = outcome_retry_delay(i + 1, -1, random);

			assert_in_range(ms, seconds[i] * 750, seconds[i] * 1250);
		}
	assert_int_equal(outcome_retry_delay(1, 7, 99), 7000);
	assert_int_equal(outcome_retry_delay(1, 0, 99), 0);
	assert_int_equal(outcome_retry_delay(1, 1000000, 99), 3600000);
}

static void
test_breaker(void **state)
{
	struct breaker b = {.failures = 0};

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_false(breaker_failed(&b, 1000));
	assert_false(breaker_reached(&b));
	for (int i = 0; i < 4; i++)
		assert_false(breaker_failed(&b, 1000));
	assert_true(breaker_allows(&b, 3, 1000));
	assert_true(breaker_failed(&b, 1000));
	assert_false(breaker_allows(&b, 0, 5999));
	assert_false(breaker_allows(&b, 1, 6000));
	assert_true(breaker_allows(&b, 0, 6000));
	/* one probe at a time; its failure waits as long again, and is no news */
	breaker_sent(&b);
	assert_false(breaker_allows(&b, 1, 7000));
	assert_false(breaker_failed(&b, 7000));
	assert_false(breaker_allows(&b, 0, 11999));
	breaker_sent(&b);
	breaker_cancelled(&b);
	assert_true(breaker_allows(&b, 0, 12000));
	breaker_sent(&b);
	assert_true(breaker_reached(&b));
	assert_true(breaker_allows(&b, 3, 12000));
}

/* How many events go into a request. */
static int64_t
size(const struct pace *p, uint8_t kind)
{
	return pace_room(5000) / pace_estimate(p, kind, 5000);
}

static void
test_pace(void **state)
{
	struct pace p = {.event_us = {0}};

	(void)state;
	assert_int_equal(size(&p, 1), PACE_FIRST);
	pace_measure(&p, 1, 4, 0);
	assert_true(size(&p, 1) > PACE_MAX);
	assert_int_equal(size(&p, 2), PACE_FIRST);
	/* 100 ms an event: a quarter of 5 s has room for twelve, from the next request on */
	pace_measure(&p, 1, 50, 5000);
	assert_int_equal(size(&p, 1), 12);
	for (int i = 0; i < 50; i++)
		pace_measure(&p, 1, 1, 100);
	assert_int_equal(size(&p, 1), 12);
	pace_measure(&p, 1, 1, 9000);
	assert_int_equal(size(&p, 1), 0);
	for (int i = 0; i < 100; i++)
		pace_measure(&p, 1, 1, 1);
	assert_true(size(&p, 1) > PACE_MAX);
}

static void
test_kinds(void **state)
{
	static const struct slice kinds[] = {
	    TEXT("\"type\":\"message\",\"text\":\"a\""),
	    TEXT("\"type\":\"json\",\"value\":1"),
	    TEXT("\"type\":\"event\",\"name\":\"a\",\"args\":[]"),
	    TEXT("\"type\":\"event\",\"name\":\"b\\\",c\",\"args\":[]"),
	    TEXT("\"type\":\"event\",\"name\":\"b\\\",d\",\"args\":[]"),
	    TEXT("\"type\":\"ack\",\"name\":\"a\",\"args\":[]"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(pace_kind(kinds[i]), pace_kind(kinds[k]));
	assert_int_equal(pace_kind(kinds[2]),
	    pace_kind(SLICE("\"type\":\"event\",\"name\":\"a\",\"args\":[1,\"b\"]")));
	/* cut anywhere */
	for (size_t n = 0; n <= kinds[3].n; n++) {
		char *text = exact(kinds[3], n);

		assert_in_range(pace_kind((struct slice){text, n}), 0, PACE_KINDS - 1);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outcomes),
	    cmocka_unit_test(test_delay),
	    cmocka_unit_test(test_breaker),
	    cmocka_unit_test(test_pace),
	    cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
