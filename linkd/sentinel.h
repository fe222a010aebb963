/* sentinel: asks Redis' sentinels, one after the other, where the master is. */
#ifndef POLLUX_LINKD_SENTINEL_H
#define POLLUX_LINKD_SENTINEL_H

#include <ev.h>

#include "shared/base/redis_url.h"

struct sentinel;

/* `host` and `port` of the master; NULL: no sentinel knows.  `why` is what the last one said, or
 * what became of it.  All are borrowed. */
typedef void sentinel_done(void *arg, const char *host, unsigned port, const char *why);

/* `url` is borrowed.  NULL: no memory. */
struct sentinel *sentinel_new(
    struct ev_loop *loop, const struct redis_url *url, sentinel_done *done, void *arg);
void sentinel_free(struct sentinel *s);

/* Ask; `done` follows, from the loop.  Nothing while it is asking already. */
void sentinel_ask(struct sentinel *s);

#endif
