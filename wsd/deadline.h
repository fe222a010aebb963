/* deadline: one deadline per connection at a time, without a timer for each.
 *
 * A kind of deadline has one duration, so a list in order of setting is a list in order of time:
 * setting, clearing and finding the next are a few pointers each. */
#ifndef POLLUX_WSD_DEADLINE_H
#define POLLUX_WSD_DEADLINE_H

#include "wsd/conn.h"

void deadline_init(struct wsd *w);

/* From now on the connection waits for this, and for nothing else. */
void deadline_set(struct wsd_conn *c, enum deadline kind);
void deadline_clear(struct wsd_conn *c);

/* A connection whose deadline has passed; NULL: none.  The caller clears
 * it or sets another. */
struct wsd_conn *deadline_due(const struct wsd *w);

/* When the next one passes; INT64_MAX: none. */
int64_t deadline_next(const struct wsd *w);

#endif
