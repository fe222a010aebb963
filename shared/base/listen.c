#include "shared/base/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/slice.h"

#define FIRST_HANDED_OVER 3 /* SD_LISTEN_FDS_START */

/* Owns `fd`, on failure too. */
static int
add(struct listen *l, int fd)
{
	int on = 1, flags = fcntl(fd, F_GETFL);

	if (l->n == LISTEN_MAX || flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		close(fd);
		return -1;
	}
	/* what is accepted inherits it; a unix socket has none */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->fd[l->n++] = fd;
	return 0;
}

/* Listen on one resolved address.  Return -1 with errno. */
static int
listen_on(struct listen *l, const struct addrinfo *ai)
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

/* Why there is no socket for an address: as a sentence and as an exit code. */
static int
explain(struct slice word, int reason)
{
	if (reason == EADDRINUSE) {
		log_errx(
		    "cannot listen on %.*s: another program has taken it", (int)word.n, word.p);
		return EX_UNAVAILABLE;
	}
	errno = reason;
	log_err("cannot listen on %.*s", (int)word.n, word.p);
	return reason == EACCES || reason == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
}

/* Listen on one word of the configuration.  As listen_open(). */
static int
listen_at(struct listen *l, const char *setting, struct slice word)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *all, *ai;
	const char *host, *port;
	char text[300];
	size_t before = l->n;
	int r, reason = 0;

	if (word.n >= sizeof(text)) {
		log_errx("%s: an address is too long", setting);
		return EX_CONFIG;
	}
	memcpy(text, word.p, word.n);
	text[word.n] = '\0';
	if (split(text, &host, &port) == -1) {
		log_errx("%s: %.*s is not host:port", setting, (int)word.n, word.p);
		return EX_CONFIG;
	}
	r = getaddrinfo(host, port, &hints, &all);
	if (r != 0) {
		log_errx("%s: %.*s: %s", setting, (int)word.n, word.p, gai_strerror(r));
		return EX_UNAVAILABLE;
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
	return explain(word, reason);
}

/* Sockets that systemd opened for us.  Return how many, or -1. */
static int
take_handed_over(struct listen *l)
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
		if (i == LISTEN_MAX || add(l, FIRST_HANDED_OVER + i) == -1) {
			log_errx("socket %d of LISTEN_FDS cannot be used", i);
			return -1;
		}
	}
	return n > 0 ? (int)n : 0;
}

int
listen_open(struct listen *l, const char *setting, const char *addresses)
{
	struct slice rest = slice_of(addresses), word;
	int handed_over, code = 0;

	l->n = 0;
	handed_over = take_handed_over(l);
	if (handed_over < 0)
		code = EX_UNAVAILABLE;
	while (handed_over == 0 && code == 0 && slice_cut(&rest, ' ', &word))
		if (word.n > 0)
			code = listen_at(l, setting, word);
	if (code == 0 && l->n == 0) {
		log_errx("%s names no address", setting);
		code = EX_CONFIG;
	}
	if (code != 0)
		listen_close(l);
	return code;
}

void
listen_close(struct listen *l)
{
	while (l->n > 0)
		close(l->fd[--l->n]);
}
