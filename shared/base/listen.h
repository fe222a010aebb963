/* listen: the listening sockets of a daemon: those that systemd hands over (LISTEN_FDS), else one
 * for each address of its configuration. */
#ifndef POLLUX_LISTEN_H
#define POLLUX_LISTEN_H

#include <stddef.h>

#define LISTEN_MAX 16

struct listen {
	size_t n;
	int fd[LISTEN_MAX]; /* owned; none blocks, and what is accepted has TCP_NODELAY */
};

/* Open them.  `addresses` are words like "127.0.0.1:8081", "[::1]:8081", "*:843"; `setting` names
 * their place for what is said ("[wsd] listen").  Return 0, or an exit code of sysexits.h after
 * saying why; none is open then. */
int listen_open(struct listen *l, const char *setting, const char *addresses);

void listen_close(struct listen *l);

#endif
