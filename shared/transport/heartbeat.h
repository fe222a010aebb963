/* heartbeat: sends 2:: on every open stream and websocket, and ends those whose client does not
 * answer (PROTOCOL 14.4).
 *
 *	BEAT --interval--> 2:: is sent, ANSWER --heard--> BEAT again
 *	                                       --timeout--> the session ends
 *
 * All that wait for the same thing wait equally long: they are in one queue, the first due first,
 * and nothing is searched or sorted. */
#ifndef POLLUX_HEARTBEAT_H
#define POLLUX_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct server;
struct heartbeat;

/* What the owner of a heartbeat does.  Before the last two it was stopped. */
struct heartbeat_ops {
	void (*beat)(struct server *sv, struct heartbeat *hb);    /* send 2:: */
	void (*expired)(struct server *sv, struct heartbeat *hb); /* nothing was heard: end it */
	void (*drained)(struct server *sv, struct heartbeat *hb); /* the server stops: end it */
};

enum heartbeat_state {
	HEARTBEAT_STOPPED,
	HEARTBEAT_BEAT,  /* until 2:: is due */
	HEARTBEAT_ANSWER /* until the client must have answered it */
};

/* Embedded in its owner; zeroed before heartbeat_start(). */
struct heartbeat {
	const struct heartbeat_ops *ops;
	TAILQ_ENTRY(heartbeat) link; /* in one of the server's queues, unless stopped */
	int64_t deadline;            /* of this state, ms */
	enum heartbeat_state state;
};

TAILQ_HEAD(heartbeat_queue, heartbeat);

/* Begin: the first beat is due an interval from now. */
void heartbeat_start(struct server *sv, struct heartbeat *hb, const struct heartbeat_ops *ops);

/* Go on as another process has left it, in `state` until `deadline`, which may be put off, but not
 * by more than a new one has.  Not HEARTBEAT_STOPPED. */
void heartbeat_resume(struct server *sv, struct heartbeat *hb, const struct heartbeat_ops *ops,
    enum heartbeat_state state, int64_t deadline);

/* End; does nothing if it was stopped. */
void heartbeat_stop(struct server *sv, struct heartbeat *hb);

/* The client sent something.  The reference waits for 2:: and nothing else; here any packet is a
 * sign of life. */
void heartbeat_heard(struct server *sv, struct heartbeat *hb);

/* Whether a client has not answered in time: ending it needs the store. */
bool heartbeat_is_due(const struct server *sv);

/* Act on all deadlines that have passed.  Return the next one, INT64_MAX for none. */
int64_t heartbeat_expire(struct server *sv);

/* Shorter times apply to those under way, too. */
void heartbeat_reload(struct server *sv);

/* End all. */
void heartbeat_drain(struct server *sv);

#endif
