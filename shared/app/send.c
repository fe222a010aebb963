/* The calls of pollux.h that send: targets, packets, acks. */
#include <errno.h>
#include <string.h>

#include "shared/action/target.h"
#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

/* --- mistakes ------------------------------------------------------------------------------- */

#define SHOWN_MAX 80 /* bytes of a wrong text that the log shows */

/* Few modules look at what sio_emit() returns, and a client that gets nothing says nothing: log a
 * text that is not JSON, or not an array if it must be one.  `name`: of the event or key. */
void
send_check_json(const char *call, const char *name, const char *text, bool is_array)
{
	struct json_value value;

	if (text == NULL)
		log_limited(
		    LOG_LEVEL_WARN, "application: %s \"%s\": there is no JSON text", call, name);
	else if (json_parse(&value, slice_of(text)) == -1)
		log_limited(LOG_LEVEL_WARN, "application: %s \"%s\": this is not JSON: %.*s%s",
		    call, name, SHOWN_MAX, text, strlen(text) > SHOWN_MAX ? "..." : "");
	else if (is_array && value.kind != JSON_KIND_ARRAY)
		log_limited(LOG_LEVEL_WARN,
		    "application: %s \"%s\": this is JSON, but not an array: %.*s%s", call, name,
		    SHOWN_MAX, text, strlen(text) > SHOWN_MAX ? "..." : "");
}

/* The same for what is sent with an event. */
static void
check_event(const char *call, const char *name, const char *args)
{
	if (name == NULL)
		log_limited(LOG_LEVEL_WARN, "application: %s: the event has no name", call);
	else if (!utf8_valid(slice_of(name)))
		log_limited(
		    LOG_LEVEL_WARN, "application: %s \"%s\": the name is not UTF-8", call, name);
	else if (args != NULL)
		send_check_json(call, name, args, true);
}

/* --- targets -------------------------------------------------------------------------------- */

/* Check a target of the application and convert it.  0 or -EINVAL. */
static int
convert_target(const sio_target *t, struct target *out)
{
	if (t->ns->h.app->base.hub == NULL || t->except_n > SIO_EXCEPT_MAX)
		return -EINVAL;
	*out = (struct target){
	    .ns = &t->ns->base.hub,
	    .session = t->session,
	    .user = slice_of(t->user),
	    .room = t->room_n == 0 ? slice_of(t->room) : (struct slice){t->room, t->room_n},
	    .except = t->except,
	    .except_n = t->except_n,
	    .is_volatile = t->is_volatile,
	};
	return name_is_valid(out->user) && name_is_valid_or_has_nul(out->room) ? 0 : -EINVAL;
}

sio_target
send_self(sio_socket *s)
{
	return (sio_target){.ns = s->ns, .session = session_key(s->session)};
}

int
send_clients(const sio_target *t, void (*each)(void *arg, const char *id), void *arg)
{
	struct target target;
	struct buf keys = {.p = NULL};
	char id[SID_PUBLIC_LENGTH + 1];
	int64_t key;
	int result = convert_target(t, &target);

	if (result == 0)
		result = target_keys(&t->ns->h.app->base, &target, &keys);
	for (size_t i = 0; result >= 0 && i < keys.n; i += sizeof(key)) {
		result++;
		if (each == NULL)
			continue;
		memcpy(&key, keys.p + i, sizeof(key));
		sid_public_write(id, key);
		each(arg, id); /* may call anything: no query is open */
	}
	buf_free(&keys);
	return result;
}

/* --- packets -------------------------------------------------------------------------------- */

int
send_emit(const sio_target *t, const char *name, const char *args)
{
	struct application *app = &t->ns->h.app->base;
	struct packet pk = {.type = PACKET_EVENT};
	struct target target;
	int result = name == NULL ? -EINVAL : convert_target(t, &target);

	if (result == 0)
		result = target_event_data(app, slice_of(name), slice_of(args), &pk.data);
	if (result == -EINVAL)
		check_event("sio_emit", name, args);
	return result == 0 ? target_send(app, &target, &pk) : result;
}

int
send_text(const sio_target *t, const char *text, size_t n)
{
	struct packet pk = {.type = PACKET_MESSAGE, .data = {text, n}};
	struct target target;

	if (convert_target(t, &target) != 0 || !utf8_valid(pk.data))
		return -EINVAL;
	return target_send(&t->ns->h.app->base, &target, &pk);
}

int
send_json(const sio_target *t, const char *value)
{
	struct application *app = &t->ns->h.app->base;
	struct packet pk = {.type = PACKET_JSON};
	struct target target;
	struct json_value parsed;

	if (convert_target(t, &target) != 0)
		return -EINVAL;
	if (json_parse(&parsed, slice_of(value)) == -1) {
		send_check_json("sio_json", "", value, false);
		return -EINVAL;
	}
	buf_clear(&app->data);
	json_write_safe(&app->data, parsed.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : target_send(app, &target, &pk);
}

/* --- acks ----------------------------------------------------------------------------------- */

int
send_emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	struct target_question q = {
	    .ns = &s->ns->base.hub,
	    .session = session_key(s->session),
	    .name = slice_of(name),
	    .args = slice_of(args),
	    .handler = slice_of(handler),
	    .context = slice_of(context),
	    .timeout_ms = timeout_ms,
	};
	struct json_value value;
	int result;

	if (context != NULL && json_parse(&value, q.context) == -1) {
		send_check_json(
		    "sio_emit_ack, the context of", name == NULL ? "" : name, context, false);
		return -EINVAL;
	}
	if (name == NULL || handler == NULL || !name_is_valid(q.handler) || timeout_ms < 0)
		return -EINVAL;
	result = target_ask(&s->h.app->base, &q);
	if (result == -EINVAL)
		check_event("sio_emit_ack", name, args);
	return result;
}

int
send_ack(sio_socket *s, const sio_event *e, const char *args)
{
	struct application *app = &s->h.app->base;
	struct packet pk = {.type = PACKET_ACK};
	struct target t = {.ns = &s->ns->base.hub, .session = session_key(s->session)};
	struct json_value value;

	if (s->event != e) /* a socket from sio_find() has not sent this event */
		return -EINVAL;
	if (!e->wants_ack || s->acked)
		return 0;
	if (json_parse(&value, args == NULL ? SLICE("[]") : slice_of(args)) == -1 ||
	    value.kind != JSON_KIND_ARRAY) {
		send_check_json("sio_ack", e->name, args, true);
		return -EINVAL;
	}
	s->acked = true;
	buf_clear(&app->data);
	packet_ack_write(&app->data, slice_of(e->ack_id), value.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : target_send(app, &t, &pk);
}
