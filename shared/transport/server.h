/* server: what a program's event loop drives: the hub, the application and the transports of one
 * process.  One per process.
 *
 *	loop wakes:    server_begin(now)
 *	               server_request(), websocket_*(), server_wake(), server_tick()   any number
 *	before sleep:  server_settle(&next)   commits, delivers, wakes other processes
 *	               then the program writes what was queued, and sleeps until `next`
 */
#ifndef POLLUX_SERVER_H
#define POLLUX_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/config.h"
#include "shared/transport/exchange.h"
#include "shared/transport/server_kind.h"

struct server;

/* Open the store in cfg->data, load the application, and be ready.  `cfg` is borrowed for the life
 * of the server.  Must be called after any fork (kernel locks).  Return NULL after logging why. */
struct server *server_open(const struct config *cfg, enum server_kind kind);

/* Let go of every session held here (polling sessions live on, websocket sessions end) and close.
 * All exchanges and websockets must be gone.  NULL is allowed. */
void server_close(struct server *sv);

/* The descriptor that becomes readable when another process has something for this one. */
int server_wake_fd(const struct server *sv);

/* The descriptor whose becoming readable is a reason for a turn: the web hook has said something.
 * -1: there is none. */
int server_hook_fd(const struct server *sv);
/* Is a request to the web hook under way, that a program which ends should wait for? */
bool server_is_busy(const struct server *sv);

/* At the top of every turn of the loop: milliseconds of CLOCK_MONOTONIC, which all processes of a
 * machine share. */
void server_begin(struct server *sv, int64_t now_ms);

/* The wake descriptor was readable. */
void server_wake(struct server *sv);

/* A complete request.  It is answered now, or held; see exchange.h. */
void server_request(struct server *sv, struct exchange *x);

/* Answer a request that cannot be put to server_request(), so that a page can read the answer. */
void server_refuse(struct server *sv, struct exchange *x, int status, const char *sentence);

/* End of the turn: deadlines that are due, the commit, deliveries, wake-ups to other processes.
 * `*next_ms` is when the server wants its next turn at the latest (absolute).
 * Return 0, or -1 when the turn was rolled back: whoever asked in it is told to try again; the
 * program closes the websockets opened in it. */
int server_settle(struct server *sv, int64_t *next_ms);

/* SIGTERM: end all held polls (8::) and streams (7:::+0) so that the web server's requests finish,
 * take no new ones (polls are answered at once from now on).  Websockets get a close with 1001. */
void server_drain(struct server *sv);

/* Exchanges and websockets that this process still holds. */
unsigned server_held(const struct server *sv);

#endif
