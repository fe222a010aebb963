/* mailbox: what users who are away have missed.
 *
 * It is carried over to a new database (carried.h), so its times are ms since 1970.  Only what a
 * user has there makes room for more of the same user.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_MAILBOX_H
#define POLLUX_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"
#include "shared/store/store.h"

#define MAILBOX_ROW_BYTES 100 /* that each message counts besides its texts */

struct mailbox_limits {
	int64_t messages, bytes; /* of one user */
	int64_t total_bytes;     /* of all */
};

struct mailbox_mail {
	int64_t uid; /* 0: it gets one */
	struct slice user, ns, packet;
	int64_t until;  /* ms since 1970 */
	bool is_shared; /* other nodes have it, or will: they were told, or have told us */
};

/* Keep a packet, and set its uid.  `*kept`: it has room; `*dropped`: how many older ones of this
 * user were dropped for it. */
int mailbox_add(struct store *st, struct mailbox_mail *mail, const struct mailbox_limits *limits,
    bool *kept, int64_t *dropped);

/* Call `each` with what waits for the session's user in this namespace, in order.  It must not use
 * the store.  Return their number, or -1. */
int mailbox_list(struct store *st, int64_t key, struct slice ns, int64_t wall_ms,
    void (*each)(void *arg, int64_t uid, struct slice packet), void *arg);
/* Delete all of that. */
int mailbox_delete(struct store *st, int64_t key, struct slice ns);
/* Delete one, if it is there. */
int mailbox_remove(struct store *st, int64_t uid);

/* For another node: the row after row `*after`, which moves on, as shared from now on.  Its texts
 * are appended to `texts`, which they borrow from until it changes.  STORE_OK, STORE_NOT_FOUND or
 * STORE_FAILED. */
enum store_result mailbox_next(
    struct store *st, int64_t *after, struct mailbox_mail *mail, struct buf *texts);
/* Delete what is shared: other nodes know better which of it was delivered. */
int mailbox_drop_shared(struct store *st);

/* Is it known that no user has mail?  Without a query, under the writer's lock. */
bool mailbox_is_empty(const struct store *st);
/* Look, for all processes: at the beginning of a transaction, since what it deletes may come back.
 * 1: no user has mail; 0: one has; or -1. */
int mailbox_note_empty(struct store *st);

/* Is there anything whose time is up?  1 or 0, or -1. */
int mailbox_is_old(struct store *st, int64_t wall_ms);
/* Delete some of that. */
int mailbox_expire(struct store *st, int64_t wall_ms);

/* What all users have. */
int mailbox_total(struct store *st, int64_t *messages, int64_t *bytes);

#endif
