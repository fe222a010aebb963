/* ack_row: acks that the server expects from clients, and the handler that gets each.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_ACK_ROW_H
#define POLLUX_ACK_ROW_H

#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

struct store_ack {
	char *ns, *handler, *context; /* malloc'ed; context may be NULL */
};

/* Expect an ack; `*id` is the id to send with the packet.  `context` p NULL: none.  `deadline` 0:
 * as long as the session lives. */
int store_ack_expect(struct store *st, int64_t key, struct slice ns, struct slice handler,
    struct slice context, int64_t deadline, int64_t *id);

/* Fetch and delete one: STORE_OK (free `ack` with store_ack_free), STORE_NOT_FOUND or
 * STORE_FAILED. */
enum store_result store_ack_take(struct store *st, int64_t key, int64_t id, struct store_ack *ack);
void store_ack_free(struct store_ack *ack);

/* Call `each` with those past their deadline, at most `max`; return their number, or -1.  `each`
 * must not use the store. */
int store_acks_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, int64_t id), void *arg);

#endif
