/* local: one message to the sessions whose transport this process holds.
 *
 * A stream gets it at once; a poll keeps it pending for its response at the end of the turn. */
#ifndef POLLUX_HUB_LOCAL_H
#define POLLUX_HUB_LOCAL_H

#include "shared/hub/message.h"

struct channel;
struct hub;
struct session;

/* Does nothing if the transport is not held here.  Out of memory: the turn fails. */
void local_send(struct hub *h, struct session *s, struct message *m);

/* To all members of the channel but the session `except_key` (0: to all) and those that the
 * message leaves out. */
void local_send_all(struct hub *h, struct channel *c, int64_t except_key, struct message *m);

#endif
