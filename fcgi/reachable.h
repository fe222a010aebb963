/* reachable: whether websockets open at the host where a handshake comes in.
 *
 * A client opens them at the same host and port, and waits ten seconds for each that does not open
 * (PROTOCOL 4.3).  That pollux-wsd runs is not enough: the web server must pass upgrades on to it,
 * which a FastCGI program cannot see.  So we probe: one upgrade of our own, to the address and port
 * at which the web server says it took the handshake, with its Host header.  Until the result is
 * there websockets are not offered.  Results are kept in the data folder, for all processes, and
 * renewed from time to time.
 *
 * A client must not be able to choose where we connect.  The address comes from the web server
 * alone.  The port does not: Apache takes SERVER_PORT from the Host header if that has one.  Then
 * nothing is probed, and websockets are offered as if they came through. */
#ifndef POLLUX_FCGI_REACHABLE_H
#define POLLUX_FCGI_REACHABLE_H

#include "fcgi/fcgi.h"
#include "fcgi/request.h"

struct reachable;

/* After the store, whose folder it shares.  NULL: out of memory, or no shared memory (logged). */
struct reachable *reachable_open(struct fcgi *f);
void reachable_close(struct reachable *r);

/* Whether an upgrade comes through where this request came in, as far as is known.  Starts a probe
 * if it is not known, or not any more.  Follows [wsd] reachable. */
bool reachable_passes(struct reachable *r, const struct fcgi_request *rq);

#endif
