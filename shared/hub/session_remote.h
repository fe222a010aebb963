/* session_remote: sessions that move between nodes, and those that live on another one.
 *
 * Functions that return int return 0, or -1: the turn is lost. */
#ifndef POLLUX_HUB_SESSION_REMOTE_H
#define POLLUX_HUB_SESSION_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/hub/hub.h"
#include "shared/link/frame.h"

/* A session of ours without a transport goes to another node, with its first transport; it stays
 * known until its transport must have opened.  Write all that goes along to `f`; its texts are in
 * `texts`, which is empty.  0; -EBUSY: it is connected, or has ended; -1. */
int session_remote_give(
    struct hub *h, struct session *s, int node, struct link_found *f, struct buf *texts);
/* The other end of it: the session is ours now. */
int session_remote_adopt(struct hub *h, const struct link_found *f);

/* What is known of this remote session changes in the store: forget what memory has of it. */
void session_remote_forget(struct hub *h, int64_t key);

/* End a remote session whose node has died, and remember it for close_timeout; `tell`: tell the
 * application that it is gone. */
int session_remote_lose(struct hub *h, int64_t key, bool tell, const char *reason);

/* The other nodes have taken this one for dead, told the application so, and told clients to come
 * back with new sessions.  So those of ours are over, too, without another word to the application:
 * delete a thousand of them.  1: there are more; 0: that were all, with what still waited for other
 * nodes, and from the end of the turn on every process lets go of those that it holds; -1. */
int session_remote_begin_anew(struct hub *h);

#endif
