/* address: how many connections each address has.  An IPv6 client can take any address of its /64,
 * so the /64 is what is counted. */
#ifndef POLLUX_POLICYD_ADDRESS_H
#define POLLUX_POLICYD_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

struct address;

/* The addresses that have a connection.  Starts zeroed. */
struct addresses {
	struct address *table;
};

/* Count a connection of this address.  NULL: out of memory, or it has `most` already (0: no
 * limit). */
struct address *address_take(
    struct addresses *all, const struct sockaddr_storage *from, size_t most);

/* A connection has ended.  Frees `a` with its last. */
void address_give(struct addresses *all, struct address *a);

#endif
