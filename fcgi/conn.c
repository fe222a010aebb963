#include "fcgi/conn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/readers.h"
#include "fcgi/records.h"
#include "fcgi/upgrades.h"
#include "shared/base/container.h"
#include "shared/base/log.h"

/* What is looked at to see whether a request has arrived whole; larger ones go to a reader. */
#define PEEK_BYTES 65536

/* A streaming answer whose web server does not read is given up past this. */
#define STREAM_BYTES_MAX ((size_t)4 << 20)

static const struct exchange_ops exchange_ops;

static const char *
reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 304:
		return "Not Modified";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 426:
		return "Upgrade Required";
	case 429:
		return "Too Many Requests";
	case 500:
		return "Internal Server Error";
	case 503:
		return "Service Unavailable";
	}
	return "Status";
}

/* --- lists -------------------------------------------------------------------------------------
 */

static void
set_dirty(struct conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	SLIST_INSERT_HEAD(&c->fcgi->dirty, c, next_dirty);
}

static void
clear_deadline(struct conn *c)
{
	if (c->timed)
		TAILQ_REMOVE(&c->fcgi->timed, c, by_deadline);
	c->timed = false;
}

/* The list is short (slow peers only), so it is not kept in order but looked through. */
static void
set_deadline(struct conn *c, int64_t after_ms)
{
	clear_deadline(c);
	c->timed = true;
	c->deadline = c->fcgi->now + after_ms;
	TAILQ_INSERT_TAIL(&c->fcgi->timed, c, by_deadline);
}

/* --- the end -----------------------------------------------------------------------------------
 */

/* Tell the transport, once. */
static void
tell_fate(struct conn *c, enum exchange_fate fate)
{
	void (*on_fate)(struct exchange *, enum exchange_fate, void *) = c->x.on_fate;

	c->x.on_fate = NULL;
	if (on_fate != NULL) {
		fcgi_begin(c->fcgi);
		on_fate(&c->x, fate, c->x.holder);
	}
}

void
conn_close(struct conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	ev_io_stop(c->fcgi->loop, &c->io);
	clear_deadline(c);
	c->state = CONN_CLOSED;
	set_dirty(c); /* freed from there */
}

static void
fail(struct conn *c, enum exchange_fate fate)
{
	tell_fate(c, fate);
	conn_close(c);
}

static void
conn_free(struct conn *c)
{
	LIST_REMOVE(c, all);
	close(c->io.fd);
	buf_free(&c->out);
	free(c);
}

/* --- answers -----------------------------------------------------------------------------------
 */

static void
queue_head(struct conn *c, const struct response *r, bool with_length)
{
	struct buf head = {.p = NULL};

	buf_printf(&head, "Status: %d %s\r\n", r->status, reason_of(r->status));
	if (r->content_type != NULL)
		buf_printf(&head, "Content-Type: %s\r\n", r->content_type);
	buf_add_slice(&head, r->headers);
	if (with_length && r->status != 304) /* that would be the length of what it does not send */
		buf_printf(&head, "Content-Length: %zu\r\n", r->body.n);
	buf_puts(&head, "\r\n");
	buf_add_slice(&head, r->body);
	if (head.failed)
		c->out.failed = true;
	records_add_stdout(&c->out, c->request_id, buf_slice(&head));
	buf_free(&head);
}

static void
op_respond(struct exchange *x, const struct response *r)
{
	struct conn *c = container_of(x, struct conn, x);

	if (c->state == CONN_CLOSED)
		return;
	queue_head(c, r, true);
	records_add_end(&c->out, c->request_id);
	c->state = CONN_WRITING;
	set_dirty(c);
}

static void
op_begin(struct exchange *x, const struct response *r)
{
	struct conn *c = container_of(x, struct conn, x);

	if (c->state == CONN_CLOSED)
		return;
	queue_head(c, r, false);
	c->state = CONN_OPEN;
	set_dirty(c);
}

static void
op_piece(struct exchange *x, struct slice bytes)
{
	struct conn *c = container_of(x, struct conn, x);

	if (c->state == CONN_CLOSED)
		return;
	records_add_stdout(&c->out, c->request_id, bytes);
	set_dirty(c);
}

static void
op_finish(struct exchange *x)
{
	struct conn *c = container_of(x, struct conn, x);

	if (c->state == CONN_CLOSED)
		return;
	records_add_end(&c->out, c->request_id);
	c->state = CONN_WRITING;
	set_dirty(c);
}

static const struct exchange_ops exchange_ops = {
    .respond = op_respond,
    .begin = op_begin,
    .piece = op_piece,
    .finish = op_finish,
};

/* --- requests ----------------------------------------------------------------------------------
 */

static struct slice
op_header(const struct exchange *x, const char *name)
{
	const struct conn *c = container_of(x, struct conn, x);

	return request_header(c->request, name);
}

static void
op_each_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	const struct conn *c = container_of(x, struct conn, x);

	request_each_header(c->request, each, arg);
}

static bool
op_upgrades(const struct exchange *x)
{
	const struct conn *c = container_of(x, struct conn, x);

	return upgrades_pass(c->fcgi->upgrades, c->request);
}

/* A whole request is here: ask the server.  Owns `rq`. */
static void
ask(struct conn *c, struct request *rq)
{
	clear_deadline(c);
	ev_io_start(c->fcgi->loop, &c->io); /* to see the web server leave while a poll is held */
	c->state = CONN_HELD;
	c->request_id = rq->id;
	c->keep = rq->keep && !rq->too_large && !rq->broken;
	c->x = (struct exchange){
	    .ops = &exchange_ops,
	    .header = op_header,
	    .each_header = op_each_header,
	    .upgrades = op_upgrades,
	};
	request_describe(rq, &c->x);
	fcgi_begin(c->fcgi);
	if (c->x.again && !slice_is(c->x.method, "GET")) {
		server_refuse(
		    c->fcgi->sv, &c->x, 500, "The process that had this request has died.");
	} else if (rq->broken) {
		server_refuse(
		    c->fcgi->sv, &c->x, 400, "The body of this request did not arrive whole.");
	} else {
		c->request = rq;
		server_request(c->fcgi->sv, &c->x);
		c->request = NULL;
	}
	c->x.method = c->x.target = c->x.origin = c->x.referer = c->x.body = c->x.address =
	    (struct slice){NULL, 0};
	request_free(rq);
}

void
conn_was_read(struct conn *c, struct request *rq)
{
	if (rq == NULL || c->fcgi->draining) {
		request_free(rq);
		c->state = CONN_IDLE;
		conn_close(c);
		return;
	}
	ask(c, rq);
}

/* A connection without a request has become readable. */
static void
on_request(struct conn *c)
{
	static char bytes[PEEK_BYTES]; /* scratch of the one loop */
	ssize_t n = recv(c->io.fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	struct request *rq;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	switch (records_scan((struct slice){bytes, (size_t)n})) {
	case RECORDS_WHOLE: /* nothing of it will block */
		rq = request_read(c->io.fd, c->fcgi->cfg->body_bytes);
		if (rq == NULL)
			conn_close(c);
		else
			ask(c, rq);
		break;
	case RECORDS_MORE:
		ev_io_stop(c->fcgi->loop, &c->io);
		c->state = CONN_READING;
		set_deadline(c, c->fcgi->cfg->request_timeout_ms);
		if (readers_add(c->fcgi->readers, c) == -1) {
			log_warnx("too many slow requests: one is refused");
			conn_close(c);
		}
		break;
	case RECORDS_GARBAGE:
	case RECORDS_ABORT:
		log_debug("a connection that speaks no FastCGI is closed");
		conn_close(c);
		break;
	}
}

/* While a request is held the web server says nothing, but that its client has left. */
static void
on_word_while_held(struct conn *c)
{
	char bytes[256];
	ssize_t n = recv(c->io.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	fail(c, c->state == CONN_HELD ? EXCHANGE_GONE : EXCHANGE_FAILED);
}

static void
on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct conn *c = io->data;

	(void)loop;
	if ((events & EV_WRITE) != 0)
		set_dirty(c);
	if ((events & EV_READ) == 0 || c->state == CONN_CLOSED)
		return;
	if (c->state == CONN_IDLE)
		on_request(c);
	else
		on_word_while_held(c);
}

/* --- writing -----------------------------------------------------------------------------------
 */

static void
watch(struct conn *c, int events)
{
	if (c->io.events == events && ev_is_active(&c->io))
		return;
	ev_io_stop(c->fcgi->loop, &c->io);
	ev_io_set(&c->io, c->io.fd, events);
	ev_io_start(c->fcgi->loop, &c->io);
}

/* All is written. */
static void
on_written(struct conn *c)
{
	buf_free(&c->out);
	c->written = 0;
	clear_deadline(c);
	if (c->state == CONN_OPEN) {
		watch(c, EV_READ);
		return;
	}
	tell_fate(c, EXCHANGE_SENT);
	if (!c->keep || c->fcgi->draining) {
		conn_close(c);
		return;
	}
	c->state = CONN_IDLE;
	watch(c, EV_READ);
}

/* Has the web server taken its request back while the answer was made?  Then what is in it must not
 * be lost on it. */
static bool
peer_has_left(const struct conn *c)
{
	char byte;

	return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* The kernel takes no more now.  A stream may be in this state for long, and more comes. */
static void
wait_to_write(struct conn *c, bool progress)
{
	if (progress || !c->timed)
		set_deadline(c, c->fcgi->cfg->send_timeout_ms);
	if (c->written > c->out.n / 2) {
		buf_consume(&c->out, c->written);
		c->written = 0;
	}
	watch(c, EV_READ | EV_WRITE);
}

static void
write_out(struct conn *c)
{
	size_t before = c->written;

	if (c->written == 0 && c->x.on_fate != NULL && peer_has_left(c)) {
		fail(c, EXCHANGE_FAILED);
		return;
	}
	if (c->out.failed || c->out.n - c->written > STREAM_BYTES_MAX + c->fcgi->cfg->queue_bytes) {
		fail(c, EXCHANGE_FAILED);
		return;
	}
	while (c->written < c->out.n) {
		ssize_t n = send(c->io.fd, c->out.p + c->written, c->out.n - c->written,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			c->written += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			fail(c, EXCHANGE_FAILED);
			return;
		}
		wait_to_write(c, c->written > before);
		return;
	}
	on_written(c);
}

void
conn_flush(struct conn *c)
{
	if (c->state == CONN_WRITING || c->state == CONN_OPEN)
		write_out(c);
	if (c->state == CONN_CLOSED && !c->dirty)
		conn_free(c);
}

void
conn_expire(struct conn *c)
{
	clear_deadline(c);
	if (c->state == CONN_READING)
		shutdown(c->io.fd, SHUT_RDWR); /* ends the reader's wait; conn_was_read() follows */
	else
		fail(c, EXCHANGE_FAILED);
}

void
conn_open(struct fcgi *f, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	c->fcgi = f;
	c->out.ceiling = BUF_CEILING;
	ev_io_init(&c->io, on_io, fd, EV_READ);
	c->io.data = c;
	ev_io_start(f->loop, &c->io);
	LIST_INSERT_HEAD(&f->conns, c, all);
}
