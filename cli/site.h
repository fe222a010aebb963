/* site: where a URL leads: its parts, and the addresses of its host. */
#ifndef POLLUX_SITE_H
#define POLLUX_SITE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define SITE_ADDRESSES_MAX 8
#define SITE_HOST_MAX      256
#define SITE_PATH_MAX      512

struct site_address {
	struct sockaddr_storage any;
	socklen_t n;
	char text[INET6_ADDRSTRLEN];
};

struct site {
	bool tls;
	char host[SITE_HOST_MAX];          /* a name or an address, without brackets */
	char authority[SITE_HOST_MAX + 8]; /* for the header Host */
	char folder[SITE_PATH_MAX];        /* of the site: "", or "/app" */
	char path[SITE_PATH_MAX];          /* of Socket.IO: "/app/socket.io" */
	unsigned port;
	struct site_address addresses[SITE_ADDRESSES_MAX];
	unsigned addresses_n;
	unsigned chosen; /* the one that requests go to */
};

/* Read a URL.  Its path is a folder of the site, or ends in `resource`, the last name of
 * Socket.IO's path.  Return NULL, or what is wrong with it (static). */
const char *site_read(struct site *s, const char *url, const char *resource);

/* Look up the addresses of the host, for `ms` at most.  Return NULL, or what went wrong
 * (static). */
const char *site_resolve(struct site *s, int64_t ms);

/* The same host, by another port, and not by TLS unless `tls`. */
void site_at_port(struct site *to, const struct site *from, unsigned port, bool tls);

#endif
