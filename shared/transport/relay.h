/* relay: requests that reach a node which is not the home of their session.
 *
 * They go to its home as rows of link_out, are served there by the same transports, and the answer
 * comes back as rows of the log.  A session that has no transport yet moves here instead, with the
 * first of its requests.  See docs/cluster.md.
 *
 * Without a cluster sv->relay is NULL, and nothing here does anything. */
#ifndef POLLUX_RELAY_H
#define POLLUX_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/transport/exchange.h"
#include "shared/transport/websocket.h"
#include "shared/wire/route.h"

struct server;

/* The hub is open.  0, or -1: out of memory, or of randomness. */
int relay_open(struct server *sv);
void relay_close(struct server *sv);

/* Take a request whose session lives on another node: it is held, and answered in a later turn.
 * False: it is to be answered here. */
bool relay_take(struct server *sv, struct exchange *x, const struct route *route);

/* --- what other nodes say (relay_heard.c) --------------------------------------------------- */

/* hub_options.linked; `arg` is the server. */
void relay_heard_row(void *arg, unsigned char kind, struct slice body);

/* --- the turn (relay_turn.c) ---------------------------------------------------------------- */

/* At its end, before due work: hear what has come from other nodes. */
void relay_turn_hear(struct server *sv);
bool relay_turn_is_due(const struct server *sv);
/* Do what is due, which needs the store; the next deadline, INT64_MAX for none. */
int64_t relay_turn_run(struct server *sv);
/* It is over: what other nodes were told in it is committed, or is told again.  Return when the
 * next turn is wanted. */
int64_t relay_turn_settle(struct server *sv, bool committed);
/* SIGTERM: answer what waits, as the transports do. */
void relay_turn_drain(struct server *sv);

/* --- websockets (relay_websocket.c) --------------------------------------------------------- */

/* Judge an upgrade whose session is elsewhere.  It may have been WEBSOCKET_WAIT before. */
enum websocket_verdict relay_websocket_judge(
    struct server *sv, struct exchange *x, const struct route *route);
/* Another judge has decided: it does not wait any more. */
void relay_websocket_forget(struct exchange *x);
/* 0; -1: its session is nowhere, or the turn is lost. */
int relay_websocket_open(
    struct server *sv, struct websocket *ws, struct exchange *x, const struct route *route);
bool relay_websocket_text(struct server *sv, struct websocket *ws, struct slice text);
/* `reason` is static. */
void relay_websocket_gone(struct websocket *ws, const char *reason);

#endif
