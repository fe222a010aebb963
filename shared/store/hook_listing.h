/* hook_listing: the events for the web hook as a person sees them: those that wait in the queue,
 * and those that could not be delivered (hook_queue.h).
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_HOOK_LISTING_H
#define POLLUX_HOOK_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

/* An event; all slices are borrowed. */
struct hook_listed {
	bool is_dead; /* it could not be delivered */
	int64_t id, key;
	struct slice ns;
	struct slice ack;   /* p NULL: the client expects none */
	int64_t time;       /* ms since 1970 */
	int attempts;       /* that have failed; of one that waits */
	int64_t due;        /* ms of CLOCK_MONOTONIC; of one that waits */
	struct slice body;  /* of one that waits: members of an object; of a dead one: the object */
	struct slice error; /* of a dead one */
};
typedef void hook_listing_each_event(void *arg, const struct hook_listed *event);

/* Call `each` with the events of one kind whose id is higher than `after`, in order, `limit` at
 * most.  It must not use the store. */
int hook_listing_each(struct store *st, bool is_dead, int64_t after, int limit,
    hook_listing_each_event *each, void *arg);

/* The same for one of either kind: STORE_OK, STORE_NOT_FOUND or STORE_FAILED. */
enum store_result hook_listing_read(
    struct store *st, int64_t id, hook_listing_each_event *each, void *arg);

/* Delete one of either kind, which has this key; and with the last one of a session that has ended,
 * what was kept of it. */
int hook_listing_drop(struct store *st, int64_t id, int64_t key);

/* Put a dead event back into the queue, with these members as its body, and `*new_id` as its id. */
int hook_listing_revive(struct store *st, const struct hook_listed *event, struct slice body,
    int64_t now_ms, int64_t *new_id);

/* Have all events that wait be sent at once. */
int hook_listing_hurry(struct store *st);

/* After the commit of such changes: have the leader read the rows again, and wake those whose
 * clients are slowed since the queue was full. */
void hook_listing_changed(struct store *st);

#endif
