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
	struct wsd_conn *c = io->data;

	(void)loop;
	if (events & EV_WRITE) {
		c->blocked = false;
		wsd_conn_set_dirty(c);
	}
	if (events & EV_READ)
		wsd_conn_read(c);
}

static struct wsd_conn *
wsd_conn_new(struct wsd *w, int fd)
{
	struct wsd_conn *c = calloc(1, sizeof(*c));

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
wsd_conn_open(struct wsd *w, int fd)
{
	struct wsd_conn *c = wsd_conn_new(w, fd);

	w->counters.accepted++;
	if (c != NULL)
		deadline_set(c, DEADLINE_REQUEST);
}

void
wsd_conn_refuse(struct wsd *w, int fd)
{
	struct message *m = wsd_reply_error(503, "Too many connections.", (struct slice){NULL, 0});
	struct wsd_conn *c;

	w->counters.refused++;
	if (w->conns_n < w->conns_max + REFUSED_AT_ONCE && (c = wsd_conn_new(w, fd)) != NULL) {
		wsd_conn_send(c, m);
		wsd_conn_finish(c);
		return;
	}
	outqueue_write_once(fd, m);
	close(fd);
}

void
wsd_conn_free(struct wsd_conn *c)
{
	close(c->io.fd);
	LIST_REMOVE(c, all);
	c->wsd->conns_n--;
	free(c);
}

void
wsd_conn_close(struct wsd_conn *c, const char *reason)
{
	if (c->state == WSD_CONN_CLOSED)
		return;
	log_debug("fd %d closed: %s", c->io.fd, reason);
	c->state = WSD_CONN_CLOSED;
	if (c->reason == NULL)
		c->reason = reason;
	ev_io_stop(c->wsd->loop, &c->io);
	deadline_clear(c);
	wsd_conn_set_after(c);
}

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

void
wsd_conn_send(struct wsd_conn *c, struct message *m)
{
	if (c->state == WSD_CONN_DRAINING || c->state == WSD_CONN_CLOSED) {
		message_release(m);
		return;
	}
	if (m == NULL || outqueue_add(&c->out, m) == -1)
		wsd_conn_close(c, "socket error");
	else
		wsd_conn_set_dirty(c);
}

void
wsd_conn_finish(struct wsd_conn *c)
{
	if (c->state == WSD_CONN_CLOSED)
		return;
	c->state = WSD_CONN_FLUSHING;
	deadline_set(c, DEADLINE_SEND);
	wsd_conn_set_dirty(c);
}

void
wsd_conn_mark(struct wsd_conn *c)
{
	c->turn = c->wsd->turn;
	c->before = (uint32_t)outqueue_count(c->out);
}

bool
wsd_conn_marked(const struct wsd_conn *c)
{
	return c->turn == c->wsd->turn;
}

/* The peer ends its side. */
static void
wsd_conn_eof(struct wsd_conn *c)
{
	c->eof = true;
	switch ((enum wsd_conn_state)c->state) {
	case WSD_CONN_HTTP:
		wsd_http_eof(c);
		break;
	case WSD_CONN_NEW:
	case WSD_CONN_POLICY:
	case WSD_CONN_OPEN:
	case WSD_CONN_DRAINING:
		wsd_conn_close(c, "socket end");
		break;
	case WSD_CONN_ENDING: /* it may still listen */
	case WSD_CONN_FLUSHING:
	case WSD_CONN_CLOSED:
		break;
	}
}

static void
wsd_conn_input(struct wsd_conn *c, struct slice bytes)
{
	switch ((enum wsd_conn_state)c->state) {
	case WSD_CONN_NEW:
		/* the first byte tells what is spoken here */
		if (bytes.p[0] == '<') {
			policy_input(c, bytes);
			break;
		}
		if (wsd_http_open(c) == -1) {
			wsd_conn_close(c, "socket error");
			break;
		}
		/* fall through */
	case WSD_CONN_HTTP:
		wsd_http_input(c, bytes);
		break;
	case WSD_CONN_OPEN:
		ws_input(c, bytes);
		break;
	case WSD_CONN_POLICY:
		policy_input(c, bytes);
		break;
	case WSD_CONN_ENDING: /* behind its own close_frame, or ours */
	case WSD_CONN_FLUSHING:
	case WSD_CONN_DRAINING:
	case WSD_CONN_CLOSED:
		break;
	}
}

void
wsd_conn_read(struct wsd_conn *c)
{
	struct wsd *w = c->wsd;
	size_t room = c->state == WSD_CONN_OPEN && c->partial == NULL ? READ_FRAMES : READ_BUFFER;
	ssize_t n;

	if (w->texts >= TEXTS_PER_TURN && c->state == WSD_CONN_OPEN) {
		if (!c->is_unread)
			STAILQ_INSERT_TAIL(&w->unread, c, unread);
		c->is_unread = true;
		return;
	}
	n = recv(c->io.fd, w->in, room, 0);
	if (n > 0)
		wsd_conn_input(c, (struct slice){w->in, (size_t)n});
	else if (n == 0)
		wsd_conn_eof(c);
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		wsd_conn_close(c, "socket error");
	wsd_conn_watch(c);
}

/* Does the connection take what its peer may send? */
static bool
takes_input(const struct wsd_conn *c)
{
	if (c->eof)
		return false;
	switch ((enum wsd_conn_state)c->state) {
	case WSD_CONN_HTTP:
		return wsd_http_takes_input(c);
	case WSD_CONN_OPEN:
		return ws_takes_input(c);
	case WSD_CONN_NEW:
	case WSD_CONN_POLICY:
	case WSD_CONN_ENDING:
	case WSD_CONN_FLUSHING:
	case WSD_CONN_DRAINING:
		return true;
	case WSD_CONN_CLOSED:
		break;
	}
	return false;
}

void
wsd_conn_watch(struct wsd_conn *c)
{
	int events = (takes_input(c) ? EV_READ : 0) | (c->blocked ? EV_WRITE : 0);

	if (c->state == WSD_CONN_CLOSED || events == c->io.events)
		return;
	ev_io_stop(c->wsd->loop, &c->io);
	ev_io_modify(&c->io, events);
	if (events != 0)
		ev_io_start(c->wsd->loop, &c->io);
}

/* All that was queued is out. */
static void
flushed(struct wsd_conn *c)
{
	switch ((enum wsd_conn_state)c->state) {
	case WSD_CONN_HTTP:
		wsd_http_flushed(c);
		break;
	case WSD_CONN_OPEN:
	case WSD_CONN_ENDING:
		deadline_clear(c);
		break;
	case WSD_CONN_FLUSHING:
		if (c->eof || shutdown(c->io.fd, SHUT_WR) == -1) {
			wsd_conn_close(c, "socket end");
			break;
		}
		c->state = WSD_CONN_DRAINING;
		deadline_set(c, DEADLINE_CLOSE);
		break;
	case WSD_CONN_NEW:
	case WSD_CONN_POLICY:
	case WSD_CONN_DRAINING:
	case WSD_CONN_CLOSED:
		break;
	}
}

void
wsd_conn_flush(struct wsd_conn *c)
{
	size_t written = 0;

	if (!c->blocked) {
		switch (outqueue_write(&c->out, c->io.fd, &written)) {
		case OUTQUEUE_FAILED:
			wsd_conn_close(c, "socket error");
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
	wsd_conn_watch(c);
}

void
wsd_conn_rollback(struct wsd_conn *c)
{
	if (!wsd_conn_marked(c) || c->state == WSD_CONN_CLOSED)
		return;
	outqueue_cut(&c->out, c->before);
	ws_rollback(c);
}

static void
finalize(struct wsd_conn *c)
{
	if (c->is_dead)
		return;
	c->is_dead = true;
	wsd_http_close(c);
	ws_end(c);
	outqueue_free(&c->out);
	SLIST_INSERT_HEAD(&c->wsd->dead, c, dead);
}

void
wsd_conn_after(struct wsd_conn *c)
{
	switch ((enum wsd_conn_state)c->state) {
	case WSD_CONN_HTTP:
		wsd_http_after(c);
		wsd_conn_watch(c);
		break;
	case WSD_CONN_ENDING:
		ws_end(c);
		break;
	case WSD_CONN_CLOSED:
		finalize(c);
		break;
	case WSD_CONN_NEW:
	case WSD_CONN_POLICY:
	case WSD_CONN_OPEN:
	case WSD_CONN_FLUSHING:
	case WSD_CONN_DRAINING:
		break;
	}
}

void
wsd_conn_expire(struct wsd_conn *c)
{
	switch ((enum deadline)c->waits) {
	case DEADLINE_REQUEST:
		if (c->state == WSD_CONN_HTTP)
			wsd_http_expire(c);
		else
			wsd_conn_close(c, "request timeout");
		break;
	case DEADLINE_POLICY:
		wsd_conn_close(c, "request timeout");
		break;
	case DEADLINE_SEND:
		wsd_conn_close(c, "send timeout");
		break;
	case DEADLINE_IDLE:
	case DEADLINE_CLOSE:
	case DEADLINE_NONE:
	case DEADLINE_COUNT:
		wsd_conn_close(c, "socket end");
		break;
	}
}

void
wsd_conn_drain(struct wsd_conn *c)
{
	if (c->state == WSD_CONN_NEW || c->state == WSD_CONN_POLICY ||
	    (c->state == WSD_CONN_HTTP && wsd_http_idle(c)))
		wsd_conn_close(c, "socket end");
}
