#include "wsd/handover.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "wsd/conn.h"
#include "wsd/deadline.h"
#include "wsd/handover_end.h"
#include "wsd/listener.h"
#include "wsd/ws.h"

/* What a turn gives away at most, so that the others are served meanwhile; and how many connections
 * it looks at for that. */
#define GIVE_AT_ONCE 64
#define LOOK_AT_ONCE 1024

/* On their way over one end.  The kernel keeps count of the descriptors of a user that are. */
#define UNDER_WAY 64

struct handover {
	struct wsd *w;
	struct handover_end ends[HANDOVER_ENDS];
	size_t n;
	struct wsd_conn *next; /* to look at; NULL: from the first on */
	bool goes_on;
	bool told; /* that all were given */
	bool over, cancelled;
	int64_t began;
	struct ev_timer timeout;
};

/* --- taking back ---------------------------------------------------------------------------- */

static void
handover_take_back(struct handover_end *end, struct handover_item *item)
{
	struct websocket_state state = item->state;
	struct wsd_conn *c = item->c;

	handover_end_drop(end, item);
	if (c == NULL || c->state == WSD_CONN_CLOSED)
		return;
	ev_io_start(c->wsd->loop, &c->io);
	/* its deadline is gone: try to write, and it gets a new one */
	c->blocked = false;
	ws_take(c, &state);
	/* flushing it watches for what it takes */
	if (c->state != WSD_CONN_CLOSED)
		wsd_conn_set_dirty(c);
}

/* What the other processes have not taken before their ends broke is ours again.  Return false if
 * some of it waits for the store. */
static bool
take_back_broken(struct handover *h)
{
	struct handover_item *item;

	for (size_t i = 0; i < h->n; i++) {
		struct handover_end *end = &h->ends[i];

		if (!end->broken || TAILQ_EMPTY(&end->items))
			continue;
		if (!server_try(h->w->sv))
			return false;
		while ((item = TAILQ_FIRST(&end->items)) != NULL)
			handover_take_back(end, item);
	}
	return true;
}

static void
resume_serving(struct wsd *w)
{
	handover_free(w);
	w->closing = w->draining;
	server_keep(w->sv);
	if (w->listener != NULL)
		wsd_listener_start(w->listener);
}

void
handover_cancel(struct wsd *w)
{
	struct handover *h = w->handover;

	if (h == NULL)
		return;
	h->cancelled = true;
	for (size_t i = 0; i < h->n; i++)
		handover_end_break(&h->ends[i]);
}

/* --- giving --------------------------------------------------------------------------------- */

/* The one with the least under way; NULL: all have enough. */
static struct handover_end *
find_end(struct handover *h)
{
	struct handover_end *found = NULL;

	for (size_t i = 0; i < h->n; i++) {
		struct handover_end *end = &h->ends[i];

		if (!end->broken && end->n < UNDER_WAY && (found == NULL || end->n < found->n))
			found = end;
	}
	return found;
}

static bool
give_one(struct handover_end *end, struct wsd_conn *c)
{
	struct handover_item *item = calloc(1, sizeof(*item));

	if (item == NULL || !ws_give(c, &item->state)) {
		free(item);
		return false;
	}
	item->c = c;
	item->phase = HANDOVER_GIVEN;
	c->given = item;
	ev_io_stop(c->wsd->loop, &c->io);
	deadline_clear(c);
	TAILQ_INSERT_TAIL(&end->items, item, link);
	end->n++;
	return true;
}

/* Say once that all are given that can be. */
static void
tell_given(struct handover *h)
{
	size_t given_n = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (h->ends[i].n > 0)
			return;
		given_n += h->ends[i].given_n;
	}
	h->told = true;
	log_info("%zu websockets are handed over, in %lld ms; %zu connections end here", given_n,
	    (long long)(clock_ms() - h->began), h->w->conns_n - h->w->closed_n);
}

void
handover_give(struct wsd *w)
{
	struct handover *h = w->handover;
	struct handover_end *end;
	unsigned given = 0, looked;

	if (h == NULL)
		return;
	h->goes_on = false;
	if (!take_back_broken(h) || w->draining)
		return;
	if (h->cancelled) {
		resume_serving(w);
		return;
	}
	if (h->next == NULL)
		h->next = LIST_FIRST(&w->conns);
	for (looked = 0; h->next != NULL && looked < LOOK_AT_ONCE && given < GIVE_AT_ONCE;
	     looked++) {
		struct wsd_conn *c = h->next;

		if (ws_can_be_given(c)) {
			end = find_end(h);
			/* an answer comes, or the store's wake-up */
			if (end == NULL || !server_try(w->sv))
				return;
			given += give_one(end, c);
		}
		h->next = LIST_NEXT(c, all);
	}
	h->goes_on = h->next != NULL;
	if (!h->told && h->next == NULL && given == 0)
		tell_given(h);
}

void
handover_settled(struct wsd *w, bool committed)
{
	struct handover *h = w->handover;

	for (size_t i = 0; h != NULL && i < h->n; i++) {
		struct handover_end *end = &h->ends[i];
		struct handover_item *item, *before;

		for (item = TAILQ_LAST(&end->items, handover_items);
		     item != NULL && item->phase == HANDOVER_GIVEN; item = before) {
			struct wsd_conn *c = item->c;

			before = TAILQ_PREV(item, handover_items, link);
			item->phase = HANDOVER_READY;
			if (committed)
				continue;
			handover_end_drop(end, item);
			if (c != NULL)
				wsd_conn_close(c, "socket error");
		}
		if (!end->broken)
			handover_end_pump(end);
		/* taken back in the next turn, which nothing else may begin */
		h->goes_on = h->goes_on || (end->broken && !TAILQ_EMPTY(&end->items));
	}
}

bool
handover_goes_on(const struct wsd *w)
{
	return w->handover != NULL && w->handover->goes_on;
}

void
handover_forget(struct wsd_conn *c)
{
	struct handover *h = c->wsd->handover;

	if (h != NULL && h->next == c)
		h->next = LIST_NEXT(c, all);
	if (c->given != NULL)
		c->given->c = NULL;
}

/* --- beginning and end ---------------------------------------------------------------------- */

static void
on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct handover *h = timer->data;

	(void)events;
	h->over = true;
	/* as if told to stop */
	ev_feed_signal_event(loop, SIGTERM);
}

bool
handover_over(const struct wsd *w)
{
	return w->handover != NULL && w->handover->over;
}

int
handover_begin(struct wsd *w, const int *ends, size_t n)
{
	struct handover *h = w->handover == NULL ? calloc(1, sizeof(*h)) : NULL;

	if (h == NULL) {
		log_errx("a handover cannot begin: %s",
		    w->handover == NULL ? "no memory" : "another one is under way");
		for (size_t i = 0; i < n; i++)
			close(ends[i]);
		return -1;
	}
	h->w = w;
	h->n = n;
	h->began = clock_ms();
	for (size_t i = 0; i < n; i++)
		handover_end_open(&h->ends[i], w->loop, ends[i]);
	ev_timer_init(&h->timeout, on_timeout, (double)w->cfg->wsd_handover_timeout_ms / 1000, 0.);
	h->timeout.data = h;
	ev_timer_start(w->loop, &h->timeout);
	w->handover = h;
	w->closing = true;
	if (w->listener != NULL)
		wsd_listener_stop(w->listener);
	server_hand_over(w->sv);
	return 0;
}

void
handover_free(struct wsd *w)
{
	struct handover *h = w->handover;

	if (h == NULL)
		return;
	w->handover = NULL;
	ev_timer_stop(w->loop, &h->timeout);
	for (size_t i = 0; i < h->n; i++) {
		struct handover_item *item;

		while ((item = TAILQ_FIRST(&h->ends[i].items)) != NULL)
			handover_end_drop(&h->ends[i], item);
		handover_end_break(&h->ends[i]);
	}
	free(h);
}
