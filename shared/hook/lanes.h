/* hook_deliver: what the files share that deliver events; only they include it.
 *
 *	lane      the events of one session, in order; at most one request holds its front
 *	batch     the events of one request: taken from lanes that are ready; INFLIGHT; SETTLING
 *	          while the turn that deletes or postpones their rows is committed; WAITING to be
 *	          sent again
 *
 * Only what orders and counts events is in memory; the texts are read when a request is made.  All
 * of it can be forgotten at any time, and is when another process leads: the rows are the truth. */
#ifndef POLLUX_HOOK_DELIVER_H
#define POLLUX_HOOK_DELIVER_H

#include "shared/hook/internal.h"

#define DELIVER_AGAIN_MS 1000 /* after a turn that could not be committed */

/* An event that no batch has. */
struct item {
	STAILQ_ENTRY(item) next;
	int64_t id, created;
	size_t bytes;
	bool is_sync;
};

struct batch;

struct lane {
	int64_t key;
	STAILQ_HEAD(, item) items;
	struct batch *batch;     /* that has the events before them; NULL: it is ready */
	TAILQ_ENTRY(lane) ready; /* when it has items and no batch */
	UT_hash_handle hh;
};

TAILQ_HEAD(lane_list, lane);

enum batch_state {
	BATCH_INFLIGHT,
	BATCH_SETTLING,
	BATCH_WAITING,
};

struct batch {
	TAILQ_ENTRY(batch) all;
	struct deliver *d;
	enum batch_state state;
	int64_t id; /* of its first event, for ever */
	bool is_sync;
	int attempts; /* that have failed */
	int64_t due;  /* WAITING, and SETTLING if something is left */
	struct hook_call *call;
	struct buf body;
	size_t n;
	struct hook_told told[HOOK_BATCH];
	bool left[HOOK_BATCH]; /* SETTLING: to be sent again */
};

enum breaker {
	BREAKER_CLOSED,
	BREAKER_OPEN,    /* nothing is sent until `probe_at` */
	BREAKER_PROBING, /* one request is */
};

struct deliver {
	struct hook *hook;
	bool leads, draining;
	bool look;  /* there may be new rows */
	bool ours;  /* of this process */
	bool stale; /* a row could not be read: start again from the rows */
	bool off;   /* by a 410 */
	int64_t next_tick, read_up_to;
	char epoch[32];
	struct lane *lanes;                       /* uthash by key */
	struct lane_list ready_sync, ready_queue; /* by the mode of their first event */
	TAILQ_HEAD(, batch) batches;
	size_t inflight;
	int64_t events, bytes; /* rows that are known */
	enum breaker breaker;
	int64_t probe_at, say_at;
	unsigned failures; /* in a row */
};

/* lanes.c */
void lanes_init(struct deliver *d);
/* Read rows that are new. */
void lanes_load(struct deliver *d);
/* Forget all of it, requests under way too. */
void lanes_forget(struct deliver *d);
struct batch *batch_new(struct deliver *d, int64_t id, bool is_sync);
/* No events are left in it. */
void batch_free(struct batch *b);
/* Let go of the lane, which has a batch. */
void lane_release(struct deliver *d, int64_t key);
/* Let go of the lanes of `before` of which the batch has no event any more. */
void batch_release(struct batch *b, const struct hook_told *before, size_t n);

/* batch.c */
/* A request of what is ready on the list, which is not empty; the same request once more. */
void send_new(struct deliver *d, struct lane_list *list);
void send_again(struct batch *b);
/* Keep an event aside that could not be delivered.  0 or -1. */
int send_bury(struct hook *hook, struct hook_told *told, const char *error);

/* deliver.c */
void deliver_done(void *arg, const struct hook_result *result);

#endif
