/* The calls of pollux.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/handshake.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

#define NAME_MAX_BYTES 255 /* of a namespace, room, key or handler */

/* --- setting up ------------------------------------------------------------------------------ */

static bool
good_name(const char *name)
{
	size_t n = strnlen(name, NAME_MAX_BYTES + 1);

	return n <= NAME_MAX_BYTES && utf8_valid((struct slice){name, n});
}

static sio_ns *
of(sio_app *app, const char *name)
{
	struct sio_ns *ns;

	if (!good_name(name) || (name[0] != '\0' && (name[0] != '/' || name[1] == '\0')) ||
	    strpbrk(name, ":?") != NULL) {
		log_errx("application: \"%s\" is no name of a namespace", name);
		return NULL;
	}
	ns = app_find_ns(app, slice_of(name));
	return ns != NULL ? ns : app_add_ns(app, slice_of(name));
}

static int
on(sio_ns *ns, const char *event, sio_handler *fn, void *user)
{
	if (strcmp(event, "connection") == 0)
		return app_set_handler(&ns->connection, event, fn, user);
	if (strcmp(event, "disconnect") == 0)
		return app_set_handler(&ns->disconnect, event, fn, user);
	if (strcmp(event, "*") == 0)
		return app_set_handler(&ns->rest, event, fn, user);
	return app_set_handler(&ns->events, event, fn, user);
}

static int
on_ack(sio_ns *ns, const char *name, sio_handler *fn, void *user)
{
	return good_name(name) ? app_set_handler(&ns->acks, name, fn, user) : -EINVAL;
}

static int
authorization(sio_app *app, sio_authorizer *fn, void *user)
{
	app->authorize = fn;
	app->authorize_user = user;
	return 0;
}

static int
ns_authorization(sio_ns *ns, sio_authorizer *fn, void *user)
{
	ns->authorize = fn;
	ns->authorize_user = user;
	return 0;
}

/* --- sending --------------------------------------------------------------------------------- */

/* Send `pk`, whose endpoint is filled in here, to a target. */
static int
send_packet(const sio_target *t, struct packet *pk)
{
	struct sio_app *app = t->app;
	struct sio_ns *ns = app_find_ns(app, slice_of(t->ns));
	struct session *s = app->current;
	struct slice text;
	int64_t chan;

	if (ns == NULL)
		return -EINVAL;
	pk->endpoint = ns->base.name;
	buf_clear(&app->packet);
	packet_write(&app->packet, pk);
	if (app->packet.failed)
		return -EMSGSIZE;
	text = buf_slice(&app->packet);
	if (t->session != 0) {
		if ((s == NULL || session_key(s) != t->session) &&
		    hub_find_key(app->hub, t->session, &s) != HUB_LIVE)
			return -EPIPE;
		if (session_is_over(s))
			return -EPIPE;
		return hub_send(app->hub, s, text, t->is_volatile) == -1 ? -EIO : 0;
	}
	chan = t->room == NULL ? ns->base.chan : store_channel(ns->base.name, slice_of(t->room));
	return hub_publish(app->hub, chan, t->except, text, t->is_volatile) == -1 ? -EIO : 0;
}

/* Clients take these for their own: PROTOCOL 5.7. */
static void
warn_reserved(const char *name)
{
	static const char *const reserved[] = {
	    "connect", "disconnect", "open", "close", "error", "retry", "reconnect"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcmp(name, reserved[i]) == 0)
			log_warnx(
			    "application: event \"%s\" is one that clients raise themselves", name);
}

/* Write the data of an event into app->data.  0 or a negative errno. */
static int
event_data(struct sio_app *app, const char *name, const char *args)
{
	struct json_value value;

	if (!utf8_valid(slice_of(name)))
		return -EINVAL;
	if (args == NULL)
		args = "[]";
	if (json_parse(&value, slice_of(args)) == -1 || value.kind != JSON_KIND_ARRAY)
		return -EINVAL;
	warn_reserved(name);
	buf_clear(&app->data);
	packet_event_write(&app->data, slice_of(name), value.text);
	return app->data.failed ? -EMSGSIZE : 0;
}

static int
emit(sio_target t, const char *name, const char *args)
{
	struct packet pk = {.type = PACKET_EVENT};
	int result = event_data(t.app, name, args);

	if (result != 0)
		return result;
	pk.data = buf_slice(&t.app->data);
	return send_packet(&t, &pk);
}

static int
send_text(sio_target t, const char *text, size_t n)
{
	struct packet pk = {.type = PACKET_MESSAGE, .data = {text, n}};

	return utf8_valid(pk.data) ? send_packet(&t, &pk) : -EINVAL;
}

static int
send_json(sio_target t, const char *value)
{
	struct packet pk = {.type = PACKET_JSON};
	struct json_value parsed;

	if (json_parse(&parsed, slice_of(value)) == -1)
		return -EINVAL;
	buf_clear(&t.app->data);
	json_write_safe(&t.app->data, parsed.text);
	pk.data = buf_slice(&t.app->data);
	return t.app->data.failed ? -EMSGSIZE : send_packet(&t, &pk);
}

static sio_target
self(sio_socket *s)
{
	return (sio_target){
	    .app = s->app,
	    .ns = s->ns->base.name.p,
	    .session = session_key(s->session),
	};
}

static int
emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	struct packet pk = {.type = PACKET_EVENT, .ack_data = true};
	sio_target t = self(s);
	char digits[24];
	int64_t id, deadline = timeout_ms > 0 ? hub_now(s->app->hub) + timeout_ms : 0;
	int result = event_data(s->app, name, args);

	if (result != 0)
		return result;
	if (!good_name(handler))
		return -EINVAL;
	if (session_is_over(s->session))
		return -EPIPE;
	if (hub_transaction(s->app->hub) == -1 ||
	    store_ack_expect(hub_store(s->app->hub), t.session, s->ns->base.name, handler, context,
		deadline, &id) == -1)
		return -EIO;
	snprintf(digits, sizeof(digits), "%" PRId64, id);
	pk.id = slice_of(digits);
	pk.data = buf_slice(&s->app->data);
	return send_packet(&t, &pk);
}

static int
ack(sio_socket *s, const sio_event *e, const char *args)
{
	struct packet pk = {.type = PACKET_ACK};
	struct sio_app *app = s->app;
	sio_target t = self(s);
	struct json_value value;

	if (!e->wants_ack || s->acked)
		return 0;
	if (json_parse(&value, args == NULL ? SLICE("[]") : slice_of(args)) == -1 ||
	    value.kind != JSON_KIND_ARRAY)
		return -EINVAL;
	s->acked = true;
	buf_clear(&app->data);
	packet_ack_write(&app->data, slice_of(e->ack_id), value.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : send_packet(&t, &pk);
}

/* --- the session ----------------------------------------------------------------------------- */

static int
join(sio_socket *s, const char *room)
{
	if (!good_name(room))
		return -EINVAL;
	if (session_is_over(s->session))
		return -EPIPE;
	return hub_join(s->app->hub, s->session, &s->ns->base, slice_of(room)) == -1 ? -EIO : 0;
}

static int
leave(sio_socket *s, const char *room)
{
	if (!good_name(room))
		return -EINVAL;
	return hub_leave(s->app->hub, s->session, &s->ns->base, slice_of(room)) == -1 ? -EIO : 0;
}

static int
set(sio_socket *s, const char *key, const char *json)
{
	struct json_value value;

	if (!good_name(key) || json_parse(&value, slice_of(json)) == -1)
		return -EINVAL;
	if (session_is_over(s->session))
		return -EPIPE;
	if (hub_transaction(s->app->hub) == -1 ||
	    store_set(hub_store(s->app->hub), session_key(s->session), key, json) == -1)
		return -EIO;
	return 0;
}

/* A malloc'ed text moves into the arena. */
static const char *
keep(struct sio_app *app, char *text)
{
	size_t n = text == NULL ? 0 : strlen(text);
	char *copy = text == NULL ? NULL : app_alloc(app, n + 1);

	if (copy != NULL)
		memcpy(copy, text, n);
	free(text);
	return copy;
}

static const char *
get(sio_socket *s, const char *key)
{
	return keep(s->app, store_get(hub_store(s->app->hub), session_key(s->session), key));
}

static int
del(sio_socket *s, const char *key)
{
	if (hub_transaction(s->app->hub) == -1 ||
	    store_del(hub_store(s->app->hub), session_key(s->session), key) == -1)
		return -EIO;
	return 0;
}

static int
disconnect(sio_socket *s, bool whole_session)
{
	if (whole_session || s->ns->base.name.n == 0)
		hub_end(s->app->hub, s->session, "booted", true);
	else
		hub_kick(s->app->hub, s->session, &s->ns->base);
	return 0;
}

static const char *
id(sio_socket *s)
{
	char *text = app_alloc(s->app, PUBLIC_ID_LENGTH + 1);

	if (text != NULL)
		public_id_write(text, session_key(s->session));
	return text;
}

static const char *
sid(sio_socket *s)
{
	return session_sid(s->session);
}

static const char *
transport(sio_socket *s)
{
	const char *name = transport_name(session_transport(s->session));

	return name == NULL ? "" : name;
}

static const char *
endpoint(sio_socket *s)
{
	return s->ns->base.name.p;
}

/* --- the handshake --------------------------------------------------------------------------- */

static const sio_handshake *
handshake(sio_socket *s)
{
	if (s->handshake.json == NULL)
		s->handshake.json = keep(s->app,
		    store_session_handshake(hub_store(s->app->hub), session_key(s->session)));
	if (s->handshake.json == NULL)
		s->handshake.json = "{}";
	return &s->handshake;
}

/* The member of a JSON object, by name. */
static bool
member(const struct json_value *object, const char *name, struct json_value *found)
{
	struct json_walk walk;
	struct slice key;

	if (object->kind != JSON_KIND_OBJECT)
		return false;
	json_walk_begin(&walk, object);
	while (json_walk_member(&walk, &key, found))
		if (json_string_is(key, name))
			return true;
	return false;
}

static const char *
copy_text(struct sio_app *app, struct slice text)
{
	char *copy = app_alloc(app, text.n + 1);

	if (copy != NULL && text.n > 0)
		memcpy(copy, text.p, text.n);
	return copy;
}

static const char *
decode(struct sio_app *app, const struct json_value *value)
{
	struct buf text = {.p = NULL};
	const char *copy = NULL;

	if (value->kind != JSON_KIND_STRING)
		return NULL;
	json_string_decode(&text, value->text);
	if (!text.failed)
		copy = copy_text(app, buf_slice(&text));
	buf_free(&text);
	return copy;
}

static const char *
handshake_text(const sio_handshake *h, const char *part, const char *name)
{
	struct json_value all, object, value;

	if (json_parse(&all, slice_of(h->json)) == -1 || !member(&all, part, &object) ||
	    !member(&object, name, &value))
		return NULL;
	return decode(h->app, &value);
}

static const char *
query(const sio_handshake *h, const char *key)
{
	return handshake_text(h, "query", key);
}

static const char *
header(const sio_handshake *h, const char *name)
{
	return handshake_text(h, "headers", name);
}

static const char *
query_json(const sio_handshake *h)
{
	struct json_value all, object;
	const char *copy = NULL;

	if (json_parse(&all, slice_of(h->json)) == 0 && member(&all, "query", &object))
		copy = copy_text(h->app, object.text);
	return copy == NULL ? "{}" : copy;
}

/* --- helpers --------------------------------------------------------------------------------- */

static const char *
quote(sio_socket *s, const char *text, size_t n)
{
	struct buf literal = {.p = NULL};
	const char *copy = NULL;

	json_write_string(&literal, (struct slice){text, n});
	if (!literal.failed)
		copy = copy_text(s->app, buf_slice(&literal));
	buf_free(&literal);
	return copy;
}

/* The application may have built the array itself, so it is checked here. */
static const char *
arg(sio_socket *s, const char *args, size_t i)
{
	struct json_value array, element;
	struct json_walk walk;

	if (args == NULL || json_parse(&array, slice_of(args)) == -1 ||
	    array.kind != JSON_KIND_ARRAY)
		return NULL;
	json_walk_begin(&walk, &array);
	while (json_walk_element(&walk, &element))
		if (i-- == 0)
			return copy_text(s->app, element.text);
	return NULL;
}

static const char *
text(sio_socket *s, const char *json)
{
	struct json_value value;

	if (json == NULL || json_parse(&value, slice_of(json)) == -1)
		return NULL;
	return decode(s->app, &value);
}

static const char *__attribute__((format(printf, 2, 3)))
format_text(sio_socket *s, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = n < 0 ? NULL : app_alloc(s->app, (size_t)n + 1);
	if (text == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

struct client_walk {
	const sio_target *target;
	void (*each)(void *arg, const char *id);
	void *arg;
	int n;
};

static void
on_client(void *arg, int64_t key)
{
	struct client_walk *walk = arg;
	char text[PUBLIC_ID_LENGTH + 1];

	if (key == walk->target->except)
		return;
	walk->n++;
	public_id_write(text, key);
	if (walk->each != NULL)
		walk->each(walk->arg, text);
}

static int
clients(sio_target t, void (*each)(void *arg, const char *id), void *arg)
{
	struct sio_ns *ns = app_find_ns(t.app, slice_of(t.ns));
	struct client_walk walk = {&t, each, arg, 0};

	if (ns == NULL)
		return -EINVAL;
	if (t.session != 0)
		on_client(&walk, t.session);
	else if (store_members(hub_store(t.app->hub),
		     t.room == NULL ? ns->base.chan
				    : store_channel(ns->base.name, slice_of(t.room)),
		     on_client, &walk) == -1)
		return -EIO;
	return walk.n;
}

const struct sio_api app_api = {
    .size = sizeof(struct sio_api),
    .of = of,
    .on = on,
    .on_ack = on_ack,
    .authorization = authorization,
    .ns_authorization = ns_authorization,
    .emit = emit,
    .send = send_text,
    .json = send_json,
    .emit_ack = emit_ack,
    .ack = ack,
    .self = self,
    .join = join,
    .leave = leave,
    .set = set,
    .get = get,
    .del = del,
    .disconnect = disconnect,
    .id = id,
    .sid = sid,
    .transport = transport,
    .endpoint = endpoint,
    .handshake = handshake,
    .query = query,
    .query_json = query_json,
    .header = header,
    .arg = arg,
    .text = text,
    .quote = quote,
    .format = format_text,
    .clients = clients,
};
