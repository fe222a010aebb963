#include "shared/base/origins.h"

#include <string.h>
#include <strings.h>

#define PORT_MAX 65535

enum origin_kind {
	ORIGIN_HOST,
	ORIGIN_BELOW, /* a pattern: all hosts below one */
	ORIGIN_ANY,   /* a pattern: any host */
	ORIGIN_NULL,
	ORIGIN_FILE,
};

/* Of a page, or a pattern for pages. */
struct page_origin {
	enum origin_kind kind;
	struct slice host; /* as written, "*.example.com" and "*" too; empty without one */
	unsigned port;     /* 0 in a pattern: any */
};

/* RFC 3986, section 3.1.  Checked because a "://" may also occur later, in a query. */
static bool
is_scheme(struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '+' && c != '-' && c != '.')
			return false;
	}
	return text.n > 0;
}

/* Drop "scheme://" and return the scheme; empty without one. */
static struct slice
cut_scheme(struct slice *url)
{
	struct slice scheme, rest = *url;

	if (!slice_cut(&rest, ':', &scheme) || !slice_starts(rest, SLICE("//")) ||
	    !is_scheme(scheme))
		return (struct slice){NULL, 0};
	*url = slice_skip(rest, 2);
	return scheme;
}

static bool
same_name(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static unsigned
port_of_scheme(struct slice scheme)
{
	return same_name(scheme, SLICE("https")) ? 443 : 80;
}

static bool
read_origin_port(struct slice text, unsigned *port)
{
	return slice_number(text, 5, PORT_MAX, port) && *port > 0;
}

/* Split "host", "host:80", "[::1]:80".  `port->p` is NULL when there is no colon. */
static void
split_host_port(struct slice text, struct slice *host, struct slice *port)
{
	struct slice rest, tail = {NULL, 0};
	size_t literal = 0; /* bytes of "[::1", whose colons do not begin a port */

	if (text.n > 0 && text.p[0] == '[')
		while (literal < text.n && text.p[literal] != ']')
			literal++;
	rest = slice_skip(text, literal);
	slice_cut(&rest, ':', &tail);
	*host = (struct slice){text.p, literal + tail.n};
	*port = rest;
}

/* What a page may say: it only has to be no pattern. */
static bool
is_page_host(struct slice host)
{
	for (size_t i = 0; i < host.n; i++) {
		unsigned char c = (unsigned char)host.p[i];

		if (c <= ' ' || c == 0x7f || strchr("/?#@*,\\\"<>", c) != NULL)
			return false;
	}
	return true;
}

static bool
consists_of(struct slice text, const char *characters)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\0' || strchr(characters, text.p[i]) == NULL)
			return false;
	return text.n > 0;
}

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A name as browsers send it (others in their ASCII form), or an address. */
static bool
is_pattern_host(struct slice host)
{
	struct slice label;

	if (host.n > 2 && host.p[0] == '[')
		return host.p[host.n - 1] == ']' &&
		       consists_of((struct slice){host.p + 1, host.n - 2}, DIGITS "abcdefABCDEF:.");
	while (slice_cut(&host, '.', &label))
		if (!consists_of(label, LETTERS DIGITS "-_"))
			return false;
	return true;
}

static const char *
read_pattern_host(struct slice host, struct page_origin *pattern)
{
	pattern->host = host;
	pattern->kind = ORIGIN_HOST;
	if (slice_is(host, "*")) {
		pattern->kind = ORIGIN_ANY;
		return NULL;
	}
	if (slice_starts(host, SLICE("*."))) {
		pattern->kind = ORIGIN_BELOW;
		host = slice_skip(host, 2);
	}
	return host.n > 0 && is_pattern_host(host)
	           ? NULL
	           : "the host is not a name, *.name, * or an address of IPv6 in brackets";
}

/* Read one pattern of the list.  Return NULL, or what is wrong with it. */
static const char *
read_origin_pattern(struct slice text, struct page_origin *pattern)
{
	struct slice host, port, scheme;
	const char *wrong;

	*pattern = (struct page_origin){.host = {NULL, 0}};
	if (slice_is(text, "null") || slice_is(text, "file://")) {
		pattern->kind = text.p[0] == 'n' ? ORIGIN_NULL : ORIGIN_FILE;
		return NULL;
	}
	scheme = cut_scheme(&text);
	if (same_name(scheme, SLICE("file")))
		return "files are written file://";
	if (text.n > 0 && memchr(text.p, '/', text.n) != NULL)
		return "the origin of a page has no path";
	split_host_port(text, &host, &port);
	wrong = read_pattern_host(host, pattern);
	if (wrong != NULL)
		return wrong;
	/* a written port wins over that of the scheme */
	if (port.p == NULL)
		pattern->port = scheme.n > 0 ? port_of_scheme(scheme) : 0;
	else if (!slice_is(port, "*") && !read_origin_port(port, &pattern->port))
		return "the port is not a number from 1 to 65535, or *";
	return NULL;
}

/* Read an Origin or Referer header.  Node clients send an Origin without a scheme: port 80. */
static bool
read_page_origin(struct slice url, struct page_origin *page)
{
	struct slice port, scheme = cut_scheme(&url);
	size_t n = 0;

	*page = (struct page_origin){.kind = ORIGIN_HOST, .port = port_of_scheme(scheme)};
	if (same_name(scheme, SLICE("file"))) {
		page->kind = ORIGIN_FILE;
		return true;
	}
	/* a Referer is a whole URL: only its beginning counts */
	while (n < url.n && memchr("/?#", url.p[n], 3) == NULL)
		n++;
	split_host_port((struct slice){url.p, n}, &page->host, &port);
	/* from sandboxed frames, and files in newer browsers */
	if (scheme.n == 0 && port.p == NULL && slice_is(page->host, "null")) {
		page->kind = ORIGIN_NULL;
		page->host = (struct slice){NULL, 0};
	}
	/* a literal "*" must not equal a pattern */
	if (slice_is(page->host, "*"))
		page->host = (struct slice){NULL, 0};
	if (port.n > 0 && !read_origin_port(port, &page->port))
		return false;
	return is_page_host(page->host);
}

static bool
is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

/* Take the next pattern's text from the list. */
static bool
next_origin_pattern(struct slice *list, struct slice *text)
{
	size_t n = 0;

	while (list->n > 0 && is_separator(list->p[0]))
		*list = slice_skip(*list, 1);
	while (n < list->n && !is_separator(list->p[n]))
		n++;
	*text = (struct slice){list->p, n};
	*list = slice_skip(*list, n);
	return n > 0;
}

/* Take the separators from the front of the list.  Return false when there are two commas, or one
 * before the first item: `*comma` is then the one that has no item before it. */
static bool
skip_separators(struct slice *list, bool first, struct slice *comma)
{
	bool seen = first;

	for (; list->n > 0 && is_separator(list->p[0]); *list = slice_skip(*list, 1)) {
		if (list->p[0] != ',')
			continue;
		*comma = (struct slice){list->p, 1};
		if (seen)
			return false;
		seen = true;
	}
	return true;
}

const char *
origins_check(struct slice list, struct slice *bad)
{
	struct page_origin pattern;
	const char *wrong;

	for (bool first = true; skip_separators(&list, first, bad); first = false) {
		if (!next_origin_pattern(&list, bad))
			return NULL;
		wrong = read_origin_pattern(*bad, &pattern);
		if (wrong != NULL)
			return wrong;
	}
	return "an item of the list may not be empty";
}

bool
origins_next_host(struct slice *list, struct slice *host)
{
	struct page_origin pattern;
	struct slice text;

	while (next_origin_pattern(list, &text)) {
		if (read_origin_pattern(text, &pattern) != NULL || pattern.host.n == 0)
			continue;
		*host = pattern.host;
		return true;
	}
	return false;
}

static bool
is_below(struct slice host, struct slice pattern)
{
	struct slice end = slice_skip(pattern, 1); /* ".example.com" */

	return host.n > end.n && same_name(slice_skip(host, host.n - end.n), end);
}

static bool
pattern_matches(const struct page_origin *pattern, const struct page_origin *page)
{
	if (pattern->kind == ORIGIN_NULL || pattern->kind == ORIGIN_FILE)
		return page->kind == pattern->kind;
	if (pattern->port != 0 && pattern->port != page->port)
		return false;
	switch (pattern->kind) {
	case ORIGIN_ANY:
		return true;
	case ORIGIN_BELOW:
		return is_below(page->host, pattern->host);
	default:
		return page->host.n > 0 && same_name(page->host, pattern->host);
	}
}

bool
origins_allow(struct slice list, struct slice origin, struct slice referer)
{
	struct page_origin page, pattern;
	/* the Referer counts only without an Origin (PROTOCOL 3.2) */
	struct slice url = origin.n > 0 ? origin : referer, text;
	bool readable = url.n > 0 && read_page_origin(url, &page);

	while (next_origin_pattern(&list, &text)) {
		if (read_origin_pattern(text, &pattern) != NULL)
			continue;
		/* "*:*" lets pages without, or with an unreadable, Origin pass too */
		if (pattern.kind == ORIGIN_ANY && pattern.port == 0)
			return true;
		if (readable && pattern_matches(&pattern, &page))
			return true;
	}
	return false;
}
