/* members: the other nodes, and what each knows of the other's sessions.
 *
 * A node that appears gets a snapshot: all our connected sessions, a few in each turn, between a
 * beginning and an end.  What becomes of sessions meanwhile goes out as ever, and since rows leave
 * in the order of their commits, what is described too late is corrected behind it.  The receiver
 * marks all that it hears with the number of a round, and drops at the end what has an older one:
 * so nothing is missing in between.  Who misses a snapshot asks for it.
 *
 * A node that dies takes its sessions along.  One of the nodes that are left tells the application.
 *
 * Functions that return int return 0; 1: the body is malformed; or -1: the turn is lost. */
#ifndef POLLUX_LINKD_MEMBERS_H
#define POLLUX_LINKD_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/linkd.h"
#include "shared/base/slice.h"

/* 0 or -1. */
int members_open(struct linkd *l);
void members_close(struct linkd *l);

/* --- life and death ------------------------------------------------------------------------- */

/* The node lives, or it is another one now: tell it all, and ask what it has. */
int members_greet(struct linkd *l, int number);
/* It has died.  `tell`: and we are the one that tells the application. */
int members_bury(struct linkd *l, int number, bool tell);

/* --- frames --------------------------------------------------------------------------------- */

int members_presence(struct linkd *l, int sender, struct slice body);
/* A snapshot of the sender begins, or has ended. */
int members_snapshot(struct linkd *l, int sender, bool begins);
/* The sender wants one of ours. */
void members_wanted(struct linkd *l, int sender);
/* Ask for one of the node: what it has told us may be incomplete. */
void members_want(struct linkd *l, int number);
/* The same of all: they took this node for dead, and have told it nothing since. */
void members_want_all(struct linkd *l);
/* Its pollux-linkd has started: it does not go on with a snapshot. */
void members_restarted(struct linkd *l, int number);

/* --- the turn ------------------------------------------------------------------------------- */

/* What is due, a limited amount of it.  Return when it wants the next turn. */
int64_t members_run(struct linkd *l);
void members_settled(struct linkd *l, bool committed);

#endif
