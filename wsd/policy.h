/* policy: the first protocol of every connection, which tells a request for the Flash policy from
 * HTTP (PROTOCOL 13).  Flash Player asks on this port when no server of port 843 answers.  No HTTP
 * request begins with '<'. */
#ifndef POLLUX_WSD_POLICY_H
#define POLLUX_WSD_POLICY_H

#include "shared/hub/message.h"
#include "wsd/conn.h"

extern const struct protocol policy_protocol;

/* The answer to all requests, for w->policy.  NULL: out of memory. */
struct message *policy_new(const struct config *cfg);

#endif
