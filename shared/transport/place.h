/* place: the places of shared/store/places.h as the transports use them, and what a client is told
 * for whom there is none.
 *
 *	handshake -- a place is free, and reserved: 200 ---- poll ------------> held
 *	          -- none: 200, with an id of no session --- poll: 7:::1+0 ---> it comes again:
 *	handshake while it waits, and none is free: 503 ---------------------> it comes again, later
 *
 * Where websocket is offered too, which needs no place, a handshake makes a session all the same,
 * and its first poll takes the place, or gets 7:::1+0 and ends it.
 *
 * Nothing is counted where the configuration sets no limit. */
#ifndef POLLUX_PLACE_H
#define POLLUX_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/store/session_row.h"
#include "shared/transport/exchange.h"
#include "shared/transport/transport.h"

struct server;
struct session;

/* A ticket of a request that needs no place. */
#define PLACE_NOT_NEEDED UINT64_MAX

/* Publish the limit, for pollux stats.  When the server is open, and when it may have changed. */
void place_open(struct server *sv);

/* Take the place for a request of a session that was found in this turn.  Return a ticket for
 * place_leave(), or 0: all are taken. */
uint64_t place_take(struct server *sv, const struct exchange *x, const struct session *s);

/* The request is over; `for_good`: the session, too.  Any ticket will do, 0 also. */
void place_leave(struct server *sv, uint64_t ticket, bool for_good);

/* A handshake has made the session `key`, which will poll: keep a place for it if one is free. */
void place_reserve(struct server *sv, int64_t key);

/* There is no place for the session (NULL: it is none).  End it, and tell its client at this
 * request, a poll or if `streams` a stream, to come again.  Ends the exchange. */
void place_refuse(struct server *sv, const struct transport *t, struct exchange *x,
    const struct route *route, struct session *s, bool streams);

/* What a handshake is answered. */
enum place_verdict {
	PLACE_FREE,
	PLACE_NONE, /* 200 and PLACE_NO_SESSION, or a session whose first poll is refused */
	PLACE_WAIT  /* 503: its client waits for a place, and will come again */
};
enum place_verdict place_judge(struct server *sv, const struct exchange *x);

/* A session id that begins like this is of no session, since there is no place for one.  The web
 * server may tell by it that its polls need no process that can hold them. */
#define PLACE_NO_SESSION "no-place"

/* Write a new one.  Return 0, or -1: the random generator failed. */
int place_no_session(char sid[STORE_SID_SIZE]);
bool place_is_no_session(struct slice sid);

/* Whether 0:: in this payload, of a session that was found in this turn, is not meant.  A client
 * that was told to come again before it was connected queues a 0:: for the session that it leaves,
 * and sends it as soon as it is connected again, for the new one. */
bool place_forgives_end(struct server *sv, const struct session *s);

/* Whether this process, which has had no request for a while, had better end: nearly all places are
 * taken, a host may not allow another process, and there are enough like this one. */
bool place_is_spare(struct server *sv);

#endif
