/* deadline: one deadline per connection at a time, without a timer for each.
 *
 * All deadlines of a kind have the same duration, so a list in order of setting is in order of
 * time: setting, clearing and finding the next one take a few pointers each. */
#ifndef POLLUX_WSD_DEADLINE_H
#define POLLUX_WSD_DEADLINE_H

#include "wsd/conn.h"

void deadline_init(struct wsd *w);

/* The settings may have changed: shorter times apply to those that wait, too. */
void deadline_reload(struct wsd *w);

/* Set the deadline of a connection, instead of the one it has; or clear it. */
void deadline_set(struct wsd_conn *c, enum deadline kind);
void deadline_clear(struct wsd_conn *c);

/* A connection whose deadline has passed; NULL: none.  The caller clears it or sets another. */
struct wsd_conn *deadline_due(const struct wsd *w);

/* When the next one passes; INT64_MAX: none. */
int64_t deadline_next(const struct wsd *w);

/* When the deadline that it has was set, ms. */
int64_t deadline_begun(const struct wsd_conn *c);

/* The connection without a session that has let us wait for the longest for its request, the rest
 * of it, or its end; NULL: there is none. */
struct wsd_conn *deadline_longest_silent(const struct wsd *w);

#endif
