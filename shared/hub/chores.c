/* chores: what is done once a second.
 *
 * Every process looks whether its store was replaced or is damaged, and at its own filter.  One
 * does the maintenance: it ends the sessions whose time is up, trims the log (trim.c), and does for
 * the application what no client's packet triggers: acks that did not come in time, and ends that
 * programs without an application asked for. */
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/channel.h"
#include "shared/hub/early.h"
#include "shared/hub/history.h"
#include "shared/hub/internal.h"
#include "shared/hub/mail.h"
#include "shared/hub/user_presence.h"
#include "shared/store/end_request.h"
#include "shared/store/maintenance.h"
#include "shared/store/message_log.h"
#include "shared/store/slots.h"

#define CHORES_MS        1000 /* wake-ups are datagrams and may get lost: this is the safety net */
#define TRIM_MORE_MS     100  /* while the log grows faster than one second's trimming */
#define FILTER_PERIOD_MS 5000
#define REOPEN_MS        20 /* while another process makes the database */

/* At most so many in one go; the rest waits for the next second. */
#define EXPIRE_MAX  1000
#define OVERDUE_MAX 500
#define ASKED_MAX   100

/* --- answers that did not come in time ------------------------------------------------------ */

struct overdue_list {
	struct {
		int64_t key, id;
	} at[OVERDUE_MAX];
	int n;
};

static void
add_overdue(void *arg, int64_t key, int64_t id)
{
	struct overdue_list *list = arg;

	list->at[list->n].key = key;
	list->at[list->n].id = id;
	list->n++;
}

static void
end_overdue_answers(struct hub *h)
{
	struct overdue_list list = {.n = 0};
	struct session *s;

	if (ack_row_list_due(h->store, h->now, OVERDUE_MAX, add_overdue, &list) < 1 ||
	    transaction_open_now(h) == -1)
		return;
	for (int i = 0; i < list.n; i++)
		if (session_find_key(h, list.at[i].key, &s) == SESSION_LIVE)
			receive_answer(h, s, list.at[i].id, (struct slice){NULL, 0});
}

/* --- ends that were asked for --------------------------------------------------------------- */

struct asked_list {
	struct {
		int64_t key;
		char *ns, *reason; /* owned */
	} at[ASKED_MAX];
	int n;
};

static void
add_asked(void *arg, int64_t key, struct slice ns, struct slice reason)
{
	struct asked_list *list = arg;
	int i = list->n++;

	list->at[i].key = key;
	list->at[i].ns = strndup(ns.p, ns.n);
	list->at[i].reason = strndup(reason.p, reason.n);
}

static void
end_one_asked(struct hub *h, int64_t key, const char *ns_name, const char *reason)
{
	struct session *s;
	struct hub_ns *ns = h->o.app.find(h->o.app.arg, slice_of(ns_name));

	/* in the transaction of the end: it is done once, or not at all */
	if (end_request_delete(h->store, key, slice_of(ns_name)) == -1) {
		h->failed = true;
		return;
	}
	if (session_find_key(h, key, &s) != SESSION_LIVE)
		return;
	if (ns_name[0] == '\0')
		session_end(h, s, reason, true);
	else if (ns != NULL)
		membership_kick(h, s, ns, reason);
}

static void
end_as_asked(struct hub *h)
{
	struct asked_list list = {.n = 0};

	/* before the list is read: what is asked for meanwhile sets it again */
	slots_set_end_requested(store_slots(h->store), false);
	if (end_request_list(h->store, ASKED_MAX, add_asked, &list) > 0 &&
	    transaction_open_now(h) == 0)
		for (int i = 0; i < list.n; i++)
			if (list.at[i].ns != NULL && list.at[i].reason != NULL)
				end_one_asked(h, list.at[i].key, list.at[i].ns, list.at[i].reason);
	if (list.n == ASKED_MAX)
		slots_set_end_requested(store_slots(h->store), true);
	for (int i = 0; i < list.n; i++) {
		free(list.at[i].ns);
		free(list.at[i].reason);
	}
}

/* --- sessions whose time is up -------------------------------------------------------------- */

struct reaped_keys {
	int64_t key[EXPIRE_MAX];
	int n;
};

/* Streams of ours that are not held here. */
struct stray_list {
	struct hub *h;
	struct reaped_keys keys;
};

static void
add_reaped_key(void *arg, int64_t key)
{
	struct reaped_keys *keys = arg;

	if (keys->n < EXPIRE_MAX)
		keys->key[keys->n++] = key;
}

static void
end_expired(struct hub *h, int64_t key)
{
	struct session *s;

	switch (session_find_key(h, key, &s)) {
	case SESSION_LIVE:
		/* it may have lived on since the list was made */
		if (s->row.streaming && s->row.owner >= 0
			? slots_alive(store_slots(h->store), s->row.owner)
			: s->row.deadline > h->now)
			break;
		session_end(h, s, s->row.streaming ? "socket end" : "close timeout", false);
		break;
	case SESSION_ENDED:
	case SESSION_ELSEWHERE:
	case SESSION_UNKNOWN: /* finding it ended it */
	case SESSION_FAILED:
		break;
	}
}

/* With 0::, which tells the client not to come back by itself: it would with the same token. */
static void
end_outlived(struct hub *h)
{
	struct reaped_keys keys = {.n = 0};
	struct session *s;

	if (transaction_open_now(h) == -1 ||
	    maintenance_list_outlived(h->store, h->now, EXPIRE_MAX, add_reaped_key, &keys) == -1)
		return;
	for (int i = 0; i < keys.n; i++)
		if (session_find_key(h, keys.key[i], &s) == SESSION_LIVE)
			session_end(h, s, "token expired", true);
}

static void
add_stray(void *arg, int64_t key)
{
	struct stray_list *list = arg;
	const struct session *s = held_find(list->h, key);

	if (s == NULL || s->ops == NULL)
		add_reaped_key(&list->keys, key);
}

/* A turn that failed may have ended streams of ours.  The store has them as open, and since this
 * process lives nobody else ends them. */
static void
end_strays(struct hub *h)
{
	struct stray_list list = {.h = h, .keys.n = 0};
	int own = slots_own(store_slots(h->store));
	struct session *s;

	if (!h->strays || h->o.no_app || transaction_open_now(h) == -1)
		return;
	/* if this turn fails, too, it is set again */
	h->strays = false;
	if (maintenance_list_streams(h->store, own, add_stray, &list) == -1) {
		h->failed = true;
		return;
	}
	for (int i = 0; i < list.keys.n; i++)
		if (session_find_key(h, list.keys.key[i], &s) == SESSION_LIVE && s->ops == NULL)
			session_end(h, s, "socket end", false);
	if (list.keys.n == EXPIRE_MAX)
		h->strays = true;
}

/* Is a round due for this process?  Each reads all sessions several times, and its commit makes
 * the other processes read their pages again: so there are at most two rounds a second. */
static bool
maintenance_is_ours(const struct hub *h)
{
	const struct slots *sl = store_slots(h->store);
	int64_t due = slots_chores_due(sl);

	if (h->o.no_app)
		return false;
	if (h->o.maintains_last)
		due += CHORES_MS;
	return h->now >= due || due > h->now + 2 * CHORES_MS /* of an earlier boot */ ||
	       slots_end_requested(sl);
}

/* Return whether the log should be trimmed again soon. */
static bool
do_maintenance(struct hub *h)
{
	struct reaped_keys keys = {.n = 0};
	bool more;

	/* one process at a time; the others find the work done */
	if (!maintenance_is_ours(h) || !maintenance_lead(h->store))
		return false;
	mail_note_empty(h);
	more = trim_log(h);
	if (!link_awaits_verdict(h) && transaction_open_now(h) == 0 &&
	    maintenance_list_expired(h->store, h->now, add_reaped_key, &keys) == 0)
		for (int k = 0; k < keys.n; k++)
			end_expired(h, keys.key[k]);
	end_outlived(h);
	end_overdue_answers(h);
	end_as_asked(h);
	user_presence_tell_noted(h);
	mail_expire(h);
	link_trim(h);
	early_expire(h);
	history_maintain(h);
	/* after half of our own pause, so that the ends of a dead process's sessions stay prompt; a
	 * round that has failed may be tried by another process at once */
	if (!h->failed)
		slots_set_chores_due(
		    store_slots(h->store), h->now + (more ? TRIM_MORE_MS : CHORES_MS) / 2);
	maintenance_resign(h->store);
	return more;
}

/* --- once a second -------------------------------------------------------------------------- */

/* The database was replaced, or must be, or our sessions in it are void: what is cached is stale.
 * Return -1 if there is none for the moment. */
static int
start_over(struct hub *h)
{
	struct session *s, *next;

	if (h->held > 0)
		log_warnx("store: %s; all %u sessions of this process end",
		    store_is_the_same(h->store) ? "other nodes have taken this one for dead"
						: "the database was replaced",
		    h->held);
	HASH_ITER (hh, h->sessions, s, next) {
		s->over = true; /* so that nothing of it is saved in the new one */
		held_drop_sink(h, s, SINK_LOST);
	}
	held_free_all(h);
	linked_keep_lost(h);
	ring_free(&h->ring);
	h->gap = false;
	/* what it was the leader of may be gone, and the lock with it */
	h->action_in.leader = false;
	h->timers.leads = false;
	if (store_reopen(h->store) == -1) {
		h->failed = true;
		return -1;
	}
	/* at once: the old table may be gone from memory */
	h->watching = slots_watcher_count(store_slots(h->store));
	if (message_log_head(h->store, &h->head) == -1 || history_load(h) == -1) {
		h->failed = true;
		return -1;
	}
	transaction_set_mark(h); /* ids of the new database have nothing to do with the old ones */
	return 0;
}

/* A process that holds no session need not read the rows: skip to the newest. */
static void
skip_ahead(struct hub *h)
{
	ring_free(&h->ring);
	if (message_log_head(h->store, &h->head) == -1)
		return;
	slots_set_head(store_slots(h->store), h->head);
	transaction_set_mark(h);
}

void
chores_notice_new_epoch(struct hub *h)
{
	if (store_epoch_passed(h->store) && !store_is_outdated(h->store))
		(void)start_over(h);
}

bool
chores_are_due(const struct hub *h)
{
	return h->now >= h->next_chores ||
	       (!h->o.no_app && slots_end_requested(store_slots(h->store)));
}

void
chores_run(struct hub *h)
{
	bool more;

	h->next_chores = h->now + CHORES_MS;
	log_tick(h->now);
	/* first: the rest must not work on a database that is gone.  But a newer program's is not
	 * for us, and one that it will replace can stay as it is */
	if (!store_is_outdated(h->store) &&
	    (store_was_replaced(h->store) ||
		(!h->o.no_app && store_is_damaged(h->store, h->now))) &&
	    start_over(h) == -1) {
		if (store_reopens_soon(h->store))
			h->next_chores = h->now + REOPEN_MS;
		return;
	}
	if (h->held == 0 && h->awaited == 0)
		skip_ahead(h);
	else
		h->log_unread = true; /* in case a wake-up got lost */
	more = do_maintenance(h);
	if (!h->o.no_app)
		history_check_configuration(h);
	end_strays(h);
	trim_advance_polls(h);
	/* under the writer's lock and after a catch-up: another process that has a session of ours
	 * join a room adds the bit, and we know of the room only from the log */
	if (!h->o.no_app && h->now >= h->next_filter && transaction_open_now(h) == 0) {
		channel_refresh_filter(h);
		h->next_filter = h->now + FILTER_PERIOD_MS;
	}
	if (more)
		h->next_chores = h->now + TRIM_MORE_MS;
}
