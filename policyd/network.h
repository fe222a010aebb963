/* network: the connections of each address.  An IPv6 client can take any address of its /64, so the
 * /64 is what is counted; all who come by a unix socket are one. */
#ifndef POLLUX_POLICYD_NETWORK_H
#define POLLUX_POLICYD_NETWORK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <uthash.h>

struct client;

TAILQ_HEAD(network_clients, client);

struct network {
	int64_t id;
	size_t n;                       /* connections */
	struct network_clients clients; /* kept by clients.c, the oldest first */
	UT_hash_handle hh;
};

/* The networks that have a connection.  Starts zeroed. */
struct networks {
	struct network *table;
};

/* Count a connection of this address.  NULL: out of memory. */
struct network *network_take(struct networks *all, const struct sockaddr_storage *from);

/* A connection has ended.  Frees `net` with its last. */
void network_give(struct networks *all, struct network *net);

#endif
