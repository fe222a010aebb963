/* What a client says by a request of its own, whatever transport holds its session: its packets
 * (PROTOCOL 8.2), and that it leaves (14.6). */
#include "shared/base/log.h"
#include "shared/transport/internal.h"
#include "shared/wire/payload.h"
#include "shared/wire/utf8.h"

static void
receive_packets(struct server *sv, struct session *s, struct slice payload)
{
	struct payload_reader reader;
	struct slice packet;

	payload_read(&reader, payload);
	for (size_t n = 0; n < sv->cfg->packets_per_payload && payload_next(&reader, &packet); n++)
		receive_packet(sv->hub, s, packet);
	/* the client's mistake: the packets before it count, as in the reference */
	if (reader.broken)
		log_limited(
		    LOG_LEVEL_DEBUG, "a payload is malformed; its packets up to there were taken");
}

/* Read the body as its transport wraps it.  Return 0, or -1 when out of memory. */
static int
receive_body(struct server *sv, struct session *s, const struct transport *t, struct slice body)
{
	struct buf scratch = {.p = NULL}, clean = {.p = NULL};
	struct slice payload = t->unwrap(body, &scratch);
	bool failed = scratch.failed;

	/* before the frames are read: their lengths count characters */
	if (!failed && !utf8_valid(payload)) {
		utf8_sanitize(&clean, payload);
		payload = buf_slice(&clean);
		failed = clean.failed;
	}
	if (!failed)
		receive_packets(sv, s, payload);
	buf_free(&clean);
	buf_free(&scratch);
	return failed ? -1 : 0;
}

void
post_handle(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route)
{
	struct answer taken = answer_text(200, x->origin, SLICE("1"));
	const struct answer busy = answer_busy(x->origin);
	struct session *s;

	if (x->origin.n > 0)
		taken.headers = "X-XSS-Protection: 0\r\n";
	switch (session_find(sv->hub, route->sid, &s)) {
	case SESSION_LIVE:
		/* first, since the packets may end the session */
		session_heard(sv->hub, s);
		/* a POST may come before the first GET: 1:: must be sent before any reply to it */
		if (session_connect(sv->hub, s, route->transport) == 0 &&
		    receive_body(sv, s, t, x->body) == 0)
			/* "1" promises that the packets are not lost: only the commit makes it
			 * so */
			answer_later(sv, x, &taken, &busy);
		else
			answer_send(sv, x, &busy);
		break;
	case SESSION_FAILED:
		answer_send(sv, x, &busy);
		break;
	case SESSION_ENDED:
	case SESSION_UNKNOWN:
		/* the client's next poll tells it */
		answer_send(sv, x, &taken);
		break;
	}
}

bool
post_disconnect(struct server *sv, struct exchange *x, const struct route *route)
{
	const struct answer done = {.status = 200, .origin = x->origin};
	const struct answer busy = answer_busy(x->origin);
	struct session *s;

	switch (session_find(sv->hub, route->sid, &s)) {
	case SESSION_LIVE:
		/* remembered, so that a poll that is under way does not bring the client back */
		session_end(sv->hub, s, "booted", true);
		answer_later(sv, x, &done, &busy);
		return true;
	case SESSION_FAILED:
		answer_send(sv, x, &busy);
		return true;
	case SESSION_ENDED:
	case SESSION_UNKNOWN:
		break;
	}
	/* without ?disconnect and without a session, /1/X is a handshake for the caller */
	if (route->disconnect)
		answer_send(sv, x, &done);
	return route->disconnect;
}
