/* witness: an application for tests.  A client that emits "watch" is told of every connection to
 * the default namespace and to /chat, and of its end: event `seen` with [name, what, namespace,
 * reason], where `name` comes from the query of the handshake.  With `refuse=no` there the
 * handshake is refused, with `refuse=error` it fails. */
#include <errno.h>
#include <string.h>

#include <pollux/pollux.h>

/* The event, and the room of its watchers. */
struct news {
	const char *what;
	sio_ns *root;
};

static void
tell(sio_socket *s, const sio_event *e, void *user)
{
	const struct news *news = user;
	const char *name = sio_query(sio_socket_handshake(s), "name");
	const char *reason = e->text == NULL ? "" : e->text;

	sio_emit_to(sio_ns_in(news->root, "watchers"), "seen",
	    sio_args(s, "ssss", name == NULL ? "" : name, news->what, sio_endpoint(s), reason));
}

static void
on_watch(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_join(s, "watchers");
	sio_ack(s, e, NULL);
}

static void
on_kick(sio_socket *s, const sio_event *e, void *user)
{
	(void)e;
	(void)user;
	sio_disconnect_session(s);
}

static void
on_message(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	if (e->text != NULL)
		sio_send(s, e->text, e->text_n);
}

static int
authorize(const sio_handshake *h, void *user)
{
	const char *refuse = sio_query(h, "refuse");

	(void)user;
	if (refuse == NULL)
		return 0;
	return strcmp(refuse, "error") == 0 ? -EIO : -EACCES;
}

int
pollux_app(sio_app *app)
{
	static struct news connected = {.what = "connected"}, gone = {.what = "gone"};
	sio_ns *spaces[] = {sio_of(app, ""), sio_of(app, "/chat")};

	connected.root = gone.root = spaces[0];
	for (int i = 0; i < 2; i++)
		if (sio_on(spaces[i], "connection", tell, &connected) != 0 ||
		    sio_on(spaces[i], "disconnect", tell, &gone) != 0 ||
		    sio_on(spaces[i], "kick", on_kick, NULL) != 0 ||
		    sio_on(spaces[i], "message", on_message, NULL) != 0)
			return -1;
	if (sio_authorization(app, authorize, NULL) != 0)
		return -1;
	return sio_on(spaces[0], "watch", on_watch, NULL);
}
SIO_APP_ABI
