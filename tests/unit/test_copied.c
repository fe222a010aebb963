#include "shared/transport/copied.h"

#include "shared/base/container.h"
#include "shared/link/pack.h"

#include "tests/unit/exact.h"

static const struct {
	struct slice name, value;
} headers[] = {
    {TEXT("host"), TEXT("pollux.example")},
    {TEXT("accept"), TEXT("one")},
    {TEXT("accept"), TEXT("two")},
    {TEXT("x-empty"), TEXT("")},
};

/* As FastCGI does, the Content-Type is known, but not listed. */
static struct slice
find(const struct exchange *x, const char *name)
{
	(void)x;
	if (strcmp(name, "content-type") == 0)
		return SLICE("text/plain");
	for (size_t i = 0; i < COUNT(headers); i++)
		if (slice_is(headers[i].name, name))
			return headers[i].value;
	return (struct slice){NULL, 0};
}

static void
list(const struct exchange *x, void (*each)(void *arg, struct slice name, struct slice value),
    void *arg)
{
	(void)x;
	for (size_t i = 0; i < COUNT(headers); i++)
		each(arg, headers[i].name, headers[i].value);
}

static bool
does(const struct exchange *x)
{
	(void)x;
	return true;
}

static struct exchange
request(void)
{
	return (struct exchange){
	    .method = SLICE("POST"),
	    .target = SLICE("/socket.io/1/xhr-polling/4HORyPf2BtnJeOMqmPjQ?t=1"),
	    .origin = SLICE("http://page.example"),
	    .referer = SLICE("http://page.example/a"),
	    .body = (struct slice){"3:::a\0\n", 7},
	    .address = SLICE("2001:db8::1"),
	    .port = 4711,
	    .by_proxy = true,
	    .proxy = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0}},
	    .again = true,
	    .header = find,
	    .each_header = list,
	    .upgrades = does,
	};
}

static void
count(void *arg, struct slice name, struct slice value)
{
	size_t *n = arg;

	if (*n < COUNT(headers)) {
		assert_slice(name, headers[*n].name, name);
		assert_slice(value, headers[*n].value, name);
	}
	++*n;
}

static void
a_copy_says_what_the_request_said(void **state)
{
	struct exchange x = request();
	struct buf bytes = {.p = NULL};
	struct copied c;
	size_t n = 0;

	(void)state;
	copied_pack(&bytes, &x);
	assert_false(bytes.failed);
	assert_int_equal(copied_open(&c, buf_slice(&bytes)), COPIED_OK);
	memset(bytes.p, 'x', bytes.n); /* it has bytes of its own */
	buf_free(&bytes);
	assert_slice(c.x.method, x.method, x.method);
	assert_slice(c.x.target, x.target, x.target);
	assert_slice(c.x.origin, x.origin, x.origin);
	assert_slice(c.x.referer, x.referer, x.referer);
	assert_slice(c.x.body, x.body, x.body);
	assert_slice(c.x.address, x.address, x.address);
	assert_int_equal(c.x.port, 4711);
	assert_memory_equal(&c.x.proxy, &x.proxy, sizeof(x.proxy));
	assert_true(c.x.by_proxy);
	assert_false(c.x.secure);
	assert_false(c.x.body_too_large);
	assert_true(c.x.again);
	assert_true(c.x.upgrades(&c.x));
	assert_slice(c.x.header(&c.x, "accept"), SLICE("one"), SLICE("accept"));
	assert_slice(c.x.header(&c.x, "content-type"), SLICE("text/plain"), SLICE("content-type"));
	assert_int_equal(c.x.header(&c.x, "cookie").n, 0);
	c.x.each_header(&c.x, count, &n);
	assert_int_equal(n, COUNT(headers) + 1);
	copied_close(&c);
}

/* Cut anywhere, it is refused; with more at its end, as a newer node may append, it is not. */
static void
what_is_cut_is_refused(void **state)
{
	struct exchange x = request();
	struct buf bytes = {.p = NULL};
	struct copied c;

	(void)state;
	copied_pack(&bytes, &x);
	for (size_t n = 0; n < bytes.n; n++) {
		char *copy = exact(buf_slice(&bytes), n);

		if (copied_open(&c, (struct slice){copy, n}) != COPIED_MALFORMED)
			fail_msg("cut to %zu of %zu bytes", n, bytes.n);
		free(copy);
	}
	buf_puts(&bytes, "more");
	assert_int_equal(copied_open(&c, buf_slice(&bytes)), COPIED_OK);
	copied_close(&c);
	buf_free(&bytes);
}

/* Whatever one byte is changed to, nothing outside of the copy is read, and what is taken has no
 * line break that could get into the head of an answer. */
static void
a_changed_byte_does_no_harm(void **state)
{
	static const unsigned char changes[] = {0, '\n', '\r', 0x7f, 0xff};
	struct exchange x = request();
	struct buf bytes = {.p = NULL};
	size_t n = 0;

	(void)state;
	copied_pack(&bytes, &x);
	for (size_t at = 0; at < bytes.n; at++)
		for (size_t i = 0; i < COUNT(changes); i++) {
			char *copy = exact(buf_slice(&bytes), bytes.n);
			struct copied c;

			copy[at] = (char)changes[i];
			if (copied_open(&c, (struct slice){copy, bytes.n}) == COPIED_OK) {
				if (c.x.origin.n > 0)
					assert_null(memchr(c.x.origin.p, '\n', c.x.origin.n));
				c.x.each_header(&c.x, count, &(size_t){COUNT(headers)});
				n++;
				copied_close(&c);
			}
			free(copy);
		}
	assert_true(n > 0);
	buf_free(&bytes);
}

static void
malformed_parts_are_refused(void **state)
{
	struct exchange bad[6];
	struct buf bytes = {.p = NULL};
	struct copied c;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		bad[i] = request();
	bad[0].port = 65536;
	bad[1].method = SLICE("");
	bad[2].target = SLICE("");
	bad[3].origin = SLICE("http://a\r\nSet-Cookie: b");
	bad[4].address = SLICE("127.0.0.1\0");
	bad[5].address = SLICE("2001:DB8::1");
	for (size_t i = 0; i < COUNT(bad); i++) {
		buf_clear(&bytes);
		copied_pack(&bytes, &bad[i]);
		if (copied_open(&c, buf_slice(&bytes)) != COPIED_MALFORMED)
			fail_msg("bad[%zu] was taken", i);
	}
	buf_free(&bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_copy_says_what_the_request_said),
	    cmocka_unit_test(what_is_cut_is_refused),
	    cmocka_unit_test(a_changed_byte_does_no_harm),
	    cmocka_unit_test(malformed_parts_are_refused),
	};

	return cmocka_run_group_tests_name("copied", tests, NULL, NULL);
}
