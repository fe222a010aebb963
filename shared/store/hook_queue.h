/* hook_queue: events that wait for delivery to the web hook, and which process delivers them.
 *
 * Any process adds rows, in the transaction of the change that they report.  One process at a time,
 * the leader, delivers and deletes them.  While rows of a session wait, its data and the name of
 * its user outlive it.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_HOOK_QUEUE_H
#define POLLUX_HOOK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

struct hook_row {
	int64_t id;
	int64_t key;       /* of the session */
	struct slice ns;   /* all slices are borrowed during the call */
	struct slice ack;  /* id of the ack that the client expects; p NULL: none */
	int64_t time;      /* ms since 1970 */
	int64_t created;   /* ms of CLOCK_MONOTONIC */
	struct slice body; /* members of a JSON object */
};

/* What the leader keeps of a row in memory. */
struct hook_entry {
	int64_t id, key, created;
	bool is_sync;  /* the client expects an ack */
	int64_t batch; /* of struct hook_retry; 0: not tried yet */
	int attempts, failed;
	int64_t due;
	size_t bytes; /* of the body */
};

/* What a row keeps of the attempts that have failed. */
struct hook_retry {
	int64_t batch; /* first id of the request that it was sent in, and is sent in again;
	                * negative, its own: it is sent alone */
	int attempts;
	int failed; /* of those, when it was sent alone and its answer was bad */
	int64_t due;
};

/* Add a row and set its id; the leader is woken after the commit. */
int hook_queue_add(struct store *st, struct hook_row *row);

/* Call `each` with every row with id > after, in order.  It must not use the store. */
int hook_queue_list(struct store *st, int64_t after,
    void (*each)(void *arg, const struct hook_entry *entry), void *arg);

/* Call `each` with a row, borrowed: STORE_OK, STORE_NOT_FOUND or STORE_FAILED. */
enum store_result hook_queue_read(
    struct store *st, int64_t id, void (*each)(void *arg, const struct hook_row *row), void *arg);

/* How many rows of the session wait, and the bytes of their bodies. */
int hook_queue_count(struct store *st, int64_t key, int64_t *events, int64_t *bytes);
/* Rows were deleted: after the commit wake the processes that wait for that (slots_set_slowed). */
void hook_queue_drained(struct store *st);

/* Delete a row that was delivered, or never will be. */
int hook_queue_done(struct store *st, int64_t id);
/* Note a failed attempt. */
int hook_queue_retry(struct store *st, int64_t id, const struct hook_retry *retry);
/* Move a row that could not be delivered to the dead letters, with the body as it would be sent and
 * the last error.  The oldest dead letters are dropped when there are too many. */
int hook_queue_dead_letter(struct store *st, int64_t id, struct slice body, const char *error);

/* Get the user of a session, also of one that has ended: malloc'ed, or NULL.  -1: it could not be
 * read. */
int hook_queue_user(struct store *st, int64_t key, char **user);
/* Delete what was kept of a session that has ended, unless rows of it still wait. */
int hook_queue_forget(struct store *st, int64_t key);

/* Keep actions (JSON) that the hook wants run once the session is connected; and fetch and delete
 * them: malloc'ed, or NULL. */
int hook_queue_defer(struct store *st, int64_t key, struct slice actions);
char *hook_queue_take_deferred(struct store *st, int64_t key);

/* Try to become the leader until hook_queue_resign().  True also when this process leads
 * already. */
bool hook_queue_lead(struct store *st);
void hook_queue_resign(struct store *st);

#endif
