/* link_out: what goes to other nodes, on its way to pollux-linkd.
 *
 * Any process adds rows, in the transaction of the change that they report; pollux-linkd ships them
 * in order and deletes them.  Killed in between it ships some again: the receivers know by their
 * ids, and by store_epoch(), what they have had.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_LINK_OUT_H
#define POLLUX_LINK_OUT_H

#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

struct link_row {
	int64_t id;
	int node;           /* LINK_ALL: all other nodes */
	unsigned char kind; /* enum link_kind */
	struct slice body;  /* borrowed during the call */
};

/* Add a row; pollux-linkd is woken after the commit. */
int link_out_add(struct store *st, int node, unsigned char kind, struct slice body);

/* Call `each` with at most `max` rows with an id > after, in order.  It must not use the store;
 * false from it ends the list.  Return how many were given, or -1. */
int link_out_list(struct store *st, int64_t after, int max,
    bool (*each)(void *arg, const struct link_row *row), void *arg);

/* They have arrived in Redis. */
int link_out_delete(struct store *st, int64_t last);

/* What waits: rows, the id of the newest (0: none), bytes of all but the oldest.  Cheap, however
 * many they are. */
struct link_span {
	int64_t rows, newest, bytes;
};
int link_out_span(struct store *st, struct link_span *span);

/* Bytes of a row besides its body, as the span counts them. */
#define LINK_ROW_BYTES 64

/* Delete the oldest rows until `max_bytes` are left, at most 10,000 of them.  Return how many were
 * deleted, or -1. */
int link_out_drop(struct store *st, int64_t max_bytes);

#endif
