#include "shared/base/redis_url.h"

#include "tests/unit/exact.h"

/* Parse a copy of exactly its size. */
static const char *
parse_exact(struct redis_url *u, struct slice text)
{
	char *copy = exact(text, text.n);
	const char *why = redis_url_parse(u, (struct slice){copy, text.n});

	free(copy);
	return why;
}

static const struct {
	struct slice text;
	const char *described, *user, *password;
} good[] = {
    /* clang-format off */
    {TEXT(""), "", "", ""},
    {TEXT("redis://localhost"), "redis://localhost:6379", "", ""},
    {TEXT("redis://localhost/"), "redis://localhost:6379", "", ""},
    {TEXT("redis://10.0.0.7:1"), "redis://10.0.0.7:1", "", ""},
    {TEXT("redis://redis.example:65535/15"), "redis://redis.example:65535/15", "", ""},
    {TEXT("redis://[::1]"), "redis://[::1]:6379", "", ""},
    {TEXT("redis://[2001:db8::1]:7000/2"), "redis://[2001:db8::1]:7000/2", "", ""},
    {TEXT("redis://:secret@a"), "redis://a:6379", "", "secret"},
    {TEXT("redis://me:secret@a:2"), "redis://a:2", "me", "secret"},
    {TEXT("redis://:a:b@c@host"), "redis://host:6379", "", "a:b@c"},
    {TEXT("redis://:%2f%40%25@host/1"), "redis://host:6379/1", "", "/@%"},
    {TEXT("unix:/run/redis/redis.sock"), "unix:/run/redis/redis.sock", "", ""},
    {TEXT("redis+sentinel://a/master"), "redis+sentinel://a:26379/master", "", ""},
    {TEXT("redis+sentinel://a:1,b,[::2]:3/my-master_1.x"), "redis+sentinel://a:1,b:26379,[::2]:3/my-master_1.x", "", ""},
    {TEXT("redis+sentinel://u:p,q@a:1,b:2/m/3"), "redis+sentinel://a:1,b:2/m/3", "u", "p,q"},
    /* clang-format on */
};

static void
what_is_right_is_read_and_described_without_its_password(void **state)
{
	char text[REDIS_URL_TEXT];
	struct redis_url u;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_null(parse_exact(&u, good[i].text));
		redis_url_describe(&u, text);
		assert_string_equal(text, good[i].described);
		assert_string_equal(u.user, good[i].user);
		assert_string_equal(u.password, good[i].password);
	}
}

static const struct {
	struct slice text;
	const char *why;
} bad[] = {
    /* clang-format off */
    {TEXT("localhost"), "not redis://"},
    {TEXT("localhost:6379"), "not redis://"},
    {TEXT("http://localhost:6379"), "not redis://"},
    {TEXT("Redis://localhost"), "not redis://"},
    {TEXT("unix:redis.sock"), "not redis://"},
    {TEXT("unix:/"), "path of a socket"},
    {TEXT("rediss://localhost"), "no TLS"},
    {TEXT("redis://"), "a host"},
    {TEXT("redis:///1"), "a host"},
    {TEXT("redis://:1"), "a host"},
    {TEXT("redis://a b"), "a host"},
    {TEXT("redis://[::1"), "a host"},
    {TEXT("redis://[]"), "a host"},
    {TEXT("redis://[::1]x"), "a host"},
    {TEXT("redis://[a]:1"), "a host"},
    {TEXT("redis://::1"), "a host"},
    {TEXT("redis://a:"), "a port"},
    {TEXT("redis://a:0"), "a port"},
    {TEXT("redis://a:65536"), "a port"},
    {TEXT("redis://a:6379x"), "a port"},
    {TEXT("redis://a:1:2"), "a port"},
    {TEXT("redis://a,b"), "one host"},
    {TEXT("redis://a/x"), "the database"},
    {TEXT("redis://a/1/2"), "the database"},
    {TEXT("redis://a/-1"), "the database"},
    {TEXT("redis://a/65536"), "the database"},
    {TEXT("redis://secret@a"), "before the @"},
    {TEXT("redis://me:@a"), "before the @"},
    {TEXT("redis://:%@a"), "the password"},
    {TEXT("redis://:%4@a"), "the password"},
    {TEXT("redis://:%zz@a"), "the password"},
    {TEXT("redis://:%00@a"), "the password"},
    {TEXT("redis://:sec/ret@a:1"), "a host"},
    {TEXT("redis+sentinel://a:1"), "the master"},
    {TEXT("redis+sentinel://a:1/"), "the master"},
    {TEXT("redis+sentinel://a:1/b@c"), "the master"},
    {TEXT("redis+sentinel://a:1,/b"), "a host"},
    {TEXT("redis+sentinel://a,b,c,d,e,f,g,h,i/m"), "more than 8"},
    {TEXT("redis+sentinel://a/m/x"), "the database"},
    /* clang-format on */
};

static void
what_is_wrong_is_told_without_a_piece_of_it(void **state)
{
	struct redis_url u;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *why = parse_exact(&u, bad[i].text);

		if (why == NULL || strstr(why, bad[i].why) == NULL)
			fail_msg("%.*s: %s", (int)bad[i].text.n, bad[i].text.p,
			    why == NULL ? "accepted" : why);
		assert_null(strstr(why, "secret"));
	}
}

static void
words_have_a_limit(void **state)
{
	char text[1024], path[REDIS_URL_PATH_MAX + 16] = "unix:/";
	struct redis_url u;
	int n;

	(void)state;
	n = snprintf(text, sizeof(text), "redis://:%0255d@a", 7);
	assert_null(parse_exact(&u, (struct slice){text, (size_t)n}));
	assert_int_equal(strlen(u.password), 255);
	n = snprintf(text, sizeof(text), "redis://:%0256d@a", 7);
	assert_non_null(parse_exact(&u, (struct slice){text, (size_t)n}));
	n = snprintf(text, sizeof(text), "redis://%0256d", 7);
	assert_non_null(parse_exact(&u, (struct slice){text, (size_t)n}));
	n = snprintf(text, sizeof(text), "redis+sentinel://a/%0256d", 7);
	assert_non_null(parse_exact(&u, (struct slice){text, (size_t)n}));
	memset(path + 6, 'x', REDIS_URL_PATH_MAX);
	assert_null(parse_exact(&u, (struct slice){path, 5 + REDIS_URL_PATH_MAX}));
	assert_non_null(parse_exact(&u, (struct slice){path, 6 + REDIS_URL_PATH_MAX}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_right_is_read_and_described_without_its_password),
	    cmocka_unit_test(what_is_wrong_is_told_without_a_piece_of_it),
	    cmocka_unit_test(words_have_a_limit),
	};

	return cmocka_run_group_tests_name("redis_url", tests, NULL, NULL);
}
