/* turn: one turn of the loop.
 *
 *	check     the clock, server_begin()
 *	...       the callbacks: read requests, ask the server, queue answers
 *	prepare   deadlines, server_settle(), write the queues, again if that made work, set the
 *	          timer
 *
 * So nothing is written before its commit. */
#ifndef POLLUX_FCGI_TURN_H
#define POLLUX_FCGI_TURN_H

#include "fcgi/fcgi.h"

/* Start and stop watching. */
void fcgi_turn_start(struct fcgi *f);
void fcgi_turn_stop(struct fcgi *f);

/* Call before anything of server.h, from any callback: begins a turn unless one is under way. */
static inline void
fcgi_turn_enter(struct fcgi *f)
{
	if (f->entered)
		return;
	f->entered = true;
	server_begin(f->sv, f->now);
}

/* Commit what the turn did, then write the answers and free closed connections. */
void fcgi_turn_finish(struct fcgi *f);

#endif
