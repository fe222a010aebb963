/* hybi: the frames of RFC 6455 and of the drafts 7 to 12, by wslay.
 *
 * wslay unmasks, joins fragments, checks UTF-8, answers pings, judges close codes.  A wslay context
 * weighs 9 kB, so a connection has none of its own: a whole frame borrows one from a small pool,
 * and the connection keeps it only between the fragments of a message.  A frame that has not
 * arrived whole waits as plain bytes; its head is read here, to know when it is whole and whether
 * its length is allowed. */
#ifndef POLLUX_WSD_HYBI_H
#define POLLUX_WSD_HYBI_H

#include "wsd/dialect.h"

struct hybi;

extern const struct dialect hybi_dialect;

/* The pool and the writer that all connections share.  `cfg` is borrowed.  NULL: out of memory. */
struct hybi *hybi_new(const struct config *cfg);
void hybi_free(struct hybi *hybi);

#endif
