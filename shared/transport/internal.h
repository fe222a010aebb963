/* internal: what the files of the transports share.  Only shared/transport/ includes it. */
#ifndef POLLUX_TRANSPORT_INTERNAL_H
#define POLLUX_TRANSPORT_INTERNAL_H

#include "shared/app/app.h"
#include "shared/base/buf.h"
#include "shared/hub/hub.h"
#include "shared/transport/server.h"
#include "shared/transport/websocket.h"
#include "shared/wire/route.h"

struct poll;

/* Those who wait for the same length of time, so that the first is always due first. */
struct poll_list {
	struct poll *first, *last;
};

struct websocket_list {
	struct websocket *first, *last;
};

struct server {
	const struct config *cfg;
	enum server_kind kind;
	struct sio_app *app;
	struct hub *hub;
	unsigned enabled; /* bit set of 1 << enum transport_id */
	int64_t now;
	bool draining;
	int64_t wsd_checked_at; /* when wsd_alive was found out */
	bool wsd_alive;
	struct poll_list polls;                         /* held, by deadline */
	struct websocket_list beating;                  /* a heartbeat is to be sent */
	struct websocket_list waiting;                  /* an answer to it is expected */
	struct message *heartbeat, *goodbye, *stranger; /* 2:: 0:: 7:::1+0 */
	struct buf text, headers;                       /* scratch */
};

/* --- answers (answer.c) ---------------------------------------------------------------------- */

/* Answer with CORS headers for `origin` (PROTOCOL 3.1) and without caching.  `extra` are further
 * header lines or "". */
void answer(struct server *sv, struct exchange *x, struct slice origin, int status,
    const char *content_type, const char *extra, struct slice body);

/* Answer with a status and one sentence. */
void answer_error(struct server *sv, struct exchange *x, int status, const char *sentence);

/* --- handlers: each answers or holds the exchange ----------------------------------------------
 */

void handle_handshake(struct server *sv, struct exchange *x, const struct route *route);
void handle_poll(struct server *sv, struct exchange *x, const struct route *route);
void handle_post(struct server *sv, struct exchange *x, const struct route *route);
/* Returns false when there is no such session. */
bool handle_disconnect(struct server *sv, struct exchange *x, const struct route *route);
/* Returns false when it is no file that we hand out (static_files.c). */
bool handle_client_file(struct server *sv, struct exchange *x, const struct route *route);

/* --- deadlines: what is due now; the time of the next, INT64_MAX for none ----------------------
 */

int64_t polls_due(struct server *sv);
int64_t websockets_due(struct server *sv);
void polls_drain(struct server *sv);
void websockets_drain(struct server *sv);

/* Is the transport enabled and, for websockets, alive? */
bool transport_works(struct server *sv, enum transport_id id);

#endif
