/* fcgi: the one context of pollux.fcgi: the loop, what it listens on, its connections.
 *
 * One thread does everything but read requests that arrive in pieces (readers.h).  A turn of the
 * loop ends in on_prepare(): commit, then write. */
#ifndef POLLUX_FCGI_H
#define POLLUX_FCGI_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "shared/base/config.h"
#include "shared/transport/server.h"

struct conn;
struct readers;
struct upgrades;

LIST_HEAD(conn_list, conn);
TAILQ_HEAD(conn_queue, conn);
SLIST_HEAD(conn_stack, conn);

struct fcgi {
	struct ev_loop *loop;
	const struct config *cfg;
	struct server *sv;
	struct readers *readers;
	struct upgrades *upgrades;

	struct ev_io accept;
	struct ev_timer accept_again; /* after the descriptors had run out */
	int reserve_fd;               /* to be given up then, so that a connection can be refused */

	struct ev_check check;
	struct ev_prepare prepare;
	struct ev_timer timer; /* the server's next deadline, and ours */
	struct ev_io wake, hook;
	struct ev_signal term, intr, usr1;
	struct ev_timer give_up; /* draining has taken too long */

	struct conn_list conns;
	struct conn_queue
	    timed; /* with a deadline: reading, or writing to a peer that does not read */
	struct conn_stack dirty; /* with something to write, or closed */
	int64_t now, next;       /* ms */
	bool begun;              /* server_begin() was called in this turn */
	bool draining;
};

/* Top of a turn, from any callback. */
void fcgi_begin(struct fcgi *f);

#endif
