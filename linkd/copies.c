#include "linkd/copies.h"

#include <string.h>

enum copies_verdict
copies_watch(
    struct copies *c, const struct node_text *ours, const struct node_text *theirs, int64_t now_ms)
{
	c->clashes = 0;
	if (theirs == NULL || strcmp(theirs->place, ours->place) == 0) {
		c->since_ms = 0;
		return COPIES_NONE;
	}
	if (c->since_ms == 0 || theirs->counter != c->counter ||
	    strcmp(theirs->incarnation, c->incarnation) != 0) {
		c->moved = c->since_ms != 0;
		c->since_ms = now_ms;
		c->reads = 0;
		c->counter = theirs->counter;
		memcpy(c->incarnation, theirs->incarnation, sizeof(c->incarnation));
	}
	if (++c->reads <= COPIES_READS || now_ms - c->since_ms < COPIES_SILENCE_MS)
		return c->moved ? COPIES_ALIVE : COPIES_WAIT;
	return COPIES_NONE;
}

enum copies_verdict
copies_compare(struct copies *c, const struct node_text *ours, const struct node_text *theirs)
{
	if (theirs == NULL || strcmp(theirs->token, ours->token) != 0 ||
	    strcmp(theirs->incarnation, ours->incarnation) == 0) {
		c->clashes = 0;
		return COPIES_NONE;
	}
	c->since_ms = 0;
	/* once may be the last word of the process before us; which of two goes first matters
	 * little, but both must say the same */
	return ++c->clashes < 2 || strcmp(ours->place, theirs->place) < 0 ? COPIES_NONE
	                                                                  : COPIES_ALIVE;
}
