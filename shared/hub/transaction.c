/* transaction: the one transaction of a turn, from the first call that needs it to its end.
 *
 * Whatever fails on the way only sets h->failed; the turn then rolls back instead of committing. */
#include "shared/hub/follow.h"
#include "shared/hub/internal.h"

/* Where a roll back returns to. */
static void
set_mark(struct hub *h)
{
	h->mark.head = h->head;
	h->mark.ring_end = h->ring.end;
}

int
hub_transaction(struct hub *h)
{
	if (h->failed)
		return -1;
	if (store_in_transaction(h->store))
		return 0;
	/* catch up under the writer's lock: then no control message is missing, and what memory
	 * has of the sessions held here is true until the commit */
	if (store_begin(h->store) == -1 || follow_catch_up(h) == -1) {
		h->failed = true;
		return -1;
	}
	h->log_unread = false;
	set_mark(h); /* after the catch-up: those rows are committed */
	return 0;
}

void
hub_fail(struct hub *h)
{
	h->failed = true;
}

int
transaction_commit(struct hub *h)
{
	if (h->failed || store_commit(h->store) == -1)
		return -1;
	slots_set_head(store_slots(h->store), h->head);
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
