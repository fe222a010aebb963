/* rows: what becomes of the rows of a batch whose request has ended, in the open transaction; when
 * the store fails, the turn fails.  The batch in memory follows after the commit
 * (batch_settle). */
#ifndef POLLUX_HOOK_ROWS_H
#define POLLUX_HOOK_ROWS_H

#include "shared/hook/lanes.h"

/* Dead letters that were made: how many, and the last one for the log. */
struct rows_dead {
	unsigned n;
	char event[HOOK_EVENT_TEXT];
};

/* The events were delivered, or are dropped: delete their rows. */
void rows_delete(struct batch *b);

/* Each event is sent again, alone. */
void rows_split(struct batch *b);

/* The batch is sent again at `due`, in ms.  `counts`: the answer to its one event was bad.  Events
 * that have failed so [hook] event_attempts times, or are older than [hook] retry_for by then,
 * become dead letters with this error. */
struct rows_dead rows_postpone(struct batch *b, int64_t due, bool counts, const char *error);

/* The events become dead letters: those that have an error in `errors`, b->n pointers; the others
 * were delivered. */
struct rows_dead rows_delete_or_keep(struct batch *b, char *const errors[]);

#endif
