/* A module whose namespace has a name that cannot be. */
#include <pollux/pollux.h>

static void
on_say(sio_socket *s, const sio_event *e, void *user)
{
	(void)s;
	(void)e;
	(void)user;
}

int
pollux_app(sio_app *app)
{
	return sio_on(sio_of(app, "chat"), "say", on_say, NULL);
}
SIO_APP_ABI
