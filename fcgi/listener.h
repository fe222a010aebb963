/* listener: the sockets that the web server connects to, and the limit on its connections. */
#ifndef POLLUX_FCGI_LISTENER_H
#define POLLUX_FCGI_LISTENER_H

#include "fcgi/fcgi.h"

struct fcgi_listener;

/* Listen on the sockets of systemd, else on `addresses`, else (empty) on the socket that the web
 * server passed.  Raises the limit on descriptors, and sets f->conns_max and f->listener.
 * Return 0, or an exit code after logging why. */
int fcgi_listener_open(struct fcgi *f, const char *addresses);

/* Accept from now on, until fcgi_listener_close(), which also closes the sockets. */
void fcgi_listener_start(struct fcgi_listener *l);

/* Accept what has connected until now, and close: a web server that was not refused sends a
 * request, which it does not repeat. */
void fcgi_listener_finish(struct fcgi_listener *l);

/* NULL is allowed. */
void fcgi_listener_close(struct fcgi_listener *l);

#endif
