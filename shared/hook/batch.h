/* batch: fills a batch with events, writes the body of its request (docs/hook.md, section 4), and
 * changes its rows when the request has ended.  It does not send. */
#ifndef POLLUX_HOOK_BATCH_H
#define POLLUX_HOOK_BATCH_H

#include "shared/hook/lanes.h"

/* A new batch of events from at most `lanes_max` lanes of the list, which is not empty.  NULL: no
 * memory, or all of their rows are gone. */
struct batch *batch_fill(struct lanes *l, struct lane_list *list, size_t lanes_max);

/* Read the events of a batch anew, to send it again.  0, or -1: all of their rows are gone, and so
 * is the batch. */
int batch_refill(struct batch *b);

/* The events were delivered, or are dropped: delete their rows.  In the open transaction; when the
 * store fails, the turn fails. */
void batch_delete_rows(struct batch *b);
/* The events are sent again at `due`, in ms: note that in their rows.  Those that are older than
 * [hook] retry_for by then become dead letters with this error.  In the open transaction, too. */
void batch_postpone_rows(struct batch *b, int64_t due, const char *error);

/* After the turn: take out of the batch what was deleted, and free it if it is empty. */
void batch_settle(struct batch *b, bool committed);

/* Until a batch is sent again whose turn was rolled back, or whose request could not be made. */
#define BATCH_AGAIN_MS 1000

#endif
