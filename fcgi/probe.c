#include "fcgi/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/buf.h"

#define TIMEOUT_S   5.
#define HOST_MAX    256
#define STATUS_LINE 12 /* "HTTP/1.1 101" */

struct probe {
	struct ev_loop *loop;
	struct ev_io io;
	struct ev_timer timeout;
	BIO *bio; /* owned; the socket, or TLS on top of it */
	struct buf request;
	size_t written;
	char answer[STATUS_LINE + 1];
	size_t answer_n;
	probe_done *done;
	void *arg;
};

void
probe_cancel(struct probe *p)
{
	if (p == NULL)
		return;
	ev_io_stop(p->loop, &p->io);
	ev_timer_stop(p->loop, &p->timeout);
	BIO_free_all(p->bio); /* closes the socket */
	buf_free(&p->request);
	free(p);
}

static void
probe_end(struct probe *p, int status)
{
	probe_done *done = p->done;
	void *arg = p->arg;

	/* freed first: the callback may start the next probe */
	probe_cancel(p);
	done(arg, status);
}

/* After a read or write that failed: wait for what it needs, or give up. */
static void
probe_wait_or_end(struct probe *p)
{
	if (!BIO_should_retry(p->bio)) {
		probe_end(p, 0);
		return;
	}
	/* not what we wanted to do: during its handshake TLS reads for a write, and vice versa */
	ev_io_stop(p->loop, &p->io);
	ev_io_set(&p->io, p->io.fd, BIO_should_read(p->bio) ? EV_READ : EV_WRITE);
	ev_io_start(p->loop, &p->io);
}

static int
parse_status(const char *line)
{
	return strncmp(line, "HTTP/1.", 7) == 0 && line[8] == ' ' ? atoi(line + 9) : 0;
}

static void
probe_on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct probe *p = io->data;
	int n;

	(void)loop;
	(void)events;
	/* OpenSSL would report an older error as one of the reads below */
	ERR_clear_error();
	while (p->written < p->request.n) {
		n = BIO_write(p->bio, p->request.p + p->written, (int)(p->request.n - p->written));
		if (n <= 0) {
			probe_wait_or_end(p);
			return;
		}
		p->written += (size_t)n;
	}
	/* no more than the status line: pollux-wsd sees the connection close */
	while (p->answer_n < STATUS_LINE) {
		n = BIO_read(p->bio, p->answer + p->answer_n, (int)(STATUS_LINE - p->answer_n));
		if (n <= 0) {
			probe_wait_or_end(p);
			return;
		}
		p->answer_n += (size_t)n;
	}
	probe_end(p, parse_status(p->answer));
}

static void
probe_on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	probe_end(timer->data, 0);
}

static int
parse_address(struct sockaddr_storage *any, socklen_t *n, const char *text, int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	if (port < 1 || port > UINT16_MAX)
		return -1;
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		memcpy(any, &in, *n = sizeof(in));
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
		memcpy(any, &in6, *n = sizeof(in6));
		return 0;
	}
	return -1;
}

/* A socket that is connecting, or -1. */
static int
start_connecting(const struct probe_target *t)
{
	struct sockaddr_storage any = {.ss_family = AF_UNSPEC};
	socklen_t n;
	int fd;

	if (parse_address(&any, &n, t->address, t->port) == -1)
		return -1;
	fd = socket(any.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)&any, n) == -1 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

/* TLS over `socket`, which it owns, on failure too.  With the name of the host (SNI): several sites
 * may share the address. */
static BIO *
add_tls(BIO *socket, struct slice host)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	BIO *tls = context == NULL ? NULL : BIO_new_ssl(context, 1);
	char name[HOST_MAX];
	SSL *ssl = NULL;

	SSL_CTX_free(context); /* the SSL object holds a reference */
	if (tls == NULL || BIO_get_ssl(tls, &ssl) != 1 || host.n >= sizeof(name))
		goto fail;
	memcpy(name, host.p, host.n);
	name[host.n] = '\0';
	name[strcspn(name, ":")] = '\0'; /* without the port */
	/* no SNI for an IPv6 address: RFC 6066 wants a name */
	if (name[0] != '\0' && name[0] != '[' && SSL_set_tlsext_host_name(ssl, name) != 1)
		goto fail;
	return BIO_push(tls, socket);
fail:
	BIO_free_all(tls);
	BIO_free_all(socket);
	return NULL;
}

static void
write_request(struct buf *out, const struct probe_target *t)
{
	buf_printf(out, "GET %s HTTP/1.1\r\nHost: ", t->path);
	buf_add_slice(out, t->host);
	if (t->origin.n > 0) {
		buf_puts(out, "\r\nOrigin: ");
		buf_add_slice(out, t->origin);
	}
	buf_puts(out,
	    "\r\nUser-Agent: pollux.fcgi\r\n"
	    "Connection: Upgrade\r\n"
	    "Upgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" /* the example of RFC 6455 */
	    "\r\n");
}

struct probe *
probe_start(struct ev_loop *loop, const struct probe_target *target, probe_done *done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));
	int fd = start_connecting(target);

	if (p == NULL || fd == -1)
		goto fail;
	p->bio = BIO_new_socket(fd, BIO_CLOSE);
	if (p->bio == NULL)
		goto fail;
	if (target->tls)
		p->bio = add_tls(p->bio, target->host);
	write_request(&p->request, target);
	if (p->bio == NULL || p->request.failed) {
		fd = -1; /* the BIO owned it */
		goto fail;
	}
	p->loop = loop;
	p->done = done;
	p->arg = arg;
	ev_io_init(&p->io, probe_on_io, fd, EV_WRITE);
	p->io.data = p;
	ev_io_start(loop, &p->io);
	ev_timer_init(&p->timeout, probe_on_timeout, TIMEOUT_S, 0.);
	p->timeout.data = p;
	ev_timer_start(loop, &p->timeout);
	return p;
fail:
	if (p != NULL) {
		BIO_free_all(p->bio);
		buf_free(&p->request);
	}
	free(p);
	if (fd != -1)
		close(fd);
	return NULL;
}
