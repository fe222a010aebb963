/* link: Redis, the registry, the outbox and the inbox, joined to each other and to the turn. */
#ifndef POLLUX_LINKD_LINK_H
#define POLLUX_LINKD_LINK_H

#include "linkd/linkd.h"

/* Begin to connect.  Return 0, or -1 after logging why. */
int linkd_link_open(struct linkd *l);
void linkd_link_close(struct linkd *l);

/* Before the commit: what is to be written.  After it: what waited for it. */
void linkd_link_run(struct linkd *l);
void linkd_link_settled(struct linkd *l, bool committed);
/* After the last commit of a turn: send what it, or another process, has written. */
void linkd_link_ship(struct linkd *l);
/* When something that is left needs a turn, ms. */
int64_t linkd_link_due(const struct linkd *l);

/* Whether the program may end: what was written for other nodes is in Redis. */
bool linkd_link_is_idle(const struct linkd *l);

/* The memory that processes share is another one: write there what they want to know. */
void linkd_link_publish(struct linkd *l);

#endif
