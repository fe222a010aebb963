#include "wsd/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/passed.h"
#include "wsd/conn.h"
#include "wsd/deadline.h"
#include "wsd/handover_record.h"
#include "wsd/hixie.h"
#include "wsd/hybi.h"
#include "wsd/outqueue.h"
#include "wsd/ws.h"

/* Descriptors that came with one read; more than the other side has under way. */
#define DESCRIPTORS_MAX PASSED_MAX

static const struct dialect *const dialects[HANDOVER_DIALECTS] = {
    &hybi_dialect, &hixie_dialect_75, &hixie_dialect_76};

struct adopt_end {
	struct wsd *w;
	LIST_ENTRY(adopt_end) all;
	struct ev_io io;
	struct buf in;                    /* records, the first from its beginning */
	int descriptors[DESCRIPTORS_MAX]; /* of the records in `in`, in order; owned */
	size_t descriptors_n;
	uint64_t taken, told; /* connections; as answered */
	bool waits;           /* for the store */
	bool ended;           /* the other process has no more */
};

static void
free_end(struct adopt_end *end)
{
	LIST_REMOVE(end, all);
	ev_io_stop(end->w->loop, &end->io);
	close(end->io.fd);
	while (end->descriptors_n > 0)
		close(end->descriptors[--end->descriptors_n]);
	buf_free(&end->in);
	free(end);
}

/* --- reading -------------------------------------------------------------------------------- */

/* As recv(); -1 also for a message that cannot be one of ours. */
static ssize_t
receive(struct adopt_end *end)
{
	size_t got;
	ssize_t n = passed_receive(end->io.fd, end->w->in, READ_BUFFER,
	    end->descriptors + end->descriptors_n, DESCRIPTORS_MAX - end->descriptors_n, &got);

	if (n <= 0)
		return n;
	end->descriptors_n += got;
	buf_add(&end->in, end->w->in, (size_t)n);
	if (!end->in.failed)
		return n;
	errno = ENOMEM;
	return -1;
}

/* --- taking --------------------------------------------------------------------------------- */

static void
take_connection(struct adopt_end *end, const struct handover_record *r)
{
	struct wsd *w = end->w;
	int fd = end->descriptors[0];
	struct wsd_conn *c;

	memmove(end->descriptors, end->descriptors + 1, --end->descriptors_n * sizeof(int));
	end->taken++;
	c = wsd_conn_open(w, fd, &ws_protocol);
	if (c == NULL)
		return;
	c->dialect = dialects[r->dialect];
	deadline_clear(c);
	/* what the older process had not written comes before all that was sent meanwhile */
	if (r->out.n > 0)
		wsd_conn_send(c, outqueue_raw(r->out));
	if (c->state == WSD_CONN_OPEN)
		ws_take(c, &r->state);
	if (c->state == WSD_CONN_OPEN && r->in.n > 0)
		wsd_conn_input(c, r->in);
}

/* Take what is whole, as long as the store can be had. */
static void
take_records(struct adopt_end *end)
{
	struct slice rest = buf_slice(&end->in);
	enum handover_record_result result;
	struct handover_record r;
	size_t used;

	end->waits = false;
	while ((result = handover_record_read(&r, rest, &used)) == HANDOVER_RECORD_WHOLE) {
		if (end->descriptors_n == 0) {
			result = HANDOVER_RECORD_NEVER;
			break;
		}
		if (!server_try(end->w->sv)) {
			end->waits = true;
			break;
		}
		take_connection(end, &r);
		rest = slice_skip(rest, used);
	}
	buf_consume(&end->in, end->in.n - rest.n);
	if (result == HANDOVER_RECORD_NEVER) {
		log_errx("handover: what the other process sends is not understood");
		end->ended = true;
	}
}

static void
on_end_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct adopt_end *end = io->data;
	ssize_t n = receive(end);

	(void)events;
	if (n > 0) {
		take_records(end);
	} else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
		if (n == -1)
			log_err("handover: the other process cannot be read");
		end->ended = true;
	}
	/* it is freed when the turn is settled */
	if (end->ended || end->waits)
		ev_io_stop(loop, io);
}

void
adopt_resume(struct wsd *w)
{
	struct adopt_end *end;

	LIST_FOREACH (end, &w->adopting, all) {
		if (!end->waits || end->ended || server_waits(w->sv))
			continue;
		take_records(end);
		if (!end->waits && !end->ended)
			ev_io_start(w->loop, &end->io);
	}
}

void
adopt_settled(struct wsd *w)
{
	struct adopt_end *end, *next;

	for (end = LIST_FIRST(&w->adopting); end != NULL; end = next) {
		next = LIST_NEXT(end, all);
		/* without room for eight bytes the other does not read, and is told in another
		 * turn */
		if (end->told < end->taken &&
		    send(end->io.fd, &end->taken, sizeof(end->taken),
			MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(end->taken))
			end->told = end->taken;
		if (end->ended)
			free_end(end);
	}
}

/* --- opening and closing -------------------------------------------------------------------- */

int
adopt_open(struct wsd *w, int fd)
{
	struct adopt_end *end = calloc(1, sizeof(*end));

	if (end == NULL || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		log_err("handover: cannot take connections");
		free(end);
		close(fd);
		return -1;
	}
	end->w = w;
	buf_init(&end->in, HANDOVER_RECORD_HEAD + HANDOVER_RECORD_MOST + READ_BUFFER);
	ev_io_init(&end->io, on_end_readable, fd, EV_READ);
	end->io.data = end;
	ev_io_start(w->loop, &end->io);
	LIST_INSERT_HEAD(&w->adopting, end, all);
	return 0;
}

bool
adopt_is_open(const struct wsd *w)
{
	return !LIST_EMPTY(&w->adopting);
}

void
adopt_close(struct wsd *w)
{
	struct adopt_end *end;

	while ((end = LIST_FIRST(&w->adopting)) != NULL)
		free_end(end);
}
