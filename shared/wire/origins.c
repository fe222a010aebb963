#include "shared/wire/origins.h"

#include <string.h>
#include <strings.h>

#define PORT_MAX 65535

/* A host and a port; host "*" and port 0 stand for any. */
struct place {
	struct slice host;
	unsigned port;
};

/* RFC 3986, section 3.1; a "://" further back, in a query, ends no scheme. */
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

/* Drop "scheme://" and give the scheme's port, or `otherwise` without a scheme. */
static unsigned
cut_scheme(struct slice *url, unsigned otherwise)
{
	struct slice scheme, rest = *url;

	if (!slice_cut(&rest, ':', &scheme) || !slice_starts(rest, SLICE("//")) ||
	    !is_scheme(scheme))
		return otherwise;
	*url = slice_skip(rest, 2);
	if (scheme.n == 5 && strncasecmp(scheme.p, "https", 5) == 0)
		return 443;
	return 80;
}

static bool
read_port(struct slice text, unsigned *port)
{
	unsigned value = 0;

	if (text.n == 0 || text.n > 5)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		value = value * 10 + (unsigned)(text.p[i] - '0');
	}
	*port = value;
	return value > 0 && value <= PORT_MAX;
}

/* Split "host", "host:80", "[::1]:80".  `*port` has no p without a colon. */
static void
split(struct slice text, struct slice *host, struct slice *port)
{
	struct slice rest, tail = {NULL, 0};
	size_t literal = 0; /* of an IPv6 address, which has colons of its own */

	if (text.n > 0 && text.p[0] == '[')
		while (literal < text.n && text.p[literal] != ']')
			literal++;
	rest = slice_skip(text, literal);
	slice_cut(&rest, ':', &tail);
	*host = (struct slice){text.p, literal + tail.n};
	*port = rest;
}

static bool
is_host(struct slice host)
{
	for (size_t i = 0; i < host.n; i++) {
		unsigned char c = (unsigned char)host.p[i];

		if (c <= ' ' || c == 0x7f || strchr("/?#@*,\\\"<>", c) != NULL)
			return false;
	}
	return true;
}

/* Read one pattern of the list. */
static bool
read_pattern(struct slice text, struct place *pattern)
{
	struct slice port;
	unsigned otherwise = cut_scheme(&text, 0);

	split(text, &pattern->host, &port);
	if (pattern->host.n == 0 || (!is_host(pattern->host) && !slice_is(pattern->host, "*")))
		return false;
	pattern->port = otherwise;
	if (slice_is(port, "*"))
		pattern->port = 0;
	else if (port.p != NULL)
		return read_port(port, &pattern->port);
	return true;
}

/* Read an Origin or Referer header. */
static bool
read_origin(struct slice url, struct place *origin)
{
	struct slice port;
	size_t n = 0;
	unsigned otherwise = cut_scheme(&url, 80);

	while (n < url.n && memchr("/?#", url.p[n], 3) == NULL)
		n++;
	split((struct slice){url.p, n}, &origin->host, &port);
	if (slice_is(origin->host, "null") || slice_is(origin->host, "*"))
		origin->host = (struct slice){NULL, 0}; /* no host: only a "*" lets it pass */
	origin->port = otherwise;
	if (port.n > 0 && !read_port(port, &origin->port))
		return false;
	return is_host(origin->host);
}

/* Take the next pattern's text from the list. */
static bool
next_pattern(struct slice *list, struct slice *text)
{
	size_t n = 0;

	while (list->n > 0 && memchr(" \t,", list->p[0], 3) != NULL)
		*list = slice_skip(*list, 1);
	while (n < list->n && memchr(" \t,", list->p[n], 3) == NULL)
		n++;
	*text = (struct slice){list->p, n};
	*list = slice_skip(*list, n);
	return n > 0;
}

int
origins_check(struct slice list, struct slice *bad)
{
	struct place pattern;

	while (next_pattern(&list, bad))
		if (!read_pattern(*bad, &pattern))
			return -1;
	return 0;
}

bool
origins_next_host(struct slice *list, struct slice *host)
{
	struct place pattern;
	struct slice text;

	while (next_pattern(list, &text)) {
		if (!read_pattern(text, &pattern))
			continue;
		*host = pattern.host;
		return true;
	}
	return false;
}

static bool
same_host(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool
origins_allow(struct slice list, struct slice origin, struct slice referer)
{
	struct place page = {.port = 0}, pattern;
	struct slice url = origin.n > 0 ? origin : referer, text;
	bool readable = url.n > 0 && read_origin(url, &page);

	while (next_pattern(&list, &text)) {
		bool any_host;

		if (!read_pattern(text, &pattern))
			continue;
		any_host = slice_is(pattern.host, "*");
		if (any_host && pattern.port == 0)
			return true; /* not even the header is asked for */
		if (readable && (any_host || same_host(pattern.host, page.host)) &&
		    (pattern.port == 0 || pattern.port == page.port))
			return true;
	}
	return false;
}
