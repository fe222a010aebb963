/* wsd: the context of the websocket daemon, which every part of it is handed.
 *
 * One thread, one loop.  A turn of the loop (turn.h) reads bytes and hands them to the hub, which
 * queues answers; then the hub commits, and only then the queues are written.  Any code may close a
 * connection, but one place frees it, before the loop sleeps. */
#ifndef POLLUX_WSD_H
#define POLLUX_WSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ev.h>

#include "shared/base/config.h"
#include "shared/transport/server.h"

/* One buffer for the reads of all connections. */
#define READ_BUFFER ((size_t)64 << 10)

LIST_HEAD(wsd_conn_list, wsd_conn);
SLIST_HEAD(wsd_conn_stack, wsd_conn);
STAILQ_HEAD(wsd_conn_line, wsd_conn);
TAILQ_HEAD(wsd_conn_queue, wsd_conn);
LIST_HEAD(adopt_list, adopt_end);

/* What a connection can be waiting for; see deadline.h. */
enum deadline {
	DEADLINE_NONE,
	DEADLINE_REQUEST, /* a request must be complete */
	DEADLINE_POLICY,  /* the same, for a request that begins like one for the Flash policy */
	DEADLINE_IDLE,    /* the next request must begin */
	DEADLINE_SEND,    /* the peer must read something */
	DEADLINE_CLOSE,   /* the peer must send its FIN */
	DEADLINE_COUNT,
};

/* Totals since the start, logged at SIGUSR1. */
struct wsd_counters {
	uint64_t accepted;  /* connections */
	uint64_t refused;   /* connections over the limit, or without a descriptor */
	uint64_t displaced; /* silent ones, closed for new ones over the limit */
	uint64_t tls;       /* handshakes of TLS that succeeded */
	uint64_t no_tls;    /* handshakes that failed, or were none */
	uint64_t requests;  /* HTTP, upgrades too */
	uint64_t upgrades;  /* granted */
	uint64_t texts;     /* messages from websockets */
	uint64_t policies;  /* Flash policy requests answered */
	uint64_t shed;      /* connections dropped since all queues took too much memory */
	uint64_t rollbacks; /* turns that could not be committed */
};

struct wsd {
	struct ev_loop *loop;
	const struct config *cfg;
	struct server *sv;
	const struct worker *worker;   /* which one this is; NULL: the only process */
	struct wsd_listener *listener; /* NULL once SIGTERM came */
	struct hybi *hybi;
	struct tls_context *tls; /* NULL: no address of TLS */
	struct message *policy;  /* the Flash policy, framed */

	/* The turn. */
	int64_t now;    /* CLOCK_MONOTONIC at its beginning, ms */
	int64_t next;   /* when the hub wants its next turn, ms */
	int64_t armed;  /* what the timer is set to, ms; 0: stopped */
	uint32_t turn;  /* counts commits; the work of now belongs to this one */
	bool entered;   /* server_begin() was called, server_settle() was not yet */
	unsigned texts; /* messages handed to the hub in this turn */
	/* steps of TLS handshakes in this turn */
	unsigned handshakes;
	struct ev_check check;
	struct ev_prepare prepare;
	struct ev_timer timer;
	struct ev_io wake, hook;

	/* The connections. */
	struct wsd_conn_list conns;
	size_t conns_n;   /* all of them; of these ... */
	size_t refused_n; /* ... are over the limit, on their way out */
	size_t
	    closed_n; /* ... are closed, and freed at the end of the turn; without refused ones */
	size_t conns_max;
	struct wsd_conn_stack dirty;     /* something was queued since the last write */
	struct wsd_conn_stack after;     /* after() is due once the queues are written */
	struct wsd_conn_stack finalized; /* to be freed */
	struct wsd_conn_line unread;     /* readable, but this turn had enough to do */
	struct wsd_conn_queue parked;    /* what they do next waits for the store; in order */
	size_t parked_n;
	size_t queued; /* bytes of memory that wait in the queues of all */
	struct wsd_conn_queue waiting[DEADLINE_COUNT];
	int64_t timeout_ms[DEADLINE_COUNT];

	struct wsd_counters counters;
	bool draining; /* SIGTERM came: no new work, end when all connections are closed */
	bool closing;  /* that, or a newer program takes over: no second request on a connection */
	struct handover *handover;  /* to a newer program; owned; NULL: there is none */
	struct adopt_list adopting; /* from an older one */
	char *in;                   /* READ_BUFFER bytes; their content is void after each read */
};

#endif
