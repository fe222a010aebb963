/* adopt: a process of pollux-wsd takes the websockets that an older one gives it (handover.h).
 *
 * Of each end it reads records and descriptors, attaches the sessions, and once the turn is
 * committed it answers with the number of all that it has taken: 8 bytes, as the machine writes
 * them.  Before that nothing is written to a client: until then the older process may take it
 * back. */
#ifndef POLLUX_WSD_ADOPT_H
#define POLLUX_WSD_ADOPT_H

#include "wsd/wsd.h"

/* Take what comes over end `fd`, which it owns.  Return 0, or -1 after logging why. */
int adopt_open(struct wsd *w, int fd);

/* In the turn's first half: go on with what waits for the store. */
void adopt_resume(struct wsd *w);
/* After its end, committed or not. */
void adopt_settled(struct wsd *w);

/* Whether an older process is there that may have more. */
bool adopt_is_open(const struct wsd *w);

void adopt_close(struct wsd *w);

#endif
