/* action_in: actions that other programs write into the table action_in of actions.db
 * (docs/publish.md).
 *
 * One process, the leader, does them all, in their order, so that the others do not queue for the
 * writer's lock in vain.  It looks when it is woken, and every 100 ms while there are sessions,
 * since a program that writes SQL may not send wake-ups; a look costs a few microseconds when
 * nothing has been committed.  When the leader dies, the next process that is woken, or whose turn
 * comes within a second, takes over. */
#ifndef POLLUX_HUB_ACTION_IN_H
#define POLLUX_HUB_ACTION_IN_H

#include <stdbool.h>
#include <stdint.h>

struct hub;

struct action_in {
	bool leader;       /* this process */
	bool woken;        /* look now */
	bool failed;       /* the last turn with rows was rolled back: wait */
	int64_t next_look; /* ms */
	int64_t stuck_row; /* the row that made the last turn fail; 0: none */
	int tries;         /* with stuck_row */
};

/* If a look is due, do the actions that are there.  Called between transactions; opens one when
 * there are rows.  Return their number; when that is not 0, end the transaction and call
 * action_in_settled(). */
int action_in_run(struct hub *h);

/* The transaction of these `rows` was committed or rolled back. */
void action_in_settled(struct hub *h, int rows, bool committed);

/* When the next look is due, in ms; INT64_MAX: never. */
int64_t action_in_next(const struct hub *h);

#endif
