/* upgrades: may a client be offered websockets where its handshake has come in?
 *
 * It will open them at the same host and port, and each that does not open costs it ten seconds
 * (PROTOCOL 4.3).  That pollux-wsd lives is not enough: the web server must pass upgrades on to it,
 * which no FastCGI program can see.  So we try: one upgrade of our own, to the address and port
 * that the web server says it has taken the handshake at, with its Host header.  Until the answer
 * is there websockets are not offered.  What was found is kept in the data folder, for all
 * processes, and looked at again from time to time.
 *
 * A client must not be able to make us knock at doors of its choice.  The address comes from the
 * web server alone.  The port does not: Apache takes SERVER_PORT from the Host header if there is
 * one in it.  Then nothing is asked, and websockets are offered as if they came through. */
#ifndef POLLUX_FCGI_UPGRADES_H
#define POLLUX_FCGI_UPGRADES_H

#include "fcgi/fcgi.h"
#include "fcgi/request.h"

struct upgrades;

/* After the store was opened, whose folder it shares.  NULL after logging why. */
struct upgrades *upgrades_open(struct fcgi *f);
void upgrades_close(struct upgrades *u);

/* Does an upgrade come through where this request has come in, as far as is known?  Starts to find
 * out if it is not.  Follows [wsd] reachable. */
bool upgrades_pass(struct upgrades *u, const struct request *rq);

#endif
