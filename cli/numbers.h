/* numbers: everything that stats and top count, and as what they print it. */
#ifndef POLLUX_NUMBERS_H
#define POLLUX_NUMBERS_H

#include <stdint.h>

#include "cli/cli.h"
#include "cli/cluster.h"
#include "shared/store/figures.h"
#include "shared/store/listing.h"
#include "shared/store/places.h"
#include "shared/store/slots.h"

/* A process of this Pollux: a slot in the table that all of them share. */
struct process {
	int slot;
	struct slot_info info;
};

/* Everything counted at one time. */
struct numbers {
	struct listing_node of;       /* --node */
	struct listing_totals totals; /* of that node; of this one without --node */
	struct cluster cluster;
	struct places_figures places[PLACES_POOLS];
	struct figures figures;
	unsigned waiters; /* clients that wait for a place */
	struct process processes[SLOTS_MAX];
	int n;
	unsigned drain_rate; /* of `pollux drain` on this machine; 0: it is in service */
	uint64_t drained;    /* sessions that it has ended */
};

/* Count; `of->of` is set by the caller.  Return 0, or -1 after saying why. */
int numbers_collect(struct cli *c, struct numbers *of);

/* Those of the node that is shown. */
int64_t numbers_open_sessions(const struct listing_totals *t);
/* The other node that is shown instead of this one; NULL: this one is. */
const struct cluster_node *numbers_shown_node(const struct numbers *of);

/* Append them as lines, or as an object in a line. */
void numbers_write_text(struct buf *out, const struct numbers *of);
void numbers_write_json(struct buf *out, const struct numbers *of);

#endif
