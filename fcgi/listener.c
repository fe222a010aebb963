#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi/conn.h"
#include "shared/base/log.h"

#define BACKLOG        SOMAXCONN /* 4096; all polls of a broadcast come back at the same time */
#define ACCEPT_AT_ONCE 256
#define PAUSE_S        0.2 /* without descriptors; polls end all the time */

static int
listen_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, probe;

	if (strlen(path) >= sizeof(address.sun_path)) {
		log_errx("listen: %s is too long for the path of a socket", path);
		return -1;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || probe == -1)
		goto fail;
	if (connect(probe, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		errno = EADDRINUSE;
		goto fail;
	}
	unlink(path); /* what a process of before has left */
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1 ||
	    chmod(path, 0660) == -1 || listen(fd, BACKLOG) == -1)
		goto fail;
	close(probe);
	return fd;
fail:
	log_err("listen: unix:%s", path);
	if (fd != -1)
		close(fd);
	if (probe != -1)
		close(probe);
	return -1;
}

static int
listen_tcp(const char *address)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
	const char *colon = strrchr(address, ':');
	char host[256];
	int fd = -1, error, on = 1;

	if (colon == NULL || (size_t)(colon - address) >= sizeof(host)) {
		log_errx("listen: \"%s\" is neither unix:/path nor host:port", address);
		return -1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	error = getaddrinfo(host[0] == '\0' ? NULL : host, colon + 1, &hints, &found);
	if (error != 0) {
		log_errx("listen: %s: %s", address, gai_strerror(error));
		return -1;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) == -1 || listen(fd, BACKLOG) == -1) {
		log_err("listen: %s", address);
		if (fd != -1)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

static bool
is_listening(int fd)
{
	int yes = 0;
	socklen_t n = sizeof(yes);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes;
}

int
listener_socket(const char *address)
{
	const char *pid = getenv("LISTEN_PID");
	int fd;

	if (strncmp(address, "unix:", 5) == 0)
		return listen_unix(address + 5);
	if (address[0] != '\0')
		return listen_tcp(address);
	fd = pid != NULL && atoi(pid) == getpid() && is_listening(3) ? 3 : 0;
	if (!is_listening(fd)) {
		log_errx("no web server has started this program with a socket; "
			 "give it one to listen on: -l unix:/path");
		return -1;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* No descriptor is left: refuse one connection with the reserve, then wait a little. */
static void
run_out(struct fcgi *f)
{
	int fd;

	log_warnx("out of descriptors: no new requests for a moment");
	close(f->reserve_fd);
	fd = accept4(f->accept.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd != -1)
		close(fd);
	f->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_io_stop(f->loop, &f->accept);
	ev_timer_set(&f->accept_again, PAUSE_S, 0.);
	ev_timer_start(f->loop, &f->accept_again);
}

static void
on_accept(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct fcgi *f = io->data;

	(void)loop;
	(void)events;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				run_out(f);
			return;
		}
		conn_open(f, fd);
	}
}

static void
on_accept_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct fcgi *f = timer->data;

	(void)events;
	ev_io_start(loop, &f->accept);
}

void
listener_start(struct fcgi *f, int fd)
{
	f->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_timer_init(&f->accept_again, on_accept_again, 0., 0.);
	f->accept_again.data = f;
	ev_io_init(&f->accept, on_accept, fd, EV_READ);
	f->accept.data = f;
	ev_io_start(f->loop, &f->accept);
}

void
listener_stop(struct fcgi *f)
{
	ev_io_stop(f->loop, &f->accept);
	ev_timer_stop(f->loop, &f->accept_again);
	close(f->accept.fd);
	close(f->reserve_fd);
}
