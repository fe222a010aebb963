/* Three lines: a list of origins, an Origin header and a Referer header.
 *
 * A page is allowed exactly when one pattern alone allows it, in whatever order they are listed; and
 * by its host and port, however else the header is spelled. */
#include "shared/base/origins.h"

#include <ctype.h>

#include "tests/fuzz/fuzz.h"

static const struct slice none = {NULL, 0};

/* The list allows what one of its patterns allows, in any order. */
static void
try_patterns(struct slice list, struct slice origin, struct slice referer)
{
	struct buf backwards = {.p = NULL};
	bool allowed = origins_allow(list, origin, referer), by_one = false;
	size_t end = list.n;

	while (end > 0) {
		struct slice word = {list.p + end, 0};

		while (word.p > list.p && memchr(" \t,", word.p[-1], 3) == NULL) {
			word.p--;
			word.n++;
		}
		by_one = by_one || origins_allow(word, origin, referer);
		buf_add_slice(&backwards, word);
		buf_puts(&backwards, ", ");
		end -= word.n + (word.p > list.p ? 1 : 0);
	}
	MUST(by_one == allowed);
	MUST(origins_allow(buf_slice(&backwards), origin, referer) == allowed);
	buf_add_slice(&backwards, SLICE(" *:*"));
	MUST(!backwards.failed && origins_allow(buf_slice(&backwards), origin, referer));
	buf_free(&backwards);
}

/* The scheme and the host. */
static struct slice
before_path(struct slice url)
{
	size_t n = 0;

	while (
	    n < url.n && (isalnum((unsigned char)url.p[n]) || memchr("+-.", url.p[n], 3) != NULL))
		n++;
	if (n == 0 || !slice_starts(slice_skip(url, n), SLICE("://")))
		n = 0;
	else
		n += 3;
	while (n < url.n && memchr("/?#", url.p[n], 3) == NULL)
		n++;
	return (struct slice){url.p, n};
}

/* The header in capitals, and with another path or without one. */
static void
try_spellings(struct slice list, struct slice origin)
{
	bool allowed = origins_allow(list, origin, none);
	struct buf text = {.p = NULL};
	struct slice head;

	MUST(origins_allow(list, none, origin) == allowed);
	MUST(origins_allow(list, origin, SLICE("http://elsewhere.example")) ==
	     (origin.n > 0 ? allowed
			   : origins_allow(list, none, SLICE("http://elsewhere.example"))));
	if (origin.n == 0 || slice_is(origin, "null"))
		return;
	head = before_path(origin);
	if (head.n > 0) {
		MUST(origins_allow(list, head, none) == allowed);
		buf_add_slice(&text, head);
		buf_puts(&text, "/a:1/http://b?c#d");
		MUST(origins_allow(list, buf_slice(&text), none) == allowed);
		buf_clear(&text);
	}
	for (size_t i = 0; i < origin.n; i++)
		buf_add_char(&text, (char)toupper((unsigned char)origin.p[i]));
	if (memmem(text.p, text.n, "NULL", 4) == NULL) /* "null" is special in lower case only */
		MUST(origins_allow(list, buf_slice(&text), none) == allowed);
	MUST(!text.failed);
	buf_free(&text);
}

/* http://host and host:80 are the same. */
static void
try_scheme(struct slice list, struct slice host)
{
	struct buf url = {.p = NULL}, plain = {.p = NULL};

	/* "null" without a scheme is no host */
	if (host.n == 0 || memchr(host.p, ':', host.n) != NULL || slice_starts(host, SLICE("null")))
		return;
	buf_puts(&url, "http://");
	buf_add_slice(&url, host);
	buf_add_slice(&plain, host);
	MUST(origins_allow(list, buf_slice(&url), none) ==
	     origins_allow(list, buf_slice(&plain), none));
	if (memchr(host.p, '/', host.n) == NULL && memchr(host.p, '?', host.n) == NULL &&
	    memchr(host.p, '#', host.n) == NULL && memchr(host.p, '[', host.n) == NULL) {
		buf_puts(&plain, ":80");
		MUST(origins_allow(list, buf_slice(&url), none) ==
		     origins_allow(list, buf_slice(&plain), none));
	}
	MUST(!url.failed && !plain.failed);
	buf_free(&url);
	buf_free(&plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of_input(data, size), list = none, origin = none, bad = none;

	slice_cut(&rest, '\n', &list);
	slice_cut(&rest, '\n', &origin);
	if (origins_check(list, &bad) != NULL) {
		struct slice unused;

		MUST(bad.n > 0 && lies_in(bad, list));
		MUST(origins_check(bad, &unused) != NULL);
		MUST(!origins_allow(bad, origin, rest)); /* a malformed pattern allows nothing */
	}
	try_patterns(list, origin, rest);
	try_spellings(list, origin);
	try_scheme(list, origin);
	return 0;
}
