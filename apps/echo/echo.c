/* echo: sends back what it receives; tests and benchmarks use it.
 *
 * In the default namespace, in /chat, and in /private, which requires `token=letmein` in the
 * handshake's query, it handles:
 *
 *	message, json           sent back unchanged
 *	echo(args...)           event `echo` with the same arguments to the sender, and the ack
 *	join(room) leave(room)  acks ["ok"]
 *	room(room, data)        event `room` to that room, except the sender
 *	broadcast(data)         event `broadcast` to all others of the namespace
 *	all(data)               event `all` to everyone in it
 *	volatile(data)          volatile event `volatile` to all others
 *	set(key, value)         acks ["ok"]
 *	get(key)                acks [value], or [null] if there is none
 *	ask()                   asks `question`("6*7"); its answer comes back as event `answered`
 *	receipt(text)           sends the text as a message; its ack comes back as event `answered`
 *	later()                 event `later` with the text by which the ack can be sent later
 *	kick() kick-ns()        ends the session; leaves this namespace only
 *	whoami()                acks [{"id", "transport", "query", "endpoint"}]
 *
 * It sends nothing on connection. */
#include <errno.h>
#include <string.h>

#include <pollux/pollux.h>

static void
on_message(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	if (e->is_json)
		sio_json(s, sio_arg(s, e->args, 0));
	else
		sio_send(s, e->text, e->text_n);
}

static void
on_echo(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_emit(s, "echo", e->args);
	sio_ack(s, e, e->args);
}

/* Return an argument as text, for a room or a key.  JavaScript would convert any value to a string,
 * so a number becomes its digits. */
static const char *
string_arg(sio_socket *s, const sio_event *e, size_t i)
{
	const char *json = sio_arg(s, e->args, i);

	return json != NULL && json[0] == '"' ? sio_text(s, json) : json;
}

/* Return the arguments of an event that forwards one value.  A missing value becomes null, as in
 * JSON.stringify. */
static const char *
forwarded_args(sio_socket *s, const sio_event *e)
{
	const char *data = sio_arg(s, e->args, 0);

	return data == NULL ? "[null]" : sio_format(s, "[%s]", data);
}

static void
on_join(sio_socket *s, const sio_event *e, void *user)
{
	const char *room = string_arg(s, e, 0);

	(void)user;
	if (room != NULL && sio_join(s, room) == 0)
		sio_ack(s, e, "[\"ok\"]");
}

static void
on_leave(sio_socket *s, const sio_event *e, void *user)
{
	const char *room = string_arg(s, e, 0);

	(void)user;
	if (room != NULL && sio_leave(s, room) == 0)
		sio_ack(s, e, "[\"ok\"]");
}

static void
on_room(sio_socket *s, const sio_event *e, void *user)
{
	const char *room = string_arg(s, e, 0);
	const char *data = sio_arg(s, e->args, 1);

	(void)user;
	if (room != NULL)
		sio_emit_to(sio_broadcast_to(s, room), "room",
		    sio_format(s, "[%s,%s]", sio_arg(s, e->args, 0), data == NULL ? "null" : data));
}

static void
on_broadcast(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_emit_to(sio_broadcast(s), "broadcast", forwarded_args(s, e));
}

static void
on_all(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_emit_to(sio_in(s, NULL), "all", forwarded_args(s, e));
}

static void
on_volatile(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_emit_to(sio_volatile(sio_broadcast(s)), "volatile", forwarded_args(s, e));
}

static void
on_set(sio_socket *s, const sio_event *e, void *user)
{
	const char *key = string_arg(s, e, 0), *value = sio_arg(s, e->args, 1);

	(void)user;
	if (key != NULL && sio_set(s, key, value == NULL ? "null" : value) == 0)
		sio_ack(s, e, "[\"ok\"]");
}

static void
on_get(sio_socket *s, const sio_event *e, void *user)
{
	const char *key = string_arg(s, e, 0);
	const char *value = key == NULL ? NULL : sio_get(s, key);

	(void)user;
	sio_ack(s, e, value == NULL ? "[null]" : sio_format(s, "[%s]", value));
}

static void
on_ask(sio_socket *s, const sio_event *e, void *user)
{
	(void)e;
	(void)user;
	sio_emit_ack(s, "question", "[\"6*7\"]", "answer", NULL, 0);
}

static void
on_receipt(sio_socket *s, const sio_event *e, void *user)
{
	const char *text = string_arg(s, e, 0);

	(void)user;
	if (text != NULL)
		sio_send_ack(s, text, strlen(text), "answer", NULL, 0);
}

static void
on_later(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_emit(s, "later", sio_args(s, "s", sio_ack_later(s, e)));
}

static void
on_answer(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	sio_emit(s, "answered", e->args);
}

static void
on_kick(sio_socket *s, const sio_event *e, void *user)
{
	(void)e;
	(void)user;
	sio_disconnect_session(s);
}

static void
on_kick_ns(sio_socket *s, const sio_event *e, void *user)
{
	(void)e;
	(void)user;
	sio_disconnect(s);
}

static void
on_whoami(sio_socket *s, const sio_event *e, void *user)
{
	const char *endpoint = sio_endpoint(s);

	(void)user;
	/* the tests need the secret session id; no other application sends it */
	sio_ack(s, e,
	    sio_format(s, "[{\"id\":\"%s\",\"transport\":\"%s\",\"query\":%s,\"endpoint\":%s}]",
		sio_sid(s), sio_transport(s), sio_query_json(sio_socket_handshake(s)),
		sio_quote(s, endpoint, strlen(endpoint))));
}

static int
allow_private(const sio_handshake *h, void *user)
{
	const char *token = sio_query(h, "token");

	(void)user;
	return token != NULL && strcmp(token, "letmein") == 0 ? 0 : -EACCES;
}

static const struct {
	const char *event;
	sio_handler *handler;
} handlers[] = {
    {"message", on_message},
    {"echo", on_echo},
    {"join", on_join},
    {"leave", on_leave},
    {"room", on_room},
    {"broadcast", on_broadcast},
    {"all", on_all},
    {"volatile", on_volatile},
    {"set", on_set},
    {"get", on_get},
    {"ask", on_ask},
    {"receipt", on_receipt},
    {"later", on_later},
    {"kick", on_kick},
    {"kick-ns", on_kick_ns},
    {"whoami", on_whoami},
};

static int
set_up(sio_ns *ns)
{
	if (ns == NULL || sio_on_ack(ns, "answer", on_answer, NULL) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (sio_on(ns, handlers[i].event, handlers[i].handler, NULL) != 0)
			return -1;
	return 0;
}

int
pollux_app(sio_app *app)
{
	sio_ns *private = sio_of(app, "/private");

	if (set_up(sio_of(app, "")) == -1 || set_up(sio_of(app, "/chat")) == -1 ||
	    set_up(private) == -1)
		return -1;
	return sio_ns_authorization(private, allow_private, NULL) == 0 ? 0 : -1;
}
SIO_APP_ABI
