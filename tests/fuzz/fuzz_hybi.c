/* The frames of a websocket, through dialect_hybi and wslay.
 *
 * However the bytes are cut, it is the same messages, pongs and end.  A well-behaved client's
 * messages arrive as they were sent, fragmented and pinged between as they may be.  What we frame
 * says its length in the shortest way. */
#include "wsd/hybi.h"

#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "wsd/outqueue.h"
#include "wsd/ws.h"

#define MESSAGE_BYTES 100
#define REST_MAX      (MESSAGE_BYTES + 14 + READ_BUFFER)

/* --- instead of the connection -------------------------------------------------------------- */

/* What came out, in order: a letter, a number, bytes. */
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
ws_text(struct conn *c, struct slice text)
{
	if (c->state != CONN_OPEN)
		return false;
	MUST(text.n <= MESSAGE_BYTES && utf8_valid(text));
	note('T', text.n, text);
	if (slice_is(text, "0::"))
		c->state = CONN_FLUSHING;
	return c->state == CONN_OPEN;
}

/* A pong of "full" is one too many for the queue. */
void
ws_control(struct conn *c, struct message *m)
{
	struct slice pongs;

	MUST(m != NULL);
	pongs = message_frame(m);
	while (pongs.n > 0 && c->state == CONN_OPEN) {
		size_t n = (unsigned char)pongs.p[1];
		struct slice pong = {pongs.p + 2, n};

		MUST((unsigned char)pongs.p[0] == 0x8a && n <= 125 && 2 + n <= pongs.n);
		note('P', n, pong);
		if (slice_is(pong, "full"))
			conn_close(c, "queue overflow");
		pongs = slice_skip(pongs, 2 + n);
	}
	message_release(m);
}

void
ws_over(struct conn *c, int code, const char *reason)
{
	if (c->state != CONN_OPEN)
		return;
	MUST(code >= 1000 && code <= 4999);
	note('O', (size_t)code, slice_of(reason));
	c->state = CONN_ENDING;
}

void
conn_close(struct conn *c, const char *reason)
{
	note('C', 0, slice_of(reason));
	c->state = CONN_CLOSED;
}

/* --- reading -------------------------------------------------------------------------------- */

static struct config cfg = {.message_bytes = MESSAGE_BYTES};

static void
give(struct conn *c, struct slice bytes)
{
	char *copy = copy_of(bytes); /* gone afterwards: the dialect must not keep it */

	dialect_hybi.input(c, (struct slice){copy, bytes.n});
	free(copy);
	MUST(c->rest == NULL || (c->rest->n > 0 && c->rest->n <= REST_MAX && !c->rest->failed));
}

/* Let a connection read all of `in` and write down what comes out; in one piece, or in those that
 * `lengths` says. */
static void
read_all(struct slice in, const struct slice *lengths, struct buf *out)
{
	struct wsd w = {.cfg = &cfg, .hybi = hybi_new(&cfg)};
	struct conn c = {.wsd = &w, .state = CONN_OPEN, .dialect = &dialect_hybi};
	struct cutter cut = {.rest = in};
	struct slice piece;

	MUST(w.hybi != NULL);
	trace = out;
	if (lengths == NULL) {
		give(&c, in);
	} else {
		cut.lengths = *lengths;
		while (c.state == CONN_OPEN && cutter_next(&cut, &piece))
			give(&c, piece);
	}
	dialect_hybi.release(&c); /* and the rest, as ws_end() does */
	MUST(c.held == NULL);
	if (c.rest != NULL)
		buf_free(c.rest);
	free(c.rest);
	hybi_free(w.hybi);
}

static void
try_bytes(struct slice in, struct slice lengths)
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

/* --- a client that does all right ----------------------------------------------------------- */

static void
add_frame(struct buf *out, unsigned head, struct slice payload)
{
	const unsigned char mask[4] = {0x37, 0xfa, 0x21, (unsigned char)payload.n};

	buf_add_char(out, (char)head);
	if (payload.n < 126) {
		buf_add_char(out, (char)(0x80 | payload.n));
	} else {
		buf_add_char(out, (char)(0x80 | 126));
		buf_add_char(out, (char)(payload.n >> 8));
		buf_add_char(out, (char)payload.n);
	}
	buf_add(out, mask, sizeof(mask));
	for (size_t i = 0; i < payload.n; i++)
		buf_add_char(out, (char)(payload.p[i] ^ mask[i % 4]));
}

/* One message in fragments as `lengths` says; before one that begins with 'p' comes a ping. */
static void
add_message(struct buf *out, struct slice text, struct slice lengths)
{
	struct cutter c = {.lengths = lengths, .rest = text};
	struct slice piece;
	bool first = true;

	if (text.n == 0)
		add_frame(out, 0x81, text);
	while (cutter_next(&c, &piece)) {
		if (piece.p[0] == 'p') {
			add_frame(out, 0x89, SLICE("ping"));
			note('P', 4, SLICE("ping"));
		}
		add_frame(out, (c.rest.n == 0 ? 0x80 : 0) | (first ? 0x01 : 0x00), piece);
		first = false;
	}
	note('T', text.n, text);
}

/* Each line is a message. */
static void
try_messages(struct slice in, struct slice lengths)
{
	struct buf clean = {.p = NULL}, frames = {.p = NULL}, sent = {.p = NULL},
		   received = {.p = NULL};
	struct slice rest, line;

	utf8_sanitize(&clean, in);
	rest = buf_slice(&clean);
	trace = &sent;
	while (frames.n < READ_BUFFER / 2 && slice_cut(&rest, '\n', &line))
		if (line.n <= MESSAGE_BYTES && !slice_is(line, "0::"))
			add_message(&frames, line, lengths);
	MUST(!clean.failed && !frames.failed);
	if (frames.n > 0) {
		read_all(buf_slice(&frames), &lengths, &received);
		MUST(slice_equal(buf_slice(&sent), buf_slice(&received)));
	}
	buf_free(&clean);
	buf_free(&frames);
	buf_free(&sent);
	buf_free(&received);
}

/* --- writing -------------------------------------------------------------------------------- */

/* Read the head of a frame of ours; returns its payload. */
static struct slice
payload_of(const struct message *m, unsigned head)
{
	struct slice frame = message_frame(m);
	const unsigned char *p = (const unsigned char *)frame.p;
	size_t n, skip;

	MUST(frame.n >= 2 && p[0] == head && (p[1] & 0x80) == 0);
	if (p[1] < 126) {
		n = p[1];
		skip = 2;
	} else if (p[1] == 126) {
		n = (size_t)p[2] << 8 | p[3];
		skip = 4;
		MUST(n > 125);
	} else {
		n = (size_t)p[6] << 24 | (size_t)p[7] << 16 | (size_t)p[8] << 8 | p[9];
		skip = 10;
		MUST(n > 0xffff && p[2] == 0 && p[3] == 0 && p[4] == 0 && p[5] == 0);
	}
	MUST(frame.n == skip + n);
	return slice_skip(frame, skip);
}

static void
try_writing(struct slice text, int code)
{
	struct wsd w = {.cfg = &cfg, .hybi = hybi_new(&cfg)};
	struct message *m = message_new(text), *framed, *last;
	struct slice payload;

	MUST(w.hybi != NULL && m != NULL);
	framed = dialect_hybi.frame(&w, m);
	MUST(framed != NULL && slice_equal(payload_of(framed, 0x81), text));
	last = dialect_hybi.goodbye(&w, code, "so long");
	MUST(last != NULL);
	payload = payload_of(last, 0x88);
	MUST(payload.n <= 125);
	if (code != 1005)
		MUST(((unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1]) == code);
	message_release(framed);
	message_release(last);
	message_release(m);
	hybi_free(w.hybi);
}

/* A text as long as the first two bytes say, around the places where the head grows. */
static void
try_lengths(struct slice in)
{
	struct buf text = {.p = NULL};
	size_t n;

	if (in.n != 3) /* not each time: it is slow */
		return;
	n = (size_t)(unsigned char)in.p[0] << 8 | (unsigned char)in.p[1];
	n += (unsigned char)in.p[2];
	while (text.n < n)
		buf_add_char(&text, 'x');
	MUST(!text.failed);
	try_writing(buf_slice(&text), 1000 + (unsigned char)in.p[2]);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);
	struct cutter c;

	cutter_begin(&c, in);
	if (c.rest.n > READ_BUFFER) /* more is never read at once */
		return 0;
	try_bytes(c.rest, c.lengths);
	try_messages(c.rest, c.lengths);
	try_writing(c.rest, 1005);
	try_lengths(in);
	return 0;
}
