/* lifecycle: the lines of the log that tell what becomes of a session (info), and every packet
 * (trace).  A session has its public id there, as in `pollux sessions`.
 *
 * A line is written when it happens: if the turn fails afterwards, the client tries again, and so
 * does the log. */
#ifndef POLLUX_LIFECYCLE_H
#define POLLUX_LIFECYCLE_H

#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/watch.h"
#include "shared/wire/route.h"

struct hub;
struct session;

/* Its first transport has opened. */
void lifecycle_connected(struct hub *h, const struct session *s);
/* Another kind of transport than `before` has opened. */
void lifecycle_changed(const struct session *s, enum transport_id before);
/* It has ended; `connected`: some transport had opened. */
void lifecycle_ended(const struct session *s, bool connected, const char *reason);

/* A packet, if the level is trace.  `key` 0: the client has no session. */
void lifecycle_packet(enum watch_kind kind, int64_t key, struct slice packet);

#endif
