/* liveness: which other nodes live, from what they write about themselves.  Pure: no clock of
 * another machine counts, and the own one only while Redis answers.
 *
 *	UNSURE -- its text changes -> ALIVE -- no change for the timeout -> DYING -> settle -> GONE
 *	   \-- no change for the timeout, it is from before ----------------^          |
 *	                                   ^------------- its text changes ------------/
 */
#ifndef POLLUX_LINKD_LIVENESS_H
#define POLLUX_LINKD_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "linkd/node_text.h"

/* However short the timeout is, a node is not dead before it was read so often unchanged. */
#define LIVENESS_READS 3
/* The most that counts of the time between two reads: when it was longer, Redis did not answer, or
 * we did not run. */
#define LIVENESS_STEP_MS 2000

enum liveness_event {
	LIVENESS_UP,        /* a node lives */
	LIVENESS_RESTARTED, /* another incarnation of it, or another database */
	LIVENESS_REPLACED,  /* its number is another node's now: it is dead, liveness_settle() it */
	LIVENESS_DYING,     /* told at each read until liveness_settle() */
};

/* `t` is what the node has said last; for LIVENESS_REPLACED, of the one that is dead. */
typedef void liveness_on(
    void *arg, enum liveness_event event, int number, const struct node_text *t);

struct liveness;

/* NULL: no memory. */
struct liveness *liveness_new(int64_t timeout_ms, liveness_on *on, void *arg);
void liveness_free(struct liveness *lv);

/* One reading of all nodes but our own: begin, each, end, which tells what has changed.  `now_ms`
 * of CLOCK_MONOTONIC.  liveness_put() returns 0, or -1: no memory. */
void liveness_begin(struct liveness *lv, int64_t now_ms);
int liveness_put(struct liveness *lv, int number, const struct node_text *t);
void liveness_end(struct liveness *lv);

/* Before the first reading: it lived when we last ran; or our number is this now. */
int liveness_expect(struct liveness *lv, int number);
void liveness_forget(struct liveness *lv, int number);

/* The end of a dying or replaced node is done with. */
void liveness_settle(struct liveness *lv, int number);

/* Whether LIVENESS_DYING was told of it last. */
bool liveness_is_dying(const struct liveness *lv, int number);

/* Whether it is known to live; and what it has said last, NULL: nothing. */
bool liveness_is_alive(const struct liveness *lv, int number);
const struct node_text *liveness_text(const struct liveness *lv, int number);

#endif
