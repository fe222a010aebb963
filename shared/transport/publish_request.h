/* publish_request: what programs ask for over HTTP, below /pollux/v1/ (docs/publish.md).
 *
 *	publish_request.c   which call it is, and whether its key may make it
 *	publish_act.c       calls that do something
 *	publish_done.c      what was answered to an Idempotency-Key, on all nodes
 *	publish_read.c      calls that look something up
 *	publish_monitor.c   calls for those who watch over the server
 *	publish_answer.c    the answers of all of them
 *
 * Requests come by publish_path.h; the status page (status.h) makes the same calls. */
#ifndef POLLUX_PUBLISH_REQUEST_H
#define POLLUX_PUBLISH_REQUEST_H

#include "shared/action/action.h"
#include "shared/base/slice.h"
#include "shared/transport/exchange.h"
#include "shared/transport/publish_keys.h"

struct server;

struct publish_request {
	struct server *sv;
	struct exchange *x;
	struct slice rest;       /* of the path after "sessions/", not decoded; p NULL: no slash */
	struct slice query;      /* without '?' */
	struct publish_key *key; /* NULL: the call needs none */
};

/* Whether its key may make a call of this scope, and not too often.  Without `key` it is found by
 * the header.  Return false after answering. */
bool publish_request_check(struct publish_request *p, enum publish_scope scope);

/* Make the call of this path ("rooms", "sessions/P..", without a query).  With `key`, whoever asks
 * is known already. */
void publish_request_call(struct publish_request *p, struct slice path);

/* --- answers -------------------------------------------------------------------------------- */

/* They have no CORS headers: keys do not belong into pages. */

/* 503, of a machine that is to get no requests. */
void publish_answer_unready(const struct publish_request *p, struct slice json);

/* 200, at once or when the turn is committed. */
void publish_answer_json(const struct publish_request *p, struct slice json);
void publish_answer_metrics(const struct publish_request *p, struct slice text);
void publish_answer_later(const struct publish_request *p, struct slice json);

/* {"error":{"code":"..","message":".."}}; both are static and need no escaping.  `headers`: further
 * ones, each ending in \r\n; NULL: none, but Retry-After with 503. */
void publish_answer_error(const struct publish_request *p, int status, const char *headers,
    const char *code, const char *message);
/* 503, the client may try again. */
void publish_answer_busy(const struct publish_request *p);
/* What is wrong with an action. */
void publish_answer_action_error(const struct publish_request *p, const struct action_error *error);

/* --- calls ---------------------------------------------------------------------------------- */

typedef void publish_handler(const struct publish_request *p);

publish_handler publish_act_post, publish_act_disconnect;
publish_handler publish_act_drain, publish_act_drain_cancel;

publish_handler publish_read_sessions, publish_read_session, publish_read_rooms, publish_read_user,
    publish_read_users;

publish_handler publish_monitor_health, publish_monitor_ready, publish_metrics;

#endif
