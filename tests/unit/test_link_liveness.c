/* liveness, copies, node_text, stream_id: what pollux-linkd makes of what nodes say, without Redis. */
#include "linkd/liveness.h"

#include "linkd/copies.h"
#include "linkd/stream_id.h"
#include "tests/unit/exact.h"

/* --- liveness ----------------------------------------------------------------------------------- */

#define TIMEOUT_MS 10000

static char told[512]; /* what was told since the last look, "up 5, dying 7" */

static void
on_event(void *arg, enum liveness_event event, int number, const struct node_text *t)
{
	static const char *const names[] = {"up", "restarted", "replaced", "dying"};
	size_t n = strlen(told);

	(void)arg;
	snprintf(told + n, sizeof(told) - n, "%s%s %d %s", n == 0 ? "" : ", ", names[event], number,
	    t->token);
}

#define assert_told(want)                                                                          \
	do {                                                                                       \
		assert_string_equal(told, want);                                                   \
		told[0] = '\0';                                                                    \
	} while (0)

static struct node_text
say(const char *token, const char *incarnation, int64_t counter)
{
	struct node_text t = {.counter = counter};

	snprintf(t.token, sizeof(t.token), "%s", token);
	snprintf(t.incarnation, sizeof(t.incarnation), "%s", incarnation);
	return t;
}

/* One reading at `now`; `t` NULL: nothing is said of number 5. */
static void
read_all(struct liveness *lv, int64_t now, const struct node_text *t)
{
	liveness_begin(lv, now);
	if (t != NULL)
		assert_int_equal(liveness_put(lv, 5, t), 0);
	liveness_end(lv);
}

static void
a_node_lives_when_its_words_change(void **state)
{
	struct liveness *lv = liveness_new(TIMEOUT_MS, on_event, NULL);
	struct node_text t = say("a", "1", 7);

	(void)state;
	assert_non_null(lv);
	/* what is there at first may be of a node that is long dead */
	read_all(lv, 0, &t);
	read_all(lv, 1000, &t);
	assert_told("");
	assert_false(liveness_is_alive(lv, 5));
	t.counter++;
	read_all(lv, 2000, &t);
	assert_told("up 5 a");
	assert_true(liveness_is_alive(lv, 5));
	t.counter++;
	read_all(lv, 3000, &t);
	assert_told("");
	liveness_free(lv);

	/* what was not there before is new */
	lv = liveness_new(TIMEOUT_MS, on_event, NULL);
	read_all(lv, 0, NULL);
	read_all(lv, 1000, &t);
	assert_told("up 5 a");
	liveness_free(lv);
}

static void
silence_is_death_if_redis_answers_meanwhile(void **state)
{
	struct liveness *lv = liveness_new(TIMEOUT_MS, on_event, NULL);
	struct node_text t = say("a", "1", 7);
	int64_t now = 0;

	(void)state;
	read_all(lv, now, NULL);
	read_all(lv, now += 1000, &t);
	assert_told("up 5 a");
	/* an hour in which Redis does not answer, or we do not run */
	read_all(lv, now += 3600000, &t);
	assert_told("");
	for (int i = 0; i < 8; i++)
		read_all(lv, now += 1000, &t);
	assert_told("");
	read_all(lv, now += 1000, &t);
	assert_told("dying 5 a");
	assert_true(liveness_is_dying(lv, 5));
	/* until it is settled; also when its words are deleted */
	read_all(lv, now += 1000, NULL);
	assert_told("dying 5 a");
	liveness_settle(lv, 5);
	assert_false(liveness_is_alive(lv, 5));
	read_all(lv, now += 100000, &t);
	assert_told("");
	/* it was only stopped */
	t.counter++;
	read_all(lv, now += 1000, &t);
	assert_told("up 5 a");
	liveness_free(lv);
}

static void
a_short_timeout_still_takes_three_readings(void **state)
{
	struct liveness *lv = liveness_new(1000, on_event, NULL);
	struct node_text t = say("a", "1", 7);

	(void)state;
	read_all(lv, 0, NULL);
	read_all(lv, 1000, &t);
	assert_told("up 5 a");
	read_all(lv, 3000, &t);
	read_all(lv, 5000, &t);
	assert_told("");
	read_all(lv, 7000, &t);
	assert_told("dying 5 a");
	/* words that come at the last moment */
	t.counter++;
	read_all(lv, 9000, &t);
	assert_told("");
	assert_false(liveness_is_dying(lv, 5));
	liveness_settle(lv, 5);
	assert_true(liveness_is_alive(lv, 5));
	liveness_free(lv);
}

static void
a_restart_and_another_owner_of_a_number_are_told(void **state)
{
	struct liveness *lv = liveness_new(TIMEOUT_MS, on_event, NULL);
	struct node_text t = say("a", "1", 7), other = say("b", "9", 1);

	(void)state;
	read_all(lv, 0, NULL);
	read_all(lv, 1000, &t);
	assert_told("up 5 a");
	t = say("a", "2", 1);
	read_all(lv, 2000, &t);
	assert_told("restarted 5 a");
	/* the same program, another database */
	t.counter++;
	snprintf(t.epoch, sizeof(t.epoch), "new");
	read_all(lv, 3000, &t);
	assert_told("restarted 5 a");
	read_all(lv, 4000, &other);
	assert_told("replaced 5 a");
	assert_false(liveness_is_alive(lv, 5));
	other.counter++;
	read_all(lv, 5000, &other);
	assert_told("up 5 b");
	liveness_free(lv);
}

static void
one_that_lived_before_we_started_may_have_died(void **state)
{
	struct liveness *lv = liveness_new(TIMEOUT_MS, on_event, NULL);
	struct node_text t = say("a", "1", 7);
	int64_t now = 0;

	(void)state;
	/* nobody says anything of it any more */
	assert_int_equal(liveness_expect(lv, 5), 0);
	for (; now <= TIMEOUT_MS; now += 1000)
		read_all(lv, now, NULL);
	assert_told("");
	read_all(lv, now += 1000, NULL);
	assert_told("dying 5 ");
	liveness_free(lv);

	lv = liveness_new(TIMEOUT_MS, on_event, NULL);
	assert_int_equal(liveness_expect(lv, 5), 0);
	read_all(lv, 0, &t);
	t.counter++;
	read_all(lv, 1000, &t);
	assert_told("up 5 a");
	liveness_forget(lv, 5);
	assert_null(liveness_text(lv, 5));
	liveness_free(lv);
}

/* --- copies ------------------------------------------------------------------------------------- */

static struct node_text
say_at(const char *place, const char *incarnation, int64_t counter)
{
	struct node_text t = say("same", incarnation, counter);

	snprintf(t.place, sizeof(t.place), "%s", place);
	return t;
}

static void
words_of_an_earlier_life_do_not_hold_up_a_start(void **state)
{
	struct copies c = {.reads = 0};
	struct node_text ours = say_at("here", "2", 0), before = say_at("here", "1", 5);

	(void)state;
	assert_int_equal(copies_watch(&c, &ours, NULL, 1), COPIES_NONE);
	assert_int_equal(copies_watch(&c, &ours, &before, 2), COPIES_NONE);
}

static void
words_from_elsewhere_are_watched(void **state)
{
	struct copies c = {.reads = 0};
	struct node_text ours = say_at("here", "2", 0), theirs = say_at("there", "1", 5);
	int64_t now = 1000;

	(void)state;
	/* a machine that was started anew: nobody else speaks */
	assert_int_equal(copies_watch(&c, &ours, &theirs, now), COPIES_WAIT);
	assert_int_equal(copies_watch(&c, &ours, &theirs, now += 1000), COPIES_WAIT);
	assert_int_equal(copies_watch(&c, &ours, &theirs, now += 1000), COPIES_WAIT);
	assert_int_equal(copies_watch(&c, &ours, &theirs, now += 1000), COPIES_NONE);
	/* a copy speaks, and falls silent */
	c = (struct copies){.reads = 0};
	assert_int_equal(copies_watch(&c, &ours, &theirs, now), COPIES_WAIT);
	theirs.counter++;
	assert_int_equal(copies_watch(&c, &ours, &theirs, now += 1000), COPIES_ALIVE);
	assert_int_equal(copies_watch(&c, &ours, &theirs, now += 1000), COPIES_ALIVE);
	assert_int_equal(copies_watch(&c, &ours, &theirs, now += 1000), COPIES_ALIVE);
	assert_int_equal(copies_watch(&c, &ours, &theirs, now += 1000), COPIES_NONE);
}

static void
of_two_that_started_together_one_leaves(void **state)
{
	struct copies a = {.reads = 0}, b = {.reads = 0};
	struct node_text here = say_at("here", "1", 1), there = say_at("there", "2", 1);

	(void)state;
	assert_int_equal(copies_compare(&a, &here, &here), COPIES_NONE);
	assert_int_equal(copies_compare(&a, &here, &there), COPIES_NONE);
	assert_int_equal(copies_compare(&b, &there, &here), COPIES_NONE);
	assert_int_equal(copies_compare(&a, &here, &there), COPIES_NONE);
	assert_int_equal(copies_compare(&b, &there, &here), COPIES_ALIVE);
	/* another token: the number is somebody else's, which its key tells */
	snprintf(here.token, sizeof(here.token), "other");
	assert_int_equal(copies_compare(&b, &there, &here), COPIES_NONE);
}

/* --- texts and ids ------------------------------------------------------------------------------ */

static void
what_a_node_says_is_read_as_it_was_written(void **state)
{
	struct node_text t = say_at("there", "1", INT64_C(123456789012345678)), back;
	struct buf text = {.p = NULL};

	(void)state;
	snprintf(t.name, sizeof(t.name), "front-1");
	snprintf(t.epoch, sizeof(t.epoch), "e");
	snprintf(t.version, sizeof(t.version), "0.1");
	node_text_write(&text, &t);
	for (size_t n = 0; n <= text.n; n++) {
		char *cut = exact(buf_slice(&text), n);

		assert_int_equal(node_text_read(&back, (struct slice){cut, n}), n + 2 >= text.n);
		free(cut);
	}
	assert_memory_equal(&back, &t, sizeof(t));
	buf_clear(&text);
	snprintf(t.figures, sizeof(t.figures), "{\"sessions\":1}");
	node_text_write(&text, &t);
	assert_true(node_text_read(&back, buf_slice(&text)));
	assert_memory_equal(&back, &t, sizeof(t));
	buf_free(&text);
}

static void
what_no_node_has_said_is_refused(void **state)
{
	static const char *const bad[] = {"", " ", "1", "2 1 n t i e p v", "1 x n t i e p v",
	    "1 -1 n t i e p v", "1 1 n t i e p", "1 1  t i e p v", "1 1 n t i e p v\n{}",
	    "1 1 n t i e p \x1b", "1 1234567890123456789 n t i e p v",
	    "1 1 n2345678901234567890123456789012345678901 t i e p v"};
	struct node_text t;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char *copy = exact(slice_of(bad[i]), strlen(bad[i]));

		if (node_text_read(&t, (struct slice){copy, strlen(bad[i])}))
			fail_msg("\"%s\" is accepted", bad[i]);
		free(copy);
	}
}

static void
ids_of_a_stream_are_compared_as_numbers(void **state)
{
	(void)state;
	assert_true(stream_id_is("0-0"));
	assert_true(stream_id_is("18446744073709551615-18446744073709551615"));
	assert_false(stream_id_is(""));
	assert_false(stream_id_is("1"));
	assert_false(stream_id_is("1-"));
	assert_false(stream_id_is("-1"));
	assert_false(stream_id_is("1-2-3"));
	assert_false(stream_id_is("1-2 "));
	assert_false(stream_id_is("123456789012345678901-0"));
	assert_int_equal(stream_id_compare("9-0", "9-0"), 0);
	assert_true(stream_id_compare("9-0", "10-0") < 0);
	assert_true(stream_id_compare("9-10", "9-9") > 0);
	assert_int_equal(stream_id_age("1000-0", 1500), 500);
	assert_int_equal(stream_id_age("2000-0", 1500), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_node_lives_when_its_words_change),
	    cmocka_unit_test(silence_is_death_if_redis_answers_meanwhile),
	    cmocka_unit_test(a_short_timeout_still_takes_three_readings),
	    cmocka_unit_test(a_restart_and_another_owner_of_a_number_are_told),
	    cmocka_unit_test(one_that_lived_before_we_started_may_have_died),
	    cmocka_unit_test(words_of_an_earlier_life_do_not_hold_up_a_start),
	    cmocka_unit_test(words_from_elsewhere_are_watched),
	    cmocka_unit_test(of_two_that_started_together_one_leaves),
	    cmocka_unit_test(what_a_node_says_is_read_as_it_was_written),
	    cmocka_unit_test(what_no_node_has_said_is_refused),
	    cmocka_unit_test(ids_of_a_stream_are_compared_as_numbers),
	};

	return cmocka_run_group_tests_name("link_liveness", tests, NULL, NULL);
}
