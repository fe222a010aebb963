/* cluster: what stats and top say about the nodes of a cluster and the link between them. */
#ifndef POLLUX_CLI_CLUSTER_H
#define POLLUX_CLI_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "shared/store/link_figures.h"
#include "shared/store/slots.h"

/* A node, this one too, as pollux-linkd knows it. */
struct cluster_node {
	int number;
	char name[CONFIG_NODE_MAX + 1], version[24];
	bool lives;
	int64_t since_ms;            /* how long it has lived, or been lost */
	int64_t sessions;            /* of another one: those that are known here */
	struct link_figures figures; /* as it has told them */
};

struct cluster {
	bool is_on; /* else the rest is not valid */
	int number; /* of this node; -1: none yet */
	unsigned peers;
	bool acquainted; /* we know all sessions of theirs */
	enum link_state state;
	int64_t since_ms; /* how long the link has been up or down; -1: not known */
	uint64_t counters[SLOTS_LINK_COUNTERS];
	struct cluster_node nodes[SLOTS_LINK_NUMBERS]; /* by number */
	int n;
};

/* Return 0, or -1 after logging why. */
int cluster_collect(struct cli *c, struct cluster *cl);

/* The node of a number; -1: this one.  NULL: not known. */
const struct cluster_node *cluster_find(const struct cluster *cl, int number);

/* Append lines about this node and its link, and with `others` about the other nodes. */
void cluster_write_text(struct buf *out, const struct cluster *cl, bool others);
/* Append a table with a line for each node; `own_sessions` are those of this one. */
void cluster_write_table(struct buf *out, const struct cluster *cl, int64_t own_sessions);
/* Append the same as an object. */
void cluster_write_json(struct buf *out, const struct cluster *cl, bool others);

/* Append the line or the members that tell which node it is. */
void cluster_write_node_text(struct buf *out, const struct cluster_node *n);
void cluster_write_node_json(struct buf *out, const struct cluster_node *n);

#endif
