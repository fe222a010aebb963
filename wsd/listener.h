/* listener: the sockets that connections come from, and the limit on their number. */
#ifndef POLLUX_WSD_LISTENER_H
#define POLLUX_WSD_LISTENER_H

#include "wsd/wsd.h"

struct listener;

/* Listen on every address of [wsd] listen, or on the sockets that systemd hands over
 * (LISTEN_FDS).  Raises the limit on descriptors as far as it goes, and sets w->conns_max.
 * NULL after saying why. */
struct listener *listener_open(struct wsd *w);

/* Accept from now on; until listener_close(), which also lets go of the addresses. */
void listener_start(struct listener *l);

/* NULL is allowed. */
void listener_close(struct listener *l);

#endif
