#include "wsd/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "wsd/deadline.h"
#include "wsd/outqueue.h"
#include "wsd/reply.h"
#include "wsd/tls.h"

/* Messages that one turn gives to the hub.  After that a metered protocol is not read until the
 * next turn: one client that floods must not fill the others' queues before they are written. */
#define TEXTS_PER_TURN 1024

/* Steps of TLS handshakes in one turn, each up to a millisecond of computing: when thousands come
 * back at once, those that are connected must not wait for all of them. */
#define HANDSHAKES_PER_TURN 32

static void
wsd_conn_on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct wsd_conn *c = io->data;

	(void)loop;
	/* only note it: nothing is written before the turn is committed */
	if (events & EV_WRITE) {
		c->blocked = false;
		wsd_conn_set_dirty(c);
	}
	if (events & EV_READ || (c->tls != NULL && tls_is_opening(c->tls)))
		wsd_conn_read(c);
}

struct wsd_conn *
wsd_conn_open(struct wsd *w, int fd, const struct protocol *first)
{
	struct wsd_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->wsd = w;
	c->protocol = first;
	ev_io_init(&c->io, wsd_conn_on_io, fd, EV_READ);
	c->io.data = c;
	ev_io_start(w->loop, &c->io);
	LIST_INSERT_HEAD(&w->conns, c, all);
	w->conns_n++;
	deadline_set(c, DEADLINE_REQUEST);
	return c;
}

void
wsd_conn_start_tls(struct wsd_conn *c)
{
	c->tls = tls_new(c->wsd->tls, c->io.fd);
	if (c->tls == NULL)
		wsd_conn_close(c, "socket error");
}

void
wsd_conn_park(struct wsd_conn *c)
{
	if (c->is_parked)
		return;
	c->is_parked = true;
	c->wsd->parked_n++;
	TAILQ_INSERT_TAIL(&c->wsd->parked, c, parking);
}

static void
wsd_conn_unpark(struct wsd_conn *c)
{
	if (!c->is_parked)
		return;
	c->is_parked = false;
	c->wsd->parked_n--;
	TAILQ_REMOVE(&c->wsd->parked, c, parking);
}

void
wsd_conn_free(struct wsd_conn *c)
{
	wsd_conn_unpark(c);
	tls_free(c->tls);
	close(c->io.fd);
	LIST_REMOVE(c, all);
	c->wsd->conns_n--;
	if (c->is_refused)
		c->wsd->refused_n--;
	else
		c->wsd->closed_n--;
	free(c);
}

void
wsd_conn_close(struct wsd_conn *c, const char *reason)
{
	if (c->state == WSD_CONN_CLOSED)
		return;
	log_debug("fd %d closed: %s", c->io.fd, reason);
	c->state = WSD_CONN_CLOSED;
	c->wsd->closed_n += !c->is_refused;
	/* a websocket that its peer has ended keeps the first reason: the application gets that */
	if (c->reason == NULL)
		c->reason = reason;
	ev_io_stop(c->wsd->loop, &c->io);
	deadline_clear(c);
	/* not freed here: callers up the stack, wslay too, still hold `c`; and the hub, which
	 * may be the caller, is told only between its turns */
	wsd_conn_set_after(c);
}

/* --- the lists of the turn ------------------------------------------------------------------ */

void
wsd_conn_set_dirty(struct wsd_conn *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	SLIST_INSERT_HEAD(&c->wsd->dirty, c, dirty);
}

void
wsd_conn_set_after(struct wsd_conn *c)
{
	if (c->is_after)
		return;
	c->is_after = true;
	SLIST_INSERT_HEAD(&c->wsd->after, c, after);
}

/* The hub is told, once, and everything but the struct is freed. */
static void
wsd_conn_finalize(struct wsd_conn *c)
{
	/* closing tells the hub, and what the hub does then may close it again */
	if (c->is_finalized)
		return;
	c->is_finalized = true;
	c->protocol->end(c);
	partial_free(&c->partial);
	outqueue_free(&c->out);
	SLIST_INSERT_HEAD(&c->wsd->finalized, c, finalized);
}

/* --- reading -------------------------------------------------------------------------------- */

void
wsd_conn_input(struct wsd_conn *c, struct slice in)
{
	const struct protocol *p;

	/* a request and what follows it often arrive together: an upgrade with its first frames */
	do {
		p = c->protocol;
		p->input(c, &in);
	} while (c->protocol != p && c->state == WSD_CONN_OPEN && in.n > 0);
}

static void
wsd_conn_eof(struct wsd_conn *c)
{
	c->eof = true;
	if (c->state == WSD_CONN_OPEN)
		c->protocol->eof(c);
	else if (c->state == WSD_CONN_DRAINING)
		wsd_conn_close(c, "socket end");
	/* else it may have shut down only its side, and still read what is queued */
}

/* Watch for what the state asks for. */
static void
wsd_conn_watch(struct wsd_conn *c)
{
	bool shakes = c->tls != NULL && tls_is_opening(c->tls);
	int events = c->blocked ? EV_WRITE : 0;

	/* another process reads and writes */
	if (c->state == WSD_CONN_CLOSED || c->given != NULL)
		return;
	/* a socket at its end is readable for ever; past OPEN input is read to be dropped, so that
	 * the peer's FIN is seen and close() sends no reset */
	if (!c->eof && (c->state != WSD_CONN_OPEN || c->protocol->takes_input(c)))
		events |= EV_READ;
	/* what a peer sends that does not read is left in the kernel */
	if (shakes && tls_wants_write(c->tls))
		events = EV_WRITE;
	if (events == c->io.events)
		return;
	ev_io_stop(c->wsd->loop, &c->io);
	ev_io_modify(&c->io, events);
	if (events != 0)
		ev_io_start(c->wsd->loop, &c->io);
}

/* Leave it to the next turn. */
static void
wsd_conn_set_unread(struct wsd_conn *c)
{
	if (!c->is_unread)
		STAILQ_INSERT_TAIL(&c->wsd->unread, c, unread);
	c->is_unread = true;
}

/* The peer does not speak TLS, or cannot: from here on nothing is encrypted. */
static void
wsd_conn_drop_tls(struct wsd_conn *c)
{
	tls_free(c->tls);
	c->tls = NULL;
	wsd_conn_set_dirty(c); /* what has waited for the handshake */
}

/* Go on with the handshake of TLS.  Return whether input can be read now. */
static bool
wsd_conn_shake(struct wsd_conn *c)
{
	struct wsd *w = c->wsd;

	if (w->handshakes >= HANDSHAKES_PER_TURN) {
		wsd_conn_set_unread(c);
		return false;
	}
	w->handshakes++;
	switch (tls_open(c->tls)) {
	case TLS_OPEN:
		w->counters.tls++;
		wsd_conn_set_dirty(c); /* one over the limit has its answer queued */
		return true;
	case TLS_MORE:
		break;
	case TLS_ENDED:
		wsd_conn_close(c, "socket end");
		break;
	case TLS_FAILED:
		w->counters.no_tls++;
		wsd_conn_drop_tls(c);
		/* what is queued must not go out in plain; a close at once would send a reset,
		 * and the peer lose the alert that tells why */
		outqueue_free(&c->out);
		wsd_conn_finish(c);
		break;
	case TLS_PLAIN:
		w->counters.no_tls++;
		wsd_conn_drop_tls(c);
		if (c->state == WSD_CONN_OPEN) {
			wsd_conn_send(
			    c, wsd_reply_error(400, "This port speaks TLS: use https:// or wss://.",
				   (struct slice){NULL, 0}));
			wsd_conn_finish(c);
		}
		break;
	case TLS_POLICY:
		/* Flash asks in plain, whatever its program speaks then */
		wsd_conn_drop_tls(c);
		return true;
	}
	return false;
}

/* As recv(); 0 is the peer's end. */
static ssize_t
wsd_conn_receive(struct wsd_conn *c, size_t room)
{
	char *in = c->wsd->in;

	/* after our FIN input is only dropped, and its end looked for */
	if (c->tls == NULL || c->state == WSD_CONN_DRAINING)
		return recv(c->io.fd, in, room, 0);
	if (room > READ_BUFFER - TLS_RECORD_MAX)
		room = READ_BUFFER - TLS_RECORD_MAX;
	return tls_read(c->tls, in, room, READ_BUFFER);
}

void
wsd_conn_read(struct wsd_conn *c)
{
	struct wsd *w = c->wsd;
	bool open = c->state == WSD_CONN_OPEN;
	/* a long message is on its way: read the rest of it with as few calls as possible */
	bool is_long = c->partial != NULL && c->partial->bytes.n >= c->protocol->read_bytes;
	size_t room = open && !is_long ? c->protocol->read_bytes : READ_BUFFER;
	ssize_t n;

	if (open && c->protocol->metered && w->texts >= TEXTS_PER_TURN) {
		wsd_conn_set_unread(c);
		return;
	}
	if (c->given != NULL)
		return;
	/* paused since it was readable: it is watched again when it takes input */
	if (open && !c->protocol->takes_input(c)) {
		wsd_conn_watch(c);
		return;
	}
	if (c->tls != NULL && tls_is_opening(c->tls) && !wsd_conn_shake(c)) {
		wsd_conn_watch(c);
		return;
	}
	n = wsd_conn_receive(c, room);
	if (n > 0 && open)
		wsd_conn_input(c, (struct slice){w->in, (size_t)n});
	else if (n == 0)
		wsd_conn_eof(c);
	else if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		wsd_conn_close(c, "socket error");
	/* its end came with its last bytes; the socket need not tell it again */
	if (n > 0 && c->tls != NULL && tls_has_ended(c->tls))
		wsd_conn_eof(c);
	wsd_conn_watch(c);
}

/* --- writing -------------------------------------------------------------------------------- */

void
wsd_conn_send(struct wsd_conn *c, struct message *m)
{
	/* our FIN is out, nothing can follow it */
	if (c->state == WSD_CONN_DRAINING || c->state == WSD_CONN_CLOSED) {
		message_release(m);
		return;
	}
	if (m == NULL || outqueue_add(&c->out, m, &c->wsd->queued) == -1)
		wsd_conn_close(c, "socket error");
	else
		wsd_conn_set_dirty(c);
}

void
wsd_conn_send_limited(struct wsd_conn *c, struct message *m)
{
	const struct config *cfg = c->wsd->cfg;

	wsd_conn_send(c, m);
	/* a peer that does not read must not hold memory, even one that sends its heartbeats */
	if (outqueue_count(c->out) > cfg->queue_packets ||
	    outqueue_bytes(c->out) > cfg->queue_bytes)
		wsd_conn_close(c, "queue overflow");
}

void
wsd_conn_finish(struct wsd_conn *c)
{
	if (c->state == WSD_CONN_CLOSED)
		return;
	c->state = WSD_CONN_FLUSHING;
	deadline_set(c, DEADLINE_SEND);
	wsd_conn_set_dirty(c); /* even with nothing queued: flushing it sends the FIN */
}

/* Everything that was queued is written. */
static void
wsd_conn_flushed(struct wsd_conn *c)
{
	switch ((enum wsd_conn_state)c->state) {
	case WSD_CONN_OPEN:
	case WSD_CONN_ENDING:
		c->protocol->flushed(c);
		break;
	case WSD_CONN_FLUSHING:
		if (c->tls != NULL && tls_end(c->tls) == -1) {
			c->blocked = true;
			break;
		}
		/* the peer's FIN was seen first: all of its input is read, close() resets
		 * nothing */
		if (c->eof || shutdown(c->io.fd, SHUT_WR) == -1) {
			wsd_conn_close(c, "socket end");
			break;
		}
		c->state = WSD_CONN_DRAINING;
		deadline_set(c, DEADLINE_CLOSE);
		break;
	case WSD_CONN_DRAINING:
	case WSD_CONN_CLOSED:
		break;
	}
}

static ssize_t
wsd_conn_encrypt(void *to, const struct iovec *iov, int n)
{
	return tls_write(to, iov, n);
}

static enum outqueue_state
wsd_conn_write(struct wsd_conn *c, size_t *written)
{
	if (c->tls == NULL)
		return outqueue_write(&c->out, c->io.fd, written);
	return outqueue_write_to(&c->out, wsd_conn_encrypt, c->tls, written);
}

void
wsd_conn_flush(struct wsd_conn *c)
{
	size_t written = 0;

	/* what is queued goes with it */
	if (c->given != NULL)
		return;
	/* during the handshake it waits */
	if (!c->blocked && (c->tls == NULL || !tls_is_opening(c->tls))) {
		switch (wsd_conn_write(c, &written)) {
		case OUTQUEUE_FAILED:
			wsd_conn_close(c, "socket error");
			return;
		case OUTQUEUE_FULL:
			c->blocked = true;
			/* send_timeout runs from the last byte that the peer took */
			if (written > 0 || c->waits != DEADLINE_SEND)
				deadline_set(c, DEADLINE_SEND);
			break;
		case OUTQUEUE_EMPTY:
			wsd_conn_flushed(c);
			break;
		}
	}
	/* back-pressure depends on the queue: it may have grown, or be empty again */
	wsd_conn_watch(c);
}

/* --- what the turn calls -------------------------------------------------------------------- */

void
wsd_conn_resume(struct wsd_conn *c)
{
	wsd_conn_unpark(c);
	if (c->state == WSD_CONN_OPEN) {
		c->protocol->resume(c);
		wsd_conn_watch(c);
	} else {
		wsd_conn_set_after(c);
	}
}

void
wsd_conn_after(struct wsd_conn *c)
{
	bool ends = c->state == WSD_CONN_CLOSED || c->state == WSD_CONN_ENDING;

	if (ends && !c->is_finalized && c->protocol->needs_store(c) && !server_try(c->wsd->sv)) {
		wsd_conn_park(c);
		return;
	}
	if (c->state == WSD_CONN_CLOSED) {
		wsd_conn_finalize(c);
	} else if (c->state == WSD_CONN_OPEN || c->state == WSD_CONN_ENDING) {
		c->protocol->after(c);
		wsd_conn_watch(c);
	}
}

void
wsd_conn_expire(struct wsd_conn *c)
{
	const char *reason = "socket end";

	if (c->waits == DEADLINE_SEND)
		reason = "send timeout";
	else if (c->state == WSD_CONN_OPEN)
		reason = c->protocol->expire(c);
	if (reason != NULL)
		wsd_conn_close(c, reason);
}

void
wsd_conn_read_last(struct wsd_conn *c)
{
	if (c->state == WSD_CONN_OPEN && c->protocol->is_idle(c))
		wsd_conn_read(c);
}

void
wsd_conn_drain(struct wsd_conn *c)
{
	if (c->state == WSD_CONN_OPEN && c->protocol->is_idle(c))
		wsd_conn_close(c, "socket end");
}
