/* strays: unknown session ids that somebody has polled for a moment ago.
 *
 * The client 0.8 does not stop polling for a session that is gone: each answer brings it back at
 * once.  The table is small and of one process; with no room in it an id counts as new. */
#ifndef POLLUX_STRAYS_H
#define POLLUX_STRAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define STRAYS_MAX       256
#define STRAYS_MEMORY_MS 10000 /* after this time without a poll an id is new again */

struct strays {
	struct {
		int64_t key;  /* of the session id; 0: free */
		int64_t seen; /* when it was polled for last */
	} at[STRAYS_MAX];
};

/* Note a poll for an unknown session id.  Return whether there was one within STRAYS_MEMORY_MS
 * before `now_ms`. */
bool strays_note(struct strays *strays, struct slice sid, int64_t now_ms);

#endif
