/* hello: everyone in the lobby hears everyone else. */
#include <pollux/pollux.h>

static void
on_connection(sio_socket *s, const sio_event *e, void *user)
{
	sio_join(s, "lobby");
	sio_emit(s, "welcome", "[\"What is your name?\"]");
}

static void
on_say(sio_socket *s, const sio_event *e, void *user)
{
	sio_emit_to(sio_broadcast_to(s, "lobby"), "said", e->args);
	sio_ack(s, e, "[\"ok\"]");
}

int
pollux_app(sio_app *app)
{
	sio_ns *root = sio_of(app, "");

	if (sio_on(root, "connection", on_connection, NULL) != 0 ||
	    sio_on(root, "say", on_say, NULL) != 0)
		return -1;
	return 0;
}
SIO_APP_ABI
