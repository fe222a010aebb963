/* policy: the Flash policy on the port of everything else (PROTOCOL 13).  Flash Player asks there
 * when no server of port 843 answers.  No HTTP request begins with '<'. */
#ifndef POLLUX_WSD_POLICY_H
#define POLLUX_WSD_POLICY_H

#include "shared/hub/message.h"
#include "wsd/conn.h"

/* The answer to all requests.  NULL: out of memory. */
struct message *policy_new(const struct config *cfg);

/* The first bytes of a connection, whose first is '<': answer, wait for more of it, or hand the
 * connection to HTTP, which says what it thinks of it. */
void policy_input(struct wsd_conn *c, struct slice bytes);

#endif
