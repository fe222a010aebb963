#include "wsd/peer.h"

#include <arpa/inet.h>
#include <sys/socket.h>

void
peer_find(struct peer *peer, int fd)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a;
	socklen_t n = sizeof(a);
	struct in_addr v4;

	if (getpeername(fd, &a.sa, &n) == -1)
		return;
	switch (a.sa.sa_family) {
	case AF_INET:
		peer->port = ntohs(a.in.sin_port);
		v4 = a.in.sin_addr;
		break;
	case AF_INET6:
		peer->port = ntohs(a.in6.sin6_port);
		/* a socket of both families: applications expect 127.0.0.1, not ::ffff:127.0.0.1 */
		if (IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr)) {
			memcpy(&v4, &a.in6.sin6_addr.s6_addr[12], sizeof(v4));
			break;
		}
		inet_ntop(AF_INET6, &a.in6.sin6_addr, peer->address, sizeof(peer->address));
		peer->local = IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
		return;
	default:
		peer->local = true; /* a unix socket that was handed over */
		return;
	}
	inet_ntop(AF_INET, &v4, peer->address, sizeof(peer->address));
	peer->local = ntohl(v4.s_addr) >> 24 == 127;
}

struct slice
peer_forwarded(struct slice list)
{
	struct slice word, last = {NULL, 0};
	char text[INET6_ADDRSTRLEN];
	struct in6_addr unused;

	/* each proxy appends: only the last one is the word of a proxy on this machine */
	while (slice_cut(&list, ',', &word))
		last = word;
	while (last.n > 0 && last.p[0] == ' ')
		last = slice_skip(last, 1);
	if (last.n == 0 || last.n >= sizeof(text))
		return (struct slice){NULL, 0};
	/* it goes to the application, so it must be an address */
	memcpy(text, last.p, last.n);
	text[last.n] = '\0';
	if (inet_pton(AF_INET, text, &unused) != 1 && inet_pton(AF_INET6, text, &unused) != 1)
		return (struct slice){NULL, 0};
	return last;
}
