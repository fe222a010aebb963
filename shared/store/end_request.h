/* end_request: sessions, or their stay in a namespace, that a process without the application wants
 * ended.  The process that does maintenance ends them, so that the application is told.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_END_REQUEST_H
#define POLLUX_END_REQUEST_H

#include <stdint.h>

#include "shared/base/slice.h"

struct store;

/* Request an end; `ns` "": of the whole session.  All processes are woken after the commit. */
int end_request_add(struct store *st, int64_t key, struct slice ns, const char *reason);

/* Call `each` with at most `max` requests; return their number, or -1.  Slices are borrowed during
 * the call; `each` must not use the store. */
int end_request_list(struct store *st, int max,
    void (*each)(void *arg, int64_t key, struct slice ns, struct slice reason), void *arg);

/* Delete a request that was carried out. */
int end_request_delete(struct store *st, int64_t key, struct slice ns);

#endif
