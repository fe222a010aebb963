/* handed: the descriptors that a program gets from an older version of itself which it replaces
 * while that runs.
 *
 *	3          the line: a socket between the two processes
 *	4 ..       `ends_n` sockets, over which connections come
 *	after them `sockets_n` listening sockets
 *
 * POLLUX_HANDOVER tells of them, in the format of HANDED_VARIABLE. */
#ifndef POLLUX_HANDED_H
#define POLLUX_HANDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the environment: the version of all that goes over these sockets, `ends_n`, `sockets_n`,
 * whether the listening sockets are systemd's and which are for TLS, and device and inode of the
 * data folder. */
#define HANDED_NAME    "POLLUX_HANDOVER"
#define HANDED_FORMAT  "%u %zu %zu %u %u %ju %ju"
#define HANDED_VERSION 1u

#define HANDED_LINE        3 /* its descriptor */
#define HANDED_ENDS_MAX    512
#define HANDED_SOCKETS_MAX 16

struct handed {
	unsigned version; /* HANDED_VERSION of the older program */
	size_t ends_n, sockets_n;
	bool by_systemd;         /* the listening sockets were not opened by Pollux */
	unsigned tls;            /* a bit for each listening socket */
	uintmax_t device, inode; /* of the data folder */
};

/* What was handed to this process; NULL: nothing.  The first call takes the variable out of the
 * environment; later ones return the same. */
const struct handed *handed_find(void);

/* How many descriptors from 3 on that are. */
int handed_count(void);

/* The descriptor of end or listening socket `i`. */
int handed_end(size_t i);
int handed_socket(size_t i);

#endif
