/* batch: fills a batch with events and writes the body of its request (docs/hook.md, section 4).
 * It does not send, and leaves the rows as they are (rows.h). */
#ifndef POLLUX_HOOK_BATCH_H
#define POLLUX_HOOK_BATCH_H

#include "shared/hook/lanes.h"

/* A new batch of events from at most `lanes_max` lanes of the list, which is not empty; of one
 * event if that is sent alone.  NULL: no memory, or all of their rows are gone. */
struct batch *batch_fill(struct lanes *l, struct lane_list *list, size_t lanes_max);

/* Read the events of a batch anew, to send it again.  0, or -1: all of their rows are gone, and so
 * is the batch. */
int batch_refill(struct batch *b);

/* Append an event as it is sent.  STORE_NOT_FOUND: its row is gone. */
enum store_result batch_write_event(
    struct hook *hook, struct buf *out, const struct hook_sent *sent);

/* After the turn: take out of the batch what was deleted or is sent alone, and free it if it is
 * empty. */
void batch_settle(struct batch *b, bool committed);

/* Until a batch is sent again whose turn was rolled back, or whose request could not be made. */
#define BATCH_AGAIN_MS 1000

#endif
