/* locate: where a session is, asked of the node that made its id, and answered.
 *
 * Functions return 0; 1: the body is malformed; or -1: the turn is lost. */
#ifndef POLLUX_LINKD_LOCATE_H
#define POLLUX_LINKD_LOCATE_H

#include "linkd/linkd.h"
#include "shared/base/slice.h"

/* LINK_LOCATE: answer.  A session that waits for its first transport moves to the node that asks.
 */
int locate_answer(struct linkd *l, int sender, struct slice body);

/* LINK_FOUND: take over the session, or note where it is; the process that has asked is told by the
 * caller. */
int locate_found(struct linkd *l, int sender, struct slice body);

#endif
