/* server: the hub, the application and the transports of one process, driven by its event loop.
 *
 *	loop wakes:    server_begin(now)
 *	               server_request(), websocket_*(), server_wake()   any number
 *	before sleep:  server_settle(&next)   commits, delivers, wakes other processes
 *	               then the program writes what was queued, and sleeps until `next`
 */
#ifndef POLLUX_SERVER_H
#define POLLUX_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/config.h"
#include "shared/base/proxies.h"
#include "shared/transport/exchange.h"
#include "shared/transport/server_kind.h"

struct application;
struct hub;
struct message;
struct server;

/* Open the store in cfg->data, load the application, and be ready.  `cfg` is borrowed for the life
 * of the server.  Must be called after any fork (kernel locks).  Return NULL after logging why;
 * without memory, silently.  errno is then EPROTONOSUPPORT if a newer version of Pollux uses the
 * folder: starting again would not help. */
struct server *server_open(const struct config *cfg, enum server_kind kind);

/* Log what server_open() would fail with, as errors, and what is probably a mistake, as warnings,
 * without touching the data: the module is loaded, but not called; the web hook is not asked. */
void server_check(const struct config *cfg);

/* The configuration may be changed in place while the server runs (daemon.h): whether it can serve
 * with this one.  Return 0, or -1 after logging what is wrong. */
int server_check_reload(const struct config *cfg);
/* That was done, in a turn: follow it. */
void server_reload(struct server *sv);

/* Give up the sessions held here (those of polls live on, those of streams and websockets end) and
 * close.  All exchanges and websockets must be gone.  NULL is allowed. */
void server_close(struct server *sv);

/* The descriptor that becomes readable when another process has something for this one: then call
 * server_wake().  It is another one after the data folder was replaced: look in every turn. */
int server_wake_fd(const struct server *sv);

/* The descriptor that becomes readable when the application needs a turn; -1: it has none. */
int server_application_fd(const struct server *sv);
/* It was readable. */
void server_application_woken(struct server *sv);
/* Whether a request to a web hook is under way: a program that ends waits for its reply. */
bool server_is_busy(const struct server *sv);

/* For pollux-linkd, which does what other nodes ask for. */
struct hub *server_hub(struct server *sv);
/* A connection was refused: there are too many. */
void server_count_refused(struct server *sv);
struct application *server_application(struct server *sv);

/* The proxies that are trusted; as long as the server. */
const struct proxies *server_proxies(const struct server *sv);

/* Whether a newer version of Pollux takes the data folder over: end as at SIGTERM, but so that the
 * program is started again. */
bool server_is_outdated(const struct server *sv);

/* At the top of every turn of the loop: milliseconds of CLOCK_MONOTONIC, which all processes of a
 * machine share. */
void server_begin(struct server *sv, int64_t now_ms);

/* The wake descriptor was readable. */
void server_wake(struct server *sv);

/* A complete request: it is answered now or held, see exchange.h.  False: another program holds a
 * lock of the store; keep the request as it is, and ask again once server_waits() is false. */
bool server_request(struct server *sv, struct exchange *x);

/* The same for a request that another node has forwarded, since the session lives here: it goes no
 * further. */
bool server_request_here(struct server *sv, struct exchange *x);

/* Before a call that needs the store: can it be had in this turn?  If not, put the call off until
 * server_waits() is false.  Always true once draining: the program ends, and nothing is put off. */
bool server_try(struct server *sv);

/* Whether the store is waited for.  After server_begin(): false means that what was put off can be
 * done now.  Requests are told to wait no more than five seconds, and then answered 503. */
bool server_waits(const struct server *sv);

/* The same, of requests. */
bool server_requests_wait(const struct server *sv);

/* Answer a request that server_request() cannot take, with the headers that let a page read it. */
void server_refuse(struct server *sv, struct exchange *x, int status, const char *sentence);

/* End of the turn: deadlines that are due, the commit, deliveries, wake-ups to other processes.
 * `*next_ms` is when the server wants its next turn at the latest (CLOCK_MONOTONIC).
 * Return 0, or -1 when the turn was rolled back: its requests are answered 503; the program closes
 * the websockets opened in it. */
int server_settle(struct server *sv, int64_t *next_ms);

/* Have `take_back` called when what was done is undone, in server_settle(): of what websockets were
 * sent and is not written yet, that of which server_takes_back() is true must not be.  It must not
 * call the server otherwise. */
void server_on_rollback(struct server *sv, void (*take_back)(void *arg), void *arg);
bool server_takes_back(const struct server *sv, const struct message *m);

/* SIGTERM: end all held polls (8::) and streams (7:::+0), so that the web server's requests finish,
 * and hold no new ones.  Websockets are closed with 1001. */
void server_drain(struct server *sv);

/* Another process of this program takes over: end all held polls (8::), and hold no new ones.  All
 * else is served on; the program hands the websockets over by websocket_give().  Or not any more:
 * serve as before. */
void server_hand_over(struct server *sv);
void server_keep(struct server *sv);

/* What could not be handed over is to end: from now on server_drain() tells websockets to come back
 * (7:::+0). */
void server_send_off(struct server *sv);

/* Whether a program of this version can use the data folder together with the processes that do:
 * it has the same schema.  Changes nothing, and logs nothing. */
bool server_can_join(const struct config *cfg);

/* Whether this process, which the web server has started and which has had no request for a while,
 * had better end: the account may not have another process, and clients need it. */
bool server_is_spare(struct server *sv);

/* Polls, streams and websockets that this process holds. */
unsigned server_held(const struct server *sv);

#endif
