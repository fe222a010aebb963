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
#include "wsd/outqueue.h"
#include "wsd/reply.h"

#define ACCEPTS_AT_ONCE 64
#define PAUSE_S         1.

struct wsd_listener {
	struct wsd *w;
	struct listen sockets;
	struct ev_io io[LISTEN_MAX]; /* of each */
	struct ev_timer pause;       /* no descriptors: accept nothing for a while */
	int reserve;                 /* given up to tell one client that there are none; -1: none */
};

/* --- accepting ------------------------------------------------------------------------------ */

static void
watch(struct wsd_listener *l, bool on)
{
	for (size_t i = 0; i < l->sockets.n; i++) {
		if (on)
			ev_io_start(l->w->loop, &l->io[i]);
		else
			ev_io_stop(l->w->loop, &l->io[i]);
	}
}

static void
on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct wsd_listener *l = timer->data;

	(void)loop;
	(void)events;
	if (l->reserve == -1)
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	watch(l, true);
}

/* Out of descriptors: whoever waits next is told so, then there is a pause. */
static void
pause_accept(struct wsd_listener *l, int listening)
{
	int fd;

	l->w->counters.refused++;
	log_warn("no descriptor for a new connection");
	if (l->reserve != -1) {
		close(l->reserve);
		fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1) {
			outqueue_write_once(fd,
			    wsd_reply_error(503, "Too many connections.", (struct slice){NULL, 0}));
			close(fd);
		}
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	watch(l, false);
	ev_timer_set(&l->pause, PAUSE_S, 0.);
	ev_timer_start(l->w->loop, &l->pause);
}

static void
on_connection(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct wsd_listener *l = io->data;
	struct wsd *w = l->w;

	(void)loop;
	(void)events;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1 && w->conns_n < w->conns_max) {
			wsd_conn_open(w, fd);
		} else if (fd != -1) {
			wsd_conn_refuse(w, fd);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			pause_accept(l, io->fd);
			return;
		} /* else that client has left already; the next may not have */
	}
}

/* --- listening ------------------------------------------------------------------------------ */

/* How many connections there can be. */
static size_t
count_descriptors(const struct config *cfg)
{
	size_t most = daemon_raise_descriptors();

	if (cfg->connections > most)
		log_warnx("limits.connections is %zu, but only %zu descriptors are to be had",
		    cfg->connections, most);
	return cfg->connections == 0 ? most : cfg->connections;
}

int
wsd_listener_open(struct wsd *w, const char *addresses)
{
	struct wsd_listener *l = calloc(1, sizeof(*l));
	int code;

	if (l == NULL) {
		log_err("listen");
		return EX_OSERR;
	}
	l->w = w;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_timer_init(&l->pause, on_pause_over, 0., 0.);
	l->pause.data = l;
	w->conns_max = count_descriptors(w->cfg);
	code = listen_open(&l->sockets, "[wsd] listen", addresses);
	if (code != 0) {
		wsd_listener_close(l);
		return code;
	}
	for (size_t i = 0; i < l->sockets.n; i++) {
		ev_io_init(&l->io[i], on_connection, l->sockets.fd[i], EV_READ);
		l->io[i].data = l;
	}
	w->listener = l;
	return 0;
}

void
wsd_listener_start(struct wsd_listener *l)
{
	watch(l, true);
}

void
wsd_listener_close(struct wsd_listener *l)
{
	if (l == NULL)
		return;
	watch(l, false);
	ev_timer_stop(l->w->loop, &l->pause);
	listen_close(&l->sockets);
	if (l->reserve != -1)
		close(l->reserve);
	free(l);
}
