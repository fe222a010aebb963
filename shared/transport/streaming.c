/* Streaming: PROTOCOL sections 10 and 11.  A GET is answered without end, a piece for each packet;
 * when it ends, the session does.  htmlfile and xhr-multipart differ in how a packet is wrapped. */
#include <stdlib.h>

#include "shared/transport/internal.h"

#include "shared/base/container.h"

/* The client makes a new session, by itself and soon.  htmlfile does not notice the end of its
 * stream otherwise. */
#define COME_AGAIN SLICE("7:::+0")

/* One GET that is being answered.  It lives until the exchange's fate is known. */
struct stream {
	struct server *sv;
	struct exchange *x;
	const struct transport *transport;
	struct session *session;    /* NULL once it has let go of it */
	struct heartbeat heartbeat; /* while it has a session */
	struct stream *prev, *next; /* in sv->streams, while it has a session */
	int64_t ends_at;
	bool finished; /* nothing can be said any more */
};

static void
list_add(struct server *sv, struct stream *st)
{
	st->ends_at = sv->now + sv->cfg->htmlfile_duration_ms;
	st->prev = sv->streams.last;
	if (st->prev != NULL)
		st->prev->next = st;
	else
		sv->streams.first = st;
	sv->streams.last = st;
}

static void
list_remove(struct server *sv, struct stream *st)
{
	if (st->prev != NULL)
		st->prev->next = st->next;
	else
		sv->streams.first = st->next;
	if (st->next != NULL)
		st->next->prev = st->prev;
	else
		sv->streams.last = st->prev;
}

static void
finish(struct stream *st)
{
	if (st->finished)
		return;
	st->finished = true;
	st->x->ops->finish(st->x);
}

static void
say(struct stream *st, struct slice packet)
{
	struct buf *piece = &st->sv->wrapped;

	if (st->finished)
		return;
	buf_clear(piece);
	st->transport->wrap(piece, packet, 0);
	if (piece->failed)
		finish(st); /* it would miss something: its fate ends the session */
	else
		st->x->ops->piece(st->x, buf_slice(piece));
}

static struct session *
let_go(struct stream *st)
{
	struct session *s = st->session;

	heartbeat_stop(st->sv, &st->heartbeat);
	list_remove(st->sv, st);
	st->session = NULL;
	return s;
}

/* Let go of the session and end it. */
static void
end(struct stream *st, const char *reason)
{
	struct session *s = let_go(st);

	hub_detach(st->sv->hub, s);
	hub_end(st->sv->hub, s, reason, false);
}

/* --- what the hub says ------------------------------------------------------------------------ */

static void
on_send(void *sink, struct message *m)
{
	say(sink, message_text(m));
}

static void
on_end(void *sink, enum sink_end why)
{
	struct stream *st = sink;

	let_go(st);
	switch (why) {
	case SINK_SUPERSEDED:
		break;
	case SINK_DISCONNECTED:
		say(st, SLICE("0::"));
		break;
	case SINK_LOST:
		say(st, SLICE("7:::1+0"));
		break;
	case SINK_FAILED:
		say(st, COME_AGAIN);
		break;
	}
	finish(st);
}

static void
on_heard(void *sink)
{
	struct stream *st = sink;

	heartbeat_heard(st->sv, &st->heartbeat);
}

static const struct sink_ops stream_ops = {.send = on_send, .end = on_end, .heard = on_heard};

/* --- heartbeats ------------------------------------------------------------------------------- */

static struct stream *
of(struct heartbeat *hb)
{
	return container_of(hb, struct stream, heartbeat);
}

static void
on_beat(struct server *sv, struct heartbeat *hb)
{
	say(of(hb), message_text(sv->heartbeat));
}

static void
on_expired(struct server *sv, struct heartbeat *hb)
{
	(void)sv;
	end(of(hb), "heartbeat timeout");
	finish(of(hb));
}

static void
on_drained(struct server *sv, struct heartbeat *hb)
{
	(void)sv;
	say(of(hb), COME_AGAIN);
	end(of(hb), "server shutdown");
	finish(of(hb));
}

static const struct heartbeat_ops heartbeat_ops = {on_beat, on_expired, on_drained};

/* --- the exchange ----------------------------------------------------------------------------- */

static void
on_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	struct stream *st = holder;

	(void)x;
	(void)fate;
	if (st->session != NULL) /* the client has left */
		end(st, "socket end");
	free(st);
}

static void
start(struct server *sv, const struct transport *t, struct exchange *x, const struct route *route,
    struct session *s)
{
	struct stream *st = calloc(1, sizeof(*st));

	if (st == NULL) {
		answer_wrapped(sv, x, x->origin, t, 0, COME_AGAIN);
		return;
	}
	st->sv = sv;
	st->x = x;
	st->transport = t;
	st->session = s;
	answer_begin(sv, x, t);
	x->on_fate = on_fate;
	x->holder = st;
	list_add(sv, st);
	heartbeat_start(sv, &st->heartbeat, &heartbeat_ops);
	if (hub_attach(sv->hub, s, route->transport, true, &stream_ops, st) == -1 &&
	    st->session != NULL) {
		let_go(st);
		if (session_has_sink(s, st))
			hub_detach(sv->hub, s);
		say(st, COME_AGAIN);
		finish(st);
	}
}

/* A web server between us and the client may keep a stream back, and we cannot see it. */
bool
streaming_works(struct server *sv)
{
	return sv->kind != SERVER_FCGI || sv->cfg->fcgi_streaming == CONFIG_YES;
}

void
streaming_open(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route)
{
	struct session *s = NULL;

	if (!streaming_works(sv)) {
		answer_error(sv, x, 404, "Streams are not served here.");
		return;
	}
	if (sv->draining || x->again) {
		answer_wrapped(sv, x, x->origin, t, 0, COME_AGAIN);
		return;
	}
	switch (hub_find(sv->hub, route->sid, &s)) {
	case HUB_LIVE:
		start(sv, t, x, route, s);
		break;
	case HUB_ENDED:
		answer_wrapped(sv, x, x->origin, t, 0, SLICE("0::"));
		break;
	case HUB_UNKNOWN:
		answer_wrapped(sv, x, x->origin, t, 0, SLICE("7:::1+0"));
		break;
	case HUB_FAILED:
		answer_wrapped(sv, x, x->origin, t, 0, COME_AGAIN);
		break;
	}
}

int64_t
streams_due(struct server *sv)
{
	struct stream *st;

	while ((st = sv->streams.first) != NULL && st->ends_at <= sv->now) {
		say(st, COME_AGAIN);
		end(st, "socket end");
		finish(st);
	}
	return st == NULL ? INT64_MAX : st->ends_at;
}
