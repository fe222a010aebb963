/* cookie: one cookie of a request's Cookie header (RFC 6265).  Pure.
 *
 *	a=b; PHPSESSID="8f2"        PHPSESSID is 8f2 */
#ifndef POLLUX_COOKIE_H
#define POLLUX_COOKIE_H

#include <stdbool.h>

#include "shared/base/slice.h"

/* Find a cookie by its name, in which case counts; of several the first one, which is that of the
 * longest path.  `value` is borrowed: as it was set, without the quotes around it. */
bool cookie_find(struct slice header, struct slice name, struct slice *value);

#endif
