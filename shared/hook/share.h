/* share: what each session may have waiting in the queue for the hook (docs/hook.md, section 5).
 *
 * A session that is past its share is slowed: its websocket is not read, its POST answered late,
 * until half of its share is free again.  One that goes on sending, or stays past it for too long,
 * is ended.  So a client that floods fills no more than its share, and the others do not notice.
 *
 * The rows are counted anew in every turn, since any process adds and removes some. */
#ifndef POLLUX_HOOK_SHARE_H
#define POLLUX_HOOK_SHARE_H

#include <uthash.h>

#include "shared/hub/hub.h"

struct hook;
struct share;

struct hook_shares {
	struct share *by_key; /* uthash: sessions of this turn, and those that are slowed */
	unsigned slowed_n;    /* of those */
	bool woken;           /* rows were deleted: some may have room again */
	int64_t check_at;     /* not before */
};

void share_close(struct hook_shares *shares);

/* How much of a limit one session may have, when so much is used: `most`, or an eighth of what is
 * free, but always a little.  Pure. */
int64_t share_of(int64_t limit, int64_t most, int64_t little, int64_t used);

/* Is the whole queue full? */
bool share_queue_is_full(const struct hook *hook);
/* Does it hold twice as much?  Only then are new sessions refused, which have not filled it. */
bool share_queue_is_closed(const struct hook *hook);

/* May the client do what queues an event, in the open transaction?  False: it has to be ended. */
bool share_allows(struct hook *hook, struct session *s);
/* Count an event that is queued; its client is slowed if it has its share now. */
void share_add(struct hook *hook, struct session *s, size_t bytes);

/* Is its client slowed by this process? */
bool share_is_slowed(const struct hook *hook, int64_t key);
/* It has ended. */
void share_forget(struct hook *hook, int64_t key);

/* In a turn: let those go on that have room again, end those that are past their time. */
void share_run(struct hook *hook);
/* After the turn.  Return when the next one is wanted at the latest, in ms; INT64_MAX: never. */
int64_t share_settled(struct hook *hook);

#endif
