/* part: the parts of a turn, so that a turn that fails takes back what it must and no more.
 *
 * A packet that came on a stream held here is a part of its own.  It stays done if neither handling
 * it nor an earlier packet of its session in this turn used the store.  All else is undone with the
 * turn. */
#ifndef POLLUX_PART_H
#define POLLUX_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub;
struct session;

struct parts {
	uint64_t now;   /* odd: a packet of a stream is being handled; even: none is */
	uint64_t kept;  /* the last part of the turn before */
	uint64_t *lost; /* owned; those packets of this turn that need it, ascending */
	size_t lost_n, lost_cap;
	bool all_lost; /* there was no memory for the list */
};

/* The packet that is being handled needs the turn: it is lost if that fails.  Its client
 * cannot be told so, and its stream ends then. */
void part_is_lost(struct hub *h, struct session *s);

/* The turn is over. */
static inline void
part_settle(struct parts *p)
{
	p->kept = p->now;
	p->now += 2;
	p->lost_n = 0;
	p->all_lost = false;
}

#endif
