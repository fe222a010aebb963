/* follow: reading the log, and handing its rows to the sessions whose transport is held here.
 *
 * Most rows are messages.  Some are control messages, by which one process tells another what
 * became of a session that the other holds.  They are written by publish.c, on the channel of the
 * session; the first byte says what happened:
 *
 *	T gen                           a newer transport took over, as generation `gen`
 *	E                               the session ended; its client must not come back
 *	X                               the session ended; its client may make a new one
 *	H                               its client gave a sign of life
 *	J ns FF room, J ns FE endpoint  it joined a room, or the namespace itself
 *	L ns FF room, L ns FE           it left a room, or the namespace with all its rooms
 *
 * FE and FF are single bytes, which no UTF-8 text contains. */
#ifndef POLLUX_HUB_FOLLOW_H
#define POLLUX_HUB_FOLLOW_H

#include <stdint.h>

struct hub;
struct session;

#define CONTROL_ENDPOINT 0xfe
#define CONTROL_ROOM     0xff

/* Read what has been committed since the last time.  0 or -1. */
int follow_catch_up(struct hub *h);

enum follow_result {
	FOLLOW_OK,
	FOLLOW_OVERFLOW, /* more is waiting than queue_packets and queue_bytes allow */
	FOLLOW_FAILED,   /* the store could not be read */
};

/* Hand all rows with an id greater than `after` that are for the session to its new sink. */
enum follow_result follow_missed(struct hub *h, struct session *s, int64_t after);

#endif
