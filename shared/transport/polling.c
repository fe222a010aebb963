/* Polling (PROTOCOL section 8): a GET is held until there is something to say, which ends it;
 * the client's next GET acknowledges that.  xhr-polling and jsonp-polling differ in how it is
 * wrapped.
 *
 *	GET -> held in sv->polls -- messages -------> answered with them --> fate: sent, freed
 *	                         -- a newer GET ----> answered 8::            | lost: the messages
 *	                         -- time is up -----> answered 8::            | wait for the next
 *	                         -- the turn fails -> sv->delayed: 8:: later  | GET, freed
 *	                         -- the peer left --> freed
 *	    of an unknown session -- 7:::1+0 at once, or if it is repeated from sv->delayed
 *	    without a place ------- what waits for it at once, if nothing does 7:::1+0
 */
#include <stdlib.h>
#include <string.h>

#include "shared/transport/internal.h"
#include "shared/transport/place.h"
#include "shared/wire/payload.h"
#include "shared/wire/sid.h"

/* A poll that cannot be served is answered after this time: an error would end the session, and an
 * answer at once would bring the client back at once. */
#define DELAY_MS 1000

/* A GET from its arrival until its fate is known. */
struct poll {
	struct server *sv;
	struct exchange *x;
	const struct transport *transport;
	struct session *session;  /* whose sink it is; NULL: of none, or not any more */
	struct poll_queue *queue; /* that holds it; NULL once it is answered */
	TAILQ_ENTRY(poll) link;
	int64_t deadline;
	struct slice late; /* static; the answer when the time is up */
	uint64_t place;    /* place_take() */
	int64_t key, gen;  /* of the session, to take messages back that were not delivered */
	unsigned index;    /* of the script's callback */
	bool delivered;    /* the answer holds messages, or is `incomplete` */
	bool ended;        /* the answer tells that the session has ended */
	bool incomplete;   /* it should have held them, but there was no memory */
	char origin[];     /* of the request, NUL-terminated */
};

static void
enqueue_poll(struct poll *p, struct poll_queue *queue, int64_t after_ms)
{
	p->queue = queue;
	p->deadline = p->sv->now + after_ms;
	TAILQ_INSERT_TAIL(queue, p, link);
}

static void
dequeue_poll(struct poll *p)
{
	TAILQ_REMOVE(p->queue, p, link);
	p->queue = NULL;
}

/* Answer the poll.  It is freed when its fate is known. */
static void
answer_poll(struct poll *p, struct slice text)
{
	if (p->queue == NULL)
		return; /* answered, or its peer has left */
	/* out of the queue, every later call for it does nothing: it is answered once */
	dequeue_poll(p);
	p->session = NULL;
	answer_wrapped(p->sv, p->x, slice_of(p->origin), p->transport, p->index, text);
}

/* The same with a packet that does not come from the hub. */
static void
answer_poll_own(struct poll *p, struct slice packet)
{
	if (p->queue != NULL)
		hub_show_own(p->sv->hub, p->key, packet);
	answer_poll(p, packet);
}

/* It cannot be served now: answer it in a while. */
static void
delay_poll(struct poll *p)
{
	if (p->queue == NULL)
		return;
	dequeue_poll(p);
	p->session = NULL;
	enqueue_poll(p, &p->sv->delayed, DELAY_MS);
}

/* --- what the hub says ---------------------------------------------------------------------- */

/* The turn is committed, and the session has let go of the poll. */
static void
on_poll_deliver(void *sink, struct message *const *messages, size_t n, int64_t key, int64_t gen)
{
	struct poll *p = sink;
	struct buf *payload = &p->sv->text;

	/* for on_poll_fate() */
	p->key = key;
	p->gen = gen;
	p->delivered = true;
	p->ended = slice_equal(message_text(messages[n - 1]), DISCONNECT_PACKET) ||
	           slice_equal(message_text(messages[n - 1]), RECONNECT_PACKET);
	if (n == 1) {
		answer_poll(p, message_text(messages[0]));
		return;
	}
	buf_clear(payload);
	for (size_t i = 0; i < n; i++)
		payload_add_framed(payload, message_text(messages[i]));
	/* half a payload would lose messages: send none, and take them back with the fate */
	p->incomplete = payload->failed;
	answer_poll(p, p->incomplete ? NOOP_PACKET : buf_slice(payload));
}

static void
on_poll_end(void *sink, enum sink_end why)
{
	struct poll *p = sink;

	switch (why) {
	case SINK_SUPERSEDED:
		/* its client does not listen any more, but the web server's slot gets free (8.4) */
		answer_poll_own(p, NOOP_PACKET);
		break;
	case SINK_DISCONNECTED:
		p->ended = true;
		answer_poll_own(p, DISCONNECT_PACKET);
		break;
	case SINK_MOVED:
		p->ended = true;
		answer_poll_own(p, RECONNECT_PACKET);
		break;
	case SINK_LOST:
		p->ended = true;
		answer_poll_own(p, UNKNOWN_SESSION_PACKET);
		break;
	case SINK_FAILED:
		delay_poll(p);
		break;
	}
}

static const struct sink_ops poll_sink = {.deliver = on_poll_deliver, .end = on_poll_end};

/* --- the exchange --------------------------------------------------------------------------- */

static void
on_poll_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	struct poll *p = holder;
	struct session *s = p->session;

	(void)x;
	/* no answer from here on: what the hub says while it detaches must not reach the
	 * exchange */
	if (p->queue != NULL)
		dequeue_poll(p);
	p->session = NULL;
	if (s != NULL) {
		/* the client left its poll; its session waits for the next one.  A newer poll may
		 * hold it already, and must keep it */
		if (session_has_sink(s, p))
			session_detach(p->sv->hub, s);
	} else if (p->delivered && (fate != EXCHANGE_SENT || p->incomplete)) {
		/* the next poll gets the messages again.  If that came already it took them as
		 * delivered, and a new generation: then this does nothing */
		session_undelivered(p->sv->hub, p->key, p->gen);
	}
	place_leave(p->sv, p->place, p->ended);
	free(p);
}

/* There is no place for the poll.  Its session may have had one, and was away for too long: what
 * waits for it is delivered by the end of the turn, and only a poll that nothing waits for is
 * refused.  So nothing is lost. */
static void
refuse_poll(struct poll *p, const struct route *route, struct session *s)
{
	struct server *sv = p->sv;
	struct exchange *x = p->x;
	const struct transport *t = p->transport;

	session_detach(sv->hub, s);
	if (p->session == NULL)
		return; /* detaching has ended it, and answered */
	dequeue_poll(p);
	x->on_fate = NULL;
	free(p);
	place_refuse(sv, t, x, route, s, false);
}

/* Hold the exchange for its session, or if `s` is NULL for a while.  Then it is answered `late`. */
static void
hold_poll(struct server *sv, const struct transport *t, struct exchange *x,
    const struct route *route, struct session *s, uint64_t place, struct slice late)
{
	struct poll *p = malloc(sizeof(*p) + x->origin.n + 1);

	if (p == NULL) {
		place_leave(sv, place, false);
		answer_own_packet(sv, x, t, route, late);
		return;
	}
	*p = (struct poll){.sv = sv,
	    .x = x,
	    .transport = t,
	    .session = s,
	    .late = late,
	    .index = route->index,
	    .place = place};
	p->key = s == NULL ? 0 : session_key(s);
	if (x->origin.n > 0)
		memcpy(p->origin, x->origin.p, x->origin.n);
	p->origin[x->origin.n] = '\0';
	x->on_fate = on_poll_fate;
	x->holder = p;
	if (s == NULL) {
		enqueue_poll(p, &sv->delayed, DELAY_MS);
		return;
	}
	session_attach_name(s, polling_request_name(x));
	/* queued before it is attached: the hub may answer it in that very call */
	enqueue_poll(p, &sv->polls, sv->cfg->polling_duration_ms);
	/* one that has ended is told 0::, and not 7:::1+0, which would bring a kicked client back
	 * (14.6) */
	if (session_attach(sv->hub, s, route->transport, false, &poll_sink, p) == -1 &&
	    p->session != NULL) {
		/* it failed before or after the session took the poll: take it back */
		if (session_has_sink(s, p))
			session_detach(sv->hub, s);
		/* detaching may have ended it */
		if (p->session != NULL)
			delay_poll(p);
	} else if (place == 0 && p->session != NULL && !session_has_pending(s)) {
		refuse_poll(p, route, s);
	}
}

/* Hold the poll of a session that lives, if there is a place for it. */
static void
hold_poll_in_place(struct server *sv, const struct transport *t, struct exchange *x,
    const struct route *route, struct session *s)
{
	uint64_t place = place_take(sv, x, s);

	if (place == 0 && !session_is_connected(s))
		place_refuse(sv, t, x, route, s, false);
	else
		hold_poll(sv, t, x, route, s, place, NOOP_PACKET);
}

int64_t
polling_request_name(const struct exchange *x)
{
	struct slice given = x->header(x, "x-pollux-request");

	if (x->name != 0 || given.n == 0)
		return x->name;
	return sid_key(given);
}

bool
polling_works(struct server *sv)
{
	(void)sv;
	return true;
}

void
polling_open(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route)
{
	struct session *s = NULL;

	if (x->again && polling_request_name(x) != 0 &&
	    session_find(sv->hub, route->sid, &s) == SESSION_LIVE)
		session_attach_again(sv->hub, s, polling_request_name(x));
	/* the client polls again and reaches another process.  One that is repeated may be a poll
	 * that its client left: it must not supersede the client's next */
	if (sv->draining || sv->leaving || x->again) {
		answer_own_packet(sv, x, t, route, NOOP_PACKET);
		return;
	}
	if (place_is_no_session(route->sid)) {
		place_refuse(sv, t, x, route, NULL, false);
		return;
	}
	switch (session_find(sv->hub, route->sid, &s)) {
	case SESSION_LIVE:
		hold_poll_in_place(sv, t, x, route, s);
		break;
	case SESSION_ENDED: /* it is answered in this turn */
		hold_poll(sv, t, x, route, s, PLACE_NOT_NEEDED, NOOP_PACKET);
		break;
	case SESSION_ELSEWHERE: /* and nobody there could be asked */
	case SESSION_UNKNOWN:
		/* at once, since most clients come back with a new handshake; but not to one that
		 * asks again, and would do so without end */
		if (strays_note(&sv->strays, route->sid, sv->now))
			hold_poll(sv, t, x, route, NULL, PLACE_NOT_NEEDED, UNKNOWN_SESSION_PACKET);
		else
			answer_own_packet(sv, x, t, route, UNKNOWN_SESSION_PACKET);
		break;
	case SESSION_FAILED:
		hold_poll(sv, t, x, route, NULL, PLACE_NOT_NEEDED, NOOP_PACKET);
		break;
	}
}

/* --- deadlines ------------------------------------------------------------------------------ */

static void
time_out_poll(struct poll *p)
{
	/* first let go of the session, or a message could still be given to this poll */
	if (p->session != NULL)
		session_detach(p->sv->hub, p->session);
	/* detaching catches up with the other processes: that may have answered it */
	if (p->queue != NULL)
		answer_poll_own(p, p->late);
}

/* End those of a queue that are due at `now`; return when the next one is. */
static int64_t
time_out_polls(struct poll_queue *queue, int64_t now)
{
	struct poll *p;

	while ((p = TAILQ_FIRST(queue)) != NULL && p->deadline <= now)
		time_out_poll(p);
	return p == NULL ? INT64_MAX : p->deadline;
}

bool
polling_is_due(const struct server *sv)
{
	const struct poll *p = TAILQ_FIRST(&sv->polls);

	return p != NULL && p->deadline <= sv->now;
}

int64_t
polling_expire(struct server *sv)
{
	/* in this order: a poll may move from the first queue to the second */
	int64_t held = time_out_polls(&sv->polls, sv->now);
	int64_t delayed = time_out_polls(&sv->delayed, sv->now);

	return held < delayed ? held : delayed;
}

void
polling_reload(struct server *sv)
{
	int64_t latest = sv->now + sv->cfg->polling_duration_ms;
	struct poll *p;

	/* the queue stays in order: those to come are due no earlier */
	TAILQ_FOREACH (p, &sv->polls, link)
		if (p->deadline > latest)
			p->deadline = latest;
}

void
polling_drain(struct server *sv)
{
	time_out_polls(&sv->polls, INT64_MAX);
	time_out_polls(&sv->delayed, INT64_MAX);
}
