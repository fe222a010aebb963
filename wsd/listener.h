/* listener: the sockets that connections come from, and the limit on their number. */
#ifndef POLLUX_WSD_LISTENER_H
#define POLLUX_WSD_LISTENER_H

#include "wsd/wsd.h"

struct listener;

/* Listen on `addresses`, or on the sockets that systemd hands over.  Raises the limit on
 * descriptors as far as it goes, and sets w->conns_max and w->listener.
 * Return 0, or an exit code after saying why. */
int listener_open(struct wsd *w, const char *addresses);

/* Accept from now on; until listener_close(), which also lets go of the addresses. */
void listener_start(struct listener *l);

/* NULL is allowed. */
void listener_close(struct listener *l);

#endif
