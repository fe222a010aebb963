/* subscription: which rooms and namespaces a session is in, and from which row of the log on.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back.  `each` must not use the store. */
#ifndef POLLUX_SUBSCRIPTION_H
#define POLLUX_SUBSCRIPTION_H

#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

/* It covers the rows of the log with since < id <= until. */
struct subscription {
	int64_t chan;
	int64_t since;
	int64_t until;         /* INT64_MAX: not left */
	struct slice ns;       /* borrowed during the call */
	struct slice room;     /* p NULL: the namespace itself */
	struct slice endpoint; /* p NULL: as ns */
};

int subscription_add(struct store *st, int64_t key, const struct subscription *sub);

/* Leave: `until` is the last row that it still gets; < 0: delete the subscription at once. */
int subscription_end(struct store *st, int64_t key, int64_t chan, int64_t until);

/* Delete the one that began after row `since`. */
int subscription_forget(struct store *st, int64_t key, int64_t chan, int64_t since);

/* Leave a namespace with all its rooms. */
int subscription_end_namespace(struct store *st, int64_t key, struct slice ns, int64_t until);

/* Call `each` with every subscription of a session, those that were left too. */
typedef void subscription_each(void *arg, const struct subscription *sub);
int subscription_list(struct store *st, int64_t key, subscription_each *each, void *arg);

/* Call `each` with the key of every session in the channel; return their number, or -1. */
int subscription_members(struct store *st, int64_t chan, store_each_key *each, void *arg);

/* Is any session in the channel?  1 or 0, or -1. */
int subscription_any(struct store *st, int64_t chan);

/* As subscription_members(), only the sessions of one user. */
int subscription_user_sessions(
    struct store *st, struct slice user, int64_t chan, store_each_key *each, void *arg);

#endif
