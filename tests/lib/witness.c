/* witness: an application for tests.  A client that emits "watch" is told of every connection to
 * the default namespace and to /chat, and of its end: event `seen` with [name, what, namespace,
 * reason], where `name` comes from the query of the handshake.  With `refuse=no` there the
 * handshake is refused, with `refuse=error` it fails, with `refuse=later` the watchers are asked:
 * event `asked` with [text, name], answered by `verdict` with [text, user, nick] or [text].  The
 * same goes for the namespace /later, with its query instead of the name. */
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
ask_watchers(const sio_handshake *h, sio_ns *root, const char *who)
{
	const char *later = sio_verdict_later(h);

	sio_emit_to(sio_ns_in(root, "watchers"), "asked", sio_args(h, "ss", later, who));
	return -EINPROGRESS;
}

static void
on_verdict(sio_socket *s, const sio_event *e, void *user)
{
	const char *later = sio_text(s, sio_arg(s, e->args, 0));
	const char *name = sio_text(s, sio_arg(s, e->args, 1));
	int result;

	(void)user;
	if (name == NULL)
		result = sio_verdict_refuse(s, later, "the watcher says no");
	else
		result = sio_verdict_accept(
		    s, later, name, sio_format(s, "{\"nick\":%s}", sio_arg(s, e->args, 2)));
	sio_ack(s, e, sio_args(s, "i", result));
}

/* What authorization has left with the session. */
static void
on_who(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_ack(s, e,
	    sio_args(s, "sj", sio_user(s), sio_handshake_field(sio_socket_handshake(s), "nick")));
}

static int
authorize_later(const sio_handshake *h, void *user)
{
	return ask_watchers(h, user, sio_handshake_query(h));
}

static int
authorize(const sio_handshake *h, void *user)
{
	const char *refuse = sio_query(h, "refuse");

	if (refuse == NULL)
		return 0;
	if (strcmp(refuse, "later") == 0)
		return ask_watchers(h, user, sio_query(h, "name"));
	return strcmp(refuse, "error") == 0 ? -EIO : -EACCES;
}

int
pollux_app(sio_app *app)
{
	static struct news connected = {.what = "connected"}, gone = {.what = "gone"};
	sio_ns *spaces[] = {sio_of(app, ""), sio_of(app, "/chat"), sio_of(app, "/later")};

	connected.root = gone.root = spaces[0];
	for (int i = 0; i < 3; i++)
		if (sio_on(spaces[i], "connection", tell, &connected) != 0 ||
		    sio_on(spaces[i], "disconnect", tell, &gone) != 0 ||
		    sio_on(spaces[i], "kick", on_kick, NULL) != 0 ||
		    sio_on(spaces[i], "message", on_message, NULL) != 0)
			return -1;
	if (sio_authorization(app, authorize, spaces[0]) != 0 ||
	    sio_ns_authorization(spaces[2], authorize_later, spaces[0]) != 0 ||
	    sio_on(spaces[0], "verdict", on_verdict, NULL) != 0 ||
	    sio_on(spaces[0], "who", on_who, NULL) != 0 ||
	    sio_on(spaces[2], "who", on_who, NULL) != 0)
		return -1;
	return sio_on(spaces[0], "watch", on_watch, NULL);
}
SIO_APP_ABI
