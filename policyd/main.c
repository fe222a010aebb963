/* pollux-policyd: the Flash policy, on the ports where Flash Player asks for it.  In the
 * foreground.
 *
 * Start: descriptors, options, configuration, policy, log, sockets; then it gives up root, the
 * file system and all capabilities, and loops.  The first SIGTERM or SIGINT ends what is open in
 * order, the second at once; SIGHUP opens the log and, unless it is out of reach, reads
 * the configuration again, SIGUSR1 writes counters into the log. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "policyd/clients.h"
#include "policyd/policyd.h"
#include "policyd/policytext.h"
#include "shared/base/daemon.h"
#include "shared/base/log.h"
#include "shared/base/preflight.h"
#include "shared/base/privs.h"

/* From the first SIGTERM to the end: clients that are connected have their answer already. */
#define DRAIN_S 1.

/* The whole daemon. */
struct policyd_daemon {
	struct policyd p;
	struct config cfg;
	struct ev_signal term, intr, hup, usr1;
	struct ev_timer drained;
	struct buf policy; /* of a configuration that is read again */
	bool draining;
	bool is_chrooted;
};

static void
policyd_on_drained(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void
policyd_on_stop(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct policyd_daemon *d = signal->data;

	(void)events;
	if (d->draining) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	daemon_stopping(clients_count(&d->p));
	d->draining = true;
	ev_timer_start(loop, &d->drained);
	clients_drain(&d->p);
}

/* daemon_reload: read the policy that is to be sent from now on. */
static int
policyd_check_reload(void *arg, const struct config *cfg)
{
	struct policyd_daemon *d = arg;
	char error[1024];

	buf_clear(&d->policy);
	if (policytext_read(&d->policy, cfg, error, sizeof(error)) == 0)
		return 0;
	log_errx("%s", error);
	return -1;
}

static void
policyd_on_changed(void *arg)
{
	struct policyd_daemon *d = arg;

	clients_reload(&d->p, &d->policy);
}

static void
policyd_on_hangup(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct policyd_daemon *d = signal->data;
	const struct daemon_reload reload = {policyd_check_reload, policyd_on_changed, d};

	(void)loop;
	(void)events;
	if (d->is_chrooted)
		daemon_reopen("its file is outside of [policyd] chroot; a restart reads it");
	else
		daemon_reload(&reload);
}

static void
policyd_on_report(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	const struct policyd_daemon *d = signal->data;
	const struct policyd *p = &d->p;

	(void)loop;
	(void)events;
	log_info("connections=%zu answered=%" PRIu64 " refused=%" PRIu64 " displaced=%" PRIu64
		 " late=%" PRIu64,
	    clients_count(p), p->counters.answered, p->counters.refused, p->counters.displaced,
	    p->counters.late);
}

static void
policyd_watch_signal(struct policyd_daemon *d, struct ev_signal *signal, int number,
    void (*on)(struct ev_loop *, struct ev_signal *, int))
{
	ev_signal_init(signal, on, number);
	signal->data = d;
	ev_signal_start(d->p.loop, signal);
}

static void
policyd_watch_signals(struct policyd_daemon *d)
{
	policyd_watch_signal(d, &d->term, SIGTERM, policyd_on_stop);
	policyd_watch_signal(d, &d->intr, SIGINT, policyd_on_stop);
	policyd_watch_signal(d, &d->hup, SIGHUP, policyd_on_hangup);
	policyd_watch_signal(d, &d->usr1, SIGUSR1, policyd_on_report);
	ev_timer_init(&d->drained, policyd_on_drained, DRAIN_S, 0.);
}

/* Everything after the policy.  Return the exit code. */
static int
policyd_serve(struct policyd_daemon *d, const char *addresses)
{
	struct policyd *p = &d->p;
	int code;

	/* as root, if we are: the ports are below 1024 */
	code = listen_open_plain(&p->listen, "[policyd] listen", addresses);
	if (code != 0)
		return code;
	/* the chroot hides the socket of the service manager: connect to it before */
	daemon_find_manager();
	/* another user's root directory stays: privs.h */
	d->is_chrooted = geteuid() == 0 && strcmp(d->cfg.policyd_chroot, "/") != 0;
	/* before the first byte of a client is read */
	code = privs_drop(d->cfg.policyd_user, d->cfg.policyd_chroot);
	if (code != 0)
		goto end;
	code = EX_OSERR;
	p->loop = ev_default_loop(0);
	if (p->loop == NULL || clients_open(p) == -1) {
		log_errx("no memory for the event loop and its clients");
		goto end;
	}
	policyd_watch_signals(d);
	daemon_started(addresses);
	ev_run(p->loop, 0);
	daemon_stopped();
	code = EX_OK;
end:
	clients_close(p);
	listen_close(&p->listen);
	return code;
}

/* -t; `code` is what reading the policy has returned.  Return the exit code. */
static int
policyd_check(const struct config *cfg, const char *addresses, int code)
{
	int other;

	daemon_check_begin();
	if (listen_inherited() == 0) /* else systemd has the sockets */
		preflight_addresses("[policyd] listen", addresses, true);
	privs_check(cfg->policyd_user, cfg->policyd_chroot);
	other = daemon_check_end();
	return code != 0 ? code : other;
}

int
main(int argc, char **argv)
{
	static struct policyd_daemon d;
	struct daemon_options o;
	const char *addresses;
	char error[1024];
	int code;

	code = daemon_configure(&o, &d.cfg, "pollux-policyd",
	    "Tell Flash Player which pages may open sockets to this machine.", argc, argv);
	if (code != 0)
		return code;
	d.p.cfg = &d.cfg;
	/* before -t looks at the rest: a wrong policy is a mistake in the configuration */
	code = policytext_read(&d.p.policy, &d.cfg, error, sizeof(error));
	if (code != 0)
		daemon_complain("%s", error);
	addresses = o.listen == NULL ? d.cfg.policyd_listen : o.listen;
	if (o.test) {
		code = policyd_check(&d.cfg, addresses, code);
	} else if (code == 0) {
		code = daemon_open_log(&d.cfg);
		if (code == 0)
			code = policyd_serve(&d, addresses);
	}
	buf_free(&d.p.policy);
	buf_free(&d.policy);
	return code;
}
