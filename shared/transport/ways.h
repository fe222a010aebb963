/* ways: by which ways upgrades do not come through.
 *
 * A proxy in front of the web server may take the Upgrade header away.  Neither a probe nor the web
 * server sees that, but a client's websocket then arrives as a plain GET; and each client of that
 * proxy waits ten seconds before it tries another transport.  So after one such GET, websocket is
 * not offered for a while to who comes the same way: by the same Host, through the same proxy, as
 * far as trusted proxies name it.  A way by which an upgrade came in lately passes upgrades: nobody
 * can talk us out of it.
 *
 * What is known is in the data folder, for all processes: one takes the handshake, another sees the
 * websocket. */
#ifndef POLLUX_TRANSPORT_WAYS_H
#define POLLUX_TRANSPORT_WAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/transport/exchange.h"

struct ways;

/* `mode`: of the file that is made in the folder.  NULL after logging why. */
struct ways *ways_open(const char *folder, mode_t mode);
/* NULL is allowed. */
void ways_close(struct ways *w);

/* Whether websockets are not to be offered to who comes this way; `now` as in server_begin(). */
bool ways_is_closed(struct ways *w, const struct exchange *x, int64_t now);

/* A client of ours asked for its websocket, and the upgrade was gone; or it was there. */
void ways_note_stripped(struct ways *w, const struct exchange *x, int64_t now);
void ways_note_passed(struct ways *w, const struct exchange *x, int64_t now);

#endif
