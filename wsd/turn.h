/* turn: one turn of the loop.
 *
 *	check     read the clock; server_begin(); read connections that were left unread
 *	...       callbacks: read, hand to the hub, queue
 *	prepare   deadlines; then up to four rounds of
 *	            server_settle()   commit
 *	            write the queues
 *	            after()           tell the hub what became of them, which may make work
 *	          then free closed connections and set the timer
 *
 * So nothing is written before its commit, and all connections of a turn share one. */
#ifndef POLLUX_WSD_TURN_H
#define POLLUX_WSD_TURN_H

#include "wsd/wsd.h"

/* Start and stop watching. */
void wsd_turn_start(struct wsd *w);
void wsd_turn_stop(struct wsd *w);

/* Before any call to the hub; does nothing in a turn that has begun. */
void wsd_turn_enter(struct wsd *w);

/* The second half of a turn, as before the loop sleeps. */
void wsd_turn_finish(struct wsd *w);

#endif
