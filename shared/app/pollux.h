/* pollux.h: what an application in C implements and may call.
 *
 * An application is a shared object with one function, pollux_app().  Every program of Pollux loads
 * the same one, and the next packet of a session may arrive in another process than the last: what
 * must be remembered goes into sio_set(), rooms, or the application's own database, never into a
 * static variable.
 *
 *	static void
 *	on_say(sio_socket *s, const sio_event *e, void *user)
 *	{
 *		sio_emit_to(sio_broadcast_to(s, "lobby"), "said", e->args);
 *		sio_ack(s, e, "[\"ok\"]");
 *	}
 *
 *	int
 *	pollux_app(sio_app *app)
 *	{
 *		sio_on(sio_of(app, "/chat"), "say", on_say, NULL);
 *		return 0;
 *	}
 *	SIO_APP_ABI
 *
 * Rules: a handler returns soon (a process serves all its sessions in one thread; a slow one is
 * logged); pointers it is given live until it returns; texts are UTF-8 and NUL-terminated, their
 * length is given where they may hold a NUL; JSON is passed as text, byte for byte.
 * What a handler does (emit, join, set ...) takes effect together or not at all.
 * Calls return 0, or a negative errno: -EINVAL (not JSON, bad name), -ENOMEM, -EPIPE (the session
 * has ended), -EMSGSIZE. */
#ifndef POLLUX_APP_H
#define POLLUX_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIO_ABI 1

/* Stands once in the application: a module built for another ABI is refused with a sentence. */
#define SIO_APP_ABI __attribute__((visibility("default"))) const int pollux_app_abi = SIO_ABI;

typedef struct sio_app sio_app;       /* the application being set up */
typedef struct sio_ns sio_ns;         /* a namespace: io.of('/chat') */
typedef struct sio_socket sio_socket; /* one session in one namespace, during a handler */

typedef struct sio_event {
	const char *name; /* "say"; "message" also for json; "connection", "disconnect" */
	size_t name_n;
	const char
	    *args; /* JSON array text: ["hi",1.10]; of a json message: the value in an array */
	size_t args_n;
	const char *text;   /* of a text message; else NULL.  Of a disconnect: the reason.  Of a
	                     * connection: the query of the endpoint. */
	size_t text_n;      /* may hold NULs */
	bool is_json;       /* "message" that came as JSON (type 4) */
	bool wants_ack;     /* sio_ack() answers; otherwise it does nothing */
	const char *ack_id; /* internal */
	const char
	    *context; /* of an answer to sio_emit_ack(): the JSON text given there; else NULL */
} sio_event;

/* Where a packet goes.  A plain value: build it with the functions below, use it any number of
 * times during the handler. */
typedef struct sio_target {
	sio_app *app;
	const char *ns;       /* "" or "/chat" */
	const char *room;     /* NULL: everyone in the namespace */
	int64_t session;      /* one session instead; 0: none */
	int64_t except;       /* not this session; 0: nobody is left out */
	const char *endpoint; /* internal */
	bool is_volatile;
} sio_target;

typedef void sio_handler(sio_socket *s, const sio_event *e, void *user);

/* Called in the handshake (socket NULL namespace "") or when a client joins a namespace.
 * Return 0 to accept, -EACCES to refuse (client: "unauthorized"), other negatives for an error. */
typedef struct sio_handshake sio_handshake;
typedef int sio_authorizer(const sio_handshake *h, void *user);

/* --- setting up, in pollux_app() only ------------------------------------------------------- */

/* The application: return 0, or -1 (the program refuses to start). */
__attribute__((visibility("default"))) int pollux_app(sio_app *app);

struct sio_api {
	size_t size; /* the table only grows */
	sio_ns *(*of)(sio_app *app, const char *ns);
	int (*on)(sio_ns *ns, const char *event, sio_handler *fn, void *user);
	int (*on_ack)(sio_ns *ns, const char *name, sio_handler *fn, void *user);
	int (*authorization)(sio_app *app, sio_authorizer *fn, void *user);
	int (*ns_authorization)(sio_ns *ns, sio_authorizer *fn, void *user);
	int (*emit)(sio_target t, const char *name, const char *args);
	int (*send)(sio_target t, const char *text, size_t n);
	int (*json)(sio_target t, const char *value);
	int (*emit_ack)(sio_socket *s, const char *name, const char *args, const char *handler,
	    const char *context, int timeout_ms);
	int (*ack)(sio_socket *s, const sio_event *e, const char *args);
	sio_target (*self)(sio_socket *s);
	int (*join)(sio_socket *s, const char *room);
	int (*leave)(sio_socket *s, const char *room);
	int (*set)(sio_socket *s, const char *key, const char *json);
	const char *(*get)(sio_socket *s, const char *key);
	int (*del)(sio_socket *s, const char *key);
	int (*disconnect)(sio_socket *s, bool whole_session);
	const char *(*id)(sio_socket *s);
	const char *(*sid)(sio_socket *s);
	const char *(*transport)(sio_socket *s);
	const char *(*endpoint)(sio_socket *s);
	const sio_handshake *(*handshake)(sio_socket *s);
	const char *(*query)(const sio_handshake *h, const char *key);
	const char *(*query_json)(const sio_handshake *h);
	const char *(*header)(const sio_handshake *h, const char *name);
	const char *(*arg)(sio_socket *s, const char *args, size_t i);
	const char *(*text)(sio_socket *s, const char *json);
	const char *(*quote)(sio_socket *s, const char *text, size_t n);
	const char *(*format)(sio_socket *s, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));
	int (*clients)(sio_target t, void (*each)(void *arg, const char *id), void *arg);
	sio_socket *(*find)(sio_socket *s, const char *id);
};

/* Every handle begins with the table, so that a module needs no symbol of the program. */
struct sio_handle {
	const struct sio_api *api;
};
#define SIO_API(handle) (((const struct sio_handle *)(const void *)(handle))->api)

/* The namespace `ns`, "" or "/chat"; made on first use.  NULL: bad name, or out of memory. */
static inline sio_ns *
sio_of(sio_app *app, const char *ns)
{
	return SIO_API(app)->of(app, ns);
}

/* Call `fn` for an event of this name; "connection" and "disconnect" for the namespace's own,
 * "message" for send() and json.send(), "*" for any event without a handler of its own. */
static inline int
sio_on(sio_ns *ns, const char *event, sio_handler *fn, void *user)
{
	return SIO_API(ns)->on(ns, event, fn, user);
}

/* Call `fn` when the client answers a sio_emit_ack() that named `name`. */
static inline int
sio_on_ack(sio_ns *ns, const char *name, sio_handler *fn, void *user)
{
	return SIO_API(ns)->on_ack(ns, name, fn, user);
}

/* io.set('authorization', fn): asked before a session id is given out. */
static inline int
sio_authorization(sio_app *app, sio_authorizer *fn, void *user)
{
	return SIO_API(app)->authorization(app, fn, user);
}

/* io.of(ns).authorization(fn): asked when a client joins the namespace. */
static inline int
sio_ns_authorization(sio_ns *ns, sio_authorizer *fn, void *user)
{
	return SIO_API(ns)->ns_authorization(ns, fn, user);
}

/* --- targets -------------------------------------------------------------------------------- */

/* The socket itself. */
static inline sio_target
sio_self(sio_socket *s)
{
	return SIO_API(s)->self(s);
}

/* io.of(ns).in(room): everyone in the room; room NULL: everyone in the socket's namespace. */
static inline sio_target
sio_in(sio_socket *s, const char *room)
{
	sio_target t = sio_self(s);

	t.session = 0;
	t.room = room;
	return t;
}

/* socket.broadcast.to(room): everyone in the room but the socket itself. */
static inline sio_target
sio_broadcast_to(sio_socket *s, const char *room)
{
	sio_target t = sio_self(s);

	t.except = t.session;
	t.session = 0;
	t.room = room;
	return t;
}

/* socket.broadcast: everyone in the socket's namespace but the socket itself. */
static inline sio_target
sio_broadcast(sio_socket *s)
{
	return sio_broadcast_to(s, NULL);
}

/* .volatile: dropped for a session that has no open transport right now. */
static inline sio_target
sio_volatile(sio_target t)
{
	t.is_volatile = true;
	return t;
}

/* --- sending -------------------------------------------------------------------------------- */

/* Emit an event; `args` is a JSON array text, or NULL for none. */
static inline int
sio_emit_to(sio_target t, const char *name, const char *args)
{
	return SIO_API(t.app)->emit(t, name, args);
}

static inline int
sio_emit(sio_socket *s, const char *name, const char *args)
{
	return sio_emit_to(sio_self(s), name, args);
}

/* Send a text message of `n` bytes. */
static inline int
sio_send_to(sio_target t, const char *text, size_t n)
{
	return SIO_API(t.app)->send(t, text, n);
}

static inline int
sio_send(sio_socket *s, const char *text, size_t n)
{
	return sio_send_to(sio_self(s), text, n);
}

/* Send one JSON value, a JSON text. */
static inline int
sio_json_to(sio_target t, const char *value)
{
	return SIO_API(t.app)->json(t, value);
}

static inline int
sio_json(sio_socket *s, const char *value)
{
	return sio_json_to(sio_self(s), value);
}

/* Emit an event and ask the client for an answer, which calls the handler registered with
 * sio_on_ack() under the name `handler`, in whichever process it arrives; `context` is a JSON text
 * kept for it, or NULL.  No answer within `timeout_ms` (0: while the session lives): forgotten. */
static inline int
sio_emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	return SIO_API(s)->emit_ack(s, name, args, handler, context, timeout_ms);
}

/* Answer the event being handled, if the client asked for it; `args` is a JSON array text or NULL.
 * The second answer to one event does nothing. */
static inline int
sio_ack(sio_socket *s, const sio_event *e, const char *args)
{
	return SIO_API(s)->ack(s, e, args);
}

/* --- the session ---------------------------------------------------------------------------- */

/* Rooms belong to the socket's namespace.  Joining twice is joining once. */
static inline int
sio_join(sio_socket *s, const char *room)
{
	return SIO_API(s)->join(s, room);
}

static inline int
sio_leave(sio_socket *s, const char *room)
{
	return SIO_API(s)->leave(s, room);
}

/* Values are JSON texts, kept for the session and shared by its namespaces. */
static inline int
sio_set(sio_socket *s, const char *key, const char *json)
{
	return SIO_API(s)->set(s, key, json);
}

/* The value, or NULL when there is none. */
static inline const char *
sio_get(sio_socket *s, const char *key)
{
	return SIO_API(s)->get(s, key);
}

static inline int
sio_del(sio_socket *s, const char *key)
{
	return SIO_API(s)->del(s, key);
}

/* socket.disconnect(): in the default namespace the whole session, else this namespace only. */
static inline int
sio_disconnect(sio_socket *s)
{
	return SIO_API(s)->disconnect(s, false);
}

/* The whole session, from any of its namespaces. */
static inline int
sio_disconnect_session(sio_socket *s)
{
	return SIO_API(s)->disconnect(s, true);
}

/* The public id: names the session everywhere, safe to show. */
static inline const char *
sio_id(sio_socket *s)
{
	return SIO_API(s)->id(s);
}

/* The secret session id of the wire.  Whoever has it is the client: never log or show it. */
static inline const char *
sio_sid(sio_socket *s)
{
	return SIO_API(s)->sid(s);
}

/* "websocket", "xhr-polling", ... */
static inline const char *
sio_transport(sio_socket *s)
{
	return SIO_API(s)->transport(s);
}

/* "" or "/chat". */
static inline const char *
sio_endpoint(sio_socket *s)
{
	return SIO_API(s)->endpoint(s);
}

/* socket.handshake */
static inline const sio_handshake *
sio_socket_handshake(sio_socket *s)
{
	return SIO_API(s)->handshake(s);
}

/* A key of the handshake's query, decoded; NULL when absent. */
static inline const char *
sio_query(const sio_handshake *h, const char *key)
{
	return SIO_API(h)->query(h, key);
}

/* The whole query as a JSON object text. */
static inline const char *
sio_query_json(const sio_handshake *h)
{
	return SIO_API(h)->query_json(h);
}

/* A header of the handshake, name in lower case; NULL when absent. */
static inline const char *
sio_header(const sio_handshake *h, const char *name)
{
	return SIO_API(h)->header(h, name);
}

/* --- helpers -------------------------------------------------------------------------------- */

/* Element `i` of a JSON array text, as `args` of an event is: JSON text, byte for byte.
 * NULL: there are fewer. */
static inline const char *
sio_arg(sio_socket *s, const char *args, size_t i)
{
	return SIO_API(s)->arg(s, args, i);
}

/* The text that a JSON string literal stands for, UTF-8.  NULL: `json` is NULL or no string. */
static inline const char *
sio_text(sio_socket *s, const char *json)
{
	return SIO_API(s)->text(s, json);
}

/* `text` as a JSON string literal, quotes included.  NULL: out of memory. */
static inline const char *
sio_quote(sio_socket *s, const char *text, size_t n)
{
	return SIO_API(s)->quote(s, text, n);
}

/* As printf, into memory that lives until the handler returns. */
#define sio_format(s, ...) (SIO_API(s)->format((s), __VA_ARGS__))

/* Call `each` with the public id of every session that `t` reaches.  Return their number, or a
 * negative errno. */
static inline int
sio_clients(sio_target t, void (*each)(void *arg, const char *id), void *arg)
{
	return SIO_API(t.app)->clients(t, each, arg);
}

/* io.sockets.socket(id): the session of this public id as a socket of the same namespace, wherever
 * its transport is; all calls work on it until the handler returns, but sio_ack().  NULL: it is not
 * in the namespace, or `id` is NULL.  Not from within sio_clients(). */
static inline sio_socket *
sio_find(sio_socket *s, const char *id)
{
	return SIO_API(s)->find(s, id);
}

#endif
