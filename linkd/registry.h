/* registry: this node among the others, as Redis has them: a name, a number, and who else lives.
 *
 *	PREFIX:name:NAME          the token of the node that has the name
 *	PREFIX:number:N           its token and its name
 *	PREFIX:nodes              a hash: N -> what the node says of itself (node_text.h)
 *	PREFIX:lost:TOKEN:INC     who has told the application of the end of this node
 *
 * The first two are taken with SET NX and expire, so that they become free when a node does not
 * come back.  Every second each node writes what it says of itself, and reads what all others say.
 * Nothing here depends on a clock of another machine. */
#ifndef POLLUX_LINKD_REGISTRY_H
#define POLLUX_LINKD_REGISTRY_H

#include <stdbool.h>

#include "linkd/linkd.h"
#include "linkd/liveness.h"

struct registry;

/* What follows from it; `arg` is passed through. */
struct registry_events {
	/* We have this number from now on, also after Redis was away. */
	void (*on_number)(void *arg, int number);
	/* Another node: LIVENESS_UP or LIVENESS_RESTARTED. */
	void (*on_node)(void *arg, enum liveness_event event, int number);
	/* It is dead.  `won`: it is us who tell the application. */
	void (*on_lost)(void *arg, int number, bool won);
	/* The others have taken us for dead, and told the application so.  registry_begin_anew()
	 * when all our sessions are gone; we say nothing before. */
	void (*on_given_up)(void *arg);
	/* Our keys were gone: Redis was emptied, or away for longer than it keeps them. */
	void (*on_emptied)(void *arg);
	void *arg;
};

/* Read the file `node`, and begin when Redis is up.  NULL after logging why. */
struct registry *registry_open(struct linkd *l, const struct registry_events *events);
/* NULL is allowed.  Close Redis first. */
void registry_close(struct registry *g);

/* Redis has come, or a node speaks that does not live for us: read now who lives. */
void registry_look(struct registry *g);
/* Redis has gone. */
void registry_down(struct registry *g);

void registry_begin_anew(struct registry *g);

/* Whether no other node can have taken us for dead: then nothing that was meant for us is missing,
 * and what we say is believed. */
bool registry_is_sure(const struct registry *g);

/* Our number; -1: none yet.  And what we have said of ourselves last. */
int registry_number(const struct registry *g);
const struct node_text *registry_own_text(const struct registry *g);

/* Whether another node of this number lives; and what it has said last, NULL: nothing. */
bool registry_is_alive(const struct registry *g, int number);
const struct node_text *registry_text(const struct registry *g, int number);

#endif
