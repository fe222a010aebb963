/* What a client says by a request of its own, whatever transport holds its session: its packets
 * (PROTOCOL 8.2), and that it leaves (14.6). */
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/link.h"
#include "shared/transport/internal.h"
#include "shared/transport/place.h"
#include "shared/wire/payload.h"
#include "shared/wire/utf8.h"

/* A POST of a client that is slowed, from its arrival to its answer. */
struct late_post {
	struct server *sv;
	struct exchange *x;
	TAILQ_ENTRY(late_post) link;
	int64_t key; /* of the session */
	bool committed;
	char origin[]; /* of the request, NUL-terminated */
};

/* --- answers -------------------------------------------------------------------------------- */

struct answer
post_taken(struct slice origin)
{
	struct answer taken = answer_text(200, origin, SLICE("1"));

	if (origin.n > 0)
		taken.headers = "X-XSS-Protection: 0\r\n";
	return taken;
}

static void
free_late_post(struct late_post *p)
{
	TAILQ_REMOVE(&p->sv->late_posts, p, link);
	free(p);
}

static void
on_late_post_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	(void)x;
	(void)fate; /* its peer left before the answer: afterwards nobody holds it */
	free_late_post(holder);
}

static void
answer_late_post(struct late_post *p)
{
	struct exchange *x = p->x;
	struct slice origin = slice_of(p->origin);
	const struct answer a = p->committed ? post_taken(origin) : answer_busy(origin);

	x->on_fate = NULL;
	answer_send(p->sv, x, &a);
	free_late_post(p);
}

/* Answer later: at the end of the turn; or later still if the client sends more than the
 * application can take, which its next POST has to wait for. */
static void
hold_post(struct server *sv, struct exchange *x, int64_t key)
{
	const struct answer taken = post_taken(x->origin), busy = answer_busy(x->origin);
	struct late_post *p = NULL;

	if (application_slows(sv->application, key) && !sv->draining)
		p = calloc(1, sizeof(*p) + x->origin.n + 1);
	if (p == NULL) {
		/* "1" promises that the packets are not lost: only the commit makes it so */
		answer_later(sv, x, &taken, &busy);
		return;
	}
	p->sv = sv;
	p->x = x;
	p->key = key;
	if (x->origin.n > 0)
		memcpy(p->origin, x->origin.p, x->origin.n);
	x->on_fate = on_late_post_fate;
	x->holder = p;
	TAILQ_INSERT_TAIL(&sv->late_posts, p, link);
}

void
post_run(struct server *sv)
{
	struct late_post *p, *next;

	for (p = TAILQ_FIRST(&sv->late_posts); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->committed && !application_slows(sv->application, p->key))
			answer_late_post(p);
	}
}

void
post_settle(struct server *sv, bool committed)
{
	struct late_post *p = TAILQ_LAST(&sv->late_posts, late_post_queue), *earlier;

	/* the new ones are at the end */
	for (; p != NULL && !p->committed; p = earlier) {
		earlier = TAILQ_PREV(p, late_post_queue, link);
		p->committed = committed;
		if (!committed)
			answer_late_post(p);
	}
}

void
post_drain(struct server *sv)
{
	struct late_post *p, *next;

	/* not those of this turn, which are not committed: a POST is never late for long */
	for (p = TAILQ_FIRST(&sv->late_posts); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->committed)
			answer_late_post(p);
	}
}

/* --- requests ------------------------------------------------------------------------------- */

static void
receive_packets(struct server *sv, struct session *s, struct slice payload)
{
	bool forgives_end = place_forgives_end(sv, s);
	struct payload_reader reader;
	struct slice packet;

	payload_read(&reader, payload);
	for (size_t n = 0; n < sv->cfg->packets_per_payload && payload_next(&reader, &packet);
	     n++) {
		if (forgives_end && slice_equal(packet, DISCONNECT_PACKET))
			packet.n = 0; /* a sign of life */
		receive_packet(sv->hub, s, packet);
	}
	/* the client's mistake: the packets before it count, as in the reference */
	if (reader.broken)
		log_limited(
		    LOG_LEVEL_DEBUG, "a payload is malformed; its packets up to there were taken");
}

/* Take the packets of a payload that is not too large.  Return the status of the answer. */
static int
receive_payload(struct server *sv, struct session *s, struct slice payload)
{
	struct buf clean = {.p = NULL};
	int status = 200;

	/* before the frames are read: their lengths count characters */
	if (!utf8_valid(payload)) {
		utf8_sanitize(&clean, payload);
		payload = buf_slice(&clean);
	}
	if (clean.failed)
		status = 503;
	else
		receive_packets(sv, s, payload);
	buf_free(&clean);
	return status;
}

/* Read the body as its transport wraps it.  Return the status of the answer: 200, 413 when it is
 * too large, or 503 when out of memory. */
static int
receive_body(struct server *sv, struct session *s, const struct transport *t, struct slice body)
{
	struct buf scratch = {.p = NULL};
	struct slice payload = t->unwrap(body, &scratch);
	int status;

	if (scratch.failed)
		status = 503;
	else if (payload.n > sv->cfg->body_bytes) /* a form is longer than what it holds */
		status = 413;
	else
		status = receive_payload(sv, s, payload);
	buf_free(&scratch);
	return status;
}

void
post_handle(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route)
{
	const struct answer taken = post_taken(x->origin);
	const struct answer busy = answer_busy(x->origin);
	struct session *s;
	int status = 503;

	switch (session_find(sv->hub, route->sid, &s)) {
	case SESSION_LIVE:
		/* first, since the packets may end the session */
		session_heard(sv->hub, s);
		/* a POST may come before the first GET: 1:: must be sent before any reply to it */
		if (session_connect(sv->hub, s, route->transport) == 0)
			status = receive_body(sv, s, t, x->body);
		if (status == 200)
			hold_post(sv, x, session_key(s));
		else if (status == 413)
			answer_too_large(sv, x);
		else
			answer_send(sv, x, &busy);
		break;
	case SESSION_FAILED:
		answer_send(sv, x, &busy);
		break;
	case SESSION_ELSEWHERE: /* and nobody there could be asked, or knows it */
	case SESSION_UNKNOWN:
		/* what was not taken must not seem to be */
		answer_send(sv, x, link_rules_out(sv->hub, route->sid) ? &taken : &busy);
		break;
	case SESSION_ENDED:
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
	case SESSION_ELSEWHERE: /* and nobody there could be asked */
	case SESSION_UNKNOWN:
		break;
	}
	/* without ?disconnect and without a session, /1/X is a handshake for the caller */
	if (route->disconnect)
		answer_send(sv, x, &done);
	return route->disconnect;
}
