#include "linkd/turn.h"

#include <signal.h>

#include "linkd/dispatch.h"
#include "linkd/link.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/store/link_lock.h"

/* Commits in one turn.  An answer that was held for the commit becomes a row, which needs another
 * one.  What is left waits for a new turn. */
#define ROUNDS 4

#define SLEEP_MS 60000 /* the timer's longest sleep ... */
#define RETRY_MS 100   /* ... and after a turn that was rolled back */

void
linkd_turn_enter(struct linkd *l)
{
	if (l->entered)
		return;
	l->entered = true;
	server_begin(l->sv, l->now);
}

/* --- the first half ------------------------------------------------------------------------- */

/* The store may have another socket by now, or belong to a newer program. */
static void
linkd_turn_follow_store(struct linkd *l)
{
	int fd = server_wake_fd(l->sv);

	if (l->wake.fd != fd) {
		ev_io_stop(l->loop, &l->wake);
		ev_io_set(&l->wake, fd, EV_READ);
		ev_io_start(l->loop, &l->wake);
		/* the lock was that of the file that is gone */
		l->is_second = !link_lock_take(hub_store(l->hub));
		if (!l->is_second)
			linkd_link_publish(l);
	}
	if (l->draining)
		return;
	/* what SIGTERM does is done in this turn */
	if (server_is_outdated(l->sv)) {
		log_warnx(
		    "a newer version of Pollux takes the data folder over; this process ends");
		ev_feed_signal_event(l->loop, SIGTERM);
	} else if (l->is_second) {
		log_errx("another pollux-linkd uses %s; this one ends", l->cfg->data);
		ev_feed_signal_event(l->loop, SIGTERM);
	}
}

static void
linkd_turn_on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
	struct linkd *l = check->data;

	(void)loop;
	(void)events;
	/* the loop has slept: everything of this turn has one time */
	l->now = clock_ms();
	/* before any callback of what was polled: all of them may call the hub */
	linkd_turn_enter(l);
	linkd_turn_follow_store(l);
}

static void
linkd_turn_on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct linkd *l = timer->data;

	(void)loop;
	(void)events;
	l->armed = 0; /* it only wakes the loop: the turn does the rest */
}

static void
linkd_turn_on_wake(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct linkd *l = io->data;

	(void)loop;
	(void)events;
	server_wake(l->sv);
}

static void
linkd_turn_on_hook(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct linkd *l = io->data;

	(void)loop;
	(void)events;
	server_application_woken(l->sv); /* every turn reads the hook's answers */
}

/* --- the second half ------------------------------------------------------------------------ */

static void
linkd_turn_settle(struct linkd *l)
{
	int result;

	linkd_link_run(l);
	dispatch_run(l);
	result = server_settle(l->sv, &l->next);
	l->entered = false;
	l->failed = result == -1;
	if (l->failed)
		l->counters.rollbacks++;
	dispatch_settled(l, !l->failed);
	linkd_link_settled(l, !l->failed);
}

/* Is there something to be written at once? */
static bool
linkd_turn_is_dirty(const struct linkd *l)
{
	return dispatch_is_dirty(l) && !server_waits(l->sv) && !l->failed;
}

void
linkd_turn_finish(struct linkd *l)
{
	/* the loop's first prepare has no check before it */
	linkd_turn_enter(l);
	for (int round = 0; round < ROUNDS && (l->entered || linkd_turn_is_dirty(l)); round++) {
		linkd_turn_enter(l);
		linkd_turn_settle(l);
	}
	/* not after each commit: the answers of a turn go into one entry */
	if (!l->failed)
		linkd_link_ship(l);
}

/* Set the timer to when the hub wants its next turn. */
static void
linkd_turn_arm(struct linkd *l)
{
	int64_t next = l->next < l->dispatch_next ? l->next : l->dispatch_next;
	int64_t most = l->failed ? RETRY_MS : SLEEP_MS;

	if (next > l->now + most)
		next = l->now + most;
	if (!l->failed && !server_waits(l->sv) && linkd_link_due(l) < next)
		next = linkd_link_due(l);
	/* the last round has left work for a commit: do not sleep on it */
	if (next < l->now || l->entered || linkd_turn_is_dirty(l))
		next = l->now;
	if (next == l->armed)
		return;
	ev_timer_stop(l->loop, &l->timer);
	ev_timer_set(&l->timer, (double)(next - l->now) / 1000, 0.);
	ev_timer_start(l->loop, &l->timer);
	l->armed = next;
}

static void
linkd_turn_on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct linkd *l = prepare->data;

	(void)events;
	linkd_turn_finish(l);
	if (l->draining && server_held(l->sv) == 0 && !server_is_busy(l->sv) &&
	    !dispatch_is_dirty(l) && linkd_link_is_idle(l))
		ev_break(loop, EVBREAK_ALL);
	/* while the store is waited for the hook's answers are not read: they must not wake us */
	if (l->hook.fd != -1 && server_waits(l->sv) && !l->draining)
		ev_io_stop(loop, &l->hook);
	else if (l->hook.fd != -1)
		ev_io_start(loop, &l->hook);
	/* last, since all of the above can bring the next deadline nearer */
	linkd_turn_arm(l);
}

void
linkd_turn_start(struct linkd *l)
{
	l->now = clock_ms();
	l->next = l->now;
	ev_check_init(&l->check, linkd_turn_on_check);
	ev_set_priority(&l->check, EV_MAXPRI); /* before the callbacks of what was polled */
	l->check.data = l;
	ev_check_start(l->loop, &l->check);
	ev_prepare_init(&l->prepare, linkd_turn_on_prepare);
	l->prepare.data = l;
	ev_prepare_start(l->loop, &l->prepare);
	ev_timer_init(&l->timer, linkd_turn_on_timer, 0., 0.);
	l->timer.data = l;
	ev_io_init(&l->wake, linkd_turn_on_wake, server_wake_fd(l->sv), EV_READ);
	l->wake.data = l;
	ev_io_start(l->loop, &l->wake);
	ev_io_init(&l->hook, linkd_turn_on_hook, server_application_fd(l->sv), EV_READ);
	l->hook.data = l;
	if (l->hook.fd != -1)
		ev_io_start(l->loop, &l->hook);
}

void
linkd_turn_stop(struct linkd *l)
{
	ev_check_stop(l->loop, &l->check);
	ev_prepare_stop(l->loop, &l->prepare);
	ev_timer_stop(l->loop, &l->timer);
	ev_io_stop(l->loop, &l->wake);
	ev_io_stop(l->loop, &l->hook);
}
