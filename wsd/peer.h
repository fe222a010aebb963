/* peer: who is at the other end of a connection, and for whom he asks if he is a proxy. */
#ifndef POLLUX_WSD_PEER_H
#define POLLUX_WSD_PEER_H

#include <netinet/in.h>
#include <stdbool.h>

#include "shared/base/slice.h"

struct peer {
	bool local; /* on this machine: perhaps a proxy */
	int port;   /* 0: unknown */
	char address[INET6_ADDRSTRLEN];
};

/* Ask the kernel.  `*peer` is zeroed. */
void peer_find(struct peer *peer, int fd);

/* The last address of an X-Forwarded-For, which is the one that the proxy has seen itself; borrowed
 * from it.  Empty if that is no address. */
struct slice peer_forwarded(struct slice list);

#endif
