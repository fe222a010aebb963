#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "fcgi/conn.h"
#include "fcgi/incoming.h"
#include "shared/base/daemon.h"
#include "shared/base/listen.h"
#include "shared/base/log.h"

#define ACCEPT_AT_ONCE 256 /* all polls of a broadcast come back at the same time */
#define DISPLACED_MAX  16  /* over the limit, until the turn ends */
#define PAUSE_S        0.2 /* short: polls end, and free their descriptors, all the time */

struct fcgi_listener {
	struct fcgi *fcgi;
	struct listen sockets;
	struct ev_io io[LISTEN_MAX]; /* of each */
	struct ev_timer pause;       /* no descriptors: accept nothing for a while */
	int reserve; /* closed to have a descriptor for refusing one connection; -1: none */
};

static void
watch_sockets(struct fcgi_listener *l, bool on)
{
	for (size_t i = 0; i < l->sockets.n; i++) {
		if (on)
			ev_io_start(l->fcgi->loop, &l->io[i]);
		else
			ev_io_stop(l->fcgi->loop, &l->io[i]);
	}
}

static void
fcgi_listener_on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct fcgi_listener *l = timer->data;

	(void)loop;
	(void)events;
	if (l->reserve == -1)
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	watch_sockets(l, true);
}

/* Without descriptors: accept one connection all the same, to refuse it. */
static void
refuse_with_reserve(struct fcgi_listener *l, int listening)
{
	int fd;

	if (l->reserve == -1)
		return;
	close(l->reserve);
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd != -1)
		close(fd);
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* One connection was refused, so that the web server sees an error and not a timeout.  Accept none
 * for a while, or the loop would spin on the readable socket. */
static void
fcgi_listener_pause_accept(struct fcgi_listener *l)
{
	log_limited(LOG_LEVEL_WARN,
	    "%zu connections are open, and there is no descriptor for the next: not "
	    "accepting for %d ms; raise the limit on open files",
	    l->fcgi->conns_n, (int)(PAUSE_S * 1000));
	watch_sockets(l, false);
	ev_timer_set(&l->pause, PAUSE_S, 0.);
	ev_timer_start(l->fcgi->loop, &l->pause);
}

static void
fcgi_listener_on_connection(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct fcgi_listener *l = io->data;
	struct fcgi *f = l->fcgi;
	int fd;

	(void)loop;
	(void)events;
	/* what is left in the backlog comes in the next turn */
	for (int i = 0; i < ACCEPT_AT_ONCE && f->conns_n < f->conns_max + DISPLACED_MAX; i++) {
		fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1 &&
		    (f->conns_n - f->closed_n < f->conns_max || fcgi_conn_displace(f))) {
			incoming_open(f, fd);
		} else if (fd != -1) {
			/* the descriptors that are left are for the store */
			close(fd);
			fcgi_listener_pause_accept(l);
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			refuse_with_reserve(l, io->fd);
			fcgi_listener_pause_accept(l);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return; /* EAGAIN: another process took it, or there are no more */
		}
	}
}

int
fcgi_listener_open(struct fcgi *f, const char *addresses)
{
	struct fcgi_listener *l = calloc(1, sizeof(*l));
	int code;

	if (l == NULL) {
		log_err("cannot open [fcgi] listen");
		return EX_OSERR;
	}
	l->fcgi = f;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_timer_init(&l->pause, fcgi_listener_on_pause_over, 0., 0.);
	l->pause.data = l;
	f->conns_max = daemon_raise_descriptors();
	if (addresses[0] == '\0' && listen_inherited() == 0)
		code = listen_open_stdin(&l->sockets);
	else
		code = listen_open_plain(&l->sockets, "[fcgi] listen", addresses);
	if (code != 0) {
		fcgi_listener_close(l);
		return code;
	}
	for (size_t i = 0; i < l->sockets.n; i++) {
		ev_io_init(&l->io[i], fcgi_listener_on_connection, l->sockets.fd[i], EV_READ);
		l->io[i].data = l;
	}
	f->listener = l;
	return 0;
}

void
fcgi_listener_start(struct fcgi_listener *l)
{
	watch_sockets(l, true);
}

void
fcgi_listener_finish(struct fcgi_listener *l)
{
	for (size_t i = 0; i < l->sockets.n; i++)
		fcgi_listener_on_connection(l->fcgi->loop, &l->io[i], EV_READ);
	fcgi_listener_close(l);
}

void
fcgi_listener_close(struct fcgi_listener *l)
{
	if (l == NULL)
		return;
	watch_sockets(l, false);
	ev_timer_stop(l->fcgi->loop, &l->pause);
	listen_close(&l->sockets);
	if (l->reserve != -1)
		close(l->reserve);
	free(l);
}
