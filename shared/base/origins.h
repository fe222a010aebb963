/* origins: which pages may talk to the server (PROTOCOL 3.2).  Pure.
 *
 * A list of patterns, separated by blanks or commas:
 *
 *	example.com:8080     a host and a port
 *	example.com          any port; so does example.com:*
 *	https://example.com  the scheme's port
 *	*.example.com        all hosts below it, at any depth, but not example.com itself
 *	[::1]:80             an address of IPv6
 *	*:443  *:*           any host; any page, and who is no page
 *	null                 pages without an origin: sandboxed frames, files in newer browsers
 *	file://              files in older browsers and in applications */
#ifndef POLLUX_ORIGINS_H
#define POLLUX_ORIGINS_H

#include <stdbool.h>

#include "shared/base/slice.h"

/* Check the list.  Return NULL, or what is wrong (static) with the first malformed pattern, which
 * is put into `*bad`.  A comma at the end is allowed: the list may go on in a further line. */
const char *origins_check(struct slice list, struct slice *bad);

/* Whether a page with this Origin header, or else this Referer, may talk to the server.  Without
 * either, only "*:*" allows it.  "null" and files have no host: patterns with host "*" match them
 * too.  The default port is 80, or 443 for https; host names are compared without case. */
bool origins_allow(struct slice list, struct slice origin, struct slice referer);

/* Walk the hosts of the list, "*" for any, "*.example.com" for those below it; patterns without a
 * host and malformed ones are skipped.  Return false at the end. */
bool origins_next_host(struct slice *list, struct slice *host);

#endif
