/* readers: threads that read requests which arrive in pieces, so that a slow body does not hold up
 * the loop.  There is none until a request needs it, then one for each at a time, up to a limit;
 * one that finds no work for a while ends.  They enforce no deadline: the loop shuts down a
 * connection that is too slow (shutdown(2)), which ends the read. */
#ifndef POLLUX_FCGI_READERS_H
#define POLLUX_FCGI_READERS_H

#include <stdbool.h>
#include <stddef.h>

#include <ev.h>

#include "fcgi/request.h"

struct readers;

/* Called from the loop: `rq`, owned by the callee, is what was read for readers_add(`arg`), or NULL
 * if there was no whole request. */
typedef void readers_on_read(void *arg, struct fcgi_request *rq);

/* At most `max` threads, which read at most `body_max` bytes of a body.  NULL: out of memory. */
struct readers *readers_open(
    struct ev_loop *loop, unsigned max, size_t body_max, readers_on_read *on_read);

/* The limit of bodies whose reading begins from now on. */
void readers_set_body_max(struct readers *r, size_t body_max);

/* Stop them.  Descriptors being read must have been shut down; they stay open, and their callbacks
 * are not called.  NULL is allowed. */
void readers_close(struct readers *r);

/* Read a request from `fd`, which is the threads' until the callback.  Return -1 if the queue is
 * full, or no thread could be started. */
int readers_add(struct readers *r, int fd, void *arg);

/* Does a request wait because all threads that there may be are busy? */
bool readers_are_short(struct readers *r);

#endif
