/* timekeeper: the process that does what is due by the clock, the timers of sessions and the ticks
 * of the application; one of all that share the folder.
 *
 * When the next thing is due is in shared memory, so that the timekeeper sleeps until then, and
 * another process goes on where one was killed. */
#ifndef POLLUX_TIMEKEEPER_H
#define POLLUX_TIMEKEEPER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TIMEKEEPER_TICKS 32 /* of one application */

struct store;

/* Try to become the timekeeper until timekeeper_resign().  Not when this process is it already. */
bool timekeeper_lead(struct store *st);
/* Let another one take over, at once. */
void timekeeper_resign(struct store *st);
/* Whether there is none, or the last one was killed and nobody has noticed. */
bool timekeeper_is_absent(const struct store *st);

/* No timer of a session is due before, ms. */
int64_t timekeeper_due(const struct store *st);
/* One is due at `due_ms`: in the transaction that sets it.  The timekeeper is woken after the
 * commit if it would sleep for longer. */
void timekeeper_add(struct store *st, int64_t due_ms);
/* The first of all timers is due at `due_ms`: as the timekeeper, in a transaction, by which no
 * other process adds one meanwhile. */
void timekeeper_set_due(struct store *st, int64_t due_ms);

/* A timer of this session is called from now on; 0: no more.  As the timekeeper. */
void timekeeper_set_calling(struct store *st, int64_t key);
/* How many timekeepers in a row have died while they called a timer of this session. */
int timekeeper_crashes(const struct store *st, int64_t key);

/* When a tick is due, ms; 0: it never was.  For the timekeeper. */
_Atomic int64_t *timekeeper_tick(struct store *st, int tick);
/* Until then the hook may have a tick to answer, ms. */
_Atomic int64_t *timekeeper_request(struct store *st);

#endif
