#include "wsd/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/slice.h"
#include "wsd/reply.h"
#include "wsd/conn.h"
#include "wsd/outqueue.h"

#define SOCKETS           16
#define FIRST_HANDED_OVER 3 /* SD_LISTEN_FDS_START */
#define ACCEPTS_AT_ONCE   64
#define PAUSE_S           1.

/* Some containers allow a billion; a table of so many is not what anyone wants. */
#define DESCRIPTORS_MAX ((rlim_t)1 << 20)

/* Descriptors that are no connections: store, wake-ups, log, listeners, the module's. */
#define DESCRIPTORS_OWN 64

struct listener {
	struct wsd *w;
	size_t n;
	struct ev_io io[SOCKETS];
	struct ev_timer pause; /* no descriptors: accept nothing for a while */
	int reserve;           /* given up to tell one client that there are none; -1: none */
};

/* --- accepting ------------------------------------------------------------------------------ */

static void
watch(struct listener *l, bool on)
{
	for (size_t i = 0; i < l->n; i++) {
		if (on)
			ev_io_start(l->w->loop, &l->io[i]);
		else
			ev_io_stop(l->w->loop, &l->io[i]);
	}
}

static void
on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct listener *l = timer->data;

	(void)loop;
	(void)events;
	if (l->reserve == -1)
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	watch(l, true);
}

/* Out of descriptors: whoever waits next is told so, then there is a pause. */
static void
shed(struct listener *l, int listening)
{
	int fd;

	log_warn("no descriptor for a new connection");
	if (l->reserve != -1) {
		close(l->reserve);
		fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1) {
			outqueue_say(
			    fd, reply_error(503, "Too many connections.", (struct slice){NULL, 0}));
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
	struct listener *l = io->data;
	struct wsd *w = l->w;

	(void)loop;
	(void)events;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1 && w->conns_n < w->conns_max) {
			conn_open(w, fd);
		} else if (fd != -1) {
			conn_refuse(w, fd);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			shed(l, io->fd);
			return;
		} /* else that client has left already; the next may not have */
	}
}

/* --- listening ------------------------------------------------------------------------------ */

/* Owns `fd`, on failure too. */
static int
add(struct listener *l, int fd)
{
	struct ev_io *io = &l->io[l->n];
	int on = 1, flags = fcntl(fd, F_GETFL);

	if (l->n == SOCKETS || flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		close(fd);
		return -1;
	}
	/* what is accepted inherits it; a unix socket has none */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ev_io_init(io, on_connection, fd, EV_READ);
	io->data = l;
	l->n++;
	return 0;
}

/* Listen on one resolved address.  Return -1 with errno. */
static int
listen_on(struct listener *l, const struct addrinfo *ai)
{
	int on = 1, saved;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		goto fail;
	/* "*" asks for both families, one socket each */
	if (ai->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1)
		goto fail;
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 || listen(fd, SOMAXCONN) == -1)
		goto fail;
	return add(l, fd);
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Cut "host:port" in two; "[::1]:8081" has brackets, "*" and no host mean every address. */
static int
split(char *text, const char **host, const char **port)
{
	char *colon = strrchr(text, ':');
	char *end;

	if (colon == NULL || colon[1] == '\0')
		return -1;
	*port = colon + 1;
	*colon = '\0';
	*host = text;
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end == NULL || end[1] != '\0')
			return -1;
		*end = '\0';
		*host = text + 1;
	}
	if (**host == '\0' || strcmp(*host, "*") == 0)
		*host = NULL;
	return 0;
}

/* Listen on one word of the configuration.  Return -1 after saying why. */
static int
listen_at(struct listener *l, struct slice word)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *all, *ai;
	const char *host, *port;
	char text[300];
	size_t before = l->n;
	int r, reason = 0;

	if (word.n >= sizeof(text)) {
		log_errx("[wsd] listen: an address is too long");
		return -1;
	}
	memcpy(text, word.p, word.n);
	text[word.n] = '\0';
	if (split(text, &host, &port) == -1) {
		log_errx("[wsd] listen: %.*s is not host:port", (int)word.n, word.p);
		return -1;
	}
	r = getaddrinfo(host, port, &hints, &all);
	if (r != 0) {
		log_errx("[wsd] listen: %.*s: %s", (int)word.n, word.p, gai_strerror(r));
		return -1;
	}
	for (ai = all; ai != NULL; ai = ai->ai_next) {
		if (listen_on(l, ai) == 0)
			continue;
		reason = errno;
		if (reason == EADDRINUSE || reason == EACCES)
			break;
	}
	freeaddrinfo(all);
	/* a machine without IPv6 still has the other half of "*" and "localhost" */
	if (l->n > before && reason != EADDRINUSE && reason != EACCES)
		return 0;
	if (reason == EADDRINUSE) {
		log_errx(
		    "cannot listen on %.*s: another program has taken it", (int)word.n, word.p);
	} else {
		errno = reason;
		log_err("cannot listen on %.*s", (int)word.n, word.p);
	}
	return -1;
}

/* Sockets that systemd opened for us.  Return how many, or -1. */
static int
take_handed_over(struct listener *l)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	long n;

	if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	n = strtol(count, NULL, 10);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int i = 0; i < n; i++) {
		if (i == SOCKETS || add(l, FIRST_HANDED_OVER + i) == -1) {
			log_errx("socket %d of LISTEN_FDS cannot be used", i);
			return -1;
		}
	}
	return n > 0 ? (int)n : 0;
}

static int
listen_everywhere(struct listener *l)
{
	struct slice rest = slice_of(l->w->cfg->wsd_listen), word;
	int handed_over = take_handed_over(l);

	if (handed_over != 0)
		return handed_over > 0 ? 0 : -1;
	while (slice_cut(&rest, ' ', &word))
		if (word.n > 0 && listen_at(l, word) == -1)
			return -1;
	if (l->n == 0) {
		log_errx("[wsd] listen names no address");
		return -1;
	}
	return 0;
}

/* How many connections there can be. */
static size_t
raise_descriptors(const struct config *cfg)
{
	struct rlimit limit;
	size_t most = 1024 - DESCRIPTORS_OWN;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		rlim_t want = limit.rlim_max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : limit.rlim_max;

		if (limit.rlim_cur < want) {
			limit.rlim_cur = want;
			(void)setrlimit(RLIMIT_NOFILE, &limit);
			(void)getrlimit(RLIMIT_NOFILE, &limit);
		}
		most = limit.rlim_cur > 2 * DESCRIPTORS_OWN ? limit.rlim_cur - DESCRIPTORS_OWN
		                                            : DESCRIPTORS_OWN;
	}
	if (cfg->connections > most)
		log_warnx("limits.connections is %zu, but only %zu descriptors are to be had",
		    cfg->connections, most);
	return cfg->connections == 0 ? most : cfg->connections;
}

struct listener *
listener_open(struct wsd *w)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		log_err("listen");
		return NULL;
	}
	l->w = w;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_timer_init(&l->pause, on_pause_over, 0., 0.);
	l->pause.data = l;
	w->conns_max = raise_descriptors(w->cfg);
	if (listen_everywhere(l) == -1) {
		listener_close(l);
		return NULL;
	}
	return l;
}

void
listener_start(struct listener *l)
{
	watch(l, true);
}

void
listener_close(struct listener *l)
{
	if (l == NULL)
		return;
	watch(l, false);
	ev_timer_stop(l->w->loop, &l->pause);
	for (size_t i = 0; i < l->n; i++)
		close(l->io[i].fd);
	if (l->reserve != -1)
		close(l->reserve);
	free(l);
}
