/* early_packet: packets that clients have sent for a namespace before they joined it.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_EARLY_PACKET_H
#define POLLUX_EARLY_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

/* What a session may have here, in all namespaces. */
struct early_limits {
	size_t packets, bytes;
};

/* Keep a packet until `until`.  STORE_OK; STORE_NOT_FOUND: it is not kept, since it is beyond the
 * limits or the session has left the namespace; STORE_FAILED. */
enum store_result early_packet_add(struct store *st, int64_t key, struct slice ns,
    struct slice packet, int64_t until, const struct early_limits *limits);

/* The session has left the namespace: keep no packet for it until early_packet_delete(). */
int early_packet_shut(struct store *st, int64_t key, struct slice ns);

/* Call `each` with the packets that are kept, in order; it must not use the store.  Return how many
 * rows early_packet_delete() has to delete, or -1. */
int early_packet_list(struct store *st, int64_t key, struct slice ns,
    void (*each)(void *arg, struct slice packet, int64_t until), void *arg);

/* Forget what is kept for a namespace. */
int early_packet_delete(struct store *st, int64_t key, struct slice ns);

/* Call `each` for the first `max` pairs of session and namespace that have packets due at `now_ms`,
 * with their number.  Return the number of calls, or -1. */
int early_packet_list_due(struct store *st, int64_t now_ms, int max,
    void (*each)(void *arg, int64_t key, struct slice ns, int n), void *arg);

/* Forget all packets that are due. */
int early_packet_delete_due(struct store *st, int64_t now_ms);

#endif
