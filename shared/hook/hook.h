/* hook: an application at the other end of a URL, instead of a module (docs/hook.md).
 *
 * What the hub reports goes into a durable queue (shared/store/hook_queue.h) in the transaction of
 * the turn.  One of all processes, the leader, takes it from there and POSTs it; the actions of a
 * reply are done in the transaction that deletes the events.  Every process asks its own questions
 * (authorize). */
#ifndef POLLUX_HOOK_H
#define POLLUX_HOOK_H

#include "shared/action/application.h"
#include "shared/base/config.h"

/* `cfg` is borrowed.  NULL after logging why. */
struct application *hook_open(const struct config *cfg);

#endif
