/* transaction: the one transaction of a turn, from the first call that needs it to its end.
 *
 * Whatever fails on the way only sets h->failed; the turn then rolls back instead of committing. */
#include "shared/base/log.h"
#include "shared/hub/follow.h"
#include "shared/hub/internal.h"
#include "shared/store/slots.h"

#define WAIT_MS 5000 /* who holds a lock for longer is stuck */
#define POLL_MS 10   /* for SQLite's own lock, whose end nobody tells */

void
transaction_set_mark(struct hub *h)
{
	h->mark.head = h->head;
	h->mark.ring_end = h->ring.end;
}

void
transaction_read(struct hub *h)
{
	h->log_unread = false;
	if (follow_catch_up(h) == -1)
		h->failed = true;
	/* these rows are committed: what was handed on must not come again if this turn fails, or a
	 * later one; but rows that could not be read must */
	if (!h->failed)
		transaction_set_mark(h);
}

bool
transaction_gave_up(const struct hub *h)
{
	return h->taken_since != 0 && h->now - h->taken_since >= WAIT_MS;
}

int
transaction_open(struct hub *h)
{
	/* also when it fails: who asks has something that is not done then */
	h->opens++;
	if (h->failed)
		return -1;
	h->untouched = false;
	if (store_in_transaction(h->store))
		return 0;
	/* catch up under the writer's lock: then no control message is missing, and what memory
	 * has of the sessions held here is true until the commit */
	if (transaction_gave_up(h) || store_begin(h->store, WAIT_MS) == -1) {
		h->failed = true;
		return -1;
	}
	h->taken_since = 0;
	transaction_read(h);
	return h->failed ? -1 : 0;
}

/* Try to begin one.  False: a lock is taken. */
static bool
try_transaction(struct hub *h)
{
	enum store_result begun = store_try(h->store);

	if (begun == STORE_TAKEN) {
		if (h->taken_since == 0)
			h->taken_since = h->now;
		return false;
	}
	h->taken_since = 0;
	if (begun == STORE_FAILED) {
		h->failed = true;
		return true;
	}
	h->untouched = true;
	transaction_read(h);
	return true;
}

int
transaction_try(struct hub *h)
{
	/* a turn that is lost fails by itself, and within one a lock is tried for once */
	if (h->failed || store_in_transaction(h->store))
		return 0;
	return h->taken_since == 0 && try_transaction(h) ? 0 : -1;
}

int
transaction_open_now(struct hub *h)
{
	return transaction_try(h) == -1 ? -1 : transaction_open(h);
}

void
transaction_try_again(struct hub *h)
{
	if (h->taken_since == 0 && !store_is_waiting(h->store))
		return;
	if (!try_transaction(h) && !h->told_taken && transaction_gave_up(h)) {
		log_warnx("store: another program has held a lock for %d s; until it is free, "
			  "requests are answered 503",
		    WAIT_MS / 1000);
		h->told_taken = true;
	}
	if (h->taken_since == 0)
		h->told_taken = false;
}

int64_t
transaction_next_try(const struct hub *h)
{
	if (h->taken_since == 0)
		return INT64_MAX;
	if (store_must_poll(h->store))
		return h->now + POLL_MS;
	/* else a wake-up comes */
	return transaction_gave_up(h) ? INT64_MAX : h->taken_since + WAIT_MS;
}

void
transaction_let_go(struct hub *h)
{
	if (h->untouched && store_in_transaction(h->store))
		store_rollback(h->store);
}

void
transaction_fail(struct hub *h)
{
	h->opens++; /* as in transaction_open() */
	h->failed = true;
}

int
transaction_commit(struct hub *h)
{
	if (h->failed || presence_flush(h) == -1)
		return -1;
	transaction_let_go(h);
	/* else websockets alone: what was read has set the mark already */
	if (store_in_transaction(h->store)) {
		if (store_commit(h->store) == -1)
			return -1;
		slots_set_head(store_slots(h->store), h->head);
		/* the next turn may fail before it opens a transaction */
		transaction_set_mark(h);
	}
	part_settle(&h->parts);
	return 0;
}

void
transaction_roll_back(struct hub *h)
{
	store_rollback(h->store);
	presence_forget(h);
	/* the ids that this turn gave to its rows will be given again */
	ring_roll_back(&h->ring, h->mark.ring_end, h->mark.head);
	h->head = h->mark.head;
	h->failed = false;
}
