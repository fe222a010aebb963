/* event_relay: events that pass from a client to other clients without the application ([relay],
 * pollux.conf(5)).
 *
 * Each session has a budget of events and of bytes a second for each line of [relay], in each
 * process.  Beyond it that session's events are dropped, and nobody else's. */
#ifndef POLLUX_EVENT_RELAY_H
#define POLLUX_EVENT_RELAY_H

#include <stdbool.h>

#include "shared/hub/hub.h"

struct application;
struct config;
struct event_relay;

/* Take the lines of [relay] over, instead of those of before, and make namespaces that are missing.
 * 0, or -1 after logging why: those of before stay. */
int event_relay_open(struct application *app, const struct config *cfg);
/* NULL is allowed. */
void event_relay_close(struct event_relay *relay);

/* A packet that a client sent (hub_app.received).  False: it is for the application. */
bool event_relay_take(
    struct application *app, struct hub_ns *ns, struct session *s, const struct packet *pk);

#endif
