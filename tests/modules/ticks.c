/* For tests/wire/clock.test.js: what is due by the clock, and by which process. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <pollux/pollux.h>

static void
on_tick(sio_app *app, void *user)
{
	struct timespec now;
	char args[64];

	(void)user;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(args, sizeof(args), "[%d,%lld]", (int)getpid(),
	    (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	sio_emit_to(sio_ns_in(sio_of(app, ""), NULL), "tick", args);
}

static void
on_after(sio_socket *s, const sio_event *e, void *user)
{
	const char *ms = sio_arg(s, e->args, 0);

	(void)user;
	sio_after(s, ms == NULL ? -1 : atoi(ms), "alarm", sio_arg(s, e->args, 1));
	sio_ack(s, e, NULL);
}

static void
on_cancel(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_cancel(s, "alarm");
	sio_ack(s, e, NULL);
}

static void
on_alarm(sio_socket *s, const sio_event *e, void *user)
{
	char args[256];

	(void)user;
	snprintf(args, sizeof(args), "[%s]", e->context == NULL ? "null" : e->context);
	sio_emit(s, "alarm", args);
}

int
pollux_app(sio_app *app)
{
	sio_ns *root = sio_of(app, "");

	return sio_every(app, 100, on_tick, NULL) != 0 ||
	       sio_on(root, "after", on_after, NULL) != 0 ||
	       sio_on(root, "cancel", on_cancel, NULL) != 0 ||
	       sio_on_timer(root, "alarm", on_alarm, NULL) != 0;
}
SIO_APP_ABI
