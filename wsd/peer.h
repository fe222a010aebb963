/* peer: the address at the other end of a connection, and the client's if that is a proxy. */
#ifndef POLLUX_WSD_PEER_H
#define POLLUX_WSD_PEER_H

#include <netinet/in.h>
#include <stdbool.h>

#include "shared/base/slice.h"

struct peer {
	bool local; /* on this machine: its X-Forwarded headers are trusted */
	int port;   /* 0: unknown */
	char address[INET6_ADDRSTRLEN];
};

/* Ask the kernel.  `*peer` must be zeroed; it stays so when the kernel does not know. */
void peer_find(struct peer *peer, int fd);

/* The last address of an X-Forwarded-For, borrowed from it: the one that the proxy has seen itself,
 * the others are the client's claim.  Empty if it is not an address. */
struct slice peer_forwarded(struct slice list);

#endif
