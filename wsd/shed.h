/* shed: one cap on the memory of all queues ([wsd] queue_memory): each keeps to its own limit, but
 * many clients that do not read would fill the machine together. */
#ifndef POLLUX_WSD_SHED_H
#define POLLUX_WSD_SHED_H

#include "wsd/wsd.h"

/* Drop the connections with the longest queues until the rest is below the cap; says so in the log.
 * After the queues are written, while nothing uses them. */
void shed_queues(struct wsd *w);

#endif
