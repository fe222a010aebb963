#include "shared/base/origins.h"

#include "tests/unit/exact.h"

static const struct {
	struct slice list, origin, referer;
	bool allowed;
} pages[] = {
    /* clang-format off */
    {TEXT("*:*"), TEXT("http://a.example"), TEXT(""), true},
    {TEXT("*:*"), TEXT(""), TEXT(""), true},
    {TEXT("*:*"), TEXT("null"), TEXT(""), true},
    {TEXT("*:*"), TEXT("any text at all"), TEXT(""), true},
    {TEXT("*"), TEXT("*"), TEXT(""), true},
    {TEXT(""), TEXT("http://a.example"), TEXT(""), false},

    {TEXT("a.example:80"), TEXT("http://a.example"), TEXT(""), true},
    {TEXT("a.example:80"), TEXT("http://A.Example"), TEXT(""), true},
    {TEXT("A.EXAMPLE:80"), TEXT("http://a.example/"), TEXT(""), true},
    {TEXT("a.example:80"), TEXT("HTTP://a.example:80"), TEXT(""), true},
    {TEXT("a.example:80"), TEXT("http://a.example:"), TEXT(""), true},
    {TEXT("a.example:80"), TEXT("https://a.example"), TEXT(""), false},
    {TEXT("a.example:443"), TEXT("HTTPS://a.example"), TEXT(""), true},
    {TEXT("a.example:80"), TEXT("http://a.example:8080"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("http://ple:80"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("http://b.a.example"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("http://a.example.b"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("http://a.example@b"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("http://a.example:80x"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("http://a.example:65616"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT(""), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("null"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("*"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("file://"), TEXT(""), false},

    /* all hosts below one */
    {TEXT("*.example.com"), TEXT("http://www.example.com:81"), TEXT(""), true},
    {TEXT("*.Example.com"), TEXT("https://a.b.EXAMPLE.com"), TEXT(""), true},
    {TEXT("*.example.com"), TEXT("http://example.com"), TEXT(""), false},
    {TEXT("*.example.com"), TEXT("http://badexample.com"), TEXT(""), false},
    {TEXT("*.example.com"), TEXT("http://www.example.com.bad"), TEXT(""), false},
    {TEXT("*.example.com"), TEXT("http://bad/www.example.com"), TEXT(""), false},
    {TEXT("*.example.com"), TEXT("http://bad#.example.com"), TEXT(""), false},
    {TEXT("*.example.com"), TEXT("http://x@www.example.com"), TEXT(""), false},
    {TEXT("*.example.com"), TEXT("http://*.example.com"), TEXT(""), false},
    {TEXT("*.example.com:8080"), TEXT("http://www.example.com:8080"), TEXT(""), true},
    {TEXT("*.example.com:8080"), TEXT("http://www.example.com"), TEXT(""), false},
    {TEXT("http://*.example.com"), TEXT("http://www.example.com"), TEXT(""), true},
    {TEXT("http://*.example.com"), TEXT("https://www.example.com"), TEXT(""), false},

    /* pages without a host */
    {TEXT("null"), TEXT("null"), TEXT(""), true},
    {TEXT("null"), TEXT("http://null"), TEXT(""), false},
    {TEXT("null"), TEXT("file://"), TEXT(""), false},
    {TEXT("null"), TEXT(""), TEXT(""), false},
    {TEXT("file://"), TEXT("file://"), TEXT(""), true},
    {TEXT("file://"), TEXT("null"), TEXT(""), false},
    {TEXT("file://"), TEXT("http://file"), TEXT(""), false},
    {TEXT("null:80"), TEXT("null"), TEXT(""), false},
    {TEXT("a.example null file://"), TEXT("null"), TEXT(""), true},
    {TEXT("*.example.com"), TEXT("null"), TEXT(""), false},
    {TEXT("localhost"), TEXT("file://localhost/x"), TEXT(""), false},

    {TEXT("a.example:*"), TEXT("https://a.example:1"), TEXT(""), true},
    {TEXT("a.example"), TEXT("https://a.example:1"), TEXT(""), true},
    {TEXT("*:8080"), TEXT("http://x:8080"), TEXT(""), true},
    {TEXT("*:8080"), TEXT("http://x"), TEXT(""), false},
    {TEXT("*:8080"), TEXT("http://x:80"), TEXT(""), false},
    {TEXT("*:80"), TEXT("null"), TEXT(""), true},
    {TEXT("*:80"), TEXT("http://a b"), TEXT(""), false},
    {TEXT("*:443"), TEXT("null"), TEXT(""), false},

    /* schemes in the list */
    {TEXT("https://a.example"), TEXT("https://a.example"), TEXT(""), true},
    {TEXT("https://a.example"), TEXT("http://a.example"), TEXT(""), false},
    {TEXT("http://a.example:8080"), TEXT("http://a.example:8080"), TEXT(""), true},
    {TEXT("http://a.example:*"), TEXT("https://a.example"), TEXT(""), true},

    /* several */
    {TEXT("x:1, a.example:80\ty:2"), TEXT("http://a.example"), TEXT(""), true},
    {TEXT("x:1,,a.example:80"), TEXT("http://y:2"), TEXT(""), false},
    {TEXT("x:1 *:*"), TEXT(""), TEXT(""), true},
    {TEXT("x:bad a.example:80"), TEXT("http://a.example"), TEXT(""), true},

    /* node clients send no scheme; old pages only a Referer */
    {TEXT("127.0.0.1:8080"), TEXT("127.0.0.1:8080"), TEXT(""), true},
    {TEXT("127.0.0.1:80"), TEXT("127.0.0.1"), TEXT(""), true},
    {TEXT("a.example:80"), TEXT(""), TEXT("http://a.example/page.html?x=http://b"), true},
    {TEXT("a.example:80"), TEXT(""), TEXT("http://a.example?x"), true},
    {TEXT("b:80"), TEXT(""), TEXT("http://a.example/?x=http://b"), false},
    {TEXT("b:80"), TEXT(""), TEXT("a.example/?x=http://b"), false},
    {TEXT("b:80"), TEXT("a.example/http://b"), TEXT(""), false},
    {TEXT("b:80"), TEXT("://b"), TEXT(""), false},
    {TEXT("a.example:80"), TEXT("http://b"), TEXT("http://a.example/"), false},

    {TEXT("[::1]:8080"), TEXT("http://[::1]:8080"), TEXT(""), true},
    {TEXT("[::1]"), TEXT("http://[::1]"), TEXT(""), true},
    {TEXT("[::1]:80"), TEXT("http://[::2]"), TEXT(""), false},
    {TEXT("[::1]:80"), TEXT("http://[::1"), TEXT(""), false},
    /* clang-format on */
};

static void
allows_what_the_list_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pages); i++) {
		char *list = exact(pages[i].list, pages[i].list.n);
		char *origin = exact(pages[i].origin, pages[i].origin.n);
		char *referer = exact(pages[i].referer, pages[i].referer.n);
		bool got = origins_allow((struct slice){list, pages[i].list.n},
		    (struct slice){origin, pages[i].origin.n},
		    (struct slice){referer, pages[i].referer.n});

		if (got != pages[i].allowed)
			fail_msg("\"%s\" with \"%s\" or \"%s\" gives %d", pages[i].list.p,
			    pages[i].origin.p, pages[i].referer.p, got);
		free(list);
		free(origin);
		free(referer);
	}
	assert_false(origins_allow(
	    (struct slice){NULL, 0}, (struct slice){NULL, 0}, (struct slice){NULL, 0}));
}

static void
any_cut_is_read_inside_its_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pages); i++) {
		for (size_t n = 0; n <= pages[i].list.n; n++) {
			char *copy = exact(pages[i].list, n);
			struct slice bad;

			origins_check((struct slice){copy, n}, &bad);
			origins_allow((struct slice){copy, n}, pages[i].origin, pages[i].referer);
			free(copy);
		}
		for (size_t n = 0; n <= pages[i].origin.n; n++) {
			char *copy = exact(pages[i].origin, n);

			origins_allow(
			    pages[i].list, (struct slice){copy, n}, (struct slice){NULL, 0});
			free(copy);
		}
	}
}

static void
names_the_malformed_pattern(void **state)
{
	static const struct {
		struct slice list, bad;
	} lists[] = {
	    {TEXT(""), {NULL, 0}},
	    {TEXT(" "), {NULL, 0}},
	    {TEXT("null, file:// *.a.example:* http://*.b.example "), {NULL, 0}},
	    {TEXT("a,"), {NULL, 0}}, /* it goes on in the next line */
	    {TEXT(" , "), TEXT(",")},
	    {TEXT(",a"), TEXT(",")},
	    {TEXT("a,,b"), TEXT(",")},
	    {TEXT("a , , b"), TEXT(",")},
	    {TEXT("a,b,,"), TEXT(",")},
	    {TEXT("a:99999"), TEXT("a:99999")},
	    {TEXT("a:80x"), TEXT("a:80x")},
	    {TEXT("http://a/"), TEXT("http://a/")},
	    {TEXT("file:///home/me"), TEXT("file:///home/me")},
	    {TEXT("*."), TEXT("*.")},
	    {TEXT("*.*"), TEXT("*.*")},
	    {TEXT("*a"), TEXT("*a")},
	    {TEXT("a.*"), TEXT("a.*")},
	    {TEXT("a..b"), TEXT("a..b")},
	    {TEXT("me@a"), TEXT("me@a")},
	    {TEXT("[::1"), TEXT("[::1")},
	    {TEXT("[x]"), TEXT("[x]")},
	    {TEXT("b\xc3\xbc.example"), TEXT("b\xc3\xbc.example")}, /* browsers send xn--b-xga */
	    {TEXT("*:*"), {NULL, 0}},
	    {TEXT("* a.example:80,b:*  *:1 https://c [::1]:65535"), {NULL, 0}},
	    {TEXT("a:80 b:http"), TEXT("b:http")},
	    {TEXT("a:0"), TEXT("a:0")},
	    {TEXT("a:65536"), TEXT("a:65536")},
	    {TEXT("a:"), TEXT("a:")},
	    {TEXT(":80"), TEXT(":80")},
	    {TEXT("https://"), TEXT("https://")},
	    {TEXT("http://a/b, c"), TEXT("http://a/b")},
	    {TEXT("::1"), TEXT("::1")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct slice bad = {NULL, 0};

		if ((origins_check(lists[i].list, &bad) != NULL) != (lists[i].bad.n > 0))
			fail_msg("\"%s\"", lists[i].list.p);
		if (lists[i].bad.n > 0)
			assert_slice(bad, lists[i].bad, lists[i].list);
	}
}

static void
walks_the_hosts_of_a_list(void **state)
{
	static const char *const want[] = {"a.example", "*", "[::1]", "*.b.example"};
	struct slice list = SLICE("a.example:80, *:443,no:port [::1]:* null,, https://*.b.example"),
		     host;
	size_t n = 0;

	(void)state;
	for (; origins_next_host(&list, &host); n++) {
		assert_true(n < COUNT(want));
		assert_slice(host, slice_of(want[n]), list);
	}
	assert_int_equal(n, COUNT(want));
	list = (struct slice){NULL, 0};
	assert_false(origins_next_host(&list, &host));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(allows_what_the_list_names),
	    cmocka_unit_test(any_cut_is_read_inside_its_bounds),
	    cmocka_unit_test(names_the_malformed_pattern),
	    cmocka_unit_test(walks_the_hosts_of_a_list),
	};

	return cmocka_run_group_tests_name("origins", tests, NULL, NULL);
}
