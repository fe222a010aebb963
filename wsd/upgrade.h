/* upgrade: an HTTP request that wants to become a websocket (PROTOCOL section 12). */
#ifndef POLLUX_WSD_UPGRADE_H
#define POLLUX_WSD_UPGRADE_H

#include "wsd/conn.h"

/* The request in c->http upgrades: grant it, or answer why not.  Return false when it is to be
 * served as any other request. */
bool upgrade(struct wsd_conn *c);

/* It was granted, but its dialect wants more: take that off the front of `*in`. */
void upgrade_prove(struct wsd_conn *c, struct slice *in);

#endif
