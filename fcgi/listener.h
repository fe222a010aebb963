/* listener: the socket that requests come from. */
#ifndef POLLUX_FCGI_LISTENER_H
#define POLLUX_FCGI_LISTENER_H

#include "fcgi/fcgi.h"

/* The socket to listen on: `address` ("unix:/path" or "host:port") if not empty, else the one that
 * systemd or the web server has passed.  -1 after logging what is wrong. */
int listener_socket(const char *address);

/* Accept connections on `fd`, which stays open until listener_stop(). */
void listener_start(struct fcgi *f, int fd);
void listener_stop(struct fcgi *f);

#endif
