/* linkd: the context of the program that joins this node to the others, which every part of it is
 * handed.
 *
 * One thread, one loop.  A turn of the loop (turn.h) is one transaction: replies of Redis are taken
 * in between its beginning and its commit, and what may only happen once the commit is safe happens
 * after it. */
#ifndef POLLUX_LINKD_H
#define POLLUX_LINKD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ev.h>

#include "shared/base/config.h"
#include "shared/base/redis_url.h"
#include "shared/transport/server.h"

struct members;
struct replies;
struct serve;
struct sockets;

/* Totals since the start, logged at SIGUSR1. */
struct linkd_counters {
	uint64_t rollbacks; /* turns that could not be committed */
};

STAILQ_HEAD(nodes_list, nodes_item);

struct linkd {
	struct ev_loop *loop;
	const struct config *cfg;
	struct redis_url url; /* with the password, wherever it was */
	struct server *sv;
	struct hub *hub; /* of the server */
	struct redis *redis;
	struct registry *registry;
	struct outbox *outbox;
	struct inbox *inbox;
	struct roster *roster;
	struct ev_timer second;  /* what is counted for those who look */
	struct nodes_list nodes; /* what became of others, and is not done yet */

	/* The turn. */
	int64_t now;   /* CLOCK_MONOTONIC at its beginning, ms */
	int64_t next;  /* when the hub wants its next turn, ms */
	int64_t armed; /* what the timer is set to, ms; 0: stopped */
	bool entered;  /* server_begin() was called, server_settle() was not yet */
	bool failed;   /* the last commit */
	struct ev_check check;
	struct ev_prepare prepare;
	struct ev_timer timer;
	struct ev_io wake, hook;

	/* What is done with the frames of other nodes: see dispatch.h. */
	struct members *members;
	struct serve *serve;
	struct sockets *sockets;
	struct replies *replies;
	int64_t anew_at;       /* when this node takes part again after it was given up, ms; or 0 */
	uint64_t odd_kinds[4]; /* a bit for each kind that was complained of */
	int64_t dispatch_next; /* when it wants its next turn, ms */

	struct linkd_counters counters;
	bool draining;  /* SIGTERM came: end when all that is served here has ended */
	bool is_second; /* another pollux-linkd has the folder: end */
};

#endif
