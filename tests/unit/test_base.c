#include "shared/base/buf.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/slice.h"

#include <errno.h>
#include <unistd.h>

#include "tests/unit/exact.h"

static const struct slice nothing = {NULL, 0};

static void
slices_compare_by_their_bytes(void **state)
{
	(void)state;
	assert_true(slice_equal(nothing, SLICE("")));
	assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
	assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
	assert_false(slice_equal(SLICE("ab"), SLICE("abc")));
	assert_true(slice_is(SLICE("abc"), "abc"));
	assert_false(slice_is(SLICE("abc"), "ab"));
	assert_false(slice_is(SLICE("ab\0"), "ab"));
	assert_true(slice_is(nothing, ""));
	assert_true(slice_is(nothing, NULL));
	assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
	assert_true(slice_starts(nothing, nothing));
	assert_false(slice_starts(SLICE("ab"), SLICE("abc")));
	assert_false(slice_starts(nothing, SLICE("a")));
	assert_int_equal(slice_of(NULL).n, 0);
	assert_int_equal(slice_of("abc").n, 3);
	assert_int_equal(slice_skip(nothing, 0).n, 0);
	assert_true(slice_is(slice_skip(SLICE("abc"), 2), "c"));
	assert_int_equal(slice_skip(SLICE("abc"), 3).n, 0);
}

static void
slices_are_cut_at_separators(void **state)
{
	static const struct {
		struct slice text;
		const char *pieces[4];
	} table[] = {
	    {{NULL, 0}, {NULL}},
	    {TEXT(""), {"", NULL}},
	    {TEXT("a"), {"a", NULL}},
	    {TEXT("a,"), {"a", "", NULL}},
	    {TEXT(",a"), {"", "a", NULL}},
	    {TEXT("a,,b"), {"a", "", "b", NULL}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *copy = exact(table[i].text, table[i].text.n);
		struct slice rest = {copy, table[i].text.n}, piece = nothing;

		if (table[i].text.p == NULL)
			rest = nothing;
		for (size_t n = 0; table[i].pieces[n] != NULL; n++) {
			assert_true(slice_cut(&rest, ',', &piece));
			assert_slice(piece, slice_of(table[i].pieces[n]), table[i].text);
		}
		assert_false(slice_cut(&rest, ',', &piece));
		free(copy);
	}
}

static void
buffers_grow_and_keep_their_bytes(void **state)
{
	struct buf b = {0}; /* a zeroed struct is a start too */

	(void)state;
	buf_add(&b, NULL, 0);
	assert_null(b.p);
	for (int i = 0; i < 1000; i++) {
		buf_puts(&b, "ab");
		buf_add_slice(&b, SLICE("c\0"));
		buf_add_char(&b, 'd');
		buf_printf(&b, "%03d", i);
	}
	assert_false(b.failed);
	assert_int_equal(b.n, 8000);
	assert_true(b.cap >= b.n);
	for (size_t i = 0; i < 1000; i++) {
		char want[9];

		snprintf(want, sizeof(want), "abc?d%03zu", i);
		want[3] = '\0';
		assert_memory_equal(b.p + 8 * i, want, 8);
	}
	buf_free(&b);
	assert_null(b.p);
	assert_int_equal(b.n + b.cap, 0);
	buf_free(&b);
}

static void
a_full_buffer_remembers_its_failure(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	buf_puts(&b, "12345678");
	assert_false(b.failed);
	buf_add_char(&b, '9');
	assert_true(b.failed);
	buf_clear(&b);
	assert_false(b.failed);
	buf_puts(&b, "1234");
	buf_puts(&b, "56789"); /* all or nothing */
	assert_true(b.failed);
	buf_puts(&b, "5"); /* would fit, but the text has a hole already */
	buf_printf(&b, "%d", 5);
	assert_null(buf_reserve(&b, 1));
	assert_slice(buf_slice(&b), SLICE("1234"), nothing);
	buf_clear(&b);
	buf_printf(&b, "%s", "123456789");
	assert_true(b.failed);
	assert_int_equal(b.n, 0);
	buf_clear(&b);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_free(&b);
	assert_int_equal(b.ceiling, 8);
	buf_puts(&b, "again");
	assert_slice(buf_slice(&b), SLICE("again"), nothing);
	buf_free(&b);
}

static void
bytes_are_reserved_and_consumed(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, 0);
	p = buf_reserve(&b, 5);
	assert_non_null(p);
	memcpy(p, "hello", 5);
	b.n += 5;
	buf_consume(&b, 0);
	buf_consume(&b, 2);
	assert_slice(buf_slice(&b), SLICE("llo"), nothing);
	buf_consume(&b, 3);
	assert_int_equal(b.n, 0);
	buf_puts(&b, "x");
	assert_slice(buf_slice(&b), SLICE("x"), nothing);
	assert_null(buf_reserve(&b, BUF_CEILING));
	buf_free(&b);
}

/* What the log writes between two calls, as one text; the time and the process are left out. */
struct capture {
	char path[64];
	FILE *file;
	char line[2048];
};

static void
capture_open(struct capture *c, enum log_level level)
{
	int fd;

	strcpy(c->path, "/tmp/pollux-log-XXXXXX");
	fd = mkstemp(c->path);
	assert_int_not_equal(fd, -1);
	c->file = fdopen(fd, "r");
	assert_non_null(c->file);
	assert_int_equal(log_open("test", level, c->path), 0);
}

/* The next line from its level on, without the line feed; NULL at the end. */
static const char *
capture_line(struct capture *c)
{
	char *text;

	clearerr(c->file);
	if (fgets(c->line, sizeof(c->line), c->file) == NULL)
		return NULL;
	text = strchr(c->line, '\n');
	assert_non_null(text);
	*text = '\0';
	text = strstr(c->line, "] ");
	assert_non_null(text);
	return text + 2;
}

static void
capture_close(struct capture *c)
{
	assert_null(capture_line(c));
	fclose(c->file);
	unlink(c->path);
}

static void
the_log_has_a_line_for_each_event(void **state)
{
	struct capture c;

	(void)state;
	capture_open(&c, LOG_LEVEL_INFO);
	errno = ENOENT;
	log_err("open %s", "x");
	assert_string_equal(capture_line(&c), "error: open x: No such file or directory");
	assert_int_equal(errno, ENOENT);
	log_errx("id=%d", 7);
	assert_string_equal(capture_line(&c), "error: id=7");
	log_warn("a");
	assert_string_equal(capture_line(&c), "warn: a: No such file or directory");
	log_warnx("b");
	assert_string_equal(capture_line(&c), "warn: b");
	log_info("c");
	assert_string_equal(capture_line(&c), "info: c");
	log_debug("not said");
	log_trace("not said");
	assert_false(log_enabled(LOG_LEVEL_DEBUG));
	capture_close(&c);
}

static void
a_line_begins_with_time_program_and_process(void **state)
{
	struct capture c;
	char want[64];
	int end = 0;

	(void)state;
	capture_open(&c, LOG_LEVEL_TRACE);
	log_trace("x");
	assert_string_equal(capture_line(&c), "trace: x");
	assert_int_equal(sscanf(c.line, "%*4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n", &end), 0);
	snprintf(want, sizeof(want), "test[%d] trace: x", (int)getpid());
	assert_string_equal(c.line + end, want);
	capture_close(&c);
}

static void
what_a_client_sent_stays_on_one_line(void **state)
{
	struct capture c;
	char large[4096];
	const char *line;

	(void)state;
	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	capture_open(&c, LOG_LEVEL_INFO);
	log_info("a\nb\r\x1b[1mc\x7f");
	assert_string_equal(capture_line(&c), "info: a b  [1mc ");
	errno = ENOENT;
	log_err("%s", large);
	line = capture_line(&c);
	assert_true(strlen(c.line) < 1024);
	assert_true(strlen(line) > 900);
	capture_close(&c);
}

static void
a_log_that_cannot_be_opened_changes_nothing(void **state)
{
	struct capture c;

	(void)state;
	capture_open(&c, LOG_LEVEL_INFO);
	errno = 0;
	assert_int_equal(log_open("test", LOG_LEVEL_INFO, "/nonexistent/log"), -1);
	assert_int_equal(errno, ENOENT);
	log_info("still here");
	assert_string_equal(capture_line(&c), "info: still here");
	capture_close(&c);
}

static void
a_line_from_a_signal_handler_looks_like_the_others(void **state)
{
	struct capture c;
	char first[sizeof(c.line)], other[sizeof(c.line)];

	(void)state;
	capture_open(&c, LOG_LEVEL_INFO);
	do { /* until no second ends between the lines */
		log_errx("a \"b\" c ");
		log_from_signal((const char *const[]){"a \"", "b", "\" c\n", NULL});
		log_errx("d");
		assert_string_equal(capture_line(&c), "error: a \"b\" c ");
		strcpy(first, c.line);
		assert_string_equal(capture_line(&c), "error: a \"b\" c ");
		strcpy(other, c.line);
		assert_non_null(capture_line(&c));
	} while (strncmp(first, c.line, 19) != 0);
	/* but for the milliseconds */
	memset(first + 20, 'x', 3);
	memset(other + 20, 'x', 3);
	assert_string_equal(first, other);
	capture_close(&c);
}

/* One call, hence one kind. */
static void
complain_of(int n)
{
	log_limited(LOG_LEVEL_WARN, "client %d is rude", n);
}

static void
a_line_that_repeats_is_counted_once_a_minute(void **state)
{
	struct capture c;
	int64_t now = clock_ms();

	(void)state;
	capture_open(&c, LOG_LEVEL_INFO);
	for (int i = 1; i <= 1000; i++)
		complain_of(i);
	log_limited(LOG_LEVEL_INFO, "another kind");
	log_limited(LOG_LEVEL_DEBUG, "not said");
	assert_string_equal(capture_line(&c), "warn: client 1 is rude");
	assert_string_equal(capture_line(&c), "info: another kind");
	log_tick(now + 50000);
	assert_null(capture_line(&c));
	/* the count comes by itself, also if no more follow; a single line has none */
	log_tick(now + 61000);
	assert_string_equal(capture_line(&c), "warn: client 1 is rude (999 more like this since)");
	assert_null(capture_line(&c));
	/* and the next ones wait for the minute after it */
	complain_of(2);
	complain_of(3);
	assert_null(capture_line(&c));
	log_tick(now + 122000);
	assert_string_equal(capture_line(&c), "warn: client 1 is rude (2 more like this since)");
	/* after a minute without any it is news again */
	log_tick(now + 183000);
	complain_of(4);
	assert_string_equal(capture_line(&c), "warn: client 4 is rude");
	capture_close(&c);
}

static void
drop_events(uint64_t n, int status)
{
	log_counted(LOG_LEVEL_WARN, n, "events dropped", "answered %d", status);
}

static void
a_line_that_tells_of_many_is_counted_by_them(void **state)
{
	struct capture c;
	int64_t now = clock_ms();

	(void)state;
	capture_open(&c, LOG_LEVEL_INFO);
	drop_events(3, 404);
	drop_events(10, 500);
	drop_events(4, 500);
	assert_string_equal(capture_line(&c), "warn: answered 404; events dropped: 3");
	assert_null(capture_line(&c));
	log_tick(now + 61000);
	assert_string_equal(capture_line(&c), "warn: answered 404 (14 more events dropped since)");
	/* none is no reason for a count */
	drop_events(0, 500);
	log_tick(now + 122000);
	assert_null(capture_line(&c));
	capture_close(&c);
}

static void
levels_have_names(void **state)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
	enum log_level level;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(log_level_parse(names[i], &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("", &level), -1);
	assert_int_equal(log_level_parse("Info", &level), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slices_compare_by_their_bytes),
	    cmocka_unit_test(slices_are_cut_at_separators),
	    cmocka_unit_test(buffers_grow_and_keep_their_bytes),
	    cmocka_unit_test(a_full_buffer_remembers_its_failure),
	    cmocka_unit_test(bytes_are_reserved_and_consumed),
	    cmocka_unit_test(the_log_has_a_line_for_each_event),
	    cmocka_unit_test(a_line_begins_with_time_program_and_process),
	    cmocka_unit_test(what_a_client_sent_stays_on_one_line),
	    cmocka_unit_test(a_log_that_cannot_be_opened_changes_nothing),
	    cmocka_unit_test(a_line_from_a_signal_handler_looks_like_the_others),
	    cmocka_unit_test(a_line_that_repeats_is_counted_once_a_minute),
	    cmocka_unit_test(a_line_that_tells_of_many_is_counted_by_them),
	    cmocka_unit_test(levels_have_names),
	};

	unsetenv("JOURNAL_STREAM"); /* lines for a journal have no time */
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
