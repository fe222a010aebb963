#include "wsd/hybi.h"

#include <stdlib.h>

#include <wslay/wslay.h>

#include "shared/wire/hybi_frame.h"
#include "shared/wire/hybi_key.h"
#include "wsd/http.h"
#include "wsd/outqueue.h"
#include "wsd/partial.h"
#include "wsd/ws.h"

#define SPARES     16  /* contexts kept for the next frames */
#define REASON_MAX 123 /* bytes; a control frame holds 125, two of them the code */
#define HEAD_MAX   14  /* bytes: a masked frame with a 64-bit length */

/* A message may have FRAGMENTS, and one more for each FRAGMENT bytes of message_bytes: wslay
 * allocates memory for each, however short it is. */
#define FRAGMENT  64
#define FRAGMENTS 1024

/* A wslay context, and what it reads right now. */
struct hybi_reader {
	wslay_event_context_ptr ctx;
	struct hybi *hybi;
	SLIST_ENTRY(hybi_reader) spare;
	struct wsd_conn *c;  /* which connection it reads for */
	struct slice in;     /* not yet given to wslay; borrowed during hybi_input() */
	size_t frame_left;   /* of the frame that is being given */
	uint64_t message_n;  /* bytes of the message so far */
	unsigned fragments;  /* of it */
	bool in_message;     /* more of them are to come */
	uint8_t reply_left;  /* of a control frame that wslay is writing */
	bool reply_is_close; /* its close frame: ours is sent later, after the hub's packets */
	int fail;            /* the close code of a limit that is enforced here; 0: none broken */
};

struct hybi {
	const struct config *cfg;
	wslay_frame_context_ptr writer;
	struct message *framing; /* what `writer` writes */
	struct buf replies;      /* pongs, framed */
	SLIST_HEAD(, hybi_reader) spares;
	unsigned spares_n;
};

/* --- the handshake -------------------------------------------------------------------------- */

/* Sixteen random bytes in base64: 22 characters and "==". */
static bool
is_websocket_key(struct slice key)
{
	if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++) {
		char c = key.p[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '+' && c != '/')
			return false;
	}
	return true;
}

static const char *
hybi_check(const struct wsd_http *h)
{
	if (is_websocket_key(wsd_request_header(h->request, "sec-websocket-key")))
		return NULL;
	return "Sec-WebSocket-Key is missing or malformed.";
}

/* Extensions and protocols that the client offers are not mentioned: that refuses them. */
static struct message *
hybi_head(const struct wsd *w, const struct wsd_http *h)
{
	char accept[HYBI_KEY_ACCEPT_LENGTH + 1];
	struct message *m;
	struct buf out;

	(void)w;
	if (hybi_key_accept(accept, wsd_request_header(h->request, "sec-websocket-key")) == -1)
		return NULL;
	buf_init(&out, 0);
	buf_printf(&out,
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n"
	    "\r\n",
	    accept);
	m = out.failed ? NULL : outqueue_raw(buf_slice(&out));
	buf_free(&out);
	return m;
}

/* --- reading -------------------------------------------------------------------------------- */

/* Bytes that the next frame may hold. */
static uint64_t
hybi_frame_room(const struct hybi_reader *rd, const struct config *cfg)
{
	return rd == NULL || rd->message_n > cfg->message_bytes
	           ? cfg->message_bytes
	           : cfg->message_bytes - rd->message_n;
}

/* wslay asks for bytes: it gets whole frames, so that its context can be given back when the input
 * ends. */
static ssize_t
hybi_on_recv(wslay_event_context_ptr ctx, uint8_t *to, size_t n, int flags, void *arg)
{
	struct hybi_reader *rd = arg;

	(void)flags;
	if (rd->frame_left == 0) {
		switch (
		    hybi_frame_look(rd->in, hybi_frame_room(rd, rd->hybi->cfg), &rd->frame_left)) {
		case HYBI_FRAME_WHOLE:
			break;
		case HYBI_FRAME_LARGE:
			/* before its payload is awaited: the peer may never send all of it */
			rd->fail = WSLAY_CODE_MESSAGE_TOO_BIG;
			/* fall through */
		case HYBI_FRAME_MORE:
			wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
			return -1;
		}
	}
	if (n > rd->frame_left)
		n = rd->frame_left;
	memcpy(to, rd->in.p, n);
	rd->in = slice_skip(rd->in, n);
	rd->frame_left -= n;
	return (ssize_t)n;
}

static void
hybi_on_frame(
    wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
	struct hybi_reader *rd = arg;

	/* a control frame may come between two fragments, and is no part of the message */
	if (wslay_is_ctrl_frame(frame->opcode))
		return;
	if (!rd->in_message) {
		rd->message_n = 0;
		rd->fragments = 0;
	}
	rd->message_n += frame->payload_length;
	rd->in_message = !frame->fin;
	if (++rd->fragments > FRAGMENTS + rd->hybi->cfg->message_bytes / FRAGMENT) {
		rd->fail = WSLAY_CODE_MESSAGE_TOO_BIG;
		wslay_event_shutdown_read(ctx);
	}
}

/* Send the pongs that wslay has written. */
static void
send_pongs(struct hybi_reader *rd)
{
	struct buf *replies = &rd->hybi->replies;

	if (replies->n > 0)
		ws_control(rd->c, outqueue_raw(buf_slice(replies)));
	buf_clear(replies);
}

static void
hybi_on_message(
    wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
	struct hybi_reader *rd = arg;
	struct slice text = {(const char *)message->msg, message->msg_length};

	switch (message->opcode) {
	case WSLAY_TEXT_FRAME:
		rd->message_n = 0;
		if (rd->fail == 0 && !ws_text(rd->c, text))
			wslay_event_shutdown_read(ctx);
		break;
	case WSLAY_BINARY_FRAME: /* Socket.IO 1 has no binary packets: ignore it */
		rd->message_n = 0;
		break;
	case WSLAY_CONNECTION_CLOSE:
		if (message->msg_length == 1) /* half a code; wslay takes it for none */
			rd->fail = WSLAY_CODE_PROTOCOL_ERROR;
		break;
	case WSLAY_PING:
		/* wslay has queued the pong: send it now, before the echo of the next message */
		(void)wslay_event_send(ctx);
		send_pongs(rd);
		break;
	default: /* a pong; the heartbeats are Socket.IO's */
		break;
	}
}

/* wslay writes a control frame: its head, then its payload. */
static ssize_t
hybi_on_reply(wslay_event_context_ptr ctx, const uint8_t *bytes, size_t n, int flags, void *arg)
{
	struct hybi_reader *rd = arg;

	(void)ctx;
	(void)flags;
	if (rd->reply_left == 0) {
		rd->reply_is_close = (bytes[0] & 0x0f) == WSLAY_CONNECTION_CLOSE;
		rd->reply_left = bytes[1] & 0x7f;
	} else {
		rd->reply_left = (uint8_t)(rd->reply_left - n);
	}
	if (!rd->reply_is_close)
		buf_add(&rd->hybi->replies, bytes, n);
	return (ssize_t)n;
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = hybi_on_recv,
    .send_callback = hybi_on_reply,
    .on_frame_recv_start_callback = hybi_on_frame,
    .on_msg_recv_callback = hybi_on_message,
};

/* --- the pool ------------------------------------------------------------------------------- */

static struct hybi_reader *
borrow_reader(struct hybi *hybi)
{
	struct hybi_reader *rd = SLIST_FIRST(&hybi->spares);

	if (rd != NULL) {
		SLIST_REMOVE_HEAD(&hybi->spares, spare);
		hybi->spares_n--;
		/* the limit may be another one than when it was made */
		wslay_event_config_set_max_recv_msg_length(rd->ctx, hybi->cfg->message_bytes);
		return rd;
	}
	rd = calloc(1, sizeof(*rd));
	if (rd == NULL)
		return NULL;
	rd->hybi = hybi;
	if (wslay_event_context_server_init(&rd->ctx, &callbacks, rd) != 0) {
		free(rd);
		return NULL;
	}
	wslay_event_config_set_max_recv_msg_length(rd->ctx, hybi->cfg->message_bytes);
	return rd;
}

static void
discard_reader(struct hybi_reader *rd)
{
	wslay_event_context_free(rd->ctx);
	free(rd);
}

/* Give back a context that is between two messages. */
static void
give_back_reader(struct hybi_reader *rd)
{
	struct hybi *hybi = rd->hybi;

	if (hybi->spares_n == SPARES) {
		discard_reader(rd);
		return;
	}
	rd->c = NULL;
	SLIST_INSERT_HEAD(&hybi->spares, rd, spare);
	hybi->spares_n++;
}

/* --- the dialect ---------------------------------------------------------------------------- */

/* wslay has read all it could, with this result: send the pongs, and end the websocket if wslay
 * says so. */
static void
conclude_reading(struct hybi_reader *rd, int result)
{
	struct wsd_conn *c = rd->c;
	int code = 0;

	/* wslay knows the code of its close frame once that is "sent"; see hybi_on_reply() */
	if (wslay_event_want_write(rd->ctx))
		(void)wslay_event_send(rd->ctx);
	/* pongs before the close frame, in the order of the pings */
	send_pongs(rd);
	/* limits first: what they stopped looks like another error to wslay */
	if (rd->fail != 0)
		code = rd->fail;
	else if (result != 0)
		code = result == WSLAY_ERR_NOMEM ? WSLAY_CODE_INTERNAL_SERVER_ERROR
		                                 : WSLAY_CODE_PROTOCOL_ERROR;
	else if (wslay_event_get_close_sent(rd->ctx))
		code = wslay_event_get_status_code_sent(rd->ctx);
	if (code != 0)
		ws_peer_ended(c, code,
		    wslay_event_get_close_received(rd->ctx) ? "socket end" : "socket error");
}

/* Keep the last `left` bytes of `in`, unless they are wrong already: a text frame's UTF-8 is
 * checked while it arrives. */
static void
keep_partial_frame(struct wsd_conn *c, struct slice in, size_t left)
{
	const struct hybi_reader *rd = c->held;
	size_t most = c->wsd->cfg->message_bytes + HEAD_MAX + READ_BUFFER;

	if (partial_keep(&c->partial, in, left, most) == -1)
		wsd_conn_close(c, "socket error");
	else if (c->partial != NULL && (rd == NULL || !rd->in_message) &&
		 !hybi_frame_text_valid(buf_slice(&c->partial->bytes), &c->partial->seen))
		ws_peer_ended(c, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "socket error");
}

static void
hybi_release(struct wsd_conn *c)
{
	struct hybi_reader *rd = c->held;

	c->held = NULL;
	if (rd != NULL)
		discard_reader(rd);
}

static void
hybi_input(struct wsd_conn *c, struct slice in)
{
	struct hybi *hybi = c->wsd->hybi;
	struct hybi_reader *rd = c->held;
	size_t n;

	if (partial_join(&c->partial, &in) == -1) {
		wsd_conn_close(c, "socket error");
		return;
	}
	/* most reads bring whole frames; a part of one needs no context yet */
	if (hybi_frame_look(in, hybi_frame_room(rd, hybi->cfg), &n) == HYBI_FRAME_MORE) {
		keep_partial_frame(c, in, in.n);
		return;
	}
	if (rd == NULL && (rd = borrow_reader(hybi)) == NULL) {
		wsd_conn_close(c, "socket error");
		return;
	}
	/* held during the read, too: closing the connection in the middle must not lose it */
	c->held = rd;
	rd->c = c;
	rd->in = in;
	conclude_reading(rd, wslay_event_recv(rd->ctx));
	if (c->state != WSD_CONN_OPEN) {
		/* stopped in the middle: this context cannot read anything else */
		hybi_release(c);
		return;
	}
	keep_partial_frame(c, in, rd->in.n);
	if (!rd->in_message) {
		/* idle websockets must not hold 9 kB each */
		c->held = NULL;
		give_back_reader(rd);
	}
}

/* --- writing -------------------------------------------------------------------------------- */

/* wslay writes the head of a frame, then its payload, which is in its place already. */
static ssize_t
hybi_on_write(const uint8_t *bytes, size_t n, int flags, void *arg)
{
	struct hybi *hybi = arg;
	struct message *m = hybi->framing;

	(void)flags;
	if (bytes == (const uint8_t *)m->text)
		return (ssize_t)n;
	if (n > MESSAGE_HEADROOM)
		return -1;
	memcpy(m->head + MESSAGE_HEADROOM - n, bytes, n);
	m->head_n = (uint8_t)n;
	return (ssize_t)n;
}

static int
write_frame_head(struct hybi *hybi, struct message *m, uint8_t opcode)
{
	struct wslay_frame_iocb frame = {
	    .fin = 1,
	    .opcode = opcode,
	    .payload_length = m->n,
	    .data = (const uint8_t *)m->text,
	    .data_length = m->n,
	};

	hybi->framing = m;
	return wslay_frame_send(hybi->writer, &frame) == (ssize_t)m->n ? 0 : -1;
}

static struct message *
hybi_frame_message(struct wsd *w, struct message *m)
{
	/* a broadcast is framed once and sent many times */
	if (m->head_n == 0 && write_frame_head(w->hybi, m, WSLAY_TEXT_FRAME) == -1)
		return NULL;
	return message_keep(m);
}

static struct message *
hybi_close_frame(struct wsd *w, int code, const char *reason)
{
	struct slice why = slice_of(reason);
	char text[2 + REASON_MAX] = {(char)(code >> 8), (char)code};
	struct slice payload = {text, 0};
	struct message *m;

	/* 1005 must not be sent (RFC 6455 7.4.1): it answers a close frame without a code */
	if (code != WSLAY_CODE_NO_STATUS_RCVD) {
		if (why.n > REASON_MAX)
			why.n = 0;
		if (why.n > 0)
			memcpy(text + 2, why.p, why.n);
		payload.n = 2 + why.n;
	}
	m = message_new(payload);
	if (m != NULL && write_frame_head(w->hybi, m, WSLAY_CONNECTION_CLOSE) == -1) {
		message_release(m);
		return NULL;
	}
	return m;
}

const struct dialect hybi_dialect = {
    .name = "hybi",
    .number = 0,
    .check = hybi_check,
    .head = hybi_head,
    .input = hybi_input,
    .release = hybi_release,
    .frame = hybi_frame_message,
    .close_frame = hybi_close_frame,
};

struct hybi *
hybi_new(const struct config *cfg)
{
	static const struct wslay_frame_callbacks writing = {.send_callback = hybi_on_write};
	struct hybi *hybi = calloc(1, sizeof(*hybi));

	if (hybi == NULL)
		return NULL;
	hybi->cfg = cfg;
	if (wslay_frame_context_init(&hybi->writer, &writing, hybi) != 0) {
		free(hybi);
		return NULL;
	}
	return hybi;
}

void
hybi_free(struct hybi *hybi)
{
	struct hybi_reader *rd;

	if (hybi == NULL)
		return;
	while ((rd = SLIST_FIRST(&hybi->spares)) != NULL) {
		SLIST_REMOVE_HEAD(&hybi->spares, spare);
		discard_reader(rd);
	}
	wslay_frame_context_free(hybi->writer);
	buf_free(&hybi->replies);
	free(hybi);
}
