/* A module that fails in the ways a program can. */
#include <stdlib.h>

#include <pollux/pollux.h>

/* not known to be NULL when this is compiled */
static int *volatile nowhere;

static void
on_follow_null(sio_socket *s, const sio_event *e, void *user)
{
	(void)s;
	(void)e;
	(void)user;
	*nowhere = 1;
}

static void
on_abort(sio_socket *s, const sio_event *e, void *user)
{
	(void)s;
	(void)e;
	(void)user;
	abort();
}

static int
recurse(volatile char *above)
{
	volatile char here[4096];

	here[0] = above[0]; /* 0, which the compiler cannot know */
	return here[0] != 0 ? 0 : recurse(here) + here[0];
}

static void
on_recurse(sio_socket *s, const sio_event *e, void *user)
{
	volatile char here[1] = {0};

	(void)s;
	(void)e;
	(void)user;
	exit(recurse(here));
}

/* Inside another handler's event: what is noted must return to it. */
static void
on_kick_then_abort(sio_socket *s, const sio_event *e, void *user)
{
	(void)e;
	(void)user;
	sio_disconnect(s);
	abort();
}

static void
on_disconnect(sio_socket *s, const sio_event *e, void *user)
{
	(void)s;
	(void)e;
	(void)user;
}

/* When it is loaded. */
__attribute__((constructor)) static void
crash_when_loaded(void)
{
	if (getenv("CRASH_WHEN_LOADED") != NULL)
		abort();
}

int
pollux_app(sio_app *app)
{
	sio_ns *ns = sio_of(app, "");

	if (getenv("CRASH_AT_START") != NULL)
		abort();
	if (ns == NULL || sio_on(ns, "follow null", on_follow_null, NULL) != 0 ||
	    sio_on(ns, "abort", on_abort, NULL) != 0 ||
	    sio_on(ns, "recurse", on_recurse, NULL) != 0 ||
	    sio_on(ns, "kick", on_kick_then_abort, NULL) != 0 ||
	    sio_on(ns, "disconnect", on_disconnect, NULL) != 0)
		return -1;
	return 0;
}
SIO_APP_ABI
