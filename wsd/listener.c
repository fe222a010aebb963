#include "wsd/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/base/daemon.h"
#include "shared/base/listen.h"
#include "shared/base/log.h"
#include "wsd/conn.h"
#include "wsd/deadline.h"
#include "wsd/outqueue.h"
#include "wsd/reply.h"

#define ACCEPTS_AT_ONCE 64
#define OVER_AT_ONCE    16 /* of them over the limit */
#define PAUSE_S         1.

/* Connections over the limit that get their 503 and are closed in order; beyond that, the 503 is
 * written once and the descriptor closed. */
#define REFUSED_AT_ONCE 64

struct wsd_listener {
	struct wsd *w;
	const struct protocol *first; /* of every connection */
	struct listen sockets;
	struct ev_io io[LISTEN_MAX]; /* of each */
	struct ev_timer pause;       /* no descriptors: accept nothing for a while */
	int reserve;                 /* a descriptor to refuse one client with; -1: none */
};

/* --- accepting ------------------------------------------------------------------------------ */

static void
wsd_listener_watch(struct wsd_listener *l, bool on)
{
	for (size_t i = 0; i < l->sockets.n; i++) {
		if (on)
			ev_io_start(l->w->loop, &l->io[i]);
		else
			ev_io_stop(l->w->loop, &l->io[i]);
	}
}

static void
wsd_listener_on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct wsd_listener *l = timer->data;

	(void)loop;
	(void)events;
	/* before accepting, which would take the last descriptor again */
	if (l->reserve == -1)
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	wsd_listener_watch(l, true);
}

/* Write a 503 on a descriptor that gets no connection, as far as the kernel takes it, and close. */
static void
refuse_and_close(int fd)
{
	outqueue_write_once(
	    fd, wsd_reply_error(503, "No connection is free.", (struct slice){NULL, 0}));
	close(fd);
}

static void
wsd_listener_refuse(struct wsd_listener *l, int fd)
{
	struct wsd *w = l->w;
	struct wsd_conn *c;

	w->counters.refused++;
	if (w->refused_n >= REFUSED_AT_ONCE) {
		refuse_and_close(fd);
		return;
	}
	c = wsd_conn_open(w, fd, l->first);
	if (c == NULL)
		return;
	c->is_refused = true;
	w->refused_n++;
	wsd_conn_send(c, wsd_reply_error(503, "Too many connections.", (struct slice){NULL, 0}));
	wsd_conn_finish(c);
}

static bool
is_full(const struct wsd *w)
{
	return w->conns_n - w->refused_n - w->closed_n >= w->conns_max;
}

/* Over the limit a newcomer takes the place of the connection that has been silent for the longest.
 * Whether it must wait for the next turn, since those that came in this one could not speak yet. */
static bool
must_wait(const struct wsd *w)
{
	const struct wsd_conn *c;

	if (!is_full(w))
		return false;
	c = deadline_longest_silent(w);
	return c != NULL && deadline_begun(c) >= w->now;
}

/* Return false when no connection is silent: all belong to sessions. */
static bool
displace_silent(struct wsd *w)
{
	struct wsd_conn *c = deadline_longest_silent(w);

	if (c == NULL)
		return false;
	w->counters.displaced++;
	wsd_conn_close(c, "displaced"); /* it is freed at the end of the turn */
	return true;
}

/* Out of descriptors: refuse one client, then accept nothing for a while. */
static void
wsd_listener_pause_accept(struct wsd_listener *l, int listening)
{
	int fd;

	l->w->counters.refused++;
	log_limited(
	    LOG_LEVEL_WARN, "accept: refusing new connections for a second: %s", strerror(errno));
	if (l->reserve != -1) {
		/* the client is in the backlog, and would hang there: give up the reserve to accept
		 * it, and tell it */
		close(l->reserve);
		fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1)
			refuse_and_close(fd);
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	/* the socket stays readable: watched, it would wake the loop all the time */
	wsd_listener_watch(l, false);
	ev_timer_set(&l->pause, PAUSE_S, 0.);
	ev_timer_start(l->w->loop, &l->pause);
}

static void
wsd_listener_on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct wsd_listener *l = io->data;
	struct wsd *w = l->w;
	int over = 0;

	(void)loop;
	(void)events;
	/* several at once spare turns, but those that are connected want their turn, too */
	for (int i = 0; i < ACCEPTS_AT_ONCE && over < OVER_AT_ONCE && !must_wait(w); i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		bool full = is_full(w);

		over += full;
		if (fd != -1 && (!full || displace_silent(w))) {
			w->counters.accepted++;
			(void)wsd_conn_open(w, fd, l->first);
		} else if (fd != -1) {
			wsd_listener_refuse(l, fd);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			wsd_listener_pause_accept(l, io->fd);
			return;
		} /* else that client has left already; the next may not have */
	}
}

/* --- listening ------------------------------------------------------------------------------ */

/* The number of connections that there can be. */
static size_t
limit_connections(const struct config *cfg)
{
	size_t most = daemon_raise_descriptors();

	if (cfg->connections > most)
		log_warnx("[limits] connections is %zu, but there are descriptors for %zu only: "
			  "raise the limit on open files",
		    cfg->connections, most);
	return cfg->connections == 0 ? most : cfg->connections;
}

int
wsd_listener_open(struct wsd *w, const char *addresses, const struct protocol *first)
{
	struct wsd_listener *l = calloc(1, sizeof(*l));
	int code;

	if (l == NULL) {
		log_err("cannot open [wsd] listen");
		return EX_OSERR;
	}
	l->w = w;
	l->first = first;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_timer_init(&l->pause, wsd_listener_on_pause_over, 0., 0.);
	l->pause.data = l;
	w->conns_max = limit_connections(w->cfg);
	code = listen_open(&l->sockets, "[wsd] listen", addresses);
	if (code != 0) {
		wsd_listener_close(l);
		return code;
	}
	for (size_t i = 0; i < l->sockets.n; i++) {
		ev_io_init(&l->io[i], wsd_listener_on_readable, l->sockets.fd[i], EV_READ);
		/* after the connections: they may have spoken by now, or left */
		ev_set_priority(&l->io[i], EV_MINPRI);
		l->io[i].data = l;
	}
	w->listener = l;
	return 0;
}

void
wsd_listener_start(struct wsd_listener *l)
{
	wsd_listener_watch(l, true);
}

void
wsd_listener_close(struct wsd_listener *l)
{
	if (l == NULL)
		return;
	wsd_listener_watch(l, false);
	ev_timer_stop(l->w->loop, &l->pause);
	listen_close(&l->sockets);
	if (l->reserve != -1)
		close(l->reserve);
	free(l);
}
