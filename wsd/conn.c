#include "wsd/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "wsd/reply.h"
#include "wsd/deadline.h"
#include "wsd/http.h"
#include "wsd/outqueue.h"
#include "wsd/policy.h"
#include "wsd/ws.h"

/* Of a websocket between frames: enough for what a client sends at once, little enough that one
 * that floods cannot fill the others' queues within a turn. */
#define READ_FRAMES ((size_t)16 << 10)

/* Messages to the hub in one turn; then the other connections are left unread until the next. */
#define TEXTS_PER_TURN 1024

/* Connections above the limit that are told so in order; beyond, they are told and cut off. */
#define REFUSED_AT_ONCE 64

static void
on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct conn *c = io->data;

	(void)loop;
	if (events & EV_WRITE) {
		c->blocked = false;
		conn_set_dirty(c);
	}
	if (events & EV_READ)
		conn_read(c);
}

static struct conn *
conn_new(struct wsd *w, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->wsd = w;
	ev_io_init(&c->io, on_io, fd, EV_READ);
	c->io.data = c;
	ev_io_start(w->loop, &c->io);
	LIST_INSERT_HEAD(&w->conns, c, all);
	w->conns_n++;
	return c;
}

void
conn_open(struct wsd *w, int fd)
{
	struct conn *c = conn_new(w, fd);

	w->counters.accepted++;
	if (c != NULL)
		deadline_set(c, DEADLINE_REQUEST);
}

void
conn_refuse(struct wsd *w, int fd)
{
	struct message *m = reply_error(503, "Too many connections.", (struct slice){NULL, 0});
	struct conn *c;

	w->counters.refused++;
	if (w->conns_n < w->conns_max + REFUSED_AT_ONCE && (c = conn_new(w, fd)) != NULL) {
		conn_send(c, m);
		conn_finish(c);
		return;
	}
	outqueue_say(fd, m);
	close(fd);
}

void
conn_free(struct conn *c)
{
	close(c->io.fd);
	LIST_REMOVE(c, all);
	c->wsd->conns_n--;
	free(c);
}

void
conn_close(struct conn *c, const char *reason)
{
	if (c->state == CONN_CLOSED)
		return;
	log_debug("fd %d closed: %s", c->io.fd, reason);
	c->state = CONN_CLOSED;
	if (c->reason == NULL)
		c->reason = reason;
	ev_io_stop(c->wsd->loop, &c->io);
	deadline_clear(c);
	conn_set_after(c);
}

void
conn_set_dirty(struct conn *c)
{
	if (c->is_dirty)
		return;
	c->is_dirty = true;
	SLIST_INSERT_HEAD(&c->wsd->dirty, c, dirty);
}

void
conn_set_after(struct conn *c)
{
	if (c->is_after)
		return;
	c->is_after = true;
	SLIST_INSERT_HEAD(&c->wsd->after, c, after);
}

void
conn_send(struct conn *c, struct message *m)
{
	if (c->state == CONN_DRAINING || c->state == CONN_CLOSED) {
		message_release(m);
		return;
	}
	if (m == NULL || outqueue_add(&c->out, m) == -1)
		conn_close(c, "socket error");
	else
		conn_set_dirty(c);
}

void
conn_finish(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_FLUSHING;
	deadline_set(c, DEADLINE_SEND);
	conn_set_dirty(c);
}

void
conn_mark(struct conn *c)
{
	c->turn = c->wsd->turn;
	c->before = (uint32_t)outqueue_count(c->out);
}

bool
conn_marked(const struct conn *c)
{
	return c->turn == c->wsd->turn;
}

/* The peer ends its side. */
static void
conn_eof(struct conn *c)
{
	c->eof = true;
	switch ((enum conn_state)c->state) {
	case CONN_HTTP:
		http_eof(c);
		break;
	case CONN_NEW:
	case CONN_POLICY:
	case CONN_OPEN:
	case CONN_DRAINING:
		conn_close(c, "socket end");
		break;
	case CONN_ENDING: /* it may still listen */
	case CONN_FLUSHING:
	case CONN_CLOSED:
		break;
	}
}

static void
conn_input(struct conn *c, struct slice bytes)
{
	switch ((enum conn_state)c->state) {
	case CONN_NEW:
		/* the first byte tells what is spoken here */
		if (bytes.p[0] == '<') {
			policy_input(c, bytes);
			break;
		}
		if (http_open(c) == -1) {
			conn_close(c, "socket error");
			break;
		}
		/* fall through */
	case CONN_HTTP:
		http_input(c, bytes);
		break;
	case CONN_OPEN:
		ws_input(c, bytes);
		break;
	case CONN_POLICY:
		policy_input(c, bytes);
		break;
	case CONN_ENDING: /* behind its own goodbye, or ours */
	case CONN_FLUSHING:
	case CONN_DRAINING:
	case CONN_CLOSED:
		break;
	}
}

void
conn_read(struct conn *c)
{
	struct wsd *w = c->wsd;
	size_t room = c->state == CONN_OPEN && c->rest == NULL ? READ_FRAMES : READ_BUFFER;
	ssize_t n;

	if (w->texts >= TEXTS_PER_TURN && c->state == CONN_OPEN) {
		if (!c->is_hungry)
			STAILQ_INSERT_TAIL(&w->hungry, c, hungry);
		c->is_hungry = true;
		return;
	}
	n = recv(c->io.fd, w->in, room, 0);
	if (n > 0)
		conn_input(c, (struct slice){w->in, (size_t)n});
	else if (n == 0)
		conn_eof(c);
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		conn_close(c, "socket error");
	conn_watch(c);
}

/* Does the connection take what its peer may send? */
static bool
takes_input(const struct conn *c)
{
	if (c->eof)
		return false;
	switch ((enum conn_state)c->state) {
	case CONN_HTTP:
		return http_takes_input(c);
	case CONN_OPEN:
		return ws_takes_input(c);
	case CONN_NEW:
	case CONN_POLICY:
	case CONN_ENDING:
	case CONN_FLUSHING:
	case CONN_DRAINING:
		return true;
	case CONN_CLOSED:
		break;
	}
	return false;
}

void
conn_watch(struct conn *c)
{
	int events = (takes_input(c) ? EV_READ : 0) | (c->blocked ? EV_WRITE : 0);

	if (c->state == CONN_CLOSED || events == c->io.events)
		return;
	ev_io_stop(c->wsd->loop, &c->io);
	ev_io_modify(&c->io, events);
	if (events != 0)
		ev_io_start(c->wsd->loop, &c->io);
}

/* All that was queued is out. */
static void
flushed(struct conn *c)
{
	switch ((enum conn_state)c->state) {
	case CONN_HTTP:
		http_flushed(c);
		break;
	case CONN_OPEN:
	case CONN_ENDING:
		deadline_clear(c);
		break;
	case CONN_FLUSHING:
		if (c->eof || shutdown(c->io.fd, SHUT_WR) == -1) {
			conn_close(c, "socket end");
			break;
		}
		c->state = CONN_DRAINING;
		deadline_set(c, DEADLINE_CLOSE);
		break;
	case CONN_NEW:
	case CONN_POLICY:
	case CONN_DRAINING:
	case CONN_CLOSED:
		break;
	}
}

void
conn_flush(struct conn *c)
{
	size_t written = 0;

	if (!c->blocked) {
		switch (outqueue_write(&c->out, c->io.fd, &written)) {
		case OUTQUEUE_FAILED:
			conn_close(c, "socket error");
			return;
		case OUTQUEUE_FULL:
			c->blocked = true;
			if (written > 0 || c->waits != DEADLINE_SEND)
				deadline_set(c, DEADLINE_SEND);
			break;
		case OUTQUEUE_EMPTY:
			flushed(c);
			break;
		}
	}
	conn_watch(c);
}

void
conn_rollback(struct conn *c)
{
	if (!conn_marked(c) || c->state == CONN_CLOSED)
		return;
	outqueue_cut(&c->out, c->before);
	ws_rollback(c);
}

static void
bury(struct conn *c)
{
	if (c->is_dead)
		return;
	c->is_dead = true;
	http_close(c);
	ws_end(c);
	outqueue_free(&c->out);
	SLIST_INSERT_HEAD(&c->wsd->dead, c, dead);
}

void
conn_after(struct conn *c)
{
	switch ((enum conn_state)c->state) {
	case CONN_HTTP:
		http_after(c);
		conn_watch(c);
		break;
	case CONN_ENDING:
		ws_end(c);
		break;
	case CONN_CLOSED:
		bury(c);
		break;
	case CONN_NEW:
	case CONN_POLICY:
	case CONN_OPEN:
	case CONN_FLUSHING:
	case CONN_DRAINING:
		break;
	}
}

void
conn_expire(struct conn *c)
{
	switch ((enum deadline)c->waits) {
	case DEADLINE_REQUEST:
		if (c->state == CONN_HTTP)
			http_expire(c);
		else
			conn_close(c, "request timeout");
		break;
	case DEADLINE_POLICY:
		conn_close(c, "request timeout");
		break;
	case DEADLINE_SEND:
		conn_close(c, "send timeout");
		break;
	case DEADLINE_IDLE:
	case DEADLINE_CLOSE:
	case DEADLINE_NONE:
	case DEADLINE_COUNT:
		conn_close(c, "socket end");
		break;
	}
}

void
conn_drain(struct conn *c)
{
	if (c->state == CONN_NEW || c->state == CONN_POLICY ||
	    (c->state == CONN_HTTP && http_idle(c)))
		conn_close(c, "socket end");
}
