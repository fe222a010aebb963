/* The calls of pollux.h about one socket: rooms, values, its end, what is known of it. */
#include <errno.h>
#include <string.h>

#include "shared/action/target.h"
#include "shared/app/internal.h"
#include "shared/store/session_data.h"
#include "shared/store/subscription.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

#define VALUE_MAX ((size_t)1 << 20) /* bytes of one value of sio_set() */

/* --- changing ------------------------------------------------------------------------------- */

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

/* `history` as of membership_join_history(). */
static int
join_room_of_socket(sio_socket *s, struct slice name, int history)
{
	int result = check_change(s, name);

	if (result != 0)
		return result;
	if (!membership_hears(s->session, &s->ns->base.hub))
		return -EPIPE;
	result = membership_join_history(
	    s->h.app->base.hub, s->session, &s->ns->base.hub, name, history);
	return result == -1 ? -EIO : result;
}

int
socket_join_n(sio_socket *s, const char *room, size_t n)
{
	return join_room_of_socket(s, (struct slice){room, n}, -1);
}

int
socket_join_history_n(sio_socket *s, const char *room, size_t n, int history)
{
	return history < 0 ? -EINVAL : join_room_of_socket(s, (struct slice){room, n}, history);
}

int
socket_join_history(sio_socket *s, const char *room, int history)
{
	struct slice name = slice_of(room);

	return socket_join_history_n(s, name.p, name.n, history);
}

int
socket_join(sio_socket *s, const char *room)
{
	struct slice name = slice_of(room);

	return socket_join_n(s, name.p, name.n);
}

int
socket_leave_n(sio_socket *s, const char *room, size_t n)
{
	struct slice name = {room, n};
	int result = check_change(s, name);

	if (result != 0)
		return result;
	return membership_leave(s->h.app->base.hub, s->session, &s->ns->base.hub, name) == -1 ? -EIO
	                                                                                      : 0;
}

int
socket_leave(sio_socket *s, const char *room)
{
	struct slice name = slice_of(room);

	return socket_leave_n(s, name.p, name.n);
}

int
socket_set_n(sio_socket *s, const char *key, size_t n, const char *json)
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

int
socket_set(sio_socket *s, const char *key, const char *json)
{
	struct slice name = slice_of(key);

	return socket_set_n(s, name.p, name.n, json);
}

const char *
socket_get_n(sio_socket *s, const char *key, size_t n)
{
	return arena_keep(s->h.app, session_data_get(hub_store(s->h.app->base.hub),
					session_key(s->session), (struct slice){key, n}));
}

const char *
socket_get(sio_socket *s, const char *key)
{
	struct slice name = slice_of(key);

	return socket_get_n(s, name.p, name.n);
}

int
socket_del_n(sio_socket *s, const char *key, size_t n)
{
	struct slice name = {key, n};
	int result = check_change(s, name);
	struct store *st;

	if (result != 0)
		return result;
	st = writable_store(s);
	if (st == NULL ||
	    quota_delete_value(s->h.app->base.hub, session_key(s->session), name) == -1)
		return application_fail(&s->h.app->base);
	return 0;
}

int
socket_del(sio_socket *s, const char *key)
{
	struct slice name = slice_of(key);

	return socket_del_n(s, name.p, name.n);
}

int
socket_set_user(sio_socket *s, const char *user)
{
	int result = check_change(s, user == NULL ? SLICE("") : slice_of(user));
	struct store *st;

	if (result != 0)
		return result;
	st = writable_store(s);
	if (st == NULL ||
	    quota_set_user(s->h.app->base.hub, session_key(s->session), slice_of(user)) == -1)
		return application_fail(&s->h.app->base);
	return 0;
}

int
socket_after(sio_socket *s, int ms, const char *handler, const char *context)
{
	struct quota_timer timer = {.ns = s->ns->base.hub.name,
	    .name = slice_of(handler),
	    .context = slice_of(context),
	    .ms = ms};
	struct json_value value;

	if (context != NULL && json_parse(&value, timer.context) == -1) {
		send_check_json(
		    "sio_after, the context of", handler == NULL ? "" : handler, context, false);
		return -EINVAL;
	}
	if (ms < 0 || handler == NULL || !name_is_valid(timer.name))
		return -EINVAL;
	if (timer.context.n > CONTEXT_BYTES_MAX)
		return -EMSGSIZE;
	if (session_is_over(s->session) || !membership_hears(s->session, &s->ns->base.hub))
		return -EPIPE;
	return quota_set_timer(s->h.app->base.hub, session_key(s->session), &timer);
}

int
socket_cancel(sio_socket *s, const char *handler)
{
	struct slice name = slice_of(handler);

	if (handler == NULL || !name_is_valid(name))
		return -EINVAL;
	if (session_is_over(s->session))
		return -EPIPE;
	return quota_drop_timer(
		   s->h.app->base.hub, session_key(s->session), s->ns->base.hub.name, name) == -1
	           ? -EIO
	           : 0;
}

const char *
socket_user(sio_socket *s)
{
	return arena_keep(
	    s->h.app, session_row_user(hub_store(s->h.app->base.hub), session_key(s->session)));
}

int
socket_disconnect(sio_socket *s, bool whole_session)
{
	if (whole_session || s->ns->base.hub.name.n == 0)
		session_end(s->h.app->base.hub, s->session, "booted", true);
	else
		membership_kick(s->h.app->base.hub, s->session, &s->ns->base.hub, "booted");
	return 0;
}

/* --- looking -------------------------------------------------------------------------------- */

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

int
socket_rooms_n(sio_socket *s, void (*each)(void *arg, const char *room, size_t n), void *arg)
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

int
socket_rooms(sio_socket *s, void (*each)(void *arg, const char *room), void *arg)
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

bool
socket_disconnected(sio_socket *s)
{
	return session_is_over(s->session) || !membership_hears(s->session, &s->ns->base.hub);
}

const char *
socket_id(sio_socket *s)
{
	char *text = arena_alloc(s->h.app, SID_PUBLIC_LENGTH + 1);

	if (text != NULL)
		sid_public_write(text, session_key(s->session));
	return text == NULL ? "" : text;
}

const char *
socket_sid(sio_socket *s)
{
	return session_sid(s->session);
}

const char *
socket_transport(sio_socket *s)
{
	const char *name = route_transport_name(session_transport(s->session));

	return name == NULL ? "" : name;
}

sio_ns *
socket_ns(sio_socket *s)
{
	return s->ns;
}

const sio_handshake *
socket_handshake(sio_socket *s)
{
	if (s->handshake.json == NULL)
		s->handshake.json = arena_keep(s->h.app,
		    session_row_handshake(hub_store(s->h.app->base.hub), session_key(s->session)));
	if (s->handshake.json == NULL)
		s->handshake.json = "{}";
	return &s->handshake;
}
