/* The table of functions that pollux.h calls, and those that set up or concern one session. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/store/session_data.h"
#include "shared/store/subscription.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

#define VALUE_MAX ((size_t)1 << 20) /* bytes of one value of sio_set() */

/* --- setting up ----------------------------------------------------------------------------- */

static sio_ns *
api_of(sio_app *app, const char *name)
{
	struct sio_ns *ns = handlers_find_ns(app, slice_of(name));

	if (ns == NULL && app->base.hub == NULL)
		ns = handlers_add_ns(app, slice_of(name));
	if (ns == NULL)
		log_errx("application: sio_of(\"%s\"): %s", name,
		    app->base.hub == NULL ? "cannot be the name of a namespace"
					  : "this namespace was not made by pollux_app()");
	return ns;
}

/* Handlers are the same in every process only if none is added after pollux_app(). */
static int
check_setup(const struct sio_app *app, const void *name, bool has_function)
{
	return app->base.hub != NULL || name == NULL || !has_function ? -EINVAL : 0;
}

static int
api_on_n(sio_ns *ns, const char *event, size_t n, sio_handler *fn, void *user)
{
	struct slice name = {event, n};

	if (check_setup(ns->h.app, event, fn != NULL) != 0)
		return -EINVAL;
	if (slice_is(name, "connection"))
		return handlers_set(&ns->connection, name, fn, user);
	if (slice_is(name, "disconnect"))
		return handlers_set(&ns->disconnect, name, fn, user);
	if (slice_is(name, "*"))
		return handlers_set(&ns->any, name, fn, user);
	return handlers_set(&ns->events, name, fn, user);
}

static int
api_on(sio_ns *ns, const char *event, sio_handler *fn, void *user)
{
	return api_on_n(ns, event, event == NULL ? 0 : strlen(event), fn, user);
}

static int
api_on_ack(sio_ns *ns, const char *name, sio_handler *fn, void *user)
{
	if (check_setup(ns->h.app, name, fn != NULL) != 0 || !name_is_valid(slice_of(name)))
		return -EINVAL;
	return handlers_set(&ns->acks, slice_of(name), fn, user);
}

static int
api_authorization(sio_app *app, sio_authorizer *fn, void *user)
{
	if (app->base.hub != NULL)
		return -EINVAL;
	app->authorize = fn;
	app->authorize_user = user;
	return 0;
}

static int
api_ns_authorization(sio_ns *ns, sio_authorizer *fn, void *user)
{
	if (ns->h.app->base.hub != NULL)
		return -EINVAL;
	ns->authorize = fn;
	ns->authorize_user = user;
	return 0;
}

/* --- the session ---------------------------------------------------------------------------- */

/* Can the session be changed, and is the name valid?  0, -EINVAL or -EPIPE. */
static int
check_change(const sio_socket *s, struct slice name)
{
	if (name.p == NULL || !name_is_valid_or_has_nul(name))
		return -EINVAL;
	return session_is_over(s->session) ? -EPIPE : 0;
}

/* The store under an open transaction, or NULL. */
static struct store *
writable_store(const sio_socket *s)
{
	return transaction_open(s->h.app->base.hub) == -1 ? NULL : hub_store(s->h.app->base.hub);
}

static int
api_join_n(sio_socket *s, const char *room, size_t n)
{
	struct slice name = {room, n};
	int result = check_change(s, name);

	if (result != 0)
		return result;
	if (!membership_hears(s->session, &s->ns->base.hub))
		return -EPIPE;
	result = membership_join(s->h.app->base.hub, s->session, &s->ns->base.hub, name);
	return result == -1 ? -EIO : result;
}

static int
api_join(sio_socket *s, const char *room)
{
	struct slice name = slice_of(room);

	return api_join_n(s, name.p, name.n);
}

static int
api_leave_n(sio_socket *s, const char *room, size_t n)
{
	struct slice name = {room, n};
	int result = check_change(s, name);

	if (result != 0)
		return result;
	return membership_leave(s->h.app->base.hub, s->session, &s->ns->base.hub, name) == -1 ? -EIO
	                                                                                      : 0;
}

static int
api_leave(sio_socket *s, const char *room)
{
	struct slice name = slice_of(room);

	return api_leave_n(s, name.p, name.n);
}

static int
api_set_n(sio_socket *s, const char *key, size_t n, const char *json)
{
	struct slice name = {key, n};
	struct json_value value;
	int result;

	if (json == NULL || json_parse(&value, slice_of(json)) == -1) {
		send_check_json("sio_set", key == NULL ? "" : key, json, false);
		return -EINVAL;
	}
	if (value.text.n > VALUE_MAX)
		return -EMSGSIZE;
	result = check_change(s, name);
	if (result != 0)
		return result;
	return quota_set_value(s->h.app->base.hub, session_key(s->session), name, slice_of(json));
}

static int
api_set(sio_socket *s, const char *key, const char *json)
{
	struct slice name = slice_of(key);

	return api_set_n(s, name.p, name.n, json);
}

static const char *
api_get_n(sio_socket *s, const char *key, size_t n)
{
	return arena_keep(s->h.app, session_data_get(hub_store(s->h.app->base.hub),
					session_key(s->session), (struct slice){key, n}));
}

static const char *
api_get(sio_socket *s, const char *key)
{
	struct slice name = slice_of(key);

	return api_get_n(s, name.p, name.n);
}

static int
api_del_n(sio_socket *s, const char *key, size_t n)
{
	struct slice name = {key, n};
	int result = check_change(s, name);
	struct store *st;

	if (result != 0)
		return result;
	st = writable_store(s);
	if (st == NULL || session_data_delete(st, session_key(s->session), name) == -1)
		return application_fail(&s->h.app->base);
	return 0;
}

static int
api_del(sio_socket *s, const char *key)
{
	struct slice name = slice_of(key);

	return api_del_n(s, name.p, name.n);
}

static int
api_set_user(sio_socket *s, const char *user)
{
	int result = check_change(s, user == NULL ? SLICE("") : slice_of(user));
	struct store *st;

	if (result != 0)
		return result;
	st = writable_store(s);
	if (st == NULL || session_row_set_user(st, session_key(s->session), slice_of(user)) == -1)
		return application_fail(&s->h.app->base);
	return 0;
}

static const char *
api_user(sio_socket *s)
{
	return arena_keep(
	    s->h.app, session_row_user(hub_store(s->h.app->base.hub), session_key(s->session)));
}

struct room_list {
	struct slice ns;
	struct buf names; /* of each its length, the name, and a NUL */
};

static void
add_room_name(void *arg, const struct subscription *sub)
{
	struct room_list *list = arg;

	if (sub->room.p == NULL || sub->until != INT64_MAX || !slice_equal(sub->ns, list->ns))
		return;
	buf_add(&list->names, &sub->room.n, sizeof(sub->room.n));
	buf_add_slice(&list->names, sub->room);
	buf_add_char(&list->names, '\0');
}

/* Collect the rooms first: `each` may call anything, so no query may be open.  0 or an errno. */
static int
collect_rooms(sio_socket *s, struct room_list *list)
{
	*list = (struct room_list){.ns = s->ns->base.hub.name};
	if (subscription_list(
		hub_store(s->h.app->base.hub), session_key(s->session), add_room_name, list) == -1)
		return -EIO;
	return list->names.failed ? -ENOMEM : 0;
}

/* Take the next name off the list. */
static bool
next_room(const struct room_list *list, size_t *at, struct slice *name)
{
	if (*at >= list->names.n)
		return false;
	memcpy(&name->n, list->names.p + *at, sizeof(name->n));
	name->p = list->names.p + *at + sizeof(name->n);
	*at += sizeof(name->n) + name->n + 1;
	return true;
}

static int
api_rooms_n(sio_socket *s, void (*each)(void *arg, const char *room, size_t n), void *arg)
{
	struct room_list list;
	int result = collect_rooms(s, &list);
	struct slice name;
	size_t at = 0;

	while (result >= 0 && next_room(&list, &at, &name)) {
		result++;
		if (each != NULL)
			each(arg, name.p, name.n);
	}
	buf_free(&list.names);
	return result;
}

static int
api_rooms(sio_socket *s, void (*each)(void *arg, const char *room), void *arg)
{
	struct room_list list;
	int result = collect_rooms(s, &list);
	struct slice name;
	size_t at = 0;

	while (result >= 0 && next_room(&list, &at, &name)) {
		if (slice_has_nul(name))
			continue;
		result++;
		if (each != NULL)
			each(arg, name.p);
	}
	buf_free(&list.names);
	return result;
}

static int
api_disconnect(sio_socket *s, bool whole_session)
{
	if (whole_session || s->ns->base.hub.name.n == 0)
		session_end(s->h.app->base.hub, s->session, "booted", true);
	else
		membership_kick(s->h.app->base.hub, s->session, &s->ns->base.hub, "booted");
	return 0;
}

static bool
api_disconnected(sio_socket *s)
{
	return session_is_over(s->session) || !membership_hears(s->session, &s->ns->base.hub);
}

static const char *
api_id(sio_socket *s)
{
	char *text = arena_alloc(s->h.app, SID_PUBLIC_LENGTH + 1);

	if (text != NULL)
		sid_public_write(text, session_key(s->session));
	return text == NULL ? "" : text;
}

static const char *
api_sid(sio_socket *s)
{
	return session_sid(s->session);
}

static const char *
api_transport(sio_socket *s)
{
	const char *name = route_transport_name(session_transport(s->session));

	return name == NULL ? "" : name;
}

static sio_ns *
api_ns(sio_socket *s)
{
	return s->ns;
}

static const char *
api_ns_name(const sio_ns *ns)
{
	return ns->base.hub.name.p;
}

static const sio_handshake *
api_handshake(sio_socket *s)
{
	if (s->handshake.json == NULL)
		s->handshake.json = arena_keep(s->h.app,
		    session_row_handshake(hub_store(s->h.app->base.hub), session_key(s->session)));
	if (s->handshake.json == NULL)
		s->handshake.json = "{}";
	return &s->handshake;
}

static sio_socket *
api_handshake_socket(const sio_handshake *h)
{
	return h->socket;
}

static const char *
api_handshake_query(const sio_handshake *h)
{
	return h->query == NULL ? "" : h->query;
}

/* --- other sessions ------------------------------------------------------------------------- */

static int64_t
api_key(const char *public_id)
{
	int64_t key;

	return public_id == NULL || sid_public_read(slice_of(public_id), &key) == -1 ? 0 : key;
}

static sio_socket *
api_find(sio_ns *ns, const char *public_id)
{
	struct sio_app *app = ns->h.app;
	int64_t key = api_key(public_id);
	struct session *s;
	struct sio_socket *found;

	if (key == 0 || app->base.hub == NULL)
		return NULL;
	s = session_stream_here(app->base.hub, key);
	if (s == NULL && session_find_key(app->base.hub, key, &s) != SESSION_LIVE)
		return NULL;
	if (session_is_over(s) || !membership_hears(s, &ns->base.hub))
		return NULL;
	found = arena_alloc(app, sizeof(*found));
	if (found != NULL)
		*found = (struct sio_socket){
		    .h = ns->h, .session = s, .ns = ns, .handshake = {.h = ns->h}};
	return found;
}

const struct sio_api api_functions = {
    .size = sizeof(struct sio_api),
    .of = api_of,
    .on = api_on,
    .on_ack = api_on_ack,
    .authorization = api_authorization,
    .ns_authorization = api_ns_authorization,
    .accept = handshake_data_accept,
    .refuse = handshake_data_refuse,
    .handshake_socket = api_handshake_socket,
    .handshake_query = api_handshake_query,
    .handshake_field = handshake_data_field,
    .header = handshake_data_header,
    .query = handshake_data_query,
    .self = send_self,
    .key = api_key,
    .emit = send_emit,
    .send = send_text,
    .json = send_json,
    .emit_ack = send_emit_ack,
    .ack = send_ack,
    .clients = send_clients,
    .find = api_find,
    .ns = api_ns,
    .ns_name = api_ns_name,
    .join = api_join,
    .leave = api_leave,
    .rooms = api_rooms,
    .set = api_set,
    .get = api_get,
    .del = api_del,
    .set_user = api_set_user,
    .user = api_user,
    .disconnect = api_disconnect,
    .disconnected = api_disconnected,
    .id = api_id,
    .sid = api_sid,
    .transport = api_transport,
    .handshake = api_handshake,
    .arg = text_arg,
    .text = text_decode,
    .quote = text_quote,
    .format = text_format,
    .args = text_args,
    .log = text_log,
    .on_n = api_on_n,
    .join_n = api_join_n,
    .leave_n = api_leave_n,
    .rooms_n = api_rooms_n,
    .set_n = api_set_n,
    .get_n = api_get_n,
    .del_n = api_del_n,
    .text_n = text_decode_n,
};
