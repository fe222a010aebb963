/* batch: fills a batch with events and writes the body of its request (docs/hook.md, section 4).
 * It does not send. */
#ifndef POLLUX_HOOK_BATCH_H
#define POLLUX_HOOK_BATCH_H

#include "shared/hook/lanes.h"

/* A new batch of events from at most `lanes_max` lanes of the list, which is not empty.  NULL: no
 * memory, or all of their rows are gone. */
struct batch *batch_fill(struct lanes *l, struct lane_list *list, size_t lanes_max);

/* Read the events of a batch that is sent again anew.  0, or -1: all of their rows are gone, and
 * so is the batch. */
int batch_refill(struct batch *b);

/* Move an event that could not be delivered to the dead events, with its body as it would have been
 * sent.  0 or -1: the store failed. */
int batch_drop_dead(struct hook *hook, struct hook_sent *sent, const char *error);

#endif
