/* timers: what is due by the clock: the timers of sessions, and the ticks of the application.
 *
 * One process does it all, the timekeeper (shared/store/timekeeper.h); when that dies, the next one
 * whose turn comes within a second.  A timer of a session is handled on the session's node.  Ticks
 * are those of the whole deployment: in a cluster the living node with the lowest number has them.
 */
#ifndef POLLUX_HUB_TIMERS_H
#define POLLUX_HUB_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct hub;

struct timers {
	bool leads;        /* this process is the timekeeper */
	bool leaves;       /* it ends, and must not be */
	bool has_ticks;    /* and so is its node, for the ticks */
	int64_t next_lead; /* when leading is tried, ms */
	int64_t again;     /* timers that have failed are tried again, ms */
	int64_t next_tick; /* ms; INT64_MAX: there is none */
};

/* Try to become the timekeeper if it is time to; and whether a timer is due. */
bool timers_are_due(struct hub *h);
/* Call those that are due.  Between transactions, or in one that nothing has used; end it.  False:
 * it cannot be had now.  Else call timers_settle() then. */
bool timers_run(struct hub *h);
void timers_settle(struct hub *h, bool committed);

/* Call the next tick that is due: between transactions; end the one that it opens.  False: none
 * is. */
bool timers_tick(struct hub *h);

/* When the next of them is due, ms; INT64_MAX: this process need not know. */
int64_t timers_next(const struct hub *h);

/* The program ends: another process is to be the timekeeper. */
void timers_leave(struct hub *h);

#endif
