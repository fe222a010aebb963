#include "fcgi/outgoing.h"

#include <errno.h>
#include <sys/socket.h>

#include "fcgi/conn.h"
#include "fcgi/records.h"
#include "fcgi/response.h"

/* A streaming answer is given up when more than this, beyond [limits] queue_bytes, waits for a web
 * server that does not read. */
#define STREAM_BYTES_MAX ((size_t)4 << 20)

/* --- answers -------------------------------------------------------------------------------- */

static void
outgoing_respond(struct exchange *x, const struct response *r)
{
	struct fcgi_conn *c = fcgi_conn_of_exchange(x);

	if (c->state == FCGI_CONN_CLOSED)
		return;
	response_add(&c->out, c->request_id, r, true);
	records_add_end(&c->out, c->request_id);
	c->state = FCGI_CONN_WRITING;
	fcgi_conn_set_dirty(c);
}

static void
outgoing_begin_stream(struct exchange *x, const struct response *r)
{
	struct fcgi_conn *c = fcgi_conn_of_exchange(x);

	if (c->state == FCGI_CONN_CLOSED)
		return;
	response_add(&c->out, c->request_id, r, false);
	c->state = FCGI_CONN_OPEN;
	fcgi_conn_set_dirty(c);
}

static void
outgoing_add_piece(struct exchange *x, struct slice bytes)
{
	struct fcgi_conn *c = fcgi_conn_of_exchange(x);

	if (c->state == FCGI_CONN_CLOSED)
		return;
	records_add_stdout(&c->out, c->request_id, bytes);
	fcgi_conn_set_dirty(c);
}

static void
outgoing_finish_stream(struct exchange *x)
{
	struct fcgi_conn *c = fcgi_conn_of_exchange(x);

	if (c->state == FCGI_CONN_CLOSED)
		return;
	records_add_end(&c->out, c->request_id);
	c->state = FCGI_CONN_WRITING;
	fcgi_conn_set_dirty(c);
}

const struct exchange_ops outgoing_ops = {
    .respond = outgoing_respond,
    .begin = outgoing_begin_stream,
    .piece = outgoing_add_piece,
    .finish = outgoing_finish_stream,
};

/* --- writing -------------------------------------------------------------------------------- */

static void
outgoing_watch(struct fcgi_conn *c, int events)
{
	if (c->io.events == events && ev_is_active(&c->io))
		return;
	ev_io_stop(c->fcgi->loop, &c->io);
	ev_io_set(&c->io, c->io.fd, events);
	ev_io_start(c->fcgi->loop, &c->io);
}

/* Everything that was queued is written. */
static void
finish_writing(struct fcgi_conn *c)
{
	buf_free(&c->out); /* idle connections and quiet streams hold no memory */
	c->written = 0;
	fcgi_conn_clear_deadline(c);
	if (c->state == FCGI_CONN_OPEN) { /* the stream goes on */
		outgoing_watch(c, EV_READ);
		return;
	}
	/* at once after the last byte, so that the web server sees both together: else it might
	 * send the next request here, and would not repeat a POST */
	if (c->fcgi->leaving)
		shutdown(c->io.fd, SHUT_WR);
	/* sent only now that the kernel has all of it: until then the messages could be kept */
	fcgi_conn_tell_fate(c, EXCHANGE_SENT);
	if (!c->keep || c->fcgi->leaving) {
		fcgi_conn_close(c);
		return;
	}
	fcgi_conn_begin_idle(c);
	outgoing_watch(c, EV_READ);
}

/* Whether the web server sent an abort, or closed the connection. */
static bool
was_aborted(const struct fcgi_conn *c)
{
	char byte;

	return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* The kernel takes no more now.  A slow peer of a stream may take it in small pieces, and each
 * gives it new time. */
static void
wait_to_write(struct fcgi_conn *c, bool progress)
{
	if (progress || !c->timed)
		fcgi_conn_set_deadline(c, c->fcgi->cfg->send_timeout_ms);
	/* not after every write: that would move a large answer once for each piece */
	if (c->written > c->out.n / 2) {
		buf_consume(&c->out, c->written);
		c->written = 0;
	}
	outgoing_watch(c, EV_READ | EV_WRITE);
}

/* Return 0, or -1 when the connection is broken. */
static int
send_queued(struct fcgi_conn *c)
{
	while (c->written < c->out.n) {
		ssize_t n = send(c->io.fd, c->out.p + c->written, c->out.n - c->written,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			c->written += (size_t)n;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return -1;
	}
	return 0;
}

static void
write_out(struct fcgi_conn *c)
{
	size_t before = c->written;

	/* The web server may have aborted the request meanwhile: keep its messages for the next
	 * poll.  Not once a part is written: then they count as sent, or as failed. */
	if (c->written == 0 && c->x.on_fate != NULL && was_aborted(c)) {
		fcgi_conn_close_unanswered(c, EXCHANGE_FAILED);
		return;
	}
	/* out of memory, or a peer that does not read a stream */
	if (c->out.failed || c->out.n - c->written > STREAM_BYTES_MAX + c->fcgi->cfg->queue_bytes) {
		fcgi_conn_close_unanswered(c, EXCHANGE_FAILED);
		return;
	}
	if (send_queued(c) == -1)
		fcgi_conn_close_unanswered(c, EXCHANGE_FAILED);
	else if (c->written < c->out.n)
		wait_to_write(c, c->written > before);
	else
		finish_writing(c);
}

void
outgoing_flush(struct fcgi_conn *c)
{
	if (c->state == FCGI_CONN_WRITING || c->state == FCGI_CONN_OPEN)
		write_out(c);
	/* dirty again: writing closed it just now, and the stack holds it once more; parked: the
	 * transport still has it */
	if (c->state == FCGI_CONN_CLOSED && !c->dirty && !c->parked)
		fcgi_conn_free(c);
}
