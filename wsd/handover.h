/* handover: a process of pollux-wsd gives its websockets to processes of a newer version, while
 * it serves them.
 *
 *	held -- websocket_give() --> given -- its record is written --> sent -- taken --> closed
 *	                               '---- the other process is gone: taken back ----'
 *
 * It owns some sockets, its *ends*, at whose other ends the newer processes are.  In each turn
 * it gives some websockets, which are then between two messages; once the turn is committed,
 * each goes over one of the ends, as a record (handover_record.h) and its descriptor.  The newer
 * process attaches the session, commits, and answers with the number of all that it has taken:
 * only then the connection is closed here, and lives on there.  If an end breaks, the generation
 * of the session says whether the other process had it already.
 *
 * Not given are those that speak HTTP, whose session is on another node, and that the
 * application has paused.  They are served on until handover_over(). */
#ifndef POLLUX_WSD_HANDOVER_H
#define POLLUX_WSD_HANDOVER_H

#include "wsd/wsd.h"

#define HANDOVER_ENDS 8 /* of a process */

/* Begin, with these ends, which it owns, on failure too: accept no more, answer held polls, and
 * give away what can be given.  In a turn.  Return 0, or -1 after logging why. */
int handover_begin(struct wsd *w, const int *ends, size_t n);

/* The newer program is gone: take back what it had not taken, and serve on as before.  In a
 * turn. */
void handover_cancel(struct wsd *w);

/* Whether [wsd] handover_timeout has passed: what is left is to be ended. */
bool handover_over(const struct wsd *w);

/* In the turn's first half, after the input: give some. */
void handover_give(struct wsd *w);
/* After its commit, or rollback. */
void handover_settled(struct wsd *w, bool committed);

/* Whether there is more to give without waiting for anything. */
bool handover_goes_on(const struct wsd *w);

/* The connection is about to be freed. */
void handover_forget(struct wsd_conn *c);

/* Free it; the loop runs no more. */
void handover_free(struct wsd *w);

#endif
