/* timer_row: timers of sessions, and the handler that gets each.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_TIMER_ROW_H
#define POLLUX_TIMER_ROW_H

#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

/* Set a timer, in the place of the one of this name.  `context` p NULL: none.  STORE_OK;
 * STORE_FULL: the session has `most` of them already; or STORE_FAILED. */
enum store_result timer_row_set(struct store *st, int64_t key, struct slice ns, struct slice name,
    struct slice context, int64_t due_ms, int64_t most);

/* Drop one, if it is there; all of a session that ends; and all of one in a namespace. */
int timer_row_drop(struct store *st, int64_t key, struct slice ns, struct slice name);
int timer_row_drop_all(struct store *st, int64_t key);
int timer_row_drop_namespace(struct store *st, int64_t key, struct slice ns);

/* Fetch and delete one that is due: STORE_OK (`*context` is malloc'ed; NULL: it has none),
 * STORE_NOT_FOUND or STORE_FAILED. */
enum store_result timer_row_take(struct store *st, int64_t key, struct slice ns, struct slice name,
    int64_t now_ms, char **context);

/* Call `each` with those that are due, at most `max`, the first ones first; return their number, or
 * -1.  `each` must not use the store. */
int timer_row_list_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, struct slice ns, struct slice name), void *arg);

/* When the first of all is due, ms; INT64_MAX: there is none. */
int timer_row_next(struct store *st, int64_t *due_ms);

#endif
