/* pollux.h: what an application in C implements, and what it may call.
 *
 * An application is a shared object with one function, pollux_app().  Every program of Pollux loads
 * the same one, and the next packet of a session may arrive in another process than the last: what
 * must be remembered goes into sio_set(), rooms, or the application's own database, never into a
 * static variable.  (A sio_ns * from pollux_app() may be kept: every process makes its own.)
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
 * Rules:
 *  - A handler returns soon: one thread serves all sessions of a process.  A slow one is logged.
 *  - Pointers that a handler is given live until it returns.
 *  - Texts are UTF-8 and NUL-terminated; their length is given where they may contain a NUL.
 *  - A name that contains U+0000 is never cut: the calls whose names end in _n take it with its
 *    length, and no other call takes or gives it.
 *  - JSON is passed as text, byte for byte.
 *  - NULL for a socket, as sio_find() may return it, is one that has ended; NULL for another handle
 *    is an error, too, but for sio_format() and sio_log().
 *  - What a handler does (emit, join, set ...) takes effect together or not at all.
 *  - Calls return 0, or a negative errno: -EINVAL (not JSON, an invalid text, name or target),
 *    -EPIPE (the session has ended, or is not in the namespace), -EDQUOT (the session is at a limit
 *    of pollux.conf(5): rooms, bytes of values, acks awaited, timers), -EMSGSIZE, -ENOMEM, -EIO
 *    (the store).
 */
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

typedef struct sio_app sio_app;             /* the application being set up */
typedef struct sio_ns sio_ns;               /* a namespace: io.of('/chat') */
typedef struct sio_socket sio_socket;       /* one session in one namespace, during a handler */
typedef struct sio_handshake sio_handshake; /* 0.9's handshakeData */
typedef struct sio_builder sio_builder;     /* a JSON text being built, during a handler */

/* What a handler is called for. */
typedef struct sio_event {
	/* "say"; "message" for send(), json.send() and an event of that name; "connection",
	 * "disconnect"; of an ack or a timer the name of its handler */
	const char *name;
	size_t name_n;
	/* JSON array text: ["hi",1.10]; of a message that is JSON: the value in an array; of a text
	 * message: [] */
	const char *args;
	size_t args_n;
	/* of a text message, else NULL; of a disconnect: the reason; of a connection: the query of
	 * the endpoint */
	const char *text;
	size_t text_n;       /* the text may contain NULs */
	bool is_json;        /* of a message: JSON, not text */
	bool wants_ack;      /* sio_ack() answers; otherwise it does nothing */
	bool timed_out;      /* of an ack: none came in time; args is [] */
	const char *context; /* of an ack or a timer: the JSON text given for it; else NULL */
	const char *ack_id;  /* internal */
} sio_event;

/* Where a packet goes.  A plain value: build it with the functions below, use it any number of
 * times during the handler.  Its texts are borrowed. */
typedef struct sio_target {
	sio_ns *ns;
	const char *room;                  /* not NULL: those in this room */
	const char *user;                  /* not NULL: the sessions of this user */
	int64_t session;                   /* not 0: this one */
	int64_t sender;                    /* not 0: left out, as broadcasts do */
	const struct sio_left_out *except; /* left out, too: see sio_except() */
	bool is_volatile;
	bool is_bad;     /* made of an invalid id or NULL: calls that get it return -EINVAL */
	uint16_t room_n; /* of a room with its length (sio_in_n); 0: its NUL ends it */
	int mailbox_s;   /* > 0: see sio_mailbox() */
} sio_target;

typedef void sio_handler(sio_socket *s, const sio_event *e, void *user);

/* Asked in the handshake, or when a client joins a namespace.  Return 0 to accept or -EACCES to
 * refuse, as sio_accept() and sio_refuse() do; -EINPROGRESS after sio_verdict_later(); another
 * negative number is an error. */
typedef int sio_authorizer(const sio_handshake *h, void *user);

/* A user has come, or gone, with the session of the public id `id`. */
typedef void sio_user_handler(sio_app *app, const char *user, const char *id, void *arg);

/* What sio_every() calls. */
typedef void sio_tick(sio_app *app, void *user);

#define SIO_EXPORT __attribute__((visibility("default")))

/* --- setting up, in pollux_app() only ------------------------------------------------------- */

/* The application implements this.  Return 0, or another number: the program does not start.  The
 * line SIO_APP_ABI follows it, once in the module: by it a module that was built for another
 * interface is refused. */
SIO_EXPORT int pollux_app(sio_app *app);

/* The namespace `ns`, "" or "/chat"; made on first use.  NULL: an invalid name (logged), or no
 * memory; every call that gets NULL for a namespace returns an error. */
static inline sio_ns *sio_of(sio_app *app, const char *ns);

/* Call `fn` for an event of this name; "connection" and "disconnect" for the namespace's own,
 * "message" for send() and json.send(), "*" for any event without a handler of its own, unless its
 * name contains U+0000.  The last one registered counts. */
static inline int sio_on(sio_ns *ns, const char *event, sio_handler *fn, void *user);

/* The same for a name of `n` bytes, which may contain U+0000. */
static inline int sio_on_n(sio_ns *ns, const char *event, size_t n, sio_handler *fn, void *user);

/* Call `fn` when the client answers a sio_emit_ack() that named `name`, or has not in time. */
static inline int sio_on_ack(sio_ns *ns, const char *name, sio_handler *fn, void *user);

/* Call `fn` when a timer of this name is due (sio_after()). */
static inline int sio_on_timer(sio_ns *ns, const char *name, sio_handler *fn, void *user);

/* Call `fn` every `ms` milliseconds, 10 or more, in exactly one process of the whole deployment:
 * when that one dies, in another one.  What it does takes effect together, as what a handler does.
 * A call that is late is made once, however many were missed.  While no process of Pollux runs,
 * none is made; in a cluster see pollux-app(3).  -ENOSPC: more than 32 of them. */
static inline int sio_every(sio_app *app, int ms, sio_tick *fn, void *user);

/* Call `fn` when the first session of a user (sio_set_user(), sio_accept()) has connected, before
 * its connection handler; and when the last one has ended, after its disconnect handlers.  A
 * session that gets another user counts as the end of the one and the beginning of the other.  In
 * a cluster see pollux-app(3). */
static inline int sio_on_user_connect(sio_app *app, sio_user_handler *fn, void *arg);
static inline int sio_on_user_disconnect(sio_app *app, sio_user_handler *fn, void *arg);

/* --- authorization -------------------------------------------------------------------------- */

/* io.set('authorization', fn): asked before a session id is given out. */
static inline int sio_authorization(sio_app *app, sio_authorizer *fn, void *user);

/* io.of(ns).authorization(fn): asked when a client joins the namespace. */
static inline int sio_ns_authorization(sio_ns *ns, sio_authorizer *fn, void *user);

/* Accept, in an authorizer: `return sio_accept(h, "42", "{\"nick\":\"bob\"}");`
 * `user` is the application's name for the user ("42"), NULL: none yet (or as before).  `data` is a
 * JSON object text whose members become values of the session, as by sio_set(); NULL: none.
 * Return 0, or -EINVAL: not JSON, or an invalid name. */
static inline int sio_accept(const sio_handshake *h, const char *user, const char *data);

/* Refuse, in an authorizer.  The client is told "unauthorized"; the reason goes into the log, NULL:
 * none.  Return -EACCES. */
static inline int sio_refuse(const sio_handshake *h, const char *reason);

/* Decide later, in an authorizer: keep the text, which names the question, and return -EINPROGRESS.
 * Meanwhile the client waits.  The verdict is given by the two calls below, from any handler, in
 * any process; or by another program with an action (docs/hook.md):
 *
 *	{"do":"accept","later":TEXT,"user":"42","data":{"nick":"bob"}}
 *	{"do":"refuse","later":TEXT,"reason":"unknown"}
 *
 * If none comes within [app] authorize_timeout of pollux.conf(5), that is an error.  NULL: too many
 * clients wait, no memory, or not in an authorizer; after -EINPROGRESS even so the client is told
 * to try again. */
static inline const char *sio_verdict_later(const sio_handshake *h);

/* Accept the client that waits under this text; user and data as in sio_accept(), `handle` is any
 * handle.  Return 0, -EPIPE (it does not wait any more, as far as this process knows: a verdict
 * that comes too late, or twice, does nothing), -EINVAL or -EIO. */
static inline int sio_verdict_accept(
    const void *handle, const char *later, const char *user, const char *data);

/* Refuse it, the same; the reason goes into the log, NULL: none. */
static inline int sio_verdict_refuse(const void *handle, const char *later, const char *reason);

/* The socket that wants to join a namespace, in that namespace's authorizer; else NULL.  It can be
 * read (sio_get(), sio_user() ...), not sent to. */
static inline sio_socket *sio_handshake_socket(const sio_handshake *h);

/* The query with which a client joins a namespace: "x=1" of /chat?x=1, as it was written; else "".
 */
static inline const char *sio_handshake_query(const sio_handshake *h);

/* --- the handshake's data, under the names of 0.9 ------------------------------------------- */

/* A member of it as JSON text: "headers", "query", "address", "time", "issued", "xdomain",
 * "secure", "url"; or what an authorizer has added to it by the data of sio_accept(), which are
 * values of the session (sio_get()), as they are now.  NULL: no such member. */
static inline const char *sio_handshake_field(const sio_handshake *h, const char *name);

/* A header, its name in lower case; NULL when absent. */
static inline const char *sio_header(const sio_handshake *h, const char *name);

/* A key of the query, decoded; NULL when absent, or if it contains U+0000. */
static inline const char *sio_query(const sio_handshake *h, const char *key);

/* A cookie by its name, without quotes around its value, which is as it was set: no %XX of it is
 * decoded.  Of several of the name the first counts.  NULL when absent. */
static inline const char *sio_cookie(const sio_handshake *h, const char *name);

/* The whole query as a JSON object text. */
static inline const char *sio_query_json(const sio_handshake *h);

/* The request's target: "/socket.io/1/?t=1". */
static inline const char *sio_url(const sio_handshake *h);

/* The client's address: "203.0.113.9". */
static inline const char *sio_address(const sio_handshake *h);

/* The client's port; 0 when the web server does not pass it on. */
static inline int sio_port(const sio_handshake *h);

/* When it was: "Mon Nov 23 2026 04:17:19 GMT". */
static inline const char *sio_time(const sio_handshake *h);

/* The same as milliseconds since 1970. */
static inline int64_t sio_issued(const sio_handshake *h);

/* Did it come from a page of another origin? */
static inline bool sio_xdomain(const sio_handshake *h);

/* Did it come by TLS? */
static inline bool sio_secure(const sio_handshake *h);

/* --- targets -------------------------------------------------------------------------------- */

/* The socket itself. */
static inline sio_target sio_self(sio_socket *s);

/* io.of(ns).in(room): everyone in the room; room NULL: everyone in the namespace. */
static inline sio_target sio_ns_in(sio_ns *ns, const char *room);

/* The same in the socket's namespace. */
static inline sio_target sio_in(sio_socket *s, const char *room);

/* socket.broadcast.to(room): everyone in the room but the socket itself; room NULL: an invalid
 * target. */
static inline sio_target sio_broadcast_to(sio_socket *s, const char *room);

/* socket.broadcast: everyone in the socket's namespace but the socket itself. */
static inline sio_target sio_broadcast(sio_socket *s);

/* The same for a room whose name has `n` bytes, which may contain U+0000. */
static inline sio_target sio_ns_in_n(sio_ns *ns, const char *room, size_t n);
static inline sio_target sio_in_n(sio_socket *s, const char *room, size_t n);
static inline sio_target sio_broadcast_to_n(sio_socket *s, const char *room, size_t n);

/* io.of(ns).socket(id): the session of this public id, if it is in the namespace. */
static inline sio_target sio_ns_to(sio_ns *ns, const char *id);

/* The same in the socket's namespace. */
static inline sio_target sio_to(sio_socket *s, const char *id);

/* Every session of this user (sio_set_user()) that is in the namespace. */
static inline sio_target sio_ns_to_user(sio_ns *ns, const char *user);

/* The same in the socket's namespace. */
static inline sio_target sio_to_user(sio_socket *s, const char *user);

/* .except(id): leave out the session of this public id, and those left out before. */
static inline sio_target sio_except(sio_target t, const char *id);

/* .volatile: dropped for a session that has no open transport right now. */
static inline sio_target sio_volatile(sio_target t);

/* Of a user who has no session in the namespace: keep what is sent for at most so many seconds
 * (from 1 on; [limits] mailbox_seconds).  The first session of the user that comes to the namespace
 * gets it, before anything else.  Valid for sio_to_user() and sio_ns_to_user() only, not with
 * sio_volatile() and acks. */
static inline sio_target sio_mailbox(sio_target t, int seconds);

/* --- sending -------------------------------------------------------------------------------- */

/* Emit an event; `args` is a JSON array text, or NULL for none. */
static inline int sio_emit_to(sio_target t, const char *name, const char *args);

/* The same to the socket itself. */
static inline int sio_emit(sio_socket *s, const char *name, const char *args);

/* Send a text message of `n` bytes. */
static inline int sio_send_to(sio_target t, const char *text, size_t n);

/* The same to the socket itself. */
static inline int sio_send(sio_socket *s, const char *text, size_t n);

/* Send one JSON value, a JSON text. */
static inline int sio_json_to(sio_target t, const char *value);

/* The same to the socket itself. */
static inline int sio_json(sio_socket *s, const char *value);

/* Emit an event and ask the client for an ack.  The ack calls the handler registered with
 * sio_on_ack() under the name `handler`, in whichever process it arrives; `context` is a JSON text
 * kept for that call, or NULL.  When `timeout_ms` (0: none) pass without an ack, the handler is
 * called with e->timed_out, up to a second later, and a late ack does nothing.  When the session
 * ends first, only its disconnect is called. */
static inline int sio_emit_ack(sio_socket *s, const char *name, const char *args,
    const char *handler, const char *context, int timeout_ms);

/* The same with a message: the client itself acks it when it has arrived, without arguments. */
static inline int sio_send_ack(sio_socket *s, const char *text, size_t n, const char *handler,
    const char *context, int timeout_ms);
static inline int sio_json_ack(
    sio_socket *s, const char *value, const char *handler, const char *context, int timeout_ms);

/* The same to every session of a target, each of which acks for itself.  A session that is at a
 * limit is left out; of one session that is the error -EDQUOT.  A volatile target is invalid. */
static inline int sio_emit_ack_to(sio_target t, const char *name, const char *args,
    const char *handler, const char *context, int timeout_ms);
static inline int sio_send_ack_to(sio_target t, const char *text, size_t n, const char *handler,
    const char *context, int timeout_ms);
static inline int sio_json_ack_to(
    sio_target t, const char *value, const char *handler, const char *context, int timeout_ms);

/* Send the ack of the event being handled, if the client asked for one; `args` is a JSON array text
 * or NULL.  A second ack of one event does nothing. */
static inline int sio_ack(sio_socket *s, const sio_event *e, const char *args);

/* A short text by which the ack can be sent later, as long as the session lives: by sio_answer() in
 * any handler of any process, or by any program (the action "ack", or `pollux ack`).  "": the
 * client wants no ack, or the socket is from sio_find().  NULL: no memory. */
static inline const char *sio_ack_later(sio_socket *s, const sio_event *e);

/* Send the ack that such a text stands for; `args` as of sio_ack().  "" does nothing.  `handle`:
 * see the helpers below.  The client hears the first answer only. */
static inline int sio_answer(const void *handle, const char *later, const char *args);

/* --- the session ---------------------------------------------------------------------------- */

/* Rooms belong to the socket's namespace.  Joining twice is joining once. */
static inline int sio_join(sio_socket *s, const char *room);

/* The same, and the socket gets the last `history` messages of the room, in order and before
 * anything newer in the room; none if it is in the room already.  From the first such join on the
 * room's messages are kept.  0: none, whatever [room] history says.  -EINVAL: below 0. */
static inline int sio_join_history(sio_socket *s, const char *room, int history);

/* Leaving a room that the socket is not in does nothing. */
static inline int sio_leave(sio_socket *s, const char *room);

/* Call `each` with every room of the namespace that the socket is in, but for those whose names
 * contain U+0000.  Return their number, or a negative errno.  Of another session, 0.9's
 * io.roomClients: sio_rooms() of what sio_find() returns, unless that is NULL. */
static inline int sio_rooms(sio_socket *s, void (*each)(void *arg, const char *room), void *arg);

/* The same for names of `n` bytes, which may contain U+0000. */
static inline int sio_join_n(sio_socket *s, const char *room, size_t n);
static inline int sio_join_history_n(sio_socket *s, const char *room, size_t n, int history);
static inline int sio_leave_n(sio_socket *s, const char *room, size_t n);
static inline int sio_rooms_n(
    sio_socket *s, void (*each)(void *arg, const char *room, size_t n), void *arg);

/* Values are JSON texts, kept for the session and shared by its namespaces. */
static inline int sio_set(sio_socket *s, const char *key, const char *json);

/* The value, or NULL when there is none. */
static inline const char *sio_get(sio_socket *s, const char *key);

static inline bool sio_has(sio_socket *s, const char *key);

static inline int sio_del(sio_socket *s, const char *key);

/* The same for a key of `n` bytes, which may contain U+0000. */
static inline int sio_set_n(sio_socket *s, const char *key, size_t n, const char *json);
static inline const char *sio_get_n(sio_socket *s, const char *key, size_t n);
static inline int sio_del_n(sio_socket *s, const char *key, size_t n);

/* Call the handler registered with sio_on_timer() under the name `handler` in `ms` milliseconds, in
 * whichever process; `context` is a JSON text kept for that call, or NULL.  A timer of the same
 * name in this namespace is replaced.  It ends with the session, and when that leaves the
 * namespace. */
static inline int sio_after(sio_socket *s, int ms, const char *handler, const char *context);

/* Drop that timer; 0 also when there is none. */
static inline int sio_cancel(sio_socket *s, const char *handler);

/* Set the session's user, as the application names it ("42"); NULL: none. */
static inline int sio_set_user(sio_socket *s, const char *user);

/* The session's user; NULL: none was set. */
static inline const char *sio_user(sio_socket *s);

/* socket.disconnect(): in the default namespace the whole session, else this namespace only. */
static inline int sio_disconnect(sio_socket *s);

/* The whole session, from any of its namespaces. */
static inline int sio_disconnect_session(sio_socket *s);

/* Has the socket left, or is it leaving?  Sending to it returns -EPIPE then. */
static inline bool sio_disconnected(sio_socket *s);

/* The public id: 12 characters that name the session everywhere, safe to show. */
static inline const char *sio_id(sio_socket *s);

/* The secret session id of the wire, for tests of the wire.  Anyone who has it can act as the
 * client: an application has no use for it, and must not log or show it. */
static inline const char *sio_sid(sio_socket *s);

/* "websocket", "xhr-polling", ... */
static inline const char *sio_transport(sio_socket *s);

/* The socket's namespace. */
static inline sio_ns *sio_namespace(sio_socket *s);

/* Its name: "" or "/chat". */
static inline const char *sio_endpoint(sio_socket *s);

/* socket.handshake */
static inline const sio_handshake *sio_socket_handshake(sio_socket *s);

/* --- other sessions ------------------------------------------------------------------------- */

/* The socket of the session of this public id in the namespace, wherever its transport is.  Until
 * the handler returns it can be used as the handler's own, but for sio_ack(), which returns
 * -EINVAL, and sio_ack_later(), which returns "": it has not sent this event.  NULL: there is no
 * such session in the namespace. */
static inline sio_socket *sio_ns_find(sio_ns *ns, const char *id);

/* The same in the socket's namespace. */
static inline sio_socket *sio_find(sio_socket *s, const char *id);

/* Call `each` with the public id of every session that `t` reaches, once each; NULL only counts.
 * Return their number, or a negative errno. */
static inline int sio_clients(sio_target t, void (*each)(void *arg, const char *id), void *arg);

/* A session as sio_clients_data() tells of it, until `each` returns. */
typedef struct sio_client {
	const char *id;   /* public */
	const char *user; /* NULL: none was set */
	const char *data; /* JSON object text of the values that were asked for and are set */
} sio_client;

/* The same with the user and values of each session.  `keys` are the names of at most 32 values
 * with commas between them, NULL: none.
 *
 *	sio_clients_data(sio_in(s, "lobby"), "nick,color", add_member, &members); */
static inline int sio_clients_data(
    sio_target t, const char *keys, void (*each)(void *arg, const sio_client *c), void *arg);

/* io.rooms: call `each` with every room of the namespace, and how many sessions are in it, but for
 * rooms whose names contain U+0000.  Return their number, or a negative errno.  All memberships are
 * read for it: for a list that somebody looks at, not for each message. */
static inline int sio_ns_rooms(
    sio_ns *ns, void (*each)(void *arg, const char *room, int sessions), void *arg);

/* The same for names of `n` bytes, which may contain U+0000. */
static inline int sio_ns_rooms_n(
    sio_ns *ns, void (*each)(void *arg, const char *room, size_t n, int sessions), void *arg);

/* --- helpers -------------------------------------------------------------------------------- *
 * `handle` is any of these: the socket, the handshake, a namespace or the application. */

/* The name of the node that runs the handler, which is [cluster] node of pollux.conf(5); "" without
 * a cluster. */
static inline const char *sio_node(const void *handle);

/* Element `i` of a JSON array text, as `args` of an event is: JSON text, byte for byte.
 * NULL: there are fewer. */
static inline const char *sio_arg(const void *handle, const char *args, size_t i);

/* Decode a JSON string literal to UTF-8 text.  NULL: `json` is NULL or not a string, no memory, or
 * the text contains U+0000: a client can send it, and the text would seem to end there. */
static inline const char *sio_text(const void *handle, const char *json);

/* The same for any text; `*n` is its length in bytes, 0 of NULL. */
static inline const char *sio_text_n(const void *handle, const char *json, size_t *n);

/* What a JSON text is. */
enum {
	SIO_NOT_JSON, /* and of NULL */
	SIO_NULL,
	SIO_BOOL,
	SIO_NUMBER,
	SIO_STRING,
	SIO_ARRAY,
	SIO_OBJECT
};
static inline int sio_kind(const void *handle, const char *json);

/* Read true or false, or a number.  False: `json` is NULL or something else, or beyond the range of
 * the type; `*out` is unchanged then.  Whole numbers are integers, 5.0 and 1e3 too. */
static inline bool sio_bool(const void *handle, const char *json, bool *out);
static inline bool sio_number(const void *handle, const char *json, double *out);
static inline bool sio_integer(const void *handle, const char *json, int64_t *out);

/* The number of elements of a JSON array text; -EINVAL: it is none. */
static inline int sio_length(const void *handle, const char *json);

/* All elements of a JSON array text, as JSON texts; `*n` is their number.  NULL: it is none, and
 * `*n` is 0.
 *
 *	size_t n;
 *	const char *const *list = sio_elements(s, sio_arg(s, e->args, 0), &n);
 *
 *	for (size_t i = 0; i < n; i++)
 *		sio_join(s, sio_text(s, list[i])); */
static inline const char *const *sio_elements(const void *handle, const char *json, size_t *n);

/* The value of a member of a JSON object text; of several of the name the last counts, as in
 * JavaScript.  NULL: no such member, or not an object. */
static inline const char *sio_member(const void *handle, const char *json, const char *name);

/* The same for a name of `n` bytes, which may contain U+0000. */
static inline const char *sio_member_n(
    const void *handle, const char *json, const char *name, size_t n);

/* A member of a JSON object. */
typedef struct sio_field {
	const char *name; /* decoded */
	size_t name_n;
	const char *value; /* JSON text */
} sio_field;

/* All members of a JSON object text, in their order, but for those whose names contain U+0000; `*n`
 * is their number.  NULL: it is none, and `*n` is 0. */
static inline const sio_field *sio_members(const void *handle, const char *json, size_t *n);

/* The same with all names. */
static inline const sio_field *sio_members_n(const void *handle, const char *json, size_t *n);

/* `text` as a JSON string literal, quotes included.  NULL: out of memory. */
static inline const char *sio_quote(const void *handle, const char *text, size_t n);

/* As printf, into memory that lives until the handler returns. */
#define sio_format(handle, ...) (SIO_API(handle)->format((handle), __VA_ARGS__))

/* The arguments of an event or an ack, by a letter each:
 *	s  const char *, text       i  int        d  double
 *	j  const char *, JSON text  l  int64_t    b  bool
 *
 *	sio_emit(s, "said", sio_args(s, "sj", nick, sio_arg(s, e->args, 0)));
 *
 * NULL for s or j gives null.  After an error (an unknown letter, no memory, text that is not
 * UTF-8, invalid JSON) the result is a text that is not JSON, so that the call that gets it returns
 * -EINVAL. */
static inline const char *sio_args(const void *handle, const char *kinds, ...);

/* Build a JSON text that sio_args() is not enough for, value by value; in an object each one after
 * its name.
 *
 *	sio_builder *b = sio_build(s);
 *
 *	sio_build_array(b);
 *	sio_build_object(b);
 *	sio_build_name(b, "nick");
 *	sio_build_text(b, nick);
 *	sio_build_name(b, "color");
 *	sio_build_json(b, sio_get(s, "color"));
 *	sio_build_end(b);
 *	sio_build_end(b);
 *	sio_emit(s, "joined", sio_built(b));	[{"nick":"bob","color":"red"}]
 *
 * It lives until the handler returns.  No call can fail but the last: after a mistake (a value
 * without its name, an end too many, text that is not UTF-8, invalid JSON, no memory) sio_built()
 * gives a text that is not JSON but says what is wrong, and the call that gets it logs it and
 * returns -EINVAL. */
static inline sio_builder *sio_build(const void *handle);

/* Begin an object or an array, which is a value itself, and end the innermost one. */
static inline void sio_build_object(sio_builder *b);
static inline void sio_build_array(sio_builder *b);
static inline void sio_build_end(sio_builder *b);

/* The name of the next value; the second one may contain U+0000. */
static inline void sio_build_name(sio_builder *b, const char *name);
static inline void sio_build_name_n(sio_builder *b, const char *name, size_t n);

/* A value.  NULL is null; a number that is infinite or not a number is null, too. */
static inline void sio_build_text(sio_builder *b, const char *text);
static inline void sio_build_text_n(sio_builder *b, const char *text, size_t n);
static inline void sio_build_integer(sio_builder *b, int64_t value);
static inline void sio_build_number(sio_builder *b, double value);
static inline void sio_build_bool(sio_builder *b, bool value);
static inline void sio_build_json(sio_builder *b, const char *json);

/* The text, after which nothing can be added. */
static inline const char *sio_built(sio_builder *b);

/* A line of the log, as printf. */
#define sio_log(handle, ...) (SIO_API(handle)->log((handle), __VA_ARGS__))

#include <pollux/abi.h>

#ifdef __cplusplus
}
#endif

#endif
