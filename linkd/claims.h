/* claims: the name and the number of this node, which Redis gives to one node at a time. */
#ifndef POLLUX_LINKD_CLAIMS_H
#define POLLUX_LINKD_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/node_text.h"
#include "linkd/redis.h"

#define CLAIMS_KEY_MAX 160 /* of a key of ours in Redis */

struct claims {
	/* Set before the first run. */
	struct redis *redis;
	const char *prefix, *name, *token; /* borrowed */
	int64_t ttl_ms;                    /* how long they stay ours when we are silent */
	bool is_pinned;                    /* `number` was set by a person */
	int number; /* the one that is wanted; -1: any that is free; then the one that we have */
	/* A run is over.  `ok`: both are ours.  `fresh`: they were not in Redis. */
	void (*done)(void *arg, bool ok, bool fresh);
	void *arg;

	/* private */
	int told; /* enum claims_fault: what the log says of it */
	bool is_fresh;
	char name_key[CLAIMS_KEY_MAX], number_key[CLAIMS_KEY_MAX];
	char number_value[2 * NODE_WORD_MAX]; /* TOKEN NAME */
};

/* Take both, or see that we have them still, and put their end off.  `done` follows, unless Redis
 * goes away. */
void claims_run(struct claims *c);

#endif
