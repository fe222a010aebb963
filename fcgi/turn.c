#include "fcgi/turn.h"

#include <signal.h>

#include "fcgi/conn.h"
#include "fcgi/incoming.h"
#include "fcgi/outgoing.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"

/* Writing answers tells the server their fate, which may be work that it can do at once.  The rest
 * waits for the next turn, so that new requests get their share. */
#define FINISH_ROUNDS 4

/* For so long a process that the web server has started must have been idle to be taken for spare:
 * the web server gives requests to the one that was busy last. */
#define SPARE_MS 10000

/* Go on with what waits for the store, if it need not wait any more. */
static void
resume_parked(struct fcgi *f)
{
	struct fcgi_conn *c;

	if (TAILQ_EMPTY(&f->parked) || server_requests_wait(f->sv))
		return;
	/* each once: what is parked again goes to the end */
	for (size_t n = f->parked_n; n > 0 && (c = TAILQ_FIRST(&f->parked)) != NULL; n--)
		incoming_resume(c);
}

/* Do in this turn what SIGTERM does. */
static void
end_unasked(struct fcgi *f)
{
	f->unasked = true;
	ev_feed_signal_event(f->loop, SIGTERM);
}

/* The store may have another socket by now, or belong to a newer program. */
static void
fcgi_turn_follow_store(struct fcgi *f)
{
	int fd = server_wake_fd(f->sv);

	if (f->wake.fd != fd) {
		ev_io_stop(f->loop, &f->wake);
		ev_io_set(&f->wake, fd, EV_READ);
		ev_io_start(f->loop, &f->wake);
	}
	if (!f->leaving && server_is_outdated(f->sv)) {
		log_warnx(
		    "a newer version of Pollux takes the data folder over; this process ends");
		end_unasked(f);
	}
}

/* A host allows an account a number of processes, and mod_fcgid ends idle ones after minutes: those
 * that it started for a burst of POSTs would be missing for polls. */
static void
leave_to_others(struct fcgi *f)
{
	if (!LIST_EMPTY(&f->conns) || f->busy_at == 0)
		f->busy_at = f->now;
	if (!f->by_web_server || f->leaving || f->now - f->busy_at < SPARE_MS ||
	    !server_is_spare(f->sv))
		return;
	f->busy_at = f->now; /* ask seldom */
	log_debug("this process is not needed, and leaves its place to another");
	end_unasked(f);
}

static void
fcgi_turn_on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
	struct fcgi *f = check->data;

	(void)loop;
	(void)events;
	f->now = clock_ms();
	fcgi_turn_enter(f);
	fcgi_turn_follow_store(f);
	leave_to_others(f);
	resume_parked(f);
}

static void
fcgi_turn_on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events; /* it only wakes the loop: the end of the turn handles what is due */
}

static void
fcgi_turn_on_wake(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct fcgi *f = io->data;

	(void)loop;
	(void)events;
	server_wake(f->sv);
}

static void
fcgi_turn_on_hook(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct fcgi *f = io->data;

	(void)loop;
	(void)events;
	server_application_woken(f->sv); /* every turn reads the hook's answers */
}

/* Drop peers past their deadline; return when the next one is due, ms. */
static int64_t
drop_late_peers(struct fcgi *f)
{
	struct fcgi_conn *c, *next;
	int64_t soonest = INT64_MAX;

	for (c = TAILQ_FIRST(&f->timed); c != NULL; c = next) {
		next = TAILQ_NEXT(c, by_deadline);
		if (c->deadline <= f->now)
			incoming_expire(c); /* it may get a new one */
		if (c->timed && c->deadline < soonest)
			soonest = c->deadline;
	}
	return soonest;
}

void
fcgi_turn_finish(struct fcgi *f)
{
	struct fcgi_conn_stack dirty;
	struct fcgi_conn *c;

	f->entered = false;
	server_settle(f->sv, &f->next);
	/* answers may leave only now that they are committed; what is queued meanwhile belongs to
	 * the next commit and goes on a new stack */
	dirty = f->dirty;
	SLIST_INIT(&f->dirty);
	while ((c = SLIST_FIRST(&dirty)) != NULL) {
		SLIST_REMOVE_HEAD(&dirty, next_dirty);
		c->dirty = false;
		outgoing_flush(c); /* frees it if it is closed */
	}
}

static void
arm_timer(struct fcgi *f, int64_t due)
{
	int64_t next = f->next < due ? f->next : due;

	/* work is left over: do not sleep */
	if (next < f->now || f->entered || !SLIST_EMPTY(&f->dirty) ||
	    (f->parked_n > 0 && !server_waits(f->sv)))
		next = f->now;
	ev_timer_stop(f->loop, &f->timer);
	ev_timer_set(&f->timer, (double)(next - f->now) / 1000, 0.);
	ev_timer_start(f->loop, &f->timer);
}

/* The end of every turn, before the loop sleeps. */
static void
fcgi_turn_on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct fcgi *f = prepare->data;
	int64_t due;

	(void)events;
	fcgi_turn_enter(f); /* the first time, no check came before */
	/* before the commit, which takes in what becomes of the answers dropped here */
	due = drop_late_peers(f);
	for (int i = 0; i < FINISH_ROUNDS && (f->entered || !SLIST_EMPTY(&f->dirty)); i++) {
		fcgi_turn_enter(f);
		fcgi_turn_finish(f);
	}
	/* while the store is waited for the hook's answers are not read: they must not wake us */
	if (f->hook.fd != -1 && server_waits(f->sv) && !f->draining)
		ev_io_stop(f->loop, &f->hook);
	else if (f->hook.fd != -1)
		ev_io_start(f->loop, &f->hook);
	/* a request to the web hook may still be under way for connections that are gone */
	if (f->draining && LIST_EMPTY(&f->conns) && !server_is_busy(f->sv))
		ev_break(loop, EVBREAK_ALL);
	arm_timer(f, due);
}

void
fcgi_turn_start(struct fcgi *f)
{
	f->now = clock_ms();
	f->next = f->now;
	ev_check_init(&f->check, fcgi_turn_on_check);
	ev_set_priority(&f->check, EV_MAXPRI); /* before the callbacks, which use `now` */
	f->check.data = f;
	ev_check_start(f->loop, &f->check);
	ev_prepare_init(&f->prepare, fcgi_turn_on_prepare);
	f->prepare.data = f;
	ev_prepare_start(f->loop, &f->prepare);
	ev_timer_init(&f->timer, fcgi_turn_on_timer, 0., 0.);
	ev_io_init(&f->wake, fcgi_turn_on_wake, server_wake_fd(f->sv), EV_READ);
	f->wake.data = f;
	ev_io_start(f->loop, &f->wake);
	ev_io_init(&f->hook, fcgi_turn_on_hook, server_application_fd(f->sv), EV_READ);
	f->hook.data = f;
	if (f->hook.fd != -1)
		ev_io_start(f->loop, &f->hook);
}

void
fcgi_turn_stop(struct fcgi *f)
{
	ev_check_stop(f->loop, &f->check);
	ev_prepare_stop(f->loop, &f->prepare);
	ev_timer_stop(f->loop, &f->timer);
	ev_io_stop(f->loop, &f->wake);
	ev_io_stop(f->loop, &f->hook);
}
