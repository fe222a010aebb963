/* pollux-policyd: the Flash policy, on the ports where Flash Player asks for it.  In the
 * foreground.
 *
 * Start: standard descriptors, options, configuration, policy, log, sockets; then it lets go of
 * root, of files, and of whatever else it could do, and loops.  The first SIGTERM or SIGINT ends
 * what is open in order, the second at once; SIGHUP begins the log's file anew, SIGUSR1 writes
 * counters into it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "policyd/answer.h"
#include "policyd/clients.h"
#include "policyd/policyd.h"
#include "shared/base/daemon.h"
#include "shared/base/log.h"
#include "shared/base/privs.h"

/* From the first SIGTERM to the end: a client that is there has its answer already. */
#define DRAIN_S 1.

/* The whole daemon. */
struct daemon {
	struct policyd p;
	struct config cfg;
	struct ev_signal term, intr, hup, usr1;
	struct ev_timer drained;
	bool draining;
};

static void
on_drained(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void
on_stop(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct daemon *d = signal->data;

	(void)events;
	if (d->draining) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	log_info("stopping, %zu connections are open", clients_count(&d->p));
	daemon_notify("STOPPING=1");
	d->draining = true;
	ev_timer_start(loop, &d->drained);
	clients_drain(&d->p);
}

static void
on_hangup(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	(void)loop;
	(void)signal;
	(void)events;
	log_reopen();
}

static void
on_report(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	const struct daemon *d = signal->data;
	const struct policyd *p = &d->p;

	(void)loop;
	(void)events;
	log_info("connections=%zu answered=%" PRIu64 " refused=%" PRIu64 " late=%" PRIu64,
	    clients_count(p), p->counters.answered, p->counters.refused, p->counters.late);
}

static void
watch_signal(struct daemon *d, struct ev_signal *signal, int number,
    void (*on)(struct ev_loop *, struct ev_signal *, int))
{
	ev_signal_init(signal, on, number);
	signal->data = d;
	ev_signal_start(d->p.loop, signal);
}

static void
watch_signals(struct daemon *d)
{
	watch_signal(d, &d->term, SIGTERM, on_stop);
	watch_signal(d, &d->intr, SIGINT, on_stop);
	watch_signal(d, &d->hup, SIGHUP, on_hangup);
	watch_signal(d, &d->usr1, SIGUSR1, on_report);
	ev_timer_init(&d->drained, on_drained, DRAIN_S, 0.);
}

/* Everything behind the policy.  Return the exit code. */
static int
serve(struct daemon *d, const char *addresses)
{
	struct policyd *p = &d->p;
	int code = listen_open(&p->listen, "[policyd] listen", addresses);

	if (code != 0)
		return code;
	daemon_find_manager();
	code = privs_drop(d->cfg.policyd_user, d->cfg.policyd_chroot);
	if (code != 0)
		goto end;
	code = EX_OSERR;
	p->loop = ev_default_loop(0);
	if (p->loop == NULL || clients_open(p) == -1) {
		log_errx("out of memory");
		goto end;
	}
	watch_signals(d);
	log_info("listening on %s", addresses);
	daemon_notify("READY=1");
	ev_run(p->loop, 0);
	log_info("stopped");
	code = EX_OK;
end:
	clients_close(p);
	listen_close(&p->listen);
	return code;
}

int
main(int argc, char **argv)
{
	static struct daemon d;
	struct daemon_options o;
	char error[1024];
	int code;

	daemon_standard_descriptors();
	daemon_options(&o, "pollux-policyd " POLLUX_VERSION,
	    "Tell Flash Player which pages may open sockets to this machine.", argc, argv);
	if (config_load(&d.cfg, o.paths, error, sizeof(error)) == -1) {
		fprintf(stderr, "pollux-policyd: %s\n", error);
		return EX_CONFIG;
	}
	d.p.cfg = &d.cfg;
	code = answer_read(&d.p.policy, &d.cfg, error, sizeof(error));
	if (code != 0)
		fprintf(stderr, "pollux-policyd: %s\n", error);
	if (code == 0 && !o.test &&
	    log_open("pollux-policyd", d.cfg.log_level, d.cfg.log_file) == -1) {
		fprintf(stderr, "pollux-policyd: %s: %s\n", d.cfg.log_file, strerror(errno));
		code = EX_CANTCREAT;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* until the loop minds them */
	signal(SIGUSR1, SIG_IGN);
	if (code == 0 && !o.test)
		code = serve(&d, o.listen == NULL ? d.cfg.policyd_listen : o.listen);
	buf_free(&d.p.policy);
	return code;
}
