/* sink: what a websocket's dialect speaks to, instead of the connection and the hub: everything
 * that comes out is written down, in order.  Included by one target each. */
#ifndef POLLUX_TESTS_FUZZ_SINK_H
#define POLLUX_TESTS_FUZZ_SINK_H

#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "wsd/outqueue.h"
#include "wsd/partial.h"
#include "wsd/ws.h"

#define MESSAGE_BYTES 100
#define REST_MAX      (MESSAGE_BYTES + 16 + READ_BUFFER)

static struct config cfg = {.message_bytes = MESSAGE_BYTES, .resource = "socket.io"};

/* A letter, a number, bytes; one line each, unless there are line ends in the bytes. */
static struct buf *trace;

static void
note(char what, size_t number, struct slice bytes)
{
	buf_printf(trace, "%c %zu ", what, number);
	buf_add_slice(trace, bytes);
	buf_add_char(trace, '\n');
	MUST(!trace->failed);
}

/* "0::" ends the session: the transport lets go while the dialect reads. */
bool
ws_text(struct wsd_conn *c, struct slice text)
{
	if (c->state != WSD_CONN_OPEN)
		return false;
	MUST(text.n <= 3 * MESSAGE_BYTES && utf8_valid(text));
	note('T', text.n, text);
	if (slice_is(text, "0::"))
		c->state = WSD_CONN_FLUSHING;
	return c->state == WSD_CONN_OPEN;
}

/* A pong of "full" is one too many for the queue. */
void
ws_control(struct wsd_conn *c, struct message *m)
{
	struct slice pongs;

	MUST(m != NULL);
	pongs = message_frame(m);
	while (pongs.n > 0 && c->state == WSD_CONN_OPEN) {
		size_t n = (unsigned char)pongs.p[1];
		struct slice pong = {pongs.p + 2, n};

		MUST((unsigned char)pongs.p[0] == 0x8a && n <= 125 && 2 + n <= pongs.n);
		note('P', n, pong);
		if (slice_is(pong, "full"))
			wsd_conn_close(c, "queue overflow");
		pongs = slice_skip(pongs, 2 + n);
	}
	message_release(m);
}

void
ws_peer_ended(struct wsd_conn *c, int code, const char *reason)
{
	if (c->state != WSD_CONN_OPEN)
		return;
	MUST(code >= 1000 && code <= 4999);
	note('O', (size_t)code, slice_of(reason));
	c->state = WSD_CONN_ENDING;
}

void
wsd_conn_close(struct wsd_conn *c, const char *reason)
{
	note('C', 0, slice_of(reason));
	c->state = WSD_CONN_CLOSED;
}

static void
sink_give(struct wsd_conn *c, struct slice bytes)
{
	char *copy = copy_of(bytes); /* gone afterwards: the dialect must not keep it */

	c->dialect->input(c, (struct slice){copy, bytes.n});
	free(copy);
	MUST(c->partial == NULL ||
	     (c->partial->bytes.n > 0 && c->partial->bytes.n <= REST_MAX &&
		 !c->partial->bytes.failed && c->partial->seen <= c->partial->bytes.n));
}

/* Let a connection read all of `in`, in one piece or in those that `lengths` says; what comes out
 * goes to `out`. */
static inline void
sink_read(struct wsd *w, const struct dialect *d, struct slice in, const struct slice *lengths,
    struct buf *out)
{
	struct wsd_conn c = {.wsd = w, .state = WSD_CONN_OPEN, .dialect = d};
	struct cutter cut = {.rest = in};
	struct slice piece;

	trace = out;
	if (lengths == NULL) {
		sink_give(&c, in);
	} else {
		cut.lengths = *lengths;
		while (c.state == WSD_CONN_OPEN && cutter_next(&cut, &piece))
			sink_give(&c, piece);
	}
	d->release(&c); /* and the rest, as ws_end() does */
	MUST(c.held == NULL);
	partial_free(&c.partial);
}

/* However the bytes are cut, the same comes out.  `read_all` is a sink_read() of the target's. */
static inline void
sink_compare(void (*read_all)(struct slice in, const struct slice *lengths, struct buf *out),
    struct slice in, struct slice lengths)
{
	struct buf whole = {.p = NULL}, cut = {.p = NULL};

	if (in.n == 0)
		return;
	read_all(in, NULL, &whole);
	read_all(in, &lengths, &cut);
	MUST(slice_equal(buf_slice(&whole), buf_slice(&cut)));
	buf_free(&whole);
	buf_free(&cut);
}

#endif
