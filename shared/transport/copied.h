/* copied: a request that outlives the one it was copied from: as bytes, which may go to another
 * node, and an exchange that is made from them there. */
#ifndef POLLUX_COPIED_H
#define POLLUX_COPIED_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/transport/exchange.h"

/* Append the request part of an exchange. */
void copied_pack(struct buf *out, const struct exchange *x);

/* An exchange whose request is in `bytes`, as long as it is open.  Embedded in whatever answers
 * it, which sets `x.ops`; container_of() leads from `x` to it. */
struct copied {
	struct exchange x;
	struct buf bytes;     /* owned */
	struct slice headers; /* name, value, name, value, .. */
	bool upgrades;
};

enum copied_result {
	COPIED_OK,
	COPIED_MALFORMED,
	COPIED_NO_MEMORY,
};

/* Open what copied_pack() has appended to an empty buffer; it is copied.  `c` need not be
 * initialized, and may not be moved; copied_close() it unless this fails. */
enum copied_result copied_open(struct copied *c, struct slice bytes);
void copied_close(struct copied *c);

#endif
