#include "shared/base/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/base/handed.h"
#include "shared/base/log.h"

#define FIRST_INHERITED 3 /* SD_LISTEN_FDS_START */
#define INHERITED_MAX   1024

#define UNIX_PREFIX SLICE("unix:")

/* Owns `fd`, on failure too.  Return -1 with errno: EMFILE when there are LISTEN_MAX. */
static int
own_socket(struct listen *l, int fd)
{
	int on = 1, saved, flags = fcntl(fd, F_GETFL);

	if (l->n == LISTEN_MAX)
		errno = EMFILE;
	if (l->n == LISTEN_MAX || flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	/* what is accepted inherits it; a unix socket has none */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->tls[l->n] = false;
	l->fd[l->n++] = fd;
	return 0;
}

/* A socket that has one resolved address.  Return -1 with errno. */
static int
bound_socket(const struct addrinfo *ai)
{
	int on = 1, saved;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	/* connections of a previous process may still be in TIME_WAIT */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		goto fail;
	/* "*" asks for both families, one socket each */
	if (ai->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1)
		goto fail;
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		goto fail;
	return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* The socket bound to this address that an older version of the program has handed to us; -1: there
 * is none.  It is the caller's from now on. */
static int
take_handed(const struct sockaddr *address, socklen_t n)
{
	const struct handed *handed = handed_find();
	struct sockaddr_storage bound;

	for (size_t i = 0; handed != NULL && i < handed->sockets_n; i++) {
		socklen_t bound_n = sizeof(bound);

		memset(&bound, 0, sizeof(bound));
		if (getsockname(handed_socket(i), (struct sockaddr *)&bound, &bound_n) == 0 &&
		    bound_n == n && memcmp(&bound, address, n) == 0)
			return fcntl(handed_socket(i), F_DUPFD_CLOEXEC, 0);
	}
	return -1;
}

/* Listen on one resolved address.  Return -1 with errno. */
static int
listen_on_address(struct listen *l, const struct addrinfo *ai)
{
	int saved, fd = take_handed(ai->ai_addr, ai->ai_addrlen);

	if (fd != -1)
		return own_socket(l, fd);
	fd = bound_socket(ai);
	if (fd == -1)
		return -1;
	if (listen(fd, SOMAXCONN) == 0)
		return own_socket(l, fd);
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Whether a process accepts connections at this path. */
static bool
is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool served;

	if (fd == -1)
		return false;
	served = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	         errno == EAGAIN; /* its backlog is full */
	close(fd);
	return served;
}

/* Listen on a path.  Return -1 with errno. */
static int
listen_on_path(struct listen *l, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat sb;
	int fd, saved;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = take_handed((const struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1));
	if (fd != -1)
		return own_socket(l, fd);
	/* what is unlinked below must be a socket */
	if (lstat(path, &sb) == 0 && !S_ISSOCK(sb.st_mode)) {
		errno = ENOTSOCK;
		return -1;
	}
	/* bind() does not tell a stale socket from a live one, which must not be unlinked */
	if (is_served(&address)) {
		errno = EADDRINUSE;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	unlink(path); /* stale socket of a previous process: bind() would fail */
	/* 0660, whatever the umask, and never more: the web server gets in by its group */
	if (fchmod(fd, 0660) == -1 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1 ||
	    chmod(path, 0660) == -1 || listen(fd, SOMAXCONN) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return own_socket(l, fd);
}

/* Cut "host:port" in two; "[::1]:8081" has brackets, "*" and no host mean every address. */
static int
cut_host_and_port(char *text, const char **host, const char **port)
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

/* Log why there is no socket for an address.  Return the exit code. */
static int
explain_failure(const char *address, int reason)
{
	if (reason == EADDRINUSE) {
		log_errx("cannot listen on %s: another program has taken it", address);
		return EX_UNAVAILABLE;
	}
	errno = reason;
	log_err("cannot listen on %s", address);
	return reason == EACCES || reason == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
}

/* Listen on what a host and port resolve to.  As listen_open(). */
static int
listen_on_name(struct listen *l, const char *setting, const char *address)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *all, *ai;
	const char *host, *port;
	char text[LISTEN_ADDRESS_MAX + 1];
	size_t before = l->n;
	int r, reason = 0;

	snprintf(text, sizeof(text), "%s", address);
	if (cut_host_and_port(text, &host, &port) == -1) {
		log_errx("%s: %s is not host:port or unix:/path", setting, address);
		return EX_CONFIG;
	}
	r = getaddrinfo(host, port, &hints, &all);
	if (r != 0) {
		log_errx("%s: %s: %s", setting, address, gai_strerror(r));
		return EX_UNAVAILABLE;
	}
	for (ai = all; ai != NULL; ai = ai->ai_next) {
		if (listen_on_address(l, ai) == 0)
			continue;
		reason = errno;
		/* listening on half of the address would hide the mistake, but a family that the
		 * machine lacks is no mistake */
		if (reason == EADDRINUSE || reason == EACCES)
			break;
	}
	freeaddrinfo(all);
	/* a machine without IPv6 still has the other half of "*" and "localhost" */
	if (l->n > before && reason != EADDRINUSE && reason != EACCES)
		return 0;
	return explain_failure(address, reason);
}

void
listen_try(const char *setting, const char *address, bool as_ours)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *all, *ai;
	const char *host, *port;
	char text[LISTEN_ADDRESS_MAX + 1];
	int r, fd, reason = 0;

	snprintf(text, sizeof(text), "%s", address);
	if (cut_host_and_port(text, &host, &port) == -1)
		return;
	r = getaddrinfo(host, port, &hints, &all);
	if (r != 0) {
		log_errx("%s: %s: %s", setting, address, gai_strerror(r));
		return;
	}
	/* one address that can be had is enough, as for listen_open() */
	for (ai = all; ai != NULL; ai = ai->ai_next) {
		fd = bound_socket(ai);
		reason = fd == -1 ? errno : 0;
		if (fd != -1)
			close(fd);
		if (reason == 0 || reason == EADDRINUSE || reason == EACCES)
			break;
	}
	freeaddrinfo(all);
	if (reason == EADDRINUSE || (reason == EACCES && !as_ours))
		return;
	errno = reason;
	if (reason != 0)
		log_err("%s: cannot listen on %s", setting, address);
}

/* Listen on one word of the configuration.  As listen_open(). */
static int
listen_on_word(struct listen *l, const char *setting, struct slice word)
{
	char address[LISTEN_ADDRESS_MAX + 1];

	if (word.n > LISTEN_ADDRESS_MAX) {
		log_errx("%s: an address is longer than %d bytes", setting, LISTEN_ADDRESS_MAX);
		return EX_CONFIG;
	}
	memcpy(address, word.p, word.n);
	address[word.n] = '\0';
	if (!slice_starts(word, UNIX_PREFIX))
		return listen_on_name(l, setting, address);
	return listen_on_path(l, address + UNIX_PREFIX.n) == 0 ? 0
	                                                       : explain_failure(address, errno);
}

bool
listen_cut_address(struct slice *rest, struct slice *word)
{
	while (rest->n > 0 && rest->p[0] == ' ')
		*rest = slice_skip(*rest, 1);
	if (rest->n == 0)
		return false;
	if (!slice_starts(*rest, UNIX_PREFIX))
		return slice_cut(rest, ' ', word);
	/* a path may contain blanks: take all of it */
	*word = *rest;
	*rest = (struct slice){NULL, 0};
	return true;
}

/* Whether it is a port's number, or could be the name of a service. */
static bool
is_port_or_service(const char *port)
{
	size_t digits = strspn(port, "0123456789");

	return port[digits] != '\0' || (digits <= 5 && atoi(port) <= UINT16_MAX);
}

static bool
is_address(struct slice word)
{
	char text[LISTEN_ADDRESS_MAX + 1];
	const char *host, *port;

	if (word.n > LISTEN_ADDRESS_MAX)
		return false;
	memcpy(text, word.p, word.n);
	text[word.n] = '\0';
	if (slice_starts(word, UNIX_PREFIX))
		return text[UNIX_PREFIX.n] == '/' && strstr(text, " unix:") == NULL;
	return cut_host_and_port(text, &host, &port) == 0 && is_port_or_service(port);
}

bool
listen_is_addresses(const char *addresses, struct slice *wrong)
{
	struct slice rest = slice_of(addresses);

	while (listen_cut_address(&rest, wrong))
		if (!is_address(*wrong))
			return false;
	return true;
}

/* Listen on every address of the configuration.  As listen_open(). */
static int
listen_on_words(struct listen *l, const char *setting, struct slice rest)
{
	struct slice word;
	size_t before = l->n;
	int code = 0;

	while (code == 0 && listen_cut_address(&rest, &word))
		code = listen_on_word(l, setting, word);
	if (code == 0 && l->n == before) {
		log_errx("%s names no address", setting);
		code = EX_CONFIG;
	}
	return code;
}

/* Of the first sockets that systemd passes: a bit for each that is named "tls". */
static unsigned inherited_tls;

static void
note_tls_names(struct slice names)
{
	struct slice name;

	for (size_t i = 0; i < LISTEN_MAX && slice_cut(&names, ':', &name); i++)
		if (slice_is(name, "tls"))
			inherited_tls |= 1u << i;
}

int
listen_inherited(void)
{
	static int inherited = -1;
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	long n;

	if (inherited != -1)
		return inherited;
	inherited = 0;
	/* the variables may be those of a parent, whose sockets we do not have */
	if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	n = strtol(count, NULL, 10);
	inherited = n < 0 ? 0 : n > INHERITED_MAX ? INHERITED_MAX : (int)n;
	if (names != NULL)
		note_tls_names(slice_of(names));
	/* not for programs that we start */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return inherited;
}

static int
take_inherited(struct listen *l, int first, int n, unsigned tls)
{
	for (int i = 0; i < n; i++) {
		if (own_socket(l, first + i) == -1) {
			log_errx("socket %d of LISTEN_FDS cannot be used", i);
			return EX_UNAVAILABLE;
		}
		l->tls[l->n - 1] = (tls >> i & 1) != 0;
	}
	return 0;
}

static bool
has_plain(const struct listen *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->tls[i])
			return true;
	return false;
}

int
listen_open(struct listen *l, const char *setting, const char *addresses)
{
	const struct handed *handed = handed_find();
	int code;

	l->n = 0;
	if (handed != NULL && handed->by_systemd)
		code = take_inherited(l, handed_socket(0), (int)handed->sockets_n, handed->tls);
	else
		code = take_inherited(l, FIRST_INHERITED, listen_inherited(), inherited_tls);
	/* those that systemd passes may be for TLS alone */
	if (code == 0 && !has_plain(l))
		code = listen_on_words(l, setting, slice_of(addresses));
	if (code != 0)
		listen_close(l);
	return code;
}

int
listen_open_plain(struct listen *l, const char *setting, const char *addresses)
{
	int code = listen_open(l, setting, addresses);

	if (code != 0 || !listen_has_tls(l))
		return code;
	log_errx("systemd passes a socket that is named \"tls\" (FileDescriptorName=), but only "
		 "pollux-wsd speaks TLS: give the socket to pollux-wsd, or another name");
	listen_close(l);
	return EX_CONFIG;
}

bool
listen_has_tls(const struct listen *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->tls[i])
			return true;
	return false;
}

int
listen_open_tls(struct listen *l, const char *setting, const char *addresses)
{
	size_t before = l->n;
	int code;

	if (addresses[0] == '\0' || listen_has_tls(l))
		return 0;
	code = listen_on_words(l, setting, slice_of(addresses));
	if (code != 0)
		listen_close(l);
	for (size_t i = before; i < l->n; i++)
		l->tls[i] = true;
	return code;
}

int
listen_open_stdin(struct listen *l)
{
	int listening = 0;
	socklen_t n = sizeof(listening);

	l->n = 0;
	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == -1 ||
	    !listening) {
		log_errx("no address to listen on, and standard input is not a listening socket: "
			 "give an address, as in -l unix:/path");
		return EX_USAGE;
	}
	if (own_socket(l, STDIN_FILENO) == -1) {
		log_errx("the socket on standard input cannot be used");
		return EX_OSERR;
	}
	return 0;
}

void
listen_close_handed(void)
{
	const struct handed *handed = handed_find();

	for (size_t i = 0; handed != NULL && !handed->by_systemd && i < handed->sockets_n; i++)
		close(handed_socket(i));
}

void
listen_close(struct listen *l)
{
	while (l->n > 0)
		close(l->fd[--l->n]);
}
