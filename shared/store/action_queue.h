/* action_queue: actions that other programs write to the table action_in with plain SQL
 * (docs/publish.md).  One process, the leader, runs them.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise. */
#ifndef POLLUX_ACTION_QUEUE_H
#define POLLUX_ACTION_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

struct store;

/* Try to become the leader; it stays so until it closes the store. */
bool action_queue_lead(struct store *st);

/* Call `each` with actions in the order of their ids: at most `max`, and none after their sizes
 * have reached `max_bytes`.  Return their number, or -1.  `json` is borrowed during the call;
 * `each` must not use the store. */
int action_queue_list(struct store *st, int max, size_t max_bytes,
    void (*each)(void *arg, int64_t id, struct slice json), void *arg);

/* Delete one that was run or refused.  Needs an open transaction. */
int action_queue_done(struct store *st, int64_t id);

#endif
