/* pollux-linkd: joins this node to the others, by Redis.  One process, one thread, in the
 * foreground.
 *
 * Start: descriptors, options, configuration, log, the password, store and application, loop.  The
 * first SIGTERM or SIGINT ends what is served for other nodes in order, the second ends at once;
 * SIGHUP opens the log file and reads the configuration again, SIGUSR1 logs counters. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sysexits.h>

#include "linkd/dispatch.h"
#include "linkd/link.h"
#include "linkd/linkd.h"
#include "linkd/password.h"
#include "linkd/turn.h"
#include "shared/base/daemon.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/base/privs.h"
#include "shared/hub/hub.h"
#include "shared/store/link_lock.h"

/* From the first SIGTERM to the end, whatever is still served then. */
#define DRAIN_S 5.

/* The whole daemon. */
struct linkd_daemon {
	struct linkd l;
	struct config cfg;
	struct ev_signal term, intr, hup, usr1;
	struct ev_timer drained;
};

static void
linkd_on_drained(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void
linkd_on_stop(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct linkd_daemon *d = signal->data;
	struct linkd *l = &d->l;

	(void)events;
	if (l->draining) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	daemon_stopping(server_held(l->sv));
	l->draining = true;
	ev_timer_start(loop, &d->drained);
	server_drain(l->sv);
}

/* daemon_reload: whether all that is opened from a configuration can be opened from this one. */
static int
linkd_check_reload(void *arg, const struct config *cfg)
{
	(void)arg;
	return server_check_reload(cfg);
}

/* daemon_reload: each part takes over what is its own. */
static void
linkd_on_changed(void *arg)
{
	struct linkd_daemon *d = arg;

	linkd_turn_enter(&d->l);
	server_reload(d->l.sv);
}

static void
linkd_on_hangup(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	const struct daemon_reload reload = {linkd_check_reload, linkd_on_changed, signal->data};

	(void)loop;
	(void)events;
	daemon_reload(&reload);
}

static void
linkd_on_report(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	const struct linkd_daemon *d = signal->data;
	const struct linkd *l = &d->l;

	(void)loop;
	(void)events;
	log_info("connections=%u rollbacks=%" PRIu64, server_held(l->sv), l->counters.rollbacks);
}

static void
linkd_watch_signal(struct linkd_daemon *d, struct ev_signal *signal, int number,
    void (*on)(struct ev_loop *, struct ev_signal *, int))
{
	ev_signal_init(signal, on, number);
	signal->data = d;
	ev_signal_start(d->l.loop, signal);
}

static void
linkd_start_watching(struct linkd_daemon *d)
{
	linkd_watch_signal(d, &d->term, SIGTERM, linkd_on_stop);
	linkd_watch_signal(d, &d->intr, SIGINT, linkd_on_stop);
	linkd_watch_signal(d, &d->hup, SIGHUP, linkd_on_hangup);
	linkd_watch_signal(d, &d->usr1, SIGUSR1, linkd_on_report);
	ev_timer_init(&d->drained, linkd_on_drained, DRAIN_S, 0.);
	linkd_turn_start(&d->l);
}

static void
linkd_stop_watching(struct linkd_daemon *d)
{
	struct linkd *l = &d->l;

	/* the loop runs no more: commit what was still done */
	linkd_turn_finish(l);
	linkd_turn_stop(l);
	ev_signal_stop(l->loop, &d->term);
	ev_signal_stop(l->loop, &d->intr);
	ev_signal_stop(l->loop, &d->hup);
	ev_signal_stop(l->loop, &d->usr1);
	ev_timer_stop(l->loop, &d->drained);
}

/* Open the store and the application.  Return 0, or the exit code. */
static int
linkd_open_server(struct linkd *l)
{
	l->sv = server_open(l->cfg, SERVER_LINKD);
	if (l->sv == NULL)
		return daemon_store_code(errno);
	l->hub = server_hub(l->sv);
	if (link_lock_take(hub_store(l->hub)))
		return 0;
	log_errx("another pollux-linkd uses %s", l->cfg->data);
	return EX_UNAVAILABLE;
}

/* Everything after the configuration and the log.  Return the exit code. */
static int
linkd_serve(struct linkd_daemon *d)
{
	struct linkd *l = &d->l;
	bool became;
	int code;

	l->cfg = &d->cfg;
	l->loop = ev_default_loop(0);
	if (l->loop == NULL) {
		log_errx("no memory for the event loop");
		return EX_OSERR;
	}
	/* as root, if we are: the file may be root's */
	code = password_read(l->cfg, &l->url);
	if (code == 0)
		code = privs_become_owner(l->cfg->data, &became);
	if (code == 0 && became)
		code = privs_forget_ports();
	if (code == 0)
		code = linkd_open_server(l);
	if (code == 0 && dispatch_open(l) == -1) {
		log_errx("no memory for what other nodes ask for");
		code = EX_UNAVAILABLE;
	}
	if (code == 0 && linkd_link_open(l) == -1)
		code = EX_UNAVAILABLE;
	if (code == 0) {
		linkd_start_watching(d);
		daemon_started(NULL);
		ev_run(l->loop, 0);
		linkd_stop_watching(d);
		daemon_stopped();
		code = l->is_second                ? EX_UNAVAILABLE
		       : server_is_outdated(l->sv) ? DAEMON_OUTDATED
		                                   : EX_OK;
	}
	if (l->hub != NULL)
		linkd_link_close(l);
	dispatch_close(l);
	server_close(l->sv);
	return code;
}

/* -t.  Return the exit code. */
static int
linkd_check(struct linkd_daemon *d)
{
	daemon_check_begin();
	server_check(&d->cfg);
	/* it says itself what is wrong with the rights of the file */
	if (d->cfg.cluster_redis[0] == '\0')
		log_warnx(
		    "[cluster] redis is empty: there is no cluster that this node could join");
	preflight_file("[cluster] password_file", d->cfg.cluster_password_file);
	return daemon_check_end();
}

int
main(int argc, char **argv)
{
	static struct linkd_daemon d;
	struct daemon_options o;
	int code;

	code = daemon_configure_client(&o, &d.cfg, "pollux-linkd",
	    "Join this machine to the others that serve the same sessions.", argc, argv);
	if (code != 0)
		return code;
	if (o.test)
		return linkd_check(&d);
	code = daemon_open_log(&d.cfg);
	if (code != 0)
		return code;
	return linkd_serve(&d);
}
