/* listener: the sockets that connections come from, and the limit on their number. */
#ifndef POLLUX_WSD_LISTENER_H
#define POLLUX_WSD_LISTENER_H

#include "shared/base/listen.h"
#include "wsd/protocol.h"
#include "wsd/wsd.h"

struct wsd_listener;

/* Accept connections from `sockets`, which it owns, on failure too; each begins with the protocol
 * `first`.  Raises the limit on descriptors, and sets w->conns_max and w->listener.
 * Return 0, or an exit code after logging why. */
int wsd_listener_open(struct wsd *w, struct listen *sockets, const struct protocol *first);

/* Accept from now on, until wsd_listener_stop() or wsd_listener_close(), which also closes the
 * sockets. */
void wsd_listener_start(struct wsd_listener *l);
void wsd_listener_stop(struct wsd_listener *l);

/* Before closing, which resets what is in the backlog: accept that, as far as there is room.
 * Workers leave nothing to each other. */
void wsd_listener_finish(struct wsd_listener *l);

/* The sockets, as long as it has them. */
const struct listen *wsd_listener_sockets(const struct wsd_listener *l);

/* After a turn that may have opened or closed connections: tell the other workers how many there
 * are. */
void wsd_listener_report(struct wsd_listener *l);

/* [limits] connections may have changed; those that are over it stay.  NULL is allowed. */
void wsd_listener_reload(struct wsd_listener *l);

/* NULL is allowed. */
void wsd_listener_close(struct wsd_listener *l);

#endif
