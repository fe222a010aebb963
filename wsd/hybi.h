/* hybi: the frames of RFC 6455 and of the drafts 7 to 12, by wslay.
 *
 * wslay unmasks, joins fragments, checks UTF-8, answers pings, judges close codes.  A wslay context
 * weighs 9 kB, so no connection has one: a whole frame borrows one of a small pool, and only
 * between the fragments of a message a connection keeps it.  A frame that has not come whole waits
 * as plain bytes; its head is read here, to know when it is whole and whether it may become so. */
#ifndef POLLUX_WSD_HYBI_H
#define POLLUX_WSD_HYBI_H

#include "wsd/dialect.h"

struct wsd_hybi;

extern const struct dialect wsd_hybi_dialect;

/* What all connections share.  `cfg` is borrowed.  NULL: out of memory. */
struct wsd_hybi *wsd_hybi_new(const struct config *cfg);
void wsd_hybi_free(struct wsd_hybi *hybi);

#endif
