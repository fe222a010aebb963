/* pollux.h: what an application in C implements and may call.
 *
 * An application is a shared object with one function, pollux_app().  Every program of Pollux loads
 * the same one, and the next packet of a session may arrive in another process than the last: what
 * must be remembered goes into sio_set(), rooms, or the application's own database, never into a
 * static variable.  (What pollux_app() sets up is the same everywhere: a sio_ns * may be kept.)
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
 *		return sio_on(sio_of(app, "/chat"), "say", on_say, NULL);
 *	}
 *	SIO_APP_ABI
 *
 * Rules: a handler returns soon (a process serves all its sessions in one thread; a slow one is
 * logged); pointers it is given live until it returns; texts are UTF-8 and NUL-terminated, their
 * length is given where they may hold a NUL; JSON is passed as text, byte for byte.
 * What a handler does (emit, join, set ...) takes effect together or not at all.
 * Calls return 0, or a negative errno: -EINVAL (not JSON, a bad name or target), -EPIPE (the
 * session has ended, or is not in the namespace), -EMSGSIZE, -ENOMEM, -EIO (the store). */
#ifndef POLLUX_APP_H
#define POLLUX_APP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIO_ABI 1

typedef struct sio_app sio_app;             /* the application being set up */
typedef struct sio_ns sio_ns;               /* a namespace: io.of('/chat') */
typedef struct sio_socket sio_socket;       /* one session in one namespace, during a handler */
typedef struct sio_handshake sio_handshake; /* 0.9's handshakeData */

/* What a handler is called for. */
typedef struct sio_event {
	/* "say"; "message" for send(), json.send() and an event of that name; "connection",
	 * "disconnect"; of an answer the name given to sio_on_ack() */
	const char *name;
	size_t name_n;
	/* JSON array text: ["hi",1.10]; of a message that is JSON: the value in an array; of a text
	 * message: [] */
	const char *args;
	size_t args_n;
	/* of a text message, else NULL; of a disconnect: the reason; of a connection: the query of
	 * the endpoint */
	const char *text;
	size_t text_n;       /* the text may hold NULs */
	bool is_json;        /* of a message: JSON, not text */
	bool wants_ack;      /* sio_ack() answers; otherwise it does nothing */
	bool timed_out;      /* of an answer: none came in time; args is [] */
	const char *context; /* of an answer: the JSON text given to sio_emit_ack(); else NULL */
	const char *ack_id;  /* internal */
} sio_event;

/* Where a packet goes.  A plain value: build it with the functions below, use it any number of
 * times during the handler.  Its texts are borrowed. */
#define SIO_EXCEPT_MAX 8
typedef struct sio_target {
	sio_ns *ns;
	const char *room;               /* not NULL: those in this room */
	const char *user;               /* not NULL: the sessions of this person */
	int64_t session;                /* not 0: this one */
	int64_t except[SIO_EXCEPT_MAX]; /* these are left out */
	unsigned except_n;
	bool is_volatile;
	bool is_bad; /* made of what names nobody: whatever it is given to returns -EINVAL */
} sio_target;

typedef void sio_handler(sio_socket *s, const sio_event *e, void *user);

/* Asked in the handshake, or when a client joins a namespace.  Return 0 to accept or -EACCES to
 * refuse, as sio_accept() and sio_refuse() do; another negative number is an error. */
typedef int sio_authorizer(const sio_handshake *h, void *user);

/* The functions behind the functions.  The table only grows. */
struct sio_api {
	size_t size;
	sio_ns *(*of)(sio_app *app, const char *ns);
	int (*on)(sio_ns *ns, const char *event, sio_handler *fn, void *user);
	int (*on_ack)(sio_ns *ns, const char *name, sio_handler *fn, void *user);
	int (*authorization)(sio_app *app, sio_authorizer *fn, void *user);
	int (*ns_authorization)(sio_ns *ns, sio_authorizer *fn, void *user);
	int (*accept)(const sio_handshake *h, const char *user, const char *data);
	int (*refuse)(const sio_handshake *h, const char *reason);
	sio_socket *(*handshake_socket)(const sio_handshake *h);
	const char *(*handshake_query)(const sio_handshake *h);
	const char *(*handshake_field)(const sio_handshake *h, const char *name);
	const char *(*header)(const sio_handshake *h, const char *name);
	const char *(*query)(const sio_handshake *h, const char *key);
	sio_target (*self)(sio_socket *s);
	int64_t (*key)(const char *id);
	int (*emit)(const sio_target *t, const char *name, const char *args);
	int (*send)(const sio_target *t, const char *text, size_t n);
	int (*json)(const sio_target *t, const char *value);
	int (*emit_ack)(sio_socket *s, const char *name, const char *args, const char *handler,
	    const char *context, int timeout_ms);
	int (*ack)(sio_socket *s, const sio_event *e, const char *args);
	int (*clients)(const sio_target *t, void (*each)(void *arg, const char *id), void *arg);
	sio_socket *(*find)(sio_ns *ns, const char *id);
	sio_ns *(*ns)(sio_socket *s);
	const char *(*ns_name)(const sio_ns *ns);
	int (*join)(sio_socket *s, const char *room);
	int (*leave)(sio_socket *s, const char *room);
	int (*rooms)(sio_socket *s, void (*each)(void *arg, const char *room), void *arg);
	int (*set)(sio_socket *s, const char *key, const char *json);
	const char *(*get)(sio_socket *s, const char *key);
	int (*del)(sio_socket *s, const char *key);
	int (*set_user)(sio_socket *s, const char *user);
	const char *(*user)(sio_socket *s);
	int (*disconnect)(sio_socket *s, bool whole_session);
	bool (*disconnected)(sio_socket *s);
	const char *(*id)(sio_socket *s);
	const char *(*sid)(sio_socket *s);
	const char *(*transport)(sio_socket *s);
	const sio_handshake *(*handshake)(sio_socket *s);
	const char *(*arg)(const void *handle, const char *args, size_t i);
	const char *(*text)(const void *handle, const char *json);
	const char *(*quote)(const void *handle, const char *text, size_t n);
	const char *(*format)(const void *handle, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));
	const char *(*args)(const void *handle, const char *kinds, va_list values);
	void (*log)(const void *handle, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));
};

/* Every handle (application, namespace, socket, handshake) begins with these, so that a module
 * needs no symbol of the program. */
struct sio_handle {
	const struct sio_api *api;
	sio_app *app;
};
#define SIO_API(handle) (((const struct sio_handle *)(const void *)(handle))->api)

/* Stands once in the application: a module made for another interface, or for a newer one, is
 * refused with a sentence. */
struct sio_abi {
	int number;
	size_t api_size;
};
#define SIO_EXPORT __attribute__((visibility("default")))
#define SIO_APP_ABI                                                                                \
	SIO_EXPORT extern const struct sio_abi pollux_app_abi;                                     \
	const struct sio_abi pollux_app_abi = {SIO_ABI, sizeof(struct sio_api)};

/* --- setting up, in pollux_app() only ------------------------------------------------------- */

/* The application: return 0, or another number (the program refuses to start). */
SIO_EXPORT int pollux_app(sio_app *app);

/* The namespace `ns`, "" or "/chat"; made on first use.  NULL: a bad name (logged), or no memory;
 * every function takes a NULL namespace for an error. */
static inline sio_ns *
sio_of(sio_app *app, const char *ns)
{
	return SIO_API(app)->of(app, ns);
}

/* Call `fn` for an event of this name; "connection" and "disconnect" for the namespace's own,
 * "message" for send() and json.send(), "*" for any event without a handler of its own.  The last
 * one registered counts. */
static inline int
sio_on(sio_ns *ns, const char *event, sio_handler *fn, void *user)
{
	return ns == NULL ? -1 : SIO_API(ns)->on(ns, event, fn, user);
}

/* Call `fn` when the client answers a sio_emit_ack() that named `name`, or has not in time. */
static inline int
sio_on_ack(sio_ns *ns, const char *name, sio_handler *fn, void *user)
{
	return ns == NULL ? -1 : SIO_API(ns)->on_ack(ns, name, fn, user);
}

/* --- authorization -------------------------------------------------------------------------- */

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
	return ns == NULL ? -1 : SIO_API(ns)->ns_authorization(ns, fn, user);
}

/* Accept, in an authorizer: `return sio_accept(h, "42", "{\"nick\":\"bob\"}");`
 * `user` names the person behind the session, NULL: nobody yet (or as before).  `data` is a JSON
 * object text whose members become values of the session, as by sio_set(); NULL: none.  Return 0,
 * or -EINVAL: not JSON, or a bad name. */
static inline int
sio_accept(const sio_handshake *h, const char *user, const char *data)
{
	return SIO_API(h)->accept(h, user, data);
}

/* Refuse, in an authorizer.  The client hears "unauthorized"; the reason is for the log, NULL:
 * none. Return -EACCES. */
static inline int
sio_refuse(const sio_handshake *h, const char *reason)
{
	return SIO_API(h)->refuse(h, reason);
}

/* The socket that wants to join a namespace, in that namespace's authorizer; else NULL.  It can be
 * asked (sio_get(), sio_user() ...), not sent to. */
static inline sio_socket *
sio_handshake_socket(const sio_handshake *h)
{
	return SIO_API(h)->handshake_socket(h);
}

/* The query with which a client joins a namespace: "x=1" of /chat?x=1, as it was written; else "".
 */
static inline const char *
sio_handshake_query(const sio_handshake *h)
{
	return SIO_API(h)->handshake_query(h);
}

/* --- the handshake's data, under the names of 0.9 ------------------------------------------- */

/* A member of it as JSON text: "headers", "query", "address", "time", "issued", "xdomain",
 * "secure", "url".  NULL: no such member. */
static inline const char *
sio_handshake_field(const sio_handshake *h, const char *name)
{
	return SIO_API(h)->handshake_field(h, name);
}

/* A header, its name in lower case; NULL when absent. */
static inline const char *
sio_header(const sio_handshake *h, const char *name)
{
	return SIO_API(h)->header(h, name);
}

/* A key of the query, decoded; NULL when absent. */
static inline const char *
sio_query(const sio_handshake *h, const char *key)
{
	return SIO_API(h)->query(h, key);
}

/* The whole query as a JSON object text. */
static inline const char *
sio_query_json(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "query");

	return json == NULL ? "{}" : json;
}

/* The request's target: "/socket.io/1/?t=1". */
static inline const char *
sio_url(const sio_handshake *h)
{
	return SIO_API(h)->text(h, sio_handshake_field(h, "url"));
}

/* The client's address: "203.0.113.9". */
static inline const char *
sio_address(const sio_handshake *h)
{
	return SIO_API(h)->text(h, SIO_API(h)->handshake_field(h, "address.address"));
}

/* The client's port, 0 when the web server does not tell. */
static inline int
sio_port(const sio_handshake *h)
{
	const char *json = SIO_API(h)->handshake_field(h, "address.port");

	return json == NULL ? 0 : atoi(json);
}

/* When it was: "Mon Nov 23 2026 04:17:19 GMT". */
static inline const char *
sio_time(const sio_handshake *h)
{
	return SIO_API(h)->text(h, sio_handshake_field(h, "time"));
}

/* The same as milliseconds since 1970. */
static inline int64_t
sio_issued(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "issued");

	return json == NULL ? 0 : strtoll(json, NULL, 10);
}

/* Did it come from a page of another origin? */
static inline bool
sio_xdomain(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "xdomain");

	return json != NULL && json[0] == 't';
}

/* Did it come by TLS? */
static inline bool
sio_secure(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "secure");

	return json != NULL && json[0] == 't';
}

/* --- targets -------------------------------------------------------------------------------- */

/* The socket itself. */
static inline sio_target
sio_self(sio_socket *s)
{
	return SIO_API(s)->self(s);
}

/* io.of(ns).in(room): everyone in the room; room NULL: everyone in the namespace. */
static inline sio_target
sio_ns_in(sio_ns *ns, const char *room)
{
	sio_target t;

	memset(&t, 0, sizeof(t));
	t.ns = ns;
	t.room = room;
	t.is_bad = ns == NULL;
	return t;
}

/* The same in the socket's namespace. */
static inline sio_target
sio_in(sio_socket *s, const char *room)
{
	return sio_ns_in(SIO_API(s)->ns(s), room);
}

/* socket.broadcast.to(room): everyone in the room but the socket itself. */
static inline sio_target
sio_broadcast_to(sio_socket *s, const char *room)
{
	sio_target t = sio_self(s);

	t.except[0] = t.session;
	t.except_n = 1;
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

/* io.of(ns).socket(id): the session of this public id, if it is in the namespace. */
static inline sio_target
sio_ns_to(sio_ns *ns, const char *id)
{
	sio_target t = sio_ns_in(ns, NULL);

	if (!t.is_bad)
		t.session = SIO_API(ns)->key(id);
	t.is_bad = t.session == 0;
	return t;
}

/* The same in the socket's namespace. */
static inline sio_target
sio_to(sio_socket *s, const char *id)
{
	return sio_ns_to(SIO_API(s)->ns(s), id);
}

/* Every session of this person (sio_set_user()) that is in the namespace. */
static inline sio_target
sio_ns_to_user(sio_ns *ns, const char *user)
{
	sio_target t = sio_ns_in(ns, NULL);

	t.user = user;
	t.is_bad = ns == NULL || user == NULL;
	return t;
}

/* The same in the socket's namespace. */
static inline sio_target
sio_to_user(sio_socket *s, const char *user)
{
	return sio_ns_to_user(SIO_API(s)->ns(s), user);
}

/* .except(id): but not the session of this public id; at most SIO_EXCEPT_MAX of them. */
static inline sio_target
sio_except(sio_target t, const char *id)
{
	int64_t key = t.is_bad ? 0 : SIO_API(t.ns)->key(id);

	if (key == 0 || t.except_n >= SIO_EXCEPT_MAX)
		t.is_bad = true;
	else
		t.except[t.except_n++] = key;
	return t;
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
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->emit(&t, name, args);
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
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->send(&t, text, n);
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
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->json(&t, value);
}

static inline int
sio_json(sio_socket *s, const char *value)
{
	return sio_json_to(sio_self(s), value);
}

/* Emit an event and ask the client for an answer, which calls the handler registered with
 * sio_on_ack() under the name `handler`, in whichever process it arrives; `context` is a JSON text
 * kept for it, or NULL.  When `timeout_ms` (0: none) have passed without one, the handler is called
 * with e->timed_out, up to a second later, and the answer does nothing any more.  A session that
 * ends before has its disconnect and no more. */
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

/* Call `each` with every room of the namespace that the socket is in.  Return their number, or a
 * negative errno. */
static inline int
sio_rooms(sio_socket *s, void (*each)(void *arg, const char *room), void *arg)
{
	return SIO_API(s)->rooms(s, each, arg);
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

static inline bool
sio_has(sio_socket *s, const char *key)
{
	return sio_get(s, key) != NULL;
}

static inline int
sio_del(sio_socket *s, const char *key)
{
	return SIO_API(s)->del(s, key);
}

/* Name the person behind the session, in words of the application ("42"); NULL: nobody. */
static inline int
sio_set_user(sio_socket *s, const char *user)
{
	return SIO_API(s)->set_user(s, user);
}

/* The person behind the session; NULL: nobody was named. */
static inline const char *
sio_user(sio_socket *s)
{
	return SIO_API(s)->user(s);
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

/* Has the socket left, or is it leaving?  Then what is sent to it returns -EPIPE. */
static inline bool
sio_disconnected(sio_socket *s)
{
	return SIO_API(s)->disconnected(s);
}

/* The public id: 12 characters that name the session everywhere, safe to show. */
static inline const char *
sio_id(sio_socket *s)
{
	return SIO_API(s)->id(s);
}

/* The secret session id of the wire, for tests of the wire.  Whoever has it is the client: an
 * application has no use for it, and never logs or shows it. */
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

/* The socket's namespace. */
static inline sio_ns *
sio_namespace(sio_socket *s)
{
	return SIO_API(s)->ns(s);
}

/* Its name: "" or "/chat". */
static inline const char *
sio_endpoint(sio_socket *s)
{
	return SIO_API(s)->ns_name(SIO_API(s)->ns(s));
}

/* socket.handshake */
static inline const sio_handshake *
sio_socket_handshake(sio_socket *s)
{
	return SIO_API(s)->handshake(s);
}

/* --- other sessions ------------------------------------------------------------------------- */

/* Is the session of this public id in the namespace?  Its socket, wherever its transport is: it can
 * be sent to, asked, joined to rooms and disconnected as the handler's own, until the handler
 * returns; only sio_ack() is not its business.  NULL: it is not there. */
static inline sio_socket *
sio_ns_find(sio_ns *ns, const char *id)
{
	return ns == NULL || id == NULL ? NULL : SIO_API(ns)->find(ns, id);
}

/* The same in the socket's namespace. */
static inline sio_socket *
sio_find(sio_socket *s, const char *id)
{
	return sio_ns_find(SIO_API(s)->ns(s), id);
}

/* Call `each` with the public id of every session that `t` reaches, each once; NULL only counts.
 * Return their number, or a negative errno. */
static inline int
sio_clients(sio_target t, void (*each)(void *arg, const char *id), void *arg)
{
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->clients(&t, each, arg);
}

/* --- helpers -------------------------------------------------------------------------------- *
 * `handle` is whatever is at hand: the socket, the handshake, a namespace or the application. */

/* Element `i` of a JSON array text, as `args` of an event is: JSON text, byte for byte.
 * NULL: there are fewer. */
static inline const char *
sio_arg(const void *handle, const char *args, size_t i)
{
	return SIO_API(handle)->arg(handle, args, i);
}

/* The text that a JSON string literal stands for, UTF-8.  NULL: `json` is NULL or no string. */
static inline const char *
sio_text(const void *handle, const char *json)
{
	return SIO_API(handle)->text(handle, json);
}

/* `text` as a JSON string literal, quotes included.  NULL: out of memory. */
static inline const char *
sio_quote(const void *handle, const char *text, size_t n)
{
	return SIO_API(handle)->quote(handle, text, n);
}

/* As printf, into memory that lives until the handler returns. */
#define sio_format(handle, ...) (SIO_API(handle)->format((handle), __VA_ARGS__))

/* The arguments of an event or an ack, by a letter each:
 *	s  const char *, text       i  int        d  double
 *	j  const char *, JSON text  l  int64_t    b  bool
 *
 *	sio_emit(s, "said", sio_args(s, "sj", nick, sio_arg(s, e->args, 0)));
 *
 * NULL for s or j gives null.  When something is wrong (a letter, memory, a text that is no UTF-8,
 * JSON that is none) the result is no JSON, and whatever it is given to returns -EINVAL. */
static inline const char *
sio_args(const void *handle, const char *kinds, ...)
{
	va_list values;
	const char *json;

	va_start(values, kinds);
	json = SIO_API(handle)->args(handle, kinds, values);
	va_end(values);
	return json;
}

/* A line of the log, as printf. */
#define sio_log(handle, ...) (SIO_API(handle)->log((handle), __VA_ARGS__))

#ifdef __cplusplus
}
#endif

#endif
