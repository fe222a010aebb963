/* ruling: the verdict on a client that an authorizer has put off (sio_verdict_later()), given in
 * any process, on any node, by any door.
 *
 * The question waits in the process that asked, which may hold the client's request.  Its name says
 * where that is: the number of the node, or "-" without a cluster; the slot of the process; and a
 * random number, so that nobody can guess it.
 *
 *	V3:5:7291862910 */
#ifndef POLLUX_RULING_H
#define POLLUX_RULING_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct application;
struct hub;

struct ruling {
	bool accepts;
	struct slice user, data; /* of one that accepts: see admission.h; p NULL: none */
	struct slice reason;     /* of one that refuses; p NULL: none */
};

/* Write the name of question `id` of this process; `id` is not negative. */
void ruling_write_name(struct buf *out, struct hub *h, int64_t id);
/* Is this such a name? */
bool ruling_is_name(struct slice name);

/* Give the verdict, in the open turn.  0; -EINVAL: not such a name; -EPIPE: nobody waits for it any
 * more, as far as is known here; or -EIO: the turn is lost. */
int ruling_give(struct application *app, struct slice name, const struct ruling *r);

/* Take one that another process has given: the body of a LINK_RULING. */
void ruling_take(struct application *app, struct slice body);

#endif
