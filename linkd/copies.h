/* copies: whether another machine runs with a copy of our data folder, and so with our token and
 * our number.  Pure.
 *
 * Words of ours that we have not written are of an earlier life of this folder, or of a copy.  At
 * the same place it is an earlier life: the lock of the folder is ours.  Elsewhere they are watched
 * for a while before we take their place: a machine that was started anew has a new place too. */
#ifndef POLLUX_LINKD_COPIES_H
#define POLLUX_LINKD_COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/node_text.h"

/* How long they must have been silent. */
#define COPIES_SILENCE_MS 3000
#define COPIES_READS      3

enum copies_verdict {
	COPIES_NONE,  /* we may be the node that the token means */
	COPIES_WAIT,  /* not sure yet */
	COPIES_ALIVE, /* the other one is: stay away */
};

struct copies {
	int64_t counter; /* of the words that are watched */
	char incarnation[NODE_WORD_MAX];
	int64_t since_ms; /* when they came; 0: none are watched */
	unsigned reads;   /* since then */
	bool moved;       /* they have changed while they were watched */
	unsigned clashes; /* of ours, one reading after the other, that were overwritten */
};

/* Before we take part: what was read, `theirs`, has our token; NULL: nothing has. */
enum copies_verdict copies_watch(
    struct copies *c, const struct node_text *ours, const struct node_text *theirs, int64_t now_ms);

/* While we take part: what was read under our number; NULL: nothing.  COPIES_ALIVE: another one
 * writes there too, and goes first. */
enum copies_verdict copies_compare(
    struct copies *c, const struct node_text *ours, const struct node_text *theirs);

#endif
