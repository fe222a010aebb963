#include "policyd/clients.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/network.h"
#include "shared/base/daemon.h"
#include "shared/base/log.h"

#define ACCEPTS_AT_ONCE 64
#define PAUSE_S         1.

/* A request has 23 bytes; a client that sends more than this is dropped. */
#define RECEIVED_MAX 1024

/* One connection. */
struct client {
	struct ev_io io;
	struct clients *all;
	struct network *net;
	size_t sent, received; /* bytes */
	bool half_closed;      /* it sends no more, but may still read */
	ev_tstamp deadline_at; /* of the whole connection */
	TAILQ_ENTRY(client) next;
	TAILQ_ENTRY(client) next_of_net;
};

/* In the order of their deadlines, since each gets the same time. */
TAILQ_HEAD(client_list, client);

struct clients {
	struct policyd *p;
	struct client_list list;
	size_t n, most;
	struct networks networks;
	struct ev_io listening[LISTEN_MAX];
	struct ev_timer deadline; /* of the first of the list */
	struct ev_timer pause;    /* no descriptors: accept nothing for a while */
	int reserve; /* closed to have a descriptor for refusing one client; -1: none */
	bool draining;
};

/* --- one connection ------------------------------------------------------------------------- */

static void
client_end(struct client *c)
{
	struct clients *all = c->all;

	ev_io_stop(all->p->loop, &c->io);
	close(c->io.fd);
	TAILQ_REMOVE(&all->list, c, next);
	TAILQ_REMOVE(&c->net->clients, c, next_of_net);
	all->n--;
	network_give(&all->networks, c->net);
	free(c);
	/* SIGTERM waits for the last one */
	if (all->draining && all->n == 0)
		ev_break(all->p->loop, EVBREAK_ALL);
}

static void
client_watch(struct client *c, int events)
{
	if (c->io.events == events && ev_is_active(&c->io))
		return;
	ev_io_stop(c->all->p->loop, &c->io);
	ev_io_set(&c->io, c->io.fd, events);
	ev_io_start(c->all->p->loop, &c->io);
}

/* Send the rest of the policy.  Return -1 when the connection is finished, or broken. */
static int
send_policy(struct client *c)
{
	struct policyd *p = c->all->p;
	struct slice todo = slice_skip(buf_slice(&p->policy), c->sent);
	ssize_t n = send(c->io.fd, todo.p, todo.n, MSG_NOSIGNAL);

	if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return -1;
	if (n > 0)
		c->sent += (size_t)n;
	if (c->sent < p->policy.n) { /* the rest when the kernel has room */
		client_watch(c, c->half_closed ? EV_WRITE : EV_READ | EV_WRITE);
		return 0;
	}
	/* all is sent: end our side, and wait for the client to end its own, so that the answer
	 * is not reset */
	p->counters.answered++;
	client_watch(c, EV_READ);
	return c->half_closed ? -1 : shutdown(c->io.fd, SHUT_WR);
}

/* Read the request and drop it.  Return -1 when the client has left, or sends too much. */
static int
receive_request(struct client *c)
{
	char request[RECEIVED_MAX];
	ssize_t n = recv(c->io.fd, request, sizeof(request), 0);

	if (n == -1)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
	c->received += (size_t)n;
	/* dropped: sends endlessly, or has the whole answer and left */
	if (c->received > RECEIVED_MAX || (n == 0 && c->sent == c->all->p->policy.n))
		return -1;
	/* its end of the request came before all of the answer was sent: it may still read */
	if (n == 0) {
		c->half_closed = true;
		client_watch(c, EV_WRITE);
	}
	return 0;
}

static void
client_on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct client *c = io->data;

	(void)loop;
	if (((events & EV_WRITE) != 0 && send_policy(c) == -1) ||
	    ((events & EV_READ) != 0 && receive_request(c) == -1))
		client_end(c);
}

/* --- deadlines ------------------------------------------------------------------------------ */

static void
arm_deadline(struct clients *all)
{
	const struct client *first = TAILQ_FIRST(&all->list);
	ev_tstamp left;

	/* a running timer is for the first or for one that left: it is set again when it fires */
	if (first == NULL || ev_is_active(&all->deadline))
		return;
	left = first->deadline_at - ev_now(all->p->loop);
	ev_timer_set(&all->deadline, left > 0. ? left : 0., 0.);
	ev_timer_start(all->p->loop, &all->deadline);
}

static void
clients_on_deadline(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct clients *all = timer->data;
	struct client *c;

	(void)events;
	while ((c = TAILQ_FIRST(&all->list)) != NULL && c->deadline_at <= ev_now(loop)) {
		all->p->counters.late++;
		client_end(c);
	}
	arm_deadline(all);
}

/* --- accepting ------------------------------------------------------------------------------ */

/* Room for one more of this network, which counts it already.  Who is silent for the longest goes:
 * it has its answer, or does not read it, while the newcomer asks now. */
static void
make_room(struct clients *all, const struct network *net)
{
	struct policyd *p = all->p;
	size_t most = p->cfg->policyd_connections_per_address;

	if (most > 0 && net->n > most) {
		p->counters.displaced++;
		client_end(TAILQ_FIRST(&net->clients));
	}
	if (all->n >= all->most) {
		p->counters.displaced++;
		client_end(TAILQ_FIRST(&all->list));
	}
}

/* Owns `fd`. */
static void
accept_client(struct clients *all, int fd, const struct sockaddr_storage *from)
{
	struct policyd *p = all->p;
	struct network *net = network_take(&all->networks, from);
	struct client *c = net == NULL ? NULL : calloc(1, sizeof(*c));

	if (c == NULL) {
		if (net != NULL)
			network_give(&all->networks, net);
		p->counters.refused++;
		close(fd);
		return;
	}
	make_room(all, net);
	c->all = all;
	c->net = net;
	c->deadline_at = ev_now(p->loop) + (double)p->cfg->request_timeout_ms / 1000;
	ev_io_init(&c->io, client_on_io, fd, EV_READ);
	c->io.data = c;
	TAILQ_INSERT_TAIL(&all->list, c, next);
	TAILQ_INSERT_TAIL(&net->clients, c, next_of_net);
	all->n++;
	arm_deadline(all);
	/* without waiting for the request, as the reference does */
	if (send_policy(c) == -1)
		client_end(c);
}

static void
clients_watch(struct clients *all, bool on)
{
	for (size_t i = 0; i < all->p->listen.n; i++) {
		if (on)
			ev_io_start(all->p->loop, &all->listening[i]);
		else
			ev_io_stop(all->p->loop, &all->listening[i]);
	}
}

/* A copy of standard input: the root directory may have no /dev/null to open. */
static int
clients_reserve(void)
{
	return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static void
clients_on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct clients *all = timer->data;

	(void)loop;
	(void)events;
	if (all->reserve == -1)
		all->reserve = clients_reserve();
	clients_watch(all, true);
}

/* Out of descriptors: refuse one client, so that it does not wait in vain, then accept none for a
 * while.  Else the loop would spin on the readable socket. */
static void
clients_pause_accept(struct clients *all, int listening)
{
	int fd;

	log_limited(LOG_LEVEL_WARN, "no descriptor for another client: none is accepted for %d ms",
	    (int)(PAUSE_S * 1000));
	all->p->counters.refused++;
	if (all->reserve != -1) {
		close(all->reserve);
		fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1)
			close(fd);
		all->reserve = clients_reserve();
	}
	clients_watch(all, false);
	ev_timer_set(&all->pause, PAUSE_S, 0.);
	ev_timer_start(all->p->loop, &all->pause);
}

static void
clients_on_connection(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct clients *all = io->data;

	(void)loop;
	(void)events;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
		socklen_t n = sizeof(from);
		int fd =
		    accept4(io->fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1) {
			accept_client(all, fd, &from);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			clients_pause_accept(all, io->fd);
			return;
		} /* else this client has left already, perhaps not the next */
	}
}

/* --- all of them ---------------------------------------------------------------------------- */

static size_t
clients_limit(const struct policyd *p)
{
	size_t descriptors = daemon_raise_descriptors(), most = p->cfg->policyd_connections;

	return most < descriptors ? most : descriptors;
}

int
clients_open(struct policyd *p)
{
	struct clients *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return -1;
	all->p = p;
	all->most = clients_limit(p);
	all->reserve = clients_reserve();
	TAILQ_INIT(&all->list);
	ev_timer_init(&all->deadline, clients_on_deadline, 0., 0.);
	ev_timer_init(&all->pause, clients_on_pause_over, 0., 0.);
	all->deadline.data = all->pause.data = all;
	for (size_t i = 0; i < p->listen.n; i++) {
		ev_io_init(&all->listening[i], clients_on_connection, p->listen.fd[i], EV_READ);
		/* after the callbacks of clients that leave, which make room */
		ev_set_priority(&all->listening[i], EV_MINPRI);
		all->listening[i].data = all;
	}
	clients_watch(all, true);
	p->clients = all;
	return 0;
}

void
clients_reload(struct policyd *p, struct buf *policy)
{
	struct clients *all = p->clients;
	ev_tstamp latest = ev_now(p->loop) + (double)p->cfg->request_timeout_ms / 1000;
	struct buf old = p->policy;
	struct client *c, *next;

	p->policy = *policy;
	*policy = old;
	all->most = clients_limit(p);
	for (c = TAILQ_FIRST(&all->list); c != NULL; c = next) {
		next = TAILQ_NEXT(c, next);
		/* the list stays in order: those to come are due no earlier */
		if (c->deadline_at > latest)
			c->deadline_at = latest;
		if (c->sent == old.n)
			c->sent = p->policy.n;
		else if (c->sent > 0 && !slice_equal(buf_slice(&old), buf_slice(&p->policy)))
			client_end(c);
	}
	/* it runs until the first deadline as that was before */
	ev_timer_stop(p->loop, &all->deadline);
	arm_deadline(all);
}

void
clients_drain(struct policyd *p)
{
	struct clients *all = p->clients;

	/* the end of a pause would accept again */
	ev_timer_stop(p->loop, &all->pause);
	clients_watch(all, false);
	listen_close(&p->listen);
	all->draining = true;
	if (all->n == 0)
		ev_break(p->loop, EVBREAK_ALL);
}

size_t
clients_count(const struct policyd *p)
{
	return p->clients->n;
}

void
clients_close(struct policyd *p)
{
	struct clients *all = p->clients;
	struct client *c;

	if (all == NULL)
		return;
	while ((c = TAILQ_FIRST(&all->list)) != NULL)
		client_end(c);
	ev_timer_stop(p->loop, &all->deadline);
	ev_timer_stop(p->loop, &all->pause);
	clients_watch(all, false);
	if (all->reserve != -1)
		close(all->reserve);
	free(all);
	p->clients = NULL;
}
