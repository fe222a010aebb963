/* hook_queue: what the web hook is still to be told, durable, and who tells it.
 *
 * Rows are added in the transaction of the change that they report, by any process.  One process at
 * a time, the leader, delivers and deletes them.  While rows of a session wait, its values and the
 * name of its user outlive it.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_HOOK_QUEUE_H
#define POLLUX_HOOK_QUEUE_H

#include "shared/store/store.h"

struct hook_row {
	int64_t id;
	int64_t key;       /* of the session */
	struct slice ns;   /* all slices are borrowed during the call */
	struct slice ack;  /* what the client waits for; p NULL: nothing */
	int64_t time;      /* ms since 1970 */
	int64_t created;   /* ms of CLOCK_MONOTONIC */
	struct slice body; /* members of a JSON object */
};

/* What the leader keeps in memory of a row. */
struct hook_entry {
	int64_t id, key, created;
	bool is_sync;  /* a client waits for the answer */
	int64_t batch; /* the first id of the request that it was sent in; 0: not tried yet */
	int attempts;
	int64_t due;
	size_t bytes; /* of the body */
};

/* Add one, its id is set; the leader is woken after the commit. */
int hook_queue_add(struct store *st, struct hook_row *row);

/* Call `each` with all rows of an id above `after`, in order.  It must not use the store. */
int hook_queue_list(struct store *st, int64_t after,
    void (*each)(void *arg, const struct hook_entry *entry), void *arg);

/* Call `each` with a row, borrowed: STORE_OK, STORE_NOT_FOUND or STORE_FAILED. */
enum store_result hook_queue_read(
    struct store *st, int64_t id, void (*each)(void *arg, const struct hook_row *row), void *arg);

/* It was told, or never will be. */
int hook_queue_done(struct store *st, int64_t id);
/* It will be told later. */
int hook_queue_retry(struct store *st, int64_t id, int64_t batch, int attempts, int64_t due);
/* It could not be told: keep it aside, with the body as it would be sent.  The oldest are dropped
 * when there are many. */
int hook_queue_bury(struct store *st, int64_t id, struct slice body, const char *error);

/* The person behind a session, also of one that has ended: malloc'ed, or NULL. */
char *hook_queue_user(struct store *st, int64_t key);
/* Forget what was kept of a session that has ended, unless rows of it still wait. */
int hook_queue_forget(struct store *st, int64_t key);

/* Actions to be done once the session is connected; taken: malloc'ed, or NULL. */
int hook_queue_admit(struct store *st, int64_t key, struct slice actions);
char *hook_queue_admitted(struct store *st, int64_t key);

/* Try to be the leader until hook_queue_resign(), or be it already. */
bool hook_queue_lead(struct store *st);
void hook_queue_resign(struct store *st);

#endif
