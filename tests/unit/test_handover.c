/* handover_record: what an open websocket is to the process that takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wsd/handover_record.h"

static const struct handover_record sample = {
    .dialect = 2,
    .state = {.sid = "abcdefghij0123456789",
	.gen = INT64_C(1) << 40,
	.beat = HEARTBEAT_ANSWER,
	.beat_at = 123456789},
    .in = {"half", 4},
    .out = {"\0a frame\xff", 9},
};

/* The first `n` bytes in memory of exactly that size, so that a read past them is seen. */
static enum handover_record_result
read_cut(struct slice all, size_t n, struct handover_record *r, size_t *used, char **copy)
{
	*copy = malloc(n == 0 ? 1 : n);
	assert_non_null(*copy);
	memcpy(*copy, all.p, n);
	return handover_record_read(r, (struct slice){*copy, n}, used);
}

static void
a_record_is_read_as_it_was_written_however_it_is_cut(void **state)
{
	struct buf all = {.p = NULL};
	struct handover_record r;
	size_t used, whole;
	char *copy;

	(void)state;
	handover_record_write(&all, &sample);
	whole = all.n;
	assert_int_equal(whole, HANDOVER_RECORD_HEAD + sample.in.n + sample.out.n);
	handover_record_write(&all, &sample);
	for (size_t n = 0; n <= all.n; n++) {
		enum handover_record_result result = read_cut(buf_slice(&all), n, &r, &used, &copy);

		assert_int_equal(result, n < whole ? HANDOVER_RECORD_MORE : HANDOVER_RECORD_WHOLE);
		if (result == HANDOVER_RECORD_WHOLE) {
			assert_int_equal(used, whole);
			assert_int_equal(r.dialect, sample.dialect);
			assert_string_equal(r.state.sid, sample.state.sid);
			assert_int_equal(r.state.gen, sample.state.gen);
			assert_int_equal(r.state.beat, sample.state.beat);
			assert_int_equal(r.state.beat_at, sample.state.beat_at);
			assert_true(slice_equal(r.in, sample.in));
			assert_true(slice_equal(r.out, sample.out));
		}
		free(copy);
	}
	buf_free(&all);
}

static void
what_is_no_record_is_refused_before_its_length_is_believed(void **state)
{
	static const struct {
		const char *what;
		size_t at, n;
		uint32_t value;
	} table[] = {
	    {"its beginning", 0, 4, 0},
	    {"a dialect that there is not", 4, 4, HANDOVER_DIALECTS},
	    {"no heartbeat", 8, 4, HEARTBEAT_STOPPED},
	    {"a state of heartbeats that there is not", 8, 4, 3},
	    {"too much input", 12, 4, UINT32_MAX},
	    {"too much output", 16, 4, (uint32_t)HANDOVER_RECORD_MOST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buf all = {.p = NULL};
		struct handover_record r;
		size_t used;

		handover_record_write(&all, &sample);
		memcpy(all.p + table[i].at, &table[i].value, table[i].n);
		if (handover_record_read(&r, buf_slice(&all), &used) != HANDOVER_RECORD_NEVER)
			fail_msg("%s", table[i].what);
		buf_free(&all);
	}
}

static void
an_id_without_an_end_is_refused(void **state)
{
	struct buf all = {.p = NULL};
	struct handover_record r;
	size_t used;

	(void)state;
	handover_record_write(&all, &sample);
	memset(all.p + 40, 'a', STORE_SID_SIZE);
	assert_int_equal(handover_record_read(&r, buf_slice(&all), &used), HANDOVER_RECORD_NEVER);
	buf_free(&all);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_is_read_as_it_was_written_however_it_is_cut),
	    cmocka_unit_test(what_is_no_record_is_refused_before_its_length_is_believed),
	    cmocka_unit_test(an_id_without_an_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
