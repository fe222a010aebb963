/* relayed: a request that waits for another node, and what that node is to be told of it.  For the
 * files relay*.c only.
 *
 *	GET, POST -> LOCATING -- it has moved here, or is nowhere --> HERE: a copy is served
 *	                      -- it is at N --> FORWARDED -- ANSWER --> ANSWERED
 *	                                          -- BEGIN, PIECE .. --> STREAMING
 *	STREAMING -- FINISH --> ANSWERED
 *	upgrade   -> LOCATING -- FOUND --> JUDGED -- the program asks again --> WEBSOCKET
 *	any       -- its client leaves, or does not get the answer --> LEFT, until its home is told
 *
 * A name says whom it was asked: the last 12 bits of an id are the number of that node.  So an
 * answer for a request that is not known any more can be sent back. */
#ifndef POLLUX_RELAYED_H
#define POLLUX_RELAYED_H

#include <sys/queue.h>

#include <uthash.h>

#include "shared/link/frame.h"
#include "shared/transport/copied.h"
#include "shared/transport/internal.h"
#include "shared/transport/relay.h"

enum relayed_state {
	RELAYED_LOCATING,
	RELAYED_FORWARDED,
	RELAYED_STREAMING,
	RELAYED_ANSWERED,
	RELAYED_HERE,
	RELAYED_JUDGED,
	RELAYED_WEBSOCKET,
	RELAYED_LEFT,
};

/* What is to be done for it as soon as the store can be had. */
enum relayed_task {
	RELAYED_NOTHING,
	RELAYED_LOCATE,
	RELAYED_FORWARD,
	RELAYED_SERVE_HERE,
	RELAYED_SAY_GONE,
	RELAYED_SAY_UNDELIVERED,
	RELAYED_SAY_CLOSED, /* with `reason` */
};

struct relayed {
	struct server *sv;
	struct exchange *x;   /* of the client; NULL: it has left, or is a websocket */
	struct websocket *ws; /* of the client, while WEBSOCKET */
	struct copied copy;   /* its bytes until it is answered */
	bool has_copy;
	enum relayed_state state;
	enum relayed_task task;
	int64_t id;      /* its name for the node that was asked; 0: none yet */
	int node;        /* that has it, or is to be asked */
	int64_t limit;   /* when a poll has waited for too long, ms */
	bool link_down;  /* pollux-linkd could not reach Redis lately */
	bool is_upgrade; /* to a websocket */
	bool is_get;     /* a poll or a stream */
	bool is_streaming;
	bool ends_session;
	bool or_busy;                      /* if it cannot be said to be done, it is answered 503 */
	const struct transport *transport; /* NULL: of none */
	unsigned index;                    /* of the script's callback */
	const char *reason;                /* static */
	int64_t deadline;
	struct relayed_queue *queue; /* that `link` is in; NULL: none */
	TAILQ_ENTRY(relayed) link, todo;
	LIST_ENTRY(relayed) all, unsettled;
	bool is_planned, is_unsettled;
	UT_hash_handle hh; /* by id, if that is not 0 */
};

TAILQ_HEAD(relayed_queue, relayed);
LIST_HEAD(relayed_list, relayed);

struct relay {
	struct relayed *table; /* uthash */
	struct relayed_list all;
	struct relayed_list unsettled; /* something was said of them in this turn */
	struct relayed_queue todo;     /* those with a task */
	struct relayed_queue brief;    /* by deadline: an answer is due */
	struct relayed_queue quiet;    /* by deadline: a sign of life is due */
	size_t n, bytes;               /* in all; of copies */
	int64_t last_name;
	int64_t retry_at; /* tasks wait until then, ms */
	/* Until then answers may come for the process that had this slot before, ms; 0: not known
	 * yet, INT64_MAX: it is over. */
	int64_t heir_until;
};

/* The longest silence of the home of a stream or a websocket: it sends heartbeats. */
static inline int64_t
relayed_quiet_ms(const struct server *sv)
{
	return sv->cfg->heartbeat_interval_ms + sv->cfg->heartbeat_timeout_ms;
}

/* 0, or -1: out of memory, or of randomness. */
int relayed_open(struct server *sv);
void relayed_close(struct server *sv);

/* Hold an exchange, copied: its on_fate is set by the caller.  NULL: too many wait, which is
 * logged, or out of memory. */
struct relayed *relayed_new(struct server *sv, struct exchange *x, const struct route *route);
void relayed_free(struct relayed *r);
/* It is answered, or served: only its answer's way is needed. */
void relayed_drop_copy(struct relayed *r);

/* The request that is called so by the node that was asked; NULL: it is over. */
struct relayed *relayed_find(const struct server *sv, int64_t id);
/* Give it a new name, to ask r->node. */
void relayed_name(struct relayed *r);

/* Put it at the end of a queue whose members all wait equally long. */
void relayed_wait(struct relayed *r, struct relayed_queue *queue, int64_t ms);
void relayed_stop_waiting(struct relayed *r);

/* Have its task done, in this turn if the store can be had. */
void relayed_plan(struct relayed *r, enum relayed_task task);
void relayed_unplan(struct relayed *r);

/* Tell r->node something of it. */
void relayed_tell(struct relayed *r, enum link_kind kind, int64_t number, struct slice text);

/* Nobody here waits for it any more; its home is told so by the task. */
void relayed_leave(struct relayed *r, enum relayed_task task);
/* The same; there is nothing to tell.  It is freed when the turn is over. */
void relayed_end(struct relayed *r);
/* Have another node told this of the request of this id, which is not known any more, or goes on
 * without its home. */
void relayed_disown(struct server *sv, int64_t id, enum relayed_task task);

/* --- relay.c -------------------------------------------------------------------------------- */

#define RELAY_ANSWER_MS 5000 /* in which an answer comes, unless it is a poll's */

/* Exchange.on_fate of every exchange that is held; `holder` is the struct relayed. */
void relay_on_fate(struct exchange *x, enum exchange_fate fate, void *holder);
/* Do its task.  The store can be had. */
void relay_perform(struct relayed *r);
/* Nobody could be asked, or nobody has answered: it gets what is said of an unknown session. */
void relay_fail(struct relayed *r);
/* It was found out where the session of an upgrade is: r->node, LINK_NOBODY for nowhere. */
void relay_judge_again(struct relayed *r);
/* Answer it 503. */
void relay_answer_busy(struct relayed *r);
/* Answer it as done: its home has it, or will have it, and takes each once. */
void relay_answer_taken(struct relayed *r);
/* End the stream with this packet, and tell its home. */
void relay_end_stream(struct relayed *r, struct slice packet);

/* --- relay_websocket.c ---------------------------------------------------------------------- */

void relay_websocket_heard(struct relayed *r, unsigned char kind, const struct link_signal *s);
/* Close the client's connection, and tell the home of its session why: `told`, which is static.
 * With code 1000 the client is told before that its session is unknown. */
void relay_websocket_end(struct relayed *r, int code, const char *reason, const char *told);

#endif
