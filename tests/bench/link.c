#include "tests/bench/link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 16384

void
link_init(struct link *l, void *owner, void (*on_data)(struct link *l),
    void (*on_end)(struct link *l, const char *why))
{
	memset(l, 0, sizeof(*l));
	l->fd = -1;
	l->owner = owner;
	l->on_data = on_data;
	l->on_end = on_end;
}

void
link_close(struct link *l, struct ev_loop *loop)
{
	if (l->fd == -1)
		return;
	ev_io_stop(loop, &l->rd);
	ev_io_stop(loop, &l->wr);
	close(l->fd);
	l->fd = -1;
	buf_clear(&l->in);
	buf_clear(&l->out);
}

void
link_free(struct link *l, struct ev_loop *loop)
{
	link_close(l, loop);
	buf_free(&l->in);
	buf_free(&l->out);
}

static void
end(struct link *l, struct ev_loop *loop, const char *why)
{
	link_close(l, loop);
	l->on_end(l, why);
}

void
link_flush(struct link *l, struct ev_loop *loop)
{
	ssize_t n;

	if (l->fd == -1 || !l->connected || l->out.n == 0)
		return;
	n = send(l->fd, l->out.p, l->out.n, MSG_NOSIGNAL);
	if (n > 0)
		buf_consume(&l->out, (size_t)n);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		return; /* the read side will report it, from the loop: callers do not expect a callback */
	if (l->out.n > 0)
		ev_io_start(loop, &l->wr);
	else
		ev_io_stop(loop, &l->wr);
}

static void
on_writable(struct ev_loop *loop, ev_io *w, int events)
{
	struct link *l = w->data;

	(void)events;
	if (!l->connected) {
		int error = 0;
		socklen_t n = sizeof(error);

		getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n);
		if (error != 0) {
			end(l, loop, strerror(error));
			return;
		}
		l->connected = true;
		ev_io_start(loop, &l->rd);
		if (l->out.n == 0)
			ev_io_stop(loop, &l->wr);
	}
	link_flush(l, loop);
}

static void
on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct link *l = w->data;
	char *room = buf_reserve(&l->in, READ_BYTES);
	ssize_t n;

	(void)events;
	if (room == NULL) {
		end(l, loop, "too much to read");
		return;
	}
	n = recv(l->fd, room, READ_BYTES, 0);
	if (n > 0) {
		l->in.n += (size_t)n;
		l->on_data(l);
	} else if (n == 0) {
		end(l, loop, "closed by the server");
	} else if (errno != EAGAIN && errno != EINTR) {
		end(l, loop, strerror(errno));
	}
}

int
link_open(struct link *l, struct ev_loop *loop, struct in_addr from, const struct sockaddr_in *to)
{
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = from};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&local, sizeof(local)) == -1 ||
	    (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1 && errno != EINPROGRESS)) {
		int kept = errno;

		close(fd);
		errno = kept;
		return -1;
	}
	l->fd = fd;
	l->connected = false;
	buf_clear(&l->in);
	ev_io_init(&l->rd, on_readable, fd, EV_READ);
	ev_io_init(&l->wr, on_writable, fd, EV_WRITE);
	l->rd.data = l->wr.data = l;
	ev_io_start(loop, &l->wr);
	return 0;
}
