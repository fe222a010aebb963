/* parked: texts of a websocket that wait until the store can be had, in their order.  Only so many
 * as arrived together: then the connection is not read. */
#ifndef POLLUX_WSD_PARKED_H
#define POLLUX_WSD_PARKED_H

#include <stdbool.h>

#include "shared/base/slice.h"

struct parked;

/* Add a copy, making `*p` as needed.  Return 0, or -1 when out of memory. */
int parked_add(struct parked **p, struct slice text);

/* The first text, borrowed until it is dropped.  False: there is none; `p` may be NULL. */
bool parked_first(const struct parked *p, struct slice *text);

/* Drop the first; `*p` is NULL when none is left. */
void parked_drop(struct parked **p);

void parked_free(struct parked **p);

#endif
