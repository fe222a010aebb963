/* upgrade: a request that wants to become a websocket (PROTOCOL section 12), until the connection
 * is handed to ws.h. */
#ifndef POLLUX_WSD_UPGRADE_H
#define POLLUX_WSD_UPGRADE_H

#include "wsd/conn.h"

/* c->http has a request to upgrade, and its exchange is filled: grant it, or refuse it.  Return
 * false, without doing anything, when the request is to be served like any other. */
bool upgrade_begin(struct wsd_conn *c);

/* WSD_HTTP_PROVING: take the bytes that the dialect wants off the front of `*in`, and go on when
 * they are complete. */
void upgrade_prove(struct wsd_conn *c, struct slice *in);

/* WSD_HTTP_WAITING, and the store can be had: go on.  `*in` has followed the request; what belongs
 * to the upgrade is taken off it.  It may have to wait again. */
void upgrade_resume(struct wsd_conn *c, struct slice *in);

#endif
