/* link_node: the nodes of the cluster, this one among them: what pollux-linkd has read of them in
 * Redis, for those who show it.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_LINK_NODE_H
#define POLLUX_LINK_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

struct store;

struct link_node {
	int number;
	struct slice name;
	bool lives;
	int64_t since; /* when it was first seen to live, or was lost, ms of CLOCK_MONOTONIC */
	struct slice version; /* of its Pollux */
	struct slice figures; /* what it counts of itself, a JSON object (link_figures.h) */
};

/* Add a node, or renew what is known of it; `since` counts only if it is another one by its name,
 * or was lost before, or lives again. */
int link_node_put(struct store *st, const struct link_node *node);
/* It does not live any more; the row stays for some time, to be shown. */
int link_node_lose(struct store *st, int number, int64_t now_ms);
/* It is of no interest any more. */
int link_node_forget(struct store *st, int number);

/* Call `each` with every node, by number, the lost ones last.  It must not use the store; texts are
 * borrowed during the call. */
int link_node_list(
    struct store *st, void (*each)(void *arg, const struct link_node *node), void *arg);

/* The number of the node of this name, or -1: there is none, or an error was logged. */
int link_node_find(struct store *st, struct slice name);

#endif
