/* The table behind pollux.h, and the calls that set up, or that are about one session. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/handshake.h"
#include "shared/wire/json.h"

#define VALUE_MAX ((size_t)1 << 20) /* bytes of one value of sio_set() */

/* --- setting up ------------------------------------------------------------------------------ */

static sio_ns *
of(sio_app *app, const char *name)
{
	struct sio_ns *ns = handlers_find_ns(app, slice_of(name));

	if (ns == NULL && app->base.hub == NULL)
		ns = handlers_add_ns(app, slice_of(name));
	if (ns == NULL)
		log_errx("application: \"%s\" is no namespace%s", name,
		    app->base.hub == NULL ? "'s name" : ": pollux_app() has not made it");
	return ns;
}

/* Handlers are the same in every process only if nobody adds any later. */
static int
check_setup(const struct sio_app *app, const void *name, bool has_function)
{
	return app->base.hub != NULL || name == NULL || !has_function ? -EINVAL : 0;
}

static int
on(sio_ns *ns, const char *event, sio_handler *fn, void *user)
{
	if (check_setup(ns->h.app, event, fn != NULL) != 0)
		return -EINVAL;
	if (strcmp(event, "connection") == 0)
		return handlers_set(&ns->connection, event, fn, user);
	if (strcmp(event, "disconnect") == 0)
		return handlers_set(&ns->disconnect, event, fn, user);
	if (strcmp(event, "*") == 0)
		return handlers_set(&ns->rest, event, fn, user);
	return handlers_set(&ns->events, event, fn, user);
}

static int
on_ack(sio_ns *ns, const char *name, sio_handler *fn, void *user)
{
	if (check_setup(ns->h.app, name, fn != NULL) != 0 || !name_is_valid(slice_of(name)))
		return -EINVAL;
	return handlers_set(&ns->acks, name, fn, user);
}

static int
authorization(sio_app *app, sio_authorizer *fn, void *user)
{
	if (app->base.hub != NULL)
		return -EINVAL;
	app->authorize = fn;
	app->authorize_user = user;
	return 0;
}

static int
ns_authorization(sio_ns *ns, sio_authorizer *fn, void *user)
{
	if (ns->h.app->base.hub != NULL)
		return -EINVAL;
	ns->authorize = fn;
	ns->authorize_user = user;
	return 0;
}

/* --- the session ----------------------------------------------------------------------------- */

/* May the session be changed, and under this name?  0 or a negative errno. */
static int
check_change(const sio_socket *s, const char *name)
{
	if (name == NULL || !name_is_valid(slice_of(name)))
		return -EINVAL;
	return session_is_over(s->session) ? -EPIPE : 0;
}

/* The store under an open transaction, or NULL. */
static struct store *
writable(const sio_socket *s)
{
	return hub_transaction(s->h.app->base.hub) == -1 ? NULL : hub_store(s->h.app->base.hub);
}

static int
join(sio_socket *s, const char *room)
{
	int result = check_change(s, room);

	if (result != 0)
		return result;
	if (!session_hears(s->session, &s->ns->base.hub))
		return -EPIPE;
	return hub_join(s->h.app->base.hub, s->session, &s->ns->base.hub, slice_of(room)) == -1
	           ? -EIO
	           : 0;
}

static int
leave(sio_socket *s, const char *room)
{
	int result = check_change(s, room);

	if (result != 0)
		return result;
	return hub_leave(s->h.app->base.hub, s->session, &s->ns->base.hub, slice_of(room)) == -1
	           ? -EIO
	           : 0;
}

static int
set(sio_socket *s, const char *key, const char *json)
{
	struct json_value value;
	struct store *st;
	int result;

	if (json == NULL || json_parse(&value, slice_of(json)) == -1)
		return -EINVAL;
	if (value.text.n > VALUE_MAX)
		return -EMSGSIZE;
	result = check_change(s, key);
	if (result != 0)
		return result;
	st = writable(s);
	if (st == NULL ||
	    store_set(st, session_key(s->session), slice_of(key), slice_of(json)) == -1)
		return application_fail(&s->h.app->base);
	return 0;
}

static const char *
get(sio_socket *s, const char *key)
{
	return arena_keep(s->h.app,
	    store_get(hub_store(s->h.app->base.hub), session_key(s->session), slice_of(key)));
}

static int
del(sio_socket *s, const char *key)
{
	int result = check_change(s, key);
	struct store *st;

	if (result != 0)
		return result;
	st = writable(s);
	if (st == NULL || store_del(st, session_key(s->session), slice_of(key)) == -1)
		return application_fail(&s->h.app->base);
	return 0;
}

static int
set_user(sio_socket *s, const char *user)
{
	int result = check_change(s, user == NULL ? "" : user);
	struct store *st;

	if (result != 0)
		return result;
	st = writable(s);
	if (st == NULL || store_session_set_user(st, session_key(s->session), slice_of(user)) == -1)
		return application_fail(&s->h.app->base);
	return 0;
}

static const char *
user_of(sio_socket *s)
{
	return arena_keep(
	    s->h.app, store_session_user(hub_store(s->h.app->base.hub), session_key(s->session)));
}

struct room_list {
	struct slice ns;
	struct buf names; /* NUL-terminated, one behind the other */
};

static void
add_room(void *arg, const struct store_sub *sub)
{
	struct room_list *list = arg;

	if (sub->room.p == NULL || sub->until != INT64_MAX || !slice_equal(sub->ns, list->ns))
		return;
	buf_add_slice(&list->names, sub->room);
	buf_add_char(&list->names, '\0');
}

static int
rooms(sio_socket *s, void (*each)(void *arg, const char *room), void *arg)
{
	struct room_list list = {.ns = s->ns->base.hub.name};
	int result = 0;

	if (store_subs(hub_store(s->h.app->base.hub), session_key(s->session), add_room, &list) ==
	    -1)
		result = -EIO;
	else if (list.names.failed)
		result = -ENOMEM;
	for (size_t at = 0; result >= 0 && at < list.names.n;) {
		const char *name = list.names.p + at;

		at += strlen(name) + 1;
		result++;
		if (each != NULL)
			each(arg, name); /* may call anything: no query is open */
	}
	buf_free(&list.names);
	return result;
}

static int
disconnect(sio_socket *s, bool whole_session)
{
	if (whole_session || s->ns->base.hub.name.n == 0)
		hub_end(s->h.app->base.hub, s->session, "booted", true);
	else
		hub_kick(s->h.app->base.hub, s->session, &s->ns->base.hub, "booted");
	return 0;
}

static bool
disconnected(sio_socket *s)
{
	return session_is_over(s->session) || !session_hears(s->session, &s->ns->base.hub);
}

static const char *
id(sio_socket *s)
{
	char *text = arena_alloc(s->h.app, PUBLIC_ID_LENGTH + 1);

	if (text != NULL)
		public_id_write(text, session_key(s->session));
	return text == NULL ? "" : text;
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

static sio_ns *
ns_of(sio_socket *s)
{
	return s->ns;
}

static const char *
ns_name(const sio_ns *ns)
{
	return ns->base.hub.name.p;
}

static const sio_handshake *
handshake(sio_socket *s)
{
	if (s->handshake.json == NULL)
		s->handshake.json =
		    arena_keep(s->h.app, store_session_handshake(hub_store(s->h.app->base.hub),
					     session_key(s->session)));
	if (s->handshake.json == NULL)
		s->handshake.json = "{}";
	return &s->handshake;
}

static sio_socket *
handshake_socket(const sio_handshake *h)
{
	return h->socket;
}

static const char *
handshake_query(const sio_handshake *h)
{
	return h->query == NULL ? "" : h->query;
}

/* --- other sessions -------------------------------------------------------------------------- */

static int64_t
key_of(const char *public_id)
{
	int64_t key;

	return public_id == NULL || public_id_read(slice_of(public_id), &key) == -1 ? 0 : key;
}

static sio_socket *
find(sio_ns *ns, const char *public_id)
{
	struct sio_app *app = ns->h.app;
	int64_t key = key_of(public_id);
	struct session *s;
	struct sio_socket *found;

	if (key == 0 || app->base.hub == NULL)
		return NULL;
	s = hub_stream_here(app->base.hub, key);
	if (s == NULL && hub_find_key(app->base.hub, key, &s) != HUB_LIVE)
		return NULL;
	if (session_is_over(s) || !session_hears(s, &ns->base.hub))
		return NULL;
	found = arena_alloc(app, sizeof(*found));
	if (found != NULL)
		*found = (struct sio_socket){
		    .h = ns->h, .session = s, .ns = ns, .handshake = {.h = ns->h}};
	return found;
}

const struct sio_api api_functions = {
    .size = sizeof(struct sio_api),
    .of = of,
    .on = on,
    .on_ack = on_ack,
    .authorization = authorization,
    .ns_authorization = ns_authorization,
    .accept = handshake_data_accept,
    .refuse = handshake_data_refuse,
    .handshake_socket = handshake_socket,
    .handshake_query = handshake_query,
    .handshake_field = handshake_data_field,
    .header = handshake_data_header,
    .query = handshake_data_query,
    .self = send_self,
    .key = key_of,
    .emit = send_emit,
    .send = send_text,
    .json = send_json,
    .emit_ack = send_emit_ack,
    .ack = send_ack,
    .clients = send_clients,
    .find = find,
    .ns = ns_of,
    .ns_name = ns_name,
    .join = join,
    .leave = leave,
    .rooms = rooms,
    .set = set,
    .get = get,
    .del = del,
    .set_user = set_user,
    .user = user_of,
    .disconnect = disconnect,
    .disconnected = disconnected,
    .id = id,
    .sid = sid,
    .transport = transport,
    .handshake = handshake,
    .arg = text_arg,
    .text = text_decode,
    .quote = text_quote,
    .format = text_format,
    .args = text_args,
    .log = text_log,
};
