#include "wsd/peer.h"

#include <netinet/in.h>
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

	if (getpeername(fd, &a.sa, &n) == -1)
		return;
	if (!address_of_socket(&peer->address, &a.any)) {
		peer->kind = PEER_UNIX;
		return;
	}
	peer->kind = PEER_INTERNET;
	peer->port = ntohs(a.sa.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
}
