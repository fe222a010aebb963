#include "shared/base/proxies.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "tests/unit/exact.h"

/* --- addresses ------------------------------------------------------------------------------ */

static void
an_address_has_one_text(void **state)
{
	static const struct {
		struct slice text;
		const char *canonical; /* NULL: no address */
	} table[] = {
	    {TEXT("192.0.2.1"), "192.0.2.1"},
	    {TEXT("192.0.2.1:80"), "192.0.2.1"},
	    {TEXT("::ffff:192.0.2.1"), "192.0.2.1"},
	    {TEXT("::FFFF:C000:0201"), "192.0.2.1"},
	    {TEXT("[::ffff:192.0.2.1]:65535"), "192.0.2.1"},
	    {TEXT("2001:DB8:0:0:0:0:0:1"), "2001:db8::1"},
	    {TEXT("[2001:db8::1]"), "2001:db8::1"},
	    {TEXT("[2001:db8::1]:8080"), "2001:db8::1"},
	    {TEXT("::1"), "::1"},
	    {TEXT("::"), "::"},
	    {TEXT("0.0.0.0"), "0.0.0.0"},
	    {TEXT(""), NULL},
	    {TEXT(" 192.0.2.1"), NULL},
	    {TEXT("192.0.2"), NULL},
	    {TEXT("192.0.2.256"), NULL},
	    {TEXT("192.0.2.1.2"), NULL},
	    {TEXT("192.0.2.1:"), NULL},
	    {TEXT("192.0.2.1:x"), NULL},
	    {TEXT("192.0.2.1:65536"), NULL},
	    {TEXT("192.0.2.1:000080"), NULL},
	    {TEXT("[192.0.2.1]"), NULL},
	    {TEXT("[192.0.2.1]:80"), NULL},
	    {TEXT("[::1"), NULL},
	    {TEXT("[::1]x"), NULL},
	    {TEXT("[::1]:"), NULL},
	    {TEXT("[]"), NULL},
	    {TEXT("["), NULL},
	    {TEXT(":"), NULL},
	    {TEXT("::1%lo"), NULL},
	    {TEXT("1:2:3:4:5:6:7:8:9"), NULL},
	    {TEXT("unknown"), NULL},
	    {TEXT("_hidden"), NULL},
	    {TEXT("127.0.0.1\0"), NULL},
	    {TEXT("2001:0db8:0000:0000:0000:0000:0000:00000000000000001"), NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *copy = exact(table[i].text, table[i].text.n);
		char text[ADDRESS_SIZE] = "";
		struct address a;
		bool found = address_parse(&a, (struct slice){copy, table[i].text.n});

		if (found)
			address_write(&a, text);
		if (found != (table[i].canonical != NULL) ||
		    (found && strcmp(text, table[i].canonical) != 0))
			fail_msg("%s gave \"%s\"", table[i].text.p, text);
		free(copy);
	}
}

static struct address
address(const char *text)
{
	struct address a;

	assert_true(address_parse(&a, slice_of(text)));
	return a;
}

static int64_t
network(const char *text)
{
	struct address a = address(text);

	return address_network(&a);
}

static void
an_address_is_counted_by_itself_or_by_its_64(void **state)
{
	(void)state;
	assert_true(network("192.0.2.1") == network("::ffff:192.0.2.1"));
	assert_true(network("192.0.2.1") != network("192.0.2.2"));
	assert_true(network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9"));
	assert_true(network("2001:db8:1:2::1") != network("2001:db8:1:3::1"));
	assert_true(network("::1") != 0 && network("0.0.0.0") != 0);
}

static void
a_socket_has_an_address(void **state)
{
	struct sockaddr_storage any = {.ss_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	char text[ADDRESS_SIZE];
	struct address a;

	(void)state;
	assert_false(address_of_socket(&a, &any));
	inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
	memcpy(&any, &in, sizeof(in));
	assert_true(address_of_socket(&a, &any));
	address_write(&a, text);
	assert_string_equal(text, "192.0.2.1");
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
	memcpy(&any, &in6, sizeof(in6));
	assert_true(address_of_socket(&a, &any));
	address_write(&a, text);
	assert_string_equal(text, "192.0.2.1");
}

/* --- the list of the proxies ---------------------------------------------------------------- */

static void
networks_hold_their_addresses(void **state)
{
	static const struct {
		const char *list, *address;
		bool trusted;
	} table[] = {
	    {"10.0.0.0/8", "10.255.0.1", true},
	    {"10.0.0.0/8", "11.0.0.1", false},
	    {"10.0.0.0/8", "::ffff:10.0.0.1", true},
	    {"10.0.0.0/8", "a00::1", false},
	    {"192.0.2.128/25", "192.0.2.127", false},
	    {"192.0.2.128/25", "192.0.2.128", true},
	    {"192.0.2.129/25", "192.0.2.200", true},
	    {"192.0.2.1", "192.0.2.1", true},
	    {"192.0.2.1", "192.0.2.2", false},
	    {"0.0.0.0/0", "203.0.113.1", true},
	    {"0.0.0.0/0", "2001:db8::1", false},
	    {"::/0", "203.0.113.1", true},
	    {"2001:db8::/33", "2001:db8:7fff::1", true},
	    {"2001:db8::/33", "2001:db8:8000::1", false},
	    {"192.0.2.1,2001:db8::1", "2001:db8::1", true},
	    {"unix", "127.0.0.1", false},
	    {"", "127.0.0.1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct address a = address(table[i].address);
		struct proxies p;
		struct slice bad;

		assert_int_equal(proxies_parse(&p, slice_of(table[i].list), &bad), 0);
		if (proxies_trust(&p, &a) != table[i].trusted)
			fail_msg("%s in %s", table[i].address, table[i].list);
	}
}

static void
what_is_no_network_is_refused(void **state)
{
	static const char *const table[] = {
	    "proxy.example",
	    "10.0.0.0/33",
	    "10.0.0.0/",
	    "10.0.0.0/8/8",
	    "10.0.0.0/-1",
	    "10.0.0.0/0x8",
	    "10.0.0.0/0008",
	    "::1/129",
	    "10.0.0.1:80",
	    "[::1]",
	    "/8",
	    "10.0.0",
	    "*",
	    "Unix",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char list[64];
		struct proxies p;
		struct slice bad;

		snprintf(list, sizeof(list), "127.0.0.1,%s,::1", table[i]);
		if (proxies_parse(&p, slice_of(list), &bad) == 0 || !slice_is(bad, table[i]))
			fail_msg("%s was accepted", table[i]);
	}
}

/* --- the walk ------------------------------------------------------------------------------- */

static void
the_last_address_that_is_not_trusted_is_the_clients(void **state)
{
	static const struct {
		const char *peer;          /* NULL: by a unix socket */
		const char *last, *before; /* headers; NULL: none */
		const char *client;        /* "": unknown */
		size_t passed;
		const char *outer; /* NULL: none */
	} table[] = {
	    /* nobody to trust: what the client claims is nothing */
	    {"203.0.113.9", "192.0.2.1", NULL, "203.0.113.9", 0, NULL},
	    {"127.0.0.1", NULL, NULL, "127.0.0.1", 0, NULL},
	    {"127.0.0.1", "192.0.2.1", NULL, "192.0.2.1", 1, "127.0.0.1"},
	    {"127.0.0.1", "198.51.100.7, 192.0.2.1", NULL, "192.0.2.1", 1, "127.0.0.1"},
	    {"127.0.0.1", "192.0.2.1,10.0.0.1", NULL, "192.0.2.1", 2, "10.0.0.1"},
	    {"127.0.0.1", "198.51.100.7\t, 192.0.2.1 , 10.0.0.1,10.0.0.2", NULL, "192.0.2.1", 3,
		"10.0.0.1"},
	    /* all of them are trusted: the first is the client */
	    {"127.0.0.1", "10.0.0.3, 10.0.0.1", NULL, "10.0.0.3", 2, "10.0.0.1"},
	    /* ports, brackets, and IPv4 in IPv6 */
	    {"::ffff:127.0.0.1", "192.0.2.1:4711", NULL, "192.0.2.1", 1, "127.0.0.1"},
	    {"127.0.0.1", "[2001:DB8::1]:4711, ::ffff:10.0.0.1", NULL, "2001:db8::1", 2,
		"10.0.0.1"},
	    /* garbage ends the walk: what passed it on is all that is known */
	    {"127.0.0.1", "unknown", NULL, "127.0.0.1", 0, NULL},
	    {"127.0.0.1", "192.0.2.1, <script>", NULL, "127.0.0.1", 0, NULL},
	    {"127.0.0.1", "192.0.2.1, unknown, 10.0.0.1", NULL, "10.0.0.1", 1, "127.0.0.1"},
	    {"127.0.0.1", "unknown, 192.0.2.1", NULL, "192.0.2.1", 1, "127.0.0.1"},
	    {"127.0.0.1", "", NULL, "127.0.0.1", 0, NULL},
	    {"127.0.0.1", ", ,192.0.2.1,", NULL, "192.0.2.1", 1, "127.0.0.1"},
	    /* two headers are one list */
	    {"127.0.0.1", "192.0.2.1", "198.51.100.7", "192.0.2.1", 1, "127.0.0.1"},
	    {"127.0.0.1", "10.0.0.1", "198.51.100.7, 192.0.2.1", "192.0.2.1", 2, "10.0.0.1"},
	    {"127.0.0.1", "unknown", "192.0.2.1", "127.0.0.1", 0, NULL},
	    /* by a unix socket */
	    {NULL, NULL, NULL, "", 0, NULL},
	    {NULL, "192.0.2.1", NULL, "192.0.2.1", 1, NULL},
	    {NULL, "192.0.2.1, 10.0.0.1", NULL, "192.0.2.1", 2, "10.0.0.1"},
	};
	struct proxies p;
	struct slice bad;

	(void)state;
	assert_int_equal(proxies_parse(&p, SLICE("127.0.0.0/8,::1,unix,10.0.0.0/8"), &bad), 0);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct slice forwarded[2] = {slice_of(table[i].last), slice_of(table[i].before)};
		struct proxies_client c;
		struct address peer;
		char text[ADDRESS_SIZE] = "", outer[ADDRESS_SIZE] = "";

		if (table[i].peer != NULL)
			peer = address(table[i].peer);
		proxies_find_client(&p, table[i].peer == NULL ? NULL : &peer, forwarded,
		    table[i].before == NULL ? 1 : 2, &c);
		if (c.known)
			address_write(&c.address, text);
		if (c.passed > 0 && c.outer_known)
			address_write(&c.outer, outer);
		if (strcmp(text, table[i].client) != 0 || c.passed != table[i].passed ||
		    strcmp(outer, table[i].outer == NULL ? "" : table[i].outer) != 0)
			fail_msg("%s by %s: \"%s\" behind %zu, \"%s\"", table[i].last,
			    table[i].peer, text, c.passed, outer);
	}
}

static void
a_unix_socket_is_trusted_only_if_the_list_says_so(void **state)
{
	struct slice forwarded = SLICE("192.0.2.1"), bad;
	struct proxies_client c;
	struct proxies p;

	(void)state;
	assert_int_equal(proxies_parse(&p, SLICE("127.0.0.1"), &bad), 0);
	proxies_find_client(&p, NULL, &forwarded, 1, &c);
	assert_false(c.known || c.by_proxy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_address_has_one_text),
	    cmocka_unit_test(an_address_is_counted_by_itself_or_by_its_64),
	    cmocka_unit_test(a_socket_has_an_address),
	    cmocka_unit_test(networks_hold_their_addresses),
	    cmocka_unit_test(what_is_no_network_is_refused),
	    cmocka_unit_test(the_last_address_that_is_not_trusted_is_the_clients),
	    cmocka_unit_test(a_unix_socket_is_trusted_only_if_the_list_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
