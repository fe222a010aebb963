/* action_queue: actions that other programs write with plain SQL (docs/publish.md), to the table
 * action_in of a database of its own, actions.db in the folder of the store.  One process, the
 * leader, runs them.
 *
 * It is a file of its own so that other programs hold no lock of ours and need no right on the
 * sessions.  Nothing here waits for them: what is locked is tried again later.  The two databases
 * have no common transaction, so each row is done in this order, and a crash anywhere neither loses
 * it nor repeats it:
 *
 *	1. in one transaction of the store: its effects, and a note that it is done
 *	2. the row is deleted
 *
 * The next leader finds the note, and deletes what is left.  Unlike the store the file outlives a
 * reboot.  It is made anew only when it is damaged, not ours or gone. */
#ifndef POLLUX_ACTION_QUEUE_H
#define POLLUX_ACTION_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

struct store;

/* Try to become the leader, or see that this process still is, and that the file is the one that is
 * open.  False: another process leads, or the file cannot be opened now (logged once, unless it is
 * only locked).  It stays the leader until the store is closed. */
bool action_queue_lead(struct store *st);

/* Has another program committed something since the last call, or is this the first of a file?  Of
 * the leader.  When the file is locked the answer is no, and yes later. */
bool action_queue_has_changed(struct store *st);

/* The next call of action_queue_has_changed() shall say yes. */
void action_queue_look_again(struct store *st);

/* Call `each` with actions that are not done, in the order of their ids: at most `max`, and none
 * after their sizes have reached `max_bytes`.  Return their number; 0 also when the file is locked
 * or damaged, which action_queue_lead() mends.  `json` is borrowed during the call; `each` must not
 * use the store. */
int action_queue_list(struct store *st, int max, size_t max_bytes,
    void (*each)(void *arg, int64_t id, struct slice json), void *arg);

/* Note in the open transaction of the store that the rows from `first` to `last` of the list were
 * run or refused.  Return 0, or -1 after logging. */
int action_queue_note(struct store *st, int64_t first, int64_t last);

/* That transaction was committed: the rows are deleted, now or, while the file is locked, by a
 * later action_queue_lead(). */
void action_queue_settled(struct store *st);

/* Of store_close(). */
void action_queue_close(struct store *st);

#endif
