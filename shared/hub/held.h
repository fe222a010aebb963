/* held: the sessions that this process has in memory.
 *
 * Either their transport is held here, and they stay; or they are visiting: a request of this turn
 * needs them, and they are freed when it ends. */
#ifndef POLLUX_HUB_HELD_H
#define POLLUX_HUB_HELD_H

#include <sys/queue.h>

#include <uthash.h>

#include "shared/hub/hub.h"
#include "shared/store/session_row.h"
#include "shared/store/subscription.h"
#include "shared/store/watch.h"

struct channel;

/* One membership of a session: of a room, or of a namespace itself. */
struct sub {
	int64_t chan;
	int64_t since, until;    /* the session gets the rows with since < id <= until */
	struct hub_ns *ns;       /* NULL: the application does not have this namespace any more */
	char *endpoint;          /* as the client writes it, if that differs from the name */
	struct channel *channel; /* while the transport is held here; else NULL */
	uint32_t position;       /* in channel->members */
	uint32_t next;           /* see sub_index.h */
	bool is_ns;              /* of the namespace itself */
	bool leaving;            /* the application has been told, or is being told, that it left */
};

struct session {
	struct session_row row;     /* as last read or written */
	const struct sink_ops *ops; /* NULL: the transport is not held here */
	void *sink;
	int64_t request; /* session_attach_name() of the poll that is about to open */
	struct sub *subs;
	uint32_t subs_n, subs_cap;
	uint32_t *buckets; /* see sub_index.h; owned */
	uint32_t buckets_n;
	uint32_t rooms_n; /* of `subs`: rooms that it is in ... */
	uint32_t left_n;  /* ... and memberships left that are in the store, as far as known */
	uint32_t pending_n, pending_cap;
	struct message **pending;         /* of a poll: for its response, in log order */
	SLIST_ENTRY(session) visits_link; /* while `visiting` */
	LIST_ENTRY(session) ready_link;   /* while `ready` */
	bool visiting;                    /* in hub->visits: looked at again when the turn ends */
	bool ready;                       /* in hub->ready: has something pending */
	bool ending;                      /* the application is being told that it disconnects */
	bool over;                        /* it has ended ... */
	bool remembered;                  /* ... and is kept, to tell its client */
	bool unsaved;                     /* `row` must be written before the commit */
	bool stale;                       /* another process has it, and has changed `row` */
	bool postponed;                   /* its next packet was here before: receive_later() */
	bool aliased;                     /* some sub has an endpoint of its own */
	const struct hub_ns *shut;        /* no early packet of this one is kept ... */
	int64_t shut_until;               /* ... until then */
	UT_hash_handle hh;                /* in hub->sessions by row.key */
};

/* How it ends: what its client is told. */
enum held_end_way {
	END_FORGOTTEN,  /* 7:::1+0: it does not exist */
	END_REMEMBERED, /* 0::: do not come back */
	END_MOVED,      /* 7:::+0: come back */
};

/* Whether the session is kept after its end for its client's next poll, which collects what came
 * before. */
static inline bool
held_is_kept(const struct session_row *row, enum held_end_way way)
{
	return way == END_REMEMBERED || (way == END_MOVED && !row->streaming);
}

LIST_HEAD(ready_list, session);
SLIST_HEAD(visit_list, session);

/* Does it live on another node? */
static inline bool
held_is_remote(const struct session *s)
{
	return s->row.home >= 0;
}

/* The session of this key if it is in memory, else NULL. */
struct session *held_find(const struct hub *h, int64_t key);

/* Take a session into memory as a visitor.  It is owned by the hub from now on. */
void held_add(struct hub *h, struct session *s);

/* Look at the session when the turn ends: save it if `unsaved`, free it if its transport is not
 * held here.  If the turn fails its transport ends: memory may differ from the store. */
void held_visit(struct hub *h, struct session *s);

/* From now on the session's transport is held here, by `sink`. */
void held_attach(struct hub *h, struct session *s, const struct sink_ops *ops, void *sink);

/* Forget the sink, if there is one, and what was pending for it.  The store is not touched. */
void held_detach(struct hub *h, struct session *s);

/* The same, and tell the sink why. */
void held_drop_sink(struct hub *h, struct session *s, enum sink_end why);

/* The session has ended: its sink ends, and if it is a poll that its last packet is pending for, as
 * soon as that is delivered. */
void held_end(struct hub *h, struct session *s, enum held_end_way way);

/* Free a session, or all of them without telling their sinks. */
void held_free(struct hub *h, struct session *s);
void held_free_all(struct hub *h);

/* Copy a packet of the session to the log and to those who watch, if they want it. */
void held_show(struct hub *h, enum watch_kind kind, int64_t key, struct slice text);

/* The membership of a channel that the session has not left, or NULL. */
struct sub *held_sub(const struct session *s, int64_t chan);

/* Does the session get row `id` of the channel? */
bool held_covers(const struct session *s, int64_t chan, int64_t id);

/* Add a membership in memory, not yet linked to its channel.  NULL: out of memory. */
struct sub *held_add_sub(struct hub *h, struct session *s, const struct subscription *sub);

/* Remove one; the last of `subs` takes its place. */
void held_remove_sub(struct hub *h, struct session *s, struct sub *sub);

/* Take the session out of hub->ready. */
void held_not_ready(struct session *s);
void held_clear_pending(struct session *s);

#endif
