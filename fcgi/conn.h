/* conn: one connection of the web server, and the request on it.
 *
 *	IDLE -> (READING) -> HELD -> (OPEN) -> WRITING -> IDLE again, or CLOSED
 *
 * While a poll is held nothing is left of the request but this struct. */
#ifndef POLLUX_FCGI_CONN_H
#define POLLUX_FCGI_CONN_H

#include "fcgi/fcgi.h"
#include "fcgi/request.h"
#include "shared/base/buf.h"
#include "shared/base/container.h"
#include "shared/transport/exchange.h"

enum fcgi_conn_state {
	FCGI_CONN_IDLE,    /* no request yet */
	FCGI_CONN_READING, /* a reader thread uses the descriptor, the loop does not watch it */
	FCGI_CONN_HELD,    /* the server has the request, there is no answer yet */
	FCGI_CONN_OPEN,    /* a streaming answer is under way */
	FCGI_CONN_WRITING, /* the answer is queued, whole */
	FCGI_CONN_CLOSED,  /* to be freed by the end of the turn */
};

struct fcgi_conn {
	struct ev_io io;
	struct fcgi *fcgi;
	struct exchange x;
	struct fcgi_request *request; /* owned; until server_request() has taken it */
	struct buf out;               /* queued records */
	size_t written;               /* of them, bytes */
	int64_t deadline;             /* ms; valid while `timed` */
	int64_t read_end;   /* ms; while READING: the deadline, unless others wait for its thread */
	int64_t idle_since; /* ms; while FCGI_CONN_IDLE */
	uint16_t request_id;
	uint8_t state; /* enum fcgi_conn_state */
	bool keep : 1; /* the web server wants to use the connection again */
	bool dirty : 1;
	bool timed : 1;
	bool hurried : 1; /* READING, and its deadline was brought nearer */
	bool parked : 1;  /* waits for the store: the request is to be asked, or the fate told */
	uint8_t fate;     /* enum exchange_fate; while CLOSED and `parked` */
	LIST_ENTRY(fcgi_conn) all;
	TAILQ_ENTRY(fcgi_conn) by_deadline; /* while `timed` */
	TAILQ_ENTRY(fcgi_conn) by_parking;  /* while `parked` */
	TAILQ_ENTRY(fcgi_conn) next_idle;   /* while FCGI_CONN_IDLE */
	SLIST_ENTRY(fcgi_conn) next_dirty;  /* while `dirty` */
};

typedef void fcgi_conn_io(struct ev_loop *loop, struct ev_io *io, int events);

/* Watch a new connection by `on_io`.  Owns `fd`, on failure too. */
void fcgi_conn_open(struct fcgi *f, int fd, fcgi_conn_io *on_io);

static inline struct fcgi_conn *
fcgi_conn_of_exchange(const struct exchange *x)
{
	return container_of(x, struct fcgi_conn, x);
}

/* --- ending --------------------------------------------------------------------------------- */

/* End it; from any depth, even twice.  Not while it is READING: a thread uses the descriptor. */
void fcgi_conn_close(struct fcgi_conn *c);

/* The same of one that has a request: end that, drop what the server has not taken of it, and tell
 * the transport what became of its answer; as soon as the store can be had, if it is locked. */
void fcgi_conn_close_unanswered(struct fcgi_conn *c, enum exchange_fate fate);

/* The program ends: tell the server that there will be no answer, and end it.  If it is READING the
 * threads must be joined before the end of the turn, which frees it. */
void fcgi_conn_abandon(struct fcgi_conn *c);

/* Close the one that has had no request for the longest, if that is long.  Return false when there
 * is none. */
bool fcgi_conn_displace(struct fcgi *f);

/* Free one that is closed and that no list has any more. */
void fcgi_conn_free(struct fcgi_conn *c);

/* --- its request ---------------------------------------------------------------------------- */

/* Drop the request that the server has not taken yet. */
void fcgi_conn_forget_request(struct fcgi_conn *c);

/* Tell the transport what became of its answer, once. */
void fcgi_conn_tell_fate(struct fcgi_conn *c, enum exchange_fate fate);

/* The same of one that is closed and parked for that; unparks it. */
void fcgi_conn_tell_parked_fate(struct fcgi_conn *c);

/* --- lists ---------------------------------------------------------------------------------- */

/* Write to it, or free it, at the end of the turn. */
void fcgi_conn_set_dirty(struct fcgi_conn *c);

/* Call incoming_expire() in `after_ms`; it has one deadline at most. */
void fcgi_conn_set_deadline(struct fcgi_conn *c, int64_t after_ms);
void fcgi_conn_clear_deadline(struct fcgi_conn *c);

/* Wait for the store, at the end of those that do already; and no more. */
void fcgi_conn_park(struct fcgi_conn *c);
void fcgi_conn_unpark(struct fcgi_conn *c);

/* Wait for a request; and no more, if it did: the caller sets the next state. */
void fcgi_conn_begin_idle(struct fcgi_conn *c);
void fcgi_conn_end_idle(struct fcgi_conn *c);

#endif
