/* origins: which pages may talk to the server (PROTOCOL 3.2).  Pure.
 *
 * A list of patterns, separated by blanks or commas: host:port, host:*, *:port, *:*.  A pattern
 * without a port means any port; with a scheme, "https://a.example", that scheme's port. */
#ifndef POLLUX_ORIGINS_H
#define POLLUX_ORIGINS_H

#include <stdbool.h>

#include "shared/base/slice.h"

/* Check the list.  Return 0, or -1 with the first malformed pattern in `*bad`. */
int origins_check(struct slice list, struct slice *bad);

/* Whether a page with this Origin header, or else this Referer, may talk to the server.  Without
 * either, only "*:*" allows it.  "null" has no host: only patterns with host "*" match it.  The
 * default port is 80, or 443 for https; host names are compared without case. */
bool origins_allow(struct slice list, struct slice origin, struct slice referer);

/* Walk the hosts of the list, "*" for any; malformed patterns are skipped.
 * Return false at the end. */
bool origins_next_host(struct slice *list, struct slice *host);

#endif
