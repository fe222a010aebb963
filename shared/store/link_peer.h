/* link_peer: how far each other node is: what was shipped to it, and what was taken in from it.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_LINK_PEER_H
#define POLLUX_LINK_PEER_H

#include <stdint.h>

#include "shared/base/slice.h"

struct store;

struct link_peer {
	int64_t shipped; /* the id of the last row that was shipped to it; 0: none */
	char epoch[24];  /* of the database that its rows are from; empty: none came yet */
	int64_t taken;   /* the last one of those that was taken in */
};

/* What is not known is 0. */
int link_peer_read(struct store *st, int node, struct link_peer *peer);
int link_peer_set_shipped(struct store *st, int node, int64_t shipped);
int link_peer_set_taken(struct store *st, int node, struct slice epoch, int64_t taken);

/* Where reading our stream goes on: an id of Redis, malloc'ed; NULL: nothing was read yet, or an
 * error. */
char *link_peer_position(struct store *st);
int link_peer_set_position(struct store *st, const char *id);

#endif
