/* turn: one turn of the loop.
 *
 *	check     the clock, server_begin(); what the last turn left unread
 *	...       the callbacks: read, hand to the hub, queue
 *	prepare   deadlines, server_settle(), write the queues, tell the hub what became of them,
 *	          settle again if that made work, free what is closed, set the timer
 *
 * So nothing is written before its commit, and all connections of a turn share one. */
#ifndef POLLUX_WSD_TURN_H
#define POLLUX_WSD_TURN_H

#include "wsd/wsd.h"

/* Start and stop watching. */
void wsd_turn_start(struct wsd *w);
void wsd_turn_stop(struct wsd *w);

/* Before any call to the hub; a turn that is under way goes on. */
void wsd_turn_enter(struct wsd *w);

/* The second half of a turn, as before the loop sleeps. */
void wsd_turn_finish(struct wsd *w);

#endif
