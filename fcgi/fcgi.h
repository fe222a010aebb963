/* fcgi: the one context of pollux.fcgi: the loop, what it listens on, its connections.
 *
 * One thread does everything but read requests that arrive in pieces (readers.h).  Each pass of the
 * loop is a turn (turn.h): answers are written after their commit, and all requests of a turn share
 * one. */
#ifndef POLLUX_FCGI_H
#define POLLUX_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ev.h>

#include "shared/base/config.h"
#include "shared/transport/server.h"

struct fcgi_conn;
struct fcgi_listener;
struct reachable;
struct readers;

LIST_HEAD(fcgi_conn_list, fcgi_conn);
TAILQ_HEAD(fcgi_conn_queue, fcgi_conn);
SLIST_HEAD(fcgi_conn_stack, fcgi_conn);

struct fcgi {
	struct ev_loop *loop;
	const struct config *cfg;
	struct server *sv;
	struct fcgi_listener *listener;
	struct readers *readers;
	struct reachable *reachable;

	/* The turn. */
	int64_t now;  /* CLOCK_MONOTONIC at its beginning, ms */
	int64_t next; /* when the server wants its next turn */
	bool entered; /* server_begin() was called, server_settle() was not yet */
	struct ev_check check;
	struct ev_prepare prepare;
	struct ev_timer timer; /* the next deadline: the server's, or of `timed` */
	struct ev_io wake, hook;

	/* The connections. */
	struct fcgi_conn_list conns;
	size_t conns_n;
	size_t closed_n; /* of them: closed, and freed at the end of the turn */
	size_t conns_max;
	struct fcgi_conn_stack dirty;  /* to be written to, or freed, at the end of the turn */
	struct fcgi_conn_queue idle;   /* without a request, the longest idle first */
	struct fcgi_conn_queue timed;  /* with a deadline; in no order */
	struct fcgi_conn_queue parked; /* wait for the store, in the order of their coming */
	size_t parked_n;

	bool by_web_server; /* it has started us, and passed the socket */
	int64_t busy_at;    /* when there was a connection last, ms */
	bool unasked;       /* the SIGTERM that comes is our own: nobody has told us to end */
	bool leaving;       /* SIGTERM came: connections end with their next answer */
	bool draining; /* a moment later: no new requests, the end comes when all are answered */
};

#endif
