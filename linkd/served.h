/* served: one request of another node, and the exchange that the transports answer; for serve.c. */
#ifndef POLLUX_LINKD_SERVED_H
#define POLLUX_LINKD_SERVED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uthash.h>

#include "linkd/linkd.h"
#include "linkd/replies.h"
#include "shared/transport/copied.h"

enum served_state {
	SERVED_HELD, /* the transport has it */
	SERVED_OPEN, /* its answer has begun */
	SERVED_KEPT, /* answered; its fate is not told yet */
	SERVED_OVER, /* nobody has it any more: freed at the end of the turn */
};

struct served {
	struct copied request; /* open until it is answered or held */
	bool has_request;
	struct linkd *l;
	struct far_asker from;
	enum served_state state;
	bool is_new;               /* its frame came in this turn */
	bool is_broken;            /* there was no memory for a part of its answer */
	int64_t until;             /* while KEPT, ms */
	TAILQ_ENTRY(served) link;  /* in the list of its state, but HELD and OPEN */
	LIST_ENTRY(served) by_age; /* in serve->fresh while `is_new` */
	UT_hash_handle hh;         /* by `from`, unless OVER */
};

TAILQ_HEAD(served_queue, served);
LIST_HEAD(served_list, served);

struct serve {
	struct served *table;           /* uthash */
	struct served_queue kept, over; /* those kept wait equally long */
	struct served_list fresh;
	bool some_broken;
};

/* Its `request` is open.  It is held, under the name that the other node has given it. */
void served_add(struct served *s);
/* Free what is over. */
void served_free_over(struct serve *sv);

/* Take it out of the list of its state, to put it into another one. */
void served_leave(struct served *s);
/* Its request is not needed any more. */
void served_drop_request(struct served *s);
/* Tell the transport, if it wants to know, and end. */
void served_tell_fate(struct served *s, enum exchange_fate fate);

#endif
