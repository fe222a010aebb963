#include "shared/wire/flashpolicy.h"

#include "tests/unit/exact.h"

#define HEAD                                                                                       \
	"<?xml version=\"1.0\"?><!DOCTYPE cross-domain-policy SYSTEM "                             \
	"\"http://www.macromedia.com/xml/dtds/cross-domain-policy.dtd\"><cross-domain-policy>"
#define ALLOW(host) "<allow-access-from domain=\"" host "\" to-ports=\"*\"/>"
#define TAIL        "</cross-domain-policy>"

static void
a_request_is_recognised_as_early_as_possible(void **state)
{
	static const struct {
		struct slice in;
		size_t known; /* bytes that suffice */
		enum flashpolicy_sniff answer;
	} rows[] = {
	    {TEXT("<policy-file-request/>\0"), 22, FLASHPOLICY_YES},
	    {TEXT("<policy-file-request/>"), 22, FLASHPOLICY_YES},
	    {TEXT("<policy-file-request />\0"), FLASHPOLICY_REQUEST_MAX, FLASHPOLICY_YES},
	    {TEXT("<policy-file-request/>GET / HTTP/1.1"), 22, FLASHPOLICY_YES},
	    {TEXT("<policy-file-request  />"), 22, FLASHPOLICY_NO},
	    {TEXT("<policy-file-requests/>"), 21, FLASHPOLICY_NO},
	    {TEXT("<policy-file\0request/>"), 13, FLASHPOLICY_NO},
	    {TEXT("<Policy-file-request/>"), 2, FLASHPOLICY_NO},
	    {TEXT("<html>"), 2, FLASHPOLICY_NO},
	    {TEXT("GET / HTTP/1.1"), 1, FLASHPOLICY_NO},
	    {TEXT(" <policy-file-request/>"), 1, FLASHPOLICY_NO},
	    {TEXT("\0"), 1, FLASHPOLICY_NO},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t n = 0; n <= rows[i].in.n; n++) {
			char *copy = exact(rows[i].in, n);
			enum flashpolicy_sniff answer = flashpolicy_sniff((struct slice){copy, n});

			if (answer != (n < rows[i].known ? FLASHPOLICY_MORE : rows[i].answer))
				fail_msg("row %zu at %zu: %d", i, n, answer);
			free(copy);
		}
	}
	assert_int_equal(flashpolicy_sniff((struct slice){NULL, 0}), FLASHPOLICY_MORE);
}

static void
the_policy_names_the_host_of_each_origin(void **state)
{
	static const struct {
		struct slice origins, policy;
	} rows[] = {
	    {TEXT("*:*"), TEXT(HEAD ALLOW("*") TAIL)},
	    {TEXT("a.example:80"), TEXT(HEAD ALLOW("a.example") TAIL)},
	    {TEXT("a.example:80,*:8080, https://b.example"),
		TEXT(HEAD ALLOW("a.example") ALLOW("*") ALLOW("b.example") TAIL)},
	    {TEXT("https://*.a.example,*.b.example:*"),
		TEXT(HEAD ALLOW("*.a.example") ALLOW("*.b.example") TAIL)},
	    {TEXT("null,a.example,file://"), TEXT(HEAD ALLOW("a.example") TAIL)},
	    {TEXT("<b>:80,\"x\":80,a&b"), TEXT(HEAD TAIL)}, /* not valid patterns */
	    {TEXT(""), TEXT(HEAD TAIL)},
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *copy = exact(rows[i].origins, rows[i].origins.n);

		buf_init(&out, 0);
		flashpolicy_write(&out, (struct slice){copy, rows[i].origins.n});
		assert_slice(buf_slice(&out), rows[i].policy, rows[i].origins);
		assert_null(flashpolicy_check(buf_slice(&out)));
		buf_free(&out);
		free(copy);
	}
	assert_int_equal(rows[0].policy.n, 206); /* as measured */
}

static void
a_policy_file_has_its_beginning_and_its_end(void **state)
{
	static const struct {
		struct slice file;
		const char *wrong; /* part of the sentence; NULL: it is a policy */
	} rows[] = {
	    {TEXT(HEAD ALLOW("*") TAIL), NULL},
	    {TEXT(HEAD ALLOW("*") TAIL "\r\n\t \n"), NULL},
	    {TEXT("<cross-domain-policy>" ALLOW("*") TAIL), NULL},
	    {TEXT("<cross-domain-policy xmlns=\"x\">\n</cross-domain-policy>\n"), NULL},
	    {TEXT(""), "begin"},
	    {TEXT("\n" HEAD TAIL), "begin"},
	    {TEXT("\xef\xbb\xbf" HEAD TAIL), "begin"},
	    {TEXT("domain = *"), "begin"},
	    {TEXT("<?xml version=\"1.0\"?><policy/>"), "no <cross-domain-policy>"},
	    {TEXT(HEAD ALLOW("*")), "end"},
	    {TEXT(HEAD ALLOW("*") "</cross-domain-policy"), "end"},
	    {TEXT(HEAD ALLOW("*") TAIL "x"), "end"},
	    {TEXT("<cross-domain-policy"), "end"},
	    {TEXT(HEAD ALLOW("*") TAIL "\0"), "NUL"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *copy = exact(rows[i].file, rows[i].file.n);
		const char *wrong = flashpolicy_check((struct slice){copy, rows[i].file.n});

		if (rows[i].wrong == NULL ? wrong != NULL
					  : wrong == NULL || strstr(wrong, rows[i].wrong) == NULL)
			fail_msg("row %zu: %s", i, wrong == NULL ? "nothing" : wrong);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_is_recognised_as_early_as_possible),
	    cmocka_unit_test(the_policy_names_the_host_of_each_origin),
	    cmocka_unit_test(a_policy_file_has_its_beginning_and_its_end),
	};

	return cmocka_run_group_tests_name("flashpolicy", tests, NULL, NULL);
}
