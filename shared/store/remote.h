/* remote: sessions that live on other nodes of the cluster, as those have told us.
 *
 * They are rows of the same tables as our own, with a `home`: so whoever looks for the members of a
 * room or the sessions of a user finds them, too.  They have no transport, no cursor and no secret
 * id here, and their subscriptions have since 0.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_STORE_REMOTE_H
#define POLLUX_STORE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"
#include "shared/store/store.h"

struct remote_session {
	int64_t key;
	int home;      /* number of its node */
	int64_t round; /* of the snapshot that it is from: see remote_scan() */
	int transport;
	struct slice address, user; /* user.p NULL: none */
	int64_t issued;             /* when its handshake was, ms since 1970 */
};

/* Add a connected session of another node, or renew what is known of it.  One of our own of this
 * key stays as it is. */
int remote_put(struct store *st, const struct remote_session *s);

/* Note that the node `home` has the session, as far as we were told, if nothing is known of it;
 * until `deadline`. */
int remote_note(struct store *st, int64_t key, int home, int64_t deadline);

/* Where a session lives, as far as we know.  STORE_OK, STORE_NOT_FOUND or STORE_FAILED. */
struct remote_place {
	int home;          /* -1: here */
	bool is_connected; /* false, of another node: a note of remote_note() or remote_end() */
};
enum store_result remote_find(struct store *st, int64_t key, struct remote_place *place);

int remote_set_transport(struct store *st, int64_t key, int transport);

/* It has ended.  `remember_until` not 0: its node is still asked until then, for its client must
 * not come back. */
int remote_end(struct store *st, int64_t key, int64_t remember_until);

/* Look at `max` sessions of a node at most, those with greater keys than `after`, in order: call
 * `each` with the key of one that is connected and not of this round, else with the key negated.
 * Return their number, or -1. */
int remote_scan(struct store *st, int home, int64_t after, int64_t round, int max,
    store_each_key *each, void *arg);

/* Call `each` with every channel that has members on other nodes.  Their number, or -1. */
int remote_channels(struct store *st, store_each_key *each, void *arg);

/* --- our own, for other nodes --------------------------------------------------------------- */

/* Call `each` with at most `max` connected sessions of ours, those with greater keys than `after`,
 * in order.  Return their number, or -1. */
int remote_list_ours(struct store *st, int64_t after, int max, store_each_key *each, void *arg);

/* The same with sessions of ours in any state, in no order. */
int remote_list_all_ours(struct store *st, int max, store_each_key *each, void *arg);

/* A session of ours as others are told of it.  Texts are appended to `texts`, which they borrow
 * from until it changes.  STORE_OK, STORE_NOT_FOUND or STORE_FAILED. */
enum store_result remote_describe(
    struct store *st, int64_t key, struct remote_session *s, struct buf *texts);

/* A session of ours that has no transport yet goes to the node `home`: its row becomes a note until
 * `deadline`. */
int remote_give(struct store *st, int64_t key, int home, int64_t deadline);

/* What the hook wants done when the session connects, malloc'ed; NULL: nothing, or an error. */
char *remote_deferred(struct store *st, int64_t key);

#endif
