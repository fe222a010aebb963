#include "wsd/turn.h"

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "wsd/conn.h"
#include "wsd/deadline.h"

/* Commits in one turn.  Telling the hub that an answer was written can make work for it, which can
 * be written at once: the second is common, more are not.  What is left then has a new turn. */
#define ROUNDS 4

/* The timer's longest sleep; only a hub that wants nothing at all lets it come to that. */
#define SLEEP_MS 60000

void
wsd_turn_enter(struct wsd *w)
{
	if (w->entered)
		return;
	w->entered = true;
	server_begin(w->sv, w->now);
}

/* Those that the last turn had no time for come first, else the busiest would starve them. */
static void
read_unread(struct wsd *w)
{
	struct wsd_conn_line line = STAILQ_HEAD_INITIALIZER(line);
	struct wsd_conn *c;

	STAILQ_CONCAT(&line, &w->unread);
	while ((c = STAILQ_FIRST(&line)) != NULL) {
		STAILQ_REMOVE_HEAD(&line, unread);
		c->is_unread = false;
		if (c->state != WSD_CONN_CLOSED)
			wsd_conn_read(c);
	}
}

static void
on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
	struct wsd *w = check->data;

	(void)loop;
	(void)events;
	w->now = clock_ms();
	w->counters.texts += w->texts;
	w->texts = 0;
	wsd_turn_enter(w);
	read_unread(w);
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct wsd *w = timer->data;

	(void)loop;
	(void)events;
	w->armed = 0; /* it has woken the loop, and that was all */
}

static void
on_wake(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct wsd *w = io->data;

	(void)loop;
	(void)events;
	server_wake(w->sv);
}

static void
on_hook(struct ev_loop *loop, struct ev_io *io, int events)
{
	(void)loop;
	(void)io;
	(void)events; /* there is a turn now, which deals with it */
}

static void
expire(struct wsd *w)
{
	struct wsd_conn *c;

	while ((c = deadline_due(w)) != NULL)
		wsd_conn_expire(c);
}

static void
settle(struct wsd *w)
{
	struct wsd_conn *c;
	int r = server_settle(w->sv, &w->next);

	w->entered = false;
	if (r == -1) {
		w->counters.rollbacks++;
		wsd_turn_enter(w);
		/* whoever was upgraded is dirty, and rolling back makes no other so */
		SLIST_FOREACH (c, &w->dirty, dirty)
			wsd_conn_rollback(c);
	}
	w->turn++;
}

static void
flush(struct wsd *w)
{
	struct wsd_conn *c;

	while ((c = SLIST_FIRST(&w->dirty)) != NULL) {
		SLIST_REMOVE_HEAD(&w->dirty, dirty);
		c->is_dirty = false;
		if (c->state != WSD_CONN_CLOSED)
			wsd_conn_flush(c);
	}
}

/* Tell the hub what became of the connections.  Those that come onto the list meanwhile are the
 * next round's. */
static void
tell(struct wsd *w)
{
	struct wsd_conn_stack list = w->after;
	struct wsd_conn *c;

	SLIST_INIT(&w->after);
	while ((c = SLIST_FIRST(&list)) != NULL) {
		SLIST_REMOVE_HEAD(&list, after);
		c->is_after = false;
		wsd_conn_after(c);
	}
}

/* Nobody refers to the dead any more but, perhaps, a list of ours: then they are the next turn's.
 */
static void
reap(struct wsd *w)
{
	struct wsd_conn_stack list = w->dead;
	struct wsd_conn *c;

	SLIST_INIT(&w->dead);
	while ((c = SLIST_FIRST(&list)) != NULL) {
		SLIST_REMOVE_HEAD(&list, dead);
		if (c->is_unread)
			STAILQ_REMOVE(&w->unread, c, wsd_conn, unread);
		c->is_unread = false;
		if (c->is_dirty || c->is_after)
			SLIST_INSERT_HEAD(&w->dead, c, dead);
		else
			wsd_conn_free(c);
	}
}

static void
arm(struct wsd *w)
{
	int64_t next = deadline_next(w);

	if (w->next < next)
		next = w->next;
	if (next > w->now + SLEEP_MS)
		next = w->now + SLEEP_MS;
	if (next < w->now || w->entered)
		next = w->now;
	if (next == w->armed)
		return;
	ev_timer_stop(w->loop, &w->timer);
	ev_timer_set(&w->timer, (double)(next - w->now) / 1000, 0.);
	ev_timer_start(w->loop, &w->timer);
	w->armed = next;
}

void
wsd_turn_finish(struct wsd *w)
{
	wsd_turn_enter(w);
	expire(w);
	for (int round = 0; round < ROUNDS; round++) {
		settle(w);
		flush(w);
		if (SLIST_EMPTY(&w->after))
			break;
		wsd_turn_enter(w);
		tell(w);
	}
	reap(w);
}

static void
on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct wsd *w = prepare->data;

	(void)events;
	wsd_turn_finish(w);
	if (w->draining && LIST_EMPTY(&w->conns) && !server_is_busy(w->sv))
		ev_break(loop, EVBREAK_ALL);
	arm(w);
}

void
wsd_turn_start(struct wsd *w)
{
	w->now = clock_ms();
	w->next = w->now;
	w->turn = 1;
	STAILQ_INIT(&w->unread);
	deadline_init(w);

	ev_check_init(&w->check, on_check);
	ev_set_priority(&w->check, EV_MAXPRI); /* before the callbacks of what was polled */
	w->check.data = w;
	ev_check_start(w->loop, &w->check);
	ev_prepare_init(&w->prepare, on_prepare);
	w->prepare.data = w;
	ev_prepare_start(w->loop, &w->prepare);
	ev_timer_init(&w->timer, on_timer, 0., 0.);
	w->timer.data = w;
	ev_io_init(&w->wake, on_wake, server_wake_fd(w->sv), EV_READ);
	w->wake.data = w;
	ev_io_start(w->loop, &w->wake);
	if (server_hook_fd(w->sv) != -1) {
		ev_io_init(&w->hook, on_hook, server_hook_fd(w->sv), EV_READ);
		ev_io_start(w->loop, &w->hook);
	}
}

void
wsd_turn_stop(struct wsd *w)
{
	ev_check_stop(w->loop, &w->check);
	ev_prepare_stop(w->loop, &w->prepare);
	ev_timer_stop(w->loop, &w->timer);
	ev_io_stop(w->loop, &w->wake);
	if (server_hook_fd(w->sv) != -1)
		ev_io_stop(w->loop, &w->hook);
}
