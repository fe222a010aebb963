/* internal: what the files of the hub share.  Only shared/hub/ includes it. */
#ifndef POLLUX_HUB_INTERNAL_H
#define POLLUX_HUB_INTERNAL_H

#include <stdatomic.h>

#include <uthash.h>

#include "shared/hub/hub.h"
#include "shared/store/watch.h"

/* One membership of a session: of a room, or of a namespace itself. */
struct sub {
	int64_t chan;
	int64_t since, until;    /* rows of the log with since < id <= until are seen */
	struct hub_ns *ns;       /* NULL: a namespace that the application does not know any more */
	char *endpoint;          /* as the client writes it, when that is not the name; else NULL */
	struct channel *channel; /* while the session is attached here; else NULL */
	uint32_t position;       /* in channel->members */
	bool is_ns;              /* of the namespace itself */
	bool leaving;            /* its disconnect is being told, or was */
};

struct session {
	struct store_session row;   /* as last read or written */
	const struct sink_ops *ops; /* NULL: the transport is not held here */
	void *sink;
	struct sub *subs;
	uint32_t subs_n, subs_cap;
	uint32_t pending_n, pending_cap;
	size_t pending_bytes;
	struct message **pending; /* of a poll: for its response, in log order */
	struct session *next_visit;
	struct session *next_ready;
	bool visiting;     /* in hub->visits: looked at again when the turn ends */
	bool ready;        /* in hub->ready: has something pending */
	bool ending;       /* its disconnect events are being told */
	bool over;         /* it has ended ... */
	bool remembered;   /* ... and its client must not come back */
	bool unsaved;      /* `row` must be written before the commit */
	bool aliased;      /* some sub has an endpoint of its own */
	UT_hash_handle hh; /* in hub->sessions by row.key */
};

struct member {
	struct session *session;
	uint32_t sub; /* index in session->subs */
};

/* Those of a channel whose transport is held here. */
struct channel {
	int64_t chan;
	struct member *members;
	uint32_t n, cap;
	UT_hash_handle hh;
};

/* The newest rows of the log, so that a poll that opens finds what it missed without a query. */
struct ring_entry {
	int64_t id, chan, except_key;
	struct message *message; /* NULL for what no client sees */
};

#define RING_ENTRIES 8192              /* a power of two */
#define RING_BYTES   ((size_t)8 << 20) /* of text */

struct ring {
	struct ring_entry *entries; /* NULL until the first poll is held here */
	uint64_t first, end;        /* positions, modulo RING_ENTRIES */
	size_t bytes;
	int64_t complete_after; /* holds every row with a greater id, up to hub->head */
};

/* The table action_in: see door.c. */
struct door {
	bool ours;       /* this process looks */
	bool knocked;    /* look now */
	bool failed;     /* the last look did, so no haste */
	int64_t next;    /* when to look next */
	int64_t version; /* store_version() when it was empty; -1: look whatever that is */
	int64_t stuck;   /* the row that made a turn fail, and how often; 0: none */
	int tries;
};

struct hub {
	struct hub_options o;
	struct store *store;
	int64_t now;
	int64_t head; /* the log was read up to here */
	int64_t next_tick;
	int64_t next_filter; /* when our filter loses its stale bits */
	struct ring ring;
	struct session *sessions; /* uthash: held here, or visiting */
	struct channel *channels; /* uthash */
	struct session *visits, *ready;
	unsigned held;
	bool woken;
	struct door door;
	bool failed;                 /* this turn cannot be committed */
	uint64_t received, sent;     /* packets, for those who look on */
	const _Atomic int *watching; /* slots_watching() */
	struct {                     /* to go back to when the turn is rolled back */
		int64_t head;
		uint64_t ring_end;
	} mark;
};

/* Show a packet to those who look on: one load when nobody does. */
static inline void
hub_show(struct hub *h, enum watch_kind kind, int64_t key, struct slice text)
{
	if (atomic_load_explicit(h->watching, memory_order_relaxed) != 0)
		watch_packet(h->store, kind, key, text);
}

/* channel.c */
void channel_attach(struct hub *h, struct session *s);
void channel_detach(struct hub *h, struct session *s);
void channel_link(struct hub *h, struct session *s, uint32_t sub);
void channel_refresh_filter(struct hub *h);

/* log.c: reading and writing the log, and who in this process gets what. */
int log_catch_up(struct hub *h);
void log_roll_back(struct hub *h);
/* Tell the process of slot `owner` what became of a session that it holds.  No-op for ourselves and
 * for none. */
int log_control(struct hub *h, int64_t key, int owner, struct slice text);
/* The same for joining (or leaving) a room, or the namespace itself with room.p NULL. */
int log_control_room(struct hub *h, const struct session *s, bool join, struct slice ns,
    struct slice room, struct slice endpoint);
int log_collect(struct hub *h, struct session *s, int64_t after);
void log_use_ring(struct hub *h);
void log_free(struct hub *h);
void session_deliver(struct hub *h, struct session *s, struct message *m);

/* receive.c: the application waits for this answer no longer: it is told of it, or that none came
 * in time (args.p NULL). */
void receive_answer(struct hub *h, struct session *s, int64_t id, struct slice args);

/* chores.c */
void chores_overdue(struct hub *h);
void chores_asked(struct hub *h);

/* door.c: called between transactions.  Return the time of the next look. */
int64_t door_look(struct hub *h, int (*settle)(struct hub *h));

/* session.c */
/* The session of this key if it is held here or visiting, else NULL. */
struct session *session_at(struct hub *h, int64_t key);
void session_visit(struct hub *h, struct session *s);
void session_free(struct hub *h, struct session *s);
/* Detach, and tell the sink why. */
void session_drop_sink(struct hub *h, struct session *s, enum sink_end why);
void session_detach(struct hub *h, struct session *s);
/* Become a member of a namespace, known to the client as `endpoint`; leave it with all its rooms,
 * telling the application. */
int session_enter(struct hub *h, struct session *s, struct hub_ns *ns, struct slice endpoint);
int session_exit(struct hub *h, struct session *s, struct hub_ns *ns, const char *reason);
struct sub *session_sub(const struct session *s, int64_t chan);
struct sub *session_add_sub(struct hub *h, struct session *s, const struct store_sub *sub);
void session_remove_sub(struct hub *h, struct session *s, struct sub *sub);
void session_clear_pending(struct session *s);
int session_load_subs(struct hub *h, struct session *s);
/* Take the session out of the list of those with something pending. */
void session_not_ready(struct hub *h, struct session *s);

#endif
