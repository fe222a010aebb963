/* pollux-wsd: websockets, and HTTP on the same port.  One process, one thread, in the foreground;
 * or several such processes (workers.h).  A newer version can take over from one that runs
 * (replace.h, handover.h, adopt.h).
 *
 * Start: descriptors, options, configuration, log, sockets, store and application, loop.  The first
 * SIGTERM or SIGINT closes all connections in order, the second ends at once; SIGHUP opens the log
 * file and reads the configuration and the certificate again, SIGUSR1 logs counters, SIGUSR2 starts
 * the program anew and hands everything over to it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include <http_parser.h>

#include "shared/base/certificate.h"
#include "shared/base/config.h"
#include "shared/base/daemon.h"
#include "shared/base/handed.h"
#include "shared/base/listen.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/base/privs.h"
#include "wsd/adopt.h"
#include "wsd/conn.h"
#include "wsd/deadline.h"
#include "wsd/handover.h"
#include "wsd/hybi.h"
#include "wsd/keeper.h"
#include "wsd/listener.h"
#include "wsd/policy.h"
#include "wsd/predecessor.h"
#include "wsd/replace.h"
#include "wsd/successor.h"
#include "wsd/tls_context.h"
#include "wsd/turn.h"
#include "wsd/worker.h"
#include "wsd/workers.h"
#include "wsd/ws.h"
#include "wsd/wsd.h"

/* From the first SIGTERM to the end, whatever is still open then. */
#define DRAIN_S 5.

/* The whole daemon. */
struct wsd_daemon {
	struct wsd w;
	struct config cfg;
	const char *addresses;
	char listening[2 * CONFIG_TEXT_MAX + 32]; /* the same with those of TLS, for people */
	struct ev_signal term, intr, hup, usr1, usr2, hurry;
	struct ev_timer drained;
	struct ev_io control; /* of a worker, from the first process */
	struct successor_command command;
	struct replace replace; /* of the only process */
};

static void
wsd_on_drained(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void
wsd_on_stop(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct wsd_daemon *d = signal->data;
	struct wsd *w = &d->w;
	struct wsd_conn *c;
	/* there is nothing left to hand over, or no time */
	bool handed = w->handover != NULL && (handover_over(w) || LIST_EMPTY(&w->conns));

	(void)events;
	if (w->draining) {
		/* of a worker it may be the service manager's, which signals every process: the
		 * first process says when to hurry */
		if (w->worker == NULL)
			ev_break(loop, EVBREAK_ALL);
		return;
	}
	if (w->worker != NULL && worker_is_orphan(w->worker))
		log_warnx("the first process of pollux-wsd has died: this worker ends");
	if (handed) {
		server_send_off(w->sv);
	} else {
		daemon_stopping(w->conns_n);
		/* Ctrl-C reaches it by itself */
		if (signal->signum == SIGTERM)
			replace_pass_on(&d->replace, SIGTERM);
	}
	/* before anything is closed: answers that this queues must not offer to keep the
	 * connection */
	w->draining = w->closing = true;
	/* requests that have arrived are answered; but not those that a successor has in its own
	 * backlog, or if the store is lost */
	if (w->handover == NULL && !server_is_outdated(w->sv)) {
		wsd_listener_finish(w->listener);
		LIST_FOREACH (c, &w->conns, all)
			wsd_conn_read_last(c);
	}
	/* free the address at once, a successor may be waiting for it */
	wsd_listener_close(w->listener);
	w->listener = NULL;
	ev_timer_start(loop, &d->drained);
	/* polls and websockets are under way, and end by what the hub sends them now */
	server_drain(w->sv);
	LIST_FOREACH (c, &w->conns, all)
		wsd_conn_drain(c);
}

/* The first process of the workers was told to stop for the second time. */
static void
wsd_on_hurry(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	(void)signal;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* A newer version of the program is to take over. */
static void
wsd_on_replace(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct wsd_daemon *d = signal->data;

	(void)loop;
	(void)events;
	replace_begin(&d->replace);
}

/* It serves: the first process of the workers passes what leads to it. */
static void
wsd_on_control(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct wsd_daemon *d = io->data;
	int ends[HANDOVER_ENDS];
	size_t n;

	(void)events;
	switch (worker_take_ends(io->fd, ends, HANDOVER_ENDS, &n)) {
	case -1:
		ev_io_stop(loop, io); /* it has died, and we are told by a signal */
		break;
	case 1:
		if (n > 0)
			(void)handover_begin(&d->w, ends, n);
		else
			handover_cancel(&d->w);
		break;
	}
}

/* --- reading the configuration again --------------------------------------------------------- */

/* daemon_reload: whether all that is opened from a configuration can be opened from this one. */
static int
wsd_check_reload(void *arg, const struct config *cfg)
{
	(void)arg;
	return server_check_reload(cfg);
}

/* daemon_reload: each part takes over what is its own. */
static void
wsd_on_changed(void *arg)
{
	struct wsd_daemon *d = arg;
	struct wsd *w = &d->w;
	struct message *policy = policy_new(&d->cfg);

	if (w->worker != NULL)
		worker_divide(w->worker, &d->cfg);
	wsd_turn_enter(w);
	server_reload(w->sv);
	wsd_listener_reload(w->listener);
	deadline_reload(w);
	http_parser_set_max_header_size((uint32_t)d->cfg.header_bytes);
	if (policy != NULL) { /* no memory: the old one stays */
		message_release(w->policy);
		w->policy = policy;
	}
}

/* Even if the configuration could not be read, or is as it was: the certificate is renewed under
 * the same name. */
static void
wsd_reload_tls(struct wsd_daemon *d)
{
	if (d->w.tls == NULL)
		return;
	/* the first process of several says what is to be said */
	if (d->w.worker != NULL)
		log_collect(log_drop, NULL);
	tls_context_reload(d->w.tls, &d->cfg);
	log_collect(NULL, NULL);
}

static void
wsd_on_hangup(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	const struct daemon_reload reload = {wsd_check_reload, wsd_on_changed, signal->data};

	(void)loop;
	(void)events;
	daemon_reload(&reload);
	wsd_reload_tls(signal->data);
}

/* The same in the first process of the workers, which serves nobody. */
static void
wsd_reload_first(void *arg)
{
	const struct daemon_reload reload = {wsd_check_reload, NULL, arg};

	daemon_reload(&reload);
	wsd_reload_tls(arg); /* for workers that are started later */
}

/* --- signals --------------------------------------------------------------------------------- */

static void
wsd_on_report(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	const struct wsd_daemon *d = signal->data;
	const struct wsd *w = &d->w;
	const struct wsd_counters *n = &w->counters;
	size_t websockets = 0;
	struct wsd_conn *c;

	(void)loop;
	(void)events;
	LIST_FOREACH (c, &w->conns, all)
		websockets += c->protocol == &ws_protocol && c->state == WSD_CONN_OPEN;
	log_info("connections=%zu websockets=%zu accepted=%" PRIu64 " refused=%" PRIu64
		 " displaced=%" PRIu64 " tls=%" PRIu64 " no_tls=%" PRIu64 " requests=%" PRIu64
		 " upgrades=%" PRIu64 " messages=%" PRIu64 " policies=%" PRIu64 " shed=%" PRIu64
		 " queued=%zu rollbacks=%" PRIu64,
	    w->conns_n, websockets, n->accepted, n->refused, n->displaced, n->tls, n->no_tls,
	    n->requests, n->upgrades, n->texts, n->policies, n->shed, w->queued, n->rollbacks);
}

static void
wsd_watch_signal(struct wsd_daemon *d, struct ev_signal *signal, int number,
    void (*on)(struct ev_loop *, struct ev_signal *, int))
{
	ev_signal_init(signal, on, number);
	signal->data = d;
	ev_signal_start(d->w.loop, signal);
}

static void
wsd_start_watching(struct wsd_daemon *d)
{
	struct wsd *w = &d->w;

	wsd_watch_signal(d, &d->term, SIGTERM, wsd_on_stop);
	/* Ctrl-C is the first process's, and so is what concerns all workers */
	if (w->worker == NULL) {
		wsd_watch_signal(d, &d->intr, SIGINT, wsd_on_stop);
		wsd_watch_signal(d, &d->usr2, SIGUSR2, wsd_on_replace);
		replace_init(&d->replace, w, &d->command);
	} else {
		wsd_watch_signal(d, &d->hurry, WORKER_SIGNAL, wsd_on_hurry);
		ev_io_init(&d->control, wsd_on_control, w->worker->control, EV_READ);
		d->control.data = d;
		ev_io_start(w->loop, &d->control);
	}
	wsd_watch_signal(d, &d->hup, SIGHUP, wsd_on_hangup);
	wsd_watch_signal(d, &d->usr1, SIGUSR1, wsd_on_report);
	ev_timer_init(&d->drained, wsd_on_drained, DRAIN_S, 0.);
	/* last the listener: a connection needs the turn's lists and clock */
	wsd_turn_start(w);
	wsd_listener_start(w->listener);
}

/* Close what is still open, in a turn of its own: the loop runs no more. */
static void
wsd_close_all(struct wsd *w)
{
	struct wsd_conn *c;

	wsd_turn_enter(w);
	LIST_FOREACH (c, &w->conns, all)
		wsd_conn_close(c, "socket end");
	wsd_turn_finish(w);
}

static void
wsd_stop_watching(struct wsd_daemon *d)
{
	handover_free(&d->w);
	adopt_close(&d->w);
	/* server_close() wants all exchanges and websockets gone */
	wsd_close_all(&d->w);
	wsd_turn_stop(&d->w);
	ev_signal_stop(d->w.loop, &d->term);
	ev_signal_stop(d->w.loop, &d->intr);
	ev_signal_stop(d->w.loop, &d->hup);
	ev_signal_stop(d->w.loop, &d->usr1);
	ev_signal_stop(d->w.loop, &d->usr2);
	ev_signal_stop(d->w.loop, &d->hurry);
	ev_io_stop(d->w.loop, &d->control);
	ev_timer_stop(d->w.loop, &d->drained);
}

/* Take the connections of an older process, if there is one that hands over: of its ends those that
 * are this worker's.  Return 0, or -1 after logging why. */
static int
wsd_adopt(struct wsd *w)
{
	const struct handed *handed = handed_find();
	size_t n = handed == NULL ? 0 : handed->ends_n, index = 0, step = 1;
	int result = 0;

	if (w->worker != NULL) {
		index = w->worker->index;
		step = w->worker->n;
		/* one that was started again: they went with the one before it */
		if (!w->worker->adopts)
			n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (i % step != index)
			close(handed_end(i));
		else if (adopt_open(w, handed_end(i)) == -1)
			result = -1;
	}
	return result;
}

/* Everything after the sockets, in the only process or in a worker.  Return the exit code. */
static int
wsd_serve(void *arg, struct listen *sockets, const struct worker *self)
{
	struct wsd_daemon *d = arg;
	struct wsd *w = &d->w;
	int code = EX_OSERR;

	if (self != NULL)
		worker_divide(self, &d->cfg);
	w->worker = self;
	w->cfg = &d->cfg;
	w->loop = ev_default_loop(0);
	w->in = malloc(READ_BUFFER);
	w->hybi = hybi_new(w->cfg);
	w->policy = policy_new(w->cfg);
	if (w->loop == NULL || w->in == NULL || w->hybi == NULL || w->policy == NULL) {
		log_errx("no memory for the event loop and its buffers");
		goto end;
	}
	http_parser_set_max_header_size((uint32_t)d->cfg.header_bytes);
	code = wsd_listener_open(w, sockets, &policy_protocol);
	if (code != 0)
		goto end;
	w->sv = server_open(w->cfg, SERVER_WSD);
	if (w->sv == NULL) {
		code = daemon_store_code(errno);
		goto end;
	}
	wsd_start_watching(d);
	if (wsd_adopt(w) == -1) {
		wsd_stop_watching(d);
		code = EX_OSERR;
		goto end;
	}
	daemon_started(d->listening);
	if (self != NULL)
		worker_ready();
	else
		predecessor_tell();
	ev_run(w->loop, 0);
	if (self == NULL && d->replace.successor.pid != 0)
		keeper_hold_signals();
	wsd_stop_watching(d);
	if (self == NULL && d->replace.successor.pid != 0)
		log_info("all is handed over");
	else
		daemon_stopped();
	code = server_is_outdated(w->sv) ? DAEMON_OUTDATED : EX_OK;
end:
	server_close(w->sv);
	wsd_listener_close(w->listener);
	listen_close(sockets);
	message_release(w->policy);
	hybi_free(w->hybi);
	tls_context_free(w->tls);
	free(w->in);
	return code;
}

/* Open the sockets.  Return as wsd_run(). */
static int
wsd_listen(struct wsd_daemon *d, struct listen *sockets)
{
	int code = listen_open(sockets, "[wsd] listen", d->addresses);

	if (code == 0)
		code = listen_open_tls(sockets, "[wsd] tls_listen", d->cfg.wsd_tls_listen);
	listen_close_handed();
	if (code != 0)
		return code;
	if (listen_has_tls(sockets) && d->w.tls == NULL) {
		log_errx("systemd passes a socket for TLS, but there is no [wsd] certificate");
		listen_close(sockets);
		return EX_CONFIG;
	}
	snprintf(d->listening, sizeof(d->listening), "%s%s%s", d->addresses,
	    d->cfg.wsd_tls_listen[0] == '\0' ? "" : ", with TLS on ", d->cfg.wsd_tls_listen);
	return 0;
}

/* Root has read the key; a renewed one will be read by the user that we are now. */
static void
warn_of_reload(const struct config *cfg)
{
	const char *path = certificate_key_path(cfg);

	if (eaccess(path, R_OK) == -1)
		log_warnx(
		    "[wsd] key: only root can read %s, so SIGHUP will not take a renewed one; "
		    "give its group the right to read it",
		    path);
}

/* Everything after the configuration and the log.  Return the exit code. */
static int
wsd_run(struct wsd_daemon *d)
{
	struct listen sockets;
	size_t workers = workers_count(&d->cfg);
	bool became;
	struct successor successor = {.line = -1};
	int code;

	/* as root, who may be the only one that can read the key */
	if (d->cfg.wsd_certificate[0] != '\0') {
		d->w.tls = tls_context_new(&d->cfg);
		if (d->w.tls == NULL)
			return EX_CONFIG;
	}
	code = privs_become_owner(d->cfg.data, &became);
	if (code == 0)
		code = predecessor_check(&d->cfg);
	if (code != 0)
		return code;
	if (became && d->w.tls != NULL)
		warn_of_reload(&d->cfg);
	/* the sockets before the store: a second instance fails here, without touching the
	 * database */
	code = wsd_listen(d, &sockets);
	if (code != 0)
		return code;
	if (became)
		code = privs_forget_ports();
	if (code != 0) {
		listen_close(&sockets);
		return code;
	}
	if (workers == 1) {
		code = wsd_serve(d, &sockets, NULL);
		successor = replace_finish(&d->replace);
	} else {
		code = workers_run(&(struct workers_job){.n = workers,
				       .sockets = &sockets,
				       .addresses = d->listening,
				       .cfg = &d->cfg,
				       .command = &d->command,
				       .serve = wsd_serve,
				       .reload = wsd_reload_first,
				       .arg = d},
		    &successor);
	}
	if (successor.pid == 0 || daemon_is_managed())
		return code;
	/* whoever started this program waits for it to end, or a keeper does that */
	if (handed_find() != NULL && keeper_tell(HANDED_LINE, &successor) == 0)
		return code;
	return keeper_run(&successor);
}

/* -t.  Return the exit code. */
static int
wsd_check(const struct config *cfg, const char *addresses)
{
	struct certificate found;

	daemon_check_begin();
	server_check(cfg);
	if (listen_inherited() == 0) /* else systemd has the sockets */
		preflight_addresses("[wsd] listen", addresses, true);
	if (listen_inherited() == 0 && cfg->wsd_tls_listen[0] != '\0')
		preflight_addresses("[wsd] tls_listen", cfg->wsd_tls_listen, true);
	if (cfg->wsd_certificate[0] != '\0')
		(void)certificate_check(cfg, true, &found);
	return daemon_check_end();
}

int
main(int argc, char **argv)
{
	static struct wsd_daemon d;
	struct daemon_options o;
	int code;

	code = daemon_configure(&o, &d.cfg, "pollux-wsd",
	    "Serve Socket.IO sessions over websocket, and their handshakes and polls.", argc, argv);
	if (code != 0)
		return code;
	successor_remember(&d.command, argv);
	d.addresses = o.listen == NULL ? d.cfg.wsd_listen : o.listen;
	if (o.test)
		return wsd_check(&d.cfg, d.addresses);
	code = daemon_open_log(&d.cfg);
	if (code != 0)
		return code;
	return wsd_run(&d);
}
