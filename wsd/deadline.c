#include "wsd/deadline.h"

/* Browsers and proxies keep a connection about this long between two requests. */
#define IDLE_MS 60000

/* A policy request is 23 bytes: one segment, or two. */
#define POLICY_MS 3000

/* A FIN is answered within a round trip or never. */
#define CLOSE_MS 5000

static void
set_timeouts(struct wsd *w)
{
	w->timeout_ms[DEADLINE_REQUEST] = w->cfg->request_timeout_ms;
	w->timeout_ms[DEADLINE_POLICY] =
	    w->cfg->request_timeout_ms < POLICY_MS ? w->cfg->request_timeout_ms : POLICY_MS;
	w->timeout_ms[DEADLINE_IDLE] = IDLE_MS;
	w->timeout_ms[DEADLINE_SEND] = w->cfg->send_timeout_ms;
	w->timeout_ms[DEADLINE_CLOSE] = CLOSE_MS;
}

void
deadline_init(struct wsd *w)
{
	for (int kind = 0; kind < DEADLINE_COUNT; kind++)
		TAILQ_INIT(&w->waiting[kind]);
	set_timeouts(w);
}

void
deadline_reload(struct wsd *w)
{
	struct wsd_conn *c;

	set_timeouts(w);
	/* the lists stay in order: those to come are due no earlier */
	for (int kind = DEADLINE_NONE + 1; kind < DEADLINE_COUNT; kind++)
		TAILQ_FOREACH (c, &w->waiting[kind], wait)
			if (c->deadline_at > w->now + w->timeout_ms[kind])
				c->deadline_at = w->now + w->timeout_ms[kind];
}

void
deadline_clear(struct wsd_conn *c)
{
	if (c->waits == DEADLINE_NONE)
		return;
	TAILQ_REMOVE(&c->wsd->waiting[c->waits], c, wait);
	c->waits = DEADLINE_NONE;
}

void
deadline_set(struct wsd_conn *c, enum deadline kind)
{
	deadline_clear(c);
	c->waits = (uint8_t)kind;
	c->deadline_at = c->wsd->now + c->wsd->timeout_ms[kind];
	/* the latest deadline of its kind, since w->now never goes back */
	TAILQ_INSERT_TAIL(&c->wsd->waiting[kind], c, wait);
}

struct wsd_conn *
deadline_due(const struct wsd *w)
{
	for (int kind = DEADLINE_NONE + 1; kind < DEADLINE_COUNT; kind++) {
		/* the first of a list is the next to pass */
		struct wsd_conn *c = TAILQ_FIRST(&w->waiting[kind]);

		if (c != NULL && c->deadline_at <= w->now)
			return c;
	}
	return NULL;
}

int64_t
deadline_next(const struct wsd *w)
{
	int64_t next = INT64_MAX;

	for (int kind = DEADLINE_NONE + 1; kind < DEADLINE_COUNT; kind++) {
		const struct wsd_conn *c = TAILQ_FIRST(&w->waiting[kind]);

		if (c != NULL && c->deadline_at < next)
			next = c->deadline_at;
	}
	return next;
}

int64_t
deadline_begun(const struct wsd_conn *c)
{
	return c->deadline_at - c->wsd->timeout_ms[c->waits];
}

/* The first of a list that is not over the limit itself, on its way out; those are few. */
static struct wsd_conn *
first_within_limit(const struct wsd *w, enum deadline kind)
{
	struct wsd_conn *c = TAILQ_FIRST(&w->waiting[kind]);

	while (c != NULL && c->is_refused)
		c = TAILQ_NEXT(c, wait);
	return c;
}

struct wsd_conn *
deadline_longest_silent(const struct wsd *w)
{
	static const enum deadline silent[] = {
	    DEADLINE_REQUEST, DEADLINE_POLICY, DEADLINE_IDLE, DEADLINE_CLOSE};
	struct wsd_conn *longest = NULL;
	int64_t earliest = INT64_MAX;

	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		struct wsd_conn *c = first_within_limit(w, silent[i]);

		if (c != NULL && deadline_begun(c) < earliest) {
			earliest = deadline_begun(c);
			longest = c;
		}
	}
	return longest;
}
