/* The table of functions that pollux.h calls, and those that set up the application. */
#include <errno.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/sid.h"

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
api_on_timer(sio_ns *ns, const char *name, sio_handler *fn, void *user)
{
	if (check_setup(ns->h.app, name, fn != NULL) != 0 || !name_is_valid(slice_of(name)))
		return -EINVAL;
	return handlers_set(&ns->timers, slice_of(name), fn, user);
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

static int
set_user_handler(sio_app *app, struct user_handler *handler, sio_user_handler *fn, void *arg)
{
	if (app->base.hub != NULL || fn == NULL)
		return -EINVAL;
	*handler = (struct user_handler){fn, arg};
	return 0;
}

static int
api_on_user_connect(sio_app *app, sio_user_handler *fn, void *arg)
{
	return set_user_handler(app, &app->user_connect, fn, arg);
}

static int
api_on_user_disconnect(sio_app *app, sio_user_handler *fn, void *arg)
{
	return set_user_handler(app, &app->user_disconnect, fn, arg);
}

/* --- handshakes ----------------------------------------------------------------------------- */

static const char *
api_ns_name(const sio_ns *ns)
{
	return ns->base.hub.name.p;
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

/* --- the node ------------------------------------------------------------------------------- */

static const char *
api_node(const void *handle)
{
	return module_of_handle(handle)->node;
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
		    .h = ns->h, .session = s, .ns = ns, .handshake = {.h = ns->h, .session = s}};
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
    .clients = look_clients,
    .find = api_find,
    .ns = socket_ns,
    .ns_name = api_ns_name,
    .join = socket_join,
    .leave = socket_leave,
    .rooms = socket_rooms,
    .set = socket_set,
    .get = socket_get,
    .del = socket_del,
    .set_user = socket_set_user,
    .user = socket_user,
    .disconnect = socket_disconnect,
    .disconnected = socket_disconnected,
    .id = socket_id,
    .sid = socket_sid,
    .transport = socket_transport,
    .handshake = socket_handshake,
    .arg = text_arg,
    .text = text_decode,
    .quote = text_quote,
    .format = text_format,
    .args = text_args,
    .log = text_log,
    .on_n = api_on_n,
    .join_n = socket_join_n,
    .leave_n = socket_leave_n,
    .rooms_n = socket_rooms_n,
    .set_n = socket_set_n,
    .get_n = socket_get_n,
    .del_n = socket_del_n,
    .text_n = text_decode_n,
    .node = api_node,
    .emit_ack_to = send_emit_ack_to,
    .send_ack = send_text_ack,
    .json_ack = send_json_ack,
    .ack_later = send_ack_later,
    .answer = send_later_answer,
    .on_user_connect = api_on_user_connect,
    .on_user_disconnect = api_on_user_disconnect,
    .leave_out = send_leave_out,
    .kind = reader_kind,
    .to_bool = reader_bool,
    .number = reader_number,
    .integer = reader_integer,
    .length = reader_length,
    .elements = reader_elements,
    .member = reader_member,
    .member_n = reader_member_n,
    .members = reader_members,
    .members_n = reader_members_n,
    .cookie = handshake_data_cookie,
    .build = builder_open,
    .build_object = builder_object,
    .build_array = builder_array,
    .build_end = builder_end,
    .build_name = builder_name,
    .build_text = builder_text,
    .build_integer = builder_integer,
    .build_number = builder_number,
    .build_bool = builder_bool,
    .build_json = builder_json,
    .built = builder_finish,
    .join_history = socket_join_history,
    .join_history_n = socket_join_history_n,
    .clients_data = look_clients_data,
    .verdict_later = verdict_later,
    .verdict_accept = verdict_accept,
    .verdict_refuse = verdict_refuse,
    .ns_rooms = look_ns_rooms,
    .ns_rooms_n = look_ns_rooms_n,
    .every = every_add,
    .after = socket_after,
    .cancel = socket_cancel,
    .on_timer = api_on_timer,
};
