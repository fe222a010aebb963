/* internal: what the files of the transports share.  Only shared/transport/ includes it. */
#ifndef POLLUX_TRANSPORT_INTERNAL_H
#define POLLUX_TRANSPORT_INTERNAL_H

#include <sys/queue.h>

#include "shared/action/application.h"
#include "shared/base/buf.h"
#include "shared/hub/hub.h"
#include "shared/transport/answer.h"
#include "shared/transport/heartbeat.h"
#include "shared/transport/server.h"
#include "shared/transport/transport.h"
#include "shared/transport/websocket.h"
#include "shared/wire/route.h"

struct poll;
struct stream;
struct pending_answer;
struct asking;
struct publish_keys;

/* Those who wait for the same length of time, so that the first is always due first. */
struct poll_list {
	struct poll *first, *last;
};

struct stream_list {
	struct stream *first, *last;
};

struct server {
	const struct config *cfg;
	enum server_kind kind;
	struct application *application;
	struct hub *hub;
	struct publish_keys *publish_keys; /* NULL: nothing is published by HTTP */
	unsigned enabled;                  /* bit set of 1 << enum transport_id */
	int64_t now;
	bool draining;
	int64_t wsd_checked_at; /* when wsd_alive was found out */
	bool wsd_alive;
	struct poll_list polls;                 /* held for their session */
	struct poll_list delayed;               /* held because we are busy */
	LIST_HEAD(, asking) asking;             /* handshakes that the hook is asked about */
	struct stream_list streams;             /* by the time they end at the latest */
	struct heartbeat_line beating, waiting; /* see heartbeat.h */
	struct message *heartbeat, *goodbye, *stranger; /* 2:: 0:: 7:::1+0 */
	/* answers that wait for the end of the turn, and their texts (answer.c) */
	struct pending_answer *pending;
	size_t pending_n, pending_cap;
	struct buf pending_bytes;
	struct buf text, wrapped, headers; /* scratch */
};

/* --- handlers: each answers or holds the exchange ----------------------------------------------
 */

void handle_handshake(struct server *sv, struct exchange *x, const struct route *route);
void handle_post(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route);
/* Returns false when there is no such session. */
bool handle_disconnect(struct server *sv, struct exchange *x, const struct route *route);
/* Returns false when it is no file that we hand out (static_files.c). */
bool handle_client_file(struct server *sv, struct exchange *x, const struct route *route);

/* --- deadlines: what is due now; the time of the next, INT64_MAX for none ----------------------
 */

int64_t polls_due(struct server *sv);
int64_t streams_due(struct server *sv);
void polls_drain(struct server *sv);
void handshakes_drain(struct server *sv);

/* Does the setting `transports` name it? */
static inline bool
server_enables(const struct server *sv, enum transport_id id)
{
	return (sv->enabled & 1u << id) != 0;
}

#endif
