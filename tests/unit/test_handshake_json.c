/* What a session keeps of its handshake, and that it stays within its limit whatever clients send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "shared/transport/internal.h"
#include "shared/wire/json.h"

#define MOST 4096

static const char *cookie = "sid=1";
static const char *noise = "x";

static void
each_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	(void)x;
	each(arg, SLICE("accept"), SLICE("*/*"));
	each(arg, SLICE("x-noise"), slice_of(noise));
	each(arg, SLICE("cookie"), slice_of(cookie));
	each(arg, SLICE("user-agent"), SLICE("test"));
}

/* A text of `n` times `c`; static, one at a time. */
static const char *
repeat(char c, size_t n)
{
	static char text[10000];

	memset(text, c, n);
	text[n] = '\0';
	return text;
}

/* Write the handshake of "/socket.io/1/?QUERY" and check that what was written is JSON of at most
 * MOST bytes.  Return what handshake_json_write() returns. */
static int
write_json(struct buf *out, const char *query)
{
	static char target[12000];
	struct exchange x = {.address = SLICE("127.0.0.1"), .each_header = each_header};
	struct route route = {.query = slice_of(query)};
	struct json_value value;
	int left_out;

	strcpy(target, "/socket.io/1/?");
	strcat(target, query);
	x.target = slice_of(target);
	buf_clear(out);
	left_out = handshake_json_write(out, &x, &route, MOST);
	assert_false(out->failed);
	if (left_out == -1)
		return -1;
	assert_int_equal(out->n, strlen(out->p) + 1);
	assert_true(out->n - 1 <= MOST);
	assert_int_equal(json_parse(&value, slice_of(out->p)), 0);
	return left_out;
}

static void
a_usual_handshake_is_kept_whole(void **state)
{
	struct buf out = {.p = NULL};

	(void)state;
	cookie = "sid=1";
	noise = "x";
	assert_int_equal(write_json(&out, "t=1&room=a%20b"), 0);
	assert_non_null(strstr(out.p, "\"accept\":\"*/*\""));
	assert_non_null(strstr(out.p, "\"query\":{\"t\":\"1\",\"room\":\"a b\"}"));
	assert_non_null(strstr(out.p, "\"url\":\"/socket.io/1/?t=1&room=a%20b\"}"));
	buf_free(&out);
}

static void
the_cookie_comes_first_and_what_does_not_fit_is_left_out(void **state)
{
	struct buf out = {.p = NULL};

	(void)state;
	cookie = "sid=1";
	noise = repeat('"', 2000); /* 4,000 bytes when escaped */
	assert_int_equal(write_json(&out, "t=1"), 1);
	assert_null(strstr(out.p, "x-noise"));
	assert_non_null(strstr(out.p, "\"cookie\":\"sid=1\""));
	assert_non_null(strstr(out.p, "\"user-agent\":\"test\""));
	/* a long one leaves less for the others */
	cookie = repeat('c', 3000);
	noise = cookie;
	assert_int_equal(write_json(&out, "t=1"), 1);
	assert_non_null(strstr(out.p, "\"cookie\":\"ccc"));
	cookie = repeat('c', 5000);
	noise = "x";
	assert_int_equal(write_json(&out, "t=1"), 1);
	assert_null(strstr(out.p, "\"cookie\""));
	assert_non_null(strstr(out.p, "\"x-noise\":\"x\""));
	buf_free(&out);
}

static void
a_long_query_costs_the_url_and_a_longer_one_is_refused(void **state)
{
	struct buf out = {.p = NULL};

	(void)state;
	cookie = "sid=1";
	noise = "x";
	assert_int_equal(write_json(&out, repeat('q', 3000)), 0);
	assert_non_null(strstr(out.p, "\"url\":\"\""));
	assert_non_null(strstr(out.p, "\"query\":{\"qqq"));
	assert_int_equal(write_json(&out, repeat('q', 4096)), -1);
	assert_int_equal(write_json(&out, repeat('\\', 7300)), -1);
	assert_int_equal(write_json(&out, repeat('\\', 2100)), -1);
	assert_int_equal(write_json(&out, repeat('\1', 1000)), -1);
	assert_int_equal(write_json(&out, repeat('&', 9000)), 0);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_usual_handshake_is_kept_whole),
	    cmocka_unit_test(the_cookie_comes_first_and_what_does_not_fit_is_left_out),
	    cmocka_unit_test(a_long_query_costs_the_url_and_a_longer_one_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
