/* snapshot: all that another node is to know of our sessions, a few of them in each turn; and then
 * what mailboxes hold.
 *
 * Needs the turn's transaction.  Functions that return int return 0, or -1: the turn is lost. */
#ifndef POLLUX_LINKD_SNAPSHOT_H
#define POLLUX_LINKD_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/linkd.h"
#include "shared/link/frame.h"

/* How far it is; a turn that is rolled back goes back to the one before. */
struct snapshot {
	bool is_under_way;
	bool has_begun;     /* its beginning is written ... */
	int64_t after;      /* ... and the sessions up to this key */
	bool has_ended;     /* all of them, and the end */
	int64_t mail_after; /* the rows of mailboxes up to this one */
};

/* From the beginning. */
void snapshot_begin(struct snapshot *s);

/* Write some more for the node, if not too much waits for Redis; at most `*budget` sessions, of
 * which those that were looked at are taken off. */
int snapshot_go_on(struct linkd *l, struct snapshot *s, int number, int *budget);

/* Tell the node something that has only a number. */
int snapshot_tell(struct linkd *l, int number, enum link_kind kind, int64_t about);

#endif
