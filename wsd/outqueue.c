#include "wsd/outqueue.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define FRAMES_PER_WRITE 64
#define SMALLEST         4 /* a power of two, as every capacity */

struct outqueue {
	size_t *memory; /* of all queues, in bytes */
	size_t bytes;   /* of all, less what is written of the first */
	size_t sent;    /* of the first */
	size_t head;    /* index of the first */
	size_t n;
	size_t cap;
	struct message *ring[];
};

static struct message *
outqueue_at(const struct outqueue *q, size_t i)
{
	return q->ring[(q->head + i) & (q->cap - 1)];
}

/* What it takes; no more for a message that is in several queues. */
static size_t
memory_of_message(const struct message *m)
{
	return sizeof(*m) + m->n;
}

static size_t
memory_of_queue(const struct outqueue *q)
{
	return sizeof(*q) + q->cap * sizeof(q->ring[0]);
}

/* It has left the queue. */
static void
release_queued(struct outqueue *q, struct message *m)
{
	if (--m->queued == 0)
		*q->memory -= memory_of_message(m);
	message_release(m);
}

static size_t
written_length(const struct message *m)
{
	return (size_t)m->head_n + m->n;
}

struct message *
outqueue_raw(struct slice bytes)
{
	struct message *m;

	if (bytes.n == 0)
		return NULL;
	m = message_new(slice_skip(bytes, 1));
	if (m == NULL)
		return NULL;
	/* a message with head_n 0 counts as not framed yet */
	m->head[MESSAGE_HEADROOM - 1] = (unsigned char)bytes.p[0];
	m->head_n = 1;
	return m;
}

/* Double the capacity, and move the messages to its front. */
static int
outqueue_grow(struct outqueue **qp, size_t *memory)
{
	struct outqueue *q = *qp;
	size_t cap = q == NULL ? SMALLEST : 2 * q->cap;
	struct outqueue *wide = malloc(sizeof(*wide) + cap * sizeof(wide->ring[0]));

	if (wide == NULL)
		return -1;
	*wide = (struct outqueue){.memory = memory, .cap = cap};
	*memory += memory_of_queue(wide);
	if (q != NULL) {
		*memory -= memory_of_queue(q);
		wide->bytes = q->bytes;
		wide->sent = q->sent;
		wide->n = q->n;
		for (size_t i = 0; i < q->n; i++)
			wide->ring[i] = outqueue_at(q, i);
		free(q);
	}
	*qp = wide;
	return 0;
}

int
outqueue_add(struct outqueue **qp, struct message *m, size_t *memory)
{
	struct outqueue *q = *qp;

	if ((q == NULL || q->n == q->cap) && outqueue_grow(qp, memory) == -1) {
		message_release(m);
		return -1;
	}
	q = *qp;
	q->ring[(q->head + q->n) & (q->cap - 1)] = m;
	q->n++;
	q->bytes += written_length(m);
	if (m->queued++ == 0)
		*memory += memory_of_message(m);
	return 0;
}

size_t
outqueue_count(const struct outqueue *q)
{
	return q == NULL ? 0 : q->n;
}

size_t
outqueue_bytes(const struct outqueue *q)
{
	return q == NULL ? 0 : q->bytes;
}

void
outqueue_copy(const struct outqueue *q, struct buf *out)
{
	for (size_t i = 0; q != NULL && i < q->n; i++) {
		struct message *m = outqueue_at(q, i);

		/* the first may be written in part */
		buf_add_slice(out, slice_skip(message_frame(m), i == 0 ? q->sent : 0));
	}
}

void
outqueue_cut(struct outqueue **qp, size_t n)
{
	struct outqueue *q = *qp;

	if (q == NULL)
		return;
	while (q->n > n) {
		struct message *last = outqueue_at(q, --q->n);

		q->bytes -= written_length(last);
		release_queued(q, last);
	}
	if (q->n == 0)
		outqueue_free(qp);
}

size_t
outqueue_take_back(
    struct outqueue **qp, bool (*undone)(const void *arg, const struct message *m), const void *arg)
{
	struct outqueue *q = *qp;
	size_t all = outqueue_count(q), kept = 0, in_front = all;

	for (size_t i = 0; i < all; i++) {
		struct message *m = outqueue_at(q, i);

		if (!undone(arg, m)) {
			q->ring[(q->head + kept++) & (q->cap - 1)] = m;
			continue;
		}
		if (in_front == all)
			in_front = kept;
		q->bytes -= written_length(m);
		release_queued(q, m);
	}
	if (q != NULL)
		q->n = kept;
	if (kept == 0)
		outqueue_free(qp);
	return in_front;
}

/* `n` more bytes are written: release the messages that are written whole. */
static void
outqueue_consume(struct outqueue *q, size_t n)
{
	q->bytes -= n;
	n += q->sent;
	while (q->n > 0 && n >= written_length(outqueue_at(q, 0))) {
		n -= written_length(outqueue_at(q, 0));
		release_queued(q, outqueue_at(q, 0));
		q->head = (q->head + 1) & (q->cap - 1);
		q->n--;
	}
	q->sent = n;
}

static ssize_t
write_plainly(void *to, const struct iovec *iov, int n)
{
	const int *fd = to;

	/* mostly one, and writev() takes longer through the kernel */
	return n == 1 ? send(*fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL)
	              : writev(*fd, iov, n);
}

enum outqueue_state
outqueue_write_to(struct outqueue **qp, outqueue_writer *writer, void *to, size_t *written)
{
	struct outqueue *q = *qp;

	while (q != NULL && q->n > 0) {
		struct iovec iov[FRAMES_PER_WRITE];
		size_t want = 0;
		int k;
		ssize_t n;

		for (k = 0; k < FRAMES_PER_WRITE && (size_t)k < q->n; k++) {
			struct message *m = outqueue_at(q, (size_t)k);
			/* the first may be written in part */
			size_t skip = k == 0 ? q->sent : 0;

			iov[k].iov_base = m->head + MESSAGE_HEADROOM - m->head_n + skip;
			iov[k].iov_len = written_length(m) - skip;
			want += iov[k].iov_len;
		}
		n = writer(to, iov, k);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK ? OUTQUEUE_FULL
			                                               : OUTQUEUE_FAILED;
		*written += (size_t)n;
		outqueue_consume(q, (size_t)n);
		/* the socket's buffer is full: another call would only fail with EAGAIN */
		if ((size_t)n < want)
			return OUTQUEUE_FULL;
	}
	outqueue_free(qp);
	return OUTQUEUE_EMPTY;
}

enum outqueue_state
outqueue_write(struct outqueue **qp, int fd, size_t *written)
{
	return outqueue_write_to(qp, write_plainly, &fd, written);
}

void
outqueue_write_once(int fd, struct message *m)
{
	struct outqueue *q = NULL;
	size_t written = 0, memory = 0;

	if (m == NULL || outqueue_add(&q, m, &memory) == -1)
		return;
	(void)outqueue_write(&q, fd, &written);
	outqueue_free(&q);
}

void
outqueue_free(struct outqueue **qp)
{
	struct outqueue *q = *qp;

	*qp = NULL;
	if (q == NULL)
		return;
	for (size_t i = 0; i < q->n; i++)
		release_queued(q, outqueue_at(q, i));
	*q->memory -= memory_of_queue(q);
	free(q);
}
