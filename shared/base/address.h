/* address: an IPv4 or IPv6 address, in one form for all programs.  Pure: no name is looked up. */
#ifndef POLLUX_ADDRESS_H
#define POLLUX_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shared/base/slice.h"

#define ADDRESS_SIZE     46 /* of its text, with the NUL */
#define ADDRESS_HOST_MAX 255

/* IPv4 is here what IPv6 calls it, ::ffff:192.0.2.1: a client has one address, by whichever socket
 * it comes. */
struct address {
	unsigned char bytes[16];
};

/* Read "192.0.2.1" or "2001:db8::1"; brackets and a port are dropped, as in "192.0.2.1:80",
 * "[2001:db8::1]" and "[2001:db8::1]:80".  Return false when it is no address; `*a` is void. */
bool address_parse(struct address *a, struct slice text);

/* Whether it could be a Host header: a name or an address, perhaps with a port, and nothing that is
 * more to a log or a header. */
bool address_is_host(struct slice s);

/* The address of a socket.  Return false when it is neither IPv4 nor IPv6: of a unix socket. */
bool address_of_socket(struct address *a, const struct sockaddr_storage *from);

/* Its canonical text: IPv4 in dots, IPv6 in lower case and shortened (RFC 5952). */
void address_write(const struct address *a, char text[ADDRESS_SIZE]);

/* Whom limits count: an IPv4 address, or the /64 of an IPv6 address, any address of which its owner
 * can take.  Never 0. */
int64_t address_network(const struct address *a);

/* Whether the first `bits` (0 to 128) are those of `net`. */
bool address_is_in(const struct address *a, const struct address *net, unsigned bits);

#endif
