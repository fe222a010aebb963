/* Polling: PROTOCOL section 8.  A GET is held until there is something to say, which ends it; the
 * client's next one acknowledges that.  xhr-polling and jsonp-polling differ in how it is said. */
#include <stdlib.h>
#include <string.h>

#include "shared/transport/internal.h"
#include "shared/wire/payload.h"

/* When we cannot serve a poll, the client is told to come again, but not at once: an error would
 * end its session, and so would a script's silence. */
#define BUSY_MS 1000

/* One GET that waits for its answer.  It lives until the exchange's fate is known. */
struct poll {
	struct server *sv;
	struct exchange *x;
	const struct transport *transport;
	struct session *session; /* NULL once it has let go of it */
	struct poll_list *list;  /* that it is in; NULL once it is answered */
	struct poll *prev, *next;
	int64_t deadline;
	int64_t key, gen; /* of the session, to take a lost response back */
	unsigned index;   /* of the script's callback */
	bool delivered;   /* the response holds messages */
	bool garbled;     /* or should: there was no memory for it */
	char origin[];    /* of the request, NUL-terminated */
};

static void
list_add(struct poll *p, struct poll_list *list, int64_t after_ms)
{
	p->list = list;
	p->deadline = p->sv->now + after_ms;
	p->prev = list->last;
	p->next = NULL;
	if (p->prev != NULL)
		p->prev->next = p;
	else
		list->first = p;
	list->last = p;
}

static void
list_remove(struct poll *p)
{
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		p->list->first = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	else
		p->list->last = p->prev;
	p->list = NULL;
}

/* The poll is over: answer it.  It is freed when its fate is known. */
static void
finish(struct poll *p, struct slice text)
{
	if (p->list == NULL)
		return; /* its peer has left */
	list_remove(p);
	p->session = NULL;
	answer_wrapped(p->sv, p->x, slice_of(p->origin), p->transport, p->index, text);
}

/* There is no serving it: answer it in a while. */
static void
delay(struct poll *p)
{
	if (p->list == NULL)
		return;
	list_remove(p);
	p->session = NULL;
	list_add(p, &p->sv->delayed, BUSY_MS);
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
	p->garbled = payload->failed;
	finish(p, p->garbled ? SLICE("8::") : buf_slice(payload));
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
	case SINK_LOST:
		finish(sink, SLICE("7:::1+0"));
		break;
	case SINK_FAILED:
		delay(sink);
		break;
	}
}

static const struct sink_ops poll_ops = {.deliver = on_deliver, .end = on_end};

static void
on_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	struct poll *p = holder;
	struct session *s = p->session;

	(void)x;
	if (p->list != NULL)
		list_remove(p);
	p->session = NULL;
	if (s != NULL) { /* the client left; what comes now waits for its next poll */
		if (session_has_sink(s, p))
			hub_detach(p->sv->hub, s);
	} else if (p->delivered && (fate != EXCHANGE_SENT || p->garbled)) {
		hub_undelivered(p->sv->hub, p->key, p->gen);
	}
	free(p);
}

/* Take hold of an exchange: for its session, or with `s` NULL to answer it in a while. */
static void
hold(struct server *sv, const struct transport *t, struct exchange *x, const struct route *route,
    struct session *s)
{
	struct poll *p = malloc(sizeof(*p) + x->origin.n + 1);

	if (p == NULL) {
		answer_wrapped(sv, x, x->origin, t, route->index, SLICE("8::"));
		return;
	}
	*p = (struct poll){.sv = sv, .x = x, .transport = t, .session = s, .index = route->index};
	if (x->origin.n > 0)
		memcpy(p->origin, x->origin.p, x->origin.n);
	p->origin[x->origin.n] = '\0';
	x->on_fate = on_fate;
	x->holder = p;
	if (s == NULL) {
		list_add(p, &sv->delayed, BUSY_MS);
		return;
	}
	list_add(p, &sv->polls, sv->cfg->polling_duration_ms);
	if (hub_attach(sv->hub, s, route->transport, false, &poll_ops, p) == -1 &&
	    p->session != NULL) {
		if (session_has_sink(s, p))
			hub_detach(sv->hub, s);
		if (p->session != NULL)
			delay(p);
	}
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

	if (sv->draining || x->again) { /* the client polls again, and finds another process */
		answer_wrapped(sv, x, x->origin, t, route->index, SLICE("8::"));
		return;
	}
	switch (hub_find(sv->hub, route->sid, &s)) {
	case HUB_LIVE:
		hold(sv, t, x, route, s);
		break;
	case HUB_ENDED: /* 0:: and not 7:::1+0, which would bring a kicked client back */
		answer_wrapped(sv, x, x->origin, t, route->index, SLICE("0::"));
		break;
	case HUB_UNKNOWN:
		answer_wrapped(sv, x, x->origin, t, route->index, SLICE("7:::1+0"));
		break;
	case HUB_FAILED:
		hold(sv, t, x, route, NULL);
		break;
	}
}

/* Its time is up. */
static void
expire(struct poll *p)
{
	if (p->session != NULL)
		hub_detach(p->sv->hub, p->session);
	if (p->list != NULL) /* else the hub had something to say after all */
		finish(p, SLICE("8::"));
}

/* End those of a list that are due at `now`; return when the next one is. */
static int64_t
list_due(struct poll_list *list, int64_t now)
{
	struct poll *p;

	while ((p = list->first) != NULL && p->deadline <= now)
		expire(p);
	return p == NULL ? INT64_MAX : p->deadline;
}

int64_t
polls_due(struct server *sv)
{
	int64_t held = list_due(&sv->polls, sv->now), delayed = list_due(&sv->delayed, sv->now);

	return held < delayed ? held : delayed;
}

void
polls_drain(struct server *sv)
{
	list_due(&sv->polls, INT64_MAX);
	list_due(&sv->delayed, INT64_MAX);
}
