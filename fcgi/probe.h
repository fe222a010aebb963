/* probe: one attempt to open a websocket through the web server in front of us.
 *
 * Nothing is sent over the websocket: only the status of the answer counts.  It runs in the loop
 * and ends by itself within five seconds. */
#ifndef POLLUX_FCGI_PROBE_H
#define POLLUX_FCGI_PROBE_H

#include <stdbool.h>

#include <ev.h>

#include "shared/base/slice.h"

struct probe;

struct probe_target {
	const char *address; /* IPv4 or IPv6, as digits: no name is looked up */
	int port;
	bool tls; /* the certificate is not verified */
	/* parts of the request, without control characters */
	struct slice host;   /* the Host header */
	struct slice origin; /* the Origin header; empty: none */
	const char *path;
};

/* Called once, never before probe_start() returned.  `status` of the answer; 0: there was none. */
typedef void probe_done(void *arg, int status);

/* Start.  The target is borrowed during the call.  NULL: it cannot be connected to, and `done` is
 * not called. */
struct probe *probe_start(
    struct ev_loop *loop, const struct probe_target *target, probe_done *done, void *arg);

/* Stop it without calling `done`.  NULL is allowed. */
void probe_cancel(struct probe *p);

#endif
