/* Streaming (PROTOCOL sections 10 and 11): a GET is answered without end, one piece per packet.
 * htmlfile and xhr-multipart differ in how a packet is wrapped.
 *
 *	GET -> head, 1::, pieces -- the client leaves, or no heartbeat --> the session ends
 *	                         -- time is up, or shutdown: 7:::+0 -----> the session ends
 *	                         -- a newer transport, or the session's end: 0:: -----> finished
 *	    without a place ------------------- 7:::1+0 -------------------------------> finished
 *	    of an ended session -- head, what is not collected yet, 0:: --------------> finished
 */
#include <stdlib.h>

#include "shared/base/container.h"
#include "shared/transport/internal.h"
#include "shared/transport/place.h"

/* A GET from its arrival until its fate is known. */
struct stream {
	struct server *sv;
	struct exchange *x;
	const struct transport *transport;
	struct session *session;    /* NULL once it is detached */
	struct heartbeat heartbeat; /* runs while it has a session */
	TAILQ_ENTRY(stream) link;   /* in sv->streams while it has a session */
	int64_t key;                /* of the session */
	uint64_t place;             /* place_take() */
	int64_t ends_at;
	bool finished;            /* the answer ends with what waits */
	struct message **waiting; /* owned: for after the commit */
	uint32_t waiting_n, waiting_cap;
	bool unsettled; /* in sv->unsettled */
	LIST_ENTRY(stream) unsettled_link;
};

/* --- what waits for the commit -------------------------------------------------------------- */

static void
unsettle(struct stream *st)
{
	if (st->unsettled)
		return;
	st->unsettled = true;
	LIST_INSERT_HEAD(&st->sv->unsettled, st, unsettled_link);
}

static void
finish_stream(struct stream *st)
{
	if (st->finished)
		return;
	st->finished = true;
	unsettle(st);
}

/* Takes over the reference; NULL: out of memory. */
static void
send_message(struct stream *st, struct message *m)
{
	if (!st->finished && m != NULL && st->waiting_n == st->waiting_cap) {
		uint32_t cap = st->waiting_cap == 0 ? 4 : 2 * st->waiting_cap;
		struct message **grown = realloc(st->waiting, cap * sizeof(struct message *));

		if (grown != NULL) {
			st->waiting = grown;
			st->waiting_cap = cap;
		}
	}
	/* never skip a packet: end instead, and on_stream_fate() ends the session */
	if (m == NULL || st->waiting_n == st->waiting_cap)
		finish_stream(st);
	if (st->finished) {
		message_release(m);
		return;
	}
	st->waiting[st->waiting_n++] = m;
	unsettle(st);
}

/* A packet that does not come from the hub. */
static void
send_own_piece(struct stream *st, struct slice packet)
{
	hub_show_own(st->sv->hub, st->key, packet);
	send_message(st, message_new(packet));
}

/* Keep the first `n` of what waits. */
static void
cut_waiting(struct stream *st, uint32_t n)
{
	while (st->waiting_n > n)
		message_release(st->waiting[--st->waiting_n]);
}

/* Free what waits; the stream is in no list of it any more. */
static void
free_waiting(struct stream *st)
{
	cut_waiting(st, 0);
	free(st->waiting);
	st->waiting = NULL;
	st->waiting_cap = 0;
	if (st->unsettled)
		LIST_REMOVE(st, unsettled_link);
	st->unsettled = false;
}

static void
take_back_from(struct stream *st)
{
	uint32_t all = st->waiting_n, kept = 0;

	for (uint32_t i = 0; i < all; i++)
		if (part_takes_back(st->sv->hub, st->waiting[i]))
			message_release(st->waiting[i]);
		else
			st->waiting[kept++] = st->waiting[i];
	st->waiting_n = kept;
	/* its end comes behind what is gone: say nothing of it, and the client comes again */
	if (kept < all && st->finished) {
		cut_waiting(st, 0);
		st->finished = false;
		send_own_piece(st, RECONNECT_PACKET);
		finish_stream(st);
	}
}

void
streaming_take_back(struct server *sv)
{
	struct stream *st;

	LIST_FOREACH (st, &sv->unsettled, unsettled_link)
		take_back_from(st);
}

/* Hand on what waits.  False: out of memory. */
static bool
write_pieces(struct stream *st)
{
	struct buf *piece = &st->sv->wrapped;

	for (uint32_t i = 0; i < st->waiting_n; i++) {
		buf_clear(piece);
		st->transport->wrap(piece, message_text(st->waiting[i]), 0);
		if (piece->failed)
			return false;
		st->x->ops->piece(st->x, buf_slice(piece));
	}
	return true;
}

void
streaming_settle(struct server *sv)
{
	struct stream *st;

	while ((st = LIST_FIRST(&sv->unsettled)) != NULL) {
		bool written = write_pieces(st);

		free_waiting(st);
		/* as in send_message(): never skip a packet */
		if (!written)
			st->finished = true;
		if (st->finished)
			st->x->ops->finish(st->x);
	}
}

/* The session is not ours any more: nothing is due for it.  Return it. */
static struct session *
drop_stream_session(struct stream *st)
{
	struct session *s = st->session;

	heartbeat_stop(st->sv, &st->heartbeat);
	TAILQ_REMOVE(&st->sv->streams, st, link);
	st->session = NULL;
	return s;
}

static void
end_stream_session(struct stream *st, const char *reason)
{
	/* detached first: what the end would say to the stream, the caller has said already */
	struct session *s = drop_stream_session(st);

	session_detach(st->sv->hub, s);
	session_end(st->sv->hub, s, reason, false);
}

/* --- what the hub says ---------------------------------------------------------------------- */

static void
on_stream_send(void *sink, struct message *m)
{
	send_message(sink, message_keep(m));
}

static void
on_stream_end(void *sink, enum sink_end why)
{
	struct stream *st = sink;

	/* the hub has detached it */
	drop_stream_session(st);
	switch (why) {
	case SINK_SUPERSEDED:
		break;
	case SINK_DISCONNECTED:
		send_own_piece(st, DISCONNECT_PACKET);
		break;
	case SINK_LOST:
		send_own_piece(st, UNKNOWN_SESSION_PACKET);
		break;
	case SINK_MOVED:
	case SINK_FAILED:
		send_own_piece(st, RECONNECT_PACKET);
		break;
	}
	finish_stream(st);
}

static void
on_stream_heard(void *sink)
{
	struct stream *st = sink;

	heartbeat_heard(st->sv, &st->heartbeat);
}

static const struct sink_ops stream_sink = {
    .send = on_stream_send, .end = on_stream_end, .heard = on_stream_heard};

/* --- heartbeats ----------------------------------------------------------------------------- */

static struct stream *
stream_of(struct heartbeat *hb)
{
	return container_of(hb, struct stream, heartbeat);
}

static void
on_stream_beat(struct server *sv, struct heartbeat *hb)
{
	(void)sv;
	send_own_piece(stream_of(hb), HEARTBEAT_PACKET);
}

static void
on_stream_expired(struct server *sv, struct heartbeat *hb)
{
	struct stream *st = stream_of(hb);

	(void)sv;
	/* no packet: a client that is there would have answered */
	end_stream_session(st, "heartbeat timeout");
	finish_stream(st);
}

static void
on_stream_drained(struct server *sv, struct heartbeat *hb)
{
	struct stream *st = stream_of(hb);

	(void)sv;
	/* htmlfile does not notice that its stream ends: a packet must say so, before the end */
	send_own_piece(st, RECONNECT_PACKET);
	end_stream_session(st, "server shutdown");
	finish_stream(st);
}

static const struct heartbeat_ops stream_heartbeat = {
    on_stream_beat, on_stream_expired, on_stream_drained};

/* --- the exchange --------------------------------------------------------------------------- */

static void
on_stream_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	struct stream *st = holder;

	(void)x;
	(void)fate;
	/* nothing here ended the session: the client left, or a packet could not be sent to it */
	if (st->session != NULL)
		end_stream_session(st, "socket end");
	free_waiting(st);
	/* a stream is not followed by another one of its session */
	place_leave(st->sv, st->place, true);
	free(st);
}

static void
start_stream(struct server *sv, const struct transport *t, struct exchange *x,
    const struct route *route, struct session *s, uint64_t place)
{
	struct stream *st = calloc(1, sizeof(*st));

	if (st == NULL) {
		place_leave(sv, place, true);
		answer_own_packet(sv, x, t, route, RECONNECT_PACKET);
		return;
	}
	st->sv = sv;
	st->x = x;
	st->transport = t;
	st->session = s;
	st->key = session_key(s);
	st->place = place;
	/* the head first: attaching sends 1:: and whatever waits */
	answer_begin(sv, x, t);
	x->on_fate = on_stream_fate;
	x->holder = st;
	st->ends_at = sv->now + sv->cfg->htmlfile_duration_ms;
	TAILQ_INSERT_TAIL(&sv->streams, st, link);
	heartbeat_start(sv, &st->heartbeat, &stream_heartbeat);
	if (session_attach(sv->hub, s, route->transport, true, &stream_sink, st) == -1 &&
	    st->session != NULL) {
		/* it failed before or after the session took the stream: take it back */
		drop_stream_session(st);
		if (session_has_sink(s, st))
			session_detach(sv->hub, s);
		send_own_piece(st, RECONNECT_PACKET);
		finish_stream(st);
	}
}

/* A web server in front of us may hold a stream back, and we cannot see it. */
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
	uint64_t place;

	if (!streaming_works(sv)) {
		answer_error(sv, x, 404, "Streaming is not available here.");
		return;
	}
	/* one that is repeated may be a stream that its client left: it must not supersede another
	 * transport of the session */
	if (sv->draining || x->again) {
		answer_own_packet(sv, x, t, route, RECONNECT_PACKET);
		return;
	}
	if (place_is_no_session(route->sid)) {
		place_refuse(sv, t, x, route, NULL, true);
		return;
	}
	switch (session_find(sv->hub, route->sid, &s)) {
	case SESSION_LIVE:
		place = place_take(sv, x, s);
		/* what waits for it may be lost by this, as when a stream breaks */
		if (place == 0)
			place_refuse(sv, t, x, route, s, true);
		else
			start_stream(sv, t, x, route, s, place);
		break;
	case SESSION_ENDED: /* it is answered in this turn */
		start_stream(sv, t, x, route, s, PLACE_NOT_NEEDED);
		break;
	case SESSION_ELSEWHERE: /* and nobody there could be asked */
	case SESSION_UNKNOWN:
		answer_own_packet(sv, x, t, route, UNKNOWN_SESSION_PACKET);
		break;
	case SESSION_FAILED:
		answer_own_packet(sv, x, t, route, RECONNECT_PACKET);
		break;
	}
}

void
streaming_reload(struct server *sv)
{
	int64_t latest = sv->now + sv->cfg->htmlfile_duration_ms;
	struct stream *st;

	/* the queue stays in order: those to come are due no earlier */
	TAILQ_FOREACH (st, &sv->streams, link)
		if (st->ends_at > latest)
			st->ends_at = latest;
}

bool
streaming_is_due(const struct server *sv)
{
	const struct stream *st = TAILQ_FIRST(&sv->streams);

	return st != NULL && st->ends_at <= sv->now;
}

int64_t
streaming_expire(struct server *sv)
{
	struct stream *st;

	while ((st = TAILQ_FIRST(&sv->streams)) != NULL && st->ends_at <= sv->now) {
		/* before the web server's limit on a request cuts it off: its client would not
		 * notice, and would wait for its heartbeat timeout */
		send_own_piece(st, RECONNECT_PACKET);
		end_stream_session(st, "socket end");
		finish_stream(st);
	}
	return st == NULL ? INT64_MAX : st->ends_at;
}
