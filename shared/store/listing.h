/* listing: sessions, rooms and totals, for pollux sessions, rooms and stats and for GET requests.
 *
 * Only reads.  These statements are rare and only prepared when needed, so that the other processes
 * do not keep them.  `each` must not use the store; slices are borrowed during the call.  Functions
 * return 0, or -1 after logging why, unless they say otherwise. */
#ifndef POLLUX_LISTING_H
#define POLLUX_LISTING_H

#include "shared/base/buf.h"
#include "shared/store/message_log.h"
#include "shared/store/session_data.h"
#include "shared/store/session_row.h"
#include "shared/store/store.h"
#include "shared/wire/route.h"

/* Whose sessions: those of all nodes (zeroed), or of one. */
struct listing_node {
	bool is_one;
	int number; /* -1: this node */
};

#define LISTING_EVERYWHERE ((struct listing_node){false, 0})
#define LISTING_HERE       ((struct listing_node){true, -1})

/* Find the node of this name or number.  Return false if there is none, or after logging why. */
bool listing_find_node(struct store *st, struct slice text, struct listing_node *of);

/* Which sessions, in the order of their keys. */
struct listing_filter {
	struct listing_node of;
	bool names_nodes;  /* say where each one lives */
	int64_t chan;      /* not 0: in this room or namespace */
	struct slice user; /* p not NULL: of this user */
	struct slice data; /* p not NULL: with these values (session_data_are_names) */
	int64_t key;       /* not 0: this one */
	int64_t after;     /* only greater keys */
	int limit;
};

struct listing_session {
	int64_t key;
	enum session_row_state state; /* STORE_NEW, STORE_OPEN or STORE_REMOTE */
	int owner, transport;
	bool streaming;
	struct slice address, user, handshake; /* user.p may be NULL */
	struct slice namespaces;               /* JSON array of names */
	int home;                              /* number of the node that it lives on; -1: here */
	struct slice node; /* its name, or its number; empty: none yet; p NULL: not asked for */
	struct slice data; /* JSON object; p NULL: not asked for */
};

/* When its handshake was, ms since 1970; 0: it does not say. */
int64_t listing_issued(const struct listing_session *s);
/* Seconds since the handshake, or -1 when it does not say; `now_ms` since 1970.  That of another
 * node is by its clock. */
int64_t listing_age(const struct listing_session *s, int64_t now_ms);
/* The name of its transport; "-" before it has one. */
struct slice listing_transport(const struct listing_session *s);

/* Append it as a JSON object, with its public id, and its node and data if they were asked for. */
void listing_json_session(struct buf *out, const struct listing_session *s, int64_t now_ms);
void listing_json_room(struct buf *out, struct slice ns, struct slice room, int64_t sessions);

int listing_sessions(struct store *st, const struct listing_filter *filter,
    void (*each)(void *arg, const struct listing_session *s), void *arg);

/* Which rooms. */
struct listing_room_filter {
	struct listing_node of; /* whose sessions are counted */
	struct slice ns;        /* p not NULL: of this namespace */
	int64_t key;            /* not 0: this session is in them */
};

/* Rooms by namespace and name, with the number of sessions in each; room.p NULL: the namespace
 * itself. */
int listing_rooms(struct store *st, const struct listing_room_filter *filter,
    void (*each)(void *arg, struct slice ns, struct slice room, int64_t sessions), void *arg);

/* Sessions in each namespace, by transport, the most first; the name of the default one is empty.
 */
int listing_namespaces(struct store *st, struct listing_node of,
    void (*each)(void *arg, struct slice ns, int transport, int64_t sessions), void *arg);

/* Users by name, those after `after` (p NULL: all), at most `limit`, with the number of sessions
 * that each has with a transport. */
int listing_users(struct store *st, struct listing_node of, struct slice after, int limit,
    void (*each)(void *arg, struct slice user, int64_t sessions), void *arg);
void listing_json_user(struct buf *out, struct slice user, int64_t sessions);

/* How many sessions each other node has. */
int listing_homes(struct store *st, void (*each)(void *arg, int node, int64_t sessions), void *arg);

/* Of another node only its sessions with a transport, and what they are in and have, are known. */
struct listing_totals {
	int64_t fresh;                         /* sessions without a transport so far */
	int64_t by_transport[TRANSPORT_COUNT]; /* open ones; index is enum transport_id */
	int64_t ended;                         /* kept to answer late polls with 0:: */
	int64_t rooms, memberships, values, answers_awaited;
	/* of this node, whosever sessions are counted */
	int64_t messages; /* rows of the log */
	int64_t appended; /* ever */
	int64_t bytes;    /* of the database in use */
};
int listing_totals(struct store *st, struct listing_node of, struct listing_totals *totals);

/* How many events could not be delivered to the web hook, and are kept; -1 after logging why. */
int64_t listing_dead(struct store *st);

/* How many users have a session; -1 after logging why. */
int64_t listing_count_users(struct store *st);

/* How many requested ends (end_request.h) are not carried out yet; -1 after logging why. */
int64_t listing_end_requests(struct store *st);

/* Run SQLite's integrity check.  `each` gets a line for each fault, or the line "ok".  Return the
 * number of faults, or -1 after logging. */
int listing_check(struct store *st, void (*each)(void *arg, struct slice line), void *arg);

#endif
