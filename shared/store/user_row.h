/* user_row: which users are connected, and changes that the application must still be told.
 *
 * A session is connected while it is in the default namespace, whose channel is `root`: the row of
 * that is written and ended with the turn that does it, on other nodes too.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_USER_ROW_H
#define POLLUX_USER_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

struct store;

/* A connected session of the user that is not `except` (0: any), of this node only if `here`.
 * Return its key; 0: there is none; or -1. */
int64_t user_row_session(
    struct store *st, struct slice user, int64_t except, int64_t root, bool here);

/* Whether the session is in the channel: 1 or 0, or -1. */
int user_row_is_member(struct store *st, int64_t key, int64_t chan);

/* A user has come, or gone, with this session. */
struct user_change {
	int64_t id, key;
	struct slice user; /* borrowed during the call */
	bool arrives;
};

/* Have the process that does maintenance tell the application of it, at once. */
int user_row_note(struct store *st, int64_t key, struct slice user, bool arrives);

/* Call `each` with at most `max` of them, in order; return their number, or -1.  `each` must not
 * use the store. */
int user_row_list_noted(struct store *st, int max,
    void (*each)(void *arg, const struct user_change *change), void *arg);

/* Those up to this id were told. */
int user_row_told(struct store *st, int64_t id);

#endif
