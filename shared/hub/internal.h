/* internal: what the files of the hub share.  Only shared/hub/ includes it.
 *
 * Files call downwards only: hub, turn, chores, timers and action_in, trim, receive,
 * session_remote, session_attach, session_handover and session_create, drain, session, per_address,
 * membership, early, publish, quota, presence, history, link, transaction, follow, local, linked,
 * part, held, sub_index, channel, ring and lifecycle.  What a lower file cannot do itself it leaves
 * to the turn by a flag: `failed`, `log_unread`, `gap`, a session's `visiting` or `ready`. */
#ifndef POLLUX_HUB_INTERNAL_H
#define POLLUX_HUB_INTERNAL_H

#include <stdatomic.h>

#include "shared/base/buf.h"
#include "shared/hub/action_in.h"
#include "shared/hub/held.h"
#include "shared/hub/hub.h"
#include "shared/hub/lifecycle.h"
#include "shared/hub/link.h"
#include "shared/hub/linked.h"
#include "shared/hub/part.h"
#include "shared/hub/per_address.h"
#include "shared/hub/presence.h"
#include "shared/hub/ring.h"
#include "shared/hub/timers.h"
#include "shared/store/counters.h"
#include "shared/store/message_log.h"
#include "shared/store/watch.h"

struct room_history;

struct hub {
	struct hub_options o;
	struct store *store;
	int64_t now;
	int64_t head; /* the newest row of the log that was read or written here */
	int64_t next_chores, next_filter, next_drain;
	STAILQ_HEAD(, drain_newcomer) newcomers; /* see drain.c */
	unsigned newcomers_n;
	struct ring ring;
	struct session *sessions; /* uthash: those in memory, by key */
	struct channel *channels; /* uthash: those with members here, by chan */
	struct visit_list visits;
	struct ready_list ready;
	unsigned held;
	bool log_unread; /* catch up before the turn ends */
	bool failed;     /* this turn cannot be committed */
	bool postponed;  /* receive_later() was called */
	bool strays;     /* streams may have ended here that the store has as open */
	bool untouched;  /* transaction_try() opened the transaction, and nothing has used it */
	/* When a lock of another program began to be waited for, ms; 0: none is; and whether the
	 * log has a line about it. */
	int64_t taken_since;
	bool told_taken;
	unsigned opens;      /* hub_opens() */
	bool gap;            /* rows of the log were dropped before they were read here */
	struct buf presence; /* of this turn */
	struct buf linked;   /* rows for hub_options.linked, as pack_text() writes them */
	int awaited;         /* things that link_notify() is to tell */
	int64_t
	    link_patience; /* link_awaits_verdict() until then; 0: our signs of life are fresh */
	struct parts parts;
	struct action_in action_in;
	struct timers timers;
	struct per_address per_address;
	struct {
		int64_t next_size, next_sweep; /* when history_maintain() looks again */
		int64_t full_until;            /* no place for another room until then */
		bool recheck;                  /* the configuration may be another one */
		bool stale;                    /* rooms were dropped: make the filter anew */
	} history;
	uint64_t received, sent;                    /* packets, for pollux top */
	struct counters_run received_run, sent_run; /* of this turn */
	const _Atomic int *watching;                /* slots_watcher_count() */
	bool traced;                                /* the log's level is trace */
	struct {                                    /* where a rollback returns to */
		int64_t head;
		uint64_t ring_end;
	} mark;
};

/* Copy a packet to those who watch (pollux tail), and to the log at the level trace.  Two loads
 * when there are none. */
static inline void
show_watchers(struct hub *h, enum watch_kind kind, int64_t key, struct slice text)
{
	if (h->traced || atomic_load_explicit(h->watching, memory_order_relaxed) != 0)
		held_show(h, kind, key, text);
}

/* --- chores.c --- */

/* Start over if the sessions of this process are void. */
void chores_notice_new_epoch(struct hub *h);
bool chores_are_due(const struct hub *h);
/* Called between transactions; opens one if there is something to do. */
void chores_run(struct hub *h);

/* --- trim.c --- */

/* Trim the log: as the process that does the maintenance, between transactions.  May open one.
 * Return whether there is more that nobody needs. */
bool trim_log(struct hub *h);

/* Move the cursors of the polls held here on when the log is half full, so that it can be trimmed.
 */
void trim_advance_polls(struct hub *h);

/* --- receive.c --- */

/* The answer to a packet that was sent with an ack, or with args.p NULL: none came in time.  In the
 * turn's transaction. */
void receive_answer(struct hub *h, struct session *s, int64_t id, struct slice args);

/* --- link.c --- */

/* What is done to a remote session, as a row for its home. */
int link_send(struct hub *h, const struct session *s, struct slice packet, bool is_volatile);
/* A message to a channel, for the other nodes. */
/* `kept`: the room has a history; else NULL. */
int link_publish(struct hub *h, int64_t chan, const struct message *m, int64_t except_key,
    const struct room_history *kept);
/* A join has asked for the room's history: the other nodes keep it, too. */
int link_tell_kept(struct hub *h, const struct room_history *kept);
/* Whether the others may have taken this node for dead, and told the application of the ends of its
 * sessions: pollux-linkd will find that out.  For some seconds, so that nobody waits for a Redis
 * that is away. */
bool link_awaits_verdict(struct hub *h);
/* As the process that does the maintenance: drop what waits for other nodes and has no room. */
void link_trim(struct hub *h);

/* --- quota.c --- */

/* Log that the session is at the limit that the setting names.  Return -EDQUOT. */
int quota_refuse(struct hub *h, int64_t key, const char *setting);

/* --- session.c --- */

/* Its first transport is there: connect it to the default namespace and tell the application.  In
 * the turn's transaction.  0, or -1: the turn is lost. */
int session_begin(struct hub *h, struct session *s);

/* --- membership.c --- */

/* PROTOCOL 5.6: the namespace that an endpoint names, which ends at '?', or NULL; and the query
 * behind that, of which p is NULL when there is none. */
struct hub_ns *membership_namespace(struct hub *h, struct slice endpoint, struct slice *query);

/* Become a member of a namespace, which the client calls by `endpoint` (p NULL: by its name), or of
 * a room of it (room.p not NULL).  0; -1: the session is over, or the turn is lost; or -EDQUOT:
 * refused, and logged. */
int membership_add(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice room, struct slice endpoint);

/* Join the rooms of the namespace that the session's token grants, as soon as it is in that and
 * before the application hears of it.  0, or -1 as membership_add(); rooms beyond its limit are
 * left out, and logged. */
int membership_join_granted(struct hub *h, struct session *s, struct hub_ns *ns);

/* Leave a namespace with all its rooms, and tell the application.  0, or -1: the turn is lost. */
int membership_leave_namespace(
    struct hub *h, struct session *s, struct hub_ns *ns, const char *reason);

/* Tell the application of every namespace that the session is in that it disconnects. */
void membership_tell_all(struct hub *h, struct session *s, const char *reason);

/* Tell all processes that the session's channels count although no process holds it between two
 * polls. */
void membership_mark_waiting(struct hub *h, const struct session *s);

/* For a program without an application: have a process that has one end the session (ns "") or its
 * stay in a namespace. */
void membership_ask_end(struct hub *h, struct session *s, struct slice ns, const char *reason);

/* --- transaction.c --- */

/* From now on a rollback returns to what memory has of the log at this point.  For everything that
 * moves hub->head on outside of a transaction. */
void transaction_set_mark(struct hub *h);

/* Catch up with the log, with or without a transaction. */
void transaction_read(struct hub *h);

/* At the top of a turn: begin if a lock that was waited for can be had now. */
void transaction_try_again(struct hub *h);
/* When that is due without a wake-up, ms. */
int64_t transaction_next_try(const struct hub *h);

/* 0, or -1: roll back. */
int transaction_commit(struct hub *h);
void transaction_roll_back(struct hub *h);

#endif
