#include "wsd/replace.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/daemon.h"
#include "shared/base/log.h"
#include "wsd/listener.h"
#include "wsd/predecessor.h"

static void
replace_close_ends(struct replace *r)
{
	while (r->ends_n > 0)
		close(r->ends[--r->ends_n]);
}

static void
stop_watchers(struct replace *r)
{
	ev_io_stop(r->w->loop, &r->line);
	ev_child_stop(r->w->loop, &r->child);
	ev_timer_stop(r->w->loop, &r->patience);
}

static void
set_patience(struct replace *r, int ms)
{
	ev_timer_stop(r->w->loop, &r->patience);
	ev_timer_set(&r->patience, ms / 1000., 0.);
	ev_timer_start(r->w->loop, &r->patience);
}

static void
on_line(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct replace *r = io->data;
	size_t n = r->ends_n;

	(void)events;
	if (!successor_hear(&r->successor)) {
		if (r->successor.line == -1) {
			ev_io_stop(loop, io);
			if (!r->successor.serves)
				set_patience(r, SUCCESSOR_SILENT_MS);
		}
		return;
	}
	ev_timer_stop(loop, &r->patience);
	r->ends_n = 0;
	log_info("the new version serves, as process %d: it gets the connections",
	    (int)r->successor.pid);
	daemon_replaced(r->successor.pid);
	(void)handover_begin(r->w, r->ends, n);
}

static void
on_child(struct ev_loop *loop, struct ev_child *child, int events)
{
	struct replace *r = child->data;
	bool in_order =
	    r->successor.serves && WIFEXITED(child->rstatus) && WEXITSTATUS(child->rstatus) == 0;

	(void)events;
	stop_watchers(r);
	replace_close_ends(r);
	if (in_order) {
		/* it was told to stop, and so are we */
		r->successor.pid = 0;
		successor_let_go(&r->successor);
		ev_feed_signal_event(loop, SIGTERM);
		return;
	}
	successor_ended(&r->successor, child->rstatus);
	handover_cancel(r->w);
	daemon_not_replaced();
}

static void
on_patience_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct replace *r = timer->data;

	(void)loop;
	(void)events;
	successor_kill(&r->successor);
}

void
replace_init(struct replace *r, struct wsd *w, const struct successor_command *command)
{
	*r = (struct replace){.w = w, .command = command, .successor = {.line = -1}};
	ev_io_init(&r->line, on_line, -1, EV_READ);
	ev_timer_init(&r->patience, on_patience_over, 0., 0.);
	ev_child_init(&r->child, on_child, 0, 0);
	r->line.data = r->patience.data = r->child.data = r;
}

void
replace_begin(struct replace *r)
{
	struct ev_loop *loop = r->w->loop;
	int theirs[HANDOVER_ENDS];
	sigset_t mask;

	if (r->w->draining || r->successor.pid != 0 || predecessor_lives()) {
		log_warnx("SIGUSR2: %s; send it again later",
		    r->w->draining          ? "this process is about to stop"
		    : r->successor.pid != 0 ? "a new version is taking over already"
					    : "this process is still taking over");
		return;
	}
	if (successor_pairs(r->ends, theirs, HANDOVER_ENDS) == -1) {
		log_err("the new version is not started, and this one serves on");
		return;
	}
	r->ends_n = HANDOVER_ENDS;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	daemon_replacing();
	if (successor_start(&r->successor, r->command, r->w->cfg,
		wsd_listener_sockets(r->w->listener), theirs, HANDOVER_ENDS, &mask) == -1) {
		replace_close_ends(r);
		daemon_not_replaced();
		return;
	}
	ev_io_set(&r->line, r->successor.line, EV_READ);
	ev_io_start(loop, &r->line);
	ev_child_set(&r->child, r->successor.pid, 0);
	ev_child_start(loop, &r->child);
	set_patience(r, SUCCESSOR_PATIENCE_MS);
}

void
replace_pass_on(const struct replace *r, int number)
{
	if (r->successor.pid != 0 && !daemon_is_managed())
		(void)kill(r->successor.pid, number);
}

struct successor
replace_finish(struct replace *r)
{
	/* the program did not come to its loop */
	if (r->w == NULL)
		return (struct successor){.line = -1};
	stop_watchers(r);
	replace_close_ends(r);
	if (r->successor.pid == 0)
		successor_let_go(&r->successor);
	return r->successor;
}
