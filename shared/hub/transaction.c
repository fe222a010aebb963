/* transaction: the one transaction of a turn, from the first call that needs it to its end.
 *
 * Whatever fails on the way only sets h->failed; the turn then rolls back instead of committing. */
#include "shared/hub/follow.h"
#include "shared/hub/internal.h"
#include "shared/store/slots.h"

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

int
transaction_open(struct hub *h)
{
	if (h->failed)
		return -1;
	if (store_in_transaction(h->store))
		return 0;
	/* catch up under the writer's lock: then no control message is missing, and what memory
	 * has of the sessions held here is true until the commit */
	if (store_begin(h->store) == -1) {
		h->failed = true;
		return -1;
	}
	transaction_read(h);
	return h->failed ? -1 : 0;
}

void
transaction_fail(struct hub *h)
{
	h->failed = true;
}

int
transaction_commit(struct hub *h)
{
	if (h->failed || store_commit(h->store) == -1)
		return -1;
	slots_set_head(store_slots(h->store), h->head);
	transaction_set_mark(h); /* the next turn may fail before it opens a transaction */
	return 0;
}

void
transaction_roll_back(struct hub *h)
{
	store_rollback(h->store);
	/* the ids that this turn gave to its rows will be given again */
	ring_roll_back(&h->ring, h->mark.ring_end, h->mark.head);
	h->head = h->mark.head;
	h->failed = false;
}
