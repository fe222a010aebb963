/* nodes: what follows when other nodes come and go.  It is noted when Redis tells, and done in a
 * turn that can have the transaction; what a turn could not commit is done again. */
#ifndef POLLUX_LINKD_NODES_H
#define POLLUX_LINKD_NODES_H

#include <stdbool.h>

#include "linkd/linkd.h"

enum nodes_event {
	NODES_UP,
	NODES_RESTARTED,
	NODES_GAP, /* messages of it may have been lost */
	NODES_LOST,
	NODES_LOST_TELL, /* and it is us who tell the application */
	NODES_GIVEN_UP,  /* it is us: the others think that we are dead */
};

/* Note it.  Without memory the program ends: a death must not be forgotten. */
void nodes_note(struct linkd *l, enum nodes_event event, int number);

/* Whether something is left to do. */
bool nodes_wait(const struct linkd *l);

/* Before the commit: do it, if the transaction can be had. */
void nodes_run(struct linkd *l);
/* After it. */
void nodes_settled(struct linkd *l, bool committed);

void nodes_close(struct linkd *l);

#endif
