/* turn: one turn of the loop.
 *
 *	check     read the clock; server_begin()
 *	...       callbacks: replies of Redis, wake-ups, timers
 *	prepare   up to four rounds of
 *	            server_settle()   commit
 *	            what waited for the commit, which may make work
 *	          then set the timer
 *
 * So what comes from Redis in one piece is taken in by one transaction. */
#ifndef POLLUX_LINKD_TURN_H
#define POLLUX_LINKD_TURN_H

#include "linkd/linkd.h"

/* Start and stop watching. */
void linkd_turn_start(struct linkd *l);
void linkd_turn_stop(struct linkd *l);

/* Before any call to the hub; does nothing in a turn that has begun. */
void linkd_turn_enter(struct linkd *l);

/* The second half of a turn, as before the loop sleeps. */
void linkd_turn_finish(struct linkd *l);

#endif
