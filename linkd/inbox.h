/* inbox: takes in what other nodes put into the stream of this one.
 *
 * It reads from a position that the database has.  One reply of Redis is one turn: its rows, what
 * they do, and the new position are committed together.  If the turn is rolled back, the same is
 * read again. */
#ifndef POLLUX_LINKD_INBOX_H
#define POLLUX_LINKD_INBOX_H

#include <stdbool.h>

#include "linkd/linkd.h"

struct inbox;

/* NULL: no memory. */
struct inbox *inbox_open(struct linkd *l);
/* Close Redis first.  NULL is allowed. */
void inbox_close(struct inbox *in);

/* We have this number, which we had not before (also when the program starts). */
void inbox_set_number(struct inbox *in, int number);
/* Redis has gone. */
void inbox_down(struct inbox *in);

/* At the end of a turn: what was taken in is committed, or not; then read on. */
void inbox_settled(struct inbox *in, bool committed);

/* Once a second: ask for the time of Redis, to know how far behind we are, and delete from the
 * stream what was read. */
void inbox_tick(struct inbox *in);

#endif
