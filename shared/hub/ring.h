/* ring: the newest rows of the log in memory, so that a poll finds what it missed without a query.
 *
 * Rows enter at the end in the order of their ids and leave at the front.  A poll whose cursor is
 * older than `complete_after` has to ask the store for the rest. */
#ifndef POLLUX_HUB_RING_H
#define POLLUX_HUB_RING_H

#include <stdint.h>

#include "shared/hub/message.h"

#define RING_ENTRIES 8192              /* a power of two */
#define RING_BYTES   ((size_t)8 << 20) /* of text */

struct ring_entry {
	int64_t id, chan, except_key;
	struct message *message; /* NULL: no client gets this row */
};

struct ring {
	struct ring_entry *entries; /* NULL until this process holds its first poll */
	uint64_t first, end;        /* positions, modulo RING_ENTRIES */
	size_t bytes;
	int64_t complete_after; /* holds every row with a greater id, up to hub->head */
};

/* Begin to keep rows, those after `head`.  Does nothing when the ring keeps rows already.  Out of
 * memory: it goes on keeping none, and polls ask the store. */
void ring_open(struct ring *r, int64_t head);

/* Drop all rows and stop keeping them. */
void ring_free(struct ring *r);

/* Add the row after the newest one; the ring takes a reference of its own to the message. */
void ring_add(struct ring *r, const struct ring_entry *entry);

/* Remove the rows at position `end` and later, those with ids above `head`. */
void ring_roll_back(struct ring *r, uint64_t end, int64_t head);

/* The position of the first entry with an id greater than `id`, or r->end.  For a ring that keeps
 * rows. */
uint64_t ring_after(const struct ring *r, int64_t id);

static inline struct ring_entry *
ring_at(const struct ring *r, uint64_t position)
{
	return &r->entries[position % RING_ENTRIES];
}

#endif
