/* address: how many connections each address has.  An IPv6 client has a whole /64 to choose from,
 * so that is what counts. */
#ifndef POLLUX_POLICYD_ADDRESS_H
#define POLLUX_POLICYD_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

struct address;

/* Those that have a connection; starts as NULL. */
struct addresses {
	struct address *table;
};

/* Count a connection from here.  NULL: out of memory, or `most` are there (0: no limit). */
struct address *address_take(
    struct addresses *all, const struct sockaddr_storage *from, size_t most);

/* It has ended. */
void address_give(struct addresses *all, struct address *a);

#endif
