/* proxies: the proxies that are trusted ([server] trusted_proxies), and by their word whom a
 * request comes from.  The one place that decides it: handshake data, logs and limits go by it. */
#ifndef POLLUX_PROXIES_H
#define POLLUX_PROXIES_H

#include "shared/base/address.h"

#define PROXIES_MAX 342 /* of the shortest, "::", as many as a setting has room for */

struct proxies {
	struct proxies_net {
		struct address address;
		unsigned bits;
	} nets[PROXIES_MAX];
	size_t n;
	bool unix_sockets; /* who connects by one is trusted */
};

/* Read a list with commas: addresses, networks as 10.0.0.0/8, and the word unix.  Return 0, or -1
 * with `*bad`, the entry that is none of these. */
int proxies_parse(struct proxies *p, struct slice list, struct slice *bad);

bool proxies_trust(const struct proxies *p, const struct address *a);

/* Whom a request comes from. */
struct proxies_client {
	bool known; /* else it came by a unix socket, and no proxy says from whom */
	struct address address;
	bool by_proxy; /* who connected to us is trusted: so are its X-Forwarded headers */
	size_t passed; /* by so many proxies, as far as they are trusted and name their clients */
	bool outer_known; /* `passed` > 0: the outermost of them has an address ... */
	struct address outer;
};

/* Find it.  `peer` is who connected, NULL: by a unix socket.  `forwarded` are its X-Forwarded-For
 * headers, the last one first: they are walked from the end, for as long as what is named there is
 * a trusted proxy.  What is not an address ends the walk: the proxy that passed it on is all that
 * is known. */
void proxies_find_client(const struct proxies *p, const struct address *peer,
    const struct slice *forwarded, size_t n, struct proxies_client *client);

#endif
