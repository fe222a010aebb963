/* pollux.fcgi: handshakes, polls and POSTs, behind a web server.
 *
 * Started by the web server with the listening socket as descriptor 0 (mod_fcgid: one request at a
 * time), or as a service with an address, -l or [fcgi] listen (thousands of held polls in one
 * process): the same loop.
 *
 * Start: descriptors, options, configuration, log, sockets, store and application, loop.
 * The first SIGTERM, SIGINT or SIGUSR1 ends what is open in order, the second at once; SIGHUP opens
 * the log and reads the configuration again. */
#include <errno.h>
#include <signal.h>
#include <sysexits.h>

#include "fcgi/conn.h"
#include "fcgi/fcgi.h"
#include "fcgi/incoming.h"
#include "fcgi/listener.h"
#include "fcgi/reachable.h"
#include "fcgi/readers.h"
#include "fcgi/replaced.h"
#include "fcgi/request.h"
#include "fcgi/turn.h"
#include "fcgi/unavailable.h"
#include "shared/base/daemon.h"
#include "shared/base/listen.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/base/privs.h"

/* From the first SIGTERM to the end; answers that are not written by then are dropped. */
#define DRAIN_S 5.

/* [fcgi] max_held_polls = auto, if a process can hold one poll only: what a host that allows an
 * account 20 processes can bear beside POSTs and the pages of the site (docs/hosting.md). */
#define HELD_POLLS 16

/* Before connections without a request are closed.  A web server that keeps them may be sending the
 * next request at that moment, and does not repeat a POST: it is answered 502, which ends the
 * session at the client.  Those in use are closed by an answer meanwhile, which is no surprise. */
#define LEAVE_S .1

/* The same when nobody has told us to end, and waits for it. */
#define LEAVE_REPLACED_S 1.

/* The whole program. */
struct fcgi_daemon {
	struct fcgi f;
	struct config cfg;
	struct ev_signal term, intr, usr1, hup;
	struct ev_timer left, drained;
	struct replaced replaced; /* only if f.by_web_server */
	bool told;                /* to end, by a signal */
};

/* Choose what the configuration leaves to us.  A web server that starts us is mod_fcgid: it holds
 * back the pieces of a stream, and needs a process for each poll. */
static void
fcgi_choose(struct fcgi_daemon *d)
{
	struct config *cfg = &d->cfg;

	if (cfg->fcgi_streaming == CONFIG_AUTO)
		cfg->fcgi_streaming = d->f.by_web_server ? CONFIG_NO : CONFIG_YES;
	if (cfg->fcgi_max_held_polls == CONFIG_LIMIT_AUTO)
		cfg->fcgi_max_held_polls = d->f.by_web_server ? HELD_POLLS : 0;
}

/* --- signals -------------------------------------------------------------------------------- */

static void
fcgi_on_drained(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* Close what has no request, and answer what is held. */
static void
fcgi_on_left(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct fcgi_daemon *d = timer->data;
	struct fcgi *f = &d->f;
	struct fcgi_conn *c;

	(void)loop;
	(void)events;
	/* a request that is here already is served, a handshake too: then there are no new ones */
	LIST_FOREACH (c, &f->conns, all)
		if (c->state == FCGI_CONN_IDLE)
			incoming_look(c);
	f->draining = true;
	fcgi_turn_enter(f);
	server_drain(f->sv);
	/* what has no request yet will get no answer; held requests have just got theirs */
	LIST_FOREACH (c, &f->conns, all) {
		if (c->state == FCGI_CONN_IDLE)
			fcgi_conn_close(c);
		else if (c->state == FCGI_CONN_READING)
			incoming_expire(c);
	}
}

/* End in order; `wait_s`: LEAVE_S. */
static void
fcgi_leave(struct fcgi_daemon *d, double wait_s)
{
	struct fcgi *f = &d->f;

	if (f->leaving)
		return;
	daemon_stopping(f->conns_n);
	f->leaving = true;
	/* first the sockets: another process must get the polls that come back */
	fcgi_listener_finish(f->listener);
	f->listener = NULL;
	ev_timer_start(f->loop, &d->drained);
	if (LIST_EMPTY(&f->conns)) {
		fcgi_on_left(f->loop, &d->left, 0);
		return;
	}
	ev_timer_set(&d->left, wait_s, 0.);
	ev_timer_start(f->loop, &d->left);
}

/* Of replaced_start(). */
static void
fcgi_on_replaced(void *arg)
{
	fcgi_leave(arg, LEAVE_REPLACED_S);
}

static void
fcgi_on_stop(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct fcgi_daemon *d = signal->data;
	bool unasked = d->f.unasked;

	(void)events;
	d->f.unasked = false;
	if (d->told && !unasked)
		ev_break(loop, EVBREAK_ALL);
	else
		/* one that ends by itself already, and is told for the first time, ends in order */
		fcgi_leave(d, LEAVE_S);
	d->told = d->told || !unasked;
}

/* daemon_reload: whether all that is opened from a configuration can be opened from this one. */
static int
fcgi_check_reload(void *arg, const struct config *cfg)
{
	(void)arg;
	return server_check_reload(cfg);
}

/* daemon_reload: each part takes over what is its own. */
static void
fcgi_on_changed(void *arg)
{
	struct fcgi_daemon *d = arg;
	struct fcgi *f = &d->f;

	fcgi_choose(d); /* what was read says "auto" again */
	fcgi_turn_enter(f);
	server_reload(f->sv);
	readers_set_body_max(f->readers, d->cfg.body_bytes);
}

static void
fcgi_on_hangup(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	const struct daemon_reload reload = {fcgi_check_reload, fcgi_on_changed, signal->data};

	(void)loop;
	(void)events;
	daemon_reload(&reload);
}

static void
fcgi_watch_signal(struct fcgi_daemon *d, struct ev_signal *signal, int number,
    void (*on)(struct ev_loop *, struct ev_signal *, int))
{
	ev_signal_init(signal, on, number);
	signal->data = d;
	ev_signal_start(d->f.loop, signal);
}

static void
fcgi_start_watching(struct fcgi_daemon *d)
{
	fcgi_watch_signal(d, &d->term, SIGTERM, fcgi_on_stop);
	fcgi_watch_signal(d, &d->intr, SIGINT, fcgi_on_stop);
	/* libfcgi's documented signal for a graceful end, so not the counters of pollux-wsd */
	fcgi_watch_signal(d, &d->usr1, SIGUSR1, fcgi_on_stop);
	fcgi_watch_signal(d, &d->hup, SIGHUP, fcgi_on_hangup);
	ev_timer_init(&d->left, fcgi_on_left, LEAVE_S, 0.);
	d->left.data = d;
	ev_timer_init(&d->drained, fcgi_on_drained, DRAIN_S, 0.);
	if (d->f.by_web_server)
		replaced_start(&d->replaced, d->f.loop, &d->cfg, fcgi_on_replaced, d);
	fcgi_turn_start(&d->f);
	fcgi_listener_start(d->f.listener);
}

/* Drop what is still open; the sessions live on in the store. */
static void
fcgi_close_all(struct fcgi *f)
{
	struct fcgi_conn *c;

	/* a reader blocks until its connection ends: shut those down, then join the threads, and
	 * only then free the connections whose descriptors they used */
	fcgi_turn_enter(f);
	LIST_FOREACH (c, &f->conns, all)
		fcgi_conn_abandon(c);
	readers_close(f->readers);
	fcgi_turn_finish(f);
}

static void
fcgi_stop_watching(struct fcgi_daemon *d)
{
	struct ev_loop *loop = d->f.loop;

	fcgi_close_all(&d->f);
	fcgi_turn_stop(&d->f);
	ev_signal_stop(loop, &d->term);
	ev_signal_stop(loop, &d->intr);
	ev_signal_stop(loop, &d->usr1);
	ev_signal_stop(loop, &d->hup);
	replaced_stop(&d->replaced);
	ev_timer_stop(loop, &d->left);
	ev_timer_stop(loop, &d->drained);
}

/* --- the beginning -------------------------------------------------------------------------- */

static int
fcgi_open(struct fcgi *f)
{
	LIST_INIT(&f->conns);
	TAILQ_INIT(&f->idle);
	TAILQ_INIT(&f->timed);
	TAILQ_INIT(&f->parked);
	SLIST_INIT(&f->dirty);
	f->sv = server_open(f->cfg, SERVER_FCGI);
	if (f->sv == NULL)
		return daemon_store_code(errno);
	f->reachable = reachable_open(f); /* after the store, which makes the folder */
	if (f->reachable == NULL)
		return EX_CANTCREAT;
	f->readers = readers_open(
	    f->loop, (unsigned)f->cfg->fcgi_readers, f->cfg->body_bytes, incoming_was_read);
	return f->readers == NULL ? EX_OSERR : EX_OK;
}

/* The start has failed, and the web server that started us has clients who wait: tell them why. */
static void
fcgi_tell_why(void)
{
	if (daemon_why()[0] != '\0' && unavailable_has_server())
		unavailable_serve(daemon_why());
}

/* Everything after the configuration.  Return the exit code. */
static int
fcgi_serve(struct fcgi_daemon *d, const char *addresses)
{
	struct fcgi *f = &d->f;
	bool became;
	int code;

	f->cfg = &d->cfg;
	f->loop = ev_default_loop(0);
	if (f->loop == NULL) {
		log_errx("libev found no way to wait for events");
		return EX_OSERR;
	}
	code = privs_become_owner(d->cfg.data, &became);
	/* the sockets first: a second process with the same address must not touch the store */
	if (code == EX_OK)
		code = fcgi_listener_open(f, addresses);
	if (code == EX_OK && became)
		code = privs_forget_ports();
	if (code == EX_OK)
		code = fcgi_open(f);
	if (code == EX_OK) {
		fcgi_start_watching(d);
		daemon_started(addresses);
		ev_run(f->loop, 0);
		fcgi_stop_watching(d);
		daemon_stopped();
		if (server_is_outdated(f->sv))
			code = DAEMON_OUTDATED;
	} else {
		readers_close(f->readers);
		fcgi_tell_why();
	}
	/* in reverse order; sessions held here can go to other processes from server_close() on */
	reachable_close(f->reachable);
	server_close(f->sv);
	fcgi_listener_close(f->listener);
	return code;
}

/* -t.  Return the exit code. */
static int
fcgi_check(const struct config *cfg, const char *addresses)
{
	daemon_check_begin();
	server_check(cfg);
	/* else the web server or systemd has the sockets */
	if (addresses[0] != '\0' && listen_inherited() == 0)
		preflight_addresses("[fcgi] listen", addresses, true);
	return daemon_check_end();
}

int
main(int argc, char **argv)
{
	static struct fcgi_daemon d;
	struct daemon_options o;
	const char *addresses;
	int code;

	code = daemon_configure(&o, &d.cfg, "pollux.fcgi",
	    "Serve Socket.IO handshakes and polls behind a web server, by FastCGI.  ADDRESS is "
	    "unix:/path or host:port.",
	    argc, argv);
	if (code == EX_CONFIG && fcgi_request_init() == 0)
		fcgi_tell_why();
	if (code != 0)
		return code;
	addresses = o.listen != NULL ? o.listen : d.cfg.fcgi_listen;
	if (o.test)
		return fcgi_check(&d.cfg, addresses);
	code = daemon_open_log(&d.cfg);
	if (code != 0)
		return code;
	if (fcgi_request_init() == -1) {
		log_errx("libfcgi cannot start");
		return EX_SOFTWARE;
	}
	d.f.by_web_server = addresses[0] == '\0' && listen_inherited() == 0;
	fcgi_choose(&d);
	return fcgi_serve(&d, addresses);
}
