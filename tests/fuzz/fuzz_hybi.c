/* The frames of a websocket, through hybi_dialect and wslay.
 *
 * However the bytes are cut, it is the same messages, pongs and end.  A well-behaved client's
 * messages arrive as they were sent, fragmented and pinged between as they may be.  What we frame
 * says its length in the shortest way. */
#include "wsd/hybi.h"

#include "tests/fuzz/sink.h"

/* --- reading -------------------------------------------------------------------------------- */

static void
read_all(struct slice in, const struct slice *lengths, struct buf *out)
{
	struct wsd w = {.cfg = &cfg, .hybi = hybi_new(&cfg)};

	MUST(w.hybi != NULL);
	sink_read(&w, &hybi_dialect, in, lengths, out);
	hybi_free(w.hybi);
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
	framed = hybi_dialect.frame(&w, m);
	MUST(framed != NULL && slice_equal(payload_of(framed, 0x81), text));
	last = hybi_dialect.close_frame(&w, code, "so long");
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
	sink_compare(read_all, c.rest, c.lengths);
	try_messages(c.rest, c.lengths);
	try_writing(c.rest, 1005);
	try_lengths(in);
	return 0;
}
