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
#include "wsd/worker.h"

#define ACCEPTS_AT_ONCE 64
#define OVER_AT_ONCE    16 /* of them over the limit */
#define PAUSE_S         1.

/* How long a worker leaves a new connection to the others: one that has more than its share, and
 * one that would refuse it.  And how many it takes of those that are still there then. */
#define ASIDE_S   0.002
#define REFUSE_S  0.05
#define LEFT_OVER 16

/* Connections over the limit that get their 503 and are closed in order; beyond that, the 503 is
 * written once and the descriptor closed. */
#define REFUSED_AT_ONCE 64

struct wsd_listener {
	struct wsd *w;
	const struct protocol *first; /* of every connection */
	struct listen sockets;
	struct ev_io io[LISTEN_MAX]; /* of each */
	struct ev_timer pause;       /* no descriptors: accept nothing for a while */
	struct ev_timer aside;       /* the next connections are the other workers' ... */
	double waited;               /* ... for so many seconds */
	int reserve;                 /* a descriptor to refuse one client with; -1: none */
	bool stopped;
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

/* Connections that count against the limit. */
static size_t
count_conns(const struct wsd *w)
{
	return w->conns_n - w->refused_n - w->closed_n;
}

void
wsd_listener_report(struct wsd_listener *l)
{
	const struct worker *worker = l->w->worker;

	if (worker != NULL && !l->stopped)
		balance_set(worker->balance, worker->index, count_conns(l->w));
}

static void
count_refused(struct wsd *w)
{
	w->counters.refused++;
	server_count_refused(w->sv);
}

/* Write a 503 on a descriptor that gets no connection, as far as the kernel takes it, and close. */
static void
refuse_and_close(int fd, bool tls)
{
	if (!tls) /* else nobody could read it before a handshake */
		outqueue_write_once(
		    fd, wsd_reply_error(503, "No connection is free.", (struct slice){NULL, 0}));
	close(fd);
}

/* A connection that was accepted; owns `fd`.  NULL: out of memory. */
static struct wsd_conn *
wsd_listener_take(struct wsd_listener *l, int fd, bool tls)
{
	struct wsd_conn *c = wsd_conn_open(l->w, fd, l->first);

	if (c != NULL && tls)
		wsd_conn_start_tls(c);
	return c;
}

static void
wsd_listener_refuse(struct wsd_listener *l, int fd, bool tls)
{
	struct wsd *w = l->w;
	struct wsd_conn *c;

	count_refused(w);
	if (w->refused_n >= REFUSED_AT_ONCE) {
		refuse_and_close(fd, tls);
		return;
	}
	c = wsd_listener_take(l, fd, tls);
	if (c == NULL)
		return;
	/* TLS could not begin: it counts as closed */
	if (c->state == WSD_CONN_CLOSED)
		return;
	c->is_refused = true;
	w->refused_n++;
	wsd_conn_send(c, wsd_reply_error(503, "Too many connections.", (struct slice){NULL, 0}));
	wsd_conn_finish(c);
}

static bool
is_full(const struct wsd *w)
{
	return count_conns(w) >= w->conns_max;
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
wsd_listener_pause_accept(struct wsd_listener *l, size_t socket)
{
	int fd, listening = l->sockets.fd[socket];

	count_refused(l->w);
	log_limited(
	    LOG_LEVEL_WARN, "accept: refusing new connections for a second: %s", strerror(errno));
	if (l->reserve != -1) {
		/* the client is in the backlog, and would hang there: give up the reserve to accept
		 * it, and tell it */
		close(l->reserve);
		fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1)
			refuse_and_close(fd, l->sockets.tls[socket]);
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	/* the socket stays readable: watched, it would wake the loop all the time */
	wsd_listener_watch(l, false);
	ev_timer_set(&l->pause, PAUSE_S, 0.);
	ev_timer_start(l->w->loop, &l->pause);
}

/* For how long the next connection is to be left to other workers, in seconds. */
static double
others_first(const struct wsd *w)
{
	const struct worker *worker = w->worker;
	bool full = is_full(w);

	if (worker == NULL || balance_is_alone(worker->balance, worker->index))
		return 0.;
	/* another worker may have a silent connection to close */
	if (full && deadline_longest_silent(w) == NULL)
		return REFUSE_S;
	return balance_is_anothers(worker->balance, worker->index, count_conns(w), full) ? ASIDE_S
	                                                                                 : 0.;
}

/* The socket stays readable until another worker has taken the connection. */
static void
wsd_listener_step_aside(struct wsd_listener *l, double seconds)
{
	wsd_listener_watch(l, false);
	l->waited = seconds;
	ev_timer_stop(l->w->loop, &l->aside); /* started for another socket */
	ev_timer_set(&l->aside, seconds, 0.);
	ev_timer_start(l->w->loop, &l->aside);
}

/* Accept up to `most` connections of a socket, which other workers had `waited` seconds to take. */
static void
wsd_listener_accept(struct wsd_listener *l, size_t socket, int most, double waited)
{
	struct wsd *w = l->w;
	int listening = l->sockets.fd[socket];
	bool tls = l->sockets.tls[socket];
	int over = 0;

	for (int i = 0; i < most && over < OVER_AT_ONCE && !must_wait(w); i++) {
		double seconds = others_first(w);
		bool full = is_full(w);
		int fd;

		if (seconds > waited) {
			wsd_listener_step_aside(l, seconds);
			return;
		}
		fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		over += full;
		if (fd != -1 && (!full || displace_silent(w))) {
			w->counters.accepted++;
			(void)wsd_listener_take(l, fd, tls);
		} else if (fd != -1) {
			wsd_listener_refuse(l, fd, tls);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			wsd_listener_pause_accept(l, socket);
			return;
		} /* else that client has left already; the next may not have */
		wsd_listener_report(l);
	}
}

static void
wsd_listener_on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct wsd_listener *l = io->data;

	(void)loop;
	(void)events;
	/* several at once spare turns, but those that are connected want their turn, too */
	wsd_listener_accept(l, (size_t)(io - l->io), ACCEPTS_AT_ONCE, 0.);
}

void
wsd_listener_finish(struct wsd_listener *l)
{
	for (size_t i = 0; i < l->sockets.n; i++)
		wsd_listener_accept(l, i, SOMAXCONN, REFUSE_S);
}

static void
wsd_listener_on_aside_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct wsd_listener *l = timer->data;
	double waited = l->waited;

	(void)loop;
	(void)events;
	wsd_listener_watch(l, true);
	/* a worker that had to take these may be busy, or stuck */
	for (size_t i = 0; i < l->sockets.n && !ev_is_active(&l->pause); i++)
		wsd_listener_accept(l, i, LEFT_OVER, waited);
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
wsd_listener_open(struct wsd *w, struct listen *sockets, const struct protocol *first)
{
	struct wsd_listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		log_err("cannot open [wsd] listen");
		listen_close(sockets);
		return EX_OSERR;
	}
	l->w = w;
	l->first = first;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_timer_init(&l->pause, wsd_listener_on_pause_over, 0., 0.);
	l->pause.data = l;
	ev_timer_init(&l->aside, wsd_listener_on_aside_over, 0., 0.);
	l->aside.data = l;
	w->conns_max = limit_connections(w->cfg);
	l->sockets = *sockets;
	sockets->n = 0;
	for (size_t i = 0; i < l->sockets.n; i++) {
		ev_io_init(&l->io[i], wsd_listener_on_readable, l->sockets.fd[i], EV_READ);
		/* after the connections: they may have spoken by now, or left */
		ev_set_priority(&l->io[i], EV_MINPRI);
		l->io[i].data = l;
	}
	w->listener = l;
	return 0;
}

const struct listen *
wsd_listener_sockets(const struct wsd_listener *l)
{
	return &l->sockets;
}

void
wsd_listener_start(struct wsd_listener *l)
{
	l->stopped = false;
	wsd_listener_watch(l, true);
	wsd_listener_report(l);
}

void
wsd_listener_reload(struct wsd_listener *l)
{
	if (l != NULL)
		l->w->conns_max = limit_connections(l->w->cfg);
}

void
wsd_listener_stop(struct wsd_listener *l)
{
	l->stopped = true;
	wsd_listener_watch(l, false);
	ev_timer_stop(l->w->loop, &l->pause);
	ev_timer_stop(l->w->loop, &l->aside);
	if (l->w->worker != NULL)
		balance_leave(l->w->worker->balance, l->w->worker->index);
}

void
wsd_listener_close(struct wsd_listener *l)
{
	if (l == NULL)
		return;
	wsd_listener_stop(l);
	listen_close(&l->sockets);
	if (l->reserve != -1)
		close(l->reserve);
	free(l);
}
