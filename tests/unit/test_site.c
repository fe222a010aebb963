/* site: a URL is taken apart as a browser does, and its path leads to Socket.IO. */
#include "cli/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
urls_lead_to_the_path_of_socket_io(void **state)
{
	static const struct {
		const char *url, *authority, *folder, *path;
		unsigned port;
		bool tls;
	} rows[] = {
	    {"http://example.com", "example.com", "", "/socket.io", 80, false},
	    {"http://example.com/", "example.com", "", "/socket.io", 80, false},
	    {"https://example.com/app//", "example.com", "/app", "/app/socket.io", 443, true},
	    {"http://example.com:8080/socket.io", "example.com:8080", "", "/socket.io", 8080,
		false},
	    {"http://example.com:80/a/socket.io/?x=1#y", "example.com", "/a", "/a/socket.io", 80,
		false},
	    {"https://[::1]:8443/my-socket.io", "[::1]:8443", "/my-socket.io",
		"/my-socket.io/socket.io", 8443, true},
	};
	struct site s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(site_read(&s, rows[i].url, "socket.io"));
		assert_string_equal(s.authority, rows[i].authority);
		assert_string_equal(s.folder, rows[i].folder);
		assert_string_equal(s.path, rows[i].path);
		assert_int_equal(s.port, rows[i].port);
		assert_true(s.tls == rows[i].tls);
	}
	assert_string_equal(s.host, "::1");
}

static void
what_is_no_url_is_refused_in_words(void **state)
{
	static const char *const urls[] = {"", "example.com", "/x", "ftp://example.com/",
	    "http://me:secret@example.com/", "http:///x", "http://example.com/a b",
	    "http://example.com/\xc3\xa9", "http://example.com:x/"};
	char url[1024] = "http://example.com/";
	struct site s;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_non_null(site_read(&s, urls[i], "socket.io"));
	memset(url + strlen(url), 'x', 600);
	assert_non_null(site_read(&s, url, "socket.io"));
}

static void
an_address_is_its_own_name(void **state)
{
	struct site s, other;

	(void)state;
	assert_null(site_read(&s, "https://127.0.0.1:8443/", "socket.io"));
	assert_null(site_resolve(&s, 10000));
	assert_int_equal(s.addresses_n, 1);
	assert_string_equal(s.addresses[0].text, "127.0.0.1");
	site_at_port(&other, &s, 8081, false);
	assert_string_equal(other.authority, "127.0.0.1:8081");
	assert_int_equal(
	    ntohs(((const struct sockaddr_in *)&other.addresses[0].any)->sin_port), 8081);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(urls_lead_to_the_path_of_socket_io),
	    cmocka_unit_test(what_is_no_url_is_refused_in_words),
	    cmocka_unit_test(an_address_is_its_own_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
