/* Packets on their way out: to whom, and in which form. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/handshake.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

/* --- to whom --------------------------------------------------------------------------------- */

int
app_reach(struct sio_app *app, const struct sio_ns *ns, int64_t key, struct session **out)
{
	struct session *s = app->current;

	if (s == NULL || session_key(s) != key)
		s = hub_stream_here(app->hub, key);
	if (s == NULL) {
		switch (hub_find_key(app->hub, key, &s)) {
		case HUB_LIVE:
			break;
		case HUB_UNKNOWN:
		case HUB_ENDED:
			return -EPIPE;
		case HUB_FAILED:
			return -EIO;
		}
	}
	*out = s;
	return session_is_over(s) || !session_hears(s, &ns->base) ? -EPIPE : 0;
}

static int
send_to_session(struct sio_app *app, const struct app_target *t, int64_t key, struct slice packet)
{
	struct session *s;
	int result = app_reach(app, t->ns, key, &s);

	if (result != 0)
		return result;
	return hub_send(app->hub, s, packet, t->is_volatile) == -1 ? -EIO : 0;
}

static bool
is_left_out(const struct app_target *t, int64_t key)
{
	for (size_t i = 0; i < t->except_n; i++)
		if (t->except[i] == key)
			return true;
	return false;
}

/* Some of them may just have ended: that is no error of the caller's. */
static int
send_to_user(struct sio_app *app, const struct app_target *t, struct slice packet)
{
	struct buf keys = {.p = NULL};
	int result = app_keys(app, t, &keys);
	int64_t key;

	for (size_t i = 0; result == 0 && i < keys.n; i += sizeof(key)) {
		memcpy(&key, keys.p + i, sizeof(key));
		result = send_to_session(app, t, key, packet);
		if (result == -EPIPE)
			result = 0;
	}
	buf_free(&keys);
	return result;
}

static int64_t
channel_of(const struct app_target *t)
{
	return t->room.p == NULL ? t->ns->base.chan : store_channel(t->ns->base.name, t->room);
}

int
app_send(struct sio_app *app, const struct app_target *t, struct packet *pk)
{
	struct slice packet;

	pk->endpoint = t->ns->base.name;
	buf_clear(&app->packet);
	packet_write(&app->packet, pk);
	if (app->packet.failed)
		return -EMSGSIZE;
	packet = buf_slice(&app->packet);
	if (t->session != 0)
		return send_to_session(app, t, t->session, packet);
	if (t->user.p != NULL)
		return send_to_user(app, t, packet);
	return hub_publish_except(
		   app->hub, channel_of(t), t->except, t->except_n, packet, t->is_volatile) == -1
	           ? -EIO
	           : 0;
}

struct key_list {
	const struct app_target *target;
	struct buf *keys;
};

static void
add_key(void *arg, int64_t key)
{
	struct key_list *list = arg;

	if (!is_left_out(list->target, key))
		buf_add(list->keys, &key, sizeof(key));
}

int
app_keys(struct sio_app *app, const struct app_target *t, struct buf *keys)
{
	struct key_list list = {t, keys};
	struct store *st = hub_store(app->hub);
	struct session *s;
	int n = 0;

	if (t->session != 0) {
		n = app_reach(app, t->ns, t->session, &s);
		if (n == 0)
			add_key(&list, t->session);
		n = n == -EPIPE ? 0 : n;
	} else if (t->user.p != NULL) {
		n = store_user_sessions(st, t->user, t->ns->base.chan, add_key, &list);
	} else {
		n = store_members(st, channel_of(t), add_key, &list);
	}
	if (n < 0)
		return -EIO;
	return keys->failed ? -ENOMEM : 0;
}

/* A target of the application's, checked.  0 or -EINVAL. */
static int
check_target(const sio_target *t, struct app_target *out)
{
	if (t->ns->h.app->hub == NULL || t->except_n > SIO_EXCEPT_MAX)
		return -EINVAL;
	*out = (struct app_target){
	    .ns = t->ns,
	    .session = t->session,
	    .user = slice_of(t->user),
	    .room = slice_of(t->room),
	    .except = t->except,
	    .except_n = t->except_n,
	    .is_volatile = t->is_volatile,
	};
	return app_good_name(out->user) && app_good_name(out->room) ? 0 : -EINVAL;
}

sio_target
app_self(sio_socket *s)
{
	return (sio_target){.ns = s->ns, .session = session_key(s->session)};
}

int
app_clients(const sio_target *t, void (*each)(void *arg, const char *id), void *arg)
{
	struct app_target target;
	struct buf keys = {.p = NULL};
	char id[PUBLIC_ID_LENGTH + 1];
	int64_t key;
	int result = check_target(t, &target);

	if (result == 0)
		result = app_keys(t->ns->h.app, &target, &keys);
	for (size_t i = 0; result >= 0 && i < keys.n; i += sizeof(key)) {
		result++;
		if (each == NULL)
			continue;
		memcpy(&key, keys.p + i, sizeof(key));
		public_id_write(id, key);
		each(arg, id); /* may call anything: no query is open */
	}
	buf_free(&keys);
	return result;
}

/* --- in which form --------------------------------------------------------------------------- */

/* Clients take these for their own (PROTOCOL 5.7): said once per name. */
static void
warn_reserved(struct sio_app *app, struct slice name)
{
	static const char *const reserved[] = {
	    "message", "connect", "disconnect", "open", "close", "error", "retry", "reconnect"};

	for (unsigned i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (!slice_is(name, reserved[i]) || (app->warned & 1u << i) != 0)
			continue;
		app->warned |= 1u << i;
		log_warnx(
		    "application: event \"%s\" is one that clients raise themselves", reserved[i]);
	}
}

int
app_event_data(struct sio_app *app, struct slice name, struct slice args, struct slice *data)
{
	struct json_value value;

	if (!utf8_valid(name) || json_parse(&value, args.p == NULL ? SLICE("[]") : args) == -1 ||
	    value.kind != JSON_KIND_ARRAY)
		return -EINVAL;
	warn_reserved(app, name);
	buf_clear(&app->data);
	packet_event_write(&app->data, name, value.text);
	*data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : 0;
}

int
app_emit(const sio_target *t, const char *name, const char *args)
{
	struct sio_app *app = t->ns->h.app;
	struct packet pk = {.type = PACKET_EVENT};
	struct app_target target;
	int result = name == NULL ? -EINVAL : check_target(t, &target);

	if (result == 0)
		result = app_event_data(app, slice_of(name), slice_of(args), &pk.data);
	return result == 0 ? app_send(app, &target, &pk) : result;
}

int
app_send_text(const sio_target *t, const char *text, size_t n)
{
	struct packet pk = {.type = PACKET_MESSAGE, .data = {text, n}};
	struct app_target target;

	if (check_target(t, &target) != 0 || !utf8_valid(pk.data))
		return -EINVAL;
	return app_send(t->ns->h.app, &target, &pk);
}

int
app_send_json(const sio_target *t, const char *value)
{
	struct sio_app *app = t->ns->h.app;
	struct packet pk = {.type = PACKET_JSON};
	struct app_target target;
	struct json_value parsed;

	if (check_target(t, &target) != 0 || json_parse(&parsed, slice_of(value)) == -1)
		return -EINVAL;
	buf_clear(&app->data);
	json_write_safe(&app->data, parsed.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : app_send(app, &target, &pk);
}

/* --- answers --------------------------------------------------------------------------------- */

int
app_ask(struct sio_app *app, const struct app_question *q)
{
	struct packet pk = {.type = PACKET_EVENT, .ack_data = true};
	struct app_target t = {.ns = q->ns, .session = q->session};
	struct session *s;
	char digits[24];
	int64_t id, deadline = q->timeout_ms > 0 ? hub_now(app->hub) + q->timeout_ms : 0;
	int result = app_event_data(app, q->name, q->args, &pk.data);

	if (result == 0)
		result = app_reach(app, q->ns, q->session, &s);
	if (result != 0)
		return result;
	if (hub_transaction(app->hub) == -1)
		return -EIO;
	if (session_is_over(s)) /* by another process's word */
		return -EPIPE;
	if (store_ack_expect(hub_store(app->hub), q->session, q->ns->base.name, q->handler,
		q->context, deadline, &id) == -1)
		return app_fail(app);
	snprintf(digits, sizeof(digits), "%" PRId64, id);
	pk.id = slice_of(digits);
	return app_send(app, &t, &pk);
}

int
app_emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	struct app_question q = {
	    .ns = s->ns,
	    .session = session_key(s->session),
	    .name = slice_of(name),
	    .args = slice_of(args),
	    .handler = slice_of(handler),
	    .context = slice_of(context),
	    .timeout_ms = timeout_ms,
	};
	struct json_value value;

	if (name == NULL || handler == NULL || !app_good_name(q.handler) || timeout_ms < 0 ||
	    (context != NULL && json_parse(&value, q.context) == -1))
		return -EINVAL;
	return app_ask(s->h.app, &q);
}

int
app_ack(sio_socket *s, const sio_event *e, const char *args)
{
	struct sio_app *app = s->h.app;
	struct packet pk = {.type = PACKET_ACK};
	struct app_target t = {.ns = s->ns, .session = session_key(s->session)};
	struct json_value value;

	if (s->event != e) /* a socket that was found has not sent this event */
		return -EINVAL;
	if (!e->wants_ack || s->acked)
		return 0;
	if (json_parse(&value, args == NULL ? SLICE("[]") : slice_of(args)) == -1 ||
	    value.kind != JSON_KIND_ARRAY)
		return -EINVAL;
	s->acked = true;
	buf_clear(&app->data);
	packet_ack_write(&app->data, slice_of(e->ack_id), value.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : app_send(app, &t, &pk);
}
