/* replies: what is said to other nodes about their requests, on its way to link_out.
 *
 * Transports speak at any time, also while the log is read, when nothing may be written: so it is
 * queued here, written before the next commit, and forgotten when that is safe.  What other nodes
 * are to hear once stays queued over a turn that fails; what was said about a request that came in
 * that turn goes, since the request comes again. */
#ifndef POLLUX_LINKD_REPLIES_H
#define POLLUX_LINKD_REPLIES_H

#include <stdbool.h>

#include "linkd/linkd.h"
#include "shared/base/buf.h"
#include "shared/hub/message.h"
#include "shared/link/frame.h"

/* A request of another node: what its process calls it. */
struct far_asker {
	int64_t node, slot, id;
};

/* 0 or -1. */
int replies_open(struct linkd *l);
void replies_close(struct linkd *l);

/* Queue a row of this kind; `body` is taken over.  `is_new`: the request came in this turn.
 * 0, or -1: there is no memory, or too much waits. */
int replies_add(struct linkd *l, const struct far_asker *to, enum link_kind kind, struct buf *body,
    bool is_new);
/* The same of a message for a websocket: LINK_WS_MESSAGE. */
int replies_add_message(
    struct linkd *l, const struct far_asker *to, struct message *m, bool is_new);

/* Whether something waits to be written. */
bool replies_wait(const struct linkd *l);

/* Before the commit: write what waits.  0, or -1: the turn is lost. */
int replies_flush(struct linkd *l);
/* After it. */
void replies_settled(struct linkd *l, bool committed);

/* During server_on_rollback(): forget what server_takes_back(). */
void replies_take_back(struct linkd *l);

#endif
