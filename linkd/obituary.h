/* obituary: of all nodes that see another one die, one tells the application, once. */
#ifndef POLLUX_LINKD_OBITUARY_H
#define POLLUX_LINKD_OBITUARY_H

#include <stdbool.h>

#include "linkd/node_text.h"
#include "linkd/redis.h"

struct obituary {
	struct redis *redis;
	const char *prefix, *token; /* of us; borrowed */
	/* It is settled who tells.  Not called if Redis goes away: ask again then. */
	void (*done)(void *arg, int number, const struct node_text *dead, bool won);
	void *arg;
	bool asks[NODE_NUMBERS]; /* about this number */
};

/* Ask for the node that has said this last.  Nothing happens while it is asked about already. */
void obituary_ask(struct obituary *o, int number, const struct node_text *dead);

#endif
