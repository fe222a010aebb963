#include "wsd/turn.h"

#include <signal.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "wsd/adopt.h"
#include "wsd/conn.h"
#include "wsd/deadline.h"
#include "wsd/handover.h"
#include "wsd/listener.h"
#include "wsd/shed.h"
#include "wsd/ws.h"

/* Commits in one turn.  Telling the hub that an answer was written can make work that can be
 * written at once: a second commit is common, more are not.  What is left waits for a new turn. */
#define ROUNDS 4

/* The timer's longest sleep; only a hub that has nothing to wait for lets it come to that. */
#define SLEEP_MS 60000

void
wsd_turn_enter(struct wsd *w)
{
	if (w->entered)
		return;
	w->entered = true;
	server_begin(w->sv, w->now);
}

/* --- the first half ------------------------------------------------------------------------- */

static void
wsd_turn_read_unread(struct wsd *w)
{
	struct wsd_conn_line line = STAILQ_HEAD_INITIALIZER(line);
	struct wsd_conn *c;

	/* a copy: a connection that is left unread once more must wait for the next turn */
	STAILQ_CONCAT(&line, &w->unread);
	while ((c = STAILQ_FIRST(&line)) != NULL) {
		STAILQ_REMOVE_HEAD(&line, unread);
		c->is_unread = false;
		if (c->state != WSD_CONN_CLOSED)
			wsd_conn_read(c);
	}
}

/* Go on with what waits for the store, if it need not wait any more. */
static void
wsd_turn_resume(struct wsd *w)
{
	struct wsd_conn *c;

	if (TAILQ_EMPTY(&w->parked) || server_requests_wait(w->sv))
		return;
	/* each once: what is put off again goes to the end */
	for (size_t n = w->parked_n; n > 0 && (c = TAILQ_FIRST(&w->parked)) != NULL; n--)
		wsd_conn_resume(c);
}

/* All connections are another process's, or gone. */
static bool
wsd_turn_is_handed(const struct wsd *w)
{
	return w->handover != NULL && !w->draining && LIST_EMPTY(&w->conns);
}

/* The store may have another socket by now, or belong to a newer program. */
static void
wsd_turn_follow_store(struct wsd *w)
{
	int fd = server_wake_fd(w->sv);

	if (w->wake.fd != fd) {
		ev_io_stop(w->loop, &w->wake);
		ev_io_set(&w->wake, fd, EV_READ);
		ev_io_start(w->loop, &w->wake);
	}
	/* what SIGTERM does is done in this turn */
	if (!w->draining && server_is_outdated(w->sv)) {
		log_warnx(
		    "a newer version of Pollux takes the data folder over; this process ends");
		ev_feed_signal_event(w->loop, SIGTERM);
	}
	if (wsd_turn_is_handed(w))
		ev_feed_signal_event(w->loop, SIGTERM);
}

static void
wsd_turn_on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
	struct wsd *w = check->data;

	(void)loop;
	(void)events;
	/* the loop has slept: everything of this turn has one time */
	w->now = clock_ms();
	w->counters.texts += w->texts;
	w->texts = 0;
	w->handshakes = 0;
	/* before any callback of what was polled: all of them may call the hub */
	wsd_turn_enter(w);
	wsd_turn_follow_store(w);
	wsd_turn_resume(w);
	adopt_resume(w);
	/* and before them the connections of the last turn, or the busiest would starve them */
	wsd_turn_read_unread(w);
}

static void
wsd_turn_on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct wsd *w = timer->data;

	(void)loop;
	(void)events;
	w->armed = 0; /* it only wakes the loop: the turn does the rest */
}

static void
wsd_turn_on_wake(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct wsd *w = io->data;

	(void)loop;
	(void)events;
	server_wake(w->sv);
}

static void
wsd_turn_on_hook(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct wsd *w = io->data;

	(void)loop;
	(void)events;
	server_application_woken(w->sv); /* every turn reads the hook's answers */
}

/* --- the second half ------------------------------------------------------------------------ */

/* Every connection past its deadline loses it here: it is closed, or gets another one. */
static void
wsd_turn_expire(struct wsd *w)
{
	struct wsd_conn *c;

	while ((c = deadline_due(w)) != NULL)
		wsd_conn_expire(c);
}

/* Commit, and if that fails, undo the upgrades of this turn. */
static void
wsd_turn_settle(struct wsd *w)
{
	struct wsd_conn *c;
	int r = server_settle(w->sv, &w->next);

	w->entered = false;
	handover_settled(w, r == 0);
	adopt_settled(w);
	if (r == -1) {
		w->counters.rollbacks++;
		wsd_turn_enter(w); /* detaching a websocket calls the hub */
		/* a new websocket has its 101 queued, so it is on this list; undoing it puts no
		 * other connection there */
		SLIST_FOREACH (c, &w->dirty, dirty)
			ws_rollback(c);
	}
	/* after the rollback, which compares it */
	w->turn++;
}

static void
wsd_turn_flush(struct wsd *w)
{
	struct wsd_conn *c;

	while ((c = SLIST_FIRST(&w->dirty)) != NULL) {
		SLIST_REMOVE_HEAD(&w->dirty, dirty);
		/* first off the list: flushing may put it there again */
		c->is_dirty = false;
		if (c->state != WSD_CONN_CLOSED)
			wsd_conn_flush(c);
	}
	/* only now: what the kernel takes at once needs no room */
	shed_queues(w);
}

static void
wsd_turn_after(struct wsd *w)
{
	struct wsd_conn_stack list = w->after;
	struct wsd_conn *c;

	/* what comes onto the list meanwhile is the next round's, when it is written */
	SLIST_INIT(&w->after);
	while ((c = SLIST_FIRST(&list)) != NULL) {
		SLIST_REMOVE_HEAD(&list, after);
		c->is_after = false;
		wsd_conn_after(c);
	}
}

/* Free closed connections; one that is still on a list waits a turn. */
static void
wsd_turn_reap(struct wsd *w)
{
	struct wsd_conn_stack list = w->finalized;
	struct wsd_conn *c;

	SLIST_INIT(&w->finalized);
	while ((c = SLIST_FIRST(&list)) != NULL) {
		SLIST_REMOVE_HEAD(&list, finalized);
		/* the one list that is walked to take a connection out; it is short */
		if (c->is_unread)
			STAILQ_REMOVE(&w->unread, c, wsd_conn, unread);
		c->is_unread = false;
		if (c->is_dirty || c->is_after)
			SLIST_INSERT_HEAD(&w->finalized, c, finalized);
		else {
			handover_forget(c);
			wsd_conn_free(c);
		}
	}
}

void
wsd_turn_finish(struct wsd *w)
{
	/* the loop's first prepare has no check before it */
	wsd_turn_enter(w);
	/* deadlines first: what they queue and close takes part in this turn's commit */
	wsd_turn_expire(w);
	/* what has arrived is handled: most websockets are between two messages */
	handover_give(w);
	for (int round = 0; round < ROUNDS; round++) {
		/* commit before the first byte is written: a client must not hear of what a crash
		 * could undo */
		wsd_turn_settle(w);
		wsd_turn_flush(w);
		if (SLIST_EMPTY(&w->after))
			break;
		/* now the fate of the answers is known; telling it opens another transaction, for
		 * which the next round, or the next turn, commits */
		wsd_turn_enter(w);
		wsd_turn_after(w);
	}
	/* no callback runs any more, so nothing on the stack holds a connection */
	wsd_turn_reap(w);
}

/* --- sleeping ------------------------------------------------------------------------------- */

/* Set the timer to the next deadline of the connections or of the hub. */
static void
wsd_turn_arm(struct wsd *w)
{
	int64_t next = deadline_next(w);

	if (w->next < next)
		next = w->next;
	if (next > w->now + SLEEP_MS)
		next = w->now + SLEEP_MS;
	/* the last round has left work for a commit: do not sleep on it */
	if (next < w->now || w->entered || handover_goes_on(w) || wsd_turn_is_handed(w) ||
	    (w->parked_n > 0 && !server_waits(w->sv)))
		next = w->now;
	/* most turns change nothing: spare the heap of timers */
	if (next == w->armed)
		return;
	ev_timer_stop(w->loop, &w->timer);
	ev_timer_set(&w->timer, (double)(next - w->now) / 1000, 0.);
	ev_timer_start(w->loop, &w->timer);
	w->armed = next;
}

static void
wsd_turn_on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct wsd *w = prepare->data;

	(void)events;
	wsd_turn_finish(w);
	if (w->listener != NULL)
		wsd_listener_report(w->listener);
	if (w->draining && LIST_EMPTY(&w->conns) && !server_is_busy(w->sv))
		ev_break(loop, EVBREAK_ALL);
	/* while the store is waited for the hook's answers are not read: they must not wake us */
	if (w->hook.fd != -1 && server_waits(w->sv) && !w->draining)
		ev_io_stop(loop, &w->hook);
	else if (w->hook.fd != -1)
		ev_io_start(loop, &w->hook);
	/* last, since all of the above can bring the next deadline nearer */
	wsd_turn_arm(w);
}

static void
wsd_turn_take_back(void *arg)
{
	struct wsd *w = arg;
	struct wsd_conn *c;

	/* what was queued in this turn is not written yet */
	SLIST_FOREACH (c, &w->dirty, dirty)
		ws_take_back(c);
}

void
wsd_turn_start(struct wsd *w)
{
	server_on_rollback(w->sv, wsd_turn_take_back, w);
	w->now = clock_ms();
	w->next = w->now;
	w->turn = 1; /* not 0, which a connection has that was never a websocket */
	STAILQ_INIT(&w->unread);
	TAILQ_INIT(&w->parked);
	deadline_init(w);

	ev_check_init(&w->check, wsd_turn_on_check);
	ev_set_priority(&w->check, EV_MAXPRI); /* before the callbacks of what was polled */
	w->check.data = w;
	ev_check_start(w->loop, &w->check);
	ev_prepare_init(&w->prepare, wsd_turn_on_prepare);
	w->prepare.data = w;
	ev_prepare_start(w->loop, &w->prepare);
	ev_timer_init(&w->timer, wsd_turn_on_timer, 0., 0.);
	w->timer.data = w;
	ev_io_init(&w->wake, wsd_turn_on_wake, server_wake_fd(w->sv), EV_READ);
	w->wake.data = w;
	ev_io_start(w->loop, &w->wake);
	ev_io_init(&w->hook, wsd_turn_on_hook, server_application_fd(w->sv), EV_READ);
	w->hook.data = w;
	if (w->hook.fd != -1)
		ev_io_start(w->loop, &w->hook);
}

void
wsd_turn_stop(struct wsd *w)
{
	ev_check_stop(w->loop, &w->check);
	ev_prepare_stop(w->loop, &w->prepare);
	ev_timer_stop(w->loop, &w->timer);
	ev_io_stop(w->loop, &w->wake);
	ev_io_stop(w->loop, &w->hook);
}
