/* conn: one connection of the web server, and the request on it.
 *
 *	IDLE -> READING -> ASKED -> (HELD) -> WRITING -> IDLE again, or CLOSED
 *
 * While a poll is held nothing is left of the request but this struct. */
#ifndef POLLUX_FCGI_CONN_H
#define POLLUX_FCGI_CONN_H

#include "fcgi/fcgi.h"
#include "fcgi/request.h"
#include "shared/base/buf.h"
#include "shared/transport/exchange.h"

enum conn_state {
	CONN_IDLE,    /* no request yet */
	CONN_READING, /* a reader thread has it */
	CONN_HELD,    /* asked, not answered */
	CONN_OPEN,    /* a streaming answer is under way */
	CONN_WRITING, /* the answer is queued, whole */
	CONN_CLOSED,  /* to be freed by the end of the turn */
};

struct conn {
	struct ev_io io;
	struct fcgi *fcgi;
	struct exchange x;
	const struct request *request; /* during server_request() only */
	struct buf out;                /* queued records */
	size_t written;                /* of them */
	int64_t deadline;              /* ms; while `timed` */
	uint16_t request_id;
	uint8_t state; /* enum conn_state */
	bool keep : 1; /* the web server wants to use the connection again */
	bool dirty : 1;
	bool timed : 1;
	LIST_ENTRY(conn) all;
	TAILQ_ENTRY(conn) by_deadline;
	SLIST_ENTRY(conn) next_dirty;
};

/* Watch a new connection.  Owns `fd`, on failure too. */
void conn_open(struct fcgi *f, int fd);

/* A reader has finished with a connection: `rq` is what it read, or NULL (the connection is to be
 * closed).  Owns `rq`. */
void conn_was_read(struct conn *c, struct request *rq);

/* End it; from any depth, even twice. */
void conn_close(struct conn *c);

/* Write what is queued, and free it if it is closed.  After the commit. */
void conn_flush(struct conn *c);

/* Its deadline has passed. */
void conn_expire(struct conn *c);

#endif
