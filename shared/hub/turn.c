/* turn: the beginning and the end of a turn of the program's loop. */
#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/hub/drain.h"
#include "shared/hub/internal.h"
#include "shared/store/slots.h"
#include "shared/store/timekeeper.h"
#include "shared/wire/payload.h"

/* What fits into one response; the rest waits for the next poll. */
#define POLL_PACKETS_MAX 1000
#define POLL_BYTES_MAX   ((size_t)1 << 20)

void
hub_turn_begin(struct hub *h, int64_t now_ms)
{
	h->now = now_ms;
	/* first: packets of this turn must not be handled for sessions that have ended */
	chores_notice_new_epoch(h);
	transaction_try_again(h);
}

void
hub_turn_wake(struct hub *h)
{
	/* emptied before the log is read: a wake-up that comes after the read is kept */
	store_empty_wake_fd(h->store);
	h->log_unread = true;
	h->action_in.woken = true;
}

/* --- responses to polls --------------------------------------------------------------------- */

/* How many of the pending messages fit into one response. */
static uint32_t
response_size(const struct session *s)
{
	size_t bytes = 0;
	uint32_t n = 0;

	while (n < s->pending_n && n < POLL_PACKETS_MAX) {
		bytes += s->pending[n]->n;
		if (n > 0 && bytes > POLL_BYTES_MAX)
			break;
		/* it holds U+FFFD, the mark of the framing: the client could not split it off */
		if (payload_must_be_alone(message_text(s->pending[n])))
			return n == 0 ? 1 : n;
		n++;
	}
	return n;
}

/* Note what is in flight in the row before it is written: the next poll, wherever it opens,
 * acknowledges it by that.  False: a newer poll has the session, so nothing may be written. */
static bool
reserve_response(struct hub *h, struct session *s)
{
	uint32_t n = response_size(s);
	int64_t last = s->row.cursor, deadline = h->now + h->o.close_timeout_ms;
	enum store_result reserved = STORE_OK;

	for (uint32_t i = 0; i < n; i++)
		if (s->pending[i]->id > last)
			last = s->pending[i]->id;
	if (s->unsaved) {
		/* the poll opened in this turn: its generation is ours, and one write does both */
		s->row.inflight = last;
		s->row.owner = -1;
		if (!s->over)
			s->row.deadline = deadline;
		s->unsaved = false;
		if (session_row_save(h->store, &s->row) == -1)
			reserved = STORE_FAILED;
	} else {
		reserved = session_row_reserve(h->store, s->row.key, s->row.gen, last, deadline);
	}
	if (reserved == STORE_FAILED)
		h->failed = true;
	return reserved == STORE_OK;
}

/* Reserve for every poll that has something pending; those that may be answered after the commit
 * are moved to `answering`. */
static void
reserve_responses(struct hub *h, struct ready_list *answering)
{
	struct session *s;

	/* opening it catches up with the log, so more polls may become ready, or be superseded */
	if (LIST_EMPTY(&h->ready) || transaction_open_now(h) == -1)
		return;
	while ((s = LIST_FIRST(&h->ready)) != NULL) {
		held_not_ready(s);
		if (!reserve_response(h, s)) {
			/* a newer poll took over; its process has these messages in the log */
			held_drop_sink(h, s, SINK_SUPERSEDED);
			continue;
		}
		LIST_INSERT_HEAD(answering, s, ready_link);
	}
}

static void
write_responses(struct hub *h, struct ready_list *answering)
{
	struct session *s;

	while ((s = LIST_FIRST(answering)) != NULL) {
		const struct sink_ops *ops = s->ops;
		void *sink = s->sink;
		struct message **messages = s->pending;
		uint32_t all = s->pending_n, n = response_size(s);

		LIST_REMOVE(s, ready_link);
		/* taken from the session, which lets go of its sink before the sink is called */
		s->pending = NULL;
		s->pending_n = s->pending_cap = 0;
		held_detach(h, s);
		ops->deliver(sink, messages, n, s->row.key, s->row.gen);
		/* those beyond `n` are in the log; the next poll gets them from there */
		for (uint32_t i = 0; i < all; i++)
			message_release(messages[i]);
		free(messages);
	}
}

/* --- the end of a transaction --------------------------------------------------------------- */

static void
save_visits(struct hub *h)
{
	struct session *s;

	SLIST_FOREACH (s, &h->visits, visits_link) {
		if (h->failed)
			return;
		/* one that is over is written by its end, and by the response to its last poll */
		if (!s->unsaved || s->over)
			continue;
		s->unsaved = false;
		if (session_row_save(h->store, &s->row) == -1)
			h->failed = true;
	}
}

/* Free the sessions whose transport is not held here. */
static void
end_visits(struct hub *h)
{
	struct session *s;

	while ((s = SLIST_FIRST(&h->visits)) != NULL) {
		SLIST_REMOVE_HEAD(&h->visits, visits_link);
		s->visiting = false;
		if (s->ops == NULL)
			held_free(h, s);
	}
}

/* The turn fails: nothing of it happened.  Its clients try again. */
static void
roll_back_turn(struct hub *h, struct ready_list *answering)
{
	struct session *s;

	transaction_roll_back(h);
	counters_count(store_slots(h->store), COUNT_ROLLBACKS);
	/* first: of what ends below the clients are to hear */
	if (h->o.rolled_back != NULL)
		h->o.rolled_back(h->o.rolled_back_arg);
	part_settle(&h->parts);
	/* those that ended in this turn, or end below, and cannot be written now: see chores.c */
	h->strays = true;
	/* polls that were about to be answered: nothing is reserved for them */
	while ((s = LIST_FIRST(answering)) != NULL) {
		LIST_REMOVE(s, ready_link);
		held_drop_sink(h, s, SINK_FAILED);
	}
	/* what was opened or changed in this turn: the store does not have it so */
	SLIST_FOREACH (s, &h->visits, visits_link)
		held_drop_sink(h, s, SINK_FAILED);
	/* polls that were sent a message of this turn, which must not reach them */
	while ((s = LIST_FIRST(&h->ready)) != NULL)
		held_drop_sink(h, s, SINK_FAILED);
	end_visits(h);
	/* the rows that were read in vain must be read again */
	h->log_unread = true;
}

/* This process was stopped for so long that rows were dropped which it had not read.  What its
 * streams have missed cannot be found out, so they end.  Polls that missed a message were ended by
 * whoever dropped it; but what they joined or left meanwhile is missing too: they come again. */
static void
end_held_with_gap(struct hub *h)
{
	struct session *s, *next;

	linked_keep_lost(h);
	log_limited(LOG_LEVEL_WARN,
	    "store: this process stood still for so long that messages were dropped "
	    "before it had read them: its websockets and streams end");
	HASH_ITER (hh, h->sessions, s, next) {
		if (s->ops == NULL)
			continue;
		if (s->row.streaming)
			session_end(h, s, "queue overflow", false);
		else
			held_drop_sink(h, s, SINK_SUPERSEDED);
	}
}

static int
end_transaction(struct hub *h)
{
	struct ready_list answering = LIST_HEAD_INITIALIZER(answering);

	/* woken, and nothing opened a transaction: reading needs none, so streams alone cost no
	 * writer's lock */
	if (h->log_unread && !store_in_transaction(h->store))
		transaction_read(h);
	if (h->gap)
		end_held_with_gap(h);
	/* before the commit, so that two polls of one session cannot both be answered */
	reserve_responses(h, &answering);
	/* after the reservations, which save some of the sessions themselves */
	if (!h->failed)
		save_visits(h);
	if (transaction_commit(h) == -1) {
		roll_back_turn(h, &answering);
		return -1;
	}
	h->gap = false;
	/* only after the commit: what a client has seen cannot be taken back */
	write_responses(h, &answering);
	/* last: all of the above may have added visits */
	end_visits(h);
	return 0;
}

/* For those who ask how much there is to do. */
static void
settle_figures(struct hub *h)
{
	struct slots *sl = store_slots(h->store);

	counters_settle(sl, COUNT_PACKETS_IN, &h->received_run);
	counters_settle(sl, COUNT_PACKETS_OUT, &h->sent_run);
	slots_set_info(
	    sl, &(struct slot_info){.held = h->held, .received = h->received, .sent = h->sent});
}

int
hub_turn_end(struct hub *h, int64_t *next_ms)
{
	/* a lock that was waited for is ours now, and would be given back unused */
	bool unused = h->untouched && store_in_transaction(h->store);
	bool timed = unused && timers_are_due(h) && timers_run(h);
	int result, rows;
	int64_t look;

	if (unused && !timed)
		(void)timers_tick(h);
	result = end_transaction(h);
	if (timed)
		timers_settle(h, result == 0);

	/* each in a transaction of its own: if it fails, the turn stays committed */
	if (chores_are_due(h)) {
		chores_run(h);
		end_transaction(h);
	}
	if (drain_is_due(h)) {
		drain_run(h);
		end_transaction(h);
	}
	if (timers_are_due(h)) {
		bool ran = timers_run(h), committed = end_transaction(h) == 0;

		if (ran)
			timers_settle(h, committed);
	}
	for (int n = 0; n < TIMEKEEPER_TICKS && timers_tick(h); n++)
		end_transaction(h);
	rows = action_in_run(h);
	if (rows > 0)
		action_in_settled(h, rows, end_transaction(h) == 0);
	settle_figures(h);
	*next_ms = transaction_next_try(h);
	if (h->next_chores < *next_ms)
		*next_ms = h->next_chores;
	look = drain_next(h);
	if (look < *next_ms)
		*next_ms = look;
	look = timers_next(h);
	if (look < *next_ms)
		*next_ms = look;
	look = action_in_next(h);
	if (look < *next_ms)
		*next_ms = look;
	return result;
}
