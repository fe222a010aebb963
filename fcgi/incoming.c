#include "fcgi/incoming.h"

#include <errno.h>
#include <sys/socket.h>

#include "fcgi/conn.h"
#include "fcgi/outgoing.h"
#include "fcgi/reachable.h"
#include "fcgi/readers.h"
#include "fcgi/records.h"
#include "fcgi/turn.h"
#include "shared/base/log.h"

/* How much is peeked at to see whether a request has arrived whole; larger ones go to a reader. */
#define PEEK_BYTES 65536

/* Requests that wait for the store; beyond it they are answered 503. */
#define PARKED_MAX 1000

/* What a request that arrives slowly still gets when others wait for a thread to read them. */
#define HURRY_MS 1000

static struct slice
incoming_header(const struct exchange *x, const char *name)
{
	return fcgi_request_header(fcgi_conn_of_exchange(x)->request, name);
}

static void
incoming_each_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	fcgi_request_each_header(fcgi_conn_of_exchange(x)->request, each, arg);
}

static bool
incoming_upgrades(const struct exchange *x)
{
	const struct fcgi_conn *c = fcgi_conn_of_exchange(x);

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
		fcgi_conn_park(c);
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

	fcgi_conn_clear_deadline(c);
	/* while a poll is held, this sees the web server give it up */
	ev_io_start(c->fcgi->loop, &c->io);
	fcgi_conn_end_idle(c);
	c->state = FCGI_CONN_HELD;
	c->request = rq;
	c->request_id = rq->id;
	c->keep = rq->keep;
	c->x = (struct exchange){
	    .ops = &outgoing_ops,
	    .header = incoming_header,
	    .each_header = incoming_each_header,
	    .upgrades = incoming_upgrades,
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
		fcgi_conn_forget_request(c);
}

void
incoming_resume(struct fcgi_conn *c)
{
	if (c->state != FCGI_CONN_CLOSED) {
		fcgi_conn_unpark(c);
		ask_about_request(c);
	} else if (server_try(c->fcgi->sv)) {
		fcgi_conn_tell_parked_fate(c);
	} else {
		fcgi_conn_park(c); /* at the end: only requests cannot wait any longer */
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
incoming_was_read(void *conn, struct fcgi_request *rq)
{
	struct fcgi_conn *c = conn;

	fcgi_conn_clear_deadline(c);
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
	fcgi_conn_end_idle(c);
	c->state = FCGI_CONN_READING;
	c->hurried = false;
	fcgi_conn_set_deadline(c, c->fcgi->cfg->request_timeout_ms);
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

void
incoming_look(struct fcgi_conn *c)
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
	fcgi_conn_close_unanswered(c, c->state == FCGI_CONN_HELD ? EXCHANGE_GONE : EXCHANGE_FAILED);
}

static void
incoming_on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct fcgi_conn *c = io->data;

	(void)loop;
	/* written at the end of the turn, together with what this turn still adds */
	if ((events & EV_WRITE) != 0)
		fcgi_conn_set_dirty(c);
	if ((events & EV_READ) == 0 || c->state == FCGI_CONN_CLOSED)
		return;
	if (c->state == FCGI_CONN_IDLE)
		incoming_look(c);
	else /* one request at a time: we do not announce FCGI_MPXS_CONNS */
		read_abort(c);
}

void
incoming_open(struct fcgi *f, int fd)
{
	fcgi_conn_open(f, fd, incoming_on_io);
}

void
incoming_expire(struct fcgi_conn *c)
{
	struct fcgi *f = c->fcgi;

	fcgi_conn_clear_deadline(c);
	if (c->state != FCGI_CONN_READING) {
		fcgi_conn_close_unanswered(c, EXCHANGE_FAILED);
	} else if (c->read_end > f->now && !f->draining && !readers_are_short(f->readers)) {
		c->hurried = false; /* no request waits for a thread: it has all of its time */
		fcgi_conn_set_deadline(c, c->read_end - f->now);
	} else {
		shutdown(c->io.fd, SHUT_RDWR); /* ends the read: incoming_was_read() follows */
	}
}
