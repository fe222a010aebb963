/* xhr-polling: PROTOCOL section 8.  A GET is held until there is something to say; a POST brings
 * the client's packets. */
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/transport/internal.h"
#include "shared/wire/payload.h"
#include "shared/wire/utf8.h"

/* One GET that waits for its answer.  It lives until the exchange's fate is known. */
struct poll {
	struct server *sv;
	struct exchange *x;
	struct session *session;  /* NULL once the poll is answered */
	struct poll *prev, *next; /* in sv->polls */
	int64_t deadline;
	int64_t key, gen; /* of the session, to take a lost response back */
	bool delivered;   /* the response holds messages */
	char origin[];    /* of the request, NUL-terminated */
};

static void
list_add(struct server *sv, struct poll *p)
{
	p->prev = sv->polls.last;
	p->next = NULL;
	if (p->prev != NULL)
		p->prev->next = p;
	else
		sv->polls.first = p;
	sv->polls.last = p;
}

static void
list_remove(struct server *sv, struct poll *p)
{
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		sv->polls.first = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	else
		sv->polls.last = p->prev;
}

/* The poll is over: answer it.  It is freed when its fate is known. */
static void
finish(struct poll *p, struct slice body)
{
	list_remove(p->sv, p);
	p->session = NULL;
	answer(p->sv, p->x, slice_of(p->origin), 200, "text/plain; charset=UTF-8", "", body);
}

static void
on_deliver(void *sink, struct message *const *messages, size_t n, int64_t key, int64_t gen)
{
	struct poll *p = sink;
	struct buf *payload = &p->sv->text;

	p->key = key;
	p->gen = gen;
	p->delivered = true;
	if (n == 1) {
		finish(p, message_text(messages[0]));
		return;
	}
	buf_clear(payload);
	for (size_t i = 0; i < n; i++)
		payload_add_framed(payload, message_text(messages[i]));
	finish(p, buf_slice(payload));
}

static void
on_end(void *sink, enum sink_end why)
{
	switch (why) {
	case SINK_SUPERSEDED:
		finish(sink, SLICE("8::"));
		break;
	case SINK_DISCONNECTED:
		finish(sink, SLICE("0::"));
		break;
	case SINK_FAILED: /* the program answers 503 instead */
	case SINK_LOST:
		finish(sink, SLICE("7:::1+0"));
		break;
	}
}

static const struct sink_ops poll_ops = {.deliver = on_deliver, .end = on_end};

static void
on_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	struct poll *p = holder;

	(void)x;
	if (p->session != NULL) { /* the client left; what comes now waits for its next poll */
		struct session *s = p->session;

		list_remove(p->sv, p);
		p->session = NULL;
		if (session_has_sink(s, p))
			hub_detach(p->sv->hub, s);
	} else if (fate != EXCHANGE_SENT && p->delivered) {
		hub_undelivered(p->sv->hub, p->key, p->gen);
	}
	free(p);
}

static void
hold(struct server *sv, struct exchange *x, struct session *s, enum transport_id transport)
{
	struct poll *p = malloc(sizeof(*p) + x->origin.n + 1);

	if (p == NULL) {
		answer_error(sv, x, 503, "server busy");
		return;
	}
	*p = (struct poll){
	    .sv = sv,
	    .x = x,
	    .session = s,
	    .deadline = sv->now + sv->cfg->polling_duration_ms,
	};
	if (x->origin.n > 0)
		memcpy(p->origin, x->origin.p, x->origin.n);
	p->origin[x->origin.n] = '\0';
	x->on_fate = on_fate;
	x->holder = p;
	list_add(sv, p);
	if (hub_attach(sv->hub, s, transport, false, &poll_ops, p) == -1 && p->session != NULL) {
		list_remove(sv, p);
		p->session = NULL;
		hub_detach(sv->hub, s);
		answer_error(sv, x, 503, "server busy");
	}
}

void
handle_poll(struct server *sv, struct exchange *x, const struct route *route)
{
	struct session *s;

	if (sv->draining) { /* the client polls again, and finds another process */
		answer(sv, x, x->origin, 200, "text/plain; charset=UTF-8", "", SLICE("8::"));
		return;
	}
	switch (hub_find(sv->hub, route->sid, &s)) {
	case HUB_LIVE:
		hold(sv, x, s, route->transport);
		break;
	case HUB_ENDED: /* 0:: and not 7:::1+0, which would bring a kicked client back */
		answer(sv, x, x->origin, 200, "text/plain; charset=UTF-8", "", SLICE("0::"));
		break;
	case HUB_UNKNOWN:
		answer(sv, x, x->origin, 200, "text/plain; charset=UTF-8", "", SLICE("7:::1+0"));
		break;
	case HUB_FAILED:
		answer_error(sv, x, 503, "server busy");
		break;
	}
}

static void
receive(struct server *sv, struct session *s, struct slice body)
{
	struct payload_reader reader;
	struct slice packet;

	payload_read(&reader, body);
	for (size_t n = 0; n < sv->cfg->packets_per_payload && payload_next(&reader, &packet); n++)
		hub_receive(sv->hub, s, packet);
	if (reader.broken)
		log_debug("a payload could not be read to its end");
}

void
handle_post(struct server *sv, struct exchange *x, const struct route *route)
{
	struct session *s;
	struct buf clean = {.p = NULL};
	struct slice body = x->body;

	switch (hub_find(sv->hub, route->sid, &s)) {
	case HUB_LIVE:
		if (hub_connect(sv->hub, s, route->transport) == -1) {
			answer_error(sv, x, 503, "server busy");
			return;
		}
		if (!utf8_valid(body)) {
			utf8_sanitize(&clean, body);
			body = buf_slice(&clean);
		}
		if (!clean.failed)
			receive(sv, s, body);
		buf_free(&clean);
		break;
	case HUB_FAILED:
		answer_error(sv, x, 503, "server busy");
		return;
	case HUB_ENDED:
	case HUB_UNKNOWN: /* the client learns from its next poll */
		break;
	}
	answer(sv, x, x->origin, 200, "text/plain; charset=UTF-8",
	    x->origin.n > 0 ? "X-XSS-Protection: 0\r\n" : "", SLICE("1"));
}

bool
handle_disconnect(struct server *sv, struct exchange *x, const struct route *route)
{
	struct session *s;
	enum hub_find_result found = hub_find(sv->hub, route->sid, &s);

	if (found == HUB_LIVE)
		hub_end(sv->hub, s, "booted", true);
	if (found == HUB_LIVE || route->disconnect)
		answer(sv, x, x->origin, 200, NULL, "", SLICE(""));
	return found == HUB_LIVE || route->disconnect;
}

int64_t
polls_due(struct server *sv)
{
	struct poll *p;

	while ((p = sv->polls.first) != NULL && p->deadline <= sv->now) {
		hub_detach(sv->hub, p->session);
		if (p->session != NULL) /* else the hub had something to say after all */
			finish(p, SLICE("8::"));
	}
	return p == NULL ? INT64_MAX : p->deadline;
}

void
polls_drain(struct server *sv)
{
	struct poll *p;

	while ((p = sv->polls.first) != NULL) {
		hub_detach(sv->hub, p->session);
		if (p->session != NULL)
			finish(p, SLICE("8::"));
	}
}
