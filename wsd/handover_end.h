/* handover_end: one end of a handover: a socket at whose other end a process of a newer version is.
 * The websockets that are given wait in its queue, go over it one after the other, and are closed
 * here once the other process has acknowledged them.
 *
 * An end that has broken keeps what is in its queue: that is to be taken back. */
#ifndef POLLUX_WSD_HANDOVER_END_H
#define POLLUX_WSD_HANDOVER_END_H

#include <sys/queue.h>

#include "shared/base/buf.h"
#include "shared/transport/websocket.h"
#include "wsd/wsd.h"

enum handover_phase {
	HANDOVER_GIVEN, /* in this turn, which is not committed */
	HANDOVER_READY, /* its record is to be written, or is written in part */
	HANDOVER_SENT,
};

struct handover_item {
	TAILQ_ENTRY(handover_item) link;
	struct wsd_conn *c; /* NULL: it is closed */
	enum handover_phase phase;
	struct websocket_state state;
};

TAILQ_HEAD(handover_items, handover_item);

struct handover_end {
	struct ev_loop *loop;
	struct ev_io io;
	struct ev_timer again;       /* runs after the kernel has refused a descriptor */
	struct handover_items items; /* not acknowledged, in the order of giving */
	size_t n;                    /* of them */
	uint64_t taken;              /* acknowledged so far */
	size_t given_n;              /* of these, those whose connection was still open */
	struct buf record;           /* what is left to write of the first that is HANDOVER_READY */
	bool passed;                 /* its descriptor is written */
	unsigned char answer[sizeof(uint64_t)];
	size_t answer_n; /* bytes of it that are here */
	bool broken;
};

/* Begin to read answers from `fd`, which it owns.  `end` is all zero. */
void handover_end_open(struct handover_end *end, struct ev_loop *loop, int fd);

/* Write the records that are HANDOVER_READY, as far as the socket takes them.  It may break. */
void handover_end_pump(struct handover_end *end);

/* Take an item out of the queue and free it; its connection stays. */
void handover_end_drop(struct handover_end *end, struct handover_item *item);

/* Close the socket, unless it has broken before. */
void handover_end_break(struct handover_end *end);

#endif
