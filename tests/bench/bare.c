/* bare: the lower bound that Pollux is measured against, a websocket server of wslay and libev only.
 *
 *	bare PORT
 *
 * An event `broadcast` goes to all other connections, anything else back to its sender, both byte
 * for byte.  No sessions, limits, deadlines or JSON: those are what a real server adds.  Each
 * connection has a wslay context; each wake-up is one read, and one write for everything that it
 * caused, where wslay alone would make two for each frame.
 *
 * Prints a line `ready` once it listens. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <wslay/wslay.h>

#include "shared/base/buf.h"

#define HEAD_BYTES 4096
#define KEY_BYTES  24 /* of a Sec-WebSocket-Key */

static const char broadcast[] = "5:::{\"name\":\"broadcast\"";

struct conn {
	ev_io io;
	int fd;
	bool drained;               /* the last read was short: the next would return nothing */
	bool ended;                 /* the peer has closed */
	wslay_event_context_ptr ws; /* NULL during the handshake */
	char *head;                 /* the request, during the handshake */
	size_t head_n;
	struct buf late;             /* what the socket did not take */
	struct conn *next, **before; /* in `conns` */
};

static struct ev_loop *loop;
static struct conn *conns;
static struct buf out; /* written by wslay, not sent yet */

static void
watch(struct conn *c)
{
	int events = EV_READ | (c->late.n > 0 ? EV_WRITE : 0);

	if (c->io.events == events)
		return;
	ev_io_stop(loop, &c->io);
	ev_io_set(&c->io, c->fd, events);
	ev_io_start(loop, &c->io);
}

static void
conn_close(struct conn *c)
{
	ev_io_stop(loop, &c->io);
	close(c->fd);
	*c->before = c->next;
	if (c->next != NULL)
		c->next->before = c->before;
	if (c->ws != NULL)
		wslay_event_context_free(c->ws);
	buf_free(&c->late);
	free(c->head);
	free(c);
}

/* --- wslay ------------------------------------------------------------------------------------ */

static ssize_t
on_recv(wslay_event_context_ptr ws, uint8_t *p, size_t n, int flags, void *user)
{
	struct conn *c = user;
	ssize_t got = -1;

	(void)flags;
	errno = EAGAIN;
	if (!c->drained)
		got = recv(c->fd, p, n, 0);
	if (got > 0) {
		c->drained = (size_t)got < n;
		return got;
	}
	if (got == 0 || errno != EAGAIN)
		c->ended = true;
	wslay_event_set_error(ws, c->ended ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
	return -1;
}

static ssize_t
on_send(wslay_event_context_ptr ws, const uint8_t *p, size_t n, int flags, void *user)
{
	(void)ws;
	(void)flags;
	(void)user;
	buf_add(&out, p, n);
	return (ssize_t)n;
}

/* Send what is queued; what does not fit waits for the socket. */
static void
flush(struct conn *c)
{
	struct buf *from = &out;
	ssize_t n;

	if (wslay_event_send(c->ws) != 0)
		goto broken;
	if (c->late.n > 0) {
		buf_add_slice(&c->late, buf_slice(&out));
		from = &c->late;
	}
	n = from->n == 0 ? 0 : send(c->fd, from->p, from->n, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN)
		goto broken;
	if (n > 0)
		buf_consume(from, (size_t)n);
	if (from == &out && out.n > 0)
		buf_add_slice(&c->late, buf_slice(&out));
	if (c->late.failed)
		goto broken;
	buf_clear(&out);
	watch(c);
	return;
broken:
	buf_clear(&out);
	shutdown(c->fd, SHUT_RDWR); /* the loop will read the end */
}

static void
on_message(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
	struct wslay_event_msg msg = {arg->opcode, arg->msg, arg->msg_length};
	const size_t n = sizeof(broadcast) - 1;

	if (wslay_is_ctrl_frame(arg->opcode))
		return;
	if (msg.msg_length < n || memcmp(msg.msg, broadcast, n) != 0) {
		wslay_event_queue_msg(ws, &msg);
		return;
	}
	for (struct conn *c = conns; c != NULL; c = c->next)
		if (c != user && c->ws != NULL) {
			wslay_event_queue_msg(c->ws, &msg);
			flush(c);
		}
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .on_msg_recv_callback = on_message,
};

/* --- the handshake ---------------------------------------------------------------------------- */

/* Answer the request in `head`.  Return 0, or -1 when it is not an upgrade. */
static int
accept_websocket(struct conn *c)
{
	static const char name[] = "\r\nSec-WebSocket-Key:";
	char text[KEY_BYTES + 36 + 1], answer[256];
	unsigned char digest[SHA_DIGEST_LENGTH], base64[32];
	const char *key = strcasestr(c->head, name);
	int n;

	if (key == NULL)
		return -1;
	key += sizeof(name) - 1;
	key += strspn(key, " ");
	snprintf(
	    text, sizeof(text), "%.*s%s", KEY_BYTES, key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	SHA1((const unsigned char *)text, strlen(text), digest);
	EVP_EncodeBlock(base64, digest, sizeof(digest));
	n = snprintf(answer, sizeof(answer),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n\r\n",
	    (const char *)base64);
	if (send(c->fd, answer, (size_t)n, MSG_NOSIGNAL) != n)
		return -1;
	free(c->head);
	c->head = NULL;
	return wslay_event_context_server_init(&c->ws, &callbacks, c);
}

/* Return 0, or -1 to give up. */
static int
read_handshake(struct conn *c)
{
	ssize_t n = recv(c->fd, c->head + c->head_n, HEAD_BYTES - 1 - c->head_n, 0);

	if (n <= 0)
		return n == -1 && errno == EAGAIN ? 0 : -1;
	c->head_n += (size_t)n;
	c->head[c->head_n] = '\0';
	return strstr(c->head, "\r\n\r\n") == NULL ? 0 : accept_websocket(c);
}

/* --- sockets ---------------------------------------------------------------------------------- */

static void
on_io(struct ev_loop *l, ev_io *w, int events)
{
	struct conn *c = w->data;

	(void)l;
	(void)events;
	if (c->ws == NULL) {
		if (read_handshake(c) == -1)
			conn_close(c);
		return;
	}
	c->drained = false;
	if (wslay_event_recv(c->ws) != 0 || c->ended) {
		conn_close(c);
		return;
	}
	flush(c);
}

static void
on_accept(struct ev_loop *l, ev_io *w, int events)
{
	int on = 1, fd;

	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
		struct conn *c = calloc(1, sizeof(*c));

		if (c == NULL || (c->head = malloc(HEAD_BYTES)) == NULL) {
			free(c);
			close(fd);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		c->fd = fd;
		c->next = conns;
		c->before = &conns;
		if (conns != NULL)
			conns->before = &c->next;
		conns = c;
		ev_io_init(&c->io, on_io, fd, EV_READ);
		c->io.data = c;
		ev_io_start(l, &c->io);
	}
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) == -1 || listen(fd, 1024) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int
main(int argc, char **argv)
{
	int port = argc == 2 ? atoi(argv[1]) : 0, fd;
	ev_io listener;

	if (port <= 0 || port > 65535) {
		fprintf(stderr, "usage: bare PORT\n");
		return 64;
	}
	raise_limit();
	fd = listen_on((uint16_t)port);
	if (fd == -1) {
		perror("bare");
		return 71;
	}
	loop = ev_default_loop(0);
	ev_io_init(&listener, on_accept, fd, EV_READ);
	ev_io_start(loop, &listener);
	puts("ready");
	fflush(stdout);
	ev_run(loop, 0);
	return 0;
}
