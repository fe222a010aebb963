/* peer: what is at the other end of a connection: a client, or a proxy. */
#ifndef POLLUX_WSD_PEER_H
#define POLLUX_WSD_PEER_H

#include <stdint.h>

#include "shared/base/address.h"

enum peer_kind {
	PEER_UNKNOWN, /* it has left already */
	PEER_INTERNET,
	PEER_UNIX, /* a unix socket */
};

struct peer {
	struct address address; /* PEER_INTERNET */
	uint16_t port;          /* 0: unknown */
	uint8_t kind;           /* enum peer_kind */
};

/* Ask the kernel.  `*peer` must be zeroed. */
void peer_find(struct peer *peer, int fd);

#endif
