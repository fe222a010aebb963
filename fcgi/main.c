/* pollux.fcgi: handshakes, polls and POSTs, behind a web server.
 *
 * Started by the web server with the listening socket as descriptor 0 (mod_fcgid: one request at a
 * time), or by hand with -l (thousands of held polls in one process): the same loop. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "fcgi/conn.h"
#include "fcgi/fcgi.h"
#include "fcgi/listener.h"
#include "fcgi/readers.h"
#include "fcgi/upgrades.h"
#include "shared/base/clock.h"
#include "shared/base/daemon.h"
#include "shared/base/log.h"

#define SETTLE_ROUNDS 4   /* an answer's fate may be work for the hub, which is done at once */
#define DRAIN_S       5.0 /* from SIGTERM to the end, whatever is still unwritten */

/* --- the turn ----------------------------------------------------------------------------------
 */

void
fcgi_begin(struct fcgi *f)
{
	if (f->begun)
		return;
	f->begun = true;
	server_begin(f->sv, f->now);
}

static void
on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
	struct fcgi *f = check->data;

	(void)loop;
	(void)events;
	f->now = clock_ms();
	fcgi_begin(f);
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events; /* it has woken the loop, and that was all */
}

static void
on_wake(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct fcgi *f = io->data;

	(void)loop;
	(void)events;
	server_wake(f->sv);
}

static void
on_hook(struct ev_loop *loop, struct ev_io *io, int events)
{
	(void)loop;
	(void)io;
	(void)events; /* there is a turn now, which deals with it */
}

/* Cut off who is too slow; return when the next one is due. */
static int64_t
expire(struct fcgi *f)
{
	struct conn *c, *next;
	int64_t soonest = INT64_MAX;

	for (c = TAILQ_FIRST(&f->timed); c != NULL; c = next) {
		next = TAILQ_NEXT(c, by_deadline);
		if (c->deadline <= f->now)
			conn_expire(c);
		else if (c->deadline < soonest)
			soonest = c->deadline;
	}
	return soonest;
}

static void
settle(struct fcgi *f)
{
	struct conn_stack dirty;
	struct conn *c;

	f->begun = false;
	server_settle(f->sv, &f->next);
	dirty = f->dirty;
	SLIST_INIT(&f->dirty);
	while ((c = SLIST_FIRST(&dirty)) != NULL) {
		SLIST_REMOVE_HEAD(&dirty, next_dirty);
		c->dirty = false;
		conn_flush(c);
	}
}

static void
arm(struct fcgi *f, int64_t due)
{
	int64_t next = f->next < due ? f->next : due;

	if (next < f->now || f->begun || !SLIST_EMPTY(&f->dirty))
		next = f->now;
	ev_timer_stop(f->loop, &f->timer);
	ev_timer_set(&f->timer, (double)(next - f->now) / 1000, 0.);
	ev_timer_start(f->loop, &f->timer);
}

static void
on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct fcgi *f = prepare->data;
	int64_t due;

	(void)events;
	fcgi_begin(f);
	due = expire(f);
	for (int i = 0; i < SETTLE_ROUNDS && (f->begun || !SLIST_EMPTY(&f->dirty)); i++) {
		fcgi_begin(f);
		settle(f);
	}
	if (f->draining && LIST_EMPTY(&f->conns) && !server_is_busy(f->sv))
		ev_break(loop, EVBREAK_ALL);
	arm(f, due);
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void
on_give_up(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void
on_stop(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct fcgi *f = signal->data;
	struct conn *c;

	(void)events;
	if (f->draining)
		_exit(EX_OK);
	f->draining = true;
	listener_stop(f);
	fcgi_begin(f);
	server_drain(f->sv);
	LIST_FOREACH (c, &f->conns, all) {
		if (c->state == CONN_IDLE)
			conn_close(c);
		else if (c->state == CONN_READING)
			conn_expire(c);
	}
	ev_timer_init(&f->give_up, on_give_up, DRAIN_S, 0.);
	ev_timer_start(loop, &f->give_up);
}

static void
watch_signal(struct fcgi *f, struct ev_signal *watcher, int number)
{
	ev_signal_init(watcher, on_stop, number);
	watcher->data = f;
	ev_signal_start(f->loop, watcher);
}

static void
start(struct fcgi *f)
{
	f->now = clock_ms();
	f->next = f->now;
	LIST_INIT(&f->conns);
	TAILQ_INIT(&f->timed);
	SLIST_INIT(&f->dirty);
	ev_check_init(&f->check, on_check);
	ev_set_priority(&f->check, EV_MAXPRI); /* before the callbacks of what was polled */
	f->check.data = f;
	ev_check_start(f->loop, &f->check);
	ev_prepare_init(&f->prepare, on_prepare);
	f->prepare.data = f;
	ev_prepare_start(f->loop, &f->prepare);
	ev_timer_init(&f->timer, on_timer, 0., 0.);
	ev_io_init(&f->wake, on_wake, server_wake_fd(f->sv), EV_READ);
	f->wake.data = f;
	ev_io_start(f->loop, &f->wake);
	if (server_hook_fd(f->sv) != -1) {
		ev_io_init(&f->hook, on_hook, server_hook_fd(f->sv), EV_READ);
		ev_io_start(f->loop, &f->hook);
	}
	watch_signal(f, &f->term, SIGTERM);
	watch_signal(f, &f->intr, SIGINT);
	watch_signal(f, &f->usr1, SIGUSR1); /* libfcgi's word for a graceful end */
}

/* Whatever is still open is dropped; the sessions live on. */
static void
finish(struct fcgi *f)
{
	struct conn *c;

	readers_close(f->readers);
	upgrades_close(f->upgrades);
	while ((c = LIST_FIRST(&f->conns)) != NULL) {
		conn_close(c);
		f->begun = true;
		settle(f);
	}
}

/* --- the beginning ------------------------------------------------------------------------------
 */

/* Descriptors 1 and 2 exist, and what the web server has left open beyond its socket is closed. */
static void
tidy_descriptors(void)
{
	const char *pid = getenv("LISTEN_PID");

	while (fcntl(STDOUT_FILENO, F_GETFD) == -1 || fcntl(STDERR_FILENO, F_GETFD) == -1)
		if (open("/dev/null", O_RDWR) == -1)
			return;
	closefrom(pid != NULL && atoi(pid) == getpid() ? 4 : 3);
}

static int
run(struct fcgi *f, int fd)
{
	f->sv = server_open(f->cfg, SERVER_FCGI);
	if (f->sv == NULL)
		return EX_UNAVAILABLE;
	f->loop = ev_default_loop(0);
	if (f->loop == NULL) {
		log_errx("libev finds no way to wait for events");
		return EX_OSERR;
	}
	start(f);
	f->upgrades = upgrades_open(f);
	if (f->upgrades == NULL)
		return EX_CANTCREAT;
	f->readers = readers_open(f);
	if (f->readers == NULL)
		return EX_OSERR;
	listener_start(f, fd);
	ev_run(f->loop, 0);
	finish(f);
	server_close(f->sv);
	ev_loop_destroy(f->loop);
	return EX_OK;
}

int
main(int argc, char **argv)
{
	static struct fcgi f;
	static struct config cfg;
	struct daemon_options o;
	const char *address;
	char error[512];
	int fd;

	tidy_descriptors();
	log_open("pollux.fcgi", LOG_LEVEL_INFO, NULL);
	daemon_options(&o, "pollux.fcgi " POLLUX_VERSION,
	    "Serve Socket.IO handshakes and polls behind a web server, by FastCGI.  ADDRESS is "
	    "unix:/path or host:port.",
	    argc, argv);
	if (config_load(&cfg, o.paths, error, sizeof(error)) == -1) {
		log_errx("%s", error);
		return EX_CONFIG;
	}
	if (o.test)
		return EX_OK;
	if (log_open("pollux.fcgi", cfg.log_level, cfg.log_file) == -1) {
		log_err("log file %s", cfg.log_file);
		return EX_CANTCREAT;
	}
	(void)daemon_raise_descriptors();
	if (request_init() == -1) {
		log_errx("libfcgi cannot start");
		return EX_SOFTWARE;
	}
	signal(SIGPIPE, SIG_IGN); /* after libfcgi, which sets handlers of its own */
	signal(SIGHUP, SIG_IGN);
	address = o.listen != NULL ? o.listen : cfg.fcgi_listen;
	fd = listener_socket(address);
	if (fd == -1)
		return EX_USAGE;
	if (cfg.fcgi_streaming == CONFIG_AUTO) /* a web server that starts us is mod_fcgid */
		cfg.fcgi_streaming =
		    address[0] == '\0' && fd == STDIN_FILENO ? CONFIG_NO : CONFIG_YES;
	f.cfg = &cfg;
	return run(&f, fd);
}
