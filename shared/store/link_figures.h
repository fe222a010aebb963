/* link_figures: what a node counts of itself and tells the others once a second, for those who look
 * at the whole cluster from any of its nodes. */
#ifndef POLLUX_LINK_FIGURES_H
#define POLLUX_LINK_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct slots;

/* What the link is like, as load balancers and people are told. */
enum link_state {
	LINK_STATE_UP,
	LINK_STATE_BEHIND, /* up, but what goes to other nodes or comes from them is late, or Redis
	                    * has not heard of this node for as long */
	LINK_STATE_ALONE,  /* Redis answers, but has no number for this node, or not for its name */
	LINK_STATE_DOWN,   /* Redis does not answer */
	LINK_STATE_ABSENT  /* pollux-linkd does not run */
};

/* Beyond this the link is behind: requests of other nodes' sessions are not waited for longer. */
#define LINK_BEHIND_MS 5000

enum link_state link_figures_state(const struct slots *sl);
/* "up", "behind", "alone", "down", "absent" */
const char *link_figures_state_name(enum link_state state);

struct link_figures {
	int64_t sessions;       /* its own, open or new */
	int64_t received, sent; /* packets of and to clients, a second */
	int64_t queued;         /* rows for other nodes that wait, ... */
	int64_t queued_bytes;   /* ... how large they are, ... */
	int64_t lag_ms;         /* ... and how long the oldest has */
	int64_t behind_ms;      /* how old the last entry was when it was read */
};

/* The last count, which the next one is compared with; zeroed before the first. */
struct link_rates {
	int64_t at_ms;
	uint64_t received, sent; /* since the processes started */
};

/* Count, without asking the database; `now_ms` of CLOCK_MONOTONIC. */
struct link_figures link_figures_count(
    const struct slots *sl, struct link_rates *last, int64_t now_ms);

/* Append them as a JSON object. */
void link_figures_write(struct buf *out, const struct link_figures *f);
/* What is missing, or is no number, is 0. */
struct link_figures link_figures_read(struct slice json);

#endif
