#include "shared/wire/origins.h"

#include <string.h>
#include <strings.h>

#define PORT_MAX 65535

/* Host "*" and port 0 mean any. */
struct host_port {
	struct slice host;
	unsigned port;
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

/* Drop "scheme://" and return the scheme's default port, or `otherwise` when there is none. */
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
read_origin_port(struct slice text, unsigned *port)
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

static bool
is_host_name(struct slice host)
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
read_origin_pattern(struct slice text, struct host_port *pattern)
{
	struct slice port;
	unsigned otherwise = cut_scheme(&text, 0);

	split_host_port(text, &pattern->host, &port);
	if (pattern->host.n == 0 || (!is_host_name(pattern->host) && !slice_is(pattern->host, "*")))
		return false;
	/* a written port wins over that of the scheme */
	pattern->port = otherwise;
	if (slice_is(port, "*"))
		pattern->port = 0;
	else if (port.p != NULL)
		return read_origin_port(port, &pattern->port);
	return true;
}

/* Read an Origin or Referer header.  Node clients send an Origin without a scheme: port 80. */
static bool
read_page_origin(struct slice url, struct host_port *origin)
{
	struct slice port;
	size_t n = 0;
	unsigned otherwise = cut_scheme(&url, 80);

	/* a Referer is a whole URL: only its beginning counts */
	while (n < url.n && memchr("/?#", url.p[n], 3) == NULL)
		n++;
	split_host_port((struct slice){url.p, n}, &origin->host, &port);
	/* "null" comes from local files and sandboxed frames; a literal "*" must not equal a
	 * pattern.  Without a host only patterns with host "*" match */
	if (slice_is(origin->host, "null") || slice_is(origin->host, "*"))
		origin->host = (struct slice){NULL, 0};
	origin->port = otherwise;
	if (port.n > 0 && !read_origin_port(port, &origin->port))
		return false;
	return is_host_name(origin->host);
}

/* Take the next pattern's text from the list. */
static bool
next_origin_pattern(struct slice *list, struct slice *text)
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
	struct host_port pattern;

	while (next_origin_pattern(&list, bad))
		if (!read_origin_pattern(*bad, &pattern))
			return -1;
	return 0;
}

bool
origins_next_host(struct slice *list, struct slice *host)
{
	struct host_port pattern;
	struct slice text;

	while (next_origin_pattern(list, &text)) {
		if (!read_origin_pattern(text, &pattern))
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
	struct host_port page = {.port = 0}, pattern;
	/* the Referer counts only without an Origin (PROTOCOL 3.2) */
	struct slice url = origin.n > 0 ? origin : referer, text;
	bool readable = url.n > 0 && read_page_origin(url, &page);

	while (next_origin_pattern(&list, &text)) {
		bool any_host;

		if (!read_origin_pattern(text, &pattern))
			continue;
		any_host = slice_is(pattern.host, "*");
		/* "*:*" lets pages without, or with an unreadable, Origin pass too */
		if (any_host && pattern.port == 0)
			return true;
		if (readable && (any_host || same_host(pattern.host, page.host)) &&
		    (pattern.port == 0 || pattern.port == page.port))
			return true;
	}
	return false;
}
