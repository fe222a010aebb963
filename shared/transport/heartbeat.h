/* heartbeat: 2:: to every open stream and websocket, and what must be heard in answer
 * (PROTOCOL 14.4).
 *
 *	BEAT --interval--> 2:: is sent, ANSWER --heard--> BEAT again
 *	                                       --timeout--> the session ends
 *
 * Those that wait for the same thing wait equally long, so they stand in one line, the first due
 * first: nothing is searched or sorted. */
#ifndef POLLUX_HEARTBEAT_H
#define POLLUX_HEARTBEAT_H

#include <stdint.h>

struct server;
struct heartbeat;

/* What is done to the one that the heartbeat belongs to.  Before the last two it was stopped. */
struct heartbeat_ops {
	void (*beat)(struct server *sv, struct heartbeat *hb);    /* send 2:: */
	void (*expired)(struct server *sv, struct heartbeat *hb); /* nothing was heard: end it */
	void (*drained)(struct server *sv, struct heartbeat *hb); /* the server stops: end it */
};

/* Embedded in whoever has one; zeroed before heartbeat_start(). */
struct heartbeat {
	const struct heartbeat_ops *ops;
	struct heartbeat *prev, *next;
	int64_t deadline; /* when what is waited for happens, ms */
	uint8_t due;      /* what that is; 0: stopped */
};

struct heartbeat_line {
	struct heartbeat *first, *last;
};

/* Begin: the first beat is due an interval from now. */
void heartbeat_start(struct server *sv, struct heartbeat *hb, const struct heartbeat_ops *ops);

/* End; does nothing if it was stopped. */
void heartbeat_stop(struct server *sv, struct heartbeat *hb);

/* Something came from the client.  The reference waits for 2:: and nothing else; we take any packet
 * as a sign of life. */
void heartbeat_heard(struct server *sv, struct heartbeat *hb);

/* Do what is due now; the time of the next, INT64_MAX for none. */
int64_t heartbeats_due(struct server *sv);

/* End all that have one. */
void heartbeats_drain(struct server *sv);

#endif
