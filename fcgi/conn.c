#include "fcgi/conn.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/records.h"
#include "fcgi/response.h"
#include "fcgi/turn.h"

/* A connection that has had no request for this long can be given up for another: a web server that
 * is about to send one is faster. */
#define SILENT_MS 1000

/* --- lists ---------------------------------------------------------------------------------- */

void
fcgi_conn_set_dirty(struct fcgi_conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	SLIST_INSERT_HEAD(&c->fcgi->dirty, c, next_dirty);
}

void
fcgi_conn_clear_deadline(struct fcgi_conn *c)
{
	if (c->timed)
		TAILQ_REMOVE(&c->fcgi->timed, c, by_deadline);
	c->timed = false;
}

/* The list holds slow peers only: it is too short to be worth sorting. */
void
fcgi_conn_set_deadline(struct fcgi_conn *c, int64_t after_ms)
{
	fcgi_conn_clear_deadline(c);
	c->timed = true;
	c->deadline = c->fcgi->now + after_ms;
	TAILQ_INSERT_TAIL(&c->fcgi->timed, c, by_deadline);
}

void
fcgi_conn_park(struct fcgi_conn *c)
{
	if (!c->parked)
		c->fcgi->parked_n++;
	else
		TAILQ_REMOVE(&c->fcgi->parked, c, by_parking);
	TAILQ_INSERT_TAIL(&c->fcgi->parked, c, by_parking);
	c->parked = true;
}

void
fcgi_conn_unpark(struct fcgi_conn *c)
{
	if (!c->parked)
		return;
	TAILQ_REMOVE(&c->fcgi->parked, c, by_parking);
	c->fcgi->parked_n--;
	c->parked = false;
}

void
fcgi_conn_begin_idle(struct fcgi_conn *c)
{
	c->state = FCGI_CONN_IDLE;
	c->idle_since = c->fcgi->now;
	TAILQ_INSERT_TAIL(&c->fcgi->idle, c, next_idle);
}

void
fcgi_conn_end_idle(struct fcgi_conn *c)
{
	if (c->state == FCGI_CONN_IDLE)
		TAILQ_REMOVE(&c->fcgi->idle, c, next_idle);
}

/* --- the beginning and the end -------------------------------------------------------------- */

void
fcgi_conn_open(struct fcgi *f, int fd, fcgi_conn_io *on_io)
{
	struct fcgi_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->fcgi = f;
	c->out.ceiling = BUF_CEILING;
	/* no deadline while it is idle: web servers keep connections for the next request */
	ev_io_init(&c->io, on_io, fd, EV_READ);
	c->io.data = c;
	ev_io_start(f->loop, &c->io);
	LIST_INSERT_HEAD(&f->conns, c, all);
	f->conns_n++;
	fcgi_conn_begin_idle(c);
}

void
fcgi_conn_tell_fate(struct fcgi_conn *c, enum exchange_fate fate)
{
	void (*on_fate)(struct exchange *, enum exchange_fate, void *) = c->x.on_fate;

	c->x.on_fate = NULL; /* first: the callback may end this connection */
	if (on_fate != NULL) {
		fcgi_turn_enter(c->fcgi);
		on_fate(&c->x, fate, c->x.holder);
	}
}

void
fcgi_conn_close(struct fcgi_conn *c)
{
	if (c->state == FCGI_CONN_CLOSED)
		return;
	ev_io_stop(c->fcgi->loop, &c->io);
	fcgi_conn_clear_deadline(c);
	fcgi_conn_end_idle(c);
	c->state = FCGI_CONN_CLOSED;
	c->fcgi->closed_n++;
	/* callers up the stack still use it: the end of the turn frees it */
	fcgi_conn_set_dirty(c);
}

void
fcgi_conn_forget_request(struct fcgi_conn *c)
{
	fcgi_conn_unpark(c);
	fcgi_request_free(c->request);
	c->request = NULL;
}

/* The client has left, but its web server may still listen: end the request.  lighttpd takes a
 * connection that only closes for a crash, and logs it with the URL and its secret session id. */
static void
end_request_unanswered(struct fcgi_conn *c)
{
	static const struct response nothing = {.status = 200};
	struct buf end = {.p = NULL};

	/* in the midst of a record nothing else can be said */
	if (c->written > 0 || c->state == FCGI_CONN_IDLE || c->state == FCGI_CONN_READING)
		return;
	if (c->state != FCGI_CONN_OPEN) /* a stream has its head already */
		response_add(&end, c->request_id, &nothing, true);
	records_add_end(&end, c->request_id);
	if (!end.failed)
		(void)send(c->io.fd, end.p, end.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_free(&end);
}

void
fcgi_conn_close_unanswered(struct fcgi_conn *c, enum exchange_fate fate)
{
	if (c->state == FCGI_CONN_CLOSED)
		return;
	fcgi_conn_forget_request(c);
	end_request_unanswered(c);
	/* what the transport does then needs the store: it is told when that can be had */
	if (c->x.on_fate != NULL) {
		fcgi_turn_enter(c->fcgi);
		if (!server_try(c->fcgi->sv)) {
			c->fate = (uint8_t)fate;
			fcgi_conn_park(c);
		}
	}
	if (!c->parked)
		fcgi_conn_tell_fate(c, fate);
	fcgi_conn_close(c);
}

void
fcgi_conn_tell_parked_fate(struct fcgi_conn *c)
{
	fcgi_conn_unpark(c);
	fcgi_conn_tell_fate(c, c->fate);
	fcgi_conn_set_dirty(c); /* the end of the turn frees it */
}

void
fcgi_conn_abandon(struct fcgi_conn *c)
{
	if (c->state == FCGI_CONN_READING)
		shutdown(c->io.fd, SHUT_RDWR); /* ends the thread's read */
	if (c->state == FCGI_CONN_CLOSED && c->parked)
		fcgi_conn_tell_parked_fate(c);
	else
		fcgi_conn_close_unanswered(
		    c, c->state == FCGI_CONN_HELD ? EXCHANGE_GONE : EXCHANGE_FAILED);
}

void
fcgi_conn_free(struct fcgi_conn *c)
{
	LIST_REMOVE(c, all);
	c->fcgi->conns_n--;
	c->fcgi->closed_n--;
	close(c->io.fd);
	buf_free(&c->out);
	free(c);
}

bool
fcgi_conn_displace(struct fcgi *f)
{
	struct fcgi_conn *c = TAILQ_FIRST(&f->idle);

	if (c == NULL || c->idle_since > f->now - SILENT_MS)
		return false;
	fcgi_conn_close(c);
	return true;
}
