/* deliver: the leader's work: events from the queue to the hook, at least once (docs/hook.md,
 * section 5). */
#ifndef POLLUX_HOOK_DELIVER_H
#define POLLUX_HOOK_DELIVER_H

#include "shared/hook/internal.h"

/* NULL: no memory. */
struct delivery *deliver_open(struct hook *hook);
/* NULL is allowed. */
void deliver_close(struct delivery *d);

/* There are new events: of this process, or perhaps of another. */
void deliver_rescan(struct delivery *d, bool ours);
/* In a turn, before its commit. */
void deliver_run(struct delivery *d);
/* After it: lead or not, send what is due.  Return when the next turn is wanted at the latest. */
int64_t deliver_settled(struct delivery *d, bool committed);

/* The hook has another URL: what was postponed for the old one goes out at once. */
void deliver_elsewhere(struct delivery *d);
/* Send nothing new; let another process lead once nothing is in flight. */
void deliver_drain(struct delivery *d);
/* Let another process lead now; requests in flight are cancelled. */
void deliver_stop(struct delivery *d);
/* Is a request for events in flight? */
bool deliver_is_busy(const struct delivery *d);

#endif
