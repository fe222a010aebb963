/* session_data: the values that socket.set() and socket.get() keep with a session.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_SESSION_DATA_H
#define POLLUX_SESSION_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"
#include "shared/store/store.h"

/* STORE_OK; STORE_FULL: the session has more than `most` bytes of values then, or has ended, and
 * nothing was changed; or STORE_FAILED.  A value counts with its name and 64 bytes. */
enum store_result session_data_set(
    struct store *st, int64_t key, struct slice name, struct slice value, int64_t most);
int session_data_delete(struct store *st, int64_t key, struct slice name);

/* The value, malloc'ed, or NULL when it is not set, or after an error. */
char *session_data_get(struct store *st, int64_t key, struct slice name);

/* How many names a list of them may have. */
#define SESSION_DATA_NAMES_MAX 32

/* Is this a list of so few names?  They are separated by commas, which no name on it can have. */
bool session_data_are_names(struct slice names);

/* Append a JSON object of those values of a session that are on the list, in its order and byte for
 * byte; those that are not set are left out. */
int session_data_json(struct store *st, int64_t key, struct slice names, struct buf *out);

/* Call `each` with every value of a session; it must not use the store. */
int session_data_list(struct store *st, int64_t key,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg);

#endif
