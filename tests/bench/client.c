#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/http.h"

/* RFC 6455 */
#define FIN_TEXT  0x81
#define FIN_CLOSE 0x88
#define FIN_PING  0x89
#define FIN_PONG  0x8a
#define MASKED    0x80

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD frames the packets of a payload */

static void
fail(struct client *c, const char *why)
{
	if (c->state == CLIENT_FAILED)
		return;
	c->state = CLIENT_FAILED;
	link_close(&c->main, c->loop);
	link_close(&c->post, c->loop);
	c->on_fail(c, why);
}

/* --- packets ---------------------------------------------------------------------------------- */

static void
on_packet(struct client *c, struct slice packet)
{
	if (packet.n == 0)
		return;
	switch (packet.p[0]) {
	case '0':
		fail(c, "the server disconnected it");
		return;
	case '1':
		if (c->state == CLIENT_CONNECTING) {
			c->state = CLIENT_OPEN;
			c->on_open(c);
		}
		return;
	case '2':
		client_send(c, SLICE("2::"));
		return;
	case '5':
		c->on_event(c, packet);
		return;
	case '7':
		fail(c, "an error packet came");
		return;
	}
}

/* The bytes of `units` UTF-16 code units at the front of `s`, or SIZE_MAX when there are fewer. */
static size_t
utf16_bytes(struct slice s, size_t units)
{
	size_t i = 0;

	while (units > 0 && i < s.n) {
		unsigned char lead = (unsigned char)s.p[i];
		size_t width = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
		size_t cost = width == 4 ? 2 : 1;

		if (cost > units)
			return SIZE_MAX;
		units -= cost;
		i += width;
	}
	return units == 0 && i <= s.n ? i : SIZE_MAX;
}

/* One packet, or several, each after U+FFFD length U+FFFD. */
static void
on_payload(struct client *c, struct slice body)
{
	const struct slice mark = SLICE(REPLACEMENT);

	if (!slice_starts(body, mark)) {
		on_packet(c, body);
		return;
	}
	while (body.n > 0 && c->state != CLIENT_FAILED) {
		size_t units = 0, i = mark.n, n;

		if (!slice_starts(body, mark))
			break;
		while (i < body.n && body.p[i] >= '0' && body.p[i] <= '9' && units < 1000000)
			units = units * 10 + (size_t)(body.p[i++] - '0');
		body = (struct slice){body.p + i, body.n - i};
		if (!slice_starts(body, mark))
			break;
		body = (struct slice){body.p + mark.n, body.n - mark.n};
		n = utf16_bytes(body, units);
		if (n == SIZE_MAX)
			break;
		on_packet(c, (struct slice){body.p, n});
		body = (struct slice){body.p + n, body.n - n};
	}
	if (body.n > 0)
		fail(c, "malformed payload");
}

/* --- xhr-polling ------------------------------------------------------------------------------ */

/* Open the link unless it is, or fail. */
static bool
reach(struct client *c, struct link *l)
{
	const struct sockaddr_in *to = c->state == CLIENT_OPEN ? &c->later : &c->to;

	if (l->fd == -1 && link_open(l, c->loop, c->from, to) == -1)
		fail(c, strerror(errno));
	return l->fd != -1;
}

static void
poll_next(struct client *c)
{
	if (c->state == CLIENT_FAILED || !reach(c, &c->main))
		return;
	c->requests++;
	buf_printf(&c->main.out,
	    "GET /socket.io/1/xhr-polling/%s?t=%lu HTTP/1.1\r\nHost: bench\r\n"
	    "Connection: keep-alive\r\n\r\n",
	    c->sid, c->requests);
	link_flush(&c->main, c->loop);
}

/* Send the outbox, unless a POST is under way: then it waits for the response to that. */
static void
post_next(struct client *c)
{
	struct slice body = buf_slice(&c->outbox);

	if (c->posting || body.n == 0 || c->state == CLIENT_FAILED || !reach(c, &c->post))
		return;
	if (c->outbox_packets == 1) { /* a single packet is not framed */
		const char *second = memmem(body.p + 3, body.n - 3, REPLACEMENT, 3);
		size_t frame = (size_t)(second - body.p) + 3;

		body = (struct slice){body.p + frame, body.n - frame};
	}
	c->posting = true;
	c->requests++;
	buf_printf(&c->post.out,
	    "POST /socket.io/1/xhr-polling/%s?t=%lu HTTP/1.1\r\nHost: bench\r\n"
	    "Connection: keep-alive\r\nContent-Type: text/plain;charset=UTF-8\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    c->sid, c->requests, body.n);
	buf_add_slice(&c->post.out, body);
	buf_clear(&c->outbox);
	c->outbox_packets = 0;
	link_flush(&c->post, c->loop);
}

static void
on_post_data(struct link *l)
{
	struct client *c = l->owner;
	struct http_answer answer;

	switch (http_take(&answer, l->in.p, l->in.n)) {
	case HTTP_MORE:
		return;
	case HTTP_BAD:
		fail(c, "malformed response to a POST");
		return;
	case HTTP_WHOLE:
		break;
	}
	if (answer.status != 200) {
		fail(c, "a POST was refused");
		return;
	}
	buf_consume(&l->in, answer.used);
	if (answer.close)
		link_close(l, c->loop);
	c->posting = false;
	post_next(c);
}

static void
on_post_end(struct link *l, const char *why)
{
	struct client *c = l->owner;

	if (c->posting)
		fail(c, why);
}

/* Was it the poll that has opened the session, and do the others go to another server? */
static bool
is_elsewhere(struct client *c)
{
	bool is_first = c->state == CLIENT_OPEN && !c->polled;

	c->polled = c->polled || is_first;
	return is_first && c->later.sin_port != c->to.sin_port;
}

static void
on_poll_answer(struct client *c, const struct http_answer *answer)
{
	if (answer->status != 200) {
		fail(c, "a poll was refused");
		return;
	}
	on_payload(c, answer->body);
	if (c->state == CLIENT_FAILED)
		return;
	buf_consume(&c->main.in, answer->used);
	if (answer->close || is_elsewhere(c))
		link_close(&c->main, c->loop);
	post_next(c);
	poll_next(c);
}

/* --- websocket -------------------------------------------------------------------------------- */

static void
frame_send(struct client *c, unsigned char head, struct slice body)
{
	unsigned char f[8] = {head};
	size_t n = 2;
	char *to;

	c->mask = c->mask * 1664525 + 1013904223;
	if (body.n < 126) {
		f[1] = (unsigned char)(MASKED | body.n);
	} else { /* we never send 65536 bytes or more */
		f[1] = MASKED | 126;
		f[2] = (unsigned char)(body.n >> 8);
		f[3] = (unsigned char)body.n;
		n = 4;
	}
	memcpy(f + n, &c->mask, 4);
	buf_add(&c->main.out, f, n + 4);
	to = buf_reserve(&c->main.out, body.n);
	for (size_t i = 0; to != NULL && i < body.n; i++)
		to[i] = (char)(body.p[i] ^ f[n + i % 4]);
	c->main.out.n += to == NULL ? 0 : body.n;
}

/* One frame at the front of `in`.  Return the bytes it takes, 0 when it is incomplete. */
static size_t
frame_take(struct slice in, struct slice *body)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t head = 2, n;

	if (in.n < 2)
		return 0;
	n = p[1] & 0x7f;
	if (n >= 126) {
		head = n == 126 ? 4 : 10;
		if (in.n < head)
			return 0;
		n = 0;
		for (size_t i = 2; i < head; i++)
			n = n << 8 | p[i];
	}
	if (in.n - head < n)
		return 0;
	*body = (struct slice){in.p + head, n};
	return head + n;
}

static void
on_frames(struct client *c)
{
	struct slice in = buf_slice(&c->main.in), body;
	size_t n;

	while (c->state != CLIENT_FAILED && (n = frame_take(in, &body)) > 0) {
		switch ((unsigned char)in.p[0]) {
		case FIN_TEXT:
			on_packet(c, body);
			break;
		case FIN_PING:
			frame_send(c, FIN_PONG, body);
			break;
		case FIN_CLOSE:
			fail(c, "the server closed the websocket");
			return;
		default:
			fail(c, "received a frame of an unknown kind");
			return;
		}
		in = (struct slice){in.p + n, in.n - n};
	}
	if (c->state == CLIENT_FAILED)
		return;
	buf_consume(&c->main.in, c->main.in.n - in.n);
	link_flush(&c->main, c->loop); /* the replies to all of these frames, in one write */
}

static void
upgrade(struct client *c)
{
	if (!reach(c, &c->main))
		return;
	buf_printf(&c->main.out,
	    "GET /socket.io/1/websocket/%s HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n"
	    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://bench\r\n\r\n",
	    c->sid);
	link_flush(&c->main, c->loop);
}

static void
on_upgraded(struct client *c, const struct http_answer *answer)
{
	if (answer->status != 101) {
		fail(c, "the websocket was refused");
		return;
	}
	buf_consume(&c->main.in, answer->used);
	c->upgraded = true;
	if (c->transport == CLIENT_BARE) {
		c->state = CLIENT_OPEN;
		c->on_open(c);
	}
	on_frames(c);
}

/* --- both ------------------------------------------------------------------------------------- */

static void
on_handshake(struct client *c, const struct http_answer *answer)
{
	const char *colon =
	    answer->body.n == 0 ? NULL : memchr(answer->body.p, ':', answer->body.n);
	size_t n = colon == NULL ? 0 : (size_t)(colon - answer->body.p);

	if (answer->status != 200 || n == 0 || n >= sizeof(c->sid)) {
		fail(c, "the handshake was refused");
		return;
	}
	memcpy(c->sid, answer->body.p, n);
	c->sid[n] = '\0';
	c->state = CLIENT_CONNECTING;
	buf_consume(&c->main.in, answer->used);
	/* a websocket has its own connection, as in browsers */
	if (answer->close || c->transport == CLIENT_WEBSOCKET)
		link_close(&c->main, c->loop);
	if (c->transport == CLIENT_POLLING)
		poll_next(c);
	else
		upgrade(c);
}

static void
on_main_data(struct link *l)
{
	struct client *c = l->owner;
	struct http_answer answer;

	if (c->upgraded) {
		on_frames(c);
		return;
	}
	switch (http_take(&answer, l->in.p, l->in.n)) {
	case HTTP_MORE:
		return;
	case HTTP_BAD:
		fail(c, "malformed response");
		return;
	case HTTP_WHOLE:
		break;
	}
	if (c->state == CLIENT_HANDSHAKE)
		on_handshake(c, &answer);
	else if (c->transport == CLIENT_POLLING)
		on_poll_answer(c, &answer);
	else
		on_upgraded(c, &answer);
}

static void
on_main_end(struct link *l, const char *why)
{
	struct client *c = l->owner;

	fail(c, why);
}

int
client_open(struct client *c)
{
	link_init(&c->main, c, on_main_data, on_main_end);
	link_init(&c->post, c, on_post_data, on_post_end);
	if (link_open(&c->main, c->loop, c->from, &c->to) == -1)
		return -1;
	if (c->transport == CLIENT_BARE) {
		c->state = CLIENT_CONNECTING;
		upgrade(c);
		return 0;
	}
	c->state = CLIENT_HANDSHAKE;
	buf_printf(&c->main.out,
	    "GET /socket.io/1/ HTTP/1.1\r\nHost: bench\r\nConnection: keep-alive\r\n\r\n");
	return 0;
}

void
client_send(struct client *c, struct slice packet)
{
	if (c->state != CLIENT_OPEN)
		return;
	if (c->transport != CLIENT_POLLING) {
		frame_send(c, FIN_TEXT, packet);
		return;
	}
	buf_printf(
	    &c->outbox, REPLACEMENT "%zu" REPLACEMENT, packet.n); /* ASCII: units are bytes */
	buf_add_slice(&c->outbox, packet);
	c->outbox_packets++;
}

void
client_flush(struct client *c)
{
	if (c->transport == CLIENT_POLLING)
		post_next(c);
	else
		link_flush(&c->main, c->loop);
}

void
client_free(struct client *c)
{
	link_free(&c->main, c->loop);
	link_free(&c->post, c->loop);
	buf_free(&c->outbox);
}
