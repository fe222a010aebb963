/* roster: writes the table link_node: which nodes there are, and what they say of themselves. */
#ifndef POLLUX_LINKD_ROSTER_H
#define POLLUX_LINKD_ROSTER_H

#include <stdbool.h>

#include "linkd/linkd.h"

struct roster;

/* NULL: no memory. */
struct roster *roster_open(struct linkd *l);
void roster_close(struct roster *r);

/* Once a second: what has changed is to be written. */
void roster_wake(struct roster *r);

/* Before the commit: write it, if the transaction can be had.  After it. */
void roster_run(struct roster *r);
void roster_settled(struct roster *r, bool committed);

#endif
