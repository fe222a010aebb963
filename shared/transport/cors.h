/* cors: the headers that let a page of another origin read an answer (PROTOCOL 3.1). */
#ifndef POLLUX_CORS_H
#define POLLUX_CORS_H

#include "shared/base/buf.h"
#include "shared/transport/exchange.h"

/* Append the headers of any answer to `origin`, the request's Origin header; nothing without one.
 * The origin is echoed: clients send credentials with the handshake, for which browsers refuse '*'.
 * One with a control character is ignored. */
void cors_allow(struct buf *headers, struct slice origin);

/* Append those of the answer to a preflight.  `wanted`: its Access-Control-Request-Headers; all of
 * them are allowed. */
void cors_allow_preflight(struct buf *headers, struct slice wanted);

/* Log that [protocol] origins does not allow the page of a request.  `what`: "handshake". */
void cors_log_refusal(const char *what, const struct exchange *x);

#endif
