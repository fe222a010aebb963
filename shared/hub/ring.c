#include "shared/hub/ring.h"

#include <stdlib.h>

void
ring_open(struct ring *r, int64_t head)
{
	if (r->entries != NULL)
		return;
	r->entries = calloc(RING_ENTRIES, sizeof(*r->entries));
	r->complete_after = head;
}

static void
ring_drop_first(struct ring *r)
{
	struct ring_entry *e = ring_at(r, r->first++);

	r->complete_after = e->id;
	if (e->message != NULL)
		r->bytes -= e->message->n;
	message_release(e->message);
}

void
ring_free(struct ring *r)
{
	while (r->end > r->first)
		ring_drop_first(r);
	free(r->entries);
	*r = (struct ring){.entries = NULL};
}

void
ring_add(struct ring *r, const struct ring_entry *entry)
{
	if (r->entries == NULL) {
		r->complete_after = entry->id;
		return;
	}
	/* the newest row stays even if it alone is larger than RING_BYTES: `complete_after` must
	 * not pass hub->head */
	while (r->end - r->first == RING_ENTRIES || (r->end > r->first && r->bytes > RING_BYTES))
		ring_drop_first(r);
	*ring_at(r, r->end++) = *entry;
	if (entry->message != NULL)
		r->bytes += message_keep(entry->message)->n;
}

void
ring_roll_back(struct ring *r, uint64_t end, int64_t head)
{
	while (r->end > end && r->end > r->first) {
		struct ring_entry *e = ring_at(r, --r->end);

		if (e->message != NULL)
			r->bytes -= e->message->n;
		message_release(e->message);
	}
	/* rows that were dropped to make room for the ones removed here do not come back */
	if (r->complete_after > head)
		r->complete_after = head;
}

uint64_t
ring_after(const struct ring *r, int64_t id)
{
	uint64_t low = r->first, high = r->end;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (ring_at(r, middle)->id <= id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
