/* lanes: the events of the queue that the leader has in memory.
 *
 *	lane      the events of one session, in order; at most one request holds its front
 *	batch     the events of one request: taken from lanes that are ready; INFLIGHT; SETTLING
 *	          while the turn that deletes or postpones their rows is committed; WAITING to be
 *	          sent again
 *
 * When a request has failed, any of its events may be the cause: they go back to their lanes, and
 * each is sent alone.
 *
 * Only what orders and counts events is in memory; the texts are read when a request is made.  All
 * of it can be forgotten at any time, and is when another process leads: the rows are the truth. */
#ifndef POLLUX_HOOK_LANES_H
#define POLLUX_HOOK_LANES_H

#include "shared/hook/internal.h"

/* An event that no batch has. */
struct queued_event {
	STAILQ_ENTRY(queued_event) next;
	int64_t id, created;
	size_t bytes;
	int attempts;  /* that have failed */
	bool is_sync;  /* a client waits for the answer */
	bool is_alone; /* shares its request with no other */
};

struct lane {
	int64_t key; /* of the session */
	STAILQ_HEAD(, queued_event) events;
	struct batch *batch;     /* holds the events before them; NULL: the lane is ready */
	TAILQ_ENTRY(lane) ready; /* while it has events and no batch */
	UT_hash_handle hh;
};

TAILQ_HEAD(lane_list, lane);

enum batch_state {
	BATCH_INFLIGHT,
	BATCH_SETTLING,
	BATCH_WAITING,
};

/* SETTLING: what becomes of an event. */
enum batch_fate {
	BATCH_GONE,  /* its row is deleted */
	BATCH_AGAIN, /* it is sent again in this batch */
	BATCH_APART, /* it is sent again alone */
};

struct batch {
	TAILQ_ENTRY(batch) all;
	struct lanes *lanes;
	enum batch_state state;
	int64_t id; /* of its first event, even when that is gone; negative: of the one event that
	             * is sent alone because a request with others has failed */
	bool is_sync;
	int attempts;    /* that have failed */
	int failed;      /* those of which the only event was the cause */
	int64_t handled; /* requests that the hook had handled when this one was sent first, or
	                  * failed last; -1: it was not sent yet */
	int64_t sent_at; /* INFLIGHT */
	int64_t due;     /* WAITING, and SETTLING if something is sent again */
	struct hook_call *call;
	struct buf body;
	int64_t takes_us; /* that its events are thought to take */
	size_t n;
	struct hook_sent sent[HOOK_BATCH];
	enum batch_fate fate[HOOK_BATCH];
};

struct lanes {
	struct hook *hook;
	struct pace pace;    /* of the hook; kept when the lanes are forgotten */
	struct lane *by_key; /* uthash */
	struct lane_list ready_sync, ready_queue; /* by the kind of their first event */
	TAILQ_HEAD(, batch) batches;
	int64_t events, bytes; /* of all rows that are known */
	int64_t read_up_to;    /* the last row that is known */
	bool rescan;           /* there may be new rows */
	bool stale;            /* send no more, start again from the rows */
	int64_t stale_until;   /* not before; a store that fails is not asked at once again */
};

void lanes_init(struct lanes *l, struct hook *hook);

/* Read rows that are new.  0, or -1: what is in memory is wrong now; call lanes_forget(). */
int lanes_load(struct lanes *l);

/* Forget all of it and cancel the requests in flight; the next lanes_load() starts anew. */
void lanes_forget(struct lanes *l);

/* A new batch without events.  NULL: no memory. */
struct batch *lanes_new_batch(struct lanes *l, int64_t id, bool is_sync);
/* Free a batch without events. */
void lanes_free_batch(struct batch *b);

/* Put an event of the batch back to the front of its lane, to be sent alone.  0, or -1: no memory.
 */
int lanes_put_back(struct batch *b, const struct hook_sent *sent);

/* The batch lets go of the lane of this session; it becomes ready, or is freed without events. */
void lanes_release(struct lanes *l, int64_t key);
/* The same for the lanes of `before` of which the batch has no event any more. */
void lanes_release_batch(struct batch *b, const struct hook_sent *before, size_t n);

#endif
