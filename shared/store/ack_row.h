/* ack_row: acks that the server expects from clients, and the handler that gets each.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_ACK_ROW_H
#define POLLUX_ACK_ROW_H

#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

struct ack_row {
	char *ns, *handler, *context; /* malloc'ed; context may be NULL */
};

/* Expect an ack; `*id` is the id to send with the packet.  `context` p NULL: none.  `deadline` 0:
 * as long as the session lives.  STORE_OK; STORE_FULL: the session owes `most` acks already, or has
 * ended; or STORE_FAILED. */
enum store_result ack_row_add(struct store *st, int64_t key, struct slice ns, struct slice handler,
    struct slice context, int64_t deadline, int64_t most, int64_t *id);

/* Fetch and delete one: STORE_OK (free `ack` with ack_row_free), STORE_NOT_FOUND or
 * STORE_FAILED. */
enum store_result ack_row_take(struct store *st, int64_t key, int64_t id, struct ack_row *ack);
void ack_row_free(struct ack_row *ack);

/* Call `each` with those past their deadline, at most `max`; return their number, or -1.  `each`
 * must not use the store. */
int ack_row_list_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, int64_t id), void *arg);

#endif
