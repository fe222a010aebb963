/* outqueue: what waits to be written to one connection: references to messages, each written as
 * the bytes from its head to the end of its text.
 *
 * Exists only while something waits, a NULL pointer is an empty queue. */
#ifndef POLLUX_WSD_OUTQUEUE_H
#define POLLUX_WSD_OUTQUEUE_H

#include "shared/hub/message.h"

struct outqueue;

/* Bytes that are no packet (an HTTP answer, control frames) as a message: the first byte stands
 * in its head, so that it is written like any framed one.  NULL: no bytes, or out of memory. */
struct message *outqueue_raw(struct slice bytes);

/* Add a framed message; takes over the reference, on failure too.  Return 0, or -1 when out of
 * memory. */
int outqueue_add(struct outqueue **q, struct message *m);

/* Messages and bytes that wait. */
size_t outqueue_count(const struct outqueue *q);
size_t outqueue_bytes(const struct outqueue *q);

/* Drop all but the first `n` messages, none of which is written in part. */
void outqueue_cut(struct outqueue **q, size_t n);

enum outqueue_state {
	OUTQUEUE_EMPTY,  /* all is written, the queue is gone */
	OUTQUEUE_FULL,   /* the kernel takes no more now */
	OUTQUEUE_FAILED, /* the connection is broken; errno */
};

/* Write as much as the kernel takes; add the number of bytes to `*written`. */
enum outqueue_state outqueue_write(struct outqueue **q, int fd, size_t *written);

/* Say one thing on a descriptor that gets no connection; if it cannot be said at once, then not.
 * Takes over the reference; NULL is allowed. */
void outqueue_write_once(int fd, struct message *m);

void outqueue_free(struct outqueue **q);

#endif
