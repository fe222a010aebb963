/* node_text: what a node says of itself, in the hash of all nodes in Redis.  Pure.
 *
 *	1 COUNTER NAME TOKEN INCARNATION EPOCH PLACE VERSION FIGURES..
 *
 * Words are separated by blanks, and newer nodes may add some at the end; the figures are a JSON
 * object without blanks (shared/store/link_figures.h). */
#ifndef POLLUX_LINKD_NODE_TEXT_H
#define POLLUX_LINKD_NODE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"

#define NODE_NUMBERS  4096
#define NODE_WORD_MAX 40
#define NODE_TEXT_MAX 1024

struct node_text {
	int64_t counter; /* it grows as long as the node lives */
	char name[NODE_WORD_MAX];
	char token[NODE_WORD_MAX];       /* of the data folder */
	char incarnation[NODE_WORD_MAX]; /* of its pollux-linkd */
	char epoch[NODE_WORD_MAX];       /* of its database */
	char place[NODE_WORD_MAX];       /* of its data folder: another one for a copy of it */
	char version[NODE_WORD_MAX];     /* of Pollux */
	char figures[512];               /* or empty */
};

void node_text_write(struct buf *out, const struct node_text *t);

/* False: it is none; `*t` is void. */
bool node_text_read(struct node_text *t, struct slice text);

#endif
