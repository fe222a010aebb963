/* session_row: the row that every session has in the store, between processes and polls.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_SESSION_ROW_H
#define POLLUX_SESSION_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

#define STORE_SID_SIZE 24 /* room for a secret session id and its NUL */

enum session_row_state {
	STORE_NEW = 0,   /* handshaken, no transport yet */
	STORE_OPEN = 1,  /* connected */
	STORE_ENDED = 2, /* ended by either side; kept so that its next poll is answered 0:: */
	STORE_MOVED = 5, /* the same, but that poll is answered 7:::+0, and later ones 7:::1+0 */
	/* of another node (remote.h) */
	STORE_REMOTE = 3,      /* connected */
	STORE_REMOTE_NOTE = 4, /* it went there, or has ended there a moment ago: requests for it go
	                        * there until its deadline */
};

struct session_row {
	int64_t key;
	char sid[STORE_SID_SIZE];
	enum session_row_state state;
	int owner; /* slot; -1: none */
	int64_t gen, cursor;
	int64_t inflight; /* -1: none */
	int64_t request;  /* hash of the name of its last poll; 0: that had none */
	int64_t last;     /* once ended: the row of its 0:: or 7:::+0, for its polls; 0: none */
	int64_t deadline;
	int transport;
	bool streaming;
	bool spoke;
	bool has_rooms; /* session_row_rooms() is not NULL */
	bool has_user;  /* it had a user when it was loaded, or this process has given it one */
	int home;       /* -1: here; else the number of its node */
};

/* Add a session in STORE_NEW: STORE_OK, STORE_TAKEN or STORE_FAILED. */
enum store_result session_row_create(struct store *st, int64_t key, struct slice sid,
    int64_t deadline, struct slice address, struct slice handshake);

/* Fill `out`: STORE_OK, STORE_NOT_FOUND or STORE_FAILED. */
enum store_result session_row_load(struct store *st, int64_t key, struct session_row *out);

/* Write all but sid and last of `s`. */
int session_row_save(struct store *st, const struct session_row *s);

/* A response with everything up to `inflight` is about to be written to the poll of generation
 * `gen`; the session is free for its next poll until `deadline` (one that has ended keeps its own).
 * STORE_OK; STORE_NOT_FOUND when it is gone or a newer poll superseded this one (write nothing);
 * STORE_FAILED. */
enum store_result session_row_reserve(
    struct store *st, int64_t key, int64_t gen, int64_t inflight, int64_t deadline);

/* The poll of generation `gen` has nothing to collect up to row `cursor` of the log. */
int session_row_advance(struct store *st, int64_t key, int64_t gen, int64_t cursor);

/* That response was not received: the next poll gets its messages again, unless a newer poll has
 * taken them already. */
int session_row_unreserve(struct store *st, int64_t key, int64_t gen);

/* Note that the client has sent a packet. */
int session_row_set_spoke(struct store *st, int64_t key);

/* Count one more malformed packet.  Return how many there were so far, or -1. */
int64_t session_row_count_bad(struct store *st, int64_t key);

/* Delete it with its subscriptions, acks and data (data stays while events of the session wait for
 * the web hook: hook_queue.h). */
int session_row_delete(struct store *st, int64_t key);

/* The same, but the row stays until its deadline: with state, gen, cursor, inflight, last, deadline
 * and streaming of `s`.  If it has a last row its subscriptions stay too, ended by
 * that row: its polls may not have collected what came before. */
int session_row_end(struct store *st, const struct session_row *s);

/* The handshake's JSON, malloc'ed; NULL when there is no such session, or after an error. */
char *session_row_handshake(struct store *st, int64_t key);

/* The address of its client, malloc'ed, or NULL. */
char *session_row_address(struct store *st, int64_t key);

/* How many sessions this network (address_network()) has, counted up to `most`; or -1. */
int64_t session_row_count(struct store *st, int64_t network, int64_t most);

/* What its token grants: it ends at `expires` (INT64_MAX: never), and joins `rooms` (JSON; p NULL:
 * none). */
int session_row_grant(struct store *st, int64_t key, int64_t expires, struct slice rooms);
/* That end; INT64_MIN: the store failed. */
int64_t session_row_expires(struct store *st, int64_t key);
/* Those rooms, malloc'ed, or NULL. */
char *session_row_rooms(struct store *st, int64_t key);

/* Name the user of a session; p NULL: none. */
int session_row_set_user(struct store *st, int64_t key, struct slice user);
/* Its name, malloc'ed, or NULL when it has none. */
char *session_row_user(struct store *st, int64_t key);

#endif
