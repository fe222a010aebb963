#include "fcgi/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/reachable.h"
#include "fcgi/readers.h"
#include "fcgi/records.h"
#include "fcgi/response.h"
#include "fcgi/turn.h"
#include "shared/base/container.h"
#include "shared/base/log.h"

/* How much is peeked at to see whether a request has arrived whole; larger ones go to a reader. */
#define PEEK_BYTES 65536

/* Requests that wait for the store; beyond it they are answered 503. */
#define PARKED_MAX 1000

/* What a request that arrives slowly still gets when others wait for a thread to read them. */
#define HURRY_MS 1000

/* A streaming answer is given up when more than this, beyond [limits] queue_bytes, waits for a web
 * server that does not read. */
#define STREAM_BYTES_MAX ((size_t)4 << 20)

/* A connection that has had no request for this long can be given up for another: a web server that
 * is about to send one is faster. */
#define SILENT_MS 1000

/* --- lists ---------------------------------------------------------------------------------- */

static void
set_dirty(struct fcgi_conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	SLIST_INSERT_HEAD(&c->fcgi->dirty, c, next_dirty);
}

static void
clear_deadline(struct fcgi_conn *c)
{
	if (c->timed)
		TAILQ_REMOVE(&c->fcgi->timed, c, by_deadline);
	c->timed = false;
}

/* The list holds slow peers only: it is too short to be worth sorting. */
static void
set_deadline(struct fcgi_conn *c, int64_t after_ms)
{
	clear_deadline(c);
	c->timed = true;
	c->deadline = c->fcgi->now + after_ms;
	TAILQ_INSERT_TAIL(&c->fcgi->timed, c, by_deadline);
}

static void
park(struct fcgi_conn *c)
{
	if (!c->parked)
		c->fcgi->parked_n++;
	else
		TAILQ_REMOVE(&c->fcgi->parked, c, by_parking);
	TAILQ_INSERT_TAIL(&c->fcgi->parked, c, by_parking);
	c->parked = true;
}

static void
unpark(struct fcgi_conn *c)
{
	if (!c->parked)
		return;
	TAILQ_REMOVE(&c->fcgi->parked, c, by_parking);
	c->fcgi->parked_n--;
	c->parked = false;
}

static void
begin_idle(struct fcgi_conn *c)
{
	c->state = FCGI_CONN_IDLE;
	c->idle_since = c->fcgi->now;
	TAILQ_INSERT_TAIL(&c->fcgi->idle, c, next_idle);
}

/* The caller sets the next state. */
static void
end_idle(struct fcgi_conn *c)
{
	if (c->state == FCGI_CONN_IDLE)
		TAILQ_REMOVE(&c->fcgi->idle, c, next_idle);
}

/* --- the end -------------------------------------------------------------------------------- */

/* Tell the transport what became of its answer, once. */
static void
tell_exchange_fate(struct fcgi_conn *c, enum exchange_fate fate)
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
	clear_deadline(c);
	end_idle(c);
	c->state = FCGI_CONN_CLOSED;
	c->fcgi->closed_n++;
	/* callers up the stack still use it: the end of the turn frees it */
	set_dirty(c);
}

/* Drop the request that the server has not taken yet. */
static void
forget_request(struct fcgi_conn *c)
{
	unpark(c);
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

static void
close_unanswered(struct fcgi_conn *c, enum exchange_fate fate)
{
	if (c->state == FCGI_CONN_CLOSED)
		return;
	forget_request(c);
	end_request_unanswered(c);
	/* what the transport does then needs the store: it is told when that can be had */
	if (c->x.on_fate != NULL) {
		fcgi_turn_enter(c->fcgi);
		if (!server_try(c->fcgi->sv)) {
			c->fate = (uint8_t)fate;
			park(c);
		}
	}
	if (!c->parked)
		tell_exchange_fate(c, fate);
	fcgi_conn_close(c);
}

/* Of one that is CLOSED. */
static void
tell_parked_fate(struct fcgi_conn *c)
{
	unpark(c);
	tell_exchange_fate(c, c->fate);
	set_dirty(c); /* the end of the turn frees it */
}

void
fcgi_conn_abandon(struct fcgi_conn *c)
{
	if (c->state == FCGI_CONN_READING)
		shutdown(c->io.fd, SHUT_RDWR); /* ends the thread's read */
	if (c->state == FCGI_CONN_CLOSED && c->parked)
		tell_parked_fate(c);
	else
		close_unanswered(c, c->state == FCGI_CONN_HELD ? EXCHANGE_GONE : EXCHANGE_FAILED);
}

static void
fcgi_conn_free(struct fcgi_conn *c)
{
	LIST_REMOVE(c, all);
	c->fcgi->conns_n--;
	c->fcgi->closed_n--;
	close(c->io.fd);
	buf_free(&c->out);
	free(c);
}

/* --- answers -------------------------------------------------------------------------------- */

static struct fcgi_conn *
conn_of_exchange(const struct exchange *x)
{
	return container_of(x, struct fcgi_conn, x);
}

static void
fcgi_conn_respond(struct exchange *x, const struct response *r)
{
	struct fcgi_conn *c = conn_of_exchange(x);

	if (c->state == FCGI_CONN_CLOSED)
		return;
	response_add(&c->out, c->request_id, r, true);
	records_add_end(&c->out, c->request_id);
	c->state = FCGI_CONN_WRITING;
	set_dirty(c);
}

static void
fcgi_conn_begin_stream(struct exchange *x, const struct response *r)
{
	struct fcgi_conn *c = conn_of_exchange(x);

	if (c->state == FCGI_CONN_CLOSED)
		return;
	response_add(&c->out, c->request_id, r, false);
	c->state = FCGI_CONN_OPEN;
	set_dirty(c);
}

static void
fcgi_conn_add_piece(struct exchange *x, struct slice bytes)
{
	struct fcgi_conn *c = conn_of_exchange(x);

	if (c->state == FCGI_CONN_CLOSED)
		return;
	records_add_stdout(&c->out, c->request_id, bytes);
	set_dirty(c);
}

static void
fcgi_conn_finish_stream(struct exchange *x)
{
	struct fcgi_conn *c = conn_of_exchange(x);

	if (c->state == FCGI_CONN_CLOSED)
		return;
	records_add_end(&c->out, c->request_id);
	c->state = FCGI_CONN_WRITING;
	set_dirty(c);
}

static const struct exchange_ops fcgi_conn_ops = {
    .respond = fcgi_conn_respond,
    .begin = fcgi_conn_begin_stream,
    .piece = fcgi_conn_add_piece,
    .finish = fcgi_conn_finish_stream,
};

/* --- requests ------------------------------------------------------------------------------- */

static struct slice
fcgi_conn_header(const struct exchange *x, const char *name)
{
	return fcgi_request_header(conn_of_exchange(x)->request, name);
}

static void
fcgi_conn_each_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	fcgi_request_each_header(conn_of_exchange(x)->request, each, arg);
}

static bool
fcgi_conn_upgrades(const struct exchange *x)
{
	const struct fcgi_conn *c = conn_of_exchange(x);

	return reachable_passes(c->fcgi->reachable, c->request);
}

/* Ask the server about c->request, which is freed once it is taken. */
static void
ask_about_request(struct fcgi_conn *c)
{
	fcgi_turn_enter(c->fcgi);
	if (c->fcgi->parked_n >= PARKED_MAX) {
		server_refuse(c->fcgi->sv, &c->x, 503, "server busy");
	} else if (!server_request(c->fcgi->sv, &c->x)) {
		park(c);
		return;
	}
	/* nothing that is held may point into the request: thousands of held polls would keep
	 * theirs for half a minute */
	c->x.method = c->x.target = c->x.origin = c->x.referer = c->x.body = c->x.address =
	    (struct slice){NULL, 0};
	fcgi_request_free(c->request);
	c->request = NULL;
}

/* A whole request is here.  Owns `rq`. */
static void
ask_server(struct fcgi_conn *c, struct fcgi_request *rq)
{
	struct server *sv = c->fcgi->sv;

	clear_deadline(c);
	/* while a poll is held, this sees the web server give it up */
	ev_io_start(c->fcgi->loop, &c->io);
	end_idle(c);
	c->state = FCGI_CONN_HELD;
	c->request = rq;
	c->request_id = rq->id;
	/* without its whole body, the next request could not be told from the rest of this one */
	c->keep = rq->keep && !rq->too_large && !rq->broken;
	c->x = (struct exchange){
	    .ops = &fcgi_conn_ops,
	    .header = fcgi_conn_header,
	    .each_header = fcgi_conn_each_header,
	    .upgrades = fcgi_conn_upgrades,
	};
	fcgi_request_describe(rq, server_proxies(sv), &c->x);
	fcgi_turn_enter(c->fcgi);
	/* a repeated POST has lost its body, and may have been carried out already */
	if (c->x.again && !slice_is(c->x.method, "GET"))
		server_refuse(sv, &c->x, 500, "The process that had this request has died.");
	else if (rq->broken)
		server_refuse(sv, &c->x, 400, "The body of this request did not arrive whole.");
	if (c->state == FCGI_CONN_HELD)
		ask_about_request(c);
	else
		forget_request(c);
}

void
fcgi_conn_resume(struct fcgi_conn *c)
{
	if (c->state != FCGI_CONN_CLOSED) {
		unpark(c);
		ask_about_request(c);
	} else if (server_try(c->fcgi->sv)) {
		tell_parked_fate(c);
	} else {
		park(c); /* at the end: only requests cannot wait any longer */
	}
}

/* While a request waits because all threads are busy, the one that has been read for longest makes
 * room: so slow ones wait for each other, and a quick one only for a moment. */
static void
hurry_slowest(struct fcgi *f)
{
	size_t n = 0;
	struct fcgi_conn *c;

	if (!readers_are_short(f->readers))
		return;
	/* the first in the list began first; beyond as many as there are threads they only wait */
	TAILQ_FOREACH (c, &f->timed, by_deadline) {
		if (c->state != FCGI_CONN_READING)
			continue;
		if (++n > f->cfg->fcgi_readers)
			return;
		if (c->hurried)
			continue;
		c->hurried = true;
		if (c->deadline > f->now + HURRY_MS)
			c->deadline = f->now + HURRY_MS;
		return;
	}
}

void
fcgi_conn_was_read(void *conn, struct fcgi_request *rq)
{
	struct fcgi_conn *c = conn;

	clear_deadline(c);
	hurry_slowest(c->fcgi);
	/* NULL: the peer left or was too slow.  Draining: the answer could not be waited for. */
	if (rq == NULL || c->fcgi->draining) {
		fcgi_request_free(rq);
		fcgi_conn_close(c);
		return;
	}
	ask_server(c, rq);
}

/* Let a thread read the request, since more of it is to come. */
static void
hand_to_reader(struct fcgi_conn *c)
{
	ev_io_stop(c->fcgi->loop, &c->io); /* the thread reads, the loop must not look */
	end_idle(c);
	c->state = FCGI_CONN_READING;
	c->hurried = false;
	set_deadline(c, c->fcgi->cfg->request_timeout_ms);
	c->read_end = c->deadline;
	if (readers_add(c->fcgi->readers, c->io.fd, c) == -1) {
		log_limited(LOG_LEVEL_WARN,
		    "too many requests arrive piece by piece: one of them is dropped; see "
		    "[fcgi] readers");
		fcgi_conn_close(c);
		return;
	}
	hurry_slowest(c->fcgi);
}

/* A connection without a request has become readable. */
static void
begin_fcgi_request(struct fcgi_conn *c)
{
	static char bytes[PEEK_BYTES]; /* scratch of the one loop */
	ssize_t n = recv(c->io.fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	struct fcgi_request *rq;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* the web server has closed it */
		fcgi_conn_close(c);
		return;
	}
	/* libfcgi can only block: it may read here if all of it waits in the socket already */
	switch (records_scan((struct slice){bytes, (size_t)n})) {
	case RECORDS_WHOLE:
		rq = fcgi_request_read(c->io.fd, c->fcgi->cfg->body_bytes);
		if (rq == NULL)
			fcgi_conn_close(c);
		else
			ask_server(c, rq);
		break;
	case RECORDS_MORE:
		hand_to_reader(c);
		break;
	case RECORDS_ABORT: /* of a request that has not arrived: nothing to undo */
		fcgi_conn_close(c);
		break;
	case RECORDS_GARBAGE:
		log_limited(LOG_LEVEL_DEBUG, "a connection that does not speak FastCGI is closed");
		fcgi_conn_close(c);
		break;
	}
}

/* After its request a web server sends nothing but FCGI_ABORT_REQUEST, or closes the connection:
 * both say that its client has left. */
static void
read_abort(struct fcgi_conn *c)
{
	char bytes[256];
	ssize_t n = recv(c->io.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	close_unanswered(c, c->state == FCGI_CONN_HELD ? EXCHANGE_GONE : EXCHANGE_FAILED);
}

static void
fcgi_conn_on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct fcgi_conn *c = io->data;

	(void)loop;
	/* written at the end of the turn, together with what this turn still adds */
	if ((events & EV_WRITE) != 0)
		set_dirty(c);
	if ((events & EV_READ) == 0 || c->state == FCGI_CONN_CLOSED)
		return;
	if (c->state == FCGI_CONN_IDLE)
		begin_fcgi_request(c);
	else /* one request at a time: we do not announce FCGI_MPXS_CONNS */
		read_abort(c);
}

/* --- writing -------------------------------------------------------------------------------- */

static void
fcgi_conn_watch(struct fcgi_conn *c, int events)
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
	clear_deadline(c);
	if (c->state == FCGI_CONN_OPEN) { /* the stream goes on */
		fcgi_conn_watch(c, EV_READ);
		return;
	}
	/* sent only now that the kernel has all of it: until then the messages could be kept */
	tell_exchange_fate(c, EXCHANGE_SENT);
	if (!c->keep || c->fcgi->draining) {
		fcgi_conn_close(c);
		return;
	}
	begin_idle(c);
	fcgi_conn_watch(c, EV_READ);
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
		set_deadline(c, c->fcgi->cfg->send_timeout_ms);
	/* not after every write: that would move a large answer once for each piece */
	if (c->written > c->out.n / 2) {
		buf_consume(&c->out, c->written);
		c->written = 0;
	}
	fcgi_conn_watch(c, EV_READ | EV_WRITE);
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
		close_unanswered(c, EXCHANGE_FAILED);
		return;
	}
	/* out of memory, or a peer that does not read a stream */
	if (c->out.failed || c->out.n - c->written > STREAM_BYTES_MAX + c->fcgi->cfg->queue_bytes) {
		close_unanswered(c, EXCHANGE_FAILED);
		return;
	}
	if (send_queued(c) == -1)
		close_unanswered(c, EXCHANGE_FAILED);
	else if (c->written < c->out.n)
		wait_to_write(c, c->written > before);
	else
		finish_writing(c);
}

void
fcgi_conn_flush(struct fcgi_conn *c)
{
	if (c->state == FCGI_CONN_WRITING || c->state == FCGI_CONN_OPEN)
		write_out(c);
	/* dirty again: writing closed it just now, and the stack holds it once more; parked: the
	 * transport still has it */
	if (c->state == FCGI_CONN_CLOSED && !c->dirty && !c->parked)
		fcgi_conn_free(c);
}

void
fcgi_conn_expire(struct fcgi_conn *c)
{
	struct fcgi *f = c->fcgi;

	clear_deadline(c);
	if (c->state != FCGI_CONN_READING) {
		close_unanswered(c, EXCHANGE_FAILED);
	} else if (c->read_end > f->now && !f->draining && !readers_are_short(f->readers)) {
		c->hurried = false; /* nobody waits any more: it has all of its time */
		set_deadline(c, c->read_end - f->now);
	} else {
		shutdown(c->io.fd, SHUT_RDWR); /* ends the read: fcgi_conn_was_read() follows */
	}
}

void
fcgi_conn_open(struct fcgi *f, int fd)
{
	struct fcgi_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->fcgi = f;
	c->out.ceiling = BUF_CEILING;
	/* no deadline while it is idle: web servers keep connections for the next request */
	ev_io_init(&c->io, fcgi_conn_on_io, fd, EV_READ);
	c->io.data = c;
	ev_io_start(f->loop, &c->io);
	LIST_INSERT_HEAD(&f->conns, c, all);
	f->conns_n++;
	begin_idle(c);
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
