/* pollux-wsd: websockets, and HTTP on the same port.  One process, one thread, in the foreground.
 *
 * Start: standard descriptors, options, configuration, sockets, store and application, loop.
 * The first SIGTERM or SIGINT ends what is open in order, the second at once. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <http_parser.h>

#include "shared/base/config.h"
#include "shared/base/log.h"
#include "wsd/conn.h"
#include "wsd/hybi.h"
#include "wsd/listener.h"
#include "wsd/policy.h"
#include "wsd/turn.h"
#include "wsd/wsd.h"

#define CONFIG_FILES 16

/* From the first SIGTERM to the end; a peer that has not closed its side by then is cut off. */
#define DRAIN_S 5.

/* The whole daemon. */
struct daemon {
	struct wsd w;
	struct config cfg;
	struct ev_signal term, intr;
	struct ev_timer drained;
};

struct options {
	const char *paths[CONFIG_FILES + 1]; /* NULL behind the last */
	unsigned n;
	bool test;
};

/* Visible, since libc looks for it. */
__attribute__((visibility("default"))) const char *argp_program_version = "pollux-wsd 0.1";

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'c':
		if (o->n == CONFIG_FILES)
			argp_error(state, "more than %d configuration files", CONFIG_FILES);
		o->paths[o->n++] = arg;
		return 0;
	case 't':
		o->test = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "what is %s?", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option option_table[] = {
    {"config", 'c', "FILE", 0, "Read FILE, later ones win (default: POLLUX_CONF)", 0},
    {"test", 't', NULL, 0, "Check the configuration and exit", 0},
    {0},
};

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .doc = "Serve Socket.IO sessions over websocket, and their handshakes and polls.",
};

/* What is opened later must not be taken for standard output. */
static void
open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

/* Tell the service manager, if there is one (sd_notify(3)). */
static void
notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path == NULL ? 0 : strlen(path);
	int fd;

	if (n == 0 || n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@') /* an abstract name */
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	close(fd);
}

static void
on_drained(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void
on_signal(struct ev_loop *loop, struct ev_signal *signal, int events)
{
	struct daemon *d = signal->data;
	struct wsd *w = &d->w;
	struct conn *c;

	(void)events;
	if (w->draining) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	log_info("stopping, %zu connections are open", w->conns_n);
	notify("STOPPING=1");
	w->draining = true;
	listener_close(w->listener);
	w->listener = NULL;
	ev_timer_start(loop, &d->drained);
	server_drain(w->sv);
	LIST_FOREACH (c, &w->conns, all)
		conn_drain(c);
}

static void
start_watching(struct daemon *d)
{
	struct wsd *w = &d->w;

	ev_signal_init(&d->term, on_signal, SIGTERM);
	ev_signal_init(&d->intr, on_signal, SIGINT);
	d->term.data = d->intr.data = d;
	ev_signal_start(w->loop, &d->term);
	ev_signal_start(w->loop, &d->intr);
	ev_timer_init(&d->drained, on_drained, DRAIN_S, 0.);
	turn_start(w);
	listener_start(w->listener);
}

/* Let go of what is still open. */
static void
close_all(struct wsd *w)
{
	struct conn *c;

	turn_enter(w);
	LIST_FOREACH (c, &w->conns, all)
		conn_close(c, "socket end");
	turn_finish(w);
}

static void
stop_watching(struct daemon *d)
{
	close_all(&d->w);
	turn_stop(&d->w);
	ev_signal_stop(d->w.loop, &d->term);
	ev_signal_stop(d->w.loop, &d->intr);
	ev_timer_stop(d->w.loop, &d->drained);
}

/* Everything behind the configuration.  Return the exit code. */
static int
serve(struct daemon *d)
{
	struct wsd *w = &d->w;
	int code = EX_OSERR;

	w->cfg = &d->cfg;
	w->loop = ev_default_loop(0);
	w->in = malloc(READ_BUFFER);
	w->hybi = hybi_new(w->cfg);
	w->policy = policy_new(w->cfg);
	if (w->loop == NULL || w->in == NULL || w->hybi == NULL || w->policy == NULL) {
		log_errx("out of memory");
		goto end;
	}
	http_parser_set_max_header_size((uint32_t)d->cfg.header_bytes);
	code = EX_UNAVAILABLE;
	w->listener = listener_open(w);
	if (w->listener == NULL)
		goto end;
	w->sv = server_open(w->cfg, SERVER_WSD);
	if (w->sv == NULL)
		goto end;
	start_watching(d);
	log_info("listening on %s", d->cfg.wsd_listen);
	notify("READY=1");
	ev_run(w->loop, 0);
	stop_watching(d);
	log_info("stopped");
	code = EX_OK;
end:
	server_close(w->sv);
	listener_close(w->listener);
	message_release(w->policy);
	hybi_free(w->hybi);
	free(w->in);
	return code;
}

int
main(int argc, char **argv)
{
	static struct daemon d;
	struct options o = {.n = 0};
	char error[512];

	open_standard_descriptors();
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (config_load(&d.cfg, o.paths, error, sizeof(error)) == -1) {
		fprintf(stderr, "pollux-wsd: %s\n", error);
		return EX_CONFIG;
	}
	if (o.test)
		return EX_OK;
	if (log_open("pollux-wsd", d.cfg.log_level, d.cfg.log_file) == -1) {
		fprintf(stderr, "pollux-wsd: %s: %s\n", d.cfg.log_file, strerror(errno));
		return EX_CANTCREAT;
	}
	signal(SIGPIPE, SIG_IGN);
	return serve(&d);
}
