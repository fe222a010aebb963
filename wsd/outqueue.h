/* outqueue: the messages that wait to be written to one connection, by reference.  Of each the
 * bytes from its head to the end of its text are written.
 *
 * Exists only while something waits; a NULL pointer is an empty queue. */
#ifndef POLLUX_WSD_OUTQUEUE_H
#define POLLUX_WSD_OUTQUEUE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "shared/base/buf.h"
#include "shared/hub/message.h"

struct outqueue;

/* Bytes that are not a packet (an HTTP answer, control frames) as a message: their first byte
 * becomes its head, so that it is written like a framed one.  NULL: no bytes, or out of memory. */
struct message *outqueue_raw(struct slice bytes);

/* Add a framed message; takes over the reference, on failure too.  `*memory` counts the bytes that
 * this queue and others take: a message that waits in several counts once.  It is kept from the
 * first message of a queue on, and must be the same for all queues that share messages.  Return 0,
 * or -1 when out of memory. */
int outqueue_add(struct outqueue **q, struct message *m, size_t *memory);

/* Messages and bytes that wait. */
size_t outqueue_count(const struct outqueue *q);
size_t outqueue_bytes(const struct outqueue *q);

/* Append what waits as the bytes that are to be written. */
void outqueue_copy(const struct outqueue *q, struct buf *out);

/* Drop all but the first `n` messages.  No part of the others may be written yet. */
void outqueue_cut(struct outqueue **q, size_t n);

/* Drop the messages of which `undone` is true; none of them may be written in part yet.  Return how
 * many stay in front of the first of them, or of the end if there is none. */
size_t outqueue_take_back(
    struct outqueue **q, bool (*undone)(const void *arg, const struct message *m), const void *arg);

enum outqueue_state {
	OUTQUEUE_EMPTY,  /* all is written, the queue is gone */
	OUTQUEUE_FULL,   /* the kernel takes no more now */
	OUTQUEUE_FAILED, /* the connection is broken; errno */
};

/* Write as much as the kernel takes; add the number of bytes to `*written`. */
enum outqueue_state outqueue_write(struct outqueue **q, int fd, size_t *written);

/* The same by a function that is called as writev(), with `to`.  After EAGAIN, or when it has not
 * taken all, the next call begins with the bytes that were left, and maybe has more. */
typedef ssize_t outqueue_writer(void *to, const struct iovec *iov, int n);
enum outqueue_state outqueue_write_to(
    struct outqueue **q, outqueue_writer *writer, void *to, size_t *written);

/* Write one message on a descriptor that gets no connection, as far as the kernel takes it at once.
 * Takes over the reference; NULL is allowed. */
void outqueue_write_once(int fd, struct message *m);

void outqueue_free(struct outqueue **q);

#endif
