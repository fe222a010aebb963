#include "wsd/handover_end.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/passed.h"
#include "wsd/conn.h"
#include "wsd/dialect.h"
#include "wsd/handover_record.h"
#include "wsd/outqueue.h"

/* Until descriptors are tried again that the kernel did not take: what it counts may be other
 * programs' of the same user, and nobody tells us when those have arrived. */
#define AGAIN_S 0.05

void
handover_end_drop(struct handover_end *end, struct handover_item *item)
{
	TAILQ_REMOVE(&end->items, item, link);
	end->n--;
	if (item->c != NULL)
		item->c->given = NULL;
	free(item);
}

void
handover_end_break(struct handover_end *end)
{
	if (end->broken)
		return;
	end->broken = true;
	ev_io_stop(end->loop, &end->io);
	ev_timer_stop(end->loop, &end->again);
	close(end->io.fd);
	buf_free(&end->record);
}

static void
watch_end(struct handover_end *end, bool full)
{
	struct ev_loop *loop = end->loop;
	int events = EV_READ | (full ? EV_WRITE : 0);

	if (end->broken || end->io.events == events)
		return;
	ev_io_stop(loop, &end->io);
	ev_io_modify(&end->io, events);
	ev_io_start(loop, &end->io);
}

static struct handover_item *
first_ready(const struct handover_end *end)
{
	struct handover_item *item = TAILQ_FIRST(&end->items);

	while (item != NULL && item->phase == HANDOVER_SENT)
		item = TAILQ_NEXT(item, link);
	return item != NULL && item->phase == HANDOVER_READY ? item : NULL;
}

static void
write_record(struct handover_end *end, const struct handover_item *item)
{
	const struct wsd_conn *c = item->c;
	struct handover_record r = {.dialect = c->dialect->number, .state = item->state};
	struct buf out;

	buf_init(&out, HANDOVER_RECORD_MOST);
	outqueue_copy(c->out, &out);
	if (c->partial != NULL)
		r.in = buf_slice(&c->partial->bytes);
	r.out = buf_slice(&out);
	buf_clear(&end->record);
	handover_record_write(&end->record, &r);
	end->record.failed |= out.failed;
	buf_free(&out);
	end->passed = false;
}

/* Write a part of the record, the first with the descriptor.  As send(). */
static ssize_t
send_part(struct handover_end *end, const struct handover_item *item)
{
	/* once it is passed the connection may be gone */
	int fd = end->passed ? -1 : item->c->io.fd;

	return passed_send(end->io.fd, end->record.p, end->record.n, &fd, end->passed ? 0 : 1);
}

static void
on_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	/* it only wakes the loop: every turn pumps the ends */
}

static void
try_again_later(struct handover_end *end)
{
	if (ev_is_active(&end->again))
		return;
	ev_timer_set(&end->again, AGAIN_S, 0.);
	ev_timer_start(end->loop, &end->again);
}

void
handover_end_pump(struct handover_end *end)
{
	struct handover_item *item;
	bool full = false;
	ssize_t n;

	while (!end->broken && !full && (item = first_ready(end)) != NULL) {
		/* one that was closed before anything of it was written */
		if (item->c == NULL && (end->record.n == 0 || !end->passed)) {
			buf_clear(&end->record);
			handover_end_drop(end, item);
			continue;
		}
		if (end->record.n == 0)
			write_record(end, item);
		if (end->record.failed) {
			handover_end_break(end);
			break;
		}
		n = send_part(end, item);
		if (n > 0) {
			end->passed = true;
			buf_consume(&end->record, (size_t)n);
			if (end->record.n == 0)
				item->phase = HANDOVER_SENT;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
			full = true;
		} else if (errno == ETOOMANYREFS) {
			try_again_later(end);
			break;
		} else {
			handover_end_break(end);
		}
	}
	watch_end(end, full);
}

/* The other process has taken `taken` in all: they are its own from now on. */
static void
settle_taken(struct handover_end *end, uint64_t taken)
{
	struct handover_item *item;

	while (end->taken < taken) {
		struct wsd_conn *c;

		item = TAILQ_FIRST(&end->items);
		if (item == NULL || item->phase != HANDOVER_SENT) {
			log_errx("handover: the other process has taken what it was not given");
			handover_end_break(end);
			return;
		}
		end->taken++;
		c = item->c;
		handover_end_drop(end, item);
		end->given_n += c != NULL;
		if (c != NULL)
			wsd_conn_close(c, "handed over");
	}
}

static void
read_answers(struct handover_end *end)
{
	uint64_t taken;

	while (!end->broken) {
		ssize_t n = recv(end->io.fd, end->answer + end->answer_n,
		    sizeof(end->answer) - end->answer_n, MSG_DONTWAIT);

		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return;
		if (n <= 0) {
			handover_end_break(end);
			return;
		}
		end->answer_n += (size_t)n;
		if (end->answer_n < sizeof(end->answer))
			continue;
		end->answer_n = 0;
		memcpy(&taken, end->answer, sizeof(taken));
		settle_taken(end, taken);
	}
}

static void
on_end(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct handover_end *end = io->data;

	(void)loop;
	if (events & EV_READ)
		read_answers(end);
	handover_end_pump(end);
}

void
handover_end_open(struct handover_end *end, struct ev_loop *loop, int fd)
{
	end->loop = loop;
	TAILQ_INIT(&end->items);
	buf_init(&end->record, HANDOVER_RECORD_HEAD + HANDOVER_RECORD_MOST);
	ev_io_init(&end->io, on_end, fd, EV_READ);
	end->io.data = end;
	ev_timer_init(&end->again, on_again, AGAIN_S, 0.);
	ev_io_start(loop, &end->io);
}
