/* origins: which pages may talk to the server (PROTOCOL section 3.2).  Pure.
 * A list of patterns separated by blanks or commas: host:port, host:*, *:port, *:*; a pattern
 * without a port means any port; "https://a.example" means that scheme's own, 443. */
#ifndef POLLUX_ORIGINS_H
#define POLLUX_ORIGINS_H

#include <stdbool.h>

#include "shared/base/slice.h"

/* Is the list well formed?  Return 0, or -1 with the offending pattern in `*bad`. */
int origins_check(struct slice list, struct slice *bad);

/* May a page of this Origin (else Referer) header talk to us?  Both may be empty (then only "*:*"
 * lets it pass).  "null" has no host: only a pattern whose host is "*" takes it; no port means
 * 80, 443 for https; an origin without scheme is taken (node clients); host names compare without
 * case. */
bool origins_allow(struct slice list, struct slice origin, struct slice referer);

/* Walk the hosts of the list, "*" for any; what is no pattern is left out.
 * Return false behind the last. */
bool origins_next_host(struct slice *list, struct slice *host);

#endif
