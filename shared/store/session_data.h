/* session_data: the values that socket.set() and socket.get() keep with a session.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_SESSION_DATA_H
#define POLLUX_SESSION_DATA_H

#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

/* STORE_OK; STORE_FULL: the session has more than `most` bytes of values then, or has ended, and
 * nothing was changed; or STORE_FAILED.  A value counts with its name and 64 bytes. */
enum store_result session_data_set(
    struct store *st, int64_t key, struct slice name, struct slice value, int64_t most);
int session_data_delete(struct store *st, int64_t key, struct slice name);

/* The value, malloc'ed, or NULL when it is not set, or after an error. */
char *session_data_get(struct store *st, int64_t key, struct slice name);

/* Call `each` with every value of a session; it must not use the store. */
int session_data_list(struct store *st, int64_t key,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg);

#endif
