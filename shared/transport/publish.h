/* publish: what programs ask for over HTTP, below /pollux/v1/ (docs/publish.md).
 *
 *	publish.c       who may ask for what; actions
 *	publish_read.c  what there is to look at */
#ifndef POLLUX_PUBLISH_H
#define POLLUX_PUBLISH_H

#include "shared/base/slice.h"
#include "shared/transport/exchange.h"
#include "shared/transport/publish_keys.h"

struct server;

/* A request that was let in. */
struct publish {
	struct server *sv;
	struct exchange *x;
	struct slice rest;       /* of the path behind "sessions/", not decoded; p NULL: no slash */
	struct slice query;      /* without '?' */
	struct publish_key *key; /* NULL: none was asked for */
};

void publish_answer(const struct publish *p, struct slice json);
/* {"error":{"code":"..","message":".."}}; both are plain words. */
void publish_error(const struct publish *p, int status, const char *code, const char *message);

typedef void publish_handler(const struct publish *p);

publish_handler publish_sessions, publish_session, publish_rooms, publish_user, publish_health,
    publish_ready, publish_metrics;

#endif
